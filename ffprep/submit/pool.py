"""Many courses at a time, until all are through, or somebody asks for the end."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event

from ffprep.errors import EnvironmentFault
from ffprep.submit.rate_limit import RunStopped
from ffprep.submit.submission import Outcome, Stage, Submission

_PULSE = 0.1
_LEAVING = 1.0
_SENDING = 30.0
"""Seconds for which the answer to a request is waited for at the end: with it, the job has a name."""


@dataclass(slots=True)
class SubmissionPool:
    """Submissions on `workers` threads. No slot of make's jobserver is held: most of a course is waiting."""

    run: Callable[[Submission], Outcome]
    workers: int
    stopped: Event
    look: Callable[[Iterable[Submission]], None]
    waits: Callable[[float], None] = lambda _: None
    _running: dict["Future[Outcome]", Submission] = field(default_factory=dict)
    _lost: list[Submission] = field(default_factory=list)
    fault: EnvironmentFault | None = field(default=None, init=False)

    def outcomes(self, courses: Iterable[Submission | Outcome]) -> Iterator[Outcome]:
        """What becomes of each, as it comes. When it has `stopped`, the rest are `unfinished`.

        Raises the EnvironmentFault that one of them met, when those under way have ended; no other begins.
        """
        executor = ThreadPoolExecutor(self.workers)
        try:
            for course in courses:
                if isinstance(course, Outcome):
                    yield course
                    continue
                while len(self._running) >= self.workers and not self._over:
                    yield from self._ended()
                if self._over:
                    break
                self._running[executor.submit(self.run, course)] = course
            while self._running and not self.stopped.is_set():
                yield from self._ended()
            if self.stopped.is_set():
                yield from self._left()
        finally:
            self.stopped.set()
            executor.shutdown(wait=False, cancel_futures=True)
        if self.fault:
            raise self.fault

    @property
    def unfinished(self) -> list[Submission]:
        """Those of which no Outcome came."""
        return [*self._lost, *self._running.values()]

    @property
    def _over(self) -> bool:
        return self.fault is not None or self.stopped.is_set()

    def _ended(self) -> Iterator[Outcome]:
        self.look(self._running.values())
        done, _ = wait(self._running, _PULSE, FIRST_COMPLETED)
        for future in done:
            yield from self._taken(future)

    def _taken(self, future: "Future[Outcome]") -> Iterator[Outcome]:
        try:
            outcome = future.result()
        except RunStopped:
            return  # it stays among the unfinished
        except EnvironmentFault as error:
            self.fault = self.fault or error
            self._lost.append(self._running.pop(future))
            return
        del self._running[future]
        yield outcome

    def _left(self) -> Iterator[Outcome]:
        """What still comes in the moment before the end."""
        began, told = time.monotonic(), False
        while pending := [future for future in self._running if not future.done()]:
            sending = any(self._running[future].stage is Stage.SENDING for future in pending)
            if sending and not told:
                self.waits(_SENDING)
                told = True
            if time.monotonic() - began > (_SENDING if sending else _LEAVING):
                break
            wait(pending, _PULSE, FIRST_COMPLETED)
        for future in [future for future in self._running if future.done()]:
            yield from self._taken(future)
