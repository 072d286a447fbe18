"""Build FFmpeg's arguments of a mode, a Spec and an ImageInfo, with ffmpeg-python.

Every filtergraph has the same steps, in this order:

    showinfo             log the size that was decoded
    declared             matrix and range of YCbCr, where the container's word counts
    crop bounds          all later steps see only what is left; a tiny crop is enlarged at once
    alpha                lay it on the background if the output has none
    the mode's steps     from its file in filters/ (`mode_graph`); those that mix pixels get
                         premultiplied alpha
    turn upright         the eight EXIF orientations, and colours to sRGB: before the first of the
                         mode's steps that does more than crop or scale
    sharpen              brightness, or red, green and blue; colour differences stay
    finish               chroma subsampling, the encoder's pixel format, no metadata

For several outputs of a photo, the stream is split before the crop bounds. Expressions see `iw` and
`ih`, so one graph serves photos of every size.
"""

import re
from typing import Any

import ffmpeg

from ffprep.conversion import encoders
from ffprep.conversion.command import (
    COMMON,
    PIPED,
    PROFILE,
    SOURCE,
    BySize,
    FileOptions,
    Specs,
    output_place,
)
from ffprep.conversion.mode_graph import (
    JFIF,
    STRAIGHT,
    ModeGraph,
    Stream,
    before_turning,
    color,
    convert,
    deep,
    final,
    formats_of,
    to_srgb,
)
from ffprep.core.geometry import HALF_UP, WHOLE, Bounds
from ffprep.core.image_info import ImageInfo
from ffprep.core.spec import Color, Spec
from ffprep.record import replace

# On the way to STRAIGHT, the scaler makes 65535 of opaque 8-bit alpha if it is packed with the
# colours, and 65280 if it is a plane, or beside a gray value.
PACKED = "|".join("pal8 rgba bgra argb abgr rgba64le rgba64be bgra64le bgra64be".split())

# Formats in which a picture may be cut at any pixel; the scaler converts subsampled ones to 4:4:4.
FULL_CHROMA = "|".join(
    "gray gray10 gray12 gray16 ya8 ya16 pal8 rgb24 bgr24 rgba bgra bgr0 argb rgb48 rgba64 "
    "gbrp gbrp10 gbrp12 gbrp16 gbrap gbrap10 gbrap12 gbrap16 yuv444p yuv444p10 yuv444p12 "
    "yuv444p16 yuva444p yuva444p10 yuva444p12".split()
)

# Contrast adaptive sharpening: edges get no halos, as sharp ones are sharpened less. At this
# strength, it sharpens details as much as an unsharp mask of 3x3 pixels and an amount of 0.5.
_SHARPNESS = 0.5


def arguments(
    picture: ImageInfo, specs: Specs, files: FileOptions, by_size: tuple[BySize, ...]
) -> tuple[str, ...]:
    """Return ffmpeg's arguments for a photo with an output of each Spec.

    They have SOURCE and `output_place` for names.
    """
    stream = _declared(_source(picture, files).filter("showinfo", checksum=0), picture)
    if picture.mode == "1" and not picture.raw:
        stream = convert(stream, pix_fmts="gray")  # scaling single bits directly costs 20 dB
    if picture.raw and picture.planes not in (None, picture.raw):
        stream = convert(stream, pix_fmts=picture.planes)
    streams = [stream]
    if len(specs) > 1:
        split = stream.filter_multi_output("split", len(specs))
        streams = [split[number] for number in range(len(specs))]
    parts = zip(streams, specs, by_size, strict=True)
    return _compiled([_made(part, picture, spec, size) for part, spec, size in parts], specs, files)


def _made(stream: Stream, picture: ImageInfo, spec: Spec, by_size: BySize) -> tuple[Stream, ...]:
    """Return the streams of one output of a decoded photo (see `_finish`)."""
    if by_size.odd:
        stream = convert(stream, pix_fmts=FULL_CHROMA)
    if spec.bounds != WHOLE:
        stream = _cut(stream, spec.bounds, picture.orientation)
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
        stream = _flatten(stream, spec.background)
    stream = ModeGraph(spec, picture, keep_alpha).of(stream, by_size)
    if spec.sharpen:
        stream = _sharpened(stream, final(spec, keep_alpha))
    profile = picture.output_profile is not None and spec.format.name == "jpegxl"
    return _finish(stream, spec, keep_alpha, profile)


