"""`ffprep clean`: remove the outputs of a folder that are as its ledgers say."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from enum import StrEnum
from typing import Any

from ffprep.core.job import Status
from ffprep.core.location import Location
from ffprep.errors import PhotoError, UsageError
from ffprep.ledger.ledger import Ledger
from ffprep.ledger.outputs import RecordedOutputs
from ffprep.ledger.rows import OUTPUT_COLUMNS, Entry
from ffprep.ledger.shards import LedgerFile, locked
from ffprep.ledger.tables import forget_unused, removable, remove_unused
from ffprep.record import Record, replace
from ffprep.run.prune import MISSING, OutputRemover
from ffprep.storage.protocol import storage_of
from ffprep.system.files import LEDGER


class CleanStatus(StrEnum):
    """What was done with an output."""

    REMOVED = "removed"
    KEPT = "kept"
    FAILED = "failed"


class Cleaned(Record):
    """An output of a ledger, and why it was not removed, if it was not."""

    output: Location
    status: CleanStatus
    reason: str | None = None


class CleanOptions(Record):
    """The folder to clean. Its ledger is at `ledger`, and those of shards are beside that.

    `checksum` compares contents too. With a `dry_run`, nothing is removed. `wait` is how many
    seconds to wait for a run that has locked the folder.
    """

    output: Location
    ledger: Location | None = None
    checksum: bool = False
    dry_run: bool = False
    wait: float = 0.0


def clean(
    options: CleanOptions, warn: Callable[[str], None], stopped: Callable[[], bool]
) -> Iterator[Cleaned]:
    """Remove outputs and folders that are empty then, until `stopped`. Yield what was done.

    Raises UsageError if there is no ledger, OutputLocked, EnvironmentFault.
    """
    output, path = options.output, options.ledger or options.output / LEDGER
    if options.checksum and not storage_of(output).is_local:
        raise UsageError("--checksum reads local outputs only; leave it out")
    files = list(LedgerFile.find_all(path))
    if not files:
        raise UsageError(f"there is no ledger {path}, so nothing is known to be made by ffprep")
    with ExitStack() as stack:
        if not options.dry_run:
            stack.enter_context(locked(output, files, options.wait, stopped))
        lists = RecordedOutputs(output, ())
        for file in files:
            with file.opened(output, warn, options.dry_run) as ledger:
                yield from _clean(ledger, options, lists, stopped)
        if not options.dry_run:
            lists.close()


def _clean(
    ledger: Ledger, options: CleanOptions, lists: RecordedOutputs, stopped: Callable[[], bool]
) -> Iterator[Cleaned]:
    remover = OutputRemover(options.output, ledger, options.checksum, options.dry_run)
    kept = set[str]()
    for entry in ledger.outputs():
        if stopped():
            break
        output = options.output / entry.path
        try:
            reason = remover.remove(entry)
        except PhotoError as error:
            cleaned = Cleaned(output, CleanStatus.FAILED, str(error))
        else:
            cleaned = Cleaned(output, CleanStatus.KEPT if reason else CleanStatus.REMOVED, reason)
        is_gone = cleaned.reason in (None, MISSING)
        if not is_gone and options.dry_run:
            kept.add(entry.path)
        elif is_gone and not options.dry_run:
            _forget(ledger, entry)
            lists.discard(output)
        if cleaned.reason != MISSING:
            yield cleaned
    if options.dry_run:
        copies = removable(ledger, options.output, kept)
    else:
        forget_unused(ledger)
        copies = remove_unused(ledger, options.output)
    for path in copies:
        yield Cleaned(path, CleanStatus.REMOVED)


def _forget(ledger: Ledger, entry: Entry) -> None:
    """Delete the row of a removed output; a failure stays, without the output before it."""
    if entry.row.status != Status.FAILED:
        ledger.forget([entry])
        return
    nothing: dict[str, Any] = dict.fromkeys(OUTPUT_COLUMNS)
    ledger.record([replace(entry, row=entry.row._replace(**nothing))])
