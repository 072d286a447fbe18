"""Report submissions: the words and JSON keys of clips, resume commands, requests of a dry run."""

import os
import time
from collections.abc import Iterable
from typing import Any

from ffprep.cli.reporting.progress import Console, Reporter
from ffprep.cli.reporting.text import printable_path, shell_command
from ffprep.errors import ExitCode, FfprepError, Interrupted, Kind, PhotoError
from ffprep.record import Record, field
from ffprep.run.summary import RunEnd
from ffprep.submit.errors import FailureKind, JobError
from ffprep.submit.parse import SubmitOptions
from ffprep.submit.submission import Outcome, Status, Submission
from ffprep.submit.video_apis import HttpRequest
from ffprep.system.messages import Paint, plain, printable, write_line

_RESUMABLE = (
    FailureKind.TIMEOUT,
    FailureKind.CLIP,
    FailureKind.UNREACHABLE,
    FailureKind.INTERRUPTED,
)
"""Failures after which the job can be resumed."""


class SubmitSummary(Record, frozen=False):
    """The counts of a call of `submit`, and its exit code."""

    counts: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    bugs: int = 0
    ended: RunEnd = RunEnd.DONE
    started: float = field(default_factory=time.monotonic)

    def add(self, outcome: Outcome) -> None:
        """Count one Outcome."""
        error = outcome.error
        self.counts[outcome.status] += 1
        self.bugs += isinstance(error, PhotoError) and error.kind is Kind.INTERNAL

    @property
    def exit_code(self) -> int:
        """BUG if there was a bug, else SOME_FAILED if a photo failed."""
        if self.bugs:
            return ExitCode.BUG
        return ExitCode.SOME_FAILED if self.counts[Status.FAILED] else ExitCode.OK

    def break_off(self, error: BaseException) -> None:
        """Note the error that ended the run."""
        self.ended = RunEnd.INTERRUPTED if isinstance(error, Interrupted) else RunEnd.STOPPED

    def summary(self) -> dict[str, Any]:
        """Return the content of the last JSON line."""
        counts = {status.value: count for status, count in self.counts.items()}
        return counts | {"seconds": round(time.monotonic() - self.started, 3)}

    def sentence(self, paint: Paint = plain) -> str:
        """Return the counts as text."""
        colours = {Status.DONE: "green", Status.FAILED: "red"}
        found = ((f"{count} {status}", status) for status, count in self.counts.items() if count)
        return ", ".join(paint(text, colours.get(status, "")) for text, status in found)


class SubmitReporter(Reporter[SubmitSummary]):
    """Reports Outcomes, and prints the clip's path if no option names it.

    The key and passwords are removed from everything that is written.
    """

    def __init__(self, options: SubmitOptions, summary: SubmitSummary, total: int | None) -> None:
        console = Console(options.reporting, redact=options.clip.credentials.redact)
        bar = console.open_bar(total, "{percentage:3.0f}%|{bar}| {elapsed}")
        super().__init__(console, summary, bar)
        self._resume_options, self._single = options.resume_options, options.single
        self._prints_clip = options.prints_clip and not options.reporting.json

    def report(self, outcome: Outcome) -> None:
        """Count an Outcome, and report it."""
        self._summary.add(outcome)
        if self._console.options.json:
            self._console.print_json(self._as_dict(outcome))
        name = _name(outcome)
        if error := outcome.error:
            resume = self._resume_command_of(outcome)
            hint = f"; to go on: {resume}" if resume else ""
            self.say(f"{name}: {_kind(error)}: {printable(str(error))}{hint}")
        elif self._reports_success(outcome):
            size = f", {outcome.size}" if outcome.size else ""
            job = f", job {printable(outcome.job_id)}" if outcome.job_id else ""
            is_made = self._single and outcome.status is Status.FRESH
            hint = "; for another take, add --again" if is_made else ""
            clip = printable_path(outcome.clip)
            self.say(f"{name} -> {clip}: {outcome.status}{size}{job}{hint}")
        if self._prints_clip and not outcome.error:
            write_line(os.fspath(outcome.clip), err=False)
        for warning in outcome.warnings:
            self.say(f"{name}: {printable(warning)}")

    def _reports_success(self, outcome: Outcome) -> bool:
        counts = outcome.status is Status.DONE or self._console.options.verbose or self._single
        return counts and self._console.is_chatty

    def on_submitted(self, submission: Submission) -> None:
        """Report that a job was created; called from any thread."""
        if self._console.is_chatty:
            self.say(f"{_name(submission)}: submitted as job {printable(submission.job_id)}")

    def on_progress(self, running: Iterable[Submission]) -> None:
        """Move the progress bar."""
        if self._bar is not None:
            finished = sum(self._summary.counts.values())
            self._bar.n = finished + sum(submission.progress for submission in running)
            self._bar.refresh()

    def on_wait(self, seconds: float) -> None:
        """Report that the end waits for the answer to a create."""
        self.say(
            f"waiting up to {seconds:g} s for the server's answer, which contains the job's id"
        )

    def report_unfinished(
        self, submissions: Iterable[Submission], fault: FfprepError | None
    ) -> None:
        """Report submissions without an Outcome, after an interrupt or a `fault`."""
        for submission in submissions:
            job_id = submission.job_id
            if self._console.options.json and (job_id or fault):
                error = fault or JobError(FailureKind.INTERRUPTED, "was interrupted")
                outcome = Outcome(
                    submission.photo, submission.clip, Status.FAILED, job_id, error=error
                )
                self._console.print_json(self._as_dict(outcome))
            name = _name(submission)
            if job_id and not submission.done:
                command = self._resume_command(job_id, os.fspath(submission.clip))
                self.say(
                    f"{name}: job {printable(job_id)} goes on; to download its clip: {command}"
                )
            elif submission.sending:
                problem = "was being sent, and no answer came; the server may bill it"
                hint = "look at the server's list of jobs"
                self.say(f"{name}: {FailureKind.UNCERTAIN}: {problem}: {hint}")

    def show_request(self, submission: Submission, request: HttpRequest) -> None:
        """Print the request of a dry run."""
        console = self._console
        if console.options.json:
            photo, clip = os.fspath(submission.photo or ""), os.fspath(submission.clip)
            console.print_json({"source": photo, "output": clip, "request": request.as_dict()})
            return
        lines = [f"POST {request.url}"]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        lines += [f"    {key}: {value}" for key, value in request.fields]
        lines += [f"    {request.file_field}: {each.describe()}" for each in request.uploads]
        redact = console.redact or str
        for line in lines:
            write_line(redact(line), err=False)

    def _wants_sentence(self) -> bool:
        several = sum(self._summary.counts.values()) > 1
        return several and super()._wants_sentence()

    def _as_dict(self, outcome: Outcome) -> dict[str, Any]:
        error, resume = outcome.error, self._resume_command_of(outcome)
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

    def _resume_command_of(self, outcome: Outcome) -> str:
        """Return the command that resumes a failed job; an empty text if that is of no use."""
        error = outcome.error
        if not error or not outcome.job_id:
            return ""
        if isinstance(error, JobError) and error.kind not in _RESUMABLE:
            return ""
        return self._resume_command(outcome.job_id, os.fspath(outcome.clip))

    def _resume_command(self, job_id: str, clip: str) -> str:
        argv = ["ffprep", "submit", "--resume", job_id, "-o", clip, *self._resume_options]
        return shell_command(argv)


def _name(item: Outcome | Submission) -> str:
    return printable_path(item.photo) if item.photo else printable(item.job_id)


def _kind(error: FfprepError) -> str:
    return str(getattr(error, "kind", FailureKind.FAILED))
