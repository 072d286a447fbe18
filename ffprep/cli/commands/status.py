"""`ffprep status`: what the ledgers of output folders contain, and the submissions for clips."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from ffprep.cli.reporting import text
from ffprep.core.location import Location
from ffprep.errors import UsageError
from ffprep.options.command import DocumentedCommand, flag, option
from ffprep.options.shared import AS_JSON
from ffprep.options.types import LOCATION
from ffprep.record import asdict
from ffprep.system.files import LEDGER
from ffprep.system.messages import say, write_line
from ffprep.system.shutdown import Signals

if TYPE_CHECKING:
    from ffprep.ledger.history import FailedPhoto, History, WarnedPhoto
    from ffprep.ledger.shards import Ledgers
    from ffprep.submit.store import StoredSubmission, StoredSubmissions


_EXAMPLES = {
    "ffprep status ready": "The last runs, and totals.",
    "ffprep status ready --failed": "Every photo that failed, with the reason.",
}


@click.command(cls=DocumentedCommand, examples=_EXAMPLES)
@click.argument("outputs", nargs=-1, required=True, type=LOCATION, metavar="OUT...")
@flag("--failed", "List every photo that failed, with the reason.")
@flag("--warnings", "List every photo whose output has a warning.")
@option("--ledger", LOCATION, "The ledger, if it is not in OUT.")
@flag(
    "--accept",
    "Accept all failures: runs with `--failures new` leave them out until a photo changes or "
    "fails in another way.",
)
@AS_JSON
def status(
    outputs: tuple[Location, ...],
    failed: bool,
    warnings: bool,
    ledger: Location | None,
    accept: bool,
    as_json: bool,
) -> None:
    """Show what was converted, what failed, and what was submitted.

    The shards of an output folder are counted together.
    """
    from ffprep.ledger.history import History, failed_photos, warned_photos
    from ffprep.ledger.shards import Ledgers

    if ledger and len(outputs) > 1:
        raise UsageError("--ledger works with one OUT at a time")
    if failed + warnings + accept > 1:
        raise UsageError("--failed, --warnings and --accept exclude one another; give one of them")
    histories = []
    for output in outputs:
        path = ledger or output / LEDGER
        ledgers = Ledgers.of(path)
        lists_photos = ledger or warnings or accept
        has_submissions = not lists_photos and _print_submissions(output, failed, as_json)
        if not ledgers.current:
            if has_submissions:
                continue
            words = f"there is no ledger {path}; `ffprep convert ... -o {output}` makes one"
            raise UsageError(words)
        if accept:
            _accept(output, ledgers, as_json)
            continue
        if failed or warnings:
            _print_each(ledgers.photos(failed_photos if failed else warned_photos), as_json)
            continue
        histories.append(ledgers.history)
        _print_summary(output, histories[-1], as_json)
        if others := ledgers.others:
            example = text.printable_path(others[0].path)
            words = f"{len(others)} ledgers of another split are not counted, for example {example}"
            say(f"{words}; remove them if these runs are over")
    if len(histories) > 1 and not as_json:
        first, *more = History.merged(histories).totals()
        _print_lines(f"together: {first}", *more)


def _accept(output: Location, ledgers: "Ledgers", as_json: bool) -> None:
    with Signals():
        count = ledgers.accept_failures(output, say)
    if as_json:
        text.print_json({"output": str(output), "accepted": count})
    else:
        _print_lines(f"{output}: {count} failure{'s' * (count != 1)} accepted")


def _print_submissions(output: Location, failed: bool, as_json: bool) -> bool:
    """Print the submissions of a folder; return False if there are none."""
    from ffprep.submit.store import read_submissions

    found = read_submissions(output)
    if found is None:
        return False
    if failed:
        _print_each(found.failed, as_json)
    else:
        _print_summary(output, found, as_json)
    return True


def _print_each(
    photos: Iterable["FailedPhoto | WarnedPhoto | StoredSubmission"], as_json: bool
) -> None:
    """Print photos: as text, once if the same is said of several pictures of a photo."""
    printed = set[int]()  # hashes, because a library may have a million lines
    for each in photos:
        if as_json:
            text.print_json(asdict(each))
            continue
        kind = getattr(each, "kind", None)
        accepted = " (accepted)" if getattr(each, "accepted", False) else ""
        line = f"{each.source}: {f'{kind}: ' if kind else ''}{each.message}{accepted}"
        if hash(line) not in printed:
            _print_lines(line)
        printed.add(hash(line))


def _print_summary(output: Location, found: "History | StoredSubmissions", as_json: bool) -> None:
    if as_json:
        text.print_json({"output": str(output)} | found.as_dict())
    else:
        first, *others = found.describe()
        _print_lines(f"{output}: {first}", *others)


def _print_lines(*lines: str) -> None:
    for line in lines:
        write_line(line, err=False)
