"""One photo's way to its clip, as the steps of `_Steps.run`.

    look_up         what did an earlier run do?
    check_output    may the clip be written?
    prepare         photo -> picture and request
    create          wait for a turn, record the attempt, send it; again if the server throttles
    wait            until the job is done
    publish         fetch the clip, verify it

A JobError or PhotoError in any step fails the submission.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from threading import Event
from typing import BinaryIO

from ffprep.core.geometry import Size
from ffprep.core.location import Location, Remote
from ffprep.core.spec import Spec
from ffprep.errors import FfprepError, Kind, PhotoError, UsageError
from ffprep.record import Record, field, replace
from ffprep.storage.protocol import local_path, storage_of
from ffprep.submit.clip import ClipOptions, publish, request_digest
from ffprep.submit.errors import (
    RESUBMIT,
    ApiError,
    FailureKind,
    JobError,
    create_failure,
    job_failure,
    quote,
)
from ffprep.submit.polling import JobPoller, RateLimiter
from ffprep.submit.prepare_picture import prepare_last_frame, prepare_picture
from ffprep.submit.store import Attempt, SubmissionStore
from ffprep.submit.video_apis import HttpRequest, JobState, RemoteJob
from ffprep.system.files import FileStamp, changed
from ffprep.system.pool import call_in_thread
from ffprep.system.tempfiles import temporary_beside, temporary_folder

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


class Status(StrEnum):
    """The result of one submission."""

    DONE = "done"
    FRESH = "fresh"
    FAILED = "failed"


class Outcome(Record):
    """The result of a submission. `job_id` is empty if no job exists; `size` is the clip's."""

    photo: Location | None
    clip: Location
    status: Status
    job_id: str = ""
    size: Size | None = None
    seconds: float = 0.0
    error: FfprepError | None = None
    warnings: tuple[str, ...] = ()


class Submission(Record, frozen=False):
    """A photo to submit, and how far it is; other threads read it.

    `clip_name` is the clip's path relative to the folder of the store, `spec` the photo's own Spec,
    `place` where a link in place of the photo may lead, as `open_regular` takes it. Without a
    photo, the job `job_id` is resumed. While it is `sending`, a job may exist whose id is unknown.
    With an `error`, nothing is sent, and the submission fails.
    """

    photo: Location | None
    clip: Location
    clip_name: str = ""
    spec: Spec | None = None
    place: str = ""
    job_id: str = ""
    sending: bool = False
    done: bool = False
    progress: float = 0.0
    warnings: list[str] = field(default_factory=list)
    error: PhotoError | None = None

    def run(
        self,
        options: ClipOptions,
        store: SubmissionStore,
        limiter: RateLimiter,
        on_submitted: Callable[["Submission"], None],
    ) -> Outcome:
        """Run all steps. Raises EnvironmentFault if it concerns every photo, and RunStopped."""
        started = time.monotonic()
        try:
            with self._local_files() as files:
                outcome = _Steps(self, *files, options, store, limiter, on_submitted).run()
        except (PhotoError, JobError) as error:
            outcome = Outcome(self.photo, self.clip, Status.FAILED, self.job_id, error=error)
        except BaseException:
            limiter.close()
            raise
        self.done, self.progress = True, 1.0
        seconds = time.monotonic() - started
        return replace(outcome, seconds=seconds, warnings=tuple(self.warnings))

    def dry_run(
        self,
        options: ClipOptions,
        store: SubmissionStore,
        on_request: Callable[["Submission", HttpRequest], None],
    ) -> Outcome | None:
        """Call `on_request` with the request that `run` would send.

        Return the Outcome if it is known without one.
        """
        try:
            with self._local_files() as files:
                steps = _Steps(self, *files, options, store, RateLimiter(Event()))
                if steps.look_up():
                    return Outcome(self.photo, self.clip, Status.FRESH, self.job_id)
                steps.check_output()
                if not self.job_id:
                    on_request(self, steps.prepare()[0])
        except (PhotoError, JobError) as error:
            return Outcome(self.photo, self.clip, Status.FAILED, self.job_id, error=error)
        return None

    @contextmanager
    def _local_files(self) -> Iterator[tuple[Path | None, Path]]:
        """Yield paths of this machine for the photo and its clip: their own, else copies.

        Raises the `error`, and PhotoError if an object cannot be downloaded.
        """
        if self.error:
            raise self.error
        photo, clip = self.photo, self.clip
        if not isinstance(photo, Remote) and isinstance(clip, Path):
            yield photo, clip
            return
        with temporary_folder() as folder:
            if isinstance(photo, Remote):
                path = folder / photo.name
                storage_of(photo).fetch(photo, path, photo.stamp)
                photo = path
            yield photo, local_path(clip, folder, "clip.mp4")


