"""A chunk of LocalJobs to Results: probe, graph, ffmpeg, verify, publish.

LocalJobs whose photos can share a stream go through one ffmpeg together, as a numbered sequence; whatever has no
verified output afterwards goes alone, where its error is its own. Both ways share all but the call of ffmpeg.
An output has its final name only when it has been decoded again and found to be what was asked for.
Whatever goes wrong with one job stays with that job, except an EnvironmentFault, which would meet them all.
"""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from ffprep.config import modes
from ffprep.conversion import filtergraph as graph
from ffprep.conversion.ffmpeg_binary import Binary
from ffprep.conversion.publish import publish
from ffprep.conversion.transcode import Photo, Transcoder, fits, is_whole, size_of, too_many_bytes
from ffprep.core import ffmpeg_log as fflog
from ffprep.core.geometry import Size
from ffprep.core.job import Caveat, LocalJob, Result, Status
from ffprep.core.policy import Policy
from ffprep.errors import EnvironmentFault, Kind, PhotoError
from ffprep.image.probe import verify
from ffprep.image.sandbox import DecoderPool
from ffprep.system.files import FileStamp
from ffprep.system.processes import LARGE, Processes
from ffprep.system.tempfiles import require_writable, temporary_beside, temporary_folder


@dataclass(frozen=True, slots=True)
class Converter:
    """Converts chunks of LocalJobs with one ffmpeg, under one Policy. Safe to use from several threads.

    With `streams` False, every photo has a process of its own.
    """

    binary: Binary
    policy: Policy
    streams: bool = True
    processes: Processes = field(default_factory=Processes)
    transcoder: Transcoder = field(init=False)

    def __post_init__(self) -> None:
        viewers = DecoderPool(self.processes, self.policy)
        transcoder = Transcoder(self.binary, self.policy, self.processes, viewers)
        object.__setattr__(self, "transcoder", transcoder)

    def close(self) -> None:
        """End what is kept for the next photo."""
        self.transcoder.viewers.close()

    def convert(self, jobs: Iterable[LocalJob]) -> Iterator[Result]:
        """Yield one Result a LocalJob, as they come; stop early when the processes are stopped.

        Raises EnvironmentFault when no job can succeed: a mode that FFmpeg refuses, a full disk.
        """
        groups: defaultdict[graph.Sequence | None, list[Photo]] = defaultdict(list)
        for job in jobs:
            started = time.perf_counter()
            try:
                photo = self.transcoder.look(job)
                large = photo.picture.weight >= LARGE
                single = large or not self.streams
                sequence = None if single else graph.sequence(photo.picture, photo.job.spec)
                groups[sequence].append(photo)
            except Exception as error:
                if self.processes.stopped:
                    return  # its viewer was ended under it
                yield _failed(job, error, started)
        alone = groups.pop(None, [])
        for sequence, group in groups.items():
            if sequence and len(group) > 1:
                yield from self._together(sequence, group, alone)
            else:
                alone += group
        for photo in alone:
            result = self._alone(photo)
            if result.failure and self.processes.stopped:
                return  # its process was ended under it, or never began
            yield result

    def prove(self, job: LocalJob) -> tuple[Size, FileStamp]:
        """The size and the FileStamp of an output that is there already, if it is what its Spec says.

        Whoever made it, so a viewer decodes it. Raises PhotoError.
        """
        stamp, viewers = FileStamp.of(job.output), self.transcoder.viewers
        if job.spec.choice:
            job = self.transcoder.look(job).job
        picture = viewers.probe(job.output, self.policy.max_pixels)
        if (picture.shown, picture.format.name) != (job.spec.size, job.spec.format.name):
            raise PhotoError(Kind.IO, f"{job.output} is {picture.format.name} {picture.shown}")
        viewers.require_whole(job.output, picture)
        if FileStamp.of(job.output) != stamp:
            raise PhotoError(Kind.IO, f"{job.output} was changed while it was read")
        return picture.shown, stamp

    def pipeline(self, job: LocalJob) -> list[list[str]]:
        """The command lines for a LocalJob, each piped into the next, writing straight to its output.

        Raises PhotoError where the file cannot even be probed.
        """
        photo = self.transcoder.look(job)
        job, picture, before = photo.job, photo.picture, list[list[str]]()
        if not picture.ffmpeg_reads:
            with self.transcoder.viewers.decoded(job.source, picture) as (picture, _):
                pass
            policy = self.policy
            options = [f"--max-pixels={policy.max_pixels}", f"--max-memory={policy.max_memory}"]
            options += [f"--colour={job.spec.colour}"]
            ffprep = [sys.executable, "-P", "-m", "ffprep"]
            before = [[*ffprep, "frame", *options, "--", str(job.source)]]
        argv = graph.command(self.binary.path, job.source, picture, job.spec, job.output)
        return [*before, argv]

    def _together(
        self, sequence: graph.Sequence, group: list[Photo], alone: list[Photo]
    ) -> Iterator[Result]:
        """Convert a group as one stream; what does not come out verified is left to `alone`."""
        with ExitStack() as stack:
            entries: list[tuple[Photo, Path]] = []
            for photo in group:
                try:
                    temporary = stack.enter_context(temporary_beside(photo.job.output))
                except PhotoError:
                    alone.append(photo)
                else:
                    entries.append((photo, temporary))
            try:
                links = stack.enter_context(temporary_folder())
                _link(links, entries)
            except OSError:  # no place for links; a process a photo needs none
                alone += [photo for photo, _ in entries]
                return
            argv = graph.sequence_command(self.binary.path, sequence, links)
            started = time.perf_counter()
            for number, whole in self._stream(group[0].job, argv, entries):
                photo, temporary = entries[number]
                seconds = (time.perf_counter() - started) / (number + 1)
                result = self._verified(photo, temporary, seconds) if whole else None
                if result:
                    yield result
                else:
                    alone.append(photo)

    def _stream(
        self, job: LocalJob, argv: list[str], entries: list[tuple[Photo, Path]]
    ) -> Iterator[tuple[int, bool]]:
        """Run a sequence; yield each entry's number when ffmpeg is through with it.

        And with it, whether ffmpeg decoded and wrote it. A stream that stands still is ended.
        """
        done, moved = 0, time.perf_counter()
        with self.transcoder.started(job, argv) as running:
            ended = False
            while done < len(entries):
                ended = ended or running.wait(0.03)
                if ended:
                    running.finish()
                written = [i for i in range(done, len(entries)) if size_of(entries[i][1]) > 0]
                # Outputs are written in order: before one that has begun, all are finished.
                through = len(entries) if ended else max(written, default=done)
                log = fflog.read(running.log) if through > done else fflog.Log()
                for number in range(done, through):
                    if not ended and number in written and number not in log.frames:
                        break  # the log lags behind
                    photo, temporary = entries[number]
                    whole = is_whole(log, number, photo.picture, temporary)
                    yield number, whole and not log.suspects(number)
                    done, moved = number + 1, time.perf_counter()
                if time.perf_counter() - moved > self.policy.timeout:
                    running.kill()
        self.transcoder.blame(job, fflog.read(running.log))

    def _verified(self, photo: Photo, temporary: Path, seconds: float) -> Result | None:
        """Verify and publish what a stream made; None where that cannot be done."""
        started = time.perf_counter()
        try:
            if self.transcoder.viewers.missing(photo.job.source, photo.picture, fflog.Log()):
                return None
            self.transcoder.complete(photo, temporary)
            proof = self._publish(photo, temporary)
        except PhotoError:
            return None
        seconds += time.perf_counter() - started
        return _converted(photo.job, proof, seconds, photo.caveats)

    def _alone(self, photo: Photo) -> Result:
        """Convert one photo in a process of its own, and say why it failed if it did."""
        job, started = photo.job, time.perf_counter()
        try:
            photo.require_unchanged()
            with temporary_beside(job.output) as temporary:
                caveats = self.transcoder.write(photo, temporary)
                proof = self._publish(photo, temporary)
        except Exception as error:
            return _failed(job, self._whose_fault(job, error), started)
        return _converted(job, proof, time.perf_counter() - started, caveats)

    def _whose_fault(self, job: LocalJob, error: Exception) -> Exception:
        """What a mode or an ffmpeg of the user's own makes of pixels is no bug of ffprep."""
        if not isinstance(error, PhotoError) or error.kind is not Kind.INTERNAL:
            return error
        if not modes.is_shipped(job.spec.mode):
            words = f"mode {job.spec.mode.name!r} does not fit this photo: {error}"
            return PhotoError(Kind.UNSUPPORTED, words)
        if not self.binary.embedded:
            words = f"{self.binary.path} did not do its work ({error}); use another ffmpeg"
            return PhotoError(Kind.IO, words)
        return error

    def _publish(self, photo: Photo, temporary: Path) -> tuple[Size, FileStamp]:
        """Prove an output, and give it its name."""
        job = photo.job
        require_writable(temporary, job.output)
        if not fits(job.spec, temporary):
            raise too_many_bytes(job.spec, size_of(temporary))
        size = verify(temporary, job.spec)
        photo.require_unchanged()
        return size, publish(temporary, job, self.policy)


