"""The part of a filtergraph that a mode's file describes.

Photos come as they are stored. Cropping and scaling leave fewer pixels for the rest, so a photo is
turned upright, and its colours become sRGB, after the steps that only crop and scale it.

Two filters scale. `zscale` needs half the time, and takes YCbCr of 8 bits whose sides have whole
chroma samples; `scale` takes the rest, and needs to know where chroma lies in a cut that begins or
ends within a sample.
"""

import ffmpeg

from ffprep.conversion.command import BySize, cuts_as_cover
from ffprep.conversion.pixel_formats import (
    DEEP,
    SCALER,
    STRAIGHT,
    Stream,
    before_turning,
    color,
    convert,
    deep,
    final,
    survives_turning,
    to_srgb,
    upright,
    working,
)
from ffprep.core.image_info import ImageInfo
from ffprep.core.mode import Step
from ffprep.core.spec import Spec
from ffprep.record import Record, replace

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
