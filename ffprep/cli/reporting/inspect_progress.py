"""The progress bar of `check` and `info`, on a terminal only. Imported only there."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from ffprep.cli.reporting.progress import Console, is_piped
from ffprep.run.convert_options import ReportOptions
from ffprep.run.inspect import Finding, Inspection


class InspectProgress:
    """Counts Findings; `good` is the word for pictures without a fault."""

    def __init__(self, console: Console, bar: Any, good: str) -> None:
        self._console, self._bar, self._good = console, bar, good
        self._paint = console.paint
        self._counts = {True: 0, False: 0}

    def count(self, finding: Finding) -> AbstractContextManager[Any]:
        """Count a Finding. Return a block in which lines can be written, without the bar."""
        self._counts[not (finding.broken or finding.error)] += 1
        if self._bar is None:
            return nullcontext()
        self._bar.set_postfix_str(", ".join(self._failed()), refresh=False)
        self._bar.update()
        hidden: AbstractContextManager[Any] = self._bar.external_write_mode(sys.stdout)
        return hidden if sys.stdout.isatty() else nullcontext()

    def finish(self) -> None:
        """Remove the bar, and write how many pictures there were."""
        if self._bar is not None:
            self._bar.close()
        if any(self._counts.values()):
            good = self._paint(f"{self._counts[True]} {self._good}", "green")
            self._console.say(", ".join([good, *self._failed()]), painted=True)

    def _failed(self) -> list[str]:
        failed = self._counts[False]
        return [self._paint(f"{failed} failed", "red")] if failed else []


@contextmanager
def inspect_progress(inspection: Inspection, json: bool, good: str) -> Iterator[InspectProgress]:
    """Show a bar while pictures are inspected, and the counts at the end."""
    console = Console(ReportOptions(json=json))
    bar = None if is_piped() else console.open_bar(inspection.count())
    progress = InspectProgress(console, bar, good)
    try:
        yield progress
    finally:
        progress.finish()