def _declared(stream: Stream, picture: ImageInfo) -> Stream:
    """Mark a decoded stream with the matrix and range of YCbCr that its container declares."""
    if picture.ycbcr is None:
        return stream
    options = {"range": "pc" if picture.ycbcr.full_range else "tv"}
    if picture.ycbcr.matrix:
        options["colorspace"] = picture.ycbcr.matrix
    if picture.ycbcr.location:
        options["chroma_location"] = picture.ycbcr.location
    return stream.filter("setparams", **options)


def _cut(stream: Stream, bounds: Bounds, orientation: int) -> Stream:
    """Cut a photo that is not turned yet at the nearest pixels, as `Bounds.of` does."""
    left, right = (f"floor(iw*{edge!r}+{HALF_UP!r})" for edge in (bounds.left, bounds.right))
    top, bottom = (f"floor(ih*{edge!r}+{HALF_UP!r})" for edge in (bounds.top, bounds.bottom))
    edges = {"w": f"{right}-{left}", "h": f"{bottom}-{top}", "x": left, "y": top, "exact": "1"}
    return stream.filter("crop", **before_turning("crop", edges, orientation) or {})


def _flatten(stream: Stream, background: Color) -> Stream:
    """Lay a picture with alpha on `background`. Before scaling, this replaces premultiplying."""
    layers = convert(stream, pix_fmts="gbrap").filter_multi_output("split")
    backdrop = layers[0].filter(
        "drawbox", w="iw", h="ih", t="fill", replace=1, color=color(background)
    )
    flat = ffmpeg.filter([backdrop, layers[1]], "overlay", format="gbrp", alpha="straight")
    return flat.filter("format", pix_fmts="gbrp")


def _sharpened(stream: Stream, formats: dict[str, str | None]) -> Stream:
    """Sharpen a picture in its pixel format; not its chroma, nor its alpha."""
    if (formats["pix_fmts"] or "").startswith(("yuv", "gray")):
        return stream.filter("cas", strength=_SHARPNESS, planes=1)
    planar = convert(stream, pix_fmts=f"gbrp|gbrap|{STRAIGHT}")
    return convert(planar.filter("cas", strength=_SHARPNESS, planes=7), **formats)


def _compiled(
    outputs: list[tuple[Stream, ...]], specs: Specs, files: FileOptions
) -> tuple[str, ...]:
    written = [
        ffmpeg.output(*streams, output_place(number), **_writing(spec, files, len(streams)))
        for number, (streams, spec) in enumerate(zip(outputs, specs, strict=True))
    ]
    argv = ffmpeg.merge_outputs(*written).compile(cmd=COMMON)
    place = argv.index("-filter_complex")
    graphs = filter(None, _in_two(argv[place + 1]))
    argv[place : place + 2] = [word for graph in graphs for word in ("-filter_complex", graph)]
    return tuple(argv)


def _writing(spec: Spec, files: FileOptions, streams: int) -> dict[str, Any]:
    """Return the options of an output of one stream, or of two: colours and alpha of an AVIF."""
    output = {
        "c:v": spec.format.encoder,
        "map_metadata": -1,
        "flags:v": "+bitexact",
        "threads": 1,
        "f": "image2",
        **encoders.options(spec),
        **dict(files.writing),
    }
    if streams > 1:
        output |= encoders.ALPHA_OPTIONS | {"f": "avif"}
        del output["update"]
    return output


