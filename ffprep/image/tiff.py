"""TIFFs of kinds that Pillow or FFmpeg cannot read, or get wrong without an error."""

import struct
from dataclasses import replace
from io import BytesIO
from typing import Any, BinaryIO

from PIL import Image

from ffprep.core.image_info import ImageInfo
from ffprep.errors import Kind, PhotoError
from ffprep.image import pages

# Tags of TIFF 6.0.
_BITS, _COMPRESSION, _PHOTOMETRIC = 258, 259, 262
_WIDTH, _HEIGHT, _ORIENTATION, _PLANAR = 256, 257, 274, 284
_STRIP_OFFSETS, _ROWS_PER_STRIP, _STRIP_BYTES, _TILE_HEIGHT, _TILE_OFFSETS = 273, 278, 279, 323, 324
_SAMPLES, _TILE_WIDTH, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 277, 322, 338, 339
_ASSOCIATED_ALPHA = 1
_YCBCR, _CIELAB = 6, 8

_COMPRESSIONS = (1, 5, 8, 32773, 32946)  # none, LZW, Deflate, PackBits, Deflate again


def describe(picture: ImageInfo, image: Any, file: BinaryIO) -> ImageInfo:
    """Return an ImageInfo as corrected by a TIFF's tags. Raises PhotoError `unsupported`."""
    require_supported(image)
    lab = "lab" in image.info
    turned = image.tag_v2.get(_ORIENTATION) in (5, 6, 7, 8)  # the size is the one displayed
    return replace(
        picture,
        stored=picture.stored.rotated if turned else picture.stored,
        mode="LAB" if lab else picture.mode,
        ffmpeg_reads=not lab and pages.is_first(image) and ffmpeg_reads(image),
    )


def ffmpeg_reads(image: Any) -> bool:
    """Return whether FFmpeg reads an opened TIFF correctly.

    Measured with 9.0.2: tiles and JPEG come out black, floats as if they were integers, YCbCr in
    wrong colours, premultiplied alpha dark, palettes with alpha as gray; FFmpeg refuses inks,
    CIELab and 32 bits.
    """
    tags = image.tag_v2
    return (
        tags.get(_COMPRESSION, 1) in _COMPRESSIONS
        and _TILE_WIDTH not in tags
        and set(tags.get(_BITS, (1,))) <= {1, 8, 16}
        and set(tags.get(_SAMPLE_FORMAT, (1,))) == {1}
        and tags.get(_PHOTOMETRIC, 1) in (0, 1, 2, 3)
        and not (tags.get(_PHOTOMETRIC) == 3 and tags.get(_SAMPLES, 1) != 1)
        and _ASSOCIATED_ALPHA not in tags.get(_EXTRA_SAMPLES, ())
    )


# Codecs that Pillow's libtiff may lack, for which it reports damage.
_UNSUPPORTED = {50001: "WebP", 33003: "JPEG 2000", 33004: "JPEG 2000", 33005: "JPEG 2000"}
_UNSUPPORTED |= {34712: "JPEG 2000", 50002: "JPEG XL", 52546: "JPEG XL"}


def require_supported(image: Any) -> None:
    """Raise PhotoError if neither Pillow nor FFmpeg has the codec of an opened TIFF."""
    if codec := _UNSUPPORTED.get(image.tag_v2.get(_COMPRESSION)):
        raise PhotoError(
            Kind.UNSUPPORTED,
            f"is a TIFF compressed with {codec}, which ffprep cannot read; save it with another "
            "compression, such as LZW",
        )


def has_all_rows(image: Any) -> bool:
    """Return whether an opened TIFF has as many strips or tiles as its size needs.

    Decoders leave black areas where some are missing.
    """
    tags, planes = image.tag_v2, 1
    width, height = tags[_WIDTH], tags[_HEIGHT]
    if tags.get(_PLANAR, 1) == 2:
        planes = tags.get(_SAMPLES, 1)
    if _TILE_WIDTH in tags:
        needed = -(-width // tags[_TILE_WIDTH]) * -(-height // tags[_TILE_HEIGHT])
        return bool(len(tags.get(_TILE_OFFSETS, ())) >= needed * planes)
    rows = min(tags.get(_ROWS_PER_STRIP, height), height)
    needed = -(-height // max(1, rows))
    if len(tags.get(_STRIP_OFFSETS, ())) < needed * planes:
        return False
    if (
        tags.get(_COMPRESSION, 1) != 1
        or tags.get(_PHOTOMETRIC) == _YCBCR
        or _STRIP_BYTES not in tags
    ):
        return True  # the number of bytes needed is unknown
    bits = sum(tags.get(_BITS, (1,))) // planes
    return bool(sum(tags.get(_STRIP_BYTES, ())) >= -(-width * bits // 8) * height * planes)


def depth(image: Any) -> int:
    """Return the bits of a channel."""
    return int(max(image.tag_v2.get(_BITS, (1,))))


def to_eight_bits(image: Any) -> Image.Image:
    """Convert gray of 32 bits, Pillow's modes I and F, to 8 bits.

    Integers fill the range of their type. Floats go from 0 to 1; if many are more than twice that,
    to 255 or 65535. Values beyond white are clipped, since resampling overshoots; so is NaN.
    """
    if image.mode == "I":
        bits, signed = depth(image), image.tag_v2.get(_SAMPLE_FORMAT, (1,))[0] == 2
        if bits == 32 and not signed:  # Pillow reads them as signed
            return Image.frombytes("L", image.size, image.tobytes()[3::4])
        factor, rounding = 1 / (1 << bits - 8 - signed), 0.0
    else:
        factor, rounding = 255 / _white(image), 0.5
    eight: Image.Image = image.point(lambda value: value * factor + rounding).convert("L")
    return eight


def _white(image: Image.Image) -> float:
    """Return the value of white, by nearly all of a sample: single pixels may have any value."""
    small = image.resize((min(image.width, 512), min(image.height, 512)), Image.Resampling.NEAREST)
    values = sorted(
        value for (value,) in struct.iter_unpack("=f", small.tobytes()) if value == value
    )
    high = values[int(len(values) * 0.99)] if values else 1.0
    return next((white for white in (1, 255, 65535) if high <= 2 * white), high)


def deep_lab_as_rgb(file: BinaryIO) -> BinaryIO | None:
    """Return a CIELab TIFF of 16 bits a channel with its photometric interpretation set to RGB.

    Pillow reads CIELab of 8 bits only; of RGB it reads 16, and keeps the upper 8. None for any
    other file.
    """
    file.seek(0)
    data = bytearray(file.read())
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    places = {}
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        (tag,) = struct.unpack_from(order + "H", data, entry)
        places[tag] = entry + 8
    if _PHOTOMETRIC not in places or _BITS not in places:
        return None
    (photometric,) = struct.unpack_from(order + "H", data, places[_PHOTOMETRIC])
    (bits,) = struct.unpack_from(order + "I", data, places[_BITS])
    if photometric != _CIELAB or struct.unpack_from(order + "3H", data, bits) != (16, 16, 16):
        return None
    struct.pack_into(order + "H", data, places[_PHOTOMETRIC], 2)
    return BytesIO(data)


def lab_of(rgb: Image.Image) -> Image.Image:
    """Return as CIELab what was read as RGB: a and b are signed."""
    light, a, b = rgb.split()
    flip = [value ^ 128 for value in range(256)]
    return Image.merge("LAB", (light, a.point(flip), b.point(flip)))
