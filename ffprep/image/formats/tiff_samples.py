"""Read the strips and tiles of a TIFF of integers, of any depth, as eight bits a channel.

Pillow's libtiff decompresses them, as if each row were gray pixels of a byte.
"""

import struct
from collections.abc import Iterator
from functools import cached_property
from io import BytesIO
from itertools import accumulate
from math import gcd
from os import SEEK_END
from typing import IO

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from ffprep.record import Record

MIN_IS_WHITE, GRAY, RGB, PALETTE, CMYK, CIELAB, ICCLAB = 0, 1, 2, 3, 5, 8, 9
MODES = {MIN_IS_WHITE: "L", GRAY: "L", RGB: "RGB", PALETTE: "RGB"}
MODES |= {CMYK: "CMYK", CIELAB: "LAB", ICCLAB: "LAB"}
# None, LZW, Deflate (two numbers), PackBits, LZMA, Zstandard.
CODECS = (1, 5, 8, 32946, 32773, 34925, 50000)
DEPTHS = (*range(1, 17), 24, 32)
DIFFERENCED_DEPTHS = (8, 16, 32)
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


class Layout(Record):
    """How the samples of a page are stored.

    `part` is the width and height of a strip or tile. `alpha` is the channel of alpha, if any.
    `order` is that of bytes, as in struct. `palette` has the red, green and blue of each index.
    """

    __slots__ = ("__dict__",)  # for cached_property

    size: tuple[int, int]
    part: tuple[int, int]
    tiled: bool
    offsets: tuple[int, ...]
    lengths: tuple[int, ...]
    compression: int
    photometric: int
    bits: int
    samples: int
    order: str
    signed: bool = False
    planar: bool = False
    differenced: bool = False
    low_bit_first: bool = False
    alpha: int | None = None
    premultiplied: bool = False
    palette: tuple[bytes, ...] = ()

    @property
    def mode(self) -> str:
        """Pillow's mode of the picture."""
        return MODES[self.photometric] + ("A" if self.alpha is not None else "")

    @cached_property
    def channels(self) -> list[int]:
        """The samples of a pixel that are part of the picture."""
        colours = 1 if self.photometric == PALETTE else len(MODES[self.photometric])
        return [*range(colours), *([] if self.alpha is None else [self.alpha])]


def parts(layout: Layout, file: IO[bytes]) -> Iterator[tuple[Image.Image, tuple[int, int]]]:
    """Yield the strips or tiles, and where in the picture they are.

    Raises OSError if one ends early, or what Pillow raises.
    """
    (width, height), (across, down) = layout.size, layout.part
    places = [(x, y) for y in range(0, height, down) for x in range(0, width, across)]
    for number, (left, top) in enumerate(places):
        size = across, (down if layout.tiled else min(down, height - top))
        if layout.planar:
            numbers = [number + channel * len(places) for channel in layout.channels]
            channels = [_samples(layout, file, number, size, 1) for number in numbers]
        else:
            samples = _samples(layout, file, number, size, layout.samples)
            channels = [samples[channel :: layout.samples] for channel in layout.channels]
        yield _picture(layout, channels, size), (left, top)


def _picture(layout: Layout, channels: list[bytes], size: tuple[int, int]) -> Image.Image:
    if layout.photometric == PALETTE:
        channels[:1] = [channels[0].translate(levels) for levels in layout.palette]
        scaled = channels[:3]
        scaled += [channel.translate(_levels(layout)) for channel in channels[3:]]
    else:
        scaled = [channel.translate(_levels(layout)) for channel in channels]
        if layout.photometric == MIN_IS_WHITE:
            scaled[0] = scaled[0].translate(bytes(range(255, -1, -1)))
        elif layout.photometric == CIELAB:  # a and b are signed
            flip = bytes(value ^ 128 for value in range(256))
            scaled[1:3] = [channel.translate(flip) for channel in scaled[1:3]]
    mode = layout.mode
    stored = mode.replace("A", "a") if layout.premultiplied else mode
    bands = [Image.frombytes("L", size, channel) for channel in scaled]
    picture = bands[0] if mode == "L" else Image.merge(stored, bands)
    return picture if stored == mode else picture.convert(mode)


