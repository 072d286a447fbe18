"""How submitting goes, to whoever watches: a bar, lines, JSON lines; and requests that are only shown."""

import os
import shlex
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ffprep.cli.reporting.text import print_json, printable, printable_path
from ffprep.errors import ExitCode, FfprepError, Kind, PhotoError
from ffprep.submit.credentials import Credentials
from ffprep.submit.errors import FailureKind, JobError
from ffprep.submit.protocol import HttpRequest
from ffprep.submit.submission import Outcome, State, Status, Submission
from ffprep.system.messages import say

_GO_ON = (FailureKind.TIMEOUT, FailureKind.CLIP, FailureKind.UNREACHABLE, FailureKind.INTERRUPTED)
"""What leaves the job as it is, so that it can be resumed."""


@dataclass(frozen=True, slots=True)
class Style:
    """How much is told. `base_url` is the one of the command line, for commands that resume."""

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    base_url: str | None = None


@dataclass(slots=True)
class Teller:
    """Tells it as it goes; of nothing that is told is the key a part."""

    style: Style
    access: Credentials
    single: bool = False
    bar: Any = None
    counts: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    bugs: int = 0
    began: float = field(default_factory=time.monotonic)

    def tell(self, outcome: Outcome) -> None:
        """What became of a photo."""
        self.counts[outcome.status] += 1
        error = outcome.error
        self.bugs += isinstance(error, PhotoError) and error.kind is Kind.INTERNAL
        if self.style.json:
            self._print(self._as_dict(outcome))
        name = printable_path(outcome.photo) if outcome.photo else outcome.job_id
        if error:
            resume = self._resume(outcome)
            hint = f"; to go on: {resume}" if resume else ""
            self._say(f"{name}: {_kind(error)}: {printable(str(error))}{hint}")
        elif self._talks and (outcome.status is Status.DONE or self.style.verbose or self.single):
            size = f", {outcome.size}" if outcome.size else ""
            job = f", job {printable(outcome.job_id)}" if outcome.job_id else ""
            take = (
                "; for another take, --again"
                if outcome.status is Status.FRESH and self.single
                else ""
            )
            self._say(
                f"{name} -> {printable_path(outcome.clip)}: {outcome.status}{size}{job}{take}"
            )
        for warning in outcome.warnings:
            self._say(f"{name}: {printable(warning)}")

    def note(self, course: Submission) -> None:
        """A job was created; called from any thread."""
        if self._talks:
            self._say(
                f"{printable_path(course.photo)}: submitted as job {printable(course.job_id)}"
            )

    def left(self, courses: Iterable[Submission], fault: FfprepError | None) -> None:
        """What has no Outcome, since the run has ended, by a `fault` if there is one: what goes on at the server, too."""
        for course in courses:
            if self.style.json and (course.job_id or fault):
                error = fault or JobError(FailureKind.INTERRUPTED, "was interrupted")
                failed = Outcome(
                    course.photo, course.clip, Status.FAILED, course.job_id, error=error
                )
                self._print(self._as_dict(failed))
            name = printable_path(course.photo) if course.photo else course.job_id
            if course.job_id and course.state is not State.DONE:
                command = self.resume_command(course.job_id, os.fspath(course.clip))
                self._say(
                    f"{name}: job {printable(course.job_id)} goes on; to fetch its clip: {command}"
                )
            elif course.state is State.SENDING:
                words = "was being sent, and no answer came: the server may have taken it, and may bill it"
                self._say(f"{name}: {FailureKind.UNCERTAIN}: {words}; look at its list of jobs")

    def waits(self, seconds: float) -> None:
        """Somebody has asked for the end, while the answer to a request is to come."""
        self._say(
            f"waiting up to {seconds:g} s for the answer to what was sent, which names the job"
        )

    def look(self, courses: Iterable[Submission]) -> None:
        """Bring the bar up to date."""
        if self.bar is not None:
            over = sum(self.counts.values())
            self.bar.n = over + sum(course.progress for course in courses)
            self.bar.refresh()

    def finish(self) -> None:
        """The last line."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None
        if self.style.json:
            seconds = round(time.monotonic() - self.began, 3)
            counts = {status.value: count for status, count in self.counts.items()}
            self._print({"summary": counts | {"seconds": seconds}})
        if self._talks and sum(self.counts.values()) > 1:
            counted = ", ".join(
                f"{count} {status}" for status, count in self.counts.items() if count
            )
            self._say(counted)

    @property
    def exit_code(self) -> int:
        """A bug outweighs a failure."""
        if self.bugs:
            return ExitCode.BUG
        return ExitCode.SOME_FAILED if self.counts[Status.FAILED] else ExitCode.OK

    def resume_command(self, job: str, clip: str) -> str:
        """What fetches the clip of a job that goes on."""
        argv = ["ffprep", "submit", "--resume", job, "-o", clip]
        argv += ["--protocol", self.access.protocol] if self.access.protocol != "videos" else []
        argv += ["--base-url", self.access.display_url] if self.style.base_url else []
        return printable(shlex.join(argv))

    def show(self, course: Submission, call: HttpRequest) -> None:
        """A request that is not sent."""
        picture = call.upload
        if self.style.json:
            names = {"source": os.fspath(course.photo or ""), "output": os.fspath(course.clip)}
            self._print(names | {"request": call.as_dict()})
            return
        lines = [f"POST {call.url}"]
        lines += [f"{name}: {value}" for name, value in call.headers.items()]
        lines += [f"    {key}: {value}" for key, value in call.fields]
        lines.append(f"    {call.file_field}: {picture.describe()}")
        print("\n".join(printable(self.access.redact(line)) for line in lines), flush=True)

    def _as_dict(self, outcome: Outcome) -> dict[str, Any]:
        error, resume = outcome.error, self._resume(outcome)
        content: dict[str, Any] = {
            "source": os.fspath(outcome.photo) if outcome.photo else None,
            "output": os.fspath(outcome.clip),
            "status": outcome.status.value,
            "job": outcome.job_id or None,
            "width": outcome.size.width if outcome.size else None,
            "height": outcome.size.height if outcome.size else None,
            "seconds": round(outcome.seconds, 3),
            "error": {"kind": _kind(error), "message": str(error)} if error else None,
        }
        content |= {"warnings": list(outcome.warnings)} if outcome.warnings else {}
        return content | ({"resume": resume} if resume else {})

    def _resume(self, outcome: Outcome) -> str:
        error = outcome.error
        if (
            not error
            or not outcome.job_id
            or (isinstance(error, JobError) and error.kind not in _GO_ON)
        ):
            return ""
        return self.resume_command(outcome.job_id, os.fspath(outcome.clip))

    @property
    def _talks(self) -> bool:
        return not self.style.quiet and (self.style.verbose or sys.stderr.isatty())

    def _say(self, text: str) -> None:
        if self.bar is not None:
            self.bar.clear()
        say(self.access.redact(text))

    def _print(self, content: dict[str, Any]) -> None:
        print_json(_hidden(content, self.access))


def _hidden(value: Any, access: Credentials) -> Any:
    if isinstance(value, str):
        return access.redact(value)
    if isinstance(value, dict):
        return {key: _hidden(part, access) for key, part in value.items()}
    return [_hidden(part, access) for part in value] if isinstance(value, list | tuple) else value


def _kind(error: FfprepError) -> str:
    return str(getattr(error, "kind", FailureKind.FAILED))


@contextmanager
def teller(style: Style, access: Credentials, total: int, single: bool) -> Iterator[Teller]:
    """A Teller with its bar, on a terminal only."""
    made = Teller(style, access, single)
    if not style.quiet and sys.stderr.isatty() and not (style.json and sys.stdout.isatty()):
        from tqdm import tqdm

        shape = "{percentage:3.0f}%|{bar}| {elapsed}"
        made.bar = tqdm(total=total, file=sys.stderr, leave=False, bar_format=shape)
    try:
        yield made
    finally:
        made.finish()
