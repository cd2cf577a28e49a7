"""What is asked: Request, Message, Media, Config. Frozen values, checked when they are made.

A wrong value raises RequestError naming the field and the allowed range, so that nothing that cannot be
sent ever gets as far as the wire. How a request is carried out (time limits, retries, replay) is no part
of what is asked; that is Delivery.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import mimetypes
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeAlias, cast
from urllib.parse import unquote_to_bytes, urlsplit

from .errors import RequestError
from .secretlike import without_secrets

__all__ = [
    "Config",
    "Delivery",
    "FrozenDict",
    "Media",
    "MediaKind",
    "Message",
    "Part",
    "Reasoning",
    "ReplayMode",
    "Request",
    "ResponseFormat",
    "Role",
    "Schema",
    "Timeout",
]

Role = Literal["system", "user", "assistant"]
MediaKind = Literal["image", "audio", "video", "document"]
Modality = Literal["text", "image", "audio"]
ReplayMode = Literal["auto", "refresh", "only", "off"]
Reasoning: TypeAlias = Literal["off", "low", "medium", "high"] | int

ROLES: tuple[Role, ...] = ("system", "user", "assistant")
MEDIA_KINDS: tuple[MediaKind, ...] = ("image", "audio", "video", "document")
MODALITIES: tuple[Modality, ...] = ("text", "image", "audio")
REASONING_LEVELS = ("off", "low", "medium", "high")
REPLAY_MODES: tuple[ReplayMode, ...] = ("auto", "refresh", "only", "off")


class FrozenDict(dict[str, Any]):
    """A dict that cannot be changed: hashable by content, picklable, and JSON-serialisable as it is."""

    __slots__ = ()

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("this mapping is frozen; make a changed copy with {**it, 'name': value}")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    def __hash__(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return hash(json.dumps(self, sort_keys=True))

    def __reduce__(self) -> tuple[Any, ...]:
        return (FrozenDict, (dict(self),))

    def __copy__(self) -> FrozenDict:
        return self

    def __deepcopy__(self, memo: object) -> FrozenDict:
        return self


def frozen_json(value: object, name: str) -> Any:
    """`value` as frozen JSON: mappings become FrozenDict, lists tuples. RequestError names what is not JSON."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return checked_text(value, name)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise RequestError(f"{name} holds {value!r}, which JSON cannot carry", field=name)
        return value
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return FrozenDict({_json_key(key, name): frozen_json(item, f"{name}.{key}") for key, item in items})
    if isinstance(value, list | tuple):
        return tuple(
            frozen_json(item, f"{name}[{i}]") for i, item in enumerate(cast("Sequence[object]", value))
        )
    raise RequestError(f"{name} holds a {type(value).__name__}, which JSON cannot carry", field=name)


def _json_key(key: object, name: str) -> str:
    if not isinstance(key, str):
        raise RequestError(f"{name} has the key {key!r}; JSON keys are text", field=name)
    return checked_text(key, name)


def checked_text(value: object, name: str) -> str:
    """`value` if it is text that UTF-8 can carry (no lone surrogates)."""
    if not isinstance(value, str):
        raise RequestError(f"{name} must be text, not {type(value).__name__}", field=name)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise RequestError(
            f"{name} holds a lone surrogate at character {error.start}, which no provider can be sent",
            field=name,
            hint="Repair the text first: text.encode('utf-8', 'replace').decode().",
        ) from None
    return value


def _number(value: object, name: str, low: float, high: float, *, above: bool = False) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RequestError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}", field=name)
    # NaN fails both comparisons, so it is refused here too.
    if not ((value > low if above else value >= low) and value <= high):
        bound = "above" if above else "from"
        raise RequestError(f"{name} must be {bound} {low:g} to {high:g}, not {value!r}", field=name)
    return float(value) + 0.0  # 1 and 1.0, 0.0 and -0.0 are the same request


def _integer(value: object, name: str, low: int, high: int | None = None) -> int:
    span = f"of {low} or more" if high is None else f"from {low} to {high}"
    if isinstance(value, bool) or not isinstance(value, int):
        raise RequestError(f"{name} must be a whole number {span}, not {value!r}", field=name)
    if value < low or (high is not None and value > high):
        raise RequestError(f"{name} must be a whole number {span}, not {value!r}", field=name)
    return int(value)


