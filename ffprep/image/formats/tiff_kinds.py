"""Which kinds of TIFF can be read, by which decoder; and how ffprep reads those of integers.

Pillow's libtiff decompresses their strips and tiles, as if each row were gray pixels of a byte.
"""

import struct
from collections.abc import Iterator
from io import BytesIO
from itertools import accumulate
from math import gcd
from os import SEEK_END
from typing import IO, Any

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

# Tags of TIFF 6.0.
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS_PER_STRIP, STRIP_BYTES = 273, 274, 277, 278, 279
PLANAR, PREDICTOR, COLOURS, TILE_WIDTH, TILE_HEIGHT = 284, 317, 320, 322, 323
TILE_OFFSETS, TILE_BYTES, EXTRA_SAMPLES, SAMPLE_FORMAT, SUBSAMPLING = 324, 325, 338, 339, 530
YCBCR = 6
MIN_IS_WHITE, GRAY, RGB, PALETTE, CMYK, CIELAB, ICCLAB = 0, 1, 2, 3, 5, 8, 9
MODES = {MIN_IS_WHITE: "L", GRAY: "L", RGB: "RGB", PALETTE: "RGB"}
MODES |= {CMYK: "CMYK", CIELAB: "LAB", ICCLAB: "LAB"}
# None, LZW, Deflate (two numbers), PackBits, LZMA, Zstandard.
CODECS = (1, 5, 8, 32946, 32773, 34925, 50000)
DEPTHS = (*range(1, 17), 24, 32)
DIFFERENCED_DEPTHS = (8, 16, 32)
_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
_UNSPECIFIED, _PREMULTIPLIED, _UNASSOCIATED = 0, 1, 2
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3

