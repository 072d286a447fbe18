"""TIFFs of unusual depths, layouts and codecs."""

from collections.abc import Callable
from functools import partial

from scripts.cases.case import SIZE, Case, Feature, Pixels, Verdict, quarters, squares
from scripts.cases.tiff_writer import (
    CIELAB,
    CMYK,
    DEFLATE,
    GRAY,
    LZW,
    MIN_IS_WHITE,
    PACKBITS,
    PALETTE,
    RGB,
    YCBCR,
    Sample,
    Tiff,
)

Colour = tuple[float, ...]
_SQUARES = tuple(colour for _, colour in quarters())


def _make(layout: Tiff, colours: tuple[Colour, ...]) -> bytes:
    """Return a picture whose quarters have these colours of 0 to 255, scaled to its depth."""
    return layout.write(
        (SIZE.width, SIZE.height),
        lambda x, y: _samples(layout, colours[(x >= 48) + 2 * (y >= 40)]),
    )


def _samples(layout: Tiff, colour: Colour) -> tuple[Sample, ...]:
    if layout.format == 3:
        return tuple(value / 255 for value in colour)
    white = (1 << layout.bits - (layout.format == 2)) - 1
    return tuple(round(value * white / 255) for value in colour)


def _case(feature: Feature, name: str, layout: Tiff, *colours: Colour, shown: Pixels = ()) -> Case:
    make = partial(_make, layout, colours or _SQUARES)
    return Case("TIFF", feature, name, ".tif", make, shown or quarters())


_GRAYS = (0, 85, 170, 255)  # exact in every even number of bits


def _gray(name: str, layout: Tiff) -> Case:
    white = 255 if layout.photometric == MIN_IS_WHITE else 0
    colours = [(abs(white - gray),) for gray in _GRAYS]
    shown = quarters(*((gray,) * 3 for gray in _GRAYS))
    return _case(Feature.DEPTH, name, layout, *colours, shown=shown)


_OPACITIES = (255, 200, 130, 0)
_TRANSLUCENT = quarters(*((*c, alpha) for c, alpha in zip(_SQUARES, _OPACITIES, strict=True)))


def _premultiplied(layout: Tiff) -> bytes:
    pairs = zip(_SQUARES, _OPACITIES, strict=True)
    return _make(layout, tuple((*(v * a / 255 for v in colour), a) for colour, a in pairs))


def _gray_alpha() -> Case:
    colours = tuple(zip(_GRAYS, _OPACITIES, strict=True))
    shown = quarters(*((gray, gray, gray, alpha) for gray, alpha in colours))
    layout = Tiff(GRAY, 12, ">", extra=(2,), planar=True, rows=30)
    return _case(Feature.ALPHA, "gray, planes of 12 bits", layout, *colours, shown=shown)


def _palette(bits: int, scale: int) -> bytes:
    """Return a picture with a palette, whose values `scale` makes 8 or 16 bits."""
    rest = [(0, 0, 0)] * ((1 << bits) - len(_SQUARES))
    colours = [*_SQUARES, *rest]
    values = tuple(colour[channel] * scale for channel in range(3) for colour in colours)
    layout = Tiff(PALETTE, bits, tags={320: (3, values)})
    return layout.write((SIZE.width, SIZE.height), lambda x, y: ((x >= 48) + 2 * (y >= 40),))


class _Subsampled(Tiff):
    """YCbCr 4:2:0: the luma of two by two pixels, then their chroma."""

    def parts(
        self, size: tuple[int, int], sample: Callable[[int, int], tuple[Sample, ...]]
    ) -> list[bytes]:
        blocks = bytearray()
        for y in range(0, size[1], 2):
            for x in range(0, size[0], 2):
                blocks += bytes(int(sample(x, y)[0]) for _ in range(4))
                blocks += bytes(map(int, sample(x, y)[1:]))
        return [bytes(blocks)]


def _ycbcr() -> bytes:
    picture = squares().convert("YCbCr")
    layout = _Subsampled(YCBCR, tags={530: (3, (2, 2))})

    def sample(x: int, y: int) -> tuple[int, ...]:
        values = picture.getpixel((x, y))
        assert isinstance(values, tuple)
        return tuple(map(int, values))

    return layout.write((SIZE.width, SIZE.height), sample)


_LAB = ((47.5, 56, 34), (52.2, -37, 29), (40.8, 17, -56), (100, 0, 0))
_FROM_LAB = quarters((200, 60, 60), (60, 140, 70), (70, 90, 190), (255, 255, 255))


