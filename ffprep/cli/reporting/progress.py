"""A run as it goes, to whoever watches: progress bar, lines, JSON lines, summary, log file.

stdout carries only what was asked for (--json). Everything else goes to stderr, and there is nothing
of it when all went well and nobody is watching. What went wrong is told at once on a terminal, and
else in one block at the end, such as cron mails: its names are few, and the rest is elsewhere.
"""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ffprep.cli.reporting.text import (
    print_json,
    printable_path,
    result_as_dict,
    result_line,
    with_job,
    with_job_key,
)
from ffprep.core.job import FreshCount, Result, Status
from ffprep.run.summary import RunEnd, RunSummary
from ffprep.system.messages import say

if TYPE_CHECKING:
    from ffprep.cli.reporting.log_file import LogFile


@dataclass(frozen=True, slots=True)
class Style:
    """How much is told, and where.

    `status_command` is the one that shows what failed, where a ledger remembers it. `job` signs all of
    it, where several jobs tell at one place.
    """

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    log_file: Path | None = None
    log_format: str = "text"
    status_command: str = ""
    job: str = ""

    def signed(self, text: str) -> str:
        """A text with the job's name in front."""
        return with_job(text, self.job)

    def print_json(self, content: dict[str, Any]) -> None:
        """An object on stdout, with the job's name in it."""
        print_json(with_job_key(content, self.job))

    @property
    def places(self) -> list[str]:
        """Where every failure can be read afterwards, beside stderr."""
        command = [f"`{self.status_command}`"] if self.status_command else []
        return command + self.full_places

    @property
    def full_places(self) -> list[str]:
        """Where every Result can be, warnings and all."""
        log = [f"the log {printable_path(self.log_file)}"] if self.log_file else []
        return log + (["the JSON lines"] if self.json else [])


class Reporter:
    """Tells a run as it goes. Use as `with reporter(...) as r: r.tell(result)`."""

    def __init__(self, style: Style, tally: RunSummary, bar: Any, log: "LogFile | None") -> None:
        self._style, self._tally, self._bar, self._log = style, tally, bar, log
        self._at_once = style.verbose or sys.stderr.isatty() or not style.places

    @property
    def each(self) -> bool:
        """Whether every fresh photo is to be told as a Result of its own."""
        return self._style.json or self._style.verbose

    def tell(self, result: Result | FreshCount) -> None:
        """Say what is to be said of a Result, which is counted already; fresh ones may come as a number."""
        if isinstance(result, Result) and (result.status is not Status.FRESH or self.each):
            self._spell_out(result)
        if self._bar is not None:
            self._bar.update(result.count if isinstance(result, FreshCount) else 1)

    def _spell_out(self, result: Result) -> None:
        if self._log is not None and (self._style.verbose or result.status is not Status.FRESH):
            self._log.photo(result)
        trouble = result.failure or result.warnings
        if self._style.verbose or (trouble and self._at_once):
            self.say(result_line(result))
        if self._style.json:
            self._style.print_json(result_as_dict(result))
        if self._bar is not None and result.failure:
            self._bar.set_postfix(failed=self._tally.counts[Status.FAILED], refresh=False)

    def say(self, text: str) -> None:
        """One line on stderr, above the bar if there is one."""
        if self._bar is not None:
            self._bar.clear()
        say(self._style.signed(text))
        if self._bar is not None:
            self._bar.refresh()

    def finish(self) -> None:
        """The summary, where somebody wants it, and what was not told yet."""
        style, tally = self._style, self._tally
        if self._bar is not None:
            self._bar.close()
        if style.json:
            style.print_json({"summary": tally.summary()})
        bad = tally.ended is not RunEnd.DONE or tally.exit_code
        summed = not style.quiet and (bad or style.verbose or sys.stderr.isatty())
        if summed:
            say(style.signed(tally.sentence()))
        if not self._at_once:
            for text in _listing(style, tally, "  " if summed else f"ffprep: {style.signed('')}"):
                print(text, file=sys.stderr)


def _listing(style: Style, tally: RunSummary, lead: str) -> Iterator[str]:
    """The first that failed and how many more, then those with warnings, a line each."""
    yield from (lead + result_line(result) for result in tally.failures)
    if more := tally.counts[Status.FAILED] - len(tally.failures):
        yield f"{lead}and {more} more that failed: see {', or '.join(style.places)}"
    yield from (lead + result_line(result) for result in tally.warnings)
    if more := tally.warned - len(tally.warnings):
        places = ", or ".join(style.full_places) or "all of them with -v, or in a --log-file"
        yield f"{lead}and {more} more with warnings: see {places}"


@contextmanager
def reporter(style: Style, tally: RunSummary) -> Iterator[Reporter]:
    """A Reporter with its bar (on a terminal only) and its log file open.

    However it is left, what was not told yet is told. Raises EnvironmentFault for a log file that cannot be opened.
    """
    with ExitStack() as stack:
        log = None
        if style.log_file:
            from ffprep.cli.reporting.log_file import LogFile

            log = LogFile(style.log_file, style.log_format, style.job)
            stack.callback(log.close)
            log.begin(tally)
            stack.callback(log.end, tally)
        made = Reporter(style, tally, _bar(style, tally.total), log)
        try:
            yield made
        except BaseException as error:
            tally.break_off(error)
            if not isinstance(error, BrokenPipeError):  # else nobody listens any more
                made.finish()
            raise
        made.finish()


def _bar(style: Style, total: int | None) -> Any:
    if style.quiet or not sys.stderr.isatty() or (style.json and sys.stdout.isatty()):
        return None
    from tqdm import tqdm

    return tqdm(total=total, unit="photo", file=sys.stderr, dynamic_ncols=True, leave=False)
