"""Outputs whose photo is gone: those that the ledger knows, and that nobody has altered since."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from ffprep.errors import Kind, PhotoError
from ffprep.files import Stamp, os_trouble
from ffprep.freshness import Freshness
from ffprep.job import Result, Status
from ffprep.ledger import AT_ONCE, Entry, name_of
from ffprep.records import content, is_output
from ffprep.spec import Size


@dataclass(frozen=True, slots=True)
class Pruning:
    """Removes outputs of photos that were below `folders` once, which end in a separator, until `stopped`."""

    freshness: Freshness
    folders: tuple[str, ...]
    stopped: Callable[[], bool]

    def results(self, really: bool) -> Iterator[Result]:
        """A Result for every output that is removed, or would be; a failed one for what could not be."""
        ledger, gone = self.freshness.ledger, list[Entry]()
        for entry in chain(ledger.entries(Status.CONVERTED), ledger.entries(Status.FAILED)):
            if self.stopped():
                break
            source = name_of(entry.row.source)
            if not source.startswith(self.folders) or not _is_gone(source):
                continue
            result = self._pruned(entry, really)
            if really and not os.path.lexists(self._output(entry)):
                gone.append(entry)
            if result:
                yield result
            if len(gone) >= AT_ONCE:
                ledger.forget(gone)
                gone = []
        ledger.forget(gone)

    def _pruned(self, entry: Entry, really: bool) -> Result | None:
        """Remove one output; None where that is not called for."""
        output, row = self._output(entry), entry.row
        try:
            found = Stamp.seen(os.lstat(output))
        except OSError:
            return None
        if not is_output(row, found):
            return None
        if self.freshness.renewal.checksum and row.output_hash not in (None, content(output)):
            return None
        source = Path(name_of(row.source))
        if really:
            try:
                output.unlink()
            except OSError as error:
                words = f"its photo is gone, but {output} cannot be removed: {os_trouble(error)}"
                return Result.failed(source, output, PhotoError(Kind.IO, words))
            self._remove_empty(output.parent)
        return Result(source, output, Status.PRUNED, Size(row.width or 1, row.height or 1))

    def _output(self, entry: Entry) -> Path:
        return Path(self.freshness.output, entry.folder, name_of(entry.row.name))

    def _remove_empty(self, folder: Path) -> None:
        """Folders that held nothing else go along."""
        with suppress(OSError):
            while folder != self.freshness.output:
                folder.rmdir()
                folder = folder.parent


def _is_gone(source: str) -> bool:
    """Whether there is no such file; not whether it cannot be looked at."""
    try:
        os.lstat(source)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
