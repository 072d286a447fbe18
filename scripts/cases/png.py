"""PNGs, and animated ones. The right colours are those of Chromium 156."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from functools import partial

from scripts.cases.case import IN_THE_MIDDLE, SQUARES, Case, Feature, Pixels, quarters

Chunk = tuple[bytes, bytes]
Colour = tuple[int, ...]

_GRAY, _RGB, _PALETTE, _GRAY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_BLACK = (0, 0, 0)


def _png(depth: int, kind: int, values: Iterable[Colour], *chunks: Chunk) -> bytes:
    """Return a PNG whose quarters have these values."""
    return _file([*_header(depth, kind), *chunks, (b"IDAT", _pixels(depth, values))])


def _header(depth: int, kind: int) -> Iterator[Chunk]:
    yield b"IHDR", struct.pack(">IIBB3x", 96, 80, depth, kind)


def _file(chunks: Iterable[Chunk]) -> bytes:
    parts = [b"\x89PNG\r\n\x1a\n"]
    for name, content in (*chunks, (b"IEND", b"")):
        checksum = struct.pack(">I", zlib.crc32(name + content))
        parts.append(struct.pack(">I", len(content)) + name + content + checksum)
    return b"".join(parts)


def _pixels(depth: int, values: Iterable[Colour], width: int = 96, height: int = 80) -> bytes:
    """Return the pixels of four quarters."""
    bits = ["".join(format(part, f"0{depth}b") for part in value) for value in values]
    rows = [
        int(one * (width // 2) + other * (width // 2), 2).to_bytes(len(one) * width // 8, "big")
        for one, other in (bits[:2], bits[2:])
    ]
    return zlib.compress(b"".join(b"\0" + row for row in rows for _ in range(height // 2)))


def _grays(depth: int) -> list[Colour]:
    most = (1 << depth) - 1
    return [(0,), (most,), (most,), (0,)] if depth == 1 else [(most * n // 3,) for n in range(4)]


def _gray_shown(depth: int, transparent: int) -> Pixels:
    """Return the colours of a gray PNG of which the value of one quarter is transparent."""
    values = _grays(depth)
    most = (1 << depth) - 1
    return quarters(
        *(
            (*[255 * value // most] * 3, 0 if (value,) == values[transparent] else 255)
            for (value,) in values
        )
    )


def _gray_with_transparent(depth: int, transparent: int) -> bytes:
    (value,) = _grays(depth)[transparent]
    return _png(depth, _GRAY, _grays(depth), (b"tRNS", struct.pack(">H", value)))


_ALPHAS = (255, 128, 0, 255)
_GRAYS = (40, 120, 200, 255)


def _gray_alpha(depth: int) -> bytes:
    factor = 257 if depth == 16 else 1
    pairs = zip(_GRAYS, _ALPHAS, strict=True)
    return _png(depth, _GRAY_ALPHA, [(gray * factor, alpha * factor) for gray, alpha in pairs])


def _rgb_with_transparent(depth: int) -> bytes:
    factor = 257 if depth == 16 else 1
    values = [tuple(part * factor for part in colour) for colour in SQUARES]
    return _png(depth, _RGB, values, (b"tRNS", struct.pack(">3H", *values[1])))


def _palette(depth: int) -> bytes:
    colours = b"".join(map(bytes, SQUARES))
    alphas = (b"PLTE", colours), (b"tRNS", bytes(_ALPHAS))
    return _png(depth, _PALETTE, [(index,) for index in range(4)], *alphas)


def _gamma(value: int) -> Chunk:
    return b"gAMA", struct.pack(">I", value)


def _chromaticities(*values: int) -> Chunk:
    return b"cHRM", struct.pack(">8I", *values)


_SRGB = _chromaticities(31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
_P3 = _chromaticities(31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
_PLAIN = ((200, 100, 50), (60, 150, 220), (128, 128, 128), (230, 230, 40))
_FROM_LINEAR = ((229, 168, 122), (133, 202, 239), (188, 188, 188), (244, 244, 110))
_FROM_P3_GAMMA = ((216, 93, 24), (0, 154, 227), (129, 129, 129), (231, 231, 0))
_FROM_P3 = ((215, 93, 30), (0, 152, 226), (128, 128, 128), (230, 230, 0))


def _told(*chunks: Chunk) -> bytes:
    """Return a PNG with chunks that describe its colours."""
    return _png(8, _RGB, _PLAIN, *chunks)


def _frame(number: int, width: int, height: int, left: int, top: int) -> Chunk:
    places = struct.pack(">5I", number, width, height, left, top)
    return b"fcTL", places + struct.pack(">HHBB", 1, 10, 0, 0)


def _with_default_image(width: int, height: int, left: int, top: int) -> bytes:
    """Return an animation of two frames, and in front of them a black picture for other programs.

    The first frame has the four colours.
    """
    pixels = _pixels(8, SQUARES, width, height)
    return _file(
        [
            *_header(8, _RGB),
            (b"acTL", struct.pack(">II", 2, 0)),
            (b"IDAT", _pixels(8, [_BLACK] * 4)),
            _frame(0, width, height, left, top),
            (b"fdAT", struct.pack(">I", 1) + pixels[:20]),
            (b"fdAT", struct.pack(">I", 2) + pixels[20:]),
            _frame(3, 96, 80, 0, 0),
            (b"fdAT", struct.pack(">I", 4) + _pixels(8, [_BLACK] * 4)),
        ]
    )


def _translucent(colours: Iterable[Colour]) -> Pixels:
    return quarters(*((*colour, alpha) for colour, alpha in zip(colours, _ALPHAS, strict=True)))


def _alpha_cases() -> Iterator[Case]:
    case = partial(Case, "PNG", Feature.ALPHA, suffix=".png", within=1)
    for depth, transparent in ((1, 1), (2, 1), (2, 3), (4, 2), (8, 1), (16, 2)):
        name = f"{depth}-bit gray with tRNS of level {transparent}"
        make = partial(_gray_with_transparent, depth, transparent)
        yield case(name, make=make, pixels=_gray_shown(depth, transparent))
    for depth in (8, 16):
        grays = _translucent((gray,) * 3 for gray in _GRAYS)
        yield case(f"{depth}-bit gray with alpha", make=partial(_gray_alpha, depth), pixels=grays)
        shown = quarters(*((*c, 0 if c == SQUARES[1] else 255) for c in SQUARES))
        make = partial(_rgb_with_transparent, depth)
        yield case(f"{depth}-bit RGB with tRNS", make=make, pixels=shown)
    for depth in (2, 4, 8):
        make, shown = partial(_palette, depth), _translucent(SQUARES)
        yield case(f"{depth}-bit palette with alpha", make=make, pixels=shown)


def _depth_cases() -> Iterator[Case]:
    for depth in (1, 2, 4, 16):
        shown = quarters(*(colour[:3] for _, colour in _gray_shown(depth, 0)))
        make = partial(_png, depth, _GRAY, _grays(depth))
        yield Case("PNG", Feature.DEPTH, f"{depth}-bit gray", ".png", make, shown)
    values = [tuple(part * 257 for part in colour) for colour in SQUARES]
    make = partial(_png, 16, _RGB, values)
    yield Case("PNG", Feature.DEPTH, "16-bit RGB", ".png", make, quarters())


_COLOURS: tuple[tuple[str, tuple[Chunk, ...], tuple[Colour, ...]], ...] = (
    ("gamma 1", (_gamma(100000),), _FROM_LINEAR),
    ("gamma 2.2 and chromaticities of P3", (_gamma(45455), _P3), _FROM_P3_GAMMA),
    ("gamma 2.2 and chromaticities of sRGB", (_gamma(45455), _SRGB), _PLAIN),
    ("chromaticities without gamma", (_P3,), _PLAIN),
    ("gamma 0", (_gamma(0), _P3), _PLAIN),
    ("impossible chromaticities", (_gamma(45455), _chromaticities(*[0] * 8)), _PLAIN),
    ("sRGB outranks gamma", ((b"sRGB", b"\0"), _gamma(100000), _P3), _PLAIN),
    ("cICP outranks gamma", ((b"cICP", b"\x0c\x0d\0\1"), _gamma(100000)), _FROM_P3),
    ("cICP of narrow range", ((b"cICP", b"\x0c\x0d\0\0"),), _PLAIN),
    ("cICP with a matrix", ((b"cICP", b"\x0c\x0d\1\1"),), _PLAIN),
    ("unspecified cICP", ((b"cICP", b"\2\2\0\1"), _gamma(100000)), _FROM_LINEAR),
)


def _colour_cases() -> Iterator[Case]:
    for name, chunks, colours in _COLOURS:
        make = partial(_told, *chunks)
        yield Case("PNG", Feature.COLOUR, name, ".png", make, quarters(*colours))
    grays = [(137, 137, 137), (226, 226, 226), (0, 0, 0), (255, 255, 255)]
    make = partial(_png, 8, _GRAY, [(64,), (193,), (0,), (255,)], _gamma(100000))
    yield Case("PNG", Feature.COLOUR, "gray of gamma 1", ".png", make, quarters(*grays))


def _first_picture_cases() -> Iterator[Case]:
    case = partial(Case, "PNG", Feature.FIRST_PICTURE, suffix=".png", within=1)
    make = partial(_with_default_image, 96, 80, 0, 0)
    yield case("default image outside the animation", make=make, pixels=quarters())
    make = partial(_with_default_image, 48, 40, 24, 20)
    yield case("first frame smaller than its canvas", make=make, pixels=IN_THE_MIDDLE)


CASES = (*_alpha_cases(), *_depth_cases(), *_colour_cases(), *_first_picture_cases())
