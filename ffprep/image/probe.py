"""Read what a file holds, by its bytes, and verify that an output is what was asked for.

Both use Pillow (pillow-heif for HEIC), never FFmpeg: a second decoder judges what FFmpeg decodes
and writes.
"""

from collections.abc import Callable
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from ffprep.core.formats import HEAD_BYTES, RAW, Format, sniff
from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo, Profile
from ffprep.core.spec import Spec
from ffprep.errors import EnvironmentFault, Kind, PhotoError, reason
from ffprep.image import jpeg_header
from ffprep.image.chunks import has_few_chunks, png_chunk
from ffprep.image.jpeg_header import planes_of
from ffprep.image.pillow import open_as, opened_as, orientation_of
from ffprep.record import replace
from ffprep.system.files import open_regular

if TYPE_CHECKING:  # ffmpeg starts first
    from PIL import Image


class NeedsSandbox(Exception):
    """The header of a file is read by C code, or may take any time and memory to read."""


def probe(path: Path, max_pixels: int, sandboxed: bool = False) -> ImageInfo:
    """Return what a file holds, without decoding it.

    Raises NeedsSandbox for some headers unless `sandboxed`. Raises PhotoError: `missing`, `io`,
    `unsupported` (not a format that ffprep reads), `damaged` (begins like one and cannot be read),
    `too-large` (more than `max_pixels`).
    """
    with open_regular(path) as file:
        head = file.read(HEAD_BYTES)
        format = sniff(head)
        if format is None:
            raise _unknown_format(head, path)
        picture = None
        if not sandboxed:
            if format.name == "jpeg":
                picture = jpeg_header.plain(format, file, path.name)
            if not picture and not (format.name == "png" and has_few_chunks(file)):
                raise NeedsSandbox
        picture = picture or _read(format, file, path.name)
    stored, words = picture.stored, ""
    if not stored.ffmpeg_holds:
        words = "FFmpeg can decode; make it smaller first"
    elif stored.pixels > max_pixels:
        words = f"{max_pixels} pixels; raise --max-pixels if you trust the file"
    if words:
        raise PhotoError(Kind.TOO_LARGE, f"{stored} is more than {words}")
    return picture


def _read(format: Format, file: BinaryIO, name: str) -> ImageInfo:
    if format.name == "tiff":
        from ffprep.image.formats import raw

        format = RAW if raw.is_raw(file) else format
    if format.demuxer == "mov":
        from ffprep.image.formats import isobmff

        isobmff.require_whole_boxes(file)
        format = isobmff.recognized(file, format)
    if format.name == "jpegxl":
        from ffprep.image.formats import jpegxl

        return jpegxl.describe(format, file)
    with opened_as(format, file) as image:
        if format.name == "png" and "exif" not in image.info:  # it follows the pixels
            image.info["exif"] = png_chunk(file, b"eXIf")
        image.filename = name  # type: ignore[attr-defined]
        return _describe(format, image, file)


def known_colours(picture: ImageInfo, keep: bool) -> ImageInfo | None:
    """Return how a picture's colours get to sRGB (see `colour.to_srgb`).

    Returns None if C code has to read its profile first, in the sandbox.
    """
    if picture.profile is None and picture.cicp is None:
        return picture  # sRGB
    from ffprep.image import colour

    try:
        return colour.to_srgb(picture, keep, colour.tables_folder())
    except colour.UnknownProfile:
        return None


DecodeWhole: TypeAlias = Callable[[Path, ImageInfo], object]
"""Decodes a file whole. Raises PhotoError if that is not possible."""


def verify(path: Path, spec: Spec, decode: DecodeWhole | None = None) -> bytes:
    """Decode an output whole, and return its bytes; if Pillow cannot read it, with `decode`.

    Of a JPEG, every bit is decoded, but pixels are computed only at an eighth of the size, in gray.
    Raises PhotoError if the output is not as `spec` says.
    """
    with open_regular(path) as file:
        try:
            content = file.read()
        except OSError as error:
            words = f"the output cannot be read again: {reason(error)}"
            raise PhotoError(Kind.IO, f"{words}; check the disk of OUT") from None
    format = sniff(content[:HEAD_BYTES])
    if format is None or format.plugin != spec.format.plugin:
        found = format.name if format else "not a picture"
        raise PhotoError(Kind.INTERNAL, f"the output is {found}, not {spec.format.name}")
    try:
        size = _decoded(format, content) if format.plugin else _decoded_by(decode, format, path)
    except EnvironmentFault:
        raise
    except Exception as error:  # Pillow's parsers raise whatever they stumble over
        words = f"the output cannot be decoded again: {error}"
        raise PhotoError(Kind.INTERNAL, words) from None
    if size != spec.size:
        raise PhotoError(Kind.INTERNAL, f"the output is {size}, not {spec.size}")
    return content


def _decoded(format: Format, content: bytes) -> Size:
    with open_as(format, BytesIO(content)) as image:
        size = Size(*image.size)
        if format.name == "jpeg":
            image.draft("L", (max(1, size.width // 8), max(1, size.height // 8)))
        image.load()
    return size


def _decoded_by(decode: DecodeWhole | None, format: Format, path: Path) -> Size:
    """Return the size of a JPEG XL by its header, which the decoder has to agree with."""
    from ffprep.image.formats import jpegxl

    assert decode
    with open_regular(path) as file:
        picture = jpegxl.describe(format, file)
    decode(path, picture)
    return picture.stored


def _unknown_format(head: bytes, path: Path) -> PhotoError:
    if not head:
        return PhotoError(Kind.DAMAGED, "the file is empty; restore it from a backup")
    from ffprep.core.film import may_be_film, sniff_film

    if film := sniff_film(head):
        advice = "convert a picture of it with --frame first, last or SECONDS"
        if not may_be_film(path.name):
            advice = f"rename it to {path.stem}{film.suffix}, and {advice}"
        return PhotoError(Kind.UNSUPPORTED, f"is a film; {advice}")
    return PhotoError(
        Kind.UNSUPPORTED,
        "is not a picture that ffprep reads (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, HEIC, "
        "JPEG 2000, JPEG XL, camera raws)",
    )


def _describe(format: Format, image: "Image.Image", file: BinaryIO) -> ImageInfo:
    """Return what Pillow reports, corrected by what the format's own module knows."""
    picture = ImageInfo(
        format=format,
        stored=Size(*image.size),
        orientation=orientation_of(image),
        alpha=image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info,
        mode=image.mode,
        profile=Profile.of(data) if (data := image.info.get("icc_profile")) else None,
        ffmpeg_reads=image.mode != "CMYK",  # FFmpeg's chroma is off by as much as 3 dB
    )
    if module := _DESCRIBED_IN.get(format.name):
        describe = import_module(f"ffprep.image.formats.{module}").describe
        picture = describe(picture, image, file)
    if picture.ffmpeg_reads and "ffmpeg_only" not in image.info:
        layers = getattr(image, "layer", ())  # of a JPEG
        picture = replace(picture, planes=planes_of(tuple((h, v) for _, h, v, _ in layers)))
    return picture


_DESCRIBED_IN = {name: name for name in "jpeg png bmp tiff jpeg2000 raw".split()}
_DESCRIBED_IN |= {"gif": "animation", "webp": "animation", "avif": "isobmff", "heic": "isobmff"}
"""The module of each format in `image.formats`, imported when the first picture of it is read."""
