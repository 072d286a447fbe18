"""`ffprep report`: an HTML page of what output folders contain, and of which photos it was made."""

from pathlib import Path

import click

from ffprep.cli.reporting.progress import Console
from ffprep.core.location import Location
from ffprep.errors import UsageError
from ffprep.options.command import DocumentedCommand, option
from ffprep.options.shared import JOBS
from ffprep.options.types import LOCATION, PATH
from ffprep.system.shutdown import Signals, leave_now

_EXAMPLES = {
    "ffprep report ready -o report.html": "All pictures of a folder, with their photos.",
}


@click.command(cls=DocumentedCommand, examples=_EXAMPLES)
@click.argument("outputs", nargs=-1, required=True, type=LOCATION, metavar="OUT...")
@option("-o, --output FILE.html", PATH, "The page.", dest="path", required=True)
@option("--ledger", LOCATION, "The ledger, if it is not in OUT.")
@JOBS
def report(outputs: tuple[Location, ...], path: Path, ledger: Location | None, jobs: int) -> None:
    """Write an HTML page that shows each photo beside what was made of it.

    The page needs no network. It shows failures, warnings and what was cut, and can correct crops
    by eye. Of many photos that went well, it shows a sample. `convert --report` writes the same
    at the end of a run, and is faster.
    """
    from ffprep.options.written_files import require_html
    from ffprep.report.of_ledger import LedgerReport
    from ffprep.system.processes import Processes

    if ledger and len(outputs) > 1:
        raise UsageError("--ledger works with one OUT at a time")
    require_html("-o", path)
    processes, console = Processes(), Console()
    bar = console.open_bar(None)
    with Signals() as signals:
        signals.while_running(processes.stop)
        try:
            made = bar.update if bar is not None else lambda: None
            entries = LedgerReport(
                path.resolve(), tuple(dict.fromkeys(outputs)), ledger, jobs, console.say, processes
            ).write(made)
        finally:
            if bar is not None:
                bar.close()
            if signals.number is not None:
                leave_now(128 + signals.number)
    if console.is_chatty:
        shown = sum(map(len, entries.shown))
        console.say(f"{path} shows {shown} of {entries.total} pictures")
