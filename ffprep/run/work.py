"""The work on a chunk of jobs: what need not be converted after all, and the rest. The same here and elsewhere."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ffprep.conversion.converter import Converter
from ffprep.conversion.staging import RemoteConverter
from ffprep.core.location import Location
from ffprep.core.policy import RerunOptions
from ffprep.ledger.freshness import hashes, skip_unchanged
from ffprep.ledger.rows import NO_HASHES, FinishedJob, PendingJob


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be known for it, besides the jobs. `renewal` is None where nothing is remembered."""

    renewal: RerunOptions | None = None

    def settled(self, pending: PendingJob, converter: Converter) -> FinishedJob | None:
        """A job that needs no converting (see `skip_unchanged`)."""
        return (
            skip_unchanged(self.renewal, pending, RemoteConverter(converter).prove)
            if self.renewal
            else None
        )

    def done(self, todo: Iterable[PendingJob], converter: Converter) -> Iterator[FinishedJob]:
        """What became of each, as they come. Raises EnvironmentFault as `Converter.convert` does."""
        left: dict[Location, PendingJob] = {}
        for pending in todo:
            if done := self.settled(pending, converter):
                yield done
            else:
                left[pending.job.output] = pending
        for result in RemoteConverter(converter).convert(pending.job for pending in left.values()):
            assert result.output
            pending = left[result.output]
            yield FinishedJob(result, pending, hashes(pending) if self.renewal else NO_HASHES)
