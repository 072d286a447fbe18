"""Write JPEGs of kinds that Pillow does not write: quarters of flat colour, coded as ITU-T T.81.

Every coefficient but the first of a block is zero, so blocks are exactly of one value.
"""

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from scripts.cases.case import SIZE, SQUARES

SOF0, SOF1, SOF2, LOSSLESS, SOF5, SOF10 = 0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xCA
_DHT, _DQT, _SOS, _DHP, _DNL, _EXP, _APP0, _APP14 = 0xC4, 0xDB, 0xDA, 0xDE, 0xDC, 0xDF, 0xE0, 0xEE
COMMENT = 0xFE
_START, _END = b"\xff\xd8", b"\xff\xd9"

Colour = tuple[int, ...]
Sampling = tuple[tuple[int, int], ...]
SAMPLINGS: dict[str, Sampling] = {
    "4:4:4": ((1, 1),) * 3,
    "4:2:2": ((2, 1), (1, 1), (1, 1)),
    "4:2:0": ((2, 2), (1, 1), (1, 1)),
    "4:4:0": ((1, 2), (1, 1), (1, 1)),
    "4:1:1": ((4, 1), (1, 1), (1, 1)),
    "4:1:0": ((4, 2), (1, 1), (1, 1)),
    "green in full": ((1, 1), (2, 2), (1, 1)),
}


def segment(marker: int, content: bytes) -> bytes:
    """Return a segment with its marker and length."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


JFIF = segment(_APP0, b"JFIF\0\1\1\0\0\1\0\1\0\0")


def adobe(transform: int, marker: int = _APP14) -> bytes:
    """Return Adobe's segment: 0 is RGB or CMYK, 1 YCbCr, 2 YCCK."""
    return segment(marker, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))


def ycbcr(colour: Colour) -> tuple[float, ...]:
    """Return an RGB colour as YCbCr, full range (ITU-R BT.601, JFIF)."""
    red, green, blue = colour
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma, 128 + (blue - luma) / 1.772, 128 + (red - luma) / 1.402


def rgb(colour: Colour) -> tuple[float, ...]:
    """Return a colour as it is."""
    return colour


def gray(colour: Colour) -> tuple[float, ...]:
    """Return a colour's red alone."""
    return colour[:1]


