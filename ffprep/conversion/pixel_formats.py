"""Steps of a filtergraph: orientation, pixel formats, alpha, colours to sRGB."""

import os
import re
from typing import Any

import ffmpeg

from ffprep.conversion import encoders
from ffprep.core.geometry import HALF_UP, Bounds, Size
from ffprep.core.image_info import Cicp, ImageInfo
from ffprep.core.spec import Color, Spec

try:
    ffmpeg.input("a").filter("b", c=1).output("d").compile(cmd=[])
except Exception:
    raise ImportError("another package has the module ffmpeg", name="ffmpeg") from None

Stream = Any
"""A stream of ffmpeg-python, which has no types of its own."""

# Without full_chroma_inp, half the columns of an RGB picture's chroma are ignored.
SCALER = "lanczos+accurate_rnd+full_chroma_int+full_chroma_inp"

# Alpha that is kept is straight, since FFmpeg's overlay gets premultiplied RGB wrong, and 16 bits
# deep, since filters that mix neighbouring pixels get it premultiplied.
STRAIGHT = "gbrap16"

# On the way there, the scaler makes 65535 of opaque 8-bit alpha if it is packed with the colours,
# and 65280 if it is a plane, or beside a gray value.
PACKED = "|".join("pal8 rgba bgra argb abgr rgba64le rgba64be bgra64le bgra64be".split())

# Formats in which a picture may be cut at any pixel; the scaler converts subsampled ones to 4:4:4.
FULL_CHROMA = "|".join(
    "gray gray10 gray12 gray16 ya8 ya16 pal8 rgb24 bgr24 rgba bgra bgr0 argb rgb48 rgba64 "
    "gbrp gbrp10 gbrp12 gbrp16 gbrap gbrap10 gbrap12 gbrap16 yuv444p yuv444p10 yuv444p12 "
    "yuv444p16 yuva444p yuva444p10 yuva444p12".split()
)

# Deep enough for a look-up table, or a change of primaries, without visible steps.
DEEP = "gbrp16"
_WHITE = 203

# Contrast adaptive sharpening: edges get no halos, as sharp ones are sharpened less. At this
# strength, it sharpens details as much as an unsharp mask of 3x3 pixels and an amount of 0.5.
_SHARPNESS = 0.5

# JPEG is full-range BT.601 by JFIF, and AVIF as libavif and browsers write it. Set here once;
# FFmpeg's filters negotiate the rest.
_SUBSAMPLED = re.compile(r"yuv\d+p")
_JFIF = {"color_spaces": "bt470bg", "color_ranges": "pc"}


_UPRIGHT: dict[int, tuple[tuple[str, dict[str, str]], ...]] = {
    1: (),
    2: (("hflip", {}),),
    3: (("hflip", {}), ("vflip", {})),
    4: (("vflip", {}),),
    5: (("transpose", {"dir": "cclock_flip"}),),
    6: (("transpose", {"dir": "clock"}),),
    7: (("transpose", {"dir": "clock_flip"}),),
    8: (("transpose", {"dir": "cclock"}),),
}


def upright(stream: Stream, orientation: int) -> Stream:
    """Turn a picture of an EXIF orientation (1 to 8) upright."""
    for name, options in _UPRIGHT[orientation]:
        stream = stream.filter(name, **options)
    return stream


# Names in the expressions of crop and scale that change places with the sides; also of options.
_SIDES = "iw ih in_w in_h ow oh out_w out_h hsub vsub ohsub ovsub w h width height x y".split()
_OTHER_SIDE = dict(zip(_SIDES, (_SIDES[i ^ 1] for i in range(len(_SIDES))), strict=True))
_EXPRESSIONS = frozenset("w h x y out_w out_h width height".split())
_VARIABLES = frozenset(_SIDES) - _EXPRESSIONS | {"out_w", "out_h"}
_VARIABLE = re.compile(r"\b[A-Za-z_]\w*\b(?!\s*\()")


