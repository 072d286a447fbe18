"""A run: a plan's jobs through the workers to Results."""

from collections.abc import Iterator
from dataclasses import dataclass

from ffprep.convert import Converter
from ffprep.job import Job, Result
from ffprep.library import Plan
from ffprep.workers import spread


@dataclass(frozen=True, slots=True)
class Run:
    """What it takes to carry out a Plan."""

    plan: Plan
    converter: Converter
    workers: int

    def results(self) -> Iterator[Result]:
        """One Result a job, as they come. Raises EnvironmentFault when none can succeed."""
        chunks = self._chunks()
        yield from spread(chunks, self._work, self.workers, stopped=self._stopped)

    def _chunks(self) -> Iterator[list[Job | Result]]:
        # One a chunk, while each photo has a process of its own: nothing is gained by more.
        return ([item] for item in self.plan.jobs())

    def _work(self, chunk: list[Job | Result]) -> Iterator[Result]:
        yield from (item for item in chunk if isinstance(item, Result))
        yield from self.converter.convert(item for item in chunk if isinstance(item, Job))

    def _stopped(self) -> bool:
        return self.converter.processes.stopped
