"""Build an FFmpeg command line of a mode, a Spec and an ImageInfo, with ffmpeg-python.

Every filtergraph has the same steps, in this order:

    showinfo             log the size that was decoded
    declared             matrix and range of YCbCr, where the container's word counts
    crop bounds          all later steps see only what is left; a tiny crop is enlarged at once
    alpha                lay it on the background if the output has none
    the mode's steps     from its file in filters/ (`mode_graph`); those that mix pixels get
                         premultiplied alpha
    turn upright         the eight EXIF orientations, and colours to sRGB: before the first of the
                         mode's steps that does more than crop or scale
    finish               chroma subsampling, the encoder's pixel format, no metadata

Expressions see `iw` and `ih`, so one graph serves photos of every size.
"""

import math
import os
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import ffmpeg

from ffprep.conversion import encoders
from ffprep.conversion.mode_graph import apply_mode
from ffprep.conversion.pixel_formats import (
    PACKED,
    SCALER,
    STRAIGHT,
    Stream,
    convert,
    cut,
    declared,
    deep,
    final,
    flatten,
    stored_corner,
    to_srgb,
)
from ffprep.core.fitting import cropped_size
from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.spec import Spec
from ffprep.record import Record, replace

_LARGEST_FACTOR = 6000


def command(binary: str, source: Path, picture: ImageInfo, spec: Spec, output: Path) -> list[str]:
    """Return the argv that converts `source` to `output`, whatever their names are.

    For an ImageInfo with `raw`, ffmpeg reads pixels from its standard input instead of `source`.
    """
    names = {_SOURCE: _url(source), _OUTPUT: _url(output)}
    arguments = _arguments(picture, spec, _SINGLE, _BySize.of(picture, spec))
    return [binary, *(names.get(word, word) for word in arguments)]


class Sequence(Record):
    """What photos of one stream have in common: all of ffmpeg's arguments except the names.

    `raw` is the pixel format of frames from a pipe, which has only one.
    """

    arguments: tuple[str, ...]
    raw: str | None = None


SEQUENCE_FOLDERS = ("in", "out")
"""The folders of a sequence's photos and outputs, each named by its number from 0."""


def sequence(picture: ImageInfo, spec: Spec) -> Sequence | None:
    """Return the Sequence that a photo can be a part of; None if it has to go alone."""
    if not (picture.format.streams and picture.ffmpeg_reads):
        return None
    files = _PIPED if picture.raw else _NUMBERED
    by_size = _BySize.of(picture, spec)
    return Sequence(_arguments(shared(picture), spec, files, by_size), picture.raw)


def sequence_command(binary: str, sequence: Sequence, folder: Path) -> list[str]:
    """Return the argv that converts FOLDER/in/0, 1, ... to FOLDER/out/0, 1, ... if possible.

    Photos with `raw` are read from its standard input instead, as `nut` writes them.
    """
    root = _url(folder).replace("%", "%%")
    places = zip((_SOURCE, _OUTPUT), SEQUENCE_FOLDERS, strict=True)
    names = {word: f"{root}/{name}/%d" for word, name in places}
    return [binary, *(names.get(word, word) for word in sequence.arguments)]


class Placed(Record):
    """A picture on a sheet: its file, its size there, and its upper left corner."""

    path: Path
    size: Size
    x: int
    y: int


def sheet_command(
    binary: str, paper: Path, pictures: Iterable[Placed], spec: Spec, output: Path
) -> list[str]:
    """Return the argv that lays PNG pictures on a PNG `paper` of the Spec's size."""
    reading = _only("file", "image2", "png") | {"pattern_type": "none"}
    stream = ffmpeg.input(_url(paper), **reading)["v:0"]
    for placed in pictures:
        picture = ffmpeg.input(_url(placed.path), **reading)["v:0"]
        shown = picture.filter("scale", w=placed.size.width, h=placed.size.height, flags=SCALER)
        inputs = [stream, shown.filter("format", pix_fmts="rgba")]
        stream = ffmpeg.filter(inputs, "overlay", x=placed.x, y=placed.y, format="gbrp")
    stream = _finish(convert(stream, **final(spec, alpha=False)), spec, alpha=False)
    names = {_OUTPUT: _url(output)}
    return [binary, *(names.get(word, word) for word in _compiled(stream, spec, _SINGLE))]


# ffmpeg-python accepts only UTF-8 names; the real names replace these afterwards.
_SOURCE, _OUTPUT = "<source>", "<output>"


