"""The course of one photo: prepared, submitted once, watched, its clip fetched; or from where an earlier run left it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from json import dumps
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

from ffprep.errors import FfprepError, Kind, PhotoError
from ffprep.files import Stamp, open_regular
from ffprep.spec import Size, Spec
from ffprep.submitting import refusals
from ffprep.submitting.access import Access
from ffprep.submitting.clip import publish
from ffprep.submitting.memory import Known, Memory
from ffprep.submitting.pace import Pace
from ffprep.submitting.preparation import Recipe, prepared
from ffprep.submitting.refusals import AGAIN, JobError, Trouble, Unsuccessful
from ffprep.submitting.wire import Call, Job, Phase, Speaker, Wish

Answer = TypeVar("Answer")
_ANSWER = 300.0
"""Seconds in which a server takes a picture, or gives a clip."""
_LOOK = 30.0
_FINAL = (Trouble.FAILED, Trouble.MODERATION, Trouble.EXPIRED, Trouble.UNKNOWN_JOB)
"""What ends a job, so that only another one could bring a clip."""
_PATIENCE = 5
"""How often in a row a job may not be told of before that is the end of it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every photo of a call. `poll` and `timeout` are in seconds; the latter from when a job was created, or resumed.

    `polls` says that `poll` holds whatever the server would have.
    """

    access: Access
    poll: float
    timeout: float
    prompt: str = ""
    seconds: int = 0
    model: str | None = None
    extra: tuple[tuple[str, Any], ...] = ()
    recipe: Recipe | None = None
    resubmit: bool = False
    again: bool = False
    polls: bool = False
    ffmpeg: str | None = None

    def wish(self, size: Size) -> Wish:
        """The clip that is asked for."""
        return Wish(self.prompt, size, self.seconds, self.model, self.extra)


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
class Course:
    """One photo on its way, which other threads may look at. `place` is the clip's in the folder that remembers it, `spec` its own.

    Without a photo, it is a `job` that is resumed. `heard` says that the server has told of it, `known` what an earlier run did.
    """

    photo: Path | None
    clip: Path
    place: str = ""
    spec: Spec | None = None
    job: str = ""
    stage: Stage = Stage.BEFORE
    progress: float = 0.0
    heard: bool = False
    known: Known | None = None
    warnings: list[str] = field(default_factory=list)

    def run(
        self,
        terms: Terms,
        speaker: Speaker,
        memory: Memory,
        pace: Pace,
        noted: Callable[["Course"], None] = lambda _: None,
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
        self, terms: Terms, speaker: Speaker, memory: Memory, show: Callable[["Course", Call], None]
    ) -> Outcome | None:
        """Show the request that `run` would send, if it would; an Outcome where it is known without one."""
        steps = _Steps(self, terms, speaker, memory, Pace(Event()), lambda _: None)
        try:
            assert self.photo
            if outcome := steps.known(self.photo, steps.request(self.photo)):
                return outcome
            if not self.job:
                call, _, warnings = steps.drafted(self.photo)
                show(self, call)
                self.warnings += warnings
        except (PhotoError, JobError) as error:
            return Outcome(self.photo, self.clip, Status.FAILED, self.job, error=error)
        return None


@dataclass(frozen=True, slots=True)
class _Steps:
    course: Course
    terms: Terms
    speaker: Speaker
    memory: Memory
    pace: Pace
    noted: Callable[[Course], None]

    def all(self) -> Outcome:
        course, photo = self.course, self.course.photo
        if photo is None:
            return self._watched("", None)
        request = self.request(photo)
        if outcome := self.known(photo, request):
            return outcome
        size = None if course.job else self._submit(photo, request)
        return self._watched(request, size)

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
            return Outcome(photo, course.clip, Status.FRESH, known.job)
        lost = known.failure or (None if known.job else _uncertain(known))
        if lost and self.terms.resubmit:
            return None
        course.job = known.job
        if lost and lost.kind is not Trouble.UNKNOWN_JOB:  # which the server may know again
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
                [said, terms.recipe.words(self.course.spec), terms.extra], sort_keys=True
            ).encode()
        ).hexdigest()

    def _submit(self, photo: Path, request: str) -> Size:
        """Create the job; the size that was asked for."""
        course, terms = self.course, self.terms
        call, size, warnings = self.drafted(photo)
        course.warnings += warnings
        until = time.monotonic() + terms.timeout
        while not self._created(photo, request, call, until):
            pass
        course.stage, course.heard = Stage.WATCHING, True
        self.memory.answer(course.place, request, course.job)
        self.noted(course)
        return size

    def drafted(self, photo: Path) -> tuple[Call, Size, tuple[str, ...]]:
        """The request for a photo, the size that it asks for, and warnings. Raises PhotoError."""
        terms, own = self.terms, self.course.spec
        assert terms.recipe
        assert own
        before = Stamp.of(photo)
        try:
            picture, warnings = prepared(photo, terms.recipe, own)
        except (
            PhotoError
        ) as error:  # which may begin with the photo's name, as an exception's words do
            raise PhotoError(error.kind, str(error).removeprefix(f"{photo}: ")) from None
        if Stamp.of(photo) != before:
            raise PhotoError(Kind.IO, "was changed while it was read; run again")
        size = picture.size
        if picture.region:
            size = picture.region.of(size) or size
        return self.speaker.call(terms.wish(size), picture), size, warnings

    def _created(self, photo: Path, request: str, call: Call, until: float) -> bool:
        """Send it, when it is its turn; False where the server takes no more for now, and nothing of this."""
        course, terms = self.course, self.terms
        self.pace.turn()
        before, server = course.known, terms.access.shown_url
        if not self.memory.intend(course.place, request, photo, server, before):
            words = "another run has sent the same at this moment; run again when that has ended"
            raise JobError(Trouble.UNCERTAIN, words)
        course.stage = Stage.SENDING
        try:
            course.job = self.speaker.create(call, _ANSWER)
        except Unsuccessful as error:
            course.stage = Stage.BEFORE
            if error.uncertain:
                known = self.memory.find(course.place, request)
                assert known
                words = terms.access.hide(error.words)
                raise _uncertain(known, f"{error.status or 'no answer'}: {words}") from None
            self.memory.take_back(course.place, request, before)
            refused = refusals.refused(error, terms.access, call)
            wait = terms.poll if error.wait is None else error.wait
            limited = isinstance(refused, JobError) and refused.kind is Trouble.RATE_LIMIT
            if not limited or time.monotonic() + wait > until:
                raise refused from None
            self.pace.hold_up(wait)
            return False
        return True

    def _watched(self, request: str, size: Size | None) -> Outcome:
        """The job's clip, when it is done."""
        course, terms = self.course, self.terms
        course.stage = Stage.WATCHING
        try:
            job = self._done()
            data = self._asked(lambda: self.speaker.fetch(job, _ANSWER))
        except JobError as error:
            if error.kind in _FINAL:
                self.memory.fail(course.place, request, error)
            raise
        clip = publish(data, course.clip, size, terms.ffmpeg)
        course.warnings += clip.warnings
        self.memory.finish(course.place, request, clip.stamp)
        return Outcome(course.photo, course.clip, Status.DONE, course.job, clip.size)

    def _done(self) -> Job:
        """Wait for the end of the job. Raises JobError where it fails, or takes too long."""
        course, terms = self.course, self.terms
        until = time.monotonic() + terms.timeout
        while True:
            job = self._asked(lambda: self.speaker.look(course.job, _LOOK))
            if job.phase is Phase.DONE:
                course.progress = 1.0
                return job
            if job.phase is Phase.FAILED:
                raise refusals.failed(job, terms.access)
            course.progress = max(course.progress, min(job.progress, 0.99))
            left = until - time.monotonic()
            if left <= 0:
                words = f"job {course.job} is not done after {terms.timeout:g} s, and goes on"
                raise JobError(Trouble.TIMEOUT, words)
            self.pace.pause(min(terms.poll if terms.polls else job.after or terms.poll, left))

    def _asked(self, ask: Callable[[], Answer]) -> Answer:
        """An answer about the job, which a server that is away for a while may give later."""
        for left in reversed(range(_PATIENCE)):
            try:
                answer = ask()
                self.course.heard = True
                return answer
            except Unsuccessful as error:
                # A server that was never there is not waited for.
                if left and error.may_pass and (self.course.heard or not error.nothing_sent):
                    self.pace.pause(self.terms.poll)
                    continue
                raise refusals.about_job(error, self.terms.access, self.course.job) from None
        raise AssertionError


def _uncertain(known: Known, why: str = "no answer") -> JobError:
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(known.sent))
    words = f"was sent on {since}, and no answer says what became of it ({why})"
    hint = "look at its list of jobs, and fetch the clip with --resume ID -o CLIP"
    risk = f"the server may have taken it, and may bill it: {hint}; if it is not there, {AGAIN}"
    return JobError(Trouble.UNCERTAIN, f"{words}; {risk}")