def _link(folder: Path, entries: list[tuple[Photo, Path]]) -> None:
    """Give sources and temporaries the numbers by which a sequence knows them."""
    for name in graph.SEQUENCE_FOLDERS:
        (folder / name).mkdir()
    source, output = (folder / name for name in graph.SEQUENCE_FOLDERS)
    for number, (photo, temporary) in enumerate(entries):
        (source / str(number)).symlink_to(os.path.abspath(photo.job.source))
        (output / str(number)).symlink_to(os.path.abspath(temporary))


def _converted(
    job: LocalJob, proof: tuple[Size, FileStamp], seconds: float, caveats: tuple[Caveat, ...]
) -> Result:
    size, stamp = proof
    return Result(
        job.source,
        job.output,
        Status.CONVERTED,
        size,
        seconds,
        caveats=caveats,
        stamp=stamp,
        mode=job.spec.mode.name,
    )


def _failed(job: LocalJob, error: Exception, started: float) -> Result:
    """The Result of an exception; a fault of the environment goes on."""
    if isinstance(error, EnvironmentFault):
        raise error
    if not isinstance(error, PhotoError):  # a bug: told as such, and the other photos go on
        error = PhotoError(Kind.INTERNAL, f"{type(error).__name__}: {error}")
    return Result.failed(job.source, job.output, error, time.perf_counter() - started)
