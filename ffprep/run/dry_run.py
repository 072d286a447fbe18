"""What a run would do: the pictures that it would make, and what needs no conversion.

Photos are probed, and not decoded. An exception is a frame of a film, which has to be found.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from ffprep.conversion.pipeline import planned
from ffprep.conversion.transcode import Photo, Transcoder
from ffprep.core.fitting import Framing, cropped_size
from ffprep.core.geometry import Size
from ffprep.core.job import FreshCount, Job, LocalJob, Result
from ffprep.core.location import Location
from ffprep.core.spec import Spec
from ffprep.record import Record
from ffprep.run.runner import Run


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
