"""PNGs that stand in for pictures of formats which only FFmpeg decodes, so that Pillow reads them.

A PNG has the picture's pixels, or one of them; and its ICC profile, code points and EXIF.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ffprep.conversion import ffmpeg_log
from ffprep.conversion.ffmpeg_binary import Binary
from ffprep.core.decoder_log import DecoderLog
from ffprep.core.image_info import ImageInfo
from ffprep.core.policy import Policy
from ffprep.errors import Kind, PhotoError
from ffprep.image.pillow import out_of_memory
from ffprep.system.processes import Limits, Processes
from ffprep.system.tempfiles import disk_full, temporary_folder, without_line_breaks

# libjxl does not say that it was refused memory; it takes about as many bytes a pixel.
_MEMORY_A_PIXEL = 24


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
    with temporary_folder() as folder, without_line_breaks(path) as (source,):
        output = folder / "picture.png"
        argv = _command(binary.path, source, picture, output, whole)
        limits = png_limits(policy, picture.stored.pixels)
        with processes.room_for(picture.weight), processes.start(argv, limits) as running:
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
