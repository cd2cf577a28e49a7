"""AWS event-stream frames: our reader beside botocore's, on the same bytes, however they are cut."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer, ParserError
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon import events
from antiphon.errors import TransportError
from antiphon.events import Event
from antiphon.frames import MAX_HEADERS, MAX_PAYLOAD, Frame, Frames

from .aws_frames import event, exception, frame
from .smithy_frames import FRAMES

WHOLE = b"".join(FRAMES.values())


def theirs(body: bytes) -> list[tuple[dict[str, Any], bytes]]:
    """What botocore reads in these bytes."""
    buffer = EventStreamBuffer()
    buffer.add_data(body)
    return [(found.headers, found.payload) for found in buffer]


def ours(*pieces: bytes) -> list[Frame]:
    """What we read in these pieces."""
    reader = Frames()
    found = [one for piece in pieces for one in reader.feed(piece)]
    reader.close()
    return found


def raw(headers: bytes, payload: bytes = b"") -> bytes:
    """A frame with these header bytes, its checksums right."""
    prelude = struct.pack(">II", len(headers) + len(payload) + 16, len(headers))
    head = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return head + struct.pack(">I", zlib.crc32(head))


@pytest.mark.parametrize("name", FRAMES)
def test_reads_what_awss_own_encoder_wrote(name: str) -> None:
    """Frames of @smithy/eventstream-codec are read as botocore reads them, headers of all types included."""
    found = ours(FRAMES[name])
    assert [tuple(one) for one in found] == theirs(FRAMES[name])
    assert found


def test_any_cut_gives_the_same_frames() -> None:
    """Cut in two at every byte, or into single bytes, the frames are the same."""
    expected = ours(WHOLE)
    assert len(expected) == 10
    for at in range(len(WHOLE) + 1):
        assert ours(WHOLE[:at], WHOLE[at:]) == expected
    assert ours(*(WHOLE[at : at + 1] for at in range(len(WHOLE)))) == expected


def test_our_test_frames_are_real_ones() -> None:
    """The frames that the other tests write are good ones to botocore too."""
    body = event("messageStop", {"stopReason": "end_turn"}) + exception("throttlingException", {"m": "ä"})
    assert [tuple(one) for one in ours(body)] == theirs(body)


def test_a_body_that_ends_in_a_frame_is_cut_off() -> None:
    """Whatever is missing of the last frame, the end is an error of phase cut-off."""
    one = event("messageStop", {"stopReason": "end_turn"})
    for at in range(1, len(one)):
        reader = Frames()
        assert reader.feed(one[:at]) == []
        with pytest.raises(TransportError) as caught:
            reader.close()
        assert (caught.value.phase, caught.value.before_output) == ("cut-off", False)


def test_every_flipped_byte_is_found() -> None:
    """One changed byte anywhere is a typed error, or bytes that are waited for in vain; never a frame."""
    one = event("metadata", {"usage": {"inputTokens": 1}})
    for at in range(len(one)):
        broken = one[:at] + bytes([one[at] ^ 0x41]) + one[at + 1 :]
        with pytest.raises(TransportError, match="checksum"):
            ours(broken)
        with pytest.raises(ParserError):
            theirs(broken)


@pytest.mark.parametrize(
    ("headers", "payload"), [(MAX_HEADERS + 1, 0), (0, MAX_PAYLOAD + 1), (2**32 - 1, 0), (100, 0)]
)
def test_lengths_are_refused_before_anything_is_kept(headers: int, payload: int) -> None:
    """A frame over botocore's limits, or shorter than its headers, is refused by its first 12 bytes."""
    total = (headers + payload + 16) % 2**32 if headers != 100 else 50
    prelude = struct.pack(">II", total, headers)
    reader = Frames()
    with pytest.raises(TransportError) as caught:
        reader.feed(prelude + struct.pack(">I", zlib.crc32(prelude)))
    assert caught.value.phase == ("" if headers == 100 else "too-large")
    assert reader.feed(b"") == []


def test_a_frame_at_the_limit_is_read() -> None:
    """A payload of exactly the limit is taken, as botocore takes it."""
    body = raw(b"", bytes(MAX_PAYLOAD))
    (found,) = ours(body)
    assert len(found.payload) == MAX_PAYLOAD


@pytest.mark.parametrize(
    "headers",
    [
        b"\x01a\x07\x00\x05xy",  # the text is shorter than it says
        b"\x01a\x07\x00",  # no room for the length
        b"\x01a\x04\x00",  # no room for the number
        b"\x05a",  # no room for the name
        b"\x01a",  # no type
        b"\x01a\x0a",  # an unknown type
        b"\x01a\x07\x00\x01\xff",  # no UTF-8
        b"\x01\xff\x00",  # nor in the name
        b"\x01a\x00\x01a\x01",  # twice
    ],
)
def test_headers_that_make_no_sense(headers: bytes) -> None:
    """Headers that cannot be read, though their checksum is right, are an error that says so."""
    with pytest.raises(TransportError, match="damaged"):
        ours(raw(headers))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=64), st.binary(max_size=40))
def test_any_headers_are_read_as_botocore_reads_them(headers: bytes, payload: bytes) -> None:
    """Any header bytes: the frame botocore reads, or a typed error. Where botocore reads, so do we."""
    try:
        expected = theirs(raw(headers, payload))
    except Exception:
        expected = None
    try:
        found = ours(raw(headers, payload))
    except TransportError:
        found = None
    if found is not None:
        assert [tuple(one) for one in found] == expected


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=5), st.data())
def test_garbage_is_a_typed_error(pieces: list[bytes], data: st.DataObject) -> None:
    """Any bytes, put between good frames: frames and typed errors, nothing else."""
    body = data.draw(st.permutations([*pieces, event("x", {}), event("y", {"p": "q"})]))
    with suppress(TransportError):
        ours(*body)


def test_events_are_named_by_their_frames() -> None:
    """An event has its type's name; exceptions and errors say so before theirs; bytes that are no UTF-8 are mended."""
    body = WHOLE + frame(b"\xff{}", message_type="event", event_type="odd") + frame(b"{}")
    found = list(events.parse(body, "aws"))
    assert [one.name for one in found] == [
        *("messageStart", "contentBlockDelta", "contentBlockStop", "contentBlockDelta", "contentBlockStop"),
        *("messageStop", "metadata", "exception throttlingException", "error InternalError", "", "odd", ""),
    ]
    assert found[7].data == '{"message":"Too many tokens"}'
    assert found[8] == Event('{"message": "An internal server error occurred"}', "error InternalError")
    assert found[-2].data == "\ufffd{}"
