"""Whose fault it is that a photo was not converted. Imported only after a failure.

A photo that failed as if it was damaged is converted once more, from a copy, so that its disk
cannot fail again. If FFmpeg refused a photo, ffprep draws a picture and converts it: what FFmpeg
refuses for that as well is not a photo's fault.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ffprep.config import modes
from ffprep.conversion import ffmpeg_log
from ffprep.conversion.command import command
from ffprep.conversion.focus import focused
from ffprep.conversion.transcode import Transcoder, size_of
from ffprep.core.decoder_log import DecoderLog
from ffprep.core.formats import FORMATS
from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.job import LocalJob, Result
from ffprep.core.spec import Spec
from ffprep.errors import EnvironmentFault, FfprepError, Killed, Kind, LimitReached, PhotoError
from ffprep.image.pillow import is_out_of_memory, may_lack_memory, out_of_memory
from ffprep.record import replace
from ffprep.system import limits
from ffprep.system.files import FileStamp, hold_nothing, read_error, read_whole
from ffprep.system.installation import installation_fault
from ffprep.system.tempfiles import disk_full, temporary_beside, temporary_folder

if TYPE_CHECKING:
    from ffprep.conversion.transcode import Photo
    from ffprep.system.processes import Running

_LARGEST_COPY = 1 << 28

_FEW, _MANY = Size(64, 64), Size(1600, 1200)
_KEPT = 64
# How much address space a process takes is a matter of chance.
_ATTEMPTS = 3

T = TypeVar("T")


def failed(
    steps: Transcoder, job: LocalJob, error: Exception, started: float, is_final: bool = False
) -> Result:
    """Return the Result of a job whose first attempt raised `error`.

    If the photo may be damaged, a second attempt decides, unless the error `is_final`. An ffmpeg
    that cannot open what this process holds open makes one with the names of the files. Raises
    EnvironmentFault.
    """
    if steps.processes.stopped:
        error = PhotoError(Kind.IO, "the run was stopped")
    elif isinstance(error, PhotoError) and not is_final:
        try:
            if error.needs_second_attempt:
                return _second_attempt(steps, job, error, started)
            if error.kind is Kind.IO and not steps.binary.opens_held_files:
                hold_nothing()
                return steps.attempt(focused(steps.probe(job), steps.decoders), started)
        except Exception as second:
            error = second
    if isinstance(error, EnvironmentFault):
        raise error
    if not isinstance(error, PhotoError):
        error = _unexpected(error)
    return Result.failed(job.source, job.output, error, time.perf_counter() - started)


def whose_fault(steps: Transcoder, photo: "Photo", error: PhotoError) -> PhotoError:
    """Return the error to report: a user's own mode or ffmpeg is not a bug of ffprep.

    Raises EnvironmentFault if no picture can be converted in the memory that there is.
    """
    job = photo.job
    if may_lack_memory(error):
        error = _cause(steps, job, photo.picture, error)
    if error.kind is not Kind.INTERNAL:
        return error
    if not modes.is_shipped(job.spec.mode):
        words = f"mode {job.spec.mode.name!r} does not work for this photo: {error}"
        return PhotoError(Kind.UNSUPPORTED, words)
    if not steps.binary.embedded:
        words = f"{steps.binary.path} failed ({error}); use another ffmpeg"
        return PhotoError(Kind.IO, words)
    return error


def require_working(
    steps: Transcoder,
    job: LocalJob,
    running: "Running",
    status: int | None,
    log: DecoderLog,
    still: Path | None = None,
) -> None:
    """Raise the error of an ffmpeg that ended with a `status`, or had no time left (None).

    It may write the `still` of a film. Complaints about the photo itself are judged elsewhere.
    Raises EnvironmentFault for what is not a photo's fault: a full disk, a mode that FFmpeg
    refuses, or a crash on a drawn picture, too.
    """
    if status is None:
        doing = "searching it for the frame" if still else "converting it"
        words = f"{doing} took more than {steps.policy.timeout:g} s"
        if running.waited:  # for the machine
            raise Killed(Kind.TIMEOUT, f"{words}, mostly waiting; run again")
        raise PhotoError(Kind.TIMEOUT, f"{words}; raise --timeout")
    if log.disk_full:
        raise disk_full(still or job.output)
    if not still and (log.missing_part or log.graph_fault):
        raise _refusal(steps, job, log)
    if log.out_of_memory:
        raise out_of_memory()
    if not still and log.write_error:
        words = f"cannot write {job.output}: {log.write_error.lower()}"
        raise PhotoError(Kind.IO, f"{words}; check the disk of OUT, and run again")
    if log.no_threads:
        raise LimitReached(limits.thread_limit(), "ffmpeg cannot start a thread")
    if status < 0:
        _require_no_crash(steps, job, -status, log)


def _require_no_crash(steps: Transcoder, job: LocalJob, number: int, log: DecoderLog) -> None:
    """Raise the error of an ffmpeg that a signal ended; EnvironmentFault if it always crashes."""
    if outside := limits.ended_from_outside("ffmpeg", number, steps.limits(job.spec)):
        raise outside
    if log.no_frames:
        return
    # Under an inherited limit of memory, `_cause` finds out.
    is_limited = limits.memory_limit(steps.limits(job.spec).memory)
    if not is_limited and not _converted(steps, job, _small(job.spec)).frames:
        raise EnvironmentFault(
            f"{steps.binary.path} crashes (signal {number}), also on a picture that ffprep draws; "
            "install imageio-ffmpeg again, or name another ffmpeg with --ffmpeg"
        )
    words = f"ffmpeg crashed on it (signal {number}); restore it from a backup"
    raise PhotoError(Kind.DAMAGED, words)


def _unexpected(error: Exception) -> PhotoError:
    """Return an error as that of its photo; a bug is reported as such, and other photos go on.

    Raises EnvironmentFault for a broken installation.
    """
    if isinstance(error, MemoryError):
        limit, words = limits.memory_limit(float("inf")), "there is not enough memory for it"
        return LimitReached(limit, words) if limit else Killed(Kind.IO, f"{words}; run again")
    if fault := installation_fault(error):
        raise fault from None
    if isinstance(error, OSError) and error.errno:
        return read_error(error)
    return PhotoError(Kind.INTERNAL, f"{type(error).__name__}: {error}")


def _second_attempt(
    transcoder: Transcoder, job: LocalJob, first: PhotoError, started: float
) -> Result:
    """Return the Result of a second attempt. Raises as `second_reading` does."""

    def attempt() -> Result:
        with _copied(job) as copied:
            photo = focused(transcoder.probe(copied), transcoder.decoders)
            return replace(transcoder.attempt(photo, started), source=job.source)

    return second_reading(job.source, job.place, first, attempt)


@contextmanager
def _copied(job: LocalJob) -> Iterator[LocalJob]:
    """Yield the job with a copy as its source; the job itself if there is no room for one.

    Raises PhotoError if the source cannot be read.
    """
    stamp = FileStamp.of(job.source, job.place)
    with ExitStack() as stack:
        if stamp.bytes <= _LARGEST_COPY:
            with suppress(OSError, EnvironmentFault):
                copy = stack.enter_context(temporary_folder()) / job.source.name
                if _copy(job, stamp, copy):
                    job = replace(job, source=copy, place="")
        yield job


def _copy(job: LocalJob, stamp: FileStamp, copy: Path) -> bool:
    """Copy a source with its times; return whether there was room. Raises PhotoError, OSError."""
    accessed = os.stat(job.source).st_atime_ns
    written = 0
    with copy.open("xb", buffering=0) as file:

        def write(piece: memoryview) -> None:
            nonlocal written
            with suppress(OSError):
                written += file.write(piece)

        read_whole(job.source, stamp, False, job.place, write)
    os.utime(copy, ns=(accessed, stamp.modified))
    return written == stamp.bytes


def _refusal(steps: Transcoder, job: LocalJob, log: DecoderLog) -> FfprepError:
    """Return the error of a filter graph that FFmpeg refused for a photo.

    It is an EnvironmentFault if FFmpeg refuses the graph for pictures of other sizes, too.
    """
    spec = job.spec
    drawn = (_converted(steps, job, size) for size in (_small(spec), _MANY))
    if all(each.missing_part or each.graph_fault for each in drawn):
        if log.missing_part:
            return EnvironmentFault(
                f"{steps.binary.path} lacks the {log.missing_part} that ffprep needs; "
                "leave out --ffmpeg and FFPREP_FFMPEG to use the embedded one"
            )
        return EnvironmentFault(modes.describe_refusal(spec.mode, log.graph_fault or ""))
    why = f"no {log.missing_part}" if log.missing_part else modes.reason(log.graph_fault or "")
    return PhotoError(
        Kind.UNSUPPORTED,
        f"FFmpeg does not convert this picture in mode {spec.mode.name} ({why}), though it "
        "converts others; save it as JPEG or PNG with another program",
    )


def _cause(steps: Transcoder, job: LocalJob, picture: ImageInfo, error: PhotoError) -> PhotoError:
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


def _converted(steps: Transcoder, job: LocalJob, size: Size) -> DecoderLog:
    """Return what `_convert` does, for the first job of its Spec."""
    key = steps.binary.path, job.spec, size
    if key not in _verdicts:
        if len(_verdicts) >= _KEPT:
            _verdicts.clear()
        _verdicts[key] = _convert(steps, job, size)
    return _verdicts[key]


def _convert(steps: Transcoder, job: LocalJob, size: Size) -> DecoderLog:
    """Draw and convert a picture; return the log, without frames if it failed."""
    picture = ImageInfo(FORMATS[0], size, raw="rgb24")
    with temporary_beside(job.output) as temporary:
        argv = command(steps.binary.path, Path("-"), picture, (job.spec,), [temporary.path])
        with steps.started([job.spec], argv, _rows(size)) as running:
            status = running.wait_at_most(steps.policy.timeout)
        log = ffmpeg_log.read(running.log)
        whole = status == 0 and size_of(temporary.path) > 0
    return log if whole else replace(log, frames={})


_verdicts: dict[tuple[str, Spec, Size], DecoderLog] = {}
"""What `_converted` has found out."""


def _rows(size: Size) -> Iterator[bytes]:
    """Yield the rows of a picture of noise, of which encoders make the most bytes."""
    for _ in range(size.height):
        yield os.urandom(3 * size.width)


def second_reading(path: Path, place: str, first: PhotoError, attempt: Callable[[], T]) -> T:
    """Return the result of a second `attempt` at a photo whose first one raised `first`.

    A disk that fails for a moment makes any decoder call a sound photo damaged, and decoders in
    other processes do not say why they could not read on. So this process reads the whole file.
    `place` is where its links may lead, as `open_regular` takes it. Raises `first` if it fails in
    the same way, while its content stays the same. Raises PhotoError `io` if the file cannot be
    read, or if the readings differ.
    """
    seen = FileStamp.of(path, place)
    content = read_whole(path, seen, place=place)
    try:
        return attempt()
    except PhotoError as second:
        if not second.needs_second_attempt or second.kind is Kind.IO:
            raise
        if second.kind is not first.kind:
            raise _differ(f"it was {first.kind}, and then {second.kind}") from None
    if read_whole(path, seen, place=place) != content:
        raise _differ("its content was another one each time")
    raise first


def _differ(how: str) -> PhotoError:
    advice = "check its disk or network share, and run again"
    return PhotoError(Kind.IO, f"two readings of it differ: {how}; {advice}")
