"""`ffprep clean`: remove the outputs that ffprep made."""

import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import click

from ffprep.cli.reporting import text
from ffprep.core.location import Location
from ffprep.errors import ExitCode
from ffprep.options.command import DocumentedCommand, flag, option
from ffprep.options.shared import AS_JSON, WAIT
from ffprep.options.types import LOCATION
from ffprep.system.messages import say
from ffprep.system.shutdown import Signals

if TYPE_CHECKING:
    from ffprep.run.clean import Cleaned

_NAMED = 10
"""How many outputs that stay are named without -v."""


_EXAMPLES = {
    "ffprep clean ready --dry-run": "See what would be removed.",
    "ffprep clean ready": "Remove it.",
}


@click.command(cls=DocumentedCommand, examples=_EXAMPLES)
@click.argument("output", type=LOCATION, metavar="OUT")
@flag("--dry-run", "Print what would be removed, as commands; remove nothing.")
@flag("--checksum", "Compare the contents of outputs too.")
@option("--ledger", LOCATION, "The ledger, if it is not in OUT.")
@WAIT
@AS_JSON
@flag("-q, --quiet", "Print only what could not be removed.")
@flag("-v, --verbose", "Print a line for every output.")
def clean(
    output: Location,
    dry_run: bool,
    checksum: bool,
    ledger: Location | None,
    wait: float | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Remove the outputs that ffprep made in OUT.

    Only files that are as the ledger says are removed, and folders that are empty then. Modified
    outputs, photos and all other files stay; modified outputs are listed.
    """
    from ffprep.run.clean import CleanOptions
    from ffprep.run.clean import clean as cleaned_outputs

    options = CleanOptions(output, ledger, checksum, dry_run, wait or 0.0)
    report = _Report(as_json, quiet, verbose, dry_run)
    with Signals() as signals:
        signals.while_running(lambda: None)
        for cleaned in cleaned_outputs(options, say, lambda: signals.number is not None):
            report.add(cleaned)
        report.finish()
    sys.exit(128 + signals.number if signals.number is not None else report.exit_code)


class _Report:
    """Prints what is done with outputs, and the summary."""

    def __init__(self, as_json: bool, quiet: bool, verbose: bool, dry_run: bool) -> None:
        self._json, self._quiet, self._verbose, self._dry = as_json, quiet, verbose, dry_run
        self._counts, self._started = Counter[str](), time.monotonic()

    @property
    def exit_code(self) -> int:
        """SOME_FAILED if an output could not be removed."""
        return ExitCode.SOME_FAILED if self._counts["failed"] else ExitCode.OK

    def add(self, cleaned: "Cleaned") -> None:
        """Count and print an output."""
        self._counts[cleaned.status] += 1
        path, status = text.printable_path(cleaned.output), cleaned.status.value
        if self._json:
            names = {"output": str(cleaned.output), "status": status}
            text.print_json(names | {"reason": cleaned.reason})
        elif self._dry and cleaned.reason is None:
            click.echo(text.removal_command(cleaned.output))
        is_named = self._verbose or self._counts[status] <= _NAMED
        if cleaned.reason is None:
            if self._verbose and not self._dry:
                say(f"{path}: removed")
        elif status == "failed" or (not self._quiet and is_named):
            word = "cannot be removed" if status == "failed" else "kept"
            say(f"{path}: {word}: {cleaned.reason}")

    def finish(self) -> None:
        """Print the summary."""
        seconds = round(time.monotonic() - self._started, 3)
        counts = {word: self._counts[word] for word in ("removed", "kept", "failed")}
        if self._json:
            text.print_json({"summary": counts | {"seconds": seconds}})
        if self._quiet:
            return
        if counts["kept"] > _NAMED and not self._verbose:
            say(f"and {counts['kept'] - _NAMED} more are kept: see them with -v")
        if self._verbose or sys.stderr.isatty() or counts["kept"] or counts["failed"]:
            done = "would be removed" if self._dry else "removed"
            others = (word for word in ("kept", "failed") if counts[word])
            rest = "".join(f", {counts[word]} {word}" for word in others)
            say(f"{counts['removed']} {done}{rest} in {seconds:.1f} s")
