"""BMP: bit fields and long palettes, of which Pillow and FFmpeg know few."""

import struct
from typing import BinaryIO

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile

from ffprep.core.image_info import ImageInfo
from ffprep.record import replace

_RUNS, _BIT_FIELDS, _WITH_ALPHA = (1, 2), (3, 6), 6
_MASKS = 14 + 40  # where they are


_MOST_COLOURS = 256


class BmpFile(BmpImageFile):
    """A BMP as Pillow opens it, without the colours of a palette that no index reaches."""

    def _open(self) -> None:
        super()._open()
        if self.palette:
            most = _MOST_COLOURS * len(self.palette.rawmode or "RGB")
            self.info["long palette"] = len(self.palette.palette) > most
            self.palette.palette = self.palette.palette[:most]


def describe(picture: ImageInfo, image: Image.Image, file: BinaryIO) -> ImageInfo:
    """Mark what FFmpeg does not read, or only in part: a file of another size than it says."""
    file.seek(2)
    declared = int.from_bytes(file.read(4), "little")
    runs = image.info.get("compression") in _RUNS  # Pillow accepts broken ones
    wrong_size = not runs and declared != file.seek(0, 2)
    special = image.info.get("bit fields") or image.info.get("long palette")
    return replace(picture, ffmpeg_reads=not (special or wrong_size))


def open_bit_fields(file: BinaryIO) -> Image.Image | None:
    """Open a BMP of any bit fields, with 8 bits a channel; None if it has none, or is cut off."""
    file.seek(0)
    head = file.read(_MASKS + 16).ljust(_MASKS + 16, b"\0")
    start, length, width, height, _, bits, compression = struct.unpack_from("<IIiiHHI", head, 10)
    if length < 40 or width < 1 or bits not in (16, 32) or compression not in _BIT_FIELDS:
        return None
    masks = struct.unpack_from("<4I", head, _MASKS)
    has_alpha = masks[3] and (length >= 56 or compression == _WITH_ALPHA)
    step = bits // 8
    padded, rows = (width * step + 3 & ~3) // step, abs(height)
    end = file.seek(0, 2)
    if start + padded * step * rows > end:
        return None
    file.seek(start)
    data = file.read(padded * step * rows)
    bands = [_band(data, (padded, rows), step, mask) for mask in masks[: 4 if has_alpha else 3]]
    picture = Image.merge("RGBA" if has_alpha else "RGB", bands).crop((0, 0, width, rows))
    if height > 0:  # from the bottom up
        picture = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    picture.info["bit fields"] = True
    return picture


def _band(data: bytes, size: tuple[int, int], step: int, mask: int) -> Image.Image:
    """Return one channel of pixels of `step` bytes: the upper 8 bits of its bit field."""
    if not mask:
        return Image.new("L", size)
    bits = min(8, mask.bit_length() - (mask & -mask).bit_length() + 1)
    low = mask.bit_length() - bits
    byte = min(low // 8, step - 2)
    pairs = bytearray(2 * size[0] * size[1])
    pairs[0::2], pairs[1::2] = data[byte::step], data[byte + 1 :: step]
    most = (1 << bits) - 1
    table = [(pair >> low - 8 * byte & most) * 255 // most for pair in range(1 << 16)]
    return Image.frombytes("I;16", size, bytes(pairs)).convert("I").point(table, "L")
