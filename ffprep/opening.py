"""Opening a picture with Pillow: the one plugin that the bytes ask for, and trouble as kinds."""

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from ffprep import tiff
from ffprep.errors import Kind, PhotoError
from ffprep.files import open_regular
from ffprep.formats import Format
from ffprep.picture import Picture


@contextmanager
def opened(path: Path, picture: Picture) -> Iterator[Image.Image]:
    """Open a file that was probed. Raises PhotoError as `probe` does."""
    with (
        open_regular(path) as file,
        trouble_as_kinds(picture.format),
        open_as(picture.format, file) as image,
    ):
        yield image


@contextmanager
def open_as(format: Format, file: BinaryIO) -> Iterator[Image.Image]:
    """Open with the one plugin that the bytes ask for.

    Not by Image.open, which tries every plugin and has a pixel limit for the whole process that a
    host program may have set otherwise; ffprep's own limit is `max_pixels`.
    """
    factory = _plugin(format.plugin)
    file.seek(0)
    try:
        image = factory(file, "")
    except Exception:
        other = tiff.deep_lab_as_rgb(file) if format.name == "tiff" else None
        if other is None:
            raise
        image = factory(other, "")
        image.info["lab"] = True
    try:
        yield image
    finally:
        image.close()


@cache
def _plugin(name: str):  # type: ignore[no-untyped-def]
    if name == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    Image.preinit()
    if name not in Image.OPEN:
        Image.init()
    return Image.OPEN[name][0]


@contextmanager
def opened_for_metadata(path: Path, picture: Picture) -> Iterator[Image.Image]:
    """Open a file with Pillow for what it tells of its picture; not for the pixels.

    Raises PhotoError as `probe` does.
    """
    with open_regular(path) as file, trouble_as_kinds(picture.format):
        source = _png_without_pixels(file) if picture.format.name == "png" else file
        with open_as(picture.format, source) as image:
            yield image


@contextmanager
def trouble_as_kinds(format: Format) -> Iterator[None]:
    """What Pillow stumbles over, as PhotoError."""
    try:
        yield
    except Image.DecompressionBombError as error:
        words = f"claims more pixels than any photo has ({error})"
        raise PhotoError(Kind.TOO_LARGE, words) from None
    except Exception as error:  # Pillow's parsers raise whatever they stumble over
        said = " ".join(str(error).split())  # libheif ends its lines
        if re.search(r"\bun(known|supported)\b|not supported", said, re.IGNORECASE):
            words = f"is {format.name} of a kind that ffprep cannot read ({said})"
            raise PhotoError(Kind.UNSUPPORTED, words) from None
        words = f"begins like {format.name} but cannot be read ({said}); restore it from a backup"
        raise PhotoError(Kind.DAMAGED, words) from None


def _png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """The name of each chunk of a PNG, and its length; the file stands at its content."""
    place = 8
    while True:
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return
        length, name = struct.unpack(">I4s", head)
        yield name, length
        place += 12 + length


_LONGEST_CHUNK = 1 << 20


def png_chunk(file: BinaryIO, wanted: bytes) -> bytes | None:
    """A chunk of a PNG, wherever it stands: the standard allows EXIF behind the picture."""
    for name, length in _png_chunks(file):
        if name == wanted:
            return file.read(min(length, _LONGEST_CHUNK))
    return None


def _png_without_pixels(file: BinaryIO) -> BinaryIO:
    """The chunks of a PNG that are text or EXIF, for Pillow, which reads no further than the pixels."""
    file.seek(0)
    parts = [file.read(8)]
    for name, length in _png_chunks(file):
        if name in (b"IHDR", b"eXIf", b"tEXt", b"zTXt", b"iTXt") and length <= _LONGEST_CHUNK:
            content = file.read(length + 4)
            if len(content) == length + 4:
                parts.append(struct.pack(">I4s", length, name) + content)
    return BytesIO(b"".join([*parts, b"\0\0\0\0IEND\xaeB`\x82"]))