# ---------------------------------------------------------------------------------------------- media

# (offset, magic bytes, media type); the first match wins. RFC 9110 leaves sniffing to the reader, and a
# wrong label makes providers answer 400, so bytes count more than file names.
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    # Brands of ISO/IEC 23008-12 (HEIF) and of AVIF.
    *((4, b"ftyp" + brand, "image/heic") for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")),
    *((4, b"ftyp" + brand, "image/heif") for brand in (b"mif1", b"msf1")),
    *((4, b"ftyp" + brand, "image/avif") for brand in (b"avif", b"avis")),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
)
_KNOWN_TYPES = ("image", "audio", "video")


def sniffed(data: bytes) -> str | None:
    """The media type that the first bytes tell, or None."""
    if data[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(data[8:12])
    if data[:2] == b"BM" and data[6:10] == bytes(4):  # two letters alone could be text
        return "image/bmp"
    return next((kind for at, magic, kind in _MAGIC if data[at : at + len(magic)] == magic), None)


def kind_of(media_type: str) -> MediaKind:
    """The kind of medium that a media type belongs to; what is no image, sound or video is a document."""
    head = media_type.partition("/")[0]
    return cast("MediaKind", head) if head in _KNOWN_TYPES else "document"


@dataclass(frozen=True, slots=True)
class Media:
    """One image, sound, video or document: its bytes, or the https URL where the provider finds them.

    Make one with `from_path`, `from_bytes`, `from_base64`, `from_data_url`, `from_url`, or `of`, which takes
    any of these. The media type is read from the bytes where they tell, then from the name.
    """

    kind: MediaKind
    media_type: str
    data: bytes | None = field(default=None, repr=False)
    url: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in MEDIA_KINDS:
            raise RequestError(
                f"media kind must be one of {', '.join(MEDIA_KINDS)}, not {self.kind!r}", field="kind"
            )
        if self.media_type.count("/") != 1 or not self.media_type.isascii() or " " in self.media_type:
            raise RequestError(
                f"media_type must look like image/png, not {self.media_type!r}", field="media_type"
            )
        if (self.data is None) == (self.url is None):
            raise RequestError("media takes either data or url, exactly one of them", field="data")
        if self.data is not None and not self.data:
            raise RequestError("media is empty: 0 bytes", field="data")
        if self.name is not None:
            checked_text(self.name, "name")

    @classmethod
    def from_bytes(cls, data: bytes, *, media_type: str | None = None, name: str | None = None) -> Media:
        """Media of these bytes. `media_type` is needed only where neither bytes nor name tell it."""
        guessed = sniffed(data) or media_type or (mimetypes.guess_type(name)[0] if name else None)
        if guessed is None:
            raise RequestError(
                "cannot tell the media type of these bytes",
                field="media_type",
                hint="Pass media_type='image/png' (or what it is), or a name with an extension.",
            )
        return cls(kind_of(guessed), guessed, data=bytes(data), name=name)

    @classmethod
    def from_path(cls, path: str | Path, *, media_type: str | None = None) -> Media:
        """Media read from a file now, so that a later change of the file cannot change the request."""
        path = Path(path).expanduser()
        try:
            data = path.read_bytes()
        except OSError as error:
            raise RequestError(f"cannot read {path}: {error.strerror or error}", field="path") from error
        if not data:
            raise RequestError(f"{path} is empty: 0 bytes", field="path")
        return cls.from_bytes(data, media_type=media_type, name=path.name)

    @classmethod
    def from_base64(cls, text: str, *, media_type: str | None = None, name: str | None = None) -> Media:
        """Media from standard base64 (line breaks allowed)."""
        try:
            data = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise RequestError(f"not base64: {error}", field="base64") from None
        return cls.from_bytes(data, media_type=media_type, name=name)

    @classmethod
    def from_data_url(cls, url: str, *, name: str | None = None) -> Media:
        """Media from a ``data:`` URL (RFC 2397), base64 or percent-encoded."""
        head, comma, payload = url.partition(",")
        if not head.startswith("data:") or not comma:
            raise RequestError("not a data URL: data:TYPE;base64,… was expected", field="url")
        media_type, _, flags = head[len("data:") :].partition(";")
        if flags.split(";")[-1] == "base64":
            return cls.from_base64(payload, media_type=media_type or None, name=name)
        return cls.from_bytes(unquote_to_bytes(payload), media_type=media_type or "text/plain", name=name)

    @classmethod
    def from_url(cls, url: str, *, kind: MediaKind | None = None, media_type: str | None = None) -> Media:
        """Media that the provider fetches itself. Only https; the URL, not its content, is what is asked."""
        parts = urlsplit(checked_text(url, "url"))
        if parts.scheme != "https" or not parts.hostname:
            raise RequestError(
                f"media URLs must be https://…, not {parts.scheme or 'no scheme'}", field="url"
            )
        if parts.username or parts.password:
            raise RequestError("a media URL must not carry a user name or password", field="url")
        guessed = media_type or mimetypes.guess_type(parts.path)[0]
        if guessed is None:
            guessed = {"image": "image/*", "audio": "audio/*", "video": "video/*"}.get(
                kind or "image", "application/*"
            )
        return cls(kind or kind_of(guessed), guessed, url=url)

    @classmethod
    def of(cls, source: Media | bytes | str | Path) -> Media:
        """Media from whatever it is: Media, bytes, a path, a data URL or an https URL."""
        if isinstance(source, Media):
            return source
        if isinstance(source, bytes | bytearray | memoryview):
            return cls.from_bytes(bytes(source))
        if isinstance(source, Path):
            return cls.from_path(source)
        if source.startswith("data:"):
            return cls.from_data_url(source)
        if "://" in source[:16]:
            return cls.from_url(source)
        return cls.from_path(source)

    @property
    def sha256(self) -> str | None:
        """Hex SHA-256 of the bytes, or None for a URL."""
        return None if self.data is None else hashlib.sha256(self.data).hexdigest()

    @property
    def base64(self) -> str:
        """The bytes in standard base64. RequestError for a URL."""
        if self.data is None:
            raise RequestError(f"only the URL of this media is known: {self.url}", field="url")
        return base64.b64encode(self.data).decode("ascii")

    @property
    def data_url(self) -> str:
        """The bytes as a ``data:`` URL."""
        return f"data:{self.media_type};base64,{self.base64}"


Part: TypeAlias = "str | Media"


# -------------------------------------------------------------------------------------------- messages


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: who speaks, and what, as parts of text and media in order.

    ``Message("user", "Describe this", Media.from_path("cat.png"))``
    """

    role: Role
    parts: tuple[Part, ...]

    def __init__(self, role: Role, *parts: Part) -> None:
        if role not in ROLES:
            raise RequestError(f"role must be one of {', '.join(ROLES)}, not {role!r}", field="role")
        if not parts:
            raise RequestError(f"the {role} message has no content", field="parts")
        for part in parts:
            if not isinstance(part, Media):
                checked_text(part, "message text")
        if role != "user" and any(isinstance(part, Media) for part in parts):
            raise RequestError(f"media can stand only in user messages, not in {role} ones", field="parts")
        object.__setattr__(self, "role", role)
        object.__setattr__(self, "parts", tuple(parts))

    def __reduce__(self) -> tuple[Any, ...]:
        return (Message, (self.role, *self.parts))

    @property
    def text(self) -> str:
        """All text parts, joined."""
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def media(self) -> tuple[Media, ...]:
        """All media parts, in order."""
        return tuple(part for part in self.parts if isinstance(part, Media))


# ---------------------------------------------------------------------------------------------- config


@dataclass(frozen=True, slots=True)
class Schema:
    """A JSON Schema that the answer must obey. `strict` asks the provider to enforce it while generating.

    It goes out as it is. With `strict`, OpenAI takes only schemas whose objects all say additionalProperties: false
    and require all their properties.
    """

    schema: Mapping[str, Any]
    name: str = "answer"
    strict: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.schema, Mapping):
            raise RequestError("a JSON Schema is an object", field="response_format")
        try:
            object.__setattr__(self, "schema", frozen_json(self.schema, "schema"))
        except RecursionError:
            raise RequestError("the JSON Schema is nested too deeply", field="response_format") from None
        clean = self.name.replace("-", "").replace("_", "")
        # The tightest rule of those that take a name (OpenAI: up to 64 of a-z, A-Z, 0-9, _ and -).
        if not (1 <= len(self.name) <= 64 and clean.isascii() and (clean.isalnum() or not clean)):
            raise RequestError(
                f"schema name must be 1 to 64 letters, digits, _ or -, not {self.name!r}",
                field="response_format",
            )

    @classmethod
    def of(cls, model: Any) -> Schema:
        """The schema of a pydantic model (anything with `model_json_schema`), named after it, or a JSON Schema as a dict.

        It is strict if it is closed as OpenAI wants it: ``model_config = ConfigDict(extra="forbid")``, no defaults.
        """
        if isinstance(model, Mapping):
            return cls(cast("Mapping[str, Any]", model), strict=_is_closed(model))
        schema = model.model_json_schema()
        name = re.sub(r"[^A-Za-z0-9_-]+", "_", model.__name__)[:64]
        return cls(schema, name=name, strict=_is_closed(schema))


def _is_closed(schema: Any) -> bool:
    """Whether every object in this schema requires all its properties and allows no others."""
    if isinstance(schema, Mapping):
        members = cast("Mapping[str, Any]", schema)
        properties = cast("Mapping[str, Any] | None", members.get("properties"))
        if members.get("type") == "object" or properties is not None:
            required = cast("Iterable[str]", members.get("required", ()))
            if members.get("additionalProperties") is not False or set(properties or ()) != set(required):
                return False
        return all(_is_closed(value) for value in members.values())
    return all(map(_is_closed, schema)) if isinstance(schema, list | tuple) else True  # pyright: ignore[reportUnknownArgumentType]


ResponseFormat: TypeAlias = Literal["text", "json"] | Schema

# setting: (lowest, highest, open at the low end). The widest range any provider takes; a narrower one is
# the provider's to refuse (reference: docs/reference/config.md).
_RANGES: dict[str, tuple[float, float, bool]] = {
    "temperature": (0, 2, False),
    "top_p": (0, 1, True),
    "min_p": (0, 1, False),
    "presence_penalty": (-2, 2, False),
    "frequency_penalty": (-2, 2, False),
    "repeat_penalty": (0, 10, True),
}
MAX_STOPS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Model and generation settings. None means: the provider's own default. All of it is part of the key.

    ============== ======================================================================================
    model          the model's name at the provider; empty for the provider's default
    max_tokens     most tokens to generate, 1 or more
    temperature    0 to 2
    top_p          above 0 to 1
    top_k          1 or more
    min_p          0 to 1
    presence_penalty, frequency_penalty   -2 to 2
    repeat_penalty above 0 to 10; 1 is off
    stop           up to 16 texts that end the answer
    reasoning      "off", "low", "medium", "high", or a budget in tokens (1 or more)
    response_format  "text", "json", a Schema, a JSON Schema as a dict, or a pydantic model class
    modalities     kinds of output asked for: "text", "image", "audio"
    aspect_ratio   of generated images, as "16:9"
    extra          the provider's own fields, merged into the body as they are
    ============== ======================================================================================

    Raises RequestError naming the field and the allowed range.
    """

    model: str = ""
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repeat_penalty: float | None = None
    stop: tuple[str, ...] = ()
    reasoning: Reasoning | None = None
    response_format: ResponseFormat | Mapping[str, Any] | type | None = None
    modalities: tuple[Modality, ...] = ()
    aspect_ratio: str | None = None
    extra: Mapping[str, Any] = field(default_factory=FrozenDict)

    def __post_init__(self) -> None:
        put = object.__setattr__
        checked_text(self.model, "model")
        for name, (low, high, above) in _RANGES.items():
            value = getattr(self, name)
            if value is not None:
                put(self, name, _number(value, name, low, high, above=above))
        for name in ("max_tokens", "top_k"):
            if getattr(self, name) is not None:
                put(self, name, _integer(getattr(self, name), name, 1))
        if self.stop != ():
            put(self, "stop", _stops(self.stop))
        if self.reasoning is not None:
            put(self, "reasoning", _reasoning(self.reasoning))
        if self.response_format is not None:
            put(self, "response_format", _response_format(self.response_format))
        if self.modalities != ():
            put(self, "modalities", _modalities(self.modalities))
        if self.aspect_ratio is not None:
            _check_aspect_ratio(self.aspect_ratio)
        if not isinstance(self.extra, FrozenDict):
            if not isinstance(self.extra, Mapping):
                raise RequestError(f"extra must be a mapping, not {type(self.extra).__name__}", field="extra")
            put(self, "extra", frozen_json(self.extra, "extra"))

    def given(self) -> dict[str, Any]:
        """The settings that differ from their defaults, without `model`."""
        return {
            name: value
            for name, empty in _CONFIG_DEFAULTS
            if (value := getattr(self, name)) is not None and value != empty
        }


_EMPTY: dict[str, Any] = {"stop": (), "modalities": (), "extra": FrozenDict()}
_CONFIG_DEFAULTS: tuple[tuple[str, Any], ...] = tuple(
    (f.name, _EMPTY.get(f.name)) for f in fields(Config) if f.name != "model"
)


def _stops(value: object) -> tuple[str, ...]:
    stops = (value,) if isinstance(value, str) else tuple(cast("Iterable[object]", value))
    if len(stops) > MAX_STOPS or any(not isinstance(stop, str) or not stop for stop in stops):
        raise RequestError(f"stop must be 1 to {MAX_STOPS} non-empty texts, not {value!r}", field="stop")
    return tuple(checked_text(stop, "stop") for stop in stops)


def _reasoning(value: object) -> Reasoning:
    if isinstance(value, str) and value in REASONING_LEVELS:
        return cast("Reasoning", value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise RequestError(
        f"reasoning must be one of {', '.join(REASONING_LEVELS)} or a budget of 1 token or more, not {value!r}",
        field="reasoning",
    )


def _response_format(value: object) -> ResponseFormat:
    if isinstance(value, Schema):
        return value
    if isinstance(value, Mapping):
        return Schema(cast("Mapping[str, Any]", value))
    if isinstance(value, str) and value in ("text", "json"):
        return cast("ResponseFormat", value)
    if isinstance(value, type) and hasattr(value, "model_json_schema"):
        return Schema.of(value)
    raise RequestError(
        f"response_format must be 'text', 'json', a JSON Schema or a pydantic model, not {value!r}",
        field="response_format",
    )


def _modalities(value: object) -> tuple[Modality, ...]:
    wanted = (value,) if isinstance(value, str) else tuple(cast("Iterable[object]", value))
    if any(name not in MODALITIES for name in wanted) or len(set(wanted)) != len(wanted):
        raise RequestError(
            f"modalities must be different ones of {', '.join(MODALITIES)}, not {value!r}", field="modalities"
        )
    # A set, in one fixed order: ("image", "text") asks for the same thing as ("text", "image").
    return tuple(name for name in MODALITIES if name in wanted)


def _check_aspect_ratio(value: object) -> None:
    width, _, height = value.partition(":") if isinstance(value, str) else ("", "", "")
    try:
        good = float(width) > 0 and float(height) > 0
    except ValueError:
        good = False
    if not good:
        raise RequestError(f"aspect_ratio must look like 16:9, not {value!r}", field="aspect_ratio")


# --------------------------------------------------------------------------------------------- request


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One complete question: who is asked, what, and with which settings and seed.

    `base_url` is set only where the address is the user's own; `dialect` only where the provider offers
    several and another than its first is wanted. `identity` holds what else decides the answer (for the
    embedded model: engine version, sum of the model file, backend). Any integer is a seed, 0 included;
    None means a fresh sample.
    """

    provider: str
    messages: tuple[Message, ...]
    config: Config = field(default_factory=Config)
    seed: int | None = None
    base_url: str | None = None
    dialect: str | None = None
    identity: Mapping[str, str] = field(default_factory=FrozenDict)

    def __post_init__(self) -> None:
        if not self.provider:
            raise RequestError("no provider given", field="provider")
        object.__setattr__(self, "messages", tuple(self.messages))
        for message in self.messages:
            if not isinstance(message, Message):
                raise RequestError(
                    f"messages holds a {type(message).__name__}, not a Message", field="messages"
                )
        if not any(message.role != "system" for message in self.messages):
            raise RequestError("messages needs at least one user message", field="messages")
        if self.seed is not None and (isinstance(self.seed, bool) or not isinstance(self.seed, int)):
            raise RequestError(f"seed must be a whole number or None, not {self.seed!r}", field="seed")
        if self.base_url is not None:
            object.__setattr__(self, "base_url", checked_base_url(self.base_url))
        if not isinstance(self.identity, FrozenDict):
            object.__setattr__(self, "identity", frozen_json(self.identity, "identity"))

    @property
    def model(self) -> str:
        """The model's name at the provider."""
        return self.config.model

    @property
    def wire_seed(self) -> int | None:
        """The seed as it goes out: its low 31 bits, which every provider that takes a seed accepts."""
        return None if self.seed is None else self.seed & 0x7FFFFFFF

    @property
    def media(self) -> tuple[Media, ...]:
        """All media of all messages, in order."""
        # Asked for several times for each request: one list, not a generator for each message.
        return tuple([part for message in self.messages for part in message.parts if isinstance(part, Media)])


def checked_base_url(url: object) -> str:
    """`url` without a trailing slash, if it is a plain http(s) address; RequestError otherwise."""
    return _checked_address(checked_text(url, "base_url").strip().rstrip("/"))


@lru_cache(maxsize=64)  # a job asks at one address a million times
def _checked_address(text: str) -> str:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:  # which repeats what stands there: a key after a colon, say
        raise RequestError(
            "base_url is not a URL", field="base_url", hint="It is http://HOST:PORT/PATH, the port a number."
        ) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RequestError(
            f"base_url must be http://… or https://…, not {without_secrets(text, '***')!r}", field="base_url"
        )
    if parts.username or parts.password:
        raise RequestError(
            "base_url must not carry a user name or password",
            field="base_url",
            hint="Store the key for that host with `antiphon keys set NAME --host HOST`.",
        )
    if parts.query or parts.fragment:
        raise RequestError("base_url must not carry a query or a fragment", field="base_url")
    return text


# -------------------------------------------------------------------------------------------- delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeout:
    """Deadlines in seconds; None means no limit.

    `connect` for the connection, `first_token` until the answer begins, `idle` between two pieces of a
    stream (keep-alive comments do not count), `total` for everything, queueing and retries included.
    """

    connect: float | None = 10.0
    first_token: float | None = 600.0
    idle: float | None = 120.0
    total: float | None = 1800.0

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if value is not None:
                object.__setattr__(self, f.name, _number(value, f"timeout.{f.name}", 0, 1e7, above=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How a request is carried out. None of it is part of the key.

    `retries` is the most tries after the first one, 0 to 20; `replay` is described in docs/design/replay.md.
    With `adapt` a setting that the model refuses is left out or translated, and said in the completion's notes,
    instead of being an error. With `fetch_media` media that the provider does not fetch by URL are fetched here.
    """

    timeout: Timeout = field(default_factory=Timeout)
    retries: int = 2
    replay: ReplayMode = "auto"
    adapt: bool = False
    fetch_media: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.timeout, Timeout):
            total = _number(self.timeout, "timeout", 0, 1e7, above=True)
            object.__setattr__(self, "timeout", Timeout(total=total))
        _integer(self.retries, "retries", 0, 20)
        if self.replay not in REPLAY_MODES:
            raise RequestError(
                f"replay must be one of {', '.join(REPLAY_MODES)}, not {self.replay!r}", field="replay"
            )
        for name in ("adapt", "fetch_media"):
            if not isinstance(getattr(self, name), bool):
                raise RequestError(f"{name} must be True or False, not {getattr(self, name)!r}", field=name)