class _Bits:
    """Coded bits; a zero follows each byte of ones."""

    def __init__(self) -> None:
        self._bits = list[str]()

    def put(self, value: int, count: int) -> None:
        self._bits.append(f"{value:0{count}b}" if count else "")

    def put_difference(self, value: int) -> None:
        """Write a category of five bits and the value in that many (T.81, F.1.2.1 and H.1.2.2)."""
        category = abs(value).bit_length()
        self.put(category, 5)
        if category < 16:
            self.put(value if value > 0 else value + (1 << category) - 1, category)

    def done(self) -> bytes:
        text = "".join(self._bits)
        text += "1" * (-len(text) % 8)
        data = int(text, 2).to_bytes(len(text) // 8, "big")
        return data.replace(b"\xff", b"\xff\0")


@dataclass(frozen=True, slots=True)
class Jpeg:
    """What a JPEG is to be. `head` are segments in front, `colours` those of its quarters."""

    frame: int = SOF0
    bits: int = 8
    sampling: Sampling = SAMPLINGS["4:4:4"]
    names: bytes = b"\1\2\3"
    space: Callable[[Colour], tuple[float, ...]] = ycbcr
    head: bytes = JFIF
    colours: tuple[Colour, ...] = SQUARES
    size: tuple[int, int] = (SIZE.width, SIZE.height)

    def dct(self) -> bytes:
        """Return a picture of blocks, in one scan."""
        return _START + self.head + _TABLES + self._huffman() + self.scan() + _END

    def height_behind_the_scan(self) -> bytes:
        """Return one whose height is in a segment behind its scan (T.81, B.2.5)."""
        scan = self.scan()
        lines = struct.pack(">H", self.size[1])
        scan = scan[:5] + b"\0\0" + scan[7:] + segment(_DNL, lines)
        return _START + self.head + _TABLES + self._huffman() + scan + _END

    def hierarchical(self) -> bytes:
        """Return one of two frames, the second of which corrects the first twice as large."""
        width, height = self.size
        small = Jpeg(head=b"", size=(width // 2, height // 2))
        same = Jpeg(frame=SOF5, colours=((128,) * 3,) * 4)
        declared = same._frame_header(_DHP)
        frames = small.scan() + segment(_EXP, b"\x11") + same.scan()
        return _START + self.head + _TABLES + self._huffman() + declared + frames + _END

    def arithmetic(self) -> bytes:
        """Return `squares` in YCbCr 4:4:4 with arithmetic coding, whose bits are constant here."""
        scan = self._frame_header(SOF10) + segment(_SOS, b"\3\1\0\2\x10\3\x10" + bytes(3))
        return _START + self.head + _TABLES + scan + _ARITHMETIC + _END

    def lossless(self) -> bytes:
        """Return a picture of differences from the pixel on the left (T.81, annex H)."""
        width, height = self.size
        bits, before = _Bits(), list[tuple[int, ...]]()
        for y in range(height):
            left = before[0] if before else (1 << (self.bits - 1),) * len(self.names)
            row = [self._values(x, y) for x in range(width)]
            for values in row:
                for value, predicted in zip(values, left, strict=True):
                    difference = (value - predicted) & 0xFFFF
                    bits.put_difference(difference - (difference > 0x8000) * 0x10000)
                left = values
            before = row
        scan = self._scan_header(1, 0) + bits.done()
        frame = self._frame_header(LOSSLESS)
        return _START + self.head + self._huffman(17) + frame + scan + _END

    def scan(self) -> bytes:
        """Return the frame header and the scan."""
        if self.frame == SOF2:
            first = self._scan_header(0, 0) + self._coded()
            return self._frame_header(SOF2) + first + b"".join(self._other_coefficients())
        return self._frame_header(self.frame) + self._scan_header(0, 63) + self._coded()

    def _other_coefficients(self) -> Iterable[bytes]:
        """Yield a scan of each component, in which all blocks are at their end."""
        width, height = self.size
        wide, high = (max(factors) for factors in zip(*self.sampling, strict=True))
        for name, (across, down) in zip(self.names, self.sampling, strict=True):
            columns, rows = -(-width * across // (8 * wide)), -(-height * down // (8 * high))
            bits = _Bits()
            bits.put(0, columns * rows)
            yield segment(_SOS, bytes((1, name, 0, 1, 63, 0))) + bits.done()

    def _values(self, x: float, y: float) -> tuple[int, ...]:
        width, height = self.size
        colour = self.colours[(x >= width / 2) + 2 * (y >= height / 2)]
        top = (1 << self.bits) - 1
        return tuple(round(min(max(value, 0), 255) * top / 255) for value in self.space(colour))

    def _coded(self) -> bytes:
        bits, last = _Bits(), [1 << (self.bits - 1)] * len(self.names)
        for component, (x, y) in self._blocks():
            value = self._values(x, y)[component]
            bits.put_difference(value - last[component])
            last[component] = value
            if self.frame != SOF2:
                bits.put(0, 1)  # the end of the block
        return bits.done()

    def _blocks(self) -> Iterable[tuple[int, tuple[float, float]]]:
        """Yield the component and the centre of each block, in the order of the scan."""
        width, height = self.size
        wide, high = (max(factors) for factors in zip(*self.sampling, strict=True))
        for top in range(0, height, 8 * high):
            for left in range(0, width, 8 * wide):
                for component, (across, down) in enumerate(self.sampling):
                    for index in range(across * down):
                        x = left + (index % across + 0.5) * 8 * wide / across
                        y = top + (index // across + 0.5) * 8 * high / down
                        yield component, (x, y)

    def _huffman(self, categories: int = 16) -> bytes:
        """Return tables in which all categories have five bits, and the end of a block one."""
        if self.bits == 8 and categories == 16:
            categories = 12
        first = bytes([0, 0, 0, 0, 0, categories, *bytes(11)]) + bytes(range(categories))
        return segment(_DHT, first + bytes([0x10, 1, *bytes(15)]) + b"\0")

    def _frame_header(self, marker: int) -> bytes:
        width, height = self.size
        parts = zip(self.names, self.sampling, strict=True)
        components = b"".join(bytes((name, h << 4 | v, 0)) for name, (h, v) in parts)
        head = struct.pack(">BHHB", self.bits, height, width, len(self.names))
        return segment(marker, head + components)

    def _scan_header(self, first: int, last: int) -> bytes:
        names = b"".join(bytes((name, 0)) for name in self.names)
        return segment(_SOS, bytes([len(self.names)]) + names + bytes((first, last, 0)))


_ARITHMETIC = bytes.fromhex(  # as cjpeg -arithmetic codes them
    "ff006f71c631f564b48c520b62fd1051e7ccdc69bda200115e1605b27221fc3ad80ab2165f5d605932a5ead9581f"
    "fb783249f1c012d9eca1db80161fc5d3a53a5982831a21280d9f8d2d8191f6e34b8e12848a386d49f0ae080b67bd"
    "e3186ebc5466e9409fe2ca"
)
_TABLES = segment(_DQT, b"\0" + bytes([8]) * 64)
