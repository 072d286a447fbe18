"""Write TIFFs of any layout: depths, byte orders, planes, tiles, predictors, BigTIFF."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

NONE, LZW, DEFLATE, PACKBITS = 1, 5, 8, 32773
MIN_IS_WHITE, GRAY, RGB, PALETTE, CMYK, YCBCR, CIELAB = 0, 1, 2, 3, 5, 6, 8
_TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 7: "s", 16: "Q"}

Sample = int | float


@dataclass(frozen=True, slots=True)
class Tiff:
    """The layout of a TIFF. `tile` is a width and a height, `rows` those of a strip.

    `format` is 1 for unsigned integers, 2 for signed ones, 3 for floats. `tags` are further tags:
    their types and values.
    """

    photometric: int = RGB
    bits: int = 8
    order: str = "<"
    compression: int = NONE
    planar: bool = False
    predictor: int = 1
    format: int = 1
    fill_order: int = 1
    tile: tuple[int, int] | None = None
    rows: int | None = None
    big: bool = False
    extra: tuple[int, ...] = ()
    padding: int = 0
    old_lzw: bool = False
    tags: dict[int, tuple[int, tuple[int, ...] | bytes]] = field(default_factory=dict)

    def write(
        self, size: tuple[int, int], sample: Callable[[int, int], tuple[Sample, ...]]
    ) -> bytes:
        """Return the file of a picture, of which `sample` gives the samples at x and y."""
        samples = len(sample(0, 0))
        parts = self.parts(size, sample)
        head = 16 if self.big else 8
        offsets, place = [], head
        for part in parts:
            offsets.append(place)
            place += len(part) + len(part) % 2
        lengths = [len(part) for part in parts]
        tags = self._tags(size, samples, offsets, lengths)
        data = b"".join(part + b"\0" * (len(part) % 2) for part in parts)
        start = self._pack("HHHQ", 43, 8, 0, place) if self.big else self._pack("HI", 42, place)
        return (b"II" if self.order == "<" else b"MM") + start + data + self._directory(tags, place)

    def _pack(self, types: str, *values: Sample) -> bytes:
        return struct.pack(self.order + types, *values)

    def _tags(
        self, size: tuple[int, int], samples: int, offsets: list[int], lengths: list[int]
    ) -> dict[int, tuple[int, tuple[int, ...] | bytes]]:
        long = 16 if self.big else 4
        tags: dict[int, tuple[int, tuple[int, ...] | bytes]] = {
            256: (4, (size[0],)),
            257: (4, (size[1],)),
            258: (3, (self.bits,) * samples),
            259: (3, (self.compression,)),
            262: (3, (self.photometric,)),
            277: (3, (samples,)),
            284: (3, (2 if self.planar else 1,)),
        }
        if self.tile:
            tags |= {322: (3, (self.tile[0],)), 323: (3, (self.tile[1],))}
            tags |= {324: (long, tuple(offsets)), 325: (long, tuple(lengths))}
        else:
            tags |= {273: (long, tuple(offsets)), 279: (long, tuple(lengths))}
            tags |= {278: (3, (self.rows or size[1],))}
        optional = {266: (self.fill_order, 1), 317: (self.predictor, 1), 339: (self.format, 1)}
        tags |= {tag: (3, (value,)) for tag, (value, usual) in optional.items() if value != usual}
        if self.format != 1:
            tags[339] = (3, (self.format,) * samples)
        if self.extra:
            tags[338] = (3, self.extra)
        return tags | self.tags

    def _directory(self, tags: dict[int, tuple[int, tuple[int, ...] | bytes]], place: int) -> bytes:
        count, pointer, inline = ("Q", "Q", 8) if self.big else ("H", "I", 4)
        head = self._pack(count, len(tags))
        end = place + len(head) + len(tags) * (4 + 2 * inline) + inline
        entries, behind = b"", b""
        for tag, (kind, values) in sorted(tags.items()):
            content = (
                values
                if isinstance(values, bytes)
                else self._pack(_TYPES[kind] * len(values), *values)
            )
            if len(content) > inline:
                stored = self._pack(pointer, end + len(behind))
                behind += content + b"\0" * (len(content) % 2)
            else:
                stored = content.ljust(inline, b"\0")
            entries += self._pack("HH" + pointer, tag, kind, len(values)) + stored
        return head + entries + b"\0" * inline + behind

    def parts(
        self, size: tuple[int, int], sample: Callable[[int, int], tuple[Sample, ...]]
    ) -> list[bytes]:
        """Return the compressed strips or tiles."""
        channels = range(len(sample(0, 0)))
        planes = [[channel] for channel in channels] if self.planar else [list(channels)]
        width, height = self.tile or (size[0], self.rows or size[1])
        places = [(x, y) for y in range(0, size[1], height) for x in range(0, size[0], width)]

        def row(left: int, y: int, plane: list[int]) -> bytes:
            xs = (min(x, size[0] - 1) for x in range(left, left + width))
            pixels = (sample(x, min(y, size[1] - 1)) for x in xs)
            return self._row([pixel[channel] for pixel in pixels for channel in plane], len(plane))

        def part(left: int, top: int, plane: list[int]) -> bytes:
            bottom = top + height if self.tile else min(top + height, size[1])
            rows = [row(left, y, plane) for y in range(top, bottom)]
            return self._compressed(rows) + bytes(self.padding)

        return [part(*place, plane) for plane in planes for place in places]

    def _row(self, values: list[Sample], stride: int) -> bytes:
        if self.predictor == 2:
            before = [0] * stride + values[:-stride]
            values = [(a - b) % (1 << self.bits) for a, b in zip(values, before, strict=True)]
        if self.format == 3:
            line = self._pack({16: "e", 32: "f", 64: "d"}[self.bits] * len(values), *values)
            return self._float_predicted(line, len(values), stride) if self.predictor == 3 else line
        if self.bits in (8, 16, 24, 32):
            order: Literal["little", "big"] = "little" if self.order == "<" else "big"
            size, signed = self.bits // 8, self.format == 2
            return b"".join(int(value).to_bytes(size, order, signed=signed) for value in values)
        text = "".join(f"{int(value):0{self.bits}b}" for value in values)
        text += "0" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big")

    def _float_predicted(self, line: bytes, count: int, stride: int) -> bytes:
        step = self.bits // 8
        most_first = range(step) if self.order == ">" else reversed(range(step))
        planes = b"".join(line[byte::step] for byte in most_first)
        return bytes((a - b) % 256 for a, b in zip(planes, bytes(stride) + planes, strict=False))

    def _compressed(self, rows: list[bytes]) -> bytes:
        content = b"".join(rows)
        if self.compression == LZW:
            content = _lzw(content, self.old_lzw)
        elif self.compression == DEFLATE:
            content = zlib.compress(content)
        elif self.compression == PACKBITS:
            parts = (row[at : at + 128] for row in rows for at in range(0, len(row), 128))
            content = b"".join(bytes((len(part) - 1,)) + part for part in parts)
        return content.translate(_REVERSED) if self.fill_order == 2 else content


_REVERSED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def _lzw(content: bytes, old: bool) -> bytes:
    """Return codes of 9 bits: each is one byte, and the table is cleared before it grows.

    The `old` ones begin with their lowest bit.
    """
    codes = [256]
    for at in range(0, len(content), 250):
        codes += [*content[at : at + 250], 256]
    text = "".join(f"{code:09b}"[:: -1 if old else 1] for code in [*codes, 257])
    text += "0" * (-len(text) % 8)
    content = int(text, 2).to_bytes(len(text) // 8, "big")
    return content.translate(_REVERSED) if old else content
