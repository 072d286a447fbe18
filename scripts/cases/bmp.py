"""BMPs."""

import struct
from collections.abc import Iterator
from functools import partial

from scripts.cases.case import SQUARES, Case, Feature, quarters

_ALPHAS = (255, 136, 0, 255)


def _of_bit_fields(bits: int, masks: tuple[int, ...], down: bool = False) -> bytes:
    """Return a BMP of four quarters whose channels are where the masks say."""
    pairs = zip(SQUARES, _ALPHAS, strict=True)
    packed = [_packed((*colour, alpha), masks) for colour, alpha in pairs]
    values = [value.to_bytes(bits // 8, "little") for value in packed]
    upper, lower = ((values[n] * 48 + values[n + 1] * 48) * 40 for n in (0, 2))
    pixels = upper + lower if down else lower + upper
    fields = struct.pack("<4I", *masks, *[0] * (4 - len(masks)))
    size = struct.pack("<IiiHHIIiiII", 108, 96, -80 if down else 80, 1, bits, 3, 0, 0, 0, 0, 0)
    head = (size + fields).ljust(108, b"\0")
    return struct.pack("<2sIII", b"BM", 122 + len(pixels), 0, 122) + head + pixels


def _packed(colour: tuple[int, ...], masks: tuple[int, ...]) -> int:
    pixel = 0
    for part, mask in zip(colour, masks, strict=False):
        low = (mask & -mask).bit_length() - 1
        most = mask >> low
        pixel |= (part * most + 127) // 255 << low
    return pixel


def _with_long_palette() -> bytes:
    """Return a BMP whose palette has more colours than indices of 8 bits reach."""
    palette = b"".join(bytes((*reversed(SQUARES[n % 4]), 0)) for n in range(300))
    upper, lower = (bytes([n] * 48 + [n + 253] * 48) * 40 for n in (0, 2))
    size = struct.pack("<IiiHHIIiiII", 40, 96, 80, 1, 8, 0, 0, 0, 0, 300, 0)
    start = 14 + len(size) + len(palette)
    return struct.pack("<2sIII", b"BM", start + 7680, 0, start) + size + palette + lower + upper


_Kinds = tuple[tuple[str, int, tuple[int, ...]], ...]


def _cases() -> Iterator[Case]:
    yield Case("BMP", Feature.COLOUR, "300 colours", ".bmp", _with_long_palette, quarters())
    opaque: _Kinds = (
        ("5, 6 and 5 bits", 16, (0xF800, 0x7E0, 0x1F)),
        ("4 bits in another order", 16, (0xF0, 0xF, 0xF00)),
        ("8 bits in another order", 32, (0xFF00, 0xFF0000, 0xFF)),
        ("10 bits", 32, (0x3FF00000, 0xFFC00, 0x3FF)),
    )
    for name, bits, masks in opaque:
        make = partial(_of_bit_fields, bits, masks)
        yield Case("BMP", Feature.DEPTH, name, ".bmp", make, quarters(), within=9)
    shown = quarters(*((*c, alpha) for c, alpha in zip(SQUARES, _ALPHAS, strict=True)))
    translucent: _Kinds = (
        ("4 bits with alpha", 16, (0xF00, 0xF0, 0xF, 0xF000)),
        ("8 bits with alpha", 32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    )
    for name, bits, masks in translucent:
        make = partial(_of_bit_fields, bits, masks, down=True)
        yield Case("BMP", Feature.ALPHA, name, ".bmp", make, shown, within=9)


CASES = tuple(_cases())
