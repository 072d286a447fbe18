"""Find the ffmpeg binary and its version, and decode with it what Pillow does not read.

A PNG stands in for a picture of a format which only FFmpeg decodes. It has the picture's pixels, or
one of them; and its ICC profile, code points and EXIF.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from ffprep.core.decoder_log import DecoderLog
from ffprep.core.image_info import ImageInfo
from ffprep.core.policy import Policy
from ffprep.errors import EnvironmentFault, Kind, PhotoError, reason
from ffprep.image.pillow import out_of_memory
from ffprep.image.sandbox import DecoderPool, StandIn
from ffprep.record import Record, replace
from ffprep.system.files import held_path
from ffprep.system.machine import room_for
from ffprep.system.processes import Limits, Processes, answer
from ffprep.system.tempfiles import disk_full, temporary_folder, without_line_breaks
from ffprep.version import embedded_ffmpeg

OLDEST = (9, 0)
"""The oldest version that ffprep works with: older ones lack options by which the filtergraphs
negotiate colour (5.1, 7.0), and read one tile of a HEIC as the whole picture."""

_VERSION = re.compile(r"ffmpeg version (?:n)?(\S+)")

# libjxl does not say that it was refused memory; it takes about as many bytes a pixel.
_MEMORY_A_PIXEL = 24


class Binary(Record):
    """An ffmpeg and its `version`, as it prints it: `9.0.2-17-g2a571b6`, for example.

    The `embedded` one came with ffprep, so that its errors count as ffprep's own. `zscale` is false
    if it was built without zimg.
    """

    path: str
    version: str
    embedded: bool = False
    zscale: bool = True

    @property
    def opens_held_files(self) -> bool:
        """Whether it opens what this process holds open; a user's own may be in a container."""
        return self.embedded or _opens_held_files(self.path)


def find(path: str | None = None) -> Binary:
    """Return the ffmpeg to use: `path`, else FFPREP_FFMPEG, else the one of imageio-ffmpeg.

    Raises EnvironmentFault if there is none, or it is too old or not ffmpeg.
    """
    path = path or os.environ.get("FFPREP_FFMPEG")
    if not path and "IMAGEIO_FFMPEG_EXE" not in os.environ and (found := embedded_ffmpeg()):
        return replace(_required(*found), embedded=True)
    return _inspected(path or _installed())


def decoder_pool(processes: Processes, policy: Policy, binary: Binary | None = None) -> DecoderPool:
    """Return a DecoderPool that reads pictures of all formats, some of them by an ffmpeg."""

    def made(path: Path, picture: ImageInfo, whole: bool) -> StandIn:
        return stand_in(binary or find(), processes, policy, path, picture, whole)

    return DecoderPool(processes, policy, made)


def _installed() -> str:
    """Return the ffmpeg of the system or the conda environment, as imageio-ffmpeg finds it."""
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise EnvironmentFault(
            f"no ffmpeg was found ({error}); install imageio-ffmpeg, or name one with --ffmpeg"
        ) from None


def _inspected(path: str) -> Binary:
    """Run an ffmpeg to learn its version. Raises EnvironmentFault."""
    try:
        output = answer([path, "-version"], seconds=30)
    except (OSError, ValueError) as error:
        raise EnvironmentFault(
            f"{path} cannot be run as ffmpeg ({reason(error)}); name another one with --ffmpeg or "
            "FFPREP_FFMPEG, or leave out both to use the embedded one"
        ) from None
    match = _VERSION.match(output)
    if not match:
        raise EnvironmentFault(
            f"{path} is not an ffmpeg, or lacks LD_LIBRARY_PATH, which ffprep does not hand on: it "
            "prints no version; name another one with --ffmpeg or FFPREP_FFMPEG, or a script that "
            "sets what it needs"
        )
    return replace(_required(path, match[1]), zscale="--enable-libzimg" in output)


@cache
def _opens_held_files(path: str) -> bool:
    """Try it: a container has its own /proc. Return true if that cannot be tried."""
    import tempfile

    content, name = "held", Path()
    with suppress(OSError), tempfile.TemporaryFile() as file:
        file.write(content.encode())
        file.flush()
        held = held_path(file.fileno(), name)
        argv = [path, "-v", "quiet", "-y", "-f", "data", "-i", f"file:{held}"]
        argv += ["-map", "0", "-c", "copy", "-f", "data", "/dev/stdout"]
        return held is name or content in answer(argv, seconds=30)
    return True


