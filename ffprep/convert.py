"""A chunk of Jobs to Results: probe, graph, ffmpeg, verify, publish.

Jobs whose photos can share a stream go through one ffmpeg together, as a numbered sequence; whatever has no
verified output afterwards goes alone, where its error is its own. Both ways share all but the call of ffmpeg.
An output has its final name only when it has been decoded again and found to be what was asked for.
Whatever goes wrong with one job stays with that job, except an EnvironmentFault, which would meet them all.
"""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ffprep import fflog, graph, modes
from ffprep.colour import to_srgb
from ffprep.embed import embed
from ffprep.errors import EnvironmentFault, Kind, PhotoError
from ffprep.ffmpeg import Binary, Processes, Running
from ffprep.job import Job, Policy, Result, Status
from ffprep.outputs import disk_full, publish, temporary_beside, temporary_folder
from ffprep.picture import Picture
from ffprep.probe import decode, probe, verify
from ffprep.spec import Size


@dataclass(frozen=True, slots=True)
class _Probed:
    """A Job and what its source holds."""

    job: Job
    picture: Picture
    started: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Converter:
    """Converts chunks of Jobs with one ffmpeg, under one Policy. Safe to use from several threads.

    With `streams` False, every photo has a process of its own.
    """

    binary: Binary
    policy: Policy
    streams: bool = True
    processes: Processes = field(default_factory=Processes)

    def convert(self, jobs: Iterable[Job]) -> Iterator[Result]:
        """Yield one Result a Job, as they come; stop early when the processes are stopped.

        Raises EnvironmentFault when no job can succeed: a mode that FFmpeg refuses, a full disk.
        """
        groups: defaultdict[graph.Sequence | None, list[_Probed]] = defaultdict(list)
        for job in jobs:
            started = time.perf_counter()
            try:
                probed = self._probe(job, started)
                sequence = graph.sequence(probed.picture, job.spec) if self.streams else None
                groups[sequence].append(probed)
            except Exception as error:
                yield _failed(job, error, started)
        alone = groups.pop(None, [])
        for sequence, group in groups.items():
            if sequence and len(group) > 1:
                yield from self._together(sequence, group, alone)
            else:
                alone += group
        for probed in alone:
            result = self._alone(probed)
            if result.failure and self.processes.stopped:
                return  # its process was ended under it, or never began
            yield result

    def pipeline(self, job: Job) -> list[list[str]]:
        """The command lines for a Job, each piped into the next, writing straight to its output.

        Raises PhotoError where the file cannot even be probed.
        """
        picture, before = self._probe(job, 0).picture, []
        if not picture.ffmpeg_reads:
            picture, _ = decode(job.source, picture)
            options = [f"--max-pixels={self.policy.max_pixels}", f"--colour={job.spec.colour}"]
            ffprep = [sys.executable, "-P", "-m", "ffprep"]
            before = [[*ffprep, "frame", *options, "--", str(job.source)]]
        argv = graph.command(self.binary.path, job.source, picture, job.spec, job.output)
        return [*before, argv]

    def _probe(self, job: Job, started: float) -> _Probed:
        picture = probe(job.source, self.policy.max_pixels)
        picture, warning = to_srgb(picture, keep=job.spec.colour == "keep")
        return _Probed(job, picture, started, (warning,) if warning else ())

    def _together(
        self, sequence: graph.Sequence, group: list[_Probed], alone: list[_Probed]
    ) -> Iterator[Result]:
        """Convert a group as one stream; what does not come out verified is left to `alone`."""
        with ExitStack() as stack:
            entries: list[tuple[_Probed, Path]] = []
            for probed in group:
                try:
                    temporary = stack.enter_context(temporary_beside(probed.job.output))
                except PhotoError:
                    alone.append(probed)
                else:
                    entries.append((probed, temporary))
            try:
                links = stack.enter_context(temporary_folder())
                _link(links, entries)
            except OSError:  # no place for links; a process a photo needs none
                alone += [probed for probed, _ in entries]
                return
            argv = graph.sequence_command(self.binary.path, sequence, links)
            started = time.perf_counter()
            for number, whole in self._stream(group[0].job, argv, entries):
                probed, temporary = entries[number]
                seconds = (time.perf_counter() - started) / (number + 1)
                result = self._verified(probed, temporary, seconds) if whole else None
                if result:
                    yield result
                else:
                    alone.append(probed)

    def _stream(
        self, job: Job, argv: list[str], entries: list[tuple[_Probed, Path]]
    ) -> Iterator[tuple[int, bool]]:
        """Run a sequence; yield each entry's number when ffmpeg is through with it.

        And with it, whether ffmpeg decoded and wrote it. A stream that stands still is ended.
        """
        done, moved = 0, time.perf_counter()
        with self._started(argv) as running:
            ended = False
            while done < len(entries):
                ended = ended or running.wait(0.03)
                if ended:
                    running.finish()
                written = [i for i in range(done, len(entries)) if _size(entries[i][1]) > 0]
                # Outputs are written in order: before one that has begun, all are finished.
                through = len(entries) if ended else max(written, default=done)
                log = fflog.read(running.log) if through > done else fflog.Log()
                for number in range(done, through):
                    if not ended and number in written and number not in log.frames:
                        break  # the log lags behind
                    probed, temporary = entries[number]
                    whole = _is_whole(log, number, probed.picture, temporary)
                    yield number, whole and not log.suspects(number)
                    done, moved = number + 1, time.perf_counter()
                if time.perf_counter() - moved > self.policy.timeout:
                    running.kill()
        self._blame(job, fflog.read(running.log))

    def _verified(self, probed: _Probed, temporary: Path, seconds: float) -> Result | None:
        """Verify and publish what a stream made; None where that cannot be done."""
        job, started = probed.job, time.perf_counter()
        try:
            size = self._publish(probed, temporary)
        except PhotoError:
            return None
        seconds += time.perf_counter() - started
        return Result(
            job.source, job.output, Status.CONVERTED, size, seconds, warnings=probed.warnings
        )

    def _publish(self, probed: _Probed, temporary: Path) -> Size:
        """Give an output what it is to carry, prove it, and give it its name."""
        embed(temporary, probed.job.spec.format, probed.picture.carries)
        size = verify(temporary, probed.job.spec)
        publish(temporary, probed.job, self.policy)
        return size

    def _alone(self, probed: _Probed) -> Result:
        """Convert one photo in a process of its own, and say why it failed if it did."""
        job, picture, warnings = probed.job, probed.picture, probed.warnings
        try:
            with temporary_beside(job.output) as temporary:
                if picture.ffmpeg_reads and (log := self._by_ffmpeg(job, picture, temporary)):
                    warnings += self._judge(log)
                else:
                    self._by_pillow(job, picture, temporary)
                size = self._publish(probed, temporary)
        except Exception as error:
            return _failed(job, _whose_fault(job, error), probed.started)
        seconds = time.perf_counter() - probed.started
        return Result(job.source, job.output, Status.CONVERTED, size, seconds, warnings=warnings)

    def _by_ffmpeg(self, job: Job, picture: Picture, output: Path) -> fflog.Log | None:
        """Decode with FFmpeg; None where it makes nothing, or another picture, of the file."""
        argv = graph.command(self.binary.path, job.source, picture, job.spec, output)
        log = self._run(job, argv)
        return log if _is_whole(log, 0, picture, output) else None

    def _by_pillow(self, job: Job, picture: Picture, output: Path) -> None:
        """Decode with Pillow, strictly, and hand FFmpeg the pixels."""
        if picture.format.forgiving and picture.ffmpeg_reads:
            words = "cannot be decoded whole; restore it from a backup"
            raise PhotoError(Kind.DAMAGED, words)
        raw, pixels = decode(job.source, picture)
        argv = graph.command(self.binary.path, job.source, raw, job.spec, output)
        log = self._run(job, argv, pixels)
        if not _is_whole(log, 0, raw, output):
            last = log.errors[-1] if log.errors else "and said nothing"
            raise PhotoError(Kind.INTERNAL, f"ffmpeg made nothing of its pixels: {last}")

    @contextmanager
    def _started(self, argv: list[str], data: bytes | None = None) -> Iterator[Running]:
        try:
            with self.processes.start(argv, data) as running:
                yield running
        except OSError as error:
            words = f"{self.binary.path} cannot be started: {error.strerror}"
            raise EnvironmentFault(words) from None

    def _run(self, job: Job, argv: list[str], data: bytes | None = None) -> fflog.Log:
        with self._started(argv, data) as running:
            status = running.wait_at_most(self.policy.timeout)
        if status is None:
            raise PhotoError(
                Kind.TIMEOUT, f"took more than {self.policy.timeout:g} s; raise --timeout"
            )
        log = fflog.read(running.log)
        self._blame(job, log)
        if status < 0:
            raise PhotoError(Kind.DAMAGED, f"ffmpeg crashed on it (signal {-status})")
        return log

    def _blame(self, job: Job, log: fflog.Log) -> None:
        """Raise what is no photo's fault."""
        if log.lacking:
            raise EnvironmentFault(f"{self.binary.path} lacks the {log.lacking} that ffprep needs")
        if log.graph_fault:
            raise EnvironmentFault(modes.blame(job.spec.mode, log.graph_fault))
        if log.disk_full:
            raise disk_full(job.output)

    def _judge(self, log: fflog.Log) -> tuple[str, ...]:
        if not log.damage:
            return ()
        if not self.policy.keep_damaged:
            raise PhotoError(
                Kind.DAMAGED,
                f"part of the picture is missing ({log.damage[0]}); restore it from a backup, or convert "
                "what is left with --damaged keep",
            )
        return (f"converted although part of the picture is missing ({log.damage[0]})",)


