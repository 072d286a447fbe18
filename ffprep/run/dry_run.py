"""What a run would do: the pictures that it would make, and what needs no conversion.

Photos are probed, and not decoded. An exception is a frame of a film, which has to be found. How
long the run would take is known from an earlier run, or from a sample that is converted.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from ffprep.conversion.pipeline import planned
from ffprep.conversion.transcode import Photo, Transcoder
from ffprep.core.fitting import Framing, cropped_size
from ffprep.core.geometry import Size
from ffprep.core.job import FreshCount, Job, LocalJob, Result
from ffprep.core.location import Location
from ffprep.core.spec import Spec
from ffprep.ledger.history import recorded_speed
from ffprep.record import Record, field, replace
from ffprep.run.runner import Run
from ffprep.run.window import SAME_FOR_ALL
from ffprep.system.pool import run_chunks
from ffprep.system.single import StopRules
from ffprep.system.tempfiles import temporary_folder

_MOST, _FEWEST = 16, 8
"""How many photos a sample has at most, and how many a run must have to be worth a sample."""

_SECONDS = 2.0
"""How long a sample is converted at most."""


class Planned(Record):
    """A picture that a run would make, of a probed `photo`.

    `photo` is None if the source or the output is in a store: then nothing is downloaded.
    """

    job: Job
    photo: Photo | None = None

    @property
    def spec(self) -> Spec:
        """What the picture is; with its size and its mode, if the photo is known."""
        return self.photo.job.spec if self.photo else self.job.spec

    @property
    def cropped(self) -> Size | None:
        """The size of the upright photo after it is cropped to the bounds."""
        return cropped_size(self.photo.picture.shown, self.spec.bounds) if self.photo else None

    @property
    def framing(self) -> Framing | None:
        """How the photo fits in the frame, if its mode says so."""
        fit, cropped = self.spec.mode.fit, self.cropped
        return Framing.of(fit, cropped, self.spec.size) if fit and cropped else None


Outcome = tuple[Planned, ...] | Result | FreshCount
"""The pictures that would be made of one photo, or the result of jobs that need no conversion."""


def dry_run(run: Run) -> Iterator[Outcome]:
    """Yield what `Run.results` would do, and what `--prune` would remove."""
    passed_over = list[Location]()
    for outcome in _outcomes(run):
        if isinstance(outcome, Result) and outcome.passed_over and outcome.output:
            passed_over.append(outcome.output)
        yield outcome
    yield from run.clean_up(passed_over)


def _outcomes(run: Run) -> Iterator[Outcome]:
    steps, jobs = run.converter.transcoder, list[Job]()
    for triage in run.triages():
        yield from triage.known
        for pending in triage.pending:
            if finished := run.task.skip(pending, run.converter):
                yield finished.result
            else:
                jobs.append(pending.job)
        if not triage.others_follow:
            yield from _planned(steps, jobs)
            jobs.clear()
    yield from _planned(steps, jobs)


def _planned(steps: Transcoder, jobs: Iterable[Job]) -> Iterator[tuple[Planned, ...] | Result]:
    """Yield the pictures of each photo, and a failed Result for each that cannot be made."""
    photos = defaultdict[tuple[Location, str], list[Job]](list)
    for job in jobs:
        photos[job.source, job.place].append(job)
    for same in photos.values():
        found = [Planned(job) for job in same if not isinstance(job, LocalJob)]
        for made in planned(steps, [job for job in same if isinstance(job, LocalJob)]):
            if isinstance(made, Result):
                yield made
            else:
                found.append(Planned(made.job, made))
        if found:
            yield tuple(found)


class Estimate(Record):
    """What a run would take.

    `sample` is the number of pictures that were made to find out; 0 if an earlier run says it.
    """

    seconds: float
    bytes: float
    sample: int = 0

    def as_dict(self) -> dict[str, float]:
        """Return the content of a JSON object."""
        seconds = round(self.seconds, 1)
        return {"seconds": seconds, "bytes": round(self.bytes), "sample": self.sample}


class Sample(Record, frozen=False):
    """Some photos, spread evenly over all photos of a run; and how much work all of them are."""

    pictures: int = 0
    """How many pictures all photos become."""
    work: float = 0.0
    """The work for all of them, in pixels."""
    chosen: list[tuple[Photo, ...]] = field(default_factory=list)
    _photos: int = 0
    _every: int = 1

    def add(self, pictures: tuple[Photo, ...]) -> None:
        """Count the pictures of a photo. Choose the photo, unless the sample has enough."""
        self.pictures += len(pictures)
        self.work += len(pictures) * _work(pictures)
        if self._photos % self._every == 0:
            self.chosen.append(pictures)
            if len(self.chosen) > _MOST:
                del self.chosen[1::2]
                self._every *= 2
        self._photos += 1


def estimate(run: Run, sample: Sample, pictures: int) -> Estimate | None:
    """Return the Estimate of a run that makes `pictures`; None if nothing is known.

    A sample is converted only if the ledger has no similar run, and only of local photos. The run
    cannot convert anything afterwards, because its processes are stopped.
    """
    if run.freshness and (speed := recorded_speed(run.freshness.ledger)):
        seconds, size = speed
        return Estimate(pictures * seconds, pictures * size)
    known = pictures <= sample.pictures and not run.options.workers.cluster
    return _of_sample(run, sample) if known and len(sample.chosen) >= _FEWEST else None


def _of_sample(run: Run, sample: Sample) -> Estimate | None:
    """Convert a sample into a temporary folder, with all workers."""
    works, workers = dict[Path, float](), min(run.options.workers.jobs, len(sample.chosen))
    chunks = [list[LocalJob]() for _ in range(workers)]
    processes, started = run.converter.processes, time.monotonic()
    seconds, done, size, count = 0.0, 0.0, 0, 0

    def stopped() -> bool:
        if time.monotonic() - started > _SECONDS:
            processes.stop()
        return processes.stopped

    with temporary_folder() as folder:
        for number, pictures in enumerate(sample.chosen):
            for photo in pictures:
                made = folder / f"{len(works)}{photo.job.output.suffix}"
                works[made] = _work(pictures)
                chunks[number % workers].append(replace(photo.job, output=made))
        stop = StopRules(stopped, processes.stop)
        with closing(run_chunks(chunks, run.converter.convert, workers, stop=stop)) as results:
            for result in results:
                assert isinstance(result.output, Path)
                seconds, done = time.monotonic() - started, done + works[result.output]
                if result.stamp:
                    size, count = size + result.stamp.bytes, count + 1
    if not count:
        return None
    return Estimate(seconds * sample.work / done, size / count * sample.pictures, count)


def _work(pictures: tuple[Photo, ...]) -> float:
    """Return the work for one of the pictures of a photo, in pixels."""
    return pictures[0].picture.stored.pixels / len(pictures) + SAME_FOR_ALL
