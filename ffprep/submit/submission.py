"""One photo's way to its clip, as steps in order. Each step returns the state that follows.

    NEW         look_up         what did an earlier run do?     -> CHECKING, or DONE
    CHECKING    check_output    may the clip be written?        -> UNPREPARED, or SUBMITTED
    UNPREPARED  prepare         photo -> picture and request    -> PREPARED
    PREPARED    record_attempt  wait for a turn, then record    -> SENDING
    SENDING     send            create the job                  -> SUBMITTED, or PREPARED
    SUBMITTED   poll            wait until the job is done      -> RENDERED
    RENDERED    publish         fetch the clip, verify it       -> DONE

A JobError or PhotoError in any step fails the submission.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import BinaryIO

from ffprep.core.geometry import Size
from ffprep.core.location import Location
from ffprep.core.spec import Spec
from ffprep.errors import Kind, PhotoError, UsageError
from ffprep.record import Record, field, replace
from ffprep.storage.protocol import storage_of
from ffprep.submit.clip import ExpectedClip, publish
from ffprep.submit.clip_options import ClipOptions, request_digest
from ffprep.submit.errors import (
    RESUBMIT,
    ApiError,
    FailureKind,
    JobError,
    create_failure,
    job_failure,
    quote,
)
from ffprep.submit.outcome import Outcome, State, Status
from ffprep.submit.polling import JobPoller
from ffprep.submit.prepare_picture import prepare_last_frame, prepare_picture
from ffprep.submit.protocol import HttpRequest, JobState, RemoteJob, VideoApi
from ffprep.submit.rate_limit import RateLimiter, call_with_timeout
from ffprep.submit.remote import local_files
from ffprep.submit.store import Attempt, SubmissionStore, version_of
from ffprep.system.files import FileStamp
from ffprep.system.tempfiles import temporary_beside

_CREATE_TIMEOUT = 300.0
"""Seconds to wait for the job's id, whatever --timeout says: without it, the job is lost."""
_SIZE_FIELDS = {"size", "width", "height", "inpaint_items"}
_FINAL_FAILURES = (
    FailureKind.FAILED,
    FailureKind.MODERATION,
    FailureKind.EXPIRED,
    FailureKind.UNKNOWN_JOB,
)
"""Failures of a job that asking again cannot change."""


class Submission(Record, frozen=False):
    """A photo to submit, and how far it is; other threads read it.

    `clip_name` is the clip's path relative to the folder of the store, `spec` the photo's own Spec,
    `place` where a link in place of the photo may lead, as `open_regular` takes it. Without a
    photo, the job `job_id` is resumed.
    """

    photo: Location | None
    clip: Location
    clip_name: str = ""
    spec: Spec | None = None
    place: str = ""
    job_id: str = ""
    state: State = State.NEW
    progress: float = 0.0
    warnings: list[str] = field(default_factory=list)

    def run(
        self,
        options: ClipOptions,
        api: VideoApi,
        store: SubmissionStore,
        limiter: RateLimiter,
        on_submitted: Callable[["Submission"], None] = lambda _: None,
    ) -> Outcome:
        """Run all steps. Raises EnvironmentFault if it concerns every photo, and RunStopped."""
        started = time.monotonic()
        try:
            with local_files(self.photo, self.clip) as files:
                steps = _Steps(self, *files, options, api, store, limiter, on_submitted)
                steps.run_until(State.DONE)
            outcome = steps.outcome
        except (PhotoError, JobError) as error:
            outcome = Outcome(self.photo, self.clip, Status.FAILED, self.job_id, error=error)
        except BaseException:
            limiter.close()
            raise
        self.state, self.progress = State.DONE, 1.0
        assert outcome
        seconds = time.monotonic() - started
        return replace(outcome, seconds=seconds, warnings=tuple(self.warnings))

    def dry_run(
        self,
        options: ClipOptions,
        api: VideoApi,
        store: SubmissionStore,
        on_request: Callable[["Submission", HttpRequest], None],
    ) -> Outcome | None:
        """Call `on_request` with the request that `run` would send.

        Return the Outcome if it is known without one.
        """
        limiter = RateLimiter(Event())
        try:
            with local_files(self.photo, self.clip) as files:
                steps = _Steps(self, *files, options, api, store, limiter, dry_run=True)
                steps.run_until(State.PREPARED, State.SUBMITTED, State.DONE)
        except (PhotoError, JobError) as error:
            return Outcome(self.photo, self.clip, Status.FAILED, self.job_id, error=error)
        if steps.http_request:
            on_request(self, steps.http_request)
        return steps.outcome