def before_turning(filter: str, options: dict[str, str], orientation: int) -> dict[str, str] | None:
    """Return the options by which a filter does the same to a photo before it is turned upright.

    Return None if there are none: only for crop and scale are they known, and only where their
    expressions use nothing but the lengths of sides.
    """
    if orientation == 1:
        return options
    known = filter in ("crop", "scale") and options.keys() <= _EXPRESSIONS | {"exact", "flags"}
    places = {key: text for key, text in options.items() if key in _EXPRESSIONS}
    if not (known and _VARIABLES.issuperset(_VARIABLE.findall(" ".join(places.values())))):
        return None
    if orientation >= 5:
        places = {
            _OTHER_SIDE[key]: _VARIABLE.sub(lambda name: _OTHER_SIDE[name[0]], text)
            for key, text in places.items()
        }
    for key, length, turns in (("x", "w", (2, 3, 7, 8)), ("y", "h", (3, 4, 6, 7))):
        if key in places and orientation in turns:
            places[key] = f"i{length}-o{length}-({places[key]})"
    return {key: text for key, text in options.items() if key not in _EXPRESSIONS} | places


def survives_turning(formats: dict[str, str | None], size: Size, orientation: int) -> bool:
    """Return whether a picture of a size loses no chroma if it is turned in its pixel format.

    Of a side of odd length, the last sample stands for one pixel, and would become the first. The
    samples of 4:2:2 lie in rows.
    """
    even = size.width % 2 == size.height % 2 == 0
    subsampled = {"yuv420p": not even, "yuv422p": True}
    return orientation == 1 or not subsampled.get(formats["pix_fmts"] or "", False)


def convert(stream: Stream, **formats: str | None) -> Stream:
    """Convert the pixel format (or the colour range or matrix) with the scaler's best settings."""
    return stream.filter("scale", flags=SCALER).filter("format", **formats)


def declared(stream: Stream, picture: ImageInfo) -> Stream:
    """Mark a decoded stream with the matrix and range of YCbCr that its container declares."""
    if picture.ycbcr is None:
        return stream
    options = {"range": "pc" if picture.ycbcr.full_range else "tv"}
    if picture.ycbcr.matrix:
        options["colorspace"] = picture.ycbcr.matrix
    if picture.ycbcr.location:
        options["chroma_location"] = picture.ycbcr.location
    return stream.filter("setparams", **options)


def cut(stream: Stream, bounds: Bounds, orientation: int) -> Stream:
    """Cut a photo that is not turned yet at the nearest pixels, as `Bounds.of` does."""
    left, right = (f"floor(iw*{edge!r}+{HALF_UP!r})" for edge in (bounds.left, bounds.right))
    top, bottom = (f"floor(ih*{edge!r}+{HALF_UP!r})" for edge in (bounds.top, bounds.bottom))
    edges = {"w": f"{right}-{left}", "h": f"{bottom}-{top}", "x": left, "y": top, "exact": "1"}
    return stream.filter("crop", **before_turning("crop", edges, orientation) or {})


def flatten(stream: Stream, background: Color) -> Stream:
    """Lay a picture with alpha on `background`. Before scaling, this replaces premultiplying."""
    layers = convert(stream, pix_fmts="gbrap").filter_multi_output("split")
    backdrop = layers[0].filter(
        "drawbox", w="iw", h="ih", t="fill", replace=1, color=color(background)
    )
    flat = ffmpeg.filter([backdrop, layers[1]], "overlay", format="gbrp", alpha="straight")
    return flat.filter("format", pix_fmts="gbrp")


def deep(alpha: bool) -> dict[str, str | None]:
    """Return the pixel format in which colours are converted."""
    return {"pix_fmts": STRAIGHT if alpha else DEEP}


