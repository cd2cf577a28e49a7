"""Between ComfyUI's tensors and Media.

An IMAGE is a batch [B, H, W, C] of float32 from 0 to 1 with C of 1, 3 or 4. Pictures go out as PNG, whose bytes
depend on the pixels alone (see `png`), rounded to 8 bits, with their alpha if they have one. Pictures of an answer
come in as RGB, turned as their EXIF says; what is transparent is laid over white, as a viewer shows it. Sounds go out
as WAV, films as their file.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# What is Any in numpy and Pillow stays Any here.

from __future__ import annotations

import io
import wave
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..errors import RequestError, Unreadable
from ..request import Media
from .png import encode

__all__ = ["batch", "from_audio", "from_image", "from_video", "to_image"]


def from_image(image: Any) -> tuple[Media, ...]:
    """The pictures of an IMAGE, in order. `image` is a torch tensor or a numpy array."""
    import numpy as np

    array = np.asarray(image.detach().cpu() if hasattr(image, "detach") else image, np.float32)
    if array.ndim == 3:
        array = array[None]
    if array.ndim != 4 or array.shape[3] not in (1, 3, 4) or not array.size:
        raise RequestError(
            f"an IMAGE has the shape [B, H, W, 1, 3 or 4], not {list(array.shape)}",
            field="image",
            hint="Connect an image there; masks and latents have to be converted first.",
        )
    pixels = np.rint(np.clip(np.nan_to_num(array), 0, 1) * 255).astype(np.uint8)
    return tuple(Media("image", "image/png", data=encode(picture)) for picture in pixels)


def from_audio(audio: Any) -> tuple[Media, ...]:
    """The sounds of an AUDIO, {"waveform": [B, channels, samples] from -1 to 1, "sample_rate"}, as WAV of 16 bits."""
    import numpy as np

    try:
        given, rate = audio["waveform"], int(audio["sample_rate"])
        array = np.asarray(given.detach().cpu() if hasattr(given, "detach") else given, np.float32)
    except (TypeError, KeyError, ValueError) as problem:
        raise RequestError(f"this is no AUDIO: {problem}", field="audio") from None
    if array.ndim != 3 or not array.size:
        raise RequestError(
            f"an AUDIO has a waveform [B, channels, samples], not {list(array.shape)}", field="audio"
        )
    samples = np.rint(np.clip(np.nan_to_num(array), -1, 1) * 32767).astype("<i2")
    return tuple(Media("audio", "audio/wav", data=_wav(sound.T, rate)) for sound in samples)


def _wav(samples: Any, rate: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
    return buffer.getvalue()


def from_video(video: Any) -> Media:
    """A VIDEO as the bytes of its file, if it is a whole one; what was cut or made here is encoded by ComfyUI."""
    window = getattr(
        video, "get_active_trim_window", None
    )  # ComfyUI 0.33 has it: a cut is only noted, not done
    if window is not None and any(window()):
        buffer = io.BytesIO()
        video.save_to(buffer)
        return _film(buffer.getvalue())
    source = video.get_stream_source()
    if isinstance(source, str):
        return _film(Path(source).read_bytes())
    source.seek(0)
    return _film(source.read())


def _film(data: bytes) -> Media:
    found = Media.from_bytes(data, media_type="video/mp4")
    return found if found.kind == "video" else Media("video", "video/mp4", data=data)


def to_image(medium: Media) -> Any:
    """One picture of an answer as a numpy array [H, W, 3] of float32. Unreadable where Pillow cannot read it."""
    import numpy as np
    from PIL import Image, ImageOps, UnidentifiedImageError

    if medium.data is None:
        raise Unreadable(
            f"the answer names a picture at an address instead of holding it: {medium.url}",
            hint="It is not fetched: an answer could name any address in your network.",
        )
    try:
        with Image.open(io.BytesIO(medium.data)) as file:
            picture = ImageOps.exif_transpose(file)
            picture.load()
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as problem:
        raise Unreadable(f"the answer holds a picture that cannot be read: {problem}") from problem
    return np.asarray(_rgb(picture), np.float32) / 255


def _rgb(picture: Any) -> Any:
    import numpy as np
    from PIL import Image

    if picture.mode.startswith("I"):  # 16 bits of grey
        picture = Image.fromarray((np.asarray(picture, np.int64) >> 8).clip(0, 255).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def batch(media: Iterable[Media]) -> tuple[Any, tuple[str, ...]]:
    """The pictures among `media` as one IMAGE, with notes; (None, ()) where there is none.

    A batch has one size: smaller pictures stand in the middle of the largest width and height, on black.
    """
    pictures = [to_image(medium) for medium in media if medium.kind == "image"]
    if not pictures:
        return None, ()
    import numpy as np
    import torch

    sizes = {picture.shape for picture in pictures}
    stacked = np.stack(pictures if len(sizes) == 1 else _padded(pictures))
    notes = ("pictures of several sizes: the smaller ones stand on black",) if len(sizes) > 1 else ()
    return torch.from_numpy(stacked), notes


def _padded(pictures: Sequence[Any]) -> list[Any]:
    import numpy as np

    height, width = (max(picture.shape[axis] for picture in pictures) for axis in (0, 1))
    padded: list[Any] = []
    for picture in pictures:
        canvas = np.zeros((height, width, 3), np.float32)
        top, left = (height - picture.shape[0]) // 2, (width - picture.shape[1]) // 2
        canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        padded.append(canvas)
    return padded
