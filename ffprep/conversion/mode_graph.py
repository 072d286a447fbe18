"""The part of a filtergraph that a mode's file describes: steps, orientation, colours to sRGB.

Photos come as they are stored. Cropping and scaling leave fewer pixels for the rest, so a photo is
turned upright, and its colours become sRGB, after the steps that only crop and scale it.

Two filters scale. `zscale` needs half the time, and takes YCbCr of 8 bits whose sides have whole
chroma samples; `scale` takes the rest, and needs to know where chroma lies in a cut that begins or
ends within a sample.
"""

import os
import re
from typing import Any

import ffmpeg

from ffprep.conversion import encoders
from ffprep.conversion.command import SCALER, BySize, cuts_as_cover
from ffprep.core.geometry import Size
from ffprep.core.image_info import Cicp, ImageInfo
from ffprep.core.mode import Step
from ffprep.core.spec import Color, Spec
from ffprep.record import Record, replace

try:
    ffmpeg.input("a").filter("b", c=1).output("d").compile(cmd=[])
except Exception:
    raise ImportError("another package has the module ffmpeg", name="ffmpeg") from None

Stream = Any
"""A stream of ffmpeg-python, which has no types of its own."""

# Alpha that is kept is straight, since FFmpeg's overlay gets premultiplied RGB wrong, and 16 bits
# deep, since filters that mix neighbouring pixels get it premultiplied.
STRAIGHT = "gbrap16"

# Deep enough for a look-up table, or a change of primaries, without visible steps.
DEEP = "gbrp16"
_WHITE = 203

# JPEG is full-range BT.601 by JFIF, and AVIF as libavif and browsers write it. Set here once;
# FFmpeg's filters negotiate the rest.
_SUBSAMPLED = re.compile(r"yuv\d+p")
JFIF = {"color_spaces": "bt470bg", "color_ranges": "pc"}

_MIXING = frozenset(
    "scale zscale gblur boxblur avgblur sab smartblur unsharp rotate perspective".split()
)

# The orientations that are turned by vflip, whose output has its rows backwards in memory. zscale
# crashes on such a picture, and lut3d on some, so a copy is made where colours are converted.
_BACKWARDS = frozenset((3, 4))

# These filters work in any colour space.
_GEOMETRIC = frozenset("crop scale hflip vflip transpose".split())


# The format of layers of 10 bits that FFmpeg's overlay takes; it takes no RGB of 10 bits.
_DEEP_OVERLAY = "yuv444p10"


class _Stage(Record):
    """A stream between two steps, and what is still to be done to it.

    `orientation` is the one to turn it from, `foreign` whether its colours are to become sRGB.
    `scaled` says that the last step was a scale, whose output has a known pixel format: the
    encoder's, if it is `final`. `planar` means that `zscale` takes it; `chroma` is where chroma
    lies if it is not in its usual place. After a crop, both are known only for ffprep's `cover`.
    """

    stream: Stream
    orientation: int
    foreign: bool
    scaled: bool = False
    final: bool = False
    planar: bool = False
    chroma: tuple[int, int] | None = None

    @property
    def upright(self) -> "_Stage":
        if self.orientation == 1:
            return self
        stream = upright(self.stream, self.orientation)
        if self.foreign and self.orientation in _BACKWARDS:
            stream = stream.filter("copy")
        return replace(self, stream=stream, orientation=1, chroma=None, planar=False)