def _levels(layout: Layout) -> bytes:
    """Return the table of levels for what `_unpacked` returns. Signed ones begin at 0."""
    if layout.signed:
        return bytes(2 * value + (value >> 6) if value < 128 else 0 for value in range(256))
    white = (1 << min(layout.bits, 8)) - 1
    return bytes((min(value, white) * 255 + white // 2) // white for value in range(256))


def _samples(
    layout: Layout, file: IO[bytes], number: int, size: tuple[int, int], stride: int
) -> bytes:
    """Return the upper eight bits of the samples of a strip or tile, `stride` for each pixel."""
    width, height = size
    row = -(-width * stride * layout.bits // 8)
    end = file.seek(0, SEEK_END)
    file.seek(min(layout.offsets[number], end))  # a system refuses places far behind
    if layout.compression == 1:
        data = file.read(row * height)
        data = data.translate(_REVERSED) if layout.low_bit_first else data
    else:
        length = layout.lengths[number] if layout.lengths else -1
        data = _decompressed(layout, file.read(length), row, height)
    if len(data) < row * height:
        raise OSError(f"strip or tile {number} ends early")
    if layout.differenced:
        return _summed(layout, data, width, stride)
    return _unpacked(data, layout.bits, layout.order, row, width * stride)


def _decompressed(layout: Layout, data: bytes, width: int, height: int) -> bytes:
    tags = {
        256: width, 257: height, 258: 8, 259: layout.compression, 262: GRAY,
        266: 2 if layout.low_bit_first else 1, 273: 8, 277: 1, 278: height, 279: len(data),
    }  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    data += bytes(len(data) % 2)
    head = struct.pack("<2sHI", b"II", 42, 8 + len(data))
    with TiffImageFile(BytesIO(head + data + directory)) as image:
        return image.tobytes()


def _summed(layout: Layout, data: bytes, width: int, stride: int) -> bytes:
    """Return the upper eight bits of samples that were stored as differences in their row."""
    code, shift = {8: "B", 16: "H", 32: "I"}[layout.bits], layout.bits - 8
    result = bytearray(len(data) * 8 // layout.bits)
    start = 0
    for row in struct.iter_unpack(f"{layout.order}{width * stride}{code}", data):
        for channel in range(stride):
            sums = accumulate(row[channel::stride])
            upper = bytes([total >> shift & 255 for total in sums])
            result[start + channel : start + width * stride : stride] = upper
        start += width * stride
    return bytes(result)


def _unpacked(data: bytes, bits: int, order: str, row: int, count: int) -> bytes:
    """Return the upper eight bits of all samples, of which a row has `count` in `row` bytes."""
    if bits % 8 == 0:
        step = bits // 8
        return data[0 if order == ">" else step - 1 :: step]
    if row * 8 == count * bits and count % 8 == 0:
        return _unpacked_bits(data, bits)
    rows = (data[start : start + row] for start in range(0, len(data), row))
    return b"".join(_unpacked_bits(part, bits)[:count] for part in rows)


def _unpacked_bits(data: bytes, bits: int) -> bytes:
    """Return the upper eight bits of samples that stand bit by bit, the highest first.

    Samples repeat their place in a byte after some bytes, the block: all at one such place are
    computed at once.
    """
    block = bits // gcd(bits, 8)
    length = 8 // gcd(bits, 8)
    data += bytes(-len(data) % block + 1)
    blocks = len(data) // block
    kept = min(bits, 8)
    result = bytearray(blocks * length)
    for place in range(length):
        byte, skipped = divmod(place * bits, 8)
        upper = data[byte::block][:blocks].translate(_SHIFTED[skipped])
        if skipped + kept > 8:
            lower = data[byte + 1 :: block][:blocks].translate(_SHIFTED[skipped - 8])
            both = int.from_bytes(upper, "big") | int.from_bytes(lower, "big")
            upper = both.to_bytes(blocks, "big")
        result[place::length] = upper.translate(_SHIFTED[kept - 8])
    return bytes(result)


_SHIFTED = {
    count: bytes((value << count if count > 0 else value >> -count) & 255 for value in range(256))
    for count in range(-8, 9)
}
