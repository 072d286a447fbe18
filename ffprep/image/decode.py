"""Decode pictures with Pillow, for those that FFmpeg cannot read."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo
from ffprep.errors import Kind, PhotoError
from ffprep.image import colour
from ffprep.image.formats import animation, png, tiff
from ffprep.image.pillow import opened_as, orientation_of
from ffprep.record import replace
from ffprep.system.files import open_regular


@contextmanager
def decoded(
    path: Path, picture: ImageInfo, strict: bool = True
) -> Iterator[tuple[ImageInfo, Iterator[bytes]]]:
    """Decode a file that FFmpeg cannot read; unless `strict`, as much of it as can be decoded.

    The picture's `profile`, if it still has one, is applied. Yields the ImageInfo as FFmpeg gets
    it, and an iterator of its pixels, rgb24 or rgba, some rows at a time. Raises PhotoError as
    `probe` does.
    """
    with open_regular(path) as file, opened_as(picture.format, file) as image:
        orientation_of(image)  # before TIFF's plugin turns the picture by its XMP
        other = image.info.get("ffmpeg_only")
        loaded = load_shown(image, file, picture, strict or bool(other))
        if other:  # Pillow shows only whether it is whole
            words = f"is a {other} that FFmpeg cannot decode; save it in another format"
            raise PhotoError(Kind.UNSUPPORTED, words)
        # Some of Pillow's plugins turn a picture upright when they load it.
        size, orientation = Size(*loaded.size), orientation_of(image)
        if size not in (picture.stored, picture.shown):
            raise ValueError(f"it holds {size} pixels, and its header says {picture.stored}")
        raw = "rgba" if picture.alpha else "rgb24"
        found = replace(
            picture, raw=raw, stored=size, orientation=orientation, profile=None, ycbcr=None
        )
        yield found, _rows(loaded, picture)


def _rows(image: Image.Image, picture: ImageInfo) -> Iterator[bytes]:
    """Yield some rows at a time, so that converting them takes little memory."""
    height = max(1, (1 << 20) // image.width)
    for top in range(0, image.height, height):
        rows = image.crop((0, top, image.width, min(top + height, image.height)))
        rows = rows.convert("RGBA") if picture.alpha else rows
        if picture.profile:
            rows = colour.apply(rows, picture.profile)
        yield (rows if picture.alpha else rows.convert("RGB")).tobytes()


def load_shown(
    image: Image.Image, file: BinaryIO, picture: ImageInfo, strict: bool = True
) -> Image.Image:
    """Load the picture that is shown first, on a transparent canvas if it does not cover it."""
    frame, box = image, (0, 0, *image.size)
    if picture.format.name == "png":
        frame, box = png.first_frame(image, file)
    elif picture.format.name in ("gif", "webp"):
        box = animation.box(image, file)
    fills = box == (0, 0, *image.size)  # a plugin may turn the image when it loads it
    _load(frame, strict)
    frame = _plain(frame)
    if fills:
        return frame
    frame = frame.crop(box) if frame.size == image.size else frame
    canvas = Image.new("RGBA", image.size)
    canvas.paste(frame.convert("RGBA"), box[:2])
    return canvas


def _load(image: Image.Image, strict: bool) -> None:
    try:
        image.load()
    except Exception:
        decoded = getattr(image, "_im", None)
        if strict or decoded is None or decoded.getbbox() is None:
            raise
        image.tile = []  # type: ignore[attr-defined]  # keep what was decoded until then


def is_translucent(path: Path, picture: ImageInfo) -> bool:
    """Decode a picture; return whether any pixel is translucent. Raises PhotoError as `probe`."""
    with open_regular(path) as file, opened_as(picture.format, file) as image:
        alpha = load_shown(image, file, picture).convert("RGBA").getchannel("A")
    return alpha.getextrema() != (255, 255)


def _plain(image: Image.Image) -> Image.Image:
    """Convert to eight bits a channel if Pillow would clip deeper ones."""
    if image.mode.startswith("I;16"):
        return image.point(lambda value: value / 257).convert("L")
    if image.mode == "F":
        return tiff.to_eight_bits(image)
    return image
