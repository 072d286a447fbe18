"""Opening a picture with Pillow: the one plugin that the bytes ask for, and trouble as kinds."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from ffprep.core.formats import Format
from ffprep.core.image_info import ImageInfo
from ffprep.errors import FfprepError, Kind, PhotoError
from ffprep.image import tiff
from ffprep.image.chunks import jpeg_parts, png_parts, png_without_pixels
from ffprep.system.files import open_regular


@contextmanager
def opened(path: Path, picture: ImageInfo) -> Iterator[Image.Image]:
    """Open a file that was probed. Raises PhotoError as `probe` does."""
    with (
        open_regular(path) as file,
        pillow_errors(picture.format),
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
        if format.name == "webp" and _webp_pixels(file) > _WEBP_HOLDS:
            raise out_of_memory() from None  # of which its plugin says no word
        image = _opened_otherwise(format, file)
        if image is None:
            raise
    try:
        yield image
    finally:
        image.close()


_WEBP_HOLDS = 30_000_000


def _webp_pixels(file: BinaryIO) -> int:
    """What a WebP's head claims (RFC 9649, 2.5 to 2.7); 0 where it is none."""
    file.seek(0)
    head = file.read(30).ljust(30, b"\0")
    width = height = 0
    if head[12:20] == b"VP8X\x0a\0\0\0":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
    elif head[12:16] == b"VP8L" and head[20] == 0x2F:
        bits = int.from_bytes(head[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif head[12:16] == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = (int.from_bytes(head[at : at + 2], "little") & 0x3FFF for at in (26, 28))
    return width * height


def _opened_otherwise(format: Format, file: BinaryIO) -> Image.Image | None:
    """What Pillow refuses for what it says, and not for its pixels; None where that is not so."""
    factory = _plugin(format.plugin)

    def opens(part: BinaryIO) -> bool:
        with suppress(Exception), factory(part, ""):
            return True
        return False

    with suppress(Exception):
        if format.name == "tiff" and (other := tiff.deep_lab_as_rgb(file)):
            image: Image.Image = factory(other, "")
            image.info["lab"] = True
            return image
        if format.name in _PARTS:
            rest: Image.Image = factory(_PARTS[format.name](file).without_odd(opens), "")
            return rest
    return None


_PARTS = {"jpeg": jpeg_parts, "png": png_parts}


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
def opened_for_metadata(path: Path, picture: ImageInfo) -> Iterator[Image.Image]:
    """Open a file with Pillow for what it tells of its picture; not for the pixels.

    Raises PhotoError as `probe` does.
    """
    with open_regular(path) as file, pillow_errors(picture.format):
        source = png_without_pixels(file) if picture.format.name == "png" else file
        with open_as(picture.format, source) as image:
            yield image


def out_of_memory() -> PhotoError:
    """What to say of a photo for which there is no memory."""
    words = "needs more memory than --max-memory allows; raise it if the file is to be trusted"
    return PhotoError(Kind.TOO_LARGE, words)


# "Unknown data organization" is what Pillow says of a TIFF whose end, where its tags are, is missing.
_OF_A_KIND = re.compile(
    r"\bun(known|supported)\b(?! data organization)|not supported", re.IGNORECASE
)


@contextmanager
def pillow_errors(format: Format) -> Iterator[None]:
    """What Pillow stumbles over, as PhotoError."""
    try:
        yield
    except FfprepError:  # an interrupt, say
        raise
    except MemoryError:
        raise out_of_memory() from None
    except Image.DecompressionBombError as error:
        words = f"claims more pixels than any photo has ({error})"
        raise PhotoError(Kind.TOO_LARGE, words) from None
    except Exception as error:  # Pillow's parsers raise whatever they stumble over
        said = " ".join(str(error).split())  # libheif ends its lines
        if isinstance(error, KeyError) and format.name == "tiff":  # a compression of no name
            said = f"unknown compression {said}"
        if _OF_A_KIND.search(said):
            words = f"is {format.name} of a kind that ffprep cannot read ({said})"
            raise PhotoError(Kind.UNSUPPORTED, words) from None
        words = f"begins like {format.name} but cannot be read ({said}); restore it from a backup"
        raise PhotoError(Kind.DAMAGED, words) from None
