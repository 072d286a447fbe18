"""The course of one photo: prepared, submitted once, watched, its clip fetched; or from where an earlier run left it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from itertools import count
from json import dumps
from pathlib import Path
from threading import Event
from typing import Any

from ffprep.core.geometry import Size
from ffprep.core.spec import Spec
from ffprep.errors import FfprepError, Kind, PhotoError, UsageError
from ffprep.submit import errors as refusals
from ffprep.submit.clip import Asked, publish
from ffprep.submit.credentials import Credentials
from ffprep.submit.errors import AGAIN, ApiError, FailureKind, JobError
from ffprep.submit.prepare_picture import PictureOptions, prepared
from ffprep.submit.protocol import ClipRequest, HttpRequest, JobState, RemoteJob, VideoApi
from ffprep.submit.rate_limit import Answer, RateLimiter, within
from ffprep.submit.store import Known, SubmissionStore
from ffprep.system.files import FileStamp, open_regular
from ffprep.system.tempfiles import temporary_beside

_ANSWER = 300.0
"""Seconds in which a server takes a picture, or gives a clip."""
_LOOK = 30.0
_FINAL = (FailureKind.FAILED, FailureKind.MODERATION, FailureKind.EXPIRED, FailureKind.UNKNOWN_JOB)
"""What ends a job, so that only another one could bring a clip."""
_PATIENCE = 5
"""How often a job that was told of may be unknown before it is."""
_LONGEST = 30.0
"""Seconds until a server that is away is asked again at the latest."""
_LEAST = 0.1


@dataclass(frozen=True, slots=True)
class SubmitOptions:
    """What holds for every photo of a call. `poll` and `timeout` are in seconds; the latter from when a job was created, or resumed.

    `polls` says that `poll` holds whatever the server would have.
    """

    access: Credentials
    poll: float
    timeout: float
    prompt: str = ""
    seconds: int = 0
    model: str | None = None
    extra: tuple[tuple[str, Any], ...] = ()
    recipe: PictureOptions | None = None
    resubmit: bool = False
    again: bool = False
    polls: bool = False
    ffmpeg: str | None = None

    def wish(self, size: Size) -> ClipRequest:
        """The clip that is asked for."""
        return ClipRequest(self.prompt, size, self.seconds, self.model, self.extra)


class Status(StrEnum):
    """What became of a photo."""

    DONE = "done"
    FRESH = "fresh"
    FAILED = "failed"


class Stage(StrEnum):
    """What is being done for a photo."""

    BEFORE = "before"
    SENDING = "sending"
    WATCHING = "watching"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a photo; `job` is empty where the server has none for it. `size` is the clip's."""

    photo: Path | None
    clip: Path
    status: Status
    job: str = ""
    size: Size | None = None
    seconds: float = 0.0
    error: FfprepError | None = None
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Submission:
    """One photo on its way, which other threads may look at. `place` is the clip's in the folder that remembers it, `spec` its own.

    Without a photo, it is a `job` that is resumed. `heard` says that the server has told of it, `done`
    that there is a clip to be fetched; `known` is what an earlier run did.
    """

    photo: Path | None
    clip: Path
    place: str = ""
    spec: Spec | None = None
    job: str = ""
    stage: Stage = Stage.BEFORE
    progress: float = 0.0
    heard: bool = False
    done: bool = False
    known: Known | None = None
    warnings: list[str] = field(default_factory=list)

    def run(
        self,
        terms: SubmitOptions,
        speaker: VideoApi,
        memory: SubmissionStore,
        pace: RateLimiter,
        noted: Callable[["Submission"], None] = lambda _: None,
    ) -> Outcome:
        """All of it. Raises ServerFault and other EnvironmentFaults, which meet every photo, and Stopped."""
        began = time.monotonic()
        try:
            outcome = _Steps(self, terms, speaker, memory, pace, noted).all()
        except (PhotoError, JobError) as error:
            outcome = Outcome(self.photo, self.clip, Status.FAILED, self.job, error=error)
        self.stage, self.progress = Stage.OVER, 1.0
        seconds = time.monotonic() - began
        return replace(outcome, seconds=seconds, warnings=tuple(self.warnings))

    def rehearse(
        self,
        terms: SubmitOptions,
        speaker: VideoApi,
        memory: SubmissionStore,
        show: Callable[["Submission", HttpRequest], None],
    ) -> Outcome | None:
        """Show the request that `run` would send, if it would; an Outcome where it is known without one."""
        steps = _Steps(self, terms, speaker, memory, RateLimiter(Event()), lambda _: None)
        try:
            assert self.photo
            if outcome := steps.known(self.photo, steps.request(self.photo)):
                return outcome
            steps.require_ours()
            if not self.job:
                call, _, warnings = steps.drafted(self.photo)
                show(self, call)
                self.warnings += warnings
        except (PhotoError, JobError) as error:
            return Outcome(self.photo, self.clip, Status.FAILED, self.job, error=error)
        return None


