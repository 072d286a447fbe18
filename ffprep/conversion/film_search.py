"""Search of a film for the frame that is shown at a time, by the logs of FFmpeg.

The filter showinfo logs frames, and what they say of their colours.

FFmpeg alone reads films, with one demuxer and few decoders. Its frames are upright: it turns them
by the display matrix of the container.
"""

import math
import re
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from ffprep.conversion import command, ffmpeg_log
from ffprep.conversion.ffmpeg_binary import png_limits
from ffprep.core.film import DECODERS, Container
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob
from ffprep.errors import Kind, PhotoError
from ffprep.image.integrity import film_ends_early
from ffprep.record import Record, replace
from ffprep.system.files import open_regular

if TYPE_CHECKING:
    from ffprep.conversion.transcode import Transcoder
    from ffprep.core.decoder_log import DecoderLog

# Containers round timestamps to milliseconds.
_TOLERANCE = 0.0005

_BEFORE_END = 0.001
_TOO_LARGE = re.compile(r"Picture size (\d+x\d+) exceeds specified max pixel count")
_NOT_OPENED = re.compile(r"^\[vist#0:\d+/(\w+) @ .*Error while opening decoder", re.MULTILINE)
_REFUSED = ") not on whitelist"
_OPENED = "[info] Input #0"
_ALPHA_MODE, _HEAD_OF_TRACKS = b"\x53\xc0\x81\x01", 1 << 16
_WITH_ALPHA = re.compile(r"Video: (vp[89])\b(?:(?!Stream #).)*?alpha_mode *: 1", re.DOTALL)
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_COMPLETE = "[info] frame="
"""In every log that was not cut off."""


_FRAME = re.compile(
    r"^\[Parsed_showinfo_1 @ [^]]*\] \[info\] n: *\d+ pts: *(-?\d+) pts_time:(\S+) +"
    r"duration: *-?\d+ duration_time:(\S+) +fmt:(\S+) .*?sar:(\d+)/(\d+) s:(\d+)x(\d+) i:(\S)"
)
_COLOURS = re.compile(
    r"^\[Parsed_showinfo_1 @ [^]]*\] \[info\] color_range:(\S+) color_space:(\S+) "
    r"color_primaries:(\S+) color_trc:(\S+)"
)
_ALPHA_FORMATS = ("yuva", "gbrap", "rgba", "bgra", "argb", "abgr", "ya", "pal8")
_SUBSAMPLED = ("yuv", "nv", "p0", "p2", "p4", "gray")
_MATRICES = ("bt709", "fcc", "bt470bg", "smpte170m", "smpte240m", "bt2020nc")

# As players do: a frame that says nothing of its colours is BT.709 from these sides on.
_LONG_SIDE, _SHORT_SIDE = 1280, 577

_HDR = ("smpte2084", "arib-std-b67")
_LARGEST_ASPECT = 16


class Colours(Record):
    """What a frame says of its colours, in FFmpeg's words; `unknown` is nothing."""

    range: str = "unknown"
    matrix: str = "unknown"
    primaries: str = "unknown"
    transfer: str = "unknown"


class Frame(Record):
    """A frame: its times in seconds, its size as decoded and upright, and its pixels.

    `aspect` is the width of a pixel in heights; `format` is FFmpeg's name of the pixel format.
    """

    pts: int
    time: float
    duration: float
    format: str
    aspect: Fraction
    size: Size
    progressive: bool
    colours: Colours

    @property
    def alpha(self) -> bool:
        """Whether it has an alpha channel."""
        return self.format.startswith(_ALPHA_FORMATS)

    @property
    def shown(self) -> Size:
        """The size in square pixels; the shorter side of a pixel is enlarged."""
        width, height = self.size.width, self.size.height
        if self.aspect >= 1:
            return Size(round(width * self.aspect), height)
        return Size(width, round(height / self.aspect))

    @property
    def to_rgb(self) -> list[str]:
        """The filters that make RGB with square pixels of it, which says what its colours mean.

        Raises PhotoError for YCbCr that FFmpeg's scaler does not convert.
        """
        shown, colours = self.shown, self.colours
        filters = [f"scale={shown.width}:{shown.height}:flags={command.SCALER}", "setsar=1"]
        hdr = colours.transfer in _HDR
        # Pictures for television are graded on ordinary screens, so they are shown as sRGB.
        transfer = colours.transfer if hdr else "iec61966-2-1"
        primaries = colours.primaries
        if primaries in ("bt709", "unknown") and not hdr:
            primaries = transfer = "unknown"
        words = f"color_primaries={primaries}:color_trc={transfer}:colorspace=gbr:range=pc"
        filters.append(f"setparams={words}")
        if self.format.startswith(_SUBSAMPLED):
            is_full = colours.range == "pc" or self.format.startswith("yuvj")
            words = f"range={'pc' if is_full else 'tv'}:colorspace={self._matrix}"
            filters.insert(0, f"setparams={words}")
        return filters

    @property
    def _matrix(self) -> str:
        matrix = self.colours.matrix
        if matrix == "unknown":
            short, long = sorted((self.size.width, self.size.height))
            return "bt709" if long >= _LONG_SIDE or short >= _SHORT_SIDE else "smpte170m"
        if matrix not in _MATRICES:
            words = f"is a film in YCbCr of the matrix {matrix}, which ffprep does not read"
            raise PhotoError(Kind.UNSUPPORTED, f"{words}; save it with another program")
        return matrix


