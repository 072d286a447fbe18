"""Run several submissions at a time, until all have ended or the run is asked to stop."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Event

from ffprep.errors import EnvironmentFault
from ffprep.record import Record, field
from ffprep.submit.polling import RunStopped
from ffprep.submit.submission import Outcome, Submission

_WAIT_INTERVAL = 0.1
_STOP_TIMEOUT = 1.0
_SENDING_TIMEOUT = 30.0
"""Seconds to wait at the end for the answer to a create, which contains the job's id."""


class SubmissionPool(Record, frozen=False):
    """Runs submissions on `workers` threads. Takes no slots of make's jobserver: they mostly wait.

    `on_progress` is called often with the submissions that run, `on_wait` once if the end waits for
    the answer to a create.
    """

    run: Callable[[Submission], Outcome]
    workers: int
    stopped: Event
    on_progress: Callable[[Iterable[Submission]], None]
    on_wait: Callable[[float], None]
    fault: EnvironmentFault | None = field(default=None, init=False)
    _running: dict["Future[Outcome]", Submission] = field(default_factory=dict)
    _ended: list[Submission] = field(default_factory=list)

    def outcomes(self, submissions: Iterable[Submission | Outcome]) -> Iterator[Outcome]:
        """Yield outcomes as submissions end; when `stopped` is set, the rest are `unfinished`.

        After an EnvironmentFault, no submission starts; it is raised when the running ones end.
        """
        executor = ThreadPoolExecutor(self.workers)
        try:
            for submission in submissions:
                if isinstance(submission, Outcome):
                    yield submission
                    continue
                while len(self._running) >= self.workers and not self._ending:
                    yield from self._wait()
                if self._ending:
                    break
                self._running[executor.submit(self.run, submission)] = submission
            while self._running and not self.stopped.is_set():
                yield from self._wait()
            if self.stopped.is_set():
                yield from self._last_outcomes()
        finally:
            self.stopped.set()
            executor.shutdown(wait=False, cancel_futures=True)
        if self.fault:
            raise self.fault

    @property
    def unfinished(self) -> list[Submission]:
        """The submissions without an outcome."""
        return [*self._ended, *self._running.values()]

    @property
    def _ending(self) -> bool:
        return self.fault is not None or self.stopped.is_set()

    def _wait(self) -> Iterator[Outcome]:
        self.on_progress(self._running.values())
        done, _ = wait(self._running, _WAIT_INTERVAL, FIRST_COMPLETED)
        for future in done:
            yield from self._collect(future)

    def _collect(self, future: "Future[Outcome]") -> Iterator[Outcome]:
        try:
            outcome = future.result()
        except RunStopped:
            self._ended.append(self._running.pop(future))
            return
        except EnvironmentFault as error:
            self.fault = self.fault or error
            self._ended.append(self._running.pop(future))
            return
        del self._running[future]
        yield outcome

    def _last_outcomes(self) -> Iterator[Outcome]:
        """Wait a moment for the submissions that are about to end, longer for those that send."""
        began, announced = time.monotonic(), False
        while pending := [future for future in self._running if not future.done()]:
            sending = any(self._running[future].sending for future in pending)
            if sending and not announced:
                self.on_wait(_SENDING_TIMEOUT)
                announced = True
            if time.monotonic() - began > (_SENDING_TIMEOUT if sending else _STOP_TIMEOUT):
                break
            wait(pending, _WAIT_INTERVAL, FIRST_COMPLETED)
        for future in [future for future in self._running if future.done()]:
            yield from self._collect(future)