def to_srgb(stream: Stream, picture: ImageInfo, alpha: bool) -> Stream:
    """Convert the colours of a `deep` stream to sRGB: by a look-up table, or tone mapping HDR."""
    if picture.lut:
        return stream.filter("lut3d", file=os.fspath(picture.lut), interp="tetrahedral")
    assert picture.cicp
    return _tone_mapped(stream, picture.cicp, "gbrapf32le" if alpha else "gbrpf32le")


def _tone_mapped(stream: Stream, cicp: Cicp, floats: str) -> Stream:
    """Convert HDR to sRGB: unchanged up to half of diffuse white, and compressed above.

    White is 203 cd/m2 and the brightest highlight 1000 (ITU-R BT.2408).
    """
    rgb = {"matrixin": "gbr", "matrix": "gbr", "rangein": "full", "range": "full"}
    source = {"primariesin": cicp.primaries, "transferin": cicp.transfer}
    # agamma=0: HLG's gamma of all channels together, not an approximation channel by channel.
    linear = {"primaries": "bt709", "transfer": "linear", "npl": _WHITE, "agamma": 0}
    light = stream.filter("zscale", **rgb, **source, **linear).filter("format", pix_fmts=floats)
    mapped = light.filter("tonemap", tonemap="mobius", param=0.5, peak=1000 / _WHITE, desat=0)
    screen = {"primariesin": "bt709", "transferin": "linear", "primaries": "bt709"}
    return mapped.filter("zscale", **rgb, **screen, transfer="iec61966-2-1")


def working(spec: Spec, alpha: bool) -> dict[str, str | None]:
    """Return the pixel format between a mode's steps: full chroma, so that odd sizes are exact."""
    if alpha:
        return _formats(spec, STRAIGHT)
    if not spec.background.opaque:
        return _formats(spec, spec.format.final_alpha or "")
    return _formats(spec, _SUBSAMPLED.sub("yuv444p", encoders.pixel_format(spec)))


def final(spec: Spec, alpha: bool) -> dict[str, str | None]:
    """Return the pixel format in which a mode ends: the encoder's, if nothing is lost by it."""
    if spec.translucent(alpha):
        return working(spec, alpha)
    return _formats(spec, encoders.pixel_format(spec))


def alpha_plane(stream: Stream, spec: Spec) -> tuple[Stream, Stream]:
    """Split a finished picture with alpha into its colours and its alpha, for AVIF."""
    both = stream.filter_multi_output("split")
    depth = "gray10le" if spec.depth == 10 else "gray"
    colours = convert(both[0], **_formats(spec, encoders.pixel_format(spec)))
    alpha = both[1].filter("extractplanes", planes="a").filter("setparams", colorspace="bt470bg")
    return colours, convert(alpha, pix_fmts=depth, **_JFIF)


def _formats(spec: Spec, format: str) -> dict[str, str | None]:
    """Return a pixel format, with what an encoder leaves open: matrix and range, kind of alpha."""
    if format.startswith("yuv"):
        return {"pix_fmts": format, **_JFIF}
    if spec.format.name == "jpegxl":  # it takes premultiplied alpha, which `overlay` gets wrong
        return {"pix_fmts": format, "alpha_modes": "straight"}
    return {"pix_fmts": format}


def sharpened(stream: Stream, formats: dict[str, str | None]) -> Stream:
    """Sharpen a picture in its pixel format; not its chroma, nor its alpha."""
    if (formats["pix_fmts"] or "").startswith(("yuv", "gray")):
        return stream.filter("cas", strength=_SHARPNESS, planes=1)
    planar = convert(stream, pix_fmts=f"gbrp|gbrap|{STRAIGHT}")
    return convert(planar.filter("cas", strength=_SHARPNESS, planes=7), **formats)


def color(color: Color) -> str:
    """Return a colour as FFmpeg writes it."""
    return f"0x{color.red:02x}{color.green:02x}{color.blue:02x}{color.alpha:02x}"
