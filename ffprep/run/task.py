"""The work on one chunk: in this process `ChunkTask`, in a worker of a cluster `ClusterTask`.

The functions for workers know nothing of Dask. ffprep pickles tasks and answers itself, so that a
worker with another version of ffprep can say so before it unpickles anything.

For a report, photos also get thumbnails.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.geometry import Size
from ffprep.core.job import Job, LocalJob, Result, Thumbnail
from ffprep.core.location import Location
from ffprep.core.policy import Policy, RerunOptions
from ffprep.errors import EnvironmentFault, FilteredOut, Kind, PhotoError
from ffprep.ledger.freshness import skip_unchanged, without_stale_hash
from ffprep.ledger.rows import FinishedJob, PendingJob
from ffprep.record import Record, replace
from ffprep.system.files import FileStamp
from ffprep.system.tempfiles import owner_id, sweep_temp_dir
from ffprep.version import __version__

_MAX_CONVERTERS = 4
_lock = threading.Lock()
_converters: "OrderedDict[str, Converter]" = OrderedDict()
"""The Converters of this worker process by run, for the newest runs."""


def convert(converter: Converter, jobs: Iterable[Job]) -> Iterator[Result]:
    """Convert photos, wherever they are. Yield one Result a Job, as they come.

    Stop early when the processes are stopped. Raise EnvironmentFault when none can succeed.
    """
    local, others = list[LocalJob](), list[Job]()
    for job in jobs:
        if isinstance(job, LocalJob):
            local.append(job)
        else:
            others.append(job)
    if local:
        yield from converter.convert(local)
    if others:
        from ffprep.conversion.remote import converted

        yield from converted(converter, others)


class Thumbnails(Record):
    """The thumbnails of a `share` of all photos, in a folder; others get one if there are caveats.

    Each photo has one, however many pictures are made of it.
    """

    folder: Path
    share: float = 1.0

    def path(self, photo: Location) -> Path:
        """Return where the thumbnail of a photo is, if it was made."""
        return self.folder / f"{digest(photo).hex()}.jpg"

    def with_thumbnails(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Yield jobs; the first one of each photo asks for its thumbnail."""
        last = None
        for job in jobs:
            if job.source == last:
                yield job
                continue
            last = job.source
            always = draw(last) < self.share
            yield replace(job, thumbnail=Thumbnail(self.path(last), always))


def digest(photo: Location) -> bytes:
    """Return a short hash of a photo's name."""
    from hashlib import blake2b

    return blake2b(os.fspath(photo).encode(errors="surrogatepass"), digest_size=16).digest()


def draw(photo: Location) -> float:
    """Return the lot of a photo, 0 to 1: those with the lowest ones are the sample of a report."""
    return int.from_bytes(digest(photo)[:6]) / 2**48


class ChunkTask(Record):
    """Converts a chunk, without the jobs that turn out to be up to date.

    `rerun` is None in a run without a ledger: then every job is converted. `thumbnails` are those
    of a report, if there is one.
    """

    rerun: RerunOptions | None = None
    thumbnails: Thumbnails | None = None

    def skip(self, pending: PendingJob, converter: Converter) -> FinishedJob | None:
        """Return a job as finished that is refused, passed over, or up to date.

        See `skip_unchanged`.
        """
        job, finished = pending.job, None
        if self.rerun:
            if converter.policy.filter and (pending.known or self.rerun.adopt):
                try:
                    pending = _filtered(pending, converter)
                except FilteredOut as error:
                    return FinishedJob(Result.failed(job.source, job.output, error), pending)
            finished = skip_unchanged(self.rerun, pending, partial(_verified, converter))
        if pending.refusal and not finished:
            refusal = PhotoError(Kind.COLLISION, pending.refusal)
            finished = FinishedJob(Result.failed(job.source, job.output, refusal), pending)
        return finished

    def results(self, chunk: Iterable[PendingJob], converter: Converter) -> Iterator[FinishedJob]:
        """Yield the finished jobs as they come. Raises as `Converter.convert` does."""
        to_convert: dict[Location, PendingJob] = {}
        for pending in chunk:
            if finished := self.skip(pending, converter):
                yield finished
            else:
                to_convert[pending.job.output] = pending
        jobs: Iterable[Job] = (pending.job for pending in to_convert.values())
        if self.thumbnails:
            jobs = self.thumbnails.with_thumbnails(jobs)
        for result in convert(converter, jobs):
            assert result.output
            pending = to_convert[result.output]
            yield FinishedJob(without_stale_hash(pending, result), pending)