class _Steps(Record, frozen=False):
    """The steps of one submission. `local_photo` and `clip_file` are files of this machine.

    `request` is the digest of the request, `previous` what an earlier run recorded of it.
    """

    submission: Submission
    local_photo: Path | None
    clip_file: Path
    options: ClipOptions
    store: SubmissionStore
    limiter: RateLimiter
    on_submitted: Callable[[Submission], None] = lambda _: None
    request: str = ""
    previous: Attempt | None = None

    def run(self) -> Outcome:
        """Run all steps; a job that is resumed by its id has only the last two."""
        submission, size, created = self.submission, None, False
        if submission.photo is not None:
            if self.look_up():
                return self._outcome(Status.FRESH)
            self.check_output()
            with temporary_beside(self.clip_file):
                pass  # raises if the folder cannot be written
            if not submission.job_id:
                http_request, size = self.prepare()
                self.options.api.connect()
                self.create(http_request)
                created = True
        with self._recorded_failure():
            poller = JobPoller(
                self.options.api,
                self.options.polling,
                self.limiter,
                submission.job_id,
                created,
                self._show_progress,
            )
            job = poller.wait()
        submission.progress = 1.0
        return self.publish(poller, job, size)

    def _outcome(self, status: Status, size: Size | None = None) -> Outcome:
        submission = self.submission
        return Outcome(submission.photo, submission.clip, status, submission.job_id, size)

    @property
    def photo(self) -> Path:
        """The photo, for the steps before the job exists."""
        assert self.local_photo
        return self.local_photo

    def look_up(self) -> bool:
        """Find what an earlier run did for this request. Return whether its clip is there.

        Raises JobError if its job failed.
        """
        submission, options = self.submission, self.options
        self.request = request_digest(self.photo, options, submission.spec, submission.place)
        self.previous = attempt = self.store.find(submission.clip_name, self.request)
        if attempt is None:
            return False
        done = self.store.is_downloaded(submission.clip_name, submission.clip, attempt)
        if options.again and (done or attempt.clip):
            return False
        failure = attempt.failure or (None if attempt.job_id else _uncertain(attempt))
        if failure and options.resubmit and not done:
            return False
        submission.job_id = attempt.job_id
        if done:
            if found := storage_of(submission.clip).stat(submission.clip):
                self._record(bytes=found.stamp.bytes, mtime=found.stamp.modified)
            return True
        if failure and failure.kind is not FailureKind.UNKNOWN_JOB:  # the server may know it now
            raise failure
        return False

    def check_output(self) -> None:
        """Check that the clip may be written, before anything is sent. Raises PhotoError."""
        submission = self.submission
        resumed = submission.job_id and self.previous and not self.previous.clip
        if not (resumed or self.options.again) and not self.store.may_replace(
            submission.clip_name, submission.clip
        ):
            problem = "exists, and ffprep did not download it, or it was changed since"
            hint = "move it away, or write elsewhere with -o"
            raise PhotoError(Kind.COLLISION, f"{submission.clip} {problem}; {hint}")

    def prepare(self) -> tuple[HttpRequest, Size]:
        """Make the picture; return the request, and the size of the clip. Raises PhotoError."""
        options, spec, place = self.options, self.submission.spec, self.submission.place
        assert options.picture
        assert spec
        before = FileStamp.of(self.photo, place)
        try:
            picture, warnings = prepare_picture(self.photo, options.picture, spec, place)
        except UsageError as error:  # concerns this photo's shape; the options are valid
            raise PhotoError(Kind.UNSUPPORTED, str(error)) from None
        if FileStamp.of(self.photo, place) != before:
            raise changed()
        size = picture.size
        if picture.region:
            size = picture.region.of(size) or size
        last = None
        if options.last_frame:
            last, more = prepare_last_frame(options.last_frame, size, options.picture)
            warnings += more
        self.submission.warnings += warnings
        return options.api.build_request(options, size, picture, last), size

    def create(self, request: HttpRequest) -> None:
        """Create the job, in its turn. Raises JobError, or ServerFault."""
        submission, deadline = self.submission, time.monotonic() + self.options.polling.timeout
        while (job := self._send(request, deadline)) is None:
            pass
        submission.job_id = job.id
        self._record(job=job.id)
        submission.sending = False
        self.limiter.answered()
        self.on_submitted(submission)
        if job.state is JobState.FAILED:
            with self._recorded_failure():
                raise job_failure(job, self.options.credentials)

    def _send(self, request: HttpRequest, deadline: float) -> RemoteJob | None:
        """Record the attempt and send it; return None if that may be repeated after a while."""
        submission, server = self.submission, self.options.credentials.display_url
        clip, photo = submission.clip_name, submission.photo or self.photo
        self.limiter.wait_for_turn()
        if not self.store.record_attempt(clip, self.request, photo, server, self.previous):
            self.limiter.answered()
            problem = "another run is submitting the same photo"
            raise JobError(FailureKind.UNCERTAIN, f"{problem}; run ffprep again when it has ended")
        submission.sending = True
        try:
            # The SDK's own timeout limits each read, so a slow server could exceed any total.
            return call_in_thread(
                lambda: self.options.api.create(request, _CREATE_TIMEOUT), _CREATE_TIMEOUT
            )
        except TimeoutError:
            self._refused(ApiError("no answer in time"), request, deadline)
        except ApiError as error:
            self._refused(error, request, deadline)
        return None

    def _refused(self, error: ApiError, request: HttpRequest, deadline: float) -> None:
        """Wait if the create may be repeated. Raises JobError or ServerFault if not."""
        clip, credentials = self.submission.clip_name, self.options.credentials
        self.submission.sending = False
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
        late = time.monotonic() + wait > deadline
        if late or failure.kind is not FailureKind.RATE_LIMIT:
            self.limiter.answered()
            raise failure from None
        self.limiter.back_off(wait)

    def _common_fields(self, request: HttpRequest) -> set[str]:
        """Return the fields that have the same values for all photos of the run."""
        spec = self.submission.spec
        varying = _SIZE_FIELDS if spec and spec.choice else set()
        return {name.partition("[")[0] for name, _ in request.fields} - varying

    def _show_progress(self, progress: float) -> None:
        self.submission.progress = max(self.submission.progress, min(progress, 0.99))

    def _record(self, **values: object) -> None:
        self.store.update(self.submission.clip_name, self.request, **values)

    @contextmanager
    def _recorded_failure(self) -> Iterator[None]:
        """Record a failure of the job that is final."""
        try:
            yield
        except JobError as error:
            if error.kind in _FINAL_FAILURES:
                self._record(kind=error.kind.value, words=str(error))
            raise

    def publish(self, poller: JobPoller, job: RemoteJob, size: Size | None) -> Outcome:
        """Download the clip, verify it, and give it its name. Raises JobError."""
        submission, options = self.submission, self.options

        def download(file: BinaryIO) -> None:
            with self._recorded_failure():
                poller.download(job, file)

        made, warnings = publish(download, self.clip_file, options, size)
        stamp = storage_of(submission.clip).put(self.clip_file, submission.clip)
        submission.warnings += warnings
        self._record(bytes=stamp.bytes, mtime=stamp.modified)
        return self._outcome(Status.DONE, made)


def _uncertain(attempt: Attempt, why: str = "no answer") -> JobError:
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(attempt.sent))
    problem = f"sent on {since}, and it is unknown whether the server created a job ({why})"
    hint = "look at the server's list of jobs, and download the clip with --resume ID -o CLIP"
    message = f"{problem}; the server may bill it: {hint}; if no job is there, {RESUBMIT}"
    return JobError(FailureKind.UNCERTAIN, message)
