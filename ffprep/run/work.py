"""The work on a chunk of jobs: what need not be converted after all, and the rest. The same here and elsewhere."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ffprep.conversion.converter import Converter
from ffprep.conversion.staging import Staging
from ffprep.core.job import Renewal
from ffprep.core.location import Location
from ffprep.ledger.freshness import hashes, settle
from ffprep.ledger.rows import NO_HASHES, Done, Pending


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be known for it, besides the jobs. `renewal` is None where nothing is remembered."""

    renewal: Renewal | None = None

    def settled(self, pending: Pending, converter: Converter) -> Done | None:
        """A job that needs no converting (see `settle`)."""
        return settle(self.renewal, pending, Staging(converter).prove) if self.renewal else None

    def done(self, todo: Iterable[Pending], converter: Converter) -> Iterator[Done]:
        """What became of each, as they come. Raises EnvironmentFault as `Converter.convert` does."""
        left: dict[Location, Pending] = {}
        for pending in todo:
            if done := self.settled(pending, converter):
                yield done
            else:
                left[pending.job.output] = pending
        for result in Staging(converter).convert(pending.job for pending in left.values()):
            assert result.output
            pending = left[result.output]
            yield Done(result, pending, hashes(pending) if self.renewal else NO_HASHES)