def _filtered(pending: PendingJob, converter: Converter) -> PendingJob:
    """Return a job that may be up to date if its photo meets the filter. Raise FilteredOut.

    A photo that cannot be probed, or that is in a store, is to be converted whatever its output is.
    """
    if isinstance(pending.job, LocalJob):
        try:
            converter.transcoder.probe(pending.job)
            return pending
        except FilteredOut:
            raise
        except PhotoError:
            pass
    return replace(pending, known=None, good=False)


def _verified(converter: Converter, job: Job) -> tuple[Size, FileStamp]:
    """Verify an output, as the Converter does. Raise PhotoError for an object."""
    if isinstance(job, LocalJob):
        return converter.verify_existing(job)
    raise PhotoError(Kind.UNSUPPORTED, "an object is not downloaded to be verified again")


class WorkerInfo(Record):
    """What a worker says about itself. `missing` are the paths asked for that it cannot read.

    `owner` is the part of its temporary files' names that tells them from those of other processes.
    """

    host: str
    ffprep: str
    ffmpeg: str
    owner: str
    missing: tuple[str, ...]


class ClusterTask(Record):
    """What a worker does with each chunk of a run. `run` is a unique name.

    The worker must be able to read `required_paths`; otherwise it does not have the disk with the
    photos.
    """

    run: str
    task: ChunkTask
    policy: Policy
    ffmpeg: str | None
    required_paths: tuple[str, ...]

    def converter(self) -> Converter:
        """Return the run's Converter, made for its first chunk. Raises EnvironmentFault."""
        with _lock:
            if self.run not in _converters:
                for path in self.required_paths:
                    if not can_read(path):
                        raise unreadable(os.uname().nodename, path)
                sweep_temp_dir()
                _converters[self.run] = Converter(find(self.ffmpeg), self.policy)
            _converters.move_to_end(self.run)
            while len(_converters) > _MAX_CONVERTERS:
                _converters.popitem(last=False)[1].close()
            return _converters[self.run]


Answer = tuple[list[Result], EnvironmentFault | None]
"""The results of a chunk, and the fault that ended it early, if any."""


def worker_info(ffmpeg: str | None, paths: list[str]) -> tuple[object, ...]:
    """Return the fields of a WorkerInfo, in types that every version of ffprep can unpickle."""
    missing = tuple(path for path in paths if not can_read(path))
    return os.uname().nodename, __version__, find(ffmpeg).version, owner_id(), missing


def can_read(path: str) -> bool:
    """Return whether a path is a file, or a folder with entries: empty may mean not mounted."""
    try:
        with os.scandir(path) as entries:
            return any(entries)
    except NotADirectoryError:
        return True
    except OSError:
        return os.path.lexists(path) and not os.path.isdir(path)


def convert_chunk(version: str, pickled: bytes) -> bytes:
    """Convert a pickled chunk with this version of ffprep; return the pickled Answer.

    Raises EnvironmentFault if this worker has another version than the run.
    """
    if version != __version__:
        raise other_version(os.uname().nodename, __version__, version)
    import pickle

    task, chunk = pickle.loads(pickled)
    results, fault = list[Result](), None
    try:
        for finished in task.task.results(chunk, task.converter()):
            results.append(finished.result)
    except EnvironmentFault as error:
        fault = error
    answer: Answer = results, fault
    return pickle.dumps(answer)


def end_run(run: str) -> None:
    """Kill what this worker converts for a run, and begin nothing of it any more."""
    with _lock:
        converter = _converters.get(run)
    if converter:
        converter.processes.stop()
        converter.close()


def unreadable(host: str, path: str) -> EnvironmentFault:
    """Return the error for a worker that does not have the disk."""
    problem = f"the worker on {host} cannot read {path}"
    return EnvironmentFault(
        f"{problem}; every worker needs the photos and OUT under the same paths"
    )


def other_version(host: str, version: str, wanted: str) -> EnvironmentFault:
    """Return the error for a worker with another version, whose pixels could differ."""
    problem = f"the worker on {host} has ffprep {version}, and this run has {wanted}"
    return EnvironmentFault(f"{problem}; install the same version everywhere")