class ModeGraph(Record):
    """Applies the steps of a Spec's mode to a photo, with `alpha` that the output keeps if so."""

    spec: Spec
    picture: ImageInfo
    alpha: bool

    def of(self, stream: Stream, by_size: BySize) -> Stream:
        """Return the output of the steps. A stream that several steps read is split."""
        picture = self.picture
        photo = _Stage(
            stream,
            picture.orientation,
            picture.needs_srgb,
            planar=by_size.whole,
            chroma=by_size.chroma,
        )
        steps, values = self.spec.mode.steps, _values(self.spec)
        sources, readers = _wiring(steps)
        branches = {-1: _branches(photo, readers[-1])}
        for index, step in enumerate(steps):
            inputs = [branches[source].pop() for source in sources[index]]
            options = {key: value.format_map(values) for key, value in step.options}
            stage = self._step(step.filter, inputs, options, index == len(steps) - 1)
            branches[index] = _branches(stage, readers[index])
        return self._end(branches[len(steps) - 1].pop())

    def _step(
        self, filter: str, inputs: list[_Stage], options: dict[str, str], last: bool
    ) -> _Stage:
        one = len(inputs) == 1
        turned = before_turning(filter, options, inputs[0].orientation) if one else None
        if turned is None:
            inputs = [stage.upright for stage in inputs]
        if filter not in _GEOMETRIC:
            inputs = [self._in_srgb(stage) for stage in inputs]
        options = options if turned is None else turned
        if filter == "scale":
            return self._scaled(inputs[0], options, last)
        if filter == "overlay" and all(stage.scaled for stage in inputs):
            formats = working(self.spec, self.alpha)
            if formats["pix_fmts"] == f"{_DEEP_OVERLAY}le":
                options = options | {"format": _DEEP_OVERLAY}
        stream = self._filter(filter, [stage.stream for stage in inputs], options)
        cut = replace(inputs[0], stream=stream, scaled=False, final=False)
        if filter == "crop" and cuts_as_cover(self.spec.mode):
            return cut
        return replace(cut, planar=False, chroma=None)

    def _scaled(self, stage: _Stage, options: dict[str, str], last: bool) -> _Stage:
        ends = last and not stage.foreign
        ends = ends and survives_turning(
            final(self.spec, self.alpha), self.spec.size, stage.orientation
        )
        formats = (final if ends else working)(self.spec, self.alpha)
        if stage.foreign:
            formats = deep(self.alpha)
        planar = stage.planar and options.keys() <= {"w", "h"} and self._fits_zscale(formats)
        planar = planar and not (stage.foreign and stage.orientation in _BACKWARDS)
        if planar:
            stream = stage.stream.filter("zscale", filter="lanczos", **options)
        else:
            options = {"flags": SCALER} | options
            if stage.chroma:
                across, down = map(str, stage.chroma)
                options |= {"in_h_chr_pos": across, "in_v_chr_pos": down}
            stream = self._filter("scale", [stage.stream], options)
        # Without a format, two scalers would use the photo's own in between: palette, 4:2:0, 1 bit.
        stream = stream.filter("format", **formats)
        return replace(stage, stream=stream, scaled=True, final=ends, planar=planar, chroma=None)

    def _fits_zscale(self, formats: dict[str, str | None]) -> bool:
        size, format = self.spec.size, formats["pix_fmts"]
        return format in ("yuv444p", DEEP) or (
            format in ("yuv420p", "yuv422p") and size.width % 2 == size.height % 2 == 0
        )

    def _filter(self, filter: str, inputs: list[Stream], options: dict[str, str]) -> Stream:
        mixing = self.alpha and filter in _MIXING
        if mixing:
            straight = (stream.filter("format", pix_fmts=STRAIGHT) for stream in inputs)
            inputs = [stream.filter("premultiply", inplace=1) for stream in straight]
        output = ffmpeg.filter(inputs, filter, **options)
        if mixing:
            output = output.filter("format", pix_fmts=STRAIGHT).filter("unpremultiply", inplace=1)
        return output

    def _in_srgb(self, stage: _Stage) -> _Stage:
        if not stage.foreign:
            return stage
        stream = convert(self._srgb(stage), **working(self.spec, self.alpha))
        return replace(stage, stream=stream, foreign=False)

    def _srgb(self, stage: _Stage) -> Stream:
        """Convert a stage to sRGB. After a scale, it is deep already."""
        stream = stage.stream if stage.scaled else convert(stage.stream, **deep(self.alpha))
        return to_srgb(stream, self.picture, self.alpha)

    def _end(self, stage: _Stage) -> Stream:
        """Do what is left to do, and convert to the encoder's pixel format."""
        backwards, stage = stage.orientation in _BACKWARDS, stage.upright
        if stage.foreign:
            stream, formats = self._srgb(stage), final(self.spec, self.alpha)
            # With fewer samples, zscale would move them.
            if formats["pix_fmts"] == "yuv444p" and not backwards:
                return stream.filter("zscale").filter("format", **formats)
            return convert(stream, **formats)
        if stage.final:
            return stage.stream
        stream = stage.stream.filter("format", **working(self.spec, self.alpha))
        ends = final(self.spec, self.alpha)
        return convert(stream, **ends) if "color_spaces" in ends else stream


def _wiring(steps: tuple[Step, ...]) -> tuple[list[list[int]], dict[int, int]]:
    """Return the steps that each step reads (-1 is the photo), and how many read each."""
    latest = {"photo": -1, "": -1}
    readers = dict.fromkeys(range(-1, len(steps)), 0)
    sources = []
    for index, step in enumerate(steps):
        sources.append([latest[name] for name in step.reads])
        for source in sources[-1]:
            readers[source] += 1
        latest |= {step.makes: index, "": index}
    readers[len(steps) - 1] += 1
    return sources, readers


def _branches(stage: _Stage, count: int) -> list[_Stage]:
    if count < 2:
        return [stage]
    split = stage.stream.filter_multi_output("split", count)
    return [replace(stage, stream=split[index]) for index in reversed(range(count))]


def _values(spec: Spec) -> dict[str, str]:
    return {
        "width": str(spec.size.width),
        "height": str(spec.size.height),
        "background": color(spec.background),
        "focus_x": repr(spec.focus.x),
        "focus_y": repr(spec.focus.y),
    }


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
        return formats_of(spec, STRAIGHT)
    if not spec.background.opaque:
        return formats_of(spec, spec.format.final_alpha or "")
    return formats_of(spec, _SUBSAMPLED.sub("yuv444p", encoders.pixel_format(spec)))


def final(spec: Spec, alpha: bool) -> dict[str, str | None]:
    """Return the pixel format in which a mode ends: the encoder's, if nothing is lost by it."""
    if spec.translucent(alpha):
        return working(spec, alpha)
    return formats_of(spec, encoders.pixel_format(spec))


def formats_of(spec: Spec, format: str) -> dict[str, str | None]:
    """Return a pixel format, with what an encoder leaves open: matrix and range, kind of alpha."""
    if format.startswith("yuv"):
        return {"pix_fmts": format, **JFIF}
    if spec.format.name == "jpegxl":  # it takes premultiplied alpha, which `overlay` gets wrong
        return {"pix_fmts": format, "alpha_modes": "straight"}
    return {"pix_fmts": format}


def color(color: Color) -> str:
    """Return a colour as FFmpeg writes it."""
    return f"0x{color.red:02x}{color.green:02x}{color.blue:02x}{color.alpha:02x}"