class _Steps(Record, frozen=False):
    """The steps of one submission, and what they hand on to each other.

    `local_photo` and `clip_file` are the photo and the clip as files of this machine.
    """

    submission: Submission
    local_photo: Path | None
    clip_file: Path
    options: ClipOptions
    api: VideoApi
    store: SubmissionStore
    limiter: RateLimiter
    on_submitted: Callable[[Submission], None] = lambda _: None
    dry_run: bool = False
    request: str = ""
    previous: Attempt | None = None
    http_request: HttpRequest | None = None
    create_deadline: float = 0.0
    requested_size: Size | None = None
    created: bool = False
    poller: JobPoller | None = None
    remote_job: RemoteJob | None = None
    outcome: Outcome | None = None

    def run_until(self, *last: State) -> None:
        """Run the steps until the submission is in one of these states."""
        submission = self.submission
        if submission.photo is None and submission.state is State.NEW:
            submission.state = State.SUBMITTED  # a job that is resumed by its id
        while submission.state not in last:
            submission.state = _STEPS[submission.state](self)

    @property
    def photo(self) -> Path:
        """The photo, for the steps before the job exists."""
        assert self.local_photo
        return self.local_photo

    def look_up(self) -> State:
        """Find what an earlier run did for this request. Raises JobError if its job failed."""
        submission, options = self.submission, self.options
        self.request = request_digest(self.photo, options, submission.spec, submission.place)
        self.previous = attempt = self.store.find(submission.clip_name, self.request)
        if attempt is None:
            return State.CHECKING
        done = self.store.is_downloaded(submission.clip_name, submission.clip, attempt)
        if options.again and (done or attempt.clip):
            return State.CHECKING
        if done:
            if found := version_of(submission.clip):
                self.store.record_clip(submission.clip_name, self.request, found[0])
            self.outcome = Outcome(submission.photo, submission.clip, Status.FRESH, attempt.job_id)
            return State.DONE
        failure = attempt.failure or (None if attempt.job_id else _uncertain(attempt))
        if failure and options.resubmit:
            return State.CHECKING
        submission.job_id = attempt.job_id
        if failure and failure.kind is not FailureKind.UNKNOWN_JOB:  # the server may know it now
            raise failure
        return State.CHECKING

    def check_output(self) -> State:
        """Check that the clip may be written, before anything is sent. Raises PhotoError."""
        submission = self.submission
        next_state = State.SUBMITTED if submission.job_id else State.UNPREPARED
        resumed = submission.job_id and self.previous and not self.previous.clip
        if not (resumed or self.options.again) and not self.store.may_replace(
            submission.clip_name, submission.clip
        ):
            problem = "exists, and ffprep did not download it, or it was changed since"
            hint = "move it away, or write elsewhere with -o"
            raise PhotoError(Kind.COLLISION, f"{submission.clip} {problem}; {hint}")
        if not self.dry_run:
            with temporary_beside(self.clip_file):
                pass  # raises if the folder cannot be written
        return next_state

    def prepare(self) -> State:
        """Make the picture, and the request. Raises PhotoError."""
        options, spec = self.options, self.submission.spec
        assert options.picture
        assert spec
        before = FileStamp.of(self.photo, self.submission.place)
        try:
            picture, warnings = prepare_picture(self.photo, options.picture, spec)
        except PhotoError as error:
            message = str(error).removeprefix(f"{self.photo}: ")  # the reporter adds the name
            raise PhotoError(error.kind, message) from None
        except UsageError as error:  # concerns this photo's shape; the options are valid
            raise PhotoError(Kind.UNSUPPORTED, str(error)) from None
        if FileStamp.of(self.photo, self.submission.place) != before:
            raise PhotoError(Kind.IO, "changed while it was read; run ffprep again")
        size = picture.size
        if picture.region:
            size = picture.region.of(size) or size
        self.requested_size = size
        last = None
        if options.last_frame:
            last, more = prepare_last_frame(options.last_frame, size, options.picture, spec)
            warnings += more
        self.http_request = self.api.build_request(options.clip_request(size), picture, last)
        self.submission.warnings += warnings
        if not self.dry_run:
            self.api.connect()
        self.create_deadline = time.monotonic() + options.polling.timeout
        return State.PREPARED

    def record_attempt(self) -> State:
        """Wait until a create may be sent, and record it. Raises JobError."""
        self.limiter.wait_for_turn()
        clip, server = self.submission.clip_name, self.options.credentials.display_url
        photo = self.submission.photo or self.photo
        if not self.store.record_attempt(clip, self.request, photo, server, self.previous):
            self.limiter.answered()
            problem = "another run is submitting the same photo"
            raise JobError(FailureKind.UNCERTAIN, f"{problem}; run ffprep again when it has ended")
        return State.SENDING

    def send(self) -> State:
        """Create the job. Back to PREPARED if the server throttles creates."""
        submission, request = self.submission, self.http_request
        assert request
        try:
            job = self._create(request)
        except ApiError as error:
            return self._create_failed(error, request)
        submission.job_id = job.id
        self.store.record_job(submission.clip_name, self.request, job.id)
        self.limiter.answered()
        self.created = True
        self.on_submitted(submission)
        if job.state is JobState.FAILED:
            with self._recorded_failure():
                raise job_failure(job, self.options.credentials)
        return State.SUBMITTED

    def _create(self, request: HttpRequest) -> RemoteJob:
        try:
            return call_with_timeout(
                _CREATE_TIMEOUT, lambda: self.api.create(request, _CREATE_TIMEOUT)
            )
        except TimeoutError:
            raise ApiError("no answer in time") from None

    def _create_failed(self, error: ApiError, request: HttpRequest) -> State:
        """Return PREPARED if the create may be repeated. Raises JobError or ServerFault if not."""
        clip, credentials = self.submission.clip_name, self.options.credentials
        self.submission.state = State.PREPARED  # the answer is here: nothing is being sent
        if error.outcome_unknown:
            self.limiter.answered()
            attempt = self.store.find(clip, self.request)
            assert attempt
            reply = quote(error, credentials)
            raise _uncertain(attempt, reply if error.status else f"no answer: {reply}") from None
        self.store.roll_back(clip, self.request, self.previous)
        failure = create_failure(error, credentials, request, self._common_fields(request))
        if not isinstance(failure, JobError):
            self.limiter.close()
            raise failure from None
        polling = self.options.polling
        wait = polling.seconds() if error.retry_after is None else error.retry_after
        late = time.monotonic() + wait > self.create_deadline
        if late or failure.kind is not FailureKind.RATE_LIMIT:
            self.limiter.answered()
            raise failure from None
        self.limiter.back_off(wait)
        return State.PREPARED

    def _common_fields(self, request: HttpRequest) -> set[str]:
        """Return the fields that have the same values for all photos of the run."""
        spec = self.submission.spec
        varying = _SIZE_FIELDS if spec and spec.choice else set()
        return {name.partition("[")[0] for name, _ in request.fields} - varying

    def poll(self) -> State:
        """Wait until the job is done. Raises JobError if it fails, or takes too long."""
        submission, options = self.submission, self.options
        self.poller = JobPoller(
            self.api,
            options.credentials,
            options.polling,
            self.limiter,
            submission.job_id,
            self.created,
            self._show_progress,
        )
        with self._recorded_failure():
            self.remote_job = self.poller.wait()
        submission.progress = 1.0
        return State.RENDERED

    def _show_progress(self, progress: float) -> None:
        self.submission.progress = max(self.submission.progress, min(progress, 0.99))

    @contextmanager
    def _recorded_failure(self) -> Iterator[None]:
        """Record a failure of the job that is final."""
        try:
            yield
        except JobError as error:
            if error.kind in _FINAL_FAILURES:
                self.store.record_failure(self.submission.clip_name, self.request, error)
            raise

    def publish(self) -> State:
        """Download the clip, verify it, and give it its name. Raises JobError."""
        submission, options = self.submission, self.options
        expected = ExpectedClip(self.requested_size, options.seconds)
        clip = publish(
            self._download, self.clip_file, expected, options.ffmpeg, options.credentials
        )
        stamp = storage_of(submission.clip).put(self.clip_file, submission.clip)
        submission.warnings += clip.warnings
        self.store.record_clip(submission.clip_name, self.request, stamp)
        self.outcome = Outcome(
            submission.photo, submission.clip, Status.DONE, submission.job_id, clip.size
        )
        return State.DONE

    def _download(self, file: BinaryIO) -> None:
        assert self.poller
        assert self.remote_job
        with self._recorded_failure():
            self.poller.download(self.remote_job, file)


_STEPS: dict[State, Callable[[_Steps], State]] = {
    State.NEW: _Steps.look_up,
    State.CHECKING: _Steps.check_output,
    State.UNPREPARED: _Steps.prepare,
    State.PREPARED: _Steps.record_attempt,
    State.SENDING: _Steps.send,
    State.SUBMITTED: _Steps.poll,
    State.RENDERED: _Steps.publish,
}


def _uncertain(attempt: Attempt, why: str = "no answer") -> JobError:
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(attempt.sent))
    problem = f"sent on {since}, and it is unknown whether the server created a job ({why})"
    hint = "look at the server's list of jobs, and download the clip with --resume ID -o CLIP"
    message = f"{problem}; the server may bill it: {hint}; if no job is there, {RESUBMIT}"
    return JobError(FailureKind.UNCERTAIN, message)