class _FileOptions(Record):
    """The options of reading and writing one picture, or many."""

    reading: tuple[tuple[str, object], ...]
    writing: tuple[tuple[str, object], ...]
    err_detect: str


# A single name is not a pattern, even with a % in it.
_SINGLE = _FileOptions((("pattern_type", "none"),), (("frames:v", 1), ("update", 1)), "crccheck")

# The number of an output is that of its photo, also if others are dropped as damaged. Most damage
# drops a photo; `DecoderLog.may_complain_about` finds the rest.
_NUMBERED = _FileOptions(
    (("pattern_type", "sequence"), ("framerate", 1), ("start_number", 0)),
    (("fps_mode", "passthrough"), ("enc_time_base", 1), ("frame_pts", 1)),
    "crccheck+explode",
)

# Frames of a pipe have their numbers already. Without copyts, the first one would become 0.
_PIPED = replace(_NUMBERED, reading=(), writing=(*_NUMBERED.writing, ("copyts", None)))


def _url(path: Path) -> str:
    """Return a file name that FFmpeg cannot read as an option, a protocol or a pattern."""
    return "file:" + os.fspath(path)


# The pixels across and down that share one chroma sample.
_SAMPLES = {
    "gray": (1, 1),
    "yuv444p": (1, 1),
    "yuv422p": (2, 1),
    "yuv440p": (1, 2),
    "yuv420p": (2, 2),
    "yuv411p": (4, 1),
}


class _BySize(Record):
    """What in a filtergraph depends on the photo's size; photos that differ in it share no stream.

    `repeats` is how often each pixel is repeated, if the photo is too tiny for the scaler to
    enlarge it at once. `odd` is true if the bounds begin between two chroma samples of the stored
    photo, `whole` if the sides of what they leave have whole chroma samples.
    """

    repeats: int
    odd: bool
    whole: bool

    @classmethod
    def of(cls, picture: ImageInfo, spec: Spec) -> "_BySize":
        """The scaler fails beyond 65536 / 10 times (libswscale/utils.c: steps under 10 / 65536)."""
        shown = picture.shown
        cropped = cropped_size(shown, spec.bounds)
        factor = max(spec.size.width / cropped.width, spec.size.height / cropped.height)
        sample = _SAMPLES.get(picture.planes or "")
        across, down = sample or (2, 2)
        if picture.orientation >= 5:
            across, down = down, across
        left, top = stored_corner(spec.bounds, shown, picture.orientation)
        odd = bool(left % across or top % down)
        whole = odd or not (cropped.width % across or cropped.height % down)
        planar = sample is not None and picture.ffmpeg_reads and not picture.raw
        factor *= max(sample or (1, 1))  # chroma is enlarged more
        return cls(math.ceil(factor / _LARGEST_FACTOR), odd, whole and planar)


def shared(picture: ImageInfo) -> ImageInfo:
    """Return an ImageInfo without what may differ in one stream, such as the photos' sizes."""
    planes = picture.planes if picture.raw else None
    return replace(
        picture, stored=Size(1, 1), planes=planes, profile=None, output_profile=None, warnings=()
    )


@lru_cache(maxsize=256)
def _arguments(
    picture: ImageInfo, spec: Spec, files: _FileOptions, by_size: _BySize
) -> tuple[str, ...]:
    stream = declared(_source(picture, files).filter("showinfo", checksum=0), picture)
    if picture.mode == "1" and not picture.raw:
        stream = convert(stream, pix_fmts="gray")  # scaling single bits directly costs 20 dB
    if picture.raw and picture.planes not in (None, picture.raw):
        stream = convert(stream, pix_fmts=picture.planes)
    if not spec.bounds.whole:
        stream = cut(stream, spec.bounds, picture.orientation, by_size.odd)
    if by_size.repeats > 1:
        times = by_size.repeats
        stream = stream.filter("scale", w=f"iw*{times}", h=f"ih*{times}", flags="neighbor")
    keep_alpha = picture.alpha and spec.keeps_alpha
    if keep_alpha:
        stream = convert(convert(stream, pix_fmts=PACKED), pix_fmts=STRAIGHT)
    elif picture.alpha:
        if picture.needs_srgb:
            stream = to_srgb(convert(stream, **deep(alpha=True)), picture, alpha=True)
            picture = replace(picture, lut=None, cicp=None)
        stream = flatten(stream, spec.background)
    stream = apply_mode(spec, stream, picture, keep_alpha, by_size.whole)
    return _compiled(_finish(stream, spec, keep_alpha), spec, files)