def _lab() -> bytes:
    """Return CIELab of 16 bits as libvips writes it: L is unsigned, though it says signed."""
    colours = [(round(L * 655.35) - (65536 if L > 50 else 0), a * 256, b * 256) for L, a, b in _LAB]
    layout = Tiff(CIELAB, 16, format=2)
    size = SIZE.width, SIZE.height
    return layout.write(size, lambda x, y: colours[(x >= 48) + 2 * (y >= 40)])


def _turned() -> bytes:
    layout = Tiff(RGB, 12, ">", big=True, tile=(32, 48), tags={274: (3, (3,))})
    return _make(layout, _SQUARES[::-1])


def _unsupported(name: str, layout: Tiff, words: str) -> Case:
    colours = ((0.0,) * (len(layout.extra) + (4 if layout.photometric == CMYK else 1)),) * 4
    make = partial(_make, layout, colours)
    verdict = Verdict.UNSUPPORTED
    return Case("TIFF", Feature.KIND, name, ".tif", make, verdict=verdict, words=words)


_INKS = tuple((*(255 - value for value in colour), 0) for colour in _SQUARES)
_OPAQUE = tuple((*colour, 100) for colour in _SQUARES)

CASES = (
    _gray("gray of 12 bits, LZW", Tiff(GRAY, 12, compression=LZW, rows=7)),
    _gray(
        "gray of 12 bits, tiles, 0 is white", Tiff(MIN_IS_WHITE, 12, ">", DEFLATE, tile=(32, 16))
    ),
    _gray("gray of 2 bits, 0 is white, tiles", Tiff(MIN_IS_WHITE, 2, tile=(32, 16))),
    _gray("gray of 10 bits, one plane", Tiff(GRAY, 10, compression=PACKBITS, planar=True)),
    _gray(
        "gray of 16 bits, tiles of differences",
        Tiff(GRAY, 16, ">", LZW, predictor=2, tile=(32, 16)),
    ),
    _gray("gray of floats, big-endian", Tiff(GRAY, 32, ">", DEFLATE, format=3)),
    _case(Feature.DEPTH, "planes of 12 bits", Tiff(RGB, 12, ">", planar=True, rows=30)),
    _case(Feature.KIND, "old LZW, lowest bit first", Tiff(RGB, compression=LZW, old_lzw=True)),
    _case(Feature.DEPTH, "planes of 16 bits", Tiff(RGB, 16, planar=True)),
    _case(Feature.DEPTH, "14 bits", Tiff(RGB, 14, compression=DEFLATE, rows=9)),
    _case(Feature.DEPTH, "32 bits, differences", Tiff(RGB, 32, ">", DEFLATE, predictor=2)),
    _case(Feature.DEPTH, "signed integers", Tiff(RGB, 16, format=2)),
    _case(Feature.COLOUR, "CMYK, planes of 16 bits", Tiff(CMYK, 16, planar=True), *_INKS),
    Case("TIFF", Feature.COLOUR, "YCbCr 4:2:0", ".tif", _ycbcr, quarters()),
    Case("TIFF", Feature.COLOUR, "CIELab of 16 bits", ".tif", _lab, _FROM_LAB),
    Case("TIFF", Feature.COLOUR, "palette of 8 bits", ".tif", partial(_palette, 8, 1), quarters()),
    Case("TIFF", Feature.COLOUR, "3-bit indices", ".tif", partial(_palette, 3, 257), quarters()),
    _gray_alpha(),
    Case(
        "TIFF",
        Feature.ALPHA,
        "premultiplied, 12 bits",
        ".tif",
        partial(_premultiplied, Tiff(RGB, 12, extra=(1,))),
        _TRANSLUCENT,
    ),
    _case(
        Feature.ALPHA, "a channel that is none", Tiff(RGB, 16, extra=(0,), planar=True), *_OPAQUE
    ),
    _case(Feature.KIND, "big-endian BigTIFF", Tiff(RGB, 8, ">", big=True, rows=28)),
    Case("TIFF", Feature.ORIENTATION, "BigTIFF, 12 bits", ".tif", _turned, quarters()),
    _case(Feature.KIND, "bytes left over in tiles", Tiff(RGB, tile=(32, 16), padding=10)),
    _case(Feature.KIND, "lowest bit first", Tiff(RGB, 12, compression=LZW, fill_order=2)),
    _unsupported("LERC", Tiff(GRAY, compression=34887), "compressed with LERC"),
    _unsupported("JPEG of 12 bits", Tiff(GRAY, 12, compression=7), "of 12-bit JPEG"),
    _unsupported("half floats", Tiff(GRAY, 16, format=3), "of 16-bit floats"),
    _unsupported("CMYK with alpha", Tiff(CMYK, extra=(2,)), "of CMYK with alpha"),
)