LZW = 5
_FFMPEG_CODECS = (1, LZW, 8, 32773, 32946)  # none, LZW, Deflate, PackBits, Deflate again
_CCITT, _JPEG = (2, 3, 4, 32771), (6, 7)
_PILLOW_CHANNELS = ((MIN_IS_WHITE, 1), (GRAY, 1), (RGB, 3), (RGB, 4), (CMYK, 4), (CIELAB, 3))
_UNREAD_CODECS = {9: "JBIG", 10: "JBIG", 34661: "JBIG", 22610: "JPEG XR", 34934: "JPEG XR"}
_UNREAD_CODECS |= {33003: "JPEG 2000", 33004: "JPEG 2000", 33005: "JPEG 2000", 34712: "JPEG 2000"}
_UNREAD_CODECS |= {50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL", 34887: "LERC", 34933: "PNG"}
_UNREAD_CODECS |= {32766: "NeXT's codec", 32809: "ThunderScan", 34676: "SGILog", 34677: "SGILog"}
_UNREAD_CODECS |= {34892: "lossy JPEG", 32769: "Nikon's codec", 34713: "Nikon's codec"}
_UNREAD_CODECS |= {32770: "Samsung's codec", 65000: "Kodak's codec", 65535: "Pentax's codec"}
_UNREAD_COLOURS = {4: "a transparency mask", 10: "ITULAB", 32803: "the pixels of a camera's sensor"}
_UNREAD_COLOURS |= {32844: "LogL", 32845: "LogLuv", 34892: "linear raw pixels"}


def ffmpeg_reads(tags: Any) -> bool:
    """Return whether FFmpeg reads a page correctly.

    Measured with 9.0.2: tiles, planes and JPEG come out black, floats and signed integers as if
    they were unsigned, YCbCr in wrong colours, premultiplied alpha dark, palettes with alpha as
    gray; FFmpeg refuses BigTIFF, inks, CIELab and 32 bits.
    """
    return (
        not tags._bigtiff
        and tags.get(COMPRESSION, 1) in _FFMPEG_CODECS
        and tags.get(PLANAR, 1) == 1
        and TILE_WIDTH not in tags
        and (set(bits_of(tags)) <= {8, 16} or bits_of(tags) == (1,))
        and set(tags.get(SAMPLE_FORMAT, (1,))) == {_UNSIGNED}
        and tags.get(PHOTOMETRIC, 1) in (MIN_IS_WHITE, GRAY, RGB, PALETTE)
        and len(bits_of(tags)) <= _colour_count(tags.get(PHOTOMETRIC, 1)) + 1
        and (tags.get(PHOTOMETRIC) != PALETTE or _is_plain_palette(tags))
        and _PREMULTIPLIED not in tags.get(EXTRA_SAMPLES, ())
    )


def _is_plain_palette(tags: Any) -> bool:
    """Return whether a palette has no alpha, and 16 bits as it should."""
    return bool(tags.get(SAMPLES, 1) == 1 and max(tags.get(COLOURS, (0,))) > 255)


def pillow_reads(tags: Any) -> bool:
    """Return whether Pillow's plugin reads a page correctly, of those that have no `refusal`.

    Measured with 13.0: it reads 12 bits as dark, some planes as noise, white as black where it is
    the lowest value of few bits, and signed integers as unsigned.
    """
    colours, bits = tags.get(PHOTOMETRIC, 0), bits_of(tags)
    if tags.get(COMPRESSION, 1) not in CODECS or colours == YCBCR or _is_float(tags):
        return True
    return (
        (bits[0] == 8 or (bits[0] == 16 and colours == RGB))
        and (colours, len(bits)) in _PILLOW_CHANNELS
        and max(tags.get(EXTRA_SAMPLES, (0,))) <= _UNASSOCIATED
        and tags.get(PLANAR, 1) == 1
        and tags.get(FILL_ORDER, 1) == 1
        and set(tags.get(SAMPLE_FORMAT, (1,))) == {_UNSIGNED}
        and not (tags._bigtiff and tags.prefix == b"MM")
    )


def refusal(tags: Any) -> str | None:
    """Return of which kind a page is that ffprep cannot read, and what to do; None if it can."""
    compression, colours = tags.get(COMPRESSION, 1), tags.get(PHOTOMETRIC, 0)
    if compression not in (*CODECS, *_CCITT, *_JPEG):
        codec = _UNREAD_CODECS.get(compression, f"codec {compression}")
        todo = "save it with another compression, such as LZW"
        return f"compressed with {codec}, which ffprep cannot read; {todo}"
    kind = _UNREAD_COLOURS.get(colours)
    if not kind and colours not in (*MODES, YCBCR):
        kind = f"colours of the number {colours}"
    kind = kind or _unread_samples(tags, compression, colours) or _unread_layout(tags, colours)
    return kind and f"of {kind}, which ffprep cannot read; save it as RGB of 8 or 16 bits"


def _unread_samples(tags: Any, compression: int, colours: int) -> str | None:
    bits = bits_of(tags)
    if len(set(bits)) > 1:
        return "channels of different depths"
    if compression in _JPEG or colours == YCBCR:
        name = "JPEG" if compression in _JPEG else "YCbCr"
        return None if bits[0] == 8 else f"{bits[0]}-bit {name}"
    if _is_float(tags):
        gray = colours in (MIN_IS_WHITE, GRAY) and bits == (32,)
        return None if gray else f"{bits[0]}-bit floats"
    if set(tags.get(SAMPLE_FORMAT, (1,))) not in ({_UNSIGNED}, {_SIGNED}, {4}):  # 4: unknown
        return "complex numbers"
    if bits[0] not in DEPTHS:
        return f"{bits[0]}-bit integers"
    if colours == PALETTE and bits[0] > 8:
        return f"a palette of {bits[0]} bits"
    return None


def _unread_layout(tags: Any, colours: int) -> str | None:
    if colours == CMYK and any(tags.get(EXTRA_SAMPLES, ())):
        return "CMYK with alpha"
    if colours == YCBCR and tags.get(PLANAR, 1) == 2 and tags.get(SUBSAMPLING, (2, 2)) != (1, 1):
        return "subsampled YCbCr in planes"
    if tags.get(PREDICTOR, 1) == 2 and bits_of(tags)[0] not in DIFFERENCED_DEPTHS:
        return f"{bits_of(tags)[0]}-bit differences"
    return None


class Layout:
    """How the samples of a page are stored, which are integers.

    `part` is the width and height of a strip or tile. `channels` are the samples of a pixel that
    are part of the picture, alpha the last. `order` is that of bytes, as in
    struct. `palette` has the red, green and blue of each index. `mode` is Pillow's.
    """

    def __init__(self, tags: Any) -> None:
        """Raise KeyError if a tag is missing, ValueError for a wrong size or number of samples."""
        width, height = self.size = tags[WIDTH], tags[HEIGHT]
        self.photometric, self.compression = tags.get(PHOTOMETRIC, 0), tags.get(COMPRESSION, 1)
        self.bits, self.samples = bits_of(tags)[0], len(bits_of(tags))
        self.tiled = TILE_WIDTH in tags
        rows = min(tags.get(ROWS_PER_STRIP, height), height)
        self.part = (tags[TILE_WIDTH], tags[TILE_HEIGHT]) if self.tiled else (width, rows)
        colours = _colour_count(self.photometric)
        if min(*self.size, *self.part) < 1 or self.samples < colours:
            raise ValueError("its size or its number of samples is wrong")
        self.offsets = tags[TILE_OFFSETS if self.tiled else STRIP_OFFSETS]
        self.lengths = tags.get(TILE_BYTES if self.tiled else STRIP_BYTES, ())
        self.order = "<" if tags.prefix == b"II" else ">"
        # Pictures of 8 bits that claim to be signed are not; libtiff ignores it as well. Of CIELab,
        # only a and b are, whatever the file says (libvips says it of L, too).
        is_signed = tags.get(SAMPLE_FORMAT, (1,))[0] == _SIGNED
        self.signed = is_signed and self.bits > 8 and self.photometric != CIELAB
        self.planar = tags.get(PLANAR, 1) == 2
        self.differenced = tags.get(PREDICTOR, 1) == 2
        self.low_bit_first = tags.get(FILL_ORDER, 1) == 2
        alpha = _alpha(tags, colours, self.samples)
        self.channels = [*range(colours), *([] if alpha is None else [alpha])]
        self.mode = MODES[self.photometric] + ("" if alpha is None else "A")
        kind = 0 if alpha is None else tags.get(EXTRA_SAMPLES, (2,))[alpha - colours]
        self.premultiplied = kind == _PREMULTIPLIED
        self.palette = _palette(tags) if self.photometric == PALETTE else ()


def bits_of(tags: Any) -> tuple[int, ...]:
    """Return the bits of each sample; a file may give those of one for all."""
    bits, samples = tuple(tags.get(BITS, (1,))), tags.get(SAMPLES, 1)
    return bits * samples if len(bits) == 1 else bits[:samples]


def _is_float(tags: Any) -> bool:
    return set(tags.get(SAMPLE_FORMAT, (1,))) == {_FLOAT}


def _colour_count(colours: int) -> int:
    return 1 if colours == PALETTE else len(MODES[colours])


def _alpha(tags: Any, colours: int, samples: int) -> int | None:
    """Return the first sample that is alpha; a fourth one of RGB is, if nothing is said of it."""
    extra = tags.get(EXTRA_SAMPLES)
    if extra is None:
        return colours if samples == colours + 1 and colours in (1, 3) else None
    return next((colours + at for at, kind in enumerate(extra) if kind != _UNSPECIFIED), None)


def _palette(tags: Any) -> tuple[bytes, ...]:
    """Return the levels of each index; some writers give 8 bits instead of 16."""
    values = tags[COLOURS]
    count, shift = len(values) // 3, 8 if max(values) > 255 else 0
    levels = bytes(value >> shift & 255 for value in values)
    return tuple(
        levels[start : start + count].ljust(256, b"\0")[:256] for start in (0, count, 2 * count)
    )


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
        WIDTH: width, HEIGHT: height, BITS: 8, COMPRESSION: layout.compression, PHOTOMETRIC: GRAY,
        FILL_ORDER: 1 + layout.low_bit_first, STRIP_OFFSETS: 8, SAMPLES: 1, ROWS_PER_STRIP: height,
        STRIP_BYTES: len(data),
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
