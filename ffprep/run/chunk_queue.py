"""Chunks on their way to the workers of a cluster: which parts wait, and which are in flight.

If several workers died at a part, one of its photos may kill workers. `suspect` has each of its
photos tried alone, with nothing else in flight.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Any

from ffprep.core.job import Result
from ffprep.core.location import Location
from ffprep.ledger.rows import FinishedJob, PendingJob
from ffprep.record import Record, field, replace
from ffprep.storage.protocol import storage_of


class ChunkInFlight(Record, frozen=False):
    """A chunk that was submitted, and is sent in one part or in several.

    `jobs` are this run's jobs, by the absolute paths of their outputs.
    """

    jobs: dict[Location, PendingJob]
    parts: int = 1
    finished: list[FinishedJob] = field(default_factory=list)
    future: "Future[Iterable[FinishedJob]]" = field(default_factory=Future)

    def add(self, results: Iterable[Result]) -> None:
        """Add results of workers, with the paths as this run has them."""
        for result in results:
            assert result.output
            pending = self.jobs[result.output]
            result = replace(result, source=pending.job.source, output=pending.job.output)
            self.finished.append(FinishedJob(result, pending))

    def end(self, error: Exception | None = None) -> None:
        """Hand the results over; the iterator of them raises `error` at its end."""
        if not self.future.done():
            self.future.set_result(self._results(error))

    def _results(self, error: Exception | None) -> Iterator[FinishedJob]:
        yield from self.finished
        if error:
            raise error


class Part(Record):
    """Jobs of a chunk that are sent together. An `alone` part is a single job, tried by itself."""

    chunk: ChunkInFlight
    jobs: list[PendingJob]
    alone: bool = False

    @property
    def folders(self) -> set[str]:
        """The folders of its outputs."""
        outputs = (pending.job.output for pending in self.jobs)
        return {os.path.dirname(output) for output in outputs if storage_of(output).is_local}


class ChunkQueue:
    """The parts that wait, and those `sent`, by their Dask futures. The Cluster locks it."""

    def __init__(self) -> None:
        self.sent: dict[Any, Part] = {}
        self._waiting: deque[Part] = deque()
        self._suspects: deque[Part] = deque()

    def add(self, part: Part) -> None:
        """Append a part."""
        self._waiting.append(part)

    def suspect(self, part: Part) -> None:
        """Have the jobs of a part at which workers died tried one by one."""
        part.chunk.parts += len(part.jobs)
        self._suspects.extend(Part(part.chunk, [job], alone=True) for job in part.jobs)

    def next_part(self) -> Part | None:
        """Take the next part to send; None if none may be sent now.

        A suspected job is sent when nothing else is in flight, and nothing is sent beside it.
        """
        if self._suspects:
            return None if self.sent else self._suspects.popleft()
        if any(part.alone for part in self.sent.values()):
            return None
        return self._waiting.popleft() if self._waiting else None

    def clear(self) -> tuple[list[Any], list[ChunkInFlight]]:
        """Forget everything; return the Dask futures that were in flight, and all chunks."""
        futures = list(self.sent)
        parts = (*self.sent.values(), *self._suspects, *self._waiting)
        chunks = [part.chunk for part in parts]
        for queue in (self.sent, self._suspects, self._waiting):
            queue.clear()
        return futures, chunks

    @property
    def folders(self) -> set[str]:
        """The folders that workers are writing to."""
        return set[str]().union(*(part.folders for part in self.sent.values()))