def _link(folder: Path, entries: list[tuple[_Probed, Path]]) -> None:
    """Give sources and temporaries the numbers by which a sequence knows them."""
    for name in graph.SEQUENCE_FOLDERS:
        (folder / name).mkdir()
    source, output = (folder / name for name in graph.SEQUENCE_FOLDERS)
    for number, (probed, temporary) in enumerate(entries):
        (source / str(number)).symlink_to(os.path.abspath(probed.job.source))
        (output / str(number)).symlink_to(os.path.abspath(temporary))


def _is_whole(log: fflog.Log, number: int, picture: Picture, output: Path) -> bool:
    """Whether FFmpeg decoded what the probe saw, and wrote something."""
    decoded = picture.shown if picture.format.upright and not picture.raw else picture.stored
    return log.frames.get(number) == decoded and _size(output) > 0


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _whose_fault(job: Job, error: Exception) -> Exception:
    """What goes wrong behind the decoder, in a mode of the user's own, is no bug of ffprep."""
    internal = isinstance(error, PhotoError) and error.kind is Kind.INTERNAL
    if not internal or modes.is_shipped(job.spec.mode):
        return error
    words = f"mode {job.spec.mode.name!r} does not fit this photo: {error}"
    return PhotoError(Kind.UNSUPPORTED, words)


def _failed(job: Job, error: Exception, started: float) -> Result:
    """The Result of an exception; a fault of the environment goes on."""
    if isinstance(error, EnvironmentFault):
        raise error
    if not isinstance(error, PhotoError):  # a bug: told as such, and the other photos go on
        error = PhotoError(Kind.INTERNAL, f"{type(error).__name__}: {error}")
    return Result.failed(job.source, job.output, error, time.perf_counter() - started)
