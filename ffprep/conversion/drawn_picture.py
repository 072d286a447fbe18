"""Convert a picture that ffprep draws: what FFmpeg refuses for it as well is not a photo's fault.

Imported only after a failure.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ffprep.config import modes
from ffprep.conversion import ffmpeg_log
from ffprep.conversion.command import command
from ffprep.core.decoder_log import DecoderLog
from ffprep.core.formats import FORMATS
from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.job import LocalJob
from ffprep.core.spec import Spec
from ffprep.errors import EnvironmentFault, FfprepError, Kind, PhotoError
from ffprep.image.pillow import is_out_of_memory
from ffprep.record import replace
from ffprep.system import limits
from ffprep.system.tempfiles import temporary_beside

if TYPE_CHECKING:
    from ffprep.conversion.transcode import Transcoder

_FEW, _MANY = Size(64, 64), Size(1600, 1200)
_KEPT = 64

# How much address space a process takes is a matter of chance.
_ATTEMPTS = 3

_verdicts: dict[tuple[str, Spec, Size], DecoderLog] = {}
"""The logs of pictures that were drawn and converted; without frames, if that failed."""


def refusal(steps: "Transcoder", job: LocalJob, log: DecoderLog) -> FfprepError:
    """Return the error of a filter graph that FFmpeg refused for a photo.

    It is an EnvironmentFault if FFmpeg refuses the graph for pictures of other sizes, too.
    """
    spec = job.spec
    if all(_refused(_converted(steps, job, size)) for size in (_small(spec), _MANY)):
        if log.missing_part:
            return EnvironmentFault(
                f"{steps.binary.path} lacks the {log.missing_part} that ffprep needs; "
                "leave out --ffmpeg and FFPREP_FFMPEG to use the embedded one"
            )
        return EnvironmentFault(modes.describe_refusal(spec.mode, log.graph_fault or ""))
    cause = f"no {log.missing_part}" if log.missing_part else modes.reason(log.graph_fault or "")
    return PhotoError(
        Kind.UNSUPPORTED,
        f"FFmpeg does not convert this picture in mode {spec.mode.name} ({cause}), though it "
        "converts others; save it as JPEG or PNG with another program",
    )


def require_sound(steps: "Transcoder", job: LocalJob, number: int) -> None:
    """Raise EnvironmentFault for an ffmpeg that crashed, and converts no drawn picture either.

    Under an inherited limit of memory, `cause` finds out.
    """
    if limits.memory_limit(steps.limits(job.spec).memory):
        return
    if not _converted(steps, job, _small(job.spec)).frames:
        raise EnvironmentFault(
            f"{steps.binary.path} crashes (signal {number}), also on a picture that ffprep draws; "
            "install imageio-ffmpeg again, or name another ffmpeg with --ffmpeg"
        )


def cause(steps: "Transcoder", job: LocalJob, picture: ImageInfo, error: PhotoError) -> PhotoError:
    """Return the error, or that of a limit of memory which this process has inherited.

    Raises EnvironmentFault if no picture can be converted under that limit.
    """
    limit = limits.memory_limit(steps.limits(job.spec).memory)
    if not limit:
        return error
    wide = Size(2 * picture.shown.width, picture.shown.height)  # decoding takes memory too
    if not is_out_of_memory(error) and _converted(steps, job, wide).frames:
        return error
    if not any(_convert(steps, job, _small(job.spec)).frames for _ in range(_ATTEMPTS)):
        raise limits.too_low(limit)
    return limits.met(limit, error)


def _small(spec: Spec) -> Size:
    """Return the size of a picture from which FFmpeg makes a frame as easily as from any."""
    return Size(max(spec.size.width, _FEW.width), max(spec.size.height, _FEW.height))


def _refused(log: DecoderLog) -> bool:
    return bool(log.missing_part or log.graph_fault)


def _converted(steps: "Transcoder", job: LocalJob, size: Size) -> DecoderLog:
    """Draw and convert a picture as the job says; return the log, without frames if it failed."""
    key = steps.binary.path, job.spec, size
    if key not in _verdicts:
        if len(_verdicts) >= _KEPT:
            _verdicts.clear()
        _verdicts[key] = _convert(steps, job, size)
    return _verdicts[key]


def _convert(steps: "Transcoder", job: LocalJob, size: Size) -> DecoderLog:
    picture = ImageInfo(FORMATS[0], size, raw="rgb24")
    with temporary_beside(job.output) as temporary:
        argv = command(steps.binary.path, Path("-"), picture, job.spec, temporary.path)
        with steps.started([job.spec], argv, _rows(size)) as running:
            status = running.wait_at_most(steps.policy.timeout)
        log = ffmpeg_log.read(running.log)
        whole = status == 0 and temporary.path.stat().st_size > 0
    return log if whole else replace(log, frames={})


def _rows(size: Size) -> Iterator[bytes]:
    """Yield the rows of a picture of noise, of which encoders make the most bytes."""
    for _ in range(size.height):
        yield os.urandom(3 * size.width)
