"""Wait for the turn to create a job, for the job, and for its clip; several jobs at a time.

An interrupt ends pauses at once. Questions are repeated; creates never.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import count
from threading import Event, Lock
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from ffprep.errors import EnvironmentFault
from ffprep.record import Record, field
from ffprep.submit.errors import (
    ApiError,
    FailureKind,
    JobError,
    job_failure,
    job_request_failure,
    quote,
)
from ffprep.submit.video_apis import JobState, RemoteJob, VideoApi
from ffprep.system.pool import call_in_thread

if TYPE_CHECKING:
    from ffprep.submit.submission import Outcome, Submission

Answer = TypeVar("Answer")

POLL_INTERVAL = 5.0
"""Seconds between questions about a job, if neither the user nor the server says otherwise."""
_RETRIEVE_TIMEOUT = 30.0
_SHORTEST_TIMEOUT = 0.1
_LONGEST_RETRY_WAIT = 30.0
_NOT_FOUND_RETRIES = 5
"""How often a job may be unknown that the server has reported before."""
_FIRST_INTERVAL = 0.05
"""Seconds between looks for the answer to the first create."""
_THROTTLED_INTERVAL = 1.0
"""Seconds between creates at a server that has throttled one."""
_WAIT_INTERVAL = 0.1
_STOP_TIMEOUT = 1.0
_SENDING_TIMEOUT = 30.0
"""Seconds to wait at the end for the answer to a create, which contains the job's id."""


class RunStopped(Exception):
    """The run was asked to stop."""


class RateLimiter:
    """Pauses, and the rate of creates, of all submissions of a run, until `stopped` is set.

    The first create is sent alone, since its answer may concern all of them.
    """

    def __init__(self, stopped: Event) -> None:
        self._stopped, self._lock = stopped, Lock()
        self._next_create, self._interval = 0.0, 0.0
        self._first_is_out, self._answered, self._closed = False, False, False

    def sleep(self, seconds: float) -> None:
        """Wait. Raises RunStopped at once when the run is asked to stop."""
        if self._stopped.wait(max(seconds, 0.0)):
            raise RunStopped

    def wait_for_turn(self) -> None:
        """Wait until the next create may be sent. Raises RunStopped, also after `close`."""
        while True:
            with self._lock:
                if self._closed:
                    raise RunStopped
                now = time.monotonic()
                wait = self._next_create - now
                if self._first_is_out and not self._answered:
                    wait = max(wait, _FIRST_INTERVAL)
                if wait <= 0:
                    self._next_create, self._first_is_out = now + self._interval, True
                    break
            self.sleep(wait)
        self.sleep(0)

    def answered(self) -> None:
        """Allow more creates, since the first one was answered, or will not be."""
        self._answered = True

    def close(self) -> None:
        """Allow no more creates, since the server would refuse them all."""
        with self._lock:
            self._closed = True

    def back_off(self, seconds: float) -> None:
        """Send no create for `seconds`, and from then on one per second."""
        with self._lock:
            self._interval, self._first_is_out = _THROTTLED_INTERVAL, False
            self._next_create = max(self._next_create, time.monotonic() + seconds)


class PollOptions(Record):
    """`interval` is None to follow the server. `timeout` limits the wait for one clip."""

    interval: float | None = None
    timeout: float = 1800.0

    def seconds(self, job: RemoteJob | None = None) -> float:
        """Return the pause before the next question, about a job if there is one."""
        if self.interval is not None:
            return self.interval
        return (job.poll_after if job else None) or POLL_INTERVAL


