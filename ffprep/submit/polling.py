"""Wait for a job at the server, and download its clip. Questions are retried; creates never."""

import time
from collections.abc import Callable
from itertools import count
from typing import BinaryIO

from ffprep.record import Record, field
from ffprep.submit.credentials import Credentials
from ffprep.submit.errors import (
    ApiError,
    FailureKind,
    JobError,
    job_failure,
    job_request_failure,
    quote,
)
from ffprep.submit.protocol import JobState, RemoteJob, VideoApi
from ffprep.submit.rate_limit import Answer, RateLimiter, call_with_timeout

POLL_INTERVAL = 5.0
"""Seconds between questions about a job, if neither the user nor the server says otherwise."""
_RETRIEVE_TIMEOUT = 30.0
_SHORTEST_TIMEOUT = 0.1
_LONGEST_RETRY_WAIT = 30.0
_NOT_FOUND_RETRIES = 5
"""How often a job may be unknown that the server has reported before."""


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
    credentials: Credentials
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
                raise job_failure(job, self.credentials)
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
                answer = call_with_timeout(limit, lambda limit=limit: call(limit))  # type: ignore[misc]
                self.known = True
                return answer
            except TimeoutError:
                error = ApiError("no answer in time")
            except ApiError as api_error:
                error = api_error
            if not self._may_succeed(error, attempt):
                raise job_request_failure(error, self.credentials, self.job_id, self._done)
            backoff = min(self.options.seconds() * 2 ** min(attempt, 10), _LONGEST_RETRY_WAIT)
            wait = max(backoff, error.retry_after or 0)
            self._pause(wait, quote(error, self.credentials))
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
