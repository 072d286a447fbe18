"""Whose fault it is that a photo was not converted. Imported only after a failure."""

import time
from typing import TYPE_CHECKING

from ffprep.config import modes
from ffprep.conversion.drawn_picture import cause, require_sound
from ffprep.conversion.ffmpeg_binary import opens_held_files
from ffprep.conversion.focus import focused
from ffprep.conversion.second_attempt import second_attempt
from ffprep.core.job import LocalJob, Result
from ffprep.errors import EnvironmentFault, Killed, Kind, LimitReached, PhotoError
from ffprep.image.pillow import may_lack_memory
from ffprep.system.files import hold_nothing, read_error
from ffprep.system.installation import installation_fault
from ffprep.system.limits import ended_from_outside, memory_limit, thread_limit

if TYPE_CHECKING:
    from ffprep.conversion.transcode import Photo, Transcoder
    from ffprep.core.decoder_log import DecoderLog
    from ffprep.system.processes import Running


def timed_out(words: str, running: "Running") -> PhotoError:
    """Return the error of an ffmpeg that had no time left; it may have waited for the machine."""
    if running.waited:
        return Killed(Kind.TIMEOUT, f"{words}, mostly waiting; run again")
    return PhotoError(Kind.TIMEOUT, f"{words}; raise --timeout")


def failed(steps: "Transcoder", job: LocalJob, error: Exception, started: float) -> Result:
    """Return the Result of a job whose first attempt raised `error`.

    If the photo may be damaged, a second attempt decides. An ffmpeg that cannot open what this
    process holds open makes one with the names of the files. Raises EnvironmentFault.
    """
    if isinstance(error, PhotoError) and not steps.processes.stopped:
        try:
            if error.needs_second_attempt:
                return second_attempt(steps, job, error, started)
            if error.kind is Kind.IO and _needs_names(steps):
                hold_nothing()
                return steps.attempt(focused(steps.probe(job), steps.decoders), started)
        except Exception as second:
            error = second
    if isinstance(error, EnvironmentFault):
        raise error
    if not isinstance(error, PhotoError):
        error = _unexpected(error)
    return Result.failed(job.source, job.output, error, time.perf_counter() - started)


def failed_early(steps: "Transcoder", job: LocalJob, error: Exception, started: float) -> Result:
    """Return the same for a job whose conversion had not begun, also in a run that was stopped."""
    if steps.processes.stopped:
        return Result.failed(job.source, job.output, PhotoError(Kind.IO, "the run was stopped"))
    return failed(steps, job, error, started)


def _needs_names(steps: "Transcoder") -> bool:
    """Return whether the user's own ffmpeg, in a container perhaps, cannot open held files."""
    return not steps.binary.embedded and not opens_held_files(steps.binary.path)


def whose_fault(steps: "Transcoder", photo: "Photo", error: PhotoError) -> PhotoError:
    """Return the error to report: a user's own mode or ffmpeg is not a bug of ffprep.

    Raises EnvironmentFault if no picture can be converted in the memory that there is.
    """
    job = photo.job
    if may_lack_memory(error):
        error = cause(steps, job, photo.picture, error)
    if error.kind is not Kind.INTERNAL:
        return error
    if not modes.is_shipped(job.spec.mode):
        words = f"mode {job.spec.mode.name!r} does not work for this photo: {error}"
        return PhotoError(Kind.UNSUPPORTED, words)
    if not steps.binary.embedded:
        words = f"{steps.binary.path} failed ({error}); use another ffmpeg"
        return PhotoError(Kind.IO, words)
    return error


def require_undisturbed(steps: "Transcoder", job: LocalJob, number: int, log: "DecoderLog") -> None:
    """Raise the PhotoError of an ffmpeg that a signal ended, or that was refused a thread.

    Raises EnvironmentFault if it crashes on a drawn picture, too.
    """
    if log.no_threads:
        raise LimitReached(thread_limit(), "ffmpeg cannot start a thread")
    if outside := ended_from_outside("ffmpeg", number, steps.limits(job.spec)):
        raise outside
    if not log.no_frames:
        require_sound(steps, job, number)
        words = f"ffmpeg crashed on it (signal {number}); restore it from a backup"
        raise PhotoError(Kind.DAMAGED, words)


def _unexpected(error: Exception) -> PhotoError:
    """Return an error as that of its photo; a bug is reported as such, and other photos go on.

    Raises EnvironmentFault for a broken installation.
    """
    if isinstance(error, MemoryError):
        limit, words = memory_limit(float("inf")), "there is not enough memory for it"
        return LimitReached(limit, words) if limit else Killed(Kind.IO, f"{words}; run again")
    if fault := installation_fault(error):
        raise fault from None
    if isinstance(error, OSError) and error.errno:
        return read_error(error)
    return PhotoError(Kind.INTERNAL, f"{type(error).__name__}: {error}")
