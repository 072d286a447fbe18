"""Open pictures with Pillow: with the one plugin for their bytes, and its errors as PhotoErrors."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EINVAL
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ffprep.core.formats import Format
from ffprep.core.image_info import ImageInfo
from ffprep.errors import FfprepError, Kind, PhotoError
from ffprep.image.chunks import png_without_pixels, vp8_size, without_broken_metadata
from ffprep.system.files import open_regular, read_error

if TYPE_CHECKING:  # ffmpeg starts first
    from PIL import Image

_ORIENTATION = 0x0112


@contextmanager
def opened(path: Path, picture: ImageInfo, metadata_only: bool = False) -> "Iterator[Image.Image]":
    """Open a file that was probed. Raises PhotoError as `probe` does."""
    with open_regular(path) as file, pillow_errors(picture.format):
        is_reduced = metadata_only and picture.format.name == "png"
        source = png_without_pixels(file) if is_reduced else file
        with open_as(picture.format, source) as image:
            yield image


@contextmanager
def opened_as(format: Format, file: BinaryIO) -> "Iterator[Image.Image]":
    """Open a file of a format, and raise Pillow's errors as PhotoErrors."""
    with pillow_errors(format), open_as(format, file) as image:
        yield image


@contextmanager
def open_as(format: Format, file: BinaryIO) -> "Iterator[Image.Image]":
    """Open a file with the one plugin for its format.

    Image.open would try every plugin, and has a pixel limit for the whole process, which a host
    program may have changed; ffprep's own limit is `max_pixels`.
    """
    factory = plugin(format.plugin)
    file.seek(0)
    try:
        image = factory(file, "")
    except ImportError:
        raise
    except Exception:
        if format.name == "webp":  # its plugin does not say that it was refused memory
            _require_memory_for_webp(file)
        image = _opened_in_parts(format, file)
        if image is None:
            raise
    if format.name == "jpeg":  # of arithmetic coding, libjpeg cannot decode a part
        image.decodermaxblock = max(image.decodermaxblock, file.seek(0, os.SEEK_END))
    try:
        yield image
    finally:
        image.close()


# libwebp keeps two pictures of four bytes a pixel, and the one that it decodes.
_WEBP_BYTES_A_PIXEL = 12


def _require_memory_for_webp(file: BinaryIO) -> None:
    """Raise PhotoError if there is too little memory for the pixels that a header claims."""
    file.seek(0)
    head = file.read(30)
    width, height, _ = vp8_size(head[12:16], head[20:])
    try:
        bytearray(width * height * _WEBP_BYTES_A_PIXEL)
    except MemoryError:
        raise out_of_memory() from None


def _opened_in_parts(format: Format, file: BinaryIO) -> "Image.Image | None":
    """Open a file that Pillow refuses, though its pixels are sound; None if they are not."""
    factory, info = plugin(format.plugin), dict[str, object]()
    if format.name == "jpeg":
        from ffprep.image.formats import jpeg

        file, info = jpeg.for_pillow(file)

    def opens(part: BinaryIO) -> bool:
        with suppress(Exception), factory(part, ""):
            return True
        return False

    with suppress(Exception):
        if format.name in ("jpeg", "png"):
            repaired = without_broken_metadata(format.name, file, opens)
            image: Image.Image = factory(repaired, "")
            image.info.update(info)
            return image
        if format.demuxer == "mov":
            from ffprep.image.formats import isobmff

            if other := isobmff.for_pillow(file):
                picture: Image.Image = factory(other, "")
                return picture
        if format.name == "bmp":
            from ffprep.image.formats import bmp

            return bmp.open_bit_fields(file)
    return None


# Pillow passes over parts of itself that cannot be imported, and calls photos broken instead.
_IN_C = {"WEBP": "PIL._webp", "AVIF": "PIL._avif"}

# Modules of `image.formats` that open what Pillow's plugin does not, or reads wrongly.
_OWN = {
    "BMP": ("bmp", "BmpFile"),
    "JPEG2000": ("jpeg2000", "Jpeg2000File"),
    "RAW": ("raw", "open_raw"),
    "TIFF": ("tiff", "TiffFile"),
}

# Image.preinit would import the plugins of five formats.
_PLUGINS = {"JPEG": "Jpeg", "PNG": "Png", "GIF": "Gif", "WEBP": "WebP", "AVIF": "Avif"}


@cache
def plugin(name: str):  # type: ignore[no-untyped-def]
    """Import the plugin of a format, and return the function that opens a file with it."""
    try:
        if name == "HEIF":
            import pillow_heif

            pillow_heif.register_heif_opener()
        if name in _IN_C:
            _require(name)
        if name in _OWN:
            module, opener = _OWN[name]
            return getattr(import_module(f"ffprep.image.formats.{module}"), opener)
        from PIL import Image

        if name in _PLUGINS:
            import_module(f"PIL.{_PLUGINS[name]}ImagePlugin")
        elif name not in Image.OPEN:
            Image.init()
        return Image.OPEN[name][0]
    except (FfprepError, ImportError, MemoryError, OSError):
        raise
    except Exception as error:  # a package of which a part is of another version
        package = "pillow_heif" if name == "HEIF" else "PIL"
        raise ImportError(f"{type(error).__name__}: {error}", name=package) from None