def _compiled(stream: Stream, spec: Spec, files: _FileOptions) -> tuple[str, ...]:
    output = {
        "c:v": spec.format.encoder,
        **encoders.options(spec),
        "map_metadata": -1,
        "flags:v": "+bitexact",
        "threads": 1,
        "f": "image2",
        **dict(files.writing),
    }
    head = "-hide_banner -nostdin -nostats -loglevel level+info -y -filter_complex_threads 1"
    argv = stream.output(_OUTPUT, **output).compile(cmd=head.split())
    place = argv.index("-filter_complex")
    front, back = _in_two(argv[place + 1])
    if back:
        argv[place : place + 2] = ["-filter_complex", front, "-filter_complex", back]
    return tuple(argv)


def _in_two(graph: str) -> tuple[str, str]:
    """Split a graph in two: before the look-up tables, and from there on.

    FFmpeg sets up a graph again, and reads its tables, whenever its input changes size: in a stream
    of photos, only the first of the two.
    """
    front, back, behind = list[str](), list[str](), set[str]()
    for chain in re.split(r"(?<!\\);(?=\[)", graph):  # each reads outputs of those before it
        match = re.fullmatch(r"((?:\[[^]]*\])+)(\w+).*?((?:\[s\d+\])+)", chain, re.DOTALL)
        assert match, chain
        inputs, filter, outputs = (re.findall(r"\[[^]]*\]|\w+", part) for part in match.groups())
        if filter == ["lut3d"] or behind.intersection(inputs):
            back.append(chain)
            behind.update(outputs)
        else:
            front.append(chain)
    return ";".join(front), ";".join(back)


def _only(protocol: str, demuxer: str, *decoders: str) -> dict[str, object]:
    """Return options that allow FFmpeg only this protocol, demuxer and decoders for an input.

    The lists also apply to what a container would open: its other streams, whose decoders FFmpeg
    tries before one is chosen, and other files.
    """
    options: dict[str, object] = {
        "protocol_whitelist": protocol,
        "format_whitelist": demuxer,
        "codec_whitelist": ",".join(decoders),
        "f": demuxer,
    }
    # The stream of a container is chosen later, so its decoder cannot be fixed here.
    return options | ({"enable_drefs": 0} if demuxer == "mov" else {"c:v": decoders[0]})


def _source(picture: ImageInfo, files: _FileOptions) -> Stream:
    if files is _PIPED:
        return ffmpeg.input("pipe:0", **_only("pipe", "nut", "rawvideo"))["v:0"]
    if picture.raw:
        return ffmpeg.input(
            "pipe:0",
            **_only("pipe", "rawvideo", "rawvideo"),
            pixel_format=picture.raw,
            video_size=(picture.stored.width, picture.stored.height),
        )["v:0"]
    options: dict[str, Any] = {
        **_only("file", picture.format.demuxer, *picture.format.decoders),
        "threads": 1,
        # Also output a frame that is mostly missing, so that damage is reported as damage.
        "discard_damaged_percentage": 100,
        "err_detect": files.err_detect,
    }
    if picture.format.demuxer == "image2":
        options |= files.reading
    options |= {} if picture.format.upright else {"noautorotate": None}
    # FFmpeg reports an error of a JPEG XL for ever.
    options |= {"xerror": None} if picture.format.name == "jpegxl" else {}
    # One video stream of a tiled HEIC would be one tile.
    stream = (
        "g:0" if picture.tiled else "disp:default" if picture.format.demuxer == "mov" else "v:0"
    )
    return ffmpeg.input(_SOURCE, **options)[stream]


def _finish(stream: Stream, spec: Spec, alpha: bool) -> Stream:
    if alpha:
        # The scaler multiplies 8-bit alpha by 257 for 16 bits, and divides it by 256 for 8.
        stream = stream.filter("lutrgb", a="val*256/257")
        stream = convert(stream, pix_fmts=spec.format.final_alpha)
    # Some encoders write what is attached to a frame: EXIF, orientation, profile, gamma. In a
    # sequence, all outputs would get the first photo's gamma.
    stream = stream.filter("sidedata", mode="delete").filter("setsar", sar="1")
    return stream.filter("setparams", color_primaries="unknown", color_trc="unknown")
