"""Report a run while it goes and when it ends: progress bar, lines, JSON lines, summary, log file.

stdout carries only what was asked for (--json). Everything else goes to stderr, and a run without
problems writes nothing there unless stderr is a terminal. The bar of a terminal counts failures and
warnings. Failures are named in one block at the end, which cron sends by mail, with the first names
only, if the others can be read elsewhere. Warnings are summed up by kind.

`convert` and `submit` share this mechanism. `submit_progress` adds the words and keys of clips.
A run without anything to report does not import `text`.
"""

import os
import stat
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from ffprep.core.job import FreshCount, PassedOver, Result, Status
from ffprep.record import Record, field
from ffprep.run.convert_options import ReportOptions
from ffprep.run.summary import RunEnd, RunSummary
from ffprep.system.messages import Paint, plain, printable, write_line

if TYPE_CHECKING:
    from ffprep.cli.reporting.log_file import LogFile
    from ffprep.cli.reporting.submit_progress import SubmitSummary


_SHAPE = "|{bar}| {n_fmt}/{total_fmt} {remaining} left{postfix}"
"""The format of a bar, for tqdm: short, so that counts fit in 60 columns."""
_ENDLESS = "{n_fmt} in {elapsed}{postfix}"
_GOOD_AS_IS = (Status.FRESH, Status.PASSED_OVER)


class Console(Record):
    """Where a command writes messages (stderr) and JSON lines (stdout), as its options ask.

    `job` is the name in front of every message, and in every object, if several jobs run. `redact`
    removes secrets.
    """

    options: ReportOptions = field(default_factory=ReportOptions)
    job: str = ""
    redact: Callable[[str], str] | None = None

    def say(self, text: str, painted: bool = False) -> None:
        """Write a message to stderr; a `painted` one is printable already."""
        text = self.signed(self.redact(text) if self.redact else text)
        write_line(f"ffprep: {text}", painted=painted)

    def signed(self, text: str) -> str:
        """Return a text after the job's name."""
        if not self.job:
            return text
        from ffprep.cli.reporting.text import with_job

        return with_job(text, printable(self.job))

    def print_json(self, content: dict[str, Any]) -> None:
        """Write an object to stdout."""
        from ffprep.cli.reporting.text import print_json, with_job_key

        if self.redact:
            content = _redacted(content, self.redact)
        print_json(with_job_key(content, self.job))

    @property
    def is_chatty(self) -> bool:
        """Whether good news is reported too."""
        return not self.options.quiet and (self.options.verbose or sys.stderr.isatty())

    @property
    def paint(self) -> Paint:
        """What colours text for stderr, unless it or the user (NO_COLOR) wants none."""
        dull = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
        return plain if dull or not sys.stderr.isatty() else _painted

    def open_bar(self, total: int | None, shape: str = "") -> Any:
        """Return a progress bar, on a terminal only; None without one."""
        options = self.options
        if options.quiet or not sys.stderr.isatty():
            return None
        if options.json and (sys.stdout.isatty() or is_piped()):
            return None
        from tqdm import tqdm

        shape = shape or (_SHAPE if total else _ENDLESS)
        return tqdm(total=total, file=sys.stderr, dynamic_ncols=True, leave=False, bar_format=shape)


def _painted(text: str, colour: str) -> str:
    import click

    return click.style(text, fg=colour) if colour else text


def is_piped() -> bool:
    """Return whether stdout is a pipe, whose reader may write to the terminal of the bar."""
    return stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode)


def _redacted(value: Any, redact: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _redacted(part, redact) for key, part in value.items()}
    return [_redacted(part, redact) for part in value] if isinstance(value, list | tuple) else value


AnySummary = TypeVar("AnySummary", bound="RunSummary | SubmitSummary")


class Reporter(Generic[AnySummary]):
    """Writes messages above the progress bar, JSON lines, and the summary when its block ends."""

    def __init__(self, console: Console, summary: AnySummary, bar: Any) -> None:
        self._console, self._summary, self._bar = console, summary, bar
        self._paint = console.paint

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        """Write the summary, and what was not reported yet, however the block is left."""
        if error is not None:
            self._summary.break_off(error)
        if isinstance(error, BrokenPipeError):
            return  # the output has no reader
        console, summary = self._console, self._summary
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        if console.options.json:
            console.print_json({"summary": summary.summary()})
        summarized = self._wants_sentence()
        if summarized:
            console.say(summary.sentence(self._paint), painted=True)
        lead = "  " if summarized else f"ffprep: {console.signed('')}"
        for line in self._unreported():
            write_line(lead + line, painted=True)

    def say(self, text: str, painted: bool = False) -> None:
        """Write a message to stderr, above the progress bar; a `painted` one is printable."""
        if self._bar is not None:
            self._bar.clear()
        self._console.say(text, painted)
        if self._bar is not None:
            self._bar.refresh()

    def _wants_sentence(self) -> bool:
        bad = self._summary.ended is not RunEnd.DONE or self._summary.exit_code
        return self._console.is_chatty or bool(bad and not self._console.options.quiet)

    def _unreported(self) -> Iterator[str]:
        yield from ()