def _in_two(graph: str) -> tuple[str, str]:
    """Split a graph in two: before the look-up tables, and from there on.

    FFmpeg sets up a graph again, and reads its tables, whenever the photo changes size: in a stream
    of photos, only the first of the two. It never sets up the second one again, so that only tables
    are in it whose input has the same size for all photos.
    """
    front, back, behind, fixed = list[str](), list[str](), set[str](), set[str]()
    chains = re.split(r"(?<!\\);(?=\[)", graph)  # each reads outputs of those before it
    chains.sort(key=lambda chain: "]showinfo=" not in chain)  # `ffmpeg_log` knows it by its place
    for chain in chains:
        match = re.fullmatch(r"((?:\[[^]]*\])+)(\w+)(.*?)((?:\[s\d+\])+)", chain, re.DOTALL)
        assert match, chain
        inputs, outputs = (re.findall(r"\[[^]]*\]", match[part]) for part in (1, 4))
        filter = match[2]
        if (filter == "lut3d" and fixed.issuperset(inputs)) or behind.intersection(inputs):
            if not (behind | fixed).issuperset(inputs):
                return ";".join(chains), ""
            back.append(chain)
            behind.update(outputs)
        else:
            front.append(chain)
        if _SCALED.search(match[3]) or (_keeps_size(filter, match[3]) and fixed.issuperset(inputs)):
            fixed.update(outputs)
    return ";".join(front), ";".join(back)


_SCALED = re.compile(r"(?=.*:h=\d+(?::|$)).*:w=\d+$", re.DOTALL)
"""The options of a scaler that has one output size for all photos."""


def _keeps_size(filter: str, options: str) -> bool:
    converts = filter == "scale" and not re.search(r"[=:][wh]=", options)
    return converts or filter in ("format", "hflip", "vflip", "transpose")


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


def _source(picture: ImageInfo, files: FileOptions) -> Stream:
    if files is PIPED:
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
    return ffmpeg.input(SOURCE, **options)[stream]


def _finish(stream: Stream, spec: Spec, alpha: bool, profile: bool = False) -> tuple[Stream, ...]:
    """Return the streams that are encoded: one, or those of colours and alpha of an AVIF.

    With a `profile`, the encoder gets the one under the placeholder PROFILE.
    """
    avif = spec.format.name == "avif"
    if alpha and not (avif and spec.depth == 10):
        # The scaler multiplies 8-bit alpha by 257 for 16 bits, and divides it by 256 for 8.
        stream = stream.filter("lutrgb", a="val*256/257")
        stream = convert(stream, pix_fmts=spec.format.final_alpha)
    streams: tuple[Stream, ...] = (stream,)
    if avif and spec.translucent(alpha):
        streams = _with_alpha_plane(stream, spec)
    # Some encoders write what is attached to a frame: EXIF, orientation, profile, gamma. In a
    # sequence, all outputs would get the first photo's gamma.
    colours = {"color_primaries": "unknown", "color_trc": "unknown"}
    if avif:  # which names them
        colours = {"color_primaries": "bt709", "color_trc": "iec61966-2-1"}
    bare = (each.filter("sidedata", mode="delete").filter("setsar", sar="1") for each in streams)
    streams = tuple(each.filter("setparams", **colours) for each in bare)
    return (_with_profile(streams[0], spec, alpha),) if profile else streams


def _with_profile(stream: Stream, spec: Spec, alpha: bool) -> Stream:
    """Attach the ICC profile of a picture of one pixel to a stream, for the encoder of JPEG XL.

    `blend` passes on what is attached to its first input, and the pixels of its second one.
    """
    planes, packed = ("gbrap", "rgba") if spec.translucent(alpha) else ("gbrp", "rgb24")
    pixel = ffmpeg.input(PROFILE, **_only("data", "png_pipe", "png"))["v:0"]
    bearer = pixel.filter("scale", w=spec.size.width, h=spec.size.height)
    inputs = [each.filter("format", pix_fmts=planes) for each in (bearer, stream)]
    blended = ffmpeg.filter(inputs, "blend", all_mode="normal", all_opacity=0)
    return blended.filter("format", pix_fmts=packed)


def _with_alpha_plane(stream: Stream, spec: Spec) -> tuple[Stream, Stream]:
    """Split a finished picture with alpha into its colours and its alpha, for AVIF."""
    both = stream.filter_multi_output("split")
    depth = "gray10le" if spec.depth == 10 else "gray"
    colours = convert(both[0], **formats_of(spec, encoders.pixel_format(spec)))
    alpha = both[1].filter("extractplanes", planes="a").filter("setparams", colorspace="bt470bg")
    return colours, convert(alpha, pix_fmts=depth, **JFIF)