def _require(name: str) -> None:
    """Raise ImportError for a broken part of Pillow, PhotoError if this Pillow lacks it."""
    try:
        import_module(_IN_C[name])
    except ModuleNotFoundError:
        words = f"this Pillow has no {name}; run: pip install --force-reinstall pillow"
        raise PhotoError(Kind.IO, words) from None


def import_extra(name: str) -> Any:
    """Import a package of C code from an extra; None if it is not installed.

    Its threads would take memory that the limits do not allow for; photos are decoded beside each
    other anyway. Raises MemoryError if there is no room for it.
    """
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
    except ImportError as error:
        if "failed to map" in str(error) or "allocate memory" in str(error):
            raise MemoryError from None
        raise
    return None


def orientation_of(image: "Image.Image") -> int:
    """Return the orientation by EXIF or a TIFF's tag; 1 if there is none or if it is broken."""
    from PIL import Image

    _hide_xmp_orientation(image)
    try:
        # Not image.getexif(), which decodes a PNG without EXIF in front of its pixels.
        value = Image.Image.getexif(image).get(_ORIENTATION, 1)
    except Exception:  # broken metadata does not fail a sound photo
        return 1
    if isinstance(value, bytes) and len(value) == 1:  # of type BYTE
        value = value[0]
    return value if value in range(1, 9) else 1


def _hide_xmp_orientation(image: "Image.Image") -> None:
    """Hide the orientation in XMP from Pillow, which turns a picture by it; browsers do not."""
    for name in ("xmp", "XML:com.adobe.xmp"):
        xmp = image.info.get(name)
        if isinstance(xmp, str) and "tiff:Orientation" in xmp:
            image.info[name] = xmp.replace("tiff:Orientation", "tiff:orientation")
        elif isinstance(xmp, bytes) and b"tiff:Orientation" in xmp:
            image.info[name] = xmp.replace(b"tiff:Orientation", b"tiff:orientation")
        else:
            continue
        image._exif = None  # JPEG's plugin may have read it already


def out_of_memory() -> PhotoError:
    """Return the error of a photo for which there is not enough memory."""
    words = "needs more memory than --max-memory allows; raise it if you trust the file"
    return PhotoError(Kind.TOO_LARGE, words)


def is_out_of_memory(error: PhotoError) -> bool:
    """Return whether an error is that of `out_of_memory`, perhaps of another process."""
    return error.kind is Kind.TOO_LARGE and str(error) == str(out_of_memory())


def may_lack_memory(error: PhotoError) -> bool:
    """Return whether a photo may have failed for lack of memory: not every decoder says so."""
    kinds = (Kind.DAMAGED, Kind.UNSUPPORTED, Kind.INTERNAL)
    return error.kind in kinds or is_out_of_memory(error)


# Pillow says "unknown data organization" of a TIFF whose end, where its tags are, is missing.
_UNSUPPORTED = re.compile(
    r"\bun(known|supported)\b(?! data organization)|not supported", re.IGNORECASE
)


@contextmanager
def pillow_errors(format: Format) -> Iterator[None]:
    """Raise Pillow's errors as PhotoErrors."""
    from PIL import Image

    try:
        yield
    except (FfprepError, ImportError):  # an interrupt, say, or a broken installation
        raise
    except MemoryError:
        raise out_of_memory() from None
    except Image.DecompressionBombError as error:
        words = f"claims more pixels than any photo has ({error}); restore it from a backup"
        raise PhotoError(Kind.TOO_LARGE, words) from None
    except Exception as error:  # Pillow's parsers raise whatever they stumble over
        if failure := system_error(error):
            raise read_error(failure) from None
        message = " ".join(str(error).split())  # libheif adds line breaks
        if isinstance(error, KeyError) and format.name == "tiff":  # the number of a compression
            message = f"unknown compression {message}"
        if _UNSUPPORTED.search(message):
            words = f"is {format.name} of a kind that ffprep cannot read ({message})"
            raise PhotoError(Kind.UNSUPPORTED, words) from None
        words = (
            f"begins like {format.name} but cannot be read ({message}); restore it from a backup"
        )
        raise PhotoError(Kind.DAMAGED, words) from None


def system_error(error: BaseException | None) -> OSError | None:
    """Return the error of reading that led to an error, if any.

    EINVAL is none: a file's own numbers lead to places that no file has.
    """
    while error:
        if isinstance(error, OSError) and error.errno not in (None, EINVAL):
            return error
        error = error.__cause__ or error.__context__
    return None
