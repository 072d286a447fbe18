"""The progress bar of `check` and `info`, on a terminal only. Imported only there."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from ffprep.cli.reporting.progress import Console, is_piped
from ffprep.run.convert_options import ReportOptions
from ffprep.run.inspect import Inspection


@contextmanager
def inspect_progress(
    inspection: Inspection, json: bool, good: str, counts: Counter[bool]
) -> Iterator[Callable[[], AbstractContextManager[object]]]:
    """Show a bar while pictures are inspected, and the `counts` of good and bad ones at the end.

    Yield what moves the bar by one, and returns a block in which lines are written without it.
    """
    console = Console(ReportOptions(json=json))
    bar = None if is_piped() else console.open_bar(inspection.count())

    def failed() -> list[str]:
        return [console.paint(f"{counts[False]} failed", "red")] if counts[False] else []

    def without_bar() -> AbstractContextManager[object]:
        if bar is None:
            return nullcontext()
        bar.set_postfix_str(", ".join(failed()), refresh=False)
        bar.update()
        hidden: AbstractContextManager[object] = bar.external_write_mode(sys.stdout)
        return hidden if sys.stdout.isatty() else nullcontext()

    try:
        yield without_bar
    finally:
        if bar is not None:
            bar.close()
        if counts.total():
            words = [console.paint(f"{counts[True]} {good}", "green"), *failed()]
            console.say(", ".join(words), painted=True)
