"""A chunk of Jobs to Results: probe, graph, ffmpeg, verify, publish.

An output lies beside its final name under a temporary one until it has been decoded again and found
to be what was asked for; then it is renamed. Whatever goes wrong with one job stays with that job,
except an EnvironmentFault, which would meet them all.
"""

import contextlib
import errno
import itertools
import os
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ffprep import fflog, graph, modes
from ffprep.errors import EnvironmentFault, Kind, PhotoError
from ffprep.ffmpeg import Binary, Outcome, Processes
from ffprep.files import TEMPORARY_PREFIX, os_trouble
from ffprep.job import Job, Policy, Result, Status
from ffprep.picture import Picture
from ffprep.probe import decode, probe, verify
from ffprep.spec import Size

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Converter:
    """Converts chunks of Jobs with one ffmpeg, under one Policy. Safe to use from several threads."""

    binary: Binary
    policy: Policy
    processes: Processes = field(default_factory=Processes)

    def convert(self, jobs: Iterable[Job]) -> Iterator[Result]:
        """Yield one Result a Job, in order; stop early when the processes are stopped.

        Raises EnvironmentFault when no job can succeed: a mode that FFmpeg refuses, a full disk.
        """
        for job in jobs:
            if self.processes.stopped:
                return
            started = time.perf_counter()
            try:
                size, warning = self._one(job)
            except PhotoError as error:
                result = Result.failed(job.source, job.output, error, _since(started))
            except EnvironmentFault:
                raise
            except Exception as error:  # a bug: told as such, and the other photos go on
                words = f"{type(error).__name__}: {error}"
                bug = PhotoError(Kind.INTERNAL, words)
                result = Result.failed(job.source, job.output, bug, _since(started))
            else:
                result = Result(
                    job.source,
                    job.output,
                    Status.CONVERTED,
                    size,
                    _since(started),
                    warning=warning,
                )
            if result.failure and self.processes.stopped:
                return  # its process was ended under it
            yield result

    def pipeline(self, job: Job) -> list[list[str]]:
        """The command lines for a Job, each piped into the next, writing straight to its output.

        Raises PhotoError where the file cannot even be probed.
        """
        picture, before = probe(job.source, self.policy.max_pixels), []
        if not picture.ffmpeg_reads:
            picture, _ = decode(job.source, picture)
            limit = f"--max-pixels={self.policy.max_pixels}"
            before = [[sys.executable, "-m", "ffprep", "frame", limit, "--", str(job.source)]]
        argv = graph.command(self.binary.path, job.source, picture, job.spec, job.output)
        return [*before, argv]

    def _one(self, job: Job) -> tuple[Size, str | None]:
        picture = probe(job.source, self.policy.max_pixels)
        with _temporary(job.output) as temporary:
            if picture.ffmpeg_reads and (log := self._by_ffmpeg(job, picture, temporary)):
                warning = self._judge(log)
            else:
                self._by_pillow(job, picture, temporary)
                warning = None
            size = verify(temporary, job.spec)
            self._publish(job, temporary)
        return size, warning

    def _by_ffmpeg(self, job: Job, picture: Picture, output: Path) -> fflog.Log | None:
        """Decode with FFmpeg; None where it makes nothing, or another picture, of the file."""
        argv = graph.command(self.binary.path, job.source, picture, job.spec, output)
        log = self._run(job, argv)
        return log if _is_whole(log, picture, output) else None

    def _by_pillow(self, job: Job, picture: Picture, output: Path) -> None:
        """Decode with Pillow, strictly, and hand FFmpeg the pixels."""
        raw, pixels = decode(job.source, picture)
        argv = graph.command(self.binary.path, job.source, raw, job.spec, output)
        log = self._run(job, argv, pixels)
        if not _is_whole(log, raw, output):
            last = log.errors[-1] if log.errors else "and said nothing"
            raise PhotoError(Kind.INTERNAL, f"ffmpeg made nothing of its pixels: {last}")

    def _run(self, job: Job, argv: list[str], data: bytes | None = None) -> fflog.Log:
        try:
            outcome = self.processes.run(argv, self.policy.timeout, data)
        except OSError as error:
            raise EnvironmentFault(
                f"{self.binary.path} cannot be started: {error.strerror}"
            ) from None
        if outcome.status is None:
            raise PhotoError(
                Kind.TIMEOUT, f"took more than {self.policy.timeout:g} s; raise --timeout"
            )
        log = fflog.read(outcome.log)
        self._blame(job, log, outcome)
        return log

    def _blame(self, job: Job, log: fflog.Log, outcome: Outcome) -> None:
        """Raise what is nobody's photo's fault, and what a photo did to the process."""
        if log.lacking:
            raise EnvironmentFault(f"{self.binary.path} lacks the {log.lacking} that ffprep needs")
        if log.graph_fault:
            raise EnvironmentFault(modes.blame(job.spec.mode, log.graph_fault))
        if log.disk_full:
            raise _disk_full(job.output)
        if outcome.status and outcome.status < 0:
            raise PhotoError(Kind.DAMAGED, f"ffmpeg crashed on it (signal {-outcome.status})")

    def _judge(self, log: fflog.Log) -> str | None:
        if not log.damage:
            return None
        if not self.policy.keep_damaged:
            raise PhotoError(
                Kind.DAMAGED,
                f"part of the picture is missing ({log.damage[0]}); restore it from a backup, or convert "
                "what is left with --damaged keep",
            )
        return f"converted although part of the picture is missing ({log.damage[0]})"

    def _publish(self, job: Job, temporary: Path) -> None:
        try:
            if self.policy.preserve_times:
                times = os.stat(job.source)
                os.utime(temporary, ns=(times.st_atime_ns, times.st_mtime_ns))
            os.replace(temporary, job.output)
        except OSError as error:
            raise _output_trouble(job.output, error) from None


@contextlib.contextmanager
def _temporary(output: Path) -> Iterator[Path]:
    """A name beside `output` that nothing else has, made sure to be gone in the end.

    It is short, so that it fits where the final name fits, and hidden, so that no walk takes it.
    """
    folder = output.parent
    temporary = folder / f"{TEMPORARY_PREFIX}{os.getpid()}-{next(_numbers)}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if output.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder has this name already")
        temporary.touch(exist_ok=False)  # what cannot be written is told before the work is done
    except OSError as error:
        raise _output_trouble(output, error) from None
    try:
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _output_trouble(output: Path, error: OSError) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _disk_full(output)
    return PhotoError(Kind.IO, f"cannot write {output}: {os_trouble(error)}")


def _disk_full(output: Path) -> EnvironmentFault:
    return EnvironmentFault(f"no space left in {output.parent}; make room and run again")


def _is_whole(log: fflog.Log, picture: Picture, output: Path) -> bool:
    """Whether FFmpeg decoded what the probe saw, and wrote something."""
    decoded = picture.shown if picture.format.upright and not picture.raw else picture.stored
    return log.frames[:1] == (decoded,) and output.stat().st_size > 0


def _since(started: float) -> float:
    return time.perf_counter() - started