def _required(path: str, version: str) -> Binary:
    number = re.match(r"(\d+)\.(\d+)", version)
    # A build from FFmpeg's development branch has no number; it counts as newer than any release.
    if number and (int(number[1]), int(number[2])) < OLDEST:
        raise EnvironmentFault(
            f"{path} is ffmpeg {version}, and ffprep needs {OLDEST[0]}.{OLDEST[1]} or newer (for "
            "colour negotiation and whole HEIC pictures); leave out --ffmpeg and FFPREP_FFMPEG to "
            "use the embedded one"
        )
    return Binary(path, version)


@contextmanager
def stand_in(
    binary: Binary,
    processes: Processes,
    policy: Policy,
    path: Path,
    picture: ImageInfo,
    whole: bool,
) -> Iterator[tuple[Path, int]]:
    """Yield a PNG that stands in for a picture, and how many frames were decoded.

    It has all pixels of the first frame if `whole`, else one of the last. Raises PhotoError as
    `probe` does, and EnvironmentFault for a full disk.
    """
    from ffprep.conversion import ffmpeg_log

    with temporary_folder() as folder, without_line_breaks(path) as (source,):
        output = folder / "picture.png"
        argv = _command(binary.path, source, picture, output, whole)
        limits = png_limits(policy, picture.stored.pixels)
        with room_for(picture.weight), processes.start(argv, limits) as running:
            status = running.wait_at_most(policy.timeout)
        if status is None:
            words = f"decoding it took more than {policy.timeout:g} s; raise --timeout"
            raise PhotoError(Kind.TIMEOUT, words)
        log = ffmpeg_log.read(running.log)
        _require_decoded(log, binary, picture, policy, output)
        yield output, len(log.frames)


def png_limits(policy: Policy, pixels: int) -> Limits:
    """Return the limits of an ffmpeg that writes a PNG.

    One of noise is a little larger than its pixels, at eight bytes each.
    """
    return Limits(policy.max_memory, 9 * pixels + (1 << 24))


def _command(binary: str, source: Path, picture: ImageInfo, output: Path, whole: bool) -> list[str]:
    demuxer, decoder = picture.format.demuxer, picture.format.decoders[0]
    graph = "showinfo=checksum=0" if whole else "showinfo=checksum=0,crop=1:1:0:0"
    if picture.mode == "L" and not picture.ffmpeg_reads:
        graph += ",format=gray"  # see `image.formats.jpegxl.describe`
    argv = [binary, *"-hide_banner -nostdin -nostats -loglevel level+info -xerror -y".split()]
    argv += ["-protocol_whitelist", "file", "-format_whitelist", demuxer, "-f", demuxer]
    argv += ["-codec_whitelist", decoder, "-c:v", decoder, "-pattern_type", "none"]
    argv += ["-noautorotate", "-threads", "1", "-i", f"file:{source}", "-vf", graph]
    argv += ["-frames:v", "1"] if whole else []
    argv += ["-c:v", "png", "-compression_level", "1", "-threads", "1"]
    return [*argv, "-f", "image2", "-update", "1", f"file:{output}"]


def _require_decoded(
    log: DecoderLog, binary: Binary, picture: ImageInfo, policy: Policy, output: Path
) -> None:
    if log.disk_full:
        raise disk_full(output)
    if log.missing_part:
        words = f"{binary.path} lacks the {log.missing_part} that reads {picture.format.name}"
        raise PhotoError(Kind.IO, f"{words}; leave out --ffmpeg to use the embedded ffmpeg")
    if log.agrees_with(picture, 0) and not log.damage:
        return
    if log.out_of_memory or picture.stored.pixels * _MEMORY_A_PIXEL > policy.max_memory:
        raise out_of_memory()
    complaint = log.damage[0] if log.damage else f"no picture of {picture.stored} in it"
    words = f"cannot be decoded ({complaint}); restore it from a backup"
    raise PhotoError(Kind.DAMAGED, words)
