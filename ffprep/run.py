"""A run: a plan's jobs, in chunks, through the workers to Results."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from ffprep.convert import Converter
from ffprep.job import Job, Manners, Result
from ffprep.library import Plan
from ffprep.polite import Gate
from ffprep.workers import spread

_SECONDS = 4.0
_LONGEST = 64


@dataclass(slots=True)
class _Pace:
    """How many jobs make a chunk: what takes a few seconds, since each costs ffmpeg a start.

    Learnt from the photos as they are done, the newest counting most; less towards the end, so that
    the workers end together.
    """

    seconds: float = 0.2

    def learn(self, result: Result) -> None:
        """Take a photo's time into account."""
        self.seconds += (result.seconds - self.seconds) / 8

    def length(self, remaining: int, workers: int) -> int:
        """The length of the next chunk."""
        fair = math.ceil(remaining / (2 * workers))
        return max(1, min(_LONGEST, fair, round(_SECONDS / max(self.seconds, 1e-3))))


@dataclass(frozen=True, slots=True)
class Run:
    """What it takes to carry out a Plan."""

    plan: Plan
    converter: Converter
    workers: int
    gate: Gate = field(default_factory=lambda: Gate(Manners()))
    _pace: _Pace = field(default_factory=_Pace)

    def results(self) -> Iterator[Result]:
        """One Result a job, as they come. Raises EnvironmentFault when none can succeed."""
        chunks = takewhile(lambda _: self.gate.admits(), self._chunks())
        for result in spread(chunks, self._work, self.workers, stopped=self._stopped):
            self._pace.learn(result)
            yield result

    def _chunks(self) -> Iterator[list[Job | Result]]:
        remaining, chunk = self.plan.total, list[Job | Result]()
        for item in self.plan.jobs():
            chunk.append(item)
            if len(chunk) >= self._pace.length(remaining, self.workers):
                yield chunk
                remaining -= len(chunk)
                chunk = []
        if chunk:
            yield chunk

    def _work(self, chunk: list[Job | Result]) -> Iterator[Result]:
        with self.gate.passed(self._stopped) as open:
            if open:
                yield from (item for item in chunk if isinstance(item, Result))
                yield from self.converter.convert(item for item in chunk if isinstance(item, Job))

    def _stopped(self) -> bool:
        if self.gate.overdue():
            self.converter.processes.stop()
        return self.converter.processes.stopped
