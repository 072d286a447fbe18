"""JPEG XLs, which the embedded FFmpeg encodes."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.geometry import Size
from ffprep.core.image_info import Cicp
from ffprep.image.icc import profile_of
from ffprep.system.processes import answer
from scripts.cases.case import SQUARES, Case, Feature, Pixels, Verdict, quarters, squares

_LOSSLESS = ("-c:v", "libjxl", "-effort", "1", "-distance", "0")
_LOSSY = ("-c:v", "libjxl", "-effort", "1", "-distance", "0.5")

# What LittleCMS makes of SQUARES in Display P3.
_FROM_P3 = ((251, 0, 0), (0, 204, 13), (34, 61, 229), (240, 240, 240))
_TABLE = 8
"""How far a look-up table may be from LittleCMS where colours leave sRGB."""

_GRAY = ((90, 90, 90), (133, 133, 133), (72, 72, 72), (240, 240, 240))


def _encoded(*options: str, picture: Callable[[], Image.Image] = squares, **saving: Any) -> bytes:
    """Return what FFmpeg encodes of a picture; `saving` are options of the PNG that it reads."""
    with tempfile.TemporaryDirectory() as folder:
        png, jxl = Path(folder, "in.png"), Path(folder, "out.jxl")
        picture().save(png, **saving)
        argv = [find().path, "-v", "error", "-noautorotate", "-i", str(png), *options]
        answer([*argv, "-f", "rawvideo", str(jxl)], seconds=60)
        return jxl.read_bytes()


def _p3() -> bytes:
    profile = profile_of(Cicp(12, 13))
    assert profile
    return profile.data


def _with_profile(*options: str) -> bytes:
    return _encoded(*options, icc_profile=_p3())


def _float_gray() -> bytes:
    graph = "format=gray,format=grayf32le,setparams=color_trc=iec61966-2-1"
    return _encoded("-vf", graph, "-pix_fmt", "grayf32le", *_LOSSLESS)


def _turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return _encoded(*_LOSSLESS, exif=exif)


def _gray() -> Image.Image:
    return squares().convert("L")


def _quarter_clear(mode: str) -> Image.Image:
    picture = squares().convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 48, 40))
    return picture.convert(mode)


def _animation() -> bytes:
    """The second frame is gray."""
    gray = "tpad=stop=1:stop_mode=add:color=gray"
    return _encoded("-vf", gray, "-c:v", "libjxl_anim", "-effort", "1", "-distance", "0")


def _inks() -> bytes:
    """Return a header with a channel of black ink, which is all that is read."""
    fields = [
        (0x0AFF, 16),
        *[(1, 1), (9, 5), (0, 3), (11, 5)],  # 96x80, both in eighths
        *[(0, 1), (0, 1)],  # not all of it has its default, nothing is turned
        *[(0, 1), (0, 2), (1, 1)],  # eight bits
        *[(1, 2), (0, 1), (2, 2), (2, 4), (0, 1), (0, 2), (0, 2), (0, 2)],  # black
        *[(0, 1), (1, 1)],  # sRGB
    ]
    number = at = 0
    for value, bits in fields:
        number |= value << at
        at += bits
    return number.to_bytes(64, "little")


def _turned_squares() -> Pixels:
    """Return the Pixels of `squares` turned clockwise."""
    places = ((20, 24), (60, 24), (20, 72), (60, 72))
    colours = (SQUARES[2], SQUARES[0], SQUARES[3], SQUARES[1])
    return tuple(zip(places, colours, strict=True))


def _clear(colours: tuple[tuple[int, ...], ...]) -> Pixels:
    return quarters((0, 0, 0, 0), *((*colour, 255) for colour in colours[1:]))


def _case(
    feature: Feature, name: str, make: Callable[[], bytes], pixels: Pixels, within: int = 3
) -> Case:
    return Case("JPEG XL", feature, name, ".jxl", make, pixels, within=within)


def _deep(pixel_format: str) -> Callable[[], bytes]:
    return partial(_encoded, "-pix_fmt", pixel_format, *_LOSSLESS)


_AS_P3 = ("-vf", "setparams=color_primaries=smpte432:color_trc=iec61966-2-1")

CASES = (
    _case(Feature.KIND, "lossless", partial(_encoded, *_LOSSLESS), quarters()),
    _case(Feature.KIND, "lossy", partial(_encoded, *_LOSSY), quarters(), 6),
    Case(
        *("JPEG XL", Feature.KIND, "CMYK", ".jxl", _inks),
        verdict=Verdict.UNSUPPORTED,
        words="is a JPEG XL of CMYK inks",
    ),
    _case(Feature.DEPTH, "16 bits", _deep("rgb48le"), quarters()),
    _case(Feature.DEPTH, "gray of 8 bits", _deep("gray"), quarters(*_GRAY)),
    _case(Feature.DEPTH, "gray of floats", _float_gray, quarters(*_GRAY)),
    _case(Feature.DEPTH, "gray of 16 bits", _deep("gray16le"), quarters(*_GRAY)),
    _case(
        *(Feature.COLOUR, "profile, lossless"),
        partial(_with_profile, *_LOSSLESS),
        quarters(*_FROM_P3),
        _TABLE,
    ),
    _case(
        Feature.COLOUR,
        "profile, lossy",
        partial(_with_profile, *_LOSSY),
        quarters(*_FROM_P3),
        _TABLE,
    ),
    _case(
        *(Feature.COLOUR, "code points of P3"),
        partial(_encoded, *_AS_P3, *_LOSSLESS),
        quarters(*_FROM_P3),
        _TABLE,
    ),
    _case(
        *(Feature.ALPHA, "RGB with alpha"),
        partial(_encoded, *_LOSSLESS, picture=partial(_quarter_clear, "RGBA")),
        _clear(SQUARES),
    ),
    _case(
        *(Feature.ALPHA, "gray with alpha"),
        partial(_encoded, *_LOSSLESS, picture=partial(_quarter_clear, "LA")),
        _clear(_GRAY),
    ),
    Case(
        *("JPEG XL", Feature.ORIENTATION, "turned by its header", ".jxl", _turned),
        _turned_squares(),
        Size(80, 96),
    ),
    _case(Feature.FIRST_PICTURE, "animation", _animation, quarters()),
)