class JobPoller(Record, frozen=False):
    """Asks about one job until its deadline, `options.timeout` seconds from now.

    `known` means that the server has reported the job. A server that never answered is not waited
    for. `on_progress` receives fractions.
    """

    api: VideoApi
    options: PollOptions
    limiter: RateLimiter
    job_id: str
    known: bool = False
    on_progress: Callable[[float], None] = lambda _: None
    _done: bool = False
    _deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self._deadline = time.monotonic() + self.options.timeout

    def wait(self) -> RemoteJob:
        """Return the job when it is done. Raises JobError if it fails, or at the deadline."""
        while True:
            job = self._ask(lambda left: self.api.retrieve(self.job_id, left), _RETRIEVE_TIMEOUT)
            if job.state is JobState.DONE:
                self._done = True
                return job
            if job.state is JobState.FAILED:
                raise job_failure(job, self.api.credentials)
            self.on_progress(job.progress)
            self._pause(self.options.seconds(job), job.status)

    def download(self, job: RemoteJob, file: BinaryIO) -> None:
        """Write the clip of a job that is done into `file`. Raises JobError."""
        self._ask(lambda left: self.api.download(job, file, left), self.options.timeout)

    def _ask(self, call: Callable[[float], Answer], longest: float) -> Answer:
        """Return the answer to a question, which is repeated while it may still succeed."""
        for attempt in count():
            limit = min(longest, max(self._deadline - time.monotonic(), _SHORTEST_TIMEOUT))
            try:
                answer = call_in_thread(lambda limit=limit: call(limit), limit)  # type: ignore[misc]
                self.known = True
                return answer
            except TimeoutError:
                error = ApiError("no answer in time")
            except ApiError as api_error:
                error = api_error
            if not self._may_succeed(error, attempt):
                raise job_request_failure(error, self.api.credentials, self.job_id, self._done)
            backoff = min(self.options.seconds() * 2 ** min(attempt, 10), _LONGEST_RETRY_WAIT)
            wait = max(backoff, error.retry_after or 0)
            self._pause(wait, quote(error, self.api.credentials))
        raise AssertionError

    def _may_succeed(self, error: ApiError, attempt: int) -> bool:
        if error.status == 404:
            return self.known and attempt < _NOT_FOUND_RETRIES
        return error.is_transient and (self.known or not error.nothing_sent)

    def _pause(self, seconds: float, last_answer: str) -> None:
        """Wait, at most until the deadline. Raises JobError if that has passed."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            what = "its clip is not downloaded" if self._done else "it is not done"
            message = f"job {self.job_id} continues at the server: {what}"
            message += f" after {self.options.timeout:g} s (last answer: {last_answer})"
            raise JobError(FailureKind.TIMEOUT, message)
        self.limiter.sleep(min(seconds, left))


class SubmissionPool(Record, frozen=False):
    """Runs submissions on `workers` threads. Takes no slots of make's jobserver: they mostly wait.

    `on_progress` is called often with the submissions that run, `on_wait` once if the end waits for
    the answer to a create.
    """

    run: "Callable[[Submission], Outcome]"
    workers: int
    stopped: Event
    on_progress: "Callable[[Iterable[Submission]], None]"
    on_wait: Callable[[float], None]
    fault: EnvironmentFault | None = field(default=None, init=False)
    _running: "dict[Future[Outcome], Submission]" = field(default_factory=dict)
    _ended: "list[Submission]" = field(default_factory=list)

    def outcomes(self, submissions: Iterable["Submission"]) -> "Iterator[Outcome]":
        """Yield outcomes as submissions end; when `stopped` is set, the rest are `unfinished`.

        After an EnvironmentFault, no submission starts; it is raised when the running ones end.
        """
        executor = ThreadPoolExecutor(self.workers)
        try:
            for submission in submissions:
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
    def unfinished(self) -> "list[Submission]":
        """The submissions without an outcome."""
        return [*self._ended, *self._running.values()]

    @property
    def _ending(self) -> bool:
        return self.fault is not None or self.stopped.is_set()

    def _wait(self) -> "Iterator[Outcome]":
        self.on_progress(self._running.values())
        done, _ = wait(self._running, _WAIT_INTERVAL, FIRST_COMPLETED)
        for future in done:
            yield from self._collect(future)

    def _collect(self, future: "Future[Outcome]") -> "Iterator[Outcome]":
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

    def _last_outcomes(self) -> "Iterator[Outcome]":
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
