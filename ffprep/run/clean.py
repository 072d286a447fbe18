"""Remove outputs that ledgers have: all of a folder (`ffprep clean`), or those that a run prunes.

A ledger may have been written by anybody, so its rows only propose what to remove. Rows whose
output would lie elsewhere are ignored already (`rows.valid_entry`).
"""

import os
import stat
import sys
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Any

from ffprep.core.formats import output_format
from ffprep.core.job import Status
from ffprep.core.location import Location
from ffprep.errors import PhotoError, UsageError
from ffprep.ledger.ledger import Ledger
from ffprep.ledger.outputs import RecordedOutputs
from ffprep.ledger.rows import OUTPUT_COLUMNS, Entry, Row
from ffprep.ledger.shards import LedgerFile, locked
from ffprep.ledger.tables import forget_unused, removable, remove_unused
from ffprep.library.collisions import contains
from ffprep.record import Record, field, replace
from ffprep.storage.protocol import storage_of
from ffprep.storage.stamps import StampReader
from ffprep.system.files import LEDGER, is_url, real_folder, real_path

MISSING = "does not exist"


class OutputRemover(Record, frozen=False):
    """Removes outputs of the folder `output` that are as `ledger` says; in a `dry_run`, none.

    `checksum` compares contents too. `is_source` says whether a file is a photo of this run.
    """

    output: Location
    ledger: Ledger
    checksum: bool = False
    dry_run: bool = False
    is_source: Callable[[str], bool] = lambda path: False
    stamps: StampReader = field(default_factory=StampReader)
    _sources: "array[int] | None" = None

    def remove(self, entry: Entry) -> str | None:
        """Remove an output, and the folders that are empty then. Raises PhotoError.

        Return why it is kept, MISSING if it does not exist; else None.
        """
        output = self.output / entry.path
        reason = self._reason_to_keep(entry.row, output)
        if reason is None and not self.dry_run:
            storage_of(output).remove(output, self.output)
        return reason

    def _reason_to_keep(self, row: Row, output: Location) -> str | None:
        found = self.stamps.output(output)
        if found is None:
            return MISSING
        if not row.has_output(found) or self._has_other_content(row, output):
            return "was modified since it was made"
        if not is_url(os.fspath(output)):
            path, below = Path(output), os.path.relpath(output, self.output)
            if real_path(path) != real_folder(os.fspath(self.output)) + below:
                return "lies in a folder that is a link"
            if not stat.S_ISREG(os.lstat(path).st_mode) or not _is_picture(path, row):
                return "is not the picture that the ledger has"
        if self._is_photo(real_path(output)):
            return "is a photo that outputs were made of"
        return None

    def _has_other_content(self, row: Row, output: Location) -> bool:
        """Return whether --checksum is set, and the output has another hash than recorded."""
        if not self.checksum or row.output_hash is None:
            return False
        return row.output_hash != storage_of(output).content_hash(output)

    def _is_photo(self, path: str) -> bool:
        """Return whether a file is a source, in this run or in a row."""
        if self._sources is None:
            sources = (hash(entry.source) for entry in self.ledger.outputs())
            self._sources = array("q", sorted(sources))
        return contains(self._sources, hash(path)) or self.is_source(path)


def _is_picture(path: Path, row: Row) -> bool:
    """Return whether a file is a picture of the size in a row, by its header."""
    from ffprep.image.probe import NeedsSandbox, probe

    try:
        found = probe(path, sys.maxsize).stored
    except NeedsSandbox:  # WebP, or not of a form that ffprep writes
        return output_format(path) is not None
    except PhotoError:
        return False
    return found == row.size


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
    ledger.record(replace(entry, row=entry.row._replace(**nothing)))