def _frames(text: str) -> list[Frame]:
    """Return the frames of a log, in the order in which they are shown."""
    found = list[Frame]()
    match: re.Match[str] | None = None
    for line in text.split("\n"):
        colours = _COLOURS.match(line) if match else None
        if match and colours:
            found.append(_frame(match, Colours(*colours.groups())))
            match = None
        match = _FRAME.match(line) or match
    return found


def _frame(match: re.Match[str], colours: Colours) -> Frame:
    pts, time, duration, format, across, down, width, height, kind = match.groups()
    aspect = Fraction(int(across), int(down)) if int(across) and int(down) else Fraction(1)
    if not 1 / _LARGEST_ASPECT <= aspect <= _LARGEST_ASPECT:
        aspect = Fraction(1)
    length = float(duration) if duration != "NOPTS" else 0.0
    size = Size(int(width), int(height))
    return Frame(int(pts), float(time), length, format, aspect, size, kind == "P", colours)


class Found(Record):
    """A frame, the options by which FFmpeg finds it, and what shows that it may be damaged.

    `followed` is true if the film goes on after it.
    """

    frame: Frame
    seek: tuple[str, ...]
    complaint: str | None
    followed: bool


class Search(Record):
    """Looks for the frame of a film that a Spec names."""

    steps: "Transcoder"
    job: LocalJob
    source: Path
    container: Container
    decoder: tuple[str, ...] = ()

    def with_alpha(self) -> "Search":
        """Return a search with a decoder that reads the alpha of WebM, which is a second stream.

        FFmpeg's own decoders leave it out.
        """
        with open_regular(self.source) as file:
            may_have_alpha = _ALPHA_MODE in file.read(_HEAD_OF_TRACKS)
        if self.container.name != "matroska" or not may_have_alpha:
            return self
        found = _WITH_ALPHA.search(self._log((), ",trim=end_frame=1"))
        return replace(self, decoder=(_ALPHA_DECODERS[found[1]],)) if found else self

    @property
    def seconds(self) -> float | None:
        """The wanted time; None for the last frame."""
        assert self.job.spec.frame
        return self.job.spec.frame.seconds

    def chosen(self) -> Found:
        """Return the frame. Raises PhotoError.

        FFmpeg seeks to a frame from which it can decode. Where that fails, or the decoder lacks a
        part of what came before, all is decoded from the beginning.
        """
        if self.seconds != 0:
            place = ["-sseof", f"{-_BEFORE_END}"]
            place = place if self.seconds is None else ["-ss", f"{self.seconds:.6f}"]
            found = self._try(("-noaccurate_seek", *place))
            if found and not found.complaint:
                return found
        found = self._try(())
        assert found
        return found

    def _try(self, seek: tuple[str, ...]) -> Found | None:
        """Return the frame that is shown at the time; None if another way has to be tried."""
        target = math.inf if self.seconds is None else self.seconds
        cut = f",trim=end={target + _TOLERANCE:.6f}"
        if target in (0, math.inf):
            cut = "" if target else ",trim=end_frame=1"
        text = self._log(seek, cut)
        # What FFmpeg said before analysed more of the film.
        damage = next(iter(ffmpeg_log.read(text.partition(_OPENED)[2]).damage), None)
        seen = _frames(text)
        shown = [frame for frame in seen if frame.time <= target + _TOLERANCE]
        if not shown and seek:
            return None
        if not seen:
            raise self._undecodable(text, ffmpeg_log.read(text))
        frame = (shown or seen)[-1 if shown else 0]
        followed = frame is not seen[-1] or self.seconds == 0
        if not followed and _COMPLETE not in text:
            words = "has too many frames between two from which it can be decoded"
            raise PhotoError(Kind.UNSUPPORTED, f"{words}; encode it again with more key frames")
        if self.seconds and not followed:
            self._require_before_end(seen, self.seconds)
        return Found(frame, seek, damage, followed)

    def _log(self, seek: tuple[str, ...], cut: str = "") -> str:
        """Return the log of decoding after a seek."""
        argv = self._argv(seek, f"sidedata=mode=delete,showinfo=checksum=0{cut}")
        return self.run([*argv, "-f", "null", "-"])

    def _require_before_end(self, seen: list[Frame], seconds: float) -> None:
        """Raise PhotoError if a time is not before the end of the last frame."""
        last = seen[-1]
        duration = last.duration or (last.time - seen[-2].time if len(seen) > 1 else 0.0)
        end = last.time + duration
        if seconds > max(last.time, end - _TOLERANCE):
            with open_regular(self.source) as file:
                if film_ends_early(file, self.container.name):
                    words = f"the film ends early, before {seconds:g} s"
                    raise PhotoError(Kind.DAMAGED, f"{words}; restore it from a backup")
            words = f"has no frame at {seconds:g} s: it is {round(end, 3):g} s long"
            raise PhotoError(Kind.UNSUPPORTED, f"{words}; give an earlier time, or last")

    def damage(self, path: Path, found: Found) -> str | None:
        """Return what shows that the frame, or what belongs behind it, is missing."""
        if found.complaint or found.followed:
            return found.complaint
        with open_regular(path) as file:
            return "the film ends early" if film_ends_early(file, self.container.name) else None

    def still_argv(self, found: Found) -> list[str]:
        """Return the command that decodes the frame, without its output."""
        frame = found.frame
        most = self.steps.policy.max_pixels
        if frame.shown.pixels > most:
            words = f"{frame.shown} is more than {most} pixels"
            raise PhotoError(Kind.TOO_LARGE, f"{words}; raise --max-pixels if you trust the file")
        filters = ["sidedata=mode=delete", f"select=eq(pts\\,{frame.pts})", *frame.to_rgb]
        filters.insert(-1, f"format={pixel_format(frame.alpha)}")
        argv = self._argv(found.seek, ",".join(filters))
        return [*argv, *"-map_metadata -1 -flags:v +bitexact -frames:v 1 -threads 1".split()]

    def _argv(self, seek: tuple[str, ...], filters: str) -> list[str]:
        demuxer, policy = self.container.demuxer, self.steps.policy
        argv = [self.steps.binary.path, *command.COMMON, "-protocol_whitelist", "file"]
        decoders = ",".join((*DECODERS, *self.decoder))
        argv += ["-format_whitelist", demuxer, "-codec_whitelist", decoders]
        argv += ["-f", demuxer, "-threads", "1", "-max_pixels", str(policy.max_pixels)]
        argv += ["-enable_drefs", "0"] if demuxer == "mov" else []
        argv += ["-err_detect", "explode"] if policy.keep_damaged else []
        argv += ["-c:v", *self.decoder] if self.decoder else []
        # Timestamps from the film's beginning; seeking would round them.
        argv += ["-copyts", "-start_at_zero", *seek]
        # V: not pictures that are attached to it.
        argv += ["-i", command.url(self.source), "-map", "0:V:0", "-vf", filters]
        return [*argv, "-fps_mode", "passthrough"]

    def run(self, argv: list[str], size: Size | None = None) -> str:
        """Run ffmpeg, which may write a still of a size, to its end; return its log.

        Raises PhotoError, and EnvironmentFault for what is not a film's fault.
        """
        steps = self.steps
        limits = png_limits(steps.policy, size.pixels if size else 0)
        with steps.started((), argv, limits=limits) as running:
            status = running.wait_at_most(steps.policy.timeout)
        log = ffmpeg_log.read(running.log)
        if status != 0 or log.errors:
            from ffprep.conversion.failure import require_working

            still = Path(argv[-1].removeprefix("file:"))
            require_working(steps, self.job, running, status, log, still)
        return running.log

    def _undecodable(self, text: str, log: "DecoderLog") -> PhotoError:
        """Return the error of a film without any frame that can be decoded."""
        if large := _TOO_LARGE.search(text):
            words = f"{large[1]} is more than {self.steps.policy.max_pixels} pixels"
            return PhotoError(Kind.TOO_LARGE, f"{words}; raise --max-pixels if you trust the file")
        if (codec := _NOT_OPENED.search(text)) and _REFUSED in text:
            words = f"is a film in {codec[1]}, which ffprep does not read"
            return PhotoError(Kind.UNSUPPORTED, f"{words}; save it as H.264 with another program")
        if log.missing_part:
            words = f"{self.steps.binary.path} lacks the {log.missing_part}"
            return PhotoError(Kind.IO, f"{words}; leave out --ffmpeg to use the embedded ffmpeg")
        if "matches no streams" in text:
            words = "has no film in it that ffprep reads; is it only sound?"
            return PhotoError(Kind.UNSUPPORTED, words)
        cause = log.errors[0] if log.errors else "no frames in it"
        words = f"begins like a film and cannot be decoded ({cause})"
        return PhotoError(Kind.DAMAGED, f"{words}; restore it from a backup")


def pixel_format(alpha: bool) -> str:
    """Return the format of a still's pixels."""
    return "rgba64be" if alpha else "rgb48be"