@dataclass(frozen=True, slots=True)
class _Steps:
    course: Submission
    terms: SubmitOptions
    speaker: VideoApi
    memory: SubmissionStore
    pace: RateLimiter
    noted: Callable[[Submission], None]

    def all(self) -> Outcome:
        course, photo = self.course, self.course.photo
        if photo is None:
            return self._watched("", None)
        request = self.request(photo)
        if outcome := self.known(photo, request):
            return outcome
        self.require_ours()
        with temporary_beside(course.clip):
            pass  # what cannot be written is told before anything is sent
        size = None if course.job else self._submit(photo, request)
        return self._watched(request, size)

    def require_ours(self) -> None:
        """Raise PhotoError where the clip would take the place of what ffprep has not fetched."""
        course = self.course
        going_on = course.job and course.known and not course.known.clip
        if going_on or self.terms.again or self.memory.is_ours(course.place, course.clip):
            return
        words = "is there, and is no clip that was fetched for it, or was changed since"
        hint = "move it away, or write elsewhere with -o"
        raise PhotoError(Kind.COLLISION, f"{course.clip} {words}; {hint}")

    def known(self, photo: Path, request: str) -> Outcome | None:
        """What an earlier run made of it, or its job; nothing for what is to be submitted. Raises JobError."""
        course = self.course
        course.known = known = self.memory.find(course.place, request)
        if known is None:
            return None
        done = self.memory.is_done(course.place, course.clip, known)
        if self.terms.again and (done or known.clip):
            return None
        if done:
            self.memory.adopt(course.place, request, course.clip)
            return Outcome(photo, course.clip, Status.FRESH, known.job)
        lost = known.failure or (None if known.job else _uncertain(known))
        if lost and self.terms.resubmit:
            return None
        course.job = known.job
        if lost and lost.kind is not FailureKind.UNKNOWN_JOB:  # which the server may know again
            raise lost
        return None

    def request(self, photo: Path) -> str:
        """By what a request is known: the photo's bytes, and all that is asked for, of which server."""
        terms = self.terms
        content = sha256()
        with open_regular(photo) as file:
            while part := file.read(1 << 20):
                content.update(part)
        said = {
            "photo": content.hexdigest(),
            "server": terms.access.shown_url,
            "protocol": terms.access.protocol,
        }
        said |= {"prompt": terms.prompt, "seconds": str(terms.seconds), "model": str(terms.model)}
        assert terms.recipe
        assert self.course.spec
        return sha256(
            dumps(
                [said, terms.recipe.words(self.course.spec), dict(terms.extra)], sort_keys=True
            ).encode()
        ).hexdigest()

    def _submit(self, photo: Path, request: str) -> Size:
        """Create the job; the size that was asked for."""
        course, terms = self.course, self.terms
        call, size, warnings = self.drafted(photo)
        course.warnings += warnings
        self.speaker.prepare()
        until = time.monotonic() + terms.timeout
        while not self._created(photo, request, call, until):
            pass
        course.stage, course.heard = Stage.WATCHING, True
        self.memory.answer(course.place, request, course.job)
        self.noted(course)
        return size

    def _answered(self, call: HttpRequest) -> str:
        """The id of the job that the server makes of a request. With it the job has a name, so `timeout` does not count here."""
        try:
            return within(_ANSWER, lambda: self.speaker.create(call, _ANSWER))
        except TimeoutError:
            raise ApiError("no answer in time", late=True) from None

    def drafted(self, photo: Path) -> tuple[HttpRequest, Size, tuple[str, ...]]:
        """The request for a photo, the size that it asks for, and warnings. Raises PhotoError."""
        terms, own = self.terms, self.course.spec
        assert terms.recipe
        assert own
        before = FileStamp.of(photo)
        try:
            picture, warnings = prepared(photo, terms.recipe, own)
        except PhotoError as error:
            words = str(error).removeprefix(f"{photo}: ")  # as an exception's words begin
            raise PhotoError(error.kind, words) from None
        except UsageError as error:  # of this photo's shape only: options were read long ago
            raise PhotoError(Kind.UNSUPPORTED, str(error)) from None
        if FileStamp.of(photo) != before:
            raise PhotoError(Kind.IO, "was changed while it was read; run again")
        size = picture.size
        if picture.region:
            size = picture.region.of(size) or size
        return self.speaker.call(terms.wish(size), picture), size, warnings

    def _created(self, photo: Path, request: str, call: HttpRequest, until: float) -> bool:
        """Send it, when it is its turn; False where the server takes no more for now, and nothing of this."""
        course, terms = self.course, self.terms
        self.pace.turn()
        before, server = course.known, terms.access.shown_url
        if not self.memory.intend(course.place, request, photo, server, before):
            words = "another run has sent the same at this moment; run again when that has ended"
            raise JobError(FailureKind.UNCERTAIN, words)
        course.stage = Stage.SENDING
        try:
            course.job = self._answered(call)
        except ApiError as error:
            course.stage = Stage.BEFORE
            if error.uncertain:
                known = self.memory.find(course.place, request)
                assert known
                words = refusals.quoted(error, terms.access)
                raise _uncertain(known, words if error.status else f"no answer: {words}") from None
            self.memory.take_back(course.place, request, before)
            refused = refusals.refused(error, terms.access, call)
            wait = terms.poll if error.wait is None else error.wait
            limited = isinstance(refused, JobError) and refused.kind is FailureKind.RATE_LIMIT
            if not limited or time.monotonic() + wait > until:
                raise refused from None
            self.pace.hold_up(wait)
            return False
        return True

    def _watched(self, request: str, size: Size | None) -> Outcome:
        """The job's clip, when it is done."""
        course, terms = self.course, self.terms
        course.stage = Stage.WATCHING
        until = time.monotonic() + terms.timeout
        try:
            job = self._done(until)
            data = self._asked(lambda left: self.speaker.fetch(job, left), terms.timeout, until)
        except JobError as error:
            if error.kind in _FINAL:
                self.memory.fail(course.place, request, error)
            raise
        clip = publish(data, course.clip, Asked(size, terms.seconds), terms.ffmpeg, terms.access)
        course.warnings += clip.warnings
        self.memory.finish(course.place, request, clip.stamp)
        return Outcome(course.photo, course.clip, Status.DONE, course.job, clip.size)

    def _done(self, until: float) -> RemoteJob:
        """Wait for the end of the job. Raises JobError where it fails, or takes too long."""
        course, terms = self.course, self.terms
        while True:
            job = self._asked(lambda left: self.speaker.look(course.job, left), _LOOK, until)
            if job.phase is JobState.DONE:
                course.progress, course.done = 1.0, True
                return job
            if job.phase is JobState.FAILED:
                raise refusals.failed(job, terms.access)
            course.progress = max(course.progress, min(job.progress, 0.99))
            left = until - time.monotonic()
            if left <= 0:
                raise self._too_late(job.state)
            self.pace.pause(min(terms.poll if terms.polls else job.after or terms.poll, left))

    def _asked(self, ask: Callable[[float], Answer], longest: float, until: float) -> Answer:
        """An answer about the job, which a server that is away for a while may give later."""
        for tried in count():
            left = max(until - time.monotonic(), _LEAST)
            limit = min(longest, left)
            try:
                answer = within(limit, lambda limit=limit: ask(limit))  # type: ignore[misc]
                self.course.heard = True
                return answer
            except TimeoutError:
                error = ApiError("no answer in time", late=True)
            except ApiError as unsuccessful:
                error = unsuccessful
            if not self._may_pass(error, tried):
                raise refusals.about_job(
                    error, self.terms.access, self.course.job, self.course.done
                )
            left = until - time.monotonic()
            if left <= 0:
                raise self._too_late(refusals.quoted(error, self.terms.access))
            wait = max(min(self.terms.poll * 2 ** min(tried, 10), _LONGEST), error.wait or 0)
            self.pace.pause(min(wait, left))
        raise AssertionError

    def _may_pass(self, error: ApiError, tried: int) -> bool:
        """Whether to ask again. A server that was never there is not waited for; one that writes late is, for a while."""
        if error.status == 404:
            return self.course.heard and tried < _PATIENCE
        return error.may_pass and (self.course.heard or not error.nothing_sent)

    def _too_late(self, state: str) -> JobError:
        job, what = self.course.job, "fetched" if self.course.done else "done"
        words = f"job {job} is not {what} after {self.terms.timeout:g} s, and goes on"
        return JobError(FailureKind.TIMEOUT, f"{words} (last it was: {state})")


def _uncertain(known: Known, why: str = "no answer") -> JobError:
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(known.sent))
    words = f"was sent on {since}, and no answer says what became of it ({why})"
    hint = "look at its list of jobs, and fetch the clip with --resume ID -o CLIP"
    risk = f"the server may have taken it, and may bill it: {hint}; if it is not there, {AGAIN}"
    return JobError(FailureKind.UNCERTAIN, f"{words}; {risk}")
