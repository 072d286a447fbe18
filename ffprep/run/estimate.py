"""How long a run would take, and how much it would write: by an earlier run, or by a sample."""

import time
from contextlib import closing
from pathlib import Path

from ffprep.conversion.transcode import Photo
from ffprep.core.job import LocalJob
from ffprep.ledger.history import recorded_speed
from ffprep.record import Record, field, replace
from ffprep.run.runner import Run
from ffprep.run.window import SAME_FOR_ALL
from ffprep.system.pool import run_chunks
from ffprep.system.single import StopRules
from ffprep.system.tempfiles import working_folder

_MOST, _FEWEST = 16, 8
"""How many photos a sample has at most, and how many a run must have to be worth a sample."""

_SECONDS = 2.0
"""How long a sample is converted at most."""


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
        return Estimate(pictures * speed.seconds, pictures * speed.bytes)
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

    with working_folder() as folder:
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
