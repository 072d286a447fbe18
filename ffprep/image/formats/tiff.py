"""TIFFs of kinds that Pillow or FFmpeg cannot read, or get wrong without an error."""

import struct
from typing import Any, BinaryIO

from PIL import Image, ImageOps

from ffprep.core.image_info import ImageInfo
from ffprep.errors import Kind, PhotoError
from ffprep.image.formats import pages
from ffprep.image.formats import tiff_kinds as kinds
from ffprep.record import replace


def describe(picture: ImageInfo, image: Any, file: BinaryIO) -> ImageInfo:
    """Return an ImageInfo as corrected by a TIFF's tags. Raises PhotoError `unsupported`."""
    if refused := kinds.refusal(image.tag_v2):
        raise PhotoError(Kind.UNSUPPORTED, f"is a TIFF {refused}")
    plain = pages.is_first(image) and kinds.ffmpeg_reads(image.tag_v2)
    bilevel = plain and kinds.bits_of(image.tag_v2) == (1,)
    turned = image.tag_v2.get(kinds.ORIENTATION) in (5, 6, 7, 8)  # the size is the one displayed
    return replace(
        picture,
        stored=picture.stored.rotated if turned else picture.stored,
        mode="1" if bilevel and picture.mode == "L" else picture.mode,
        ffmpeg_reads=plain and not _has_old_lzw(image.tag_v2, file),
    )


def _has_old_lzw(tags: Any, file: BinaryIO) -> bool:
    """Return whether codes of LZW begin with their lowest bit, as before TIFF 5.0.

    Every strip begins with the code 256. Only libtiff reads these.
    """
    if tags.get(kinds.COMPRESSION, 1) != kinds.LZW:
        return False
    file.seek(max((0, *tags.get(kinds.STRIP_OFFSETS, ())[:1])))
    begin = file.read(2)
    return len(begin) == 2 and begin[0] == 0 and begin[1] & 1 == 1


def has_all_rows(image: Any) -> bool:
    """Return whether an opened TIFF has as many strips or tiles as its size needs.

    Decoders leave black areas where some are missing.
    """
    tags, planes = image.tag_v2, 1
    width, height = tags[kinds.WIDTH], tags[kinds.HEIGHT]
    if tags.get(kinds.PLANAR, 1) == 2:
        planes = tags.get(kinds.SAMPLES, 1)
    if kinds.TILE_WIDTH in tags:
        needed = -(-width // tags[kinds.TILE_WIDTH]) * -(-height // tags[kinds.TILE_HEIGHT])
        return bool(len(tags.get(kinds.TILE_OFFSETS, ())) >= needed * planes)
    rows = min(tags.get(kinds.ROWS_PER_STRIP, height), height)
    needed = -(-height // max(1, rows))
    if len(tags.get(kinds.STRIP_OFFSETS, ())) < needed * planes:
        return False
    if (
        tags.get(kinds.COMPRESSION, 1) != 1
        or tags.get(kinds.PHOTOMETRIC) == kinds.YCBCR
        or kinds.STRIP_BYTES not in tags
    ):
        return True  # the number of bytes needed is unknown
    bits = sum(kinds.bits_of(tags)) // planes
    return bool(sum(tags.get(kinds.STRIP_BYTES, ())) >= -(-width * bits // 8) * height * planes)


def depth(image: Any) -> int:
    """Return the bits of a channel."""
    return int(max(image.tag_v2.get(kinds.BITS, (1,))))


def to_eight_bits(image: Any) -> Image.Image:
    """Convert floats to 8 bits.

    They go from 0 to 1; if many are more than twice that, to 255 or 65535. Values beyond white are
    clipped, since resampling overshoots; so is NaN.
    """
    factor = 255 / _white(image)
    eight: Image.Image = image.point(lambda value: value * factor + 0.5).convert("L")
    return ImageOps.invert(eight) if image.tag_v2.get(kinds.PHOTOMETRIC) == 0 else eight


def _white(image: Image.Image) -> float:
    """Return the value of white, by nearly all of a sample: single pixels may have any value."""
    small = image.resize((min(image.width, 512), min(image.height, 512)), Image.Resampling.NEAREST)
    values = sorted(
        value for (value,) in struct.iter_unpack("=f", small.tobytes()) if value == value
    )
    high = values[int(len(values) * 0.99)] if values else 1.0
    return next((white for white in (1, 255, 65535) if high <= 2 * white), high)