class ConvertReporter(Reporter[RunSummary]):
    """Reports Results, to the log file too; `status_command` shows what a ledger remembers of them.

    `advice` says how to read each warning if nothing remembers them. Raises EnvironmentFault if the
    log file cannot be made.
    """

    def __init__(
        self,
        console: Console,
        summary: RunSummary,
        status_command: str = "",
        advice: str = "-v, --log-file or --json",
    ) -> None:
        options = console.options
        self._log: LogFile | None = None
        if options.log_file:
            from ffprep.cli.reporting import log_file

            self._log = log_file.LogFile(options.log_file, options.log_format, console.job)
            self._log.begin(summary)
        super().__init__(console, summary, console.open_bar(summary.total))
        self._status_command, self._advice = status_command, advice
        self._verbose, self._json = options.verbose, options.json
        recorded = status_command or options.log_file or options.json
        self._at_once = self._verbose or not recorded
        self.each = self._json or self._verbose
        """Whether every photo that is up to date is reported as a Result of its own."""

    def __exit__(self, *raised: Any) -> None:
        """Write the summary, to the log file too."""
        try:
            super().__exit__(*raised)
        finally:
            if self._log is not None:
                self._log.end(self._summary)

    def report(self, result: Result | FreshCount) -> None:
        """Report a Result that `summary` has counted. FreshCount moves only the bar."""
        if isinstance(result, Result) and (result.status is not Status.FRESH or self.each):
            self._report(result)
            if result.passed_over not in (None, PassedOver.FILTERED):
                return
        if self._bar is not None:
            self._bar.update(
                result.count + result.filtered if isinstance(result, FreshCount) else 1
            )

    def _report(self, result: Result) -> None:
        if self._log is not None and (self._verbose or result.status not in _GOOD_AS_IS):
            self._log.photo(result)
        if self._verbose or (self._at_once and self._summary.is_news(result)):
            from ffprep.cli.reporting.text import result_line

            self.say(result_line(result, self._paint), painted=True)
        if self._json:
            self._console.print_json(result.as_dict())
        if self._bar is not None and (result.failure or result.caveats):
            self._bar.set_postfix_str(self._counts(), refresh=False)

    def _counts(self) -> str:
        """Return what the bar counts besides photos: failures, and the warnings of some kinds."""
        from ffprep.cli.reporting.text import SHORT

        results = self._summary
        failed = results.reported.total()
        parts = [self._paint(f"{failed} failed", "red")] if failed else []
        known = (kind for kind in SHORT if kind in results.warnings)
        parts += [f"{results.warnings[kind].total} {SHORT[kind]}" for kind in known]
        return ", ".join(parts)

    def _unreported(self) -> Iterator[str]:
        """Yield the warnings, then the failures. With -v, a terminal has them again at the end."""
        results = self._summary
        if not (results.failures.first or results.warnings):
            return
        from ffprep.cli.reporting.text import failure_lines, fitted, rest_line, warning_lines

        on_terminal, warnings = sys.stderr.isatty(), list[str]()
        if on_terminal or not self._verbose:
            places = self._places("--warnings") or [self._advice]
            warnings = list(warning_lines(results.warnings, places))
        yield from warnings
        if self._at_once and not (on_terminal and self._verbose):
            return
        failures = list(failure_lines(results.failures, self._paint))
        yield from fitted(failures, warnings) if on_terminal else map("".join, failures)
        yield from rest_line(results.failures, self._places("--failed"), on_terminal)

    def _places(self, listing: str) -> list[str]:
        """Return where all results can be read after the run; `listing` is for `status`."""
        from ffprep.cli.reporting.text import printable_path

        options, command = self._console.options, self._status_command
        places = [f"`{printable(command)} {listing}`"] if command else []
        places += [f"the log {printable_path(options.log_file)}"] if options.log_file else []
        return places + (["the JSON lines"] if options.json else [])
