"""Outputs whose photo is gone: those that the ledger knows, and that nobody has altered since."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from ffprep.core.geometry import Size
from ffprep.core.job import Result, Status
from ffprep.core.location import Location, Remote, location_of
from ffprep.errors import Kind, PhotoError
from ffprep.ledger.freshness import Freshness
from ffprep.ledger.ledger import AT_ONCE, Entry, name_of
from ffprep.ledger.rows import content, is_output
from ffprep.storage.stamps import StampReader
from ffprep.system.files import FileStamp, is_url, photo_error_from


@dataclass(frozen=True, slots=True)
class Pruning:
    """Removes outputs of photos that were below `folders` once, which end in a separator, until `stopped`."""

    freshness: Freshness
    folders: tuple[str, ...]
    stopped: Callable[[], bool]
    sight: StampReader = field(default_factory=StampReader)

    def results(self, remove: bool) -> Iterator[Result]:
        """A Result for every output that is removed, or would be; a failed one for what could not be."""
        ledger, gone = self.freshness.ledger, list[Entry]()
        for entry in chain(ledger.entries(Status.CONVERTED), ledger.entries(Status.FAILED)):
            if self.stopped():
                break
            source = name_of(entry.row.source)
            if not source.startswith(self.folders) or not self._is_gone(source):
                continue
            result = self._pruned(entry, remove)
            if remove and self._has_no_output(entry, result):
                gone.append(entry)
            if result:
                yield result
            if len(gone) >= AT_ONCE:
                ledger.forget(gone)
                gone = []
        ledger.forget(gone)

    def _pruned(self, entry: Entry, remove: bool) -> Result | None:
        """Remove one output; None where that is not called for."""
        output, row = self._output(entry), entry.row
        try:
            found = self._seen(output)
        except OSError:
            return None
        if found is None or not is_output(row, found):
            return None
        if self.freshness.renewal.checksum and row.output_hash not in (None, content(output)):
            return None
        source = location_of(name_of(row.source))
        if remove:
            try:
                self._remove(output)
            except PhotoError as error:
                words = f"its photo is gone, but {output} cannot be removed: {error}"
                return Result.failed(source, output, PhotoError(Kind.IO, words))
        return Result(source, output, Status.PRUNED, Size(row.width or 1, row.height or 1))

    def _output(self, entry: Entry) -> Location:
        return self.freshness.output / f"{entry.folder}{name_of(entry.row.name)}"

    def _seen(self, output: Location) -> FileStamp | None:
        """How an output is now. Raises OSError where it cannot be looked at."""
        if isinstance(output, Remote):
            return self.sight.object(output.url)
        return FileStamp.seen(os.lstat(output))

    def _has_no_output(self, entry: Entry, result: Result | None) -> bool:
        output = self._output(entry)
        if isinstance(output, Remote):
            removed = result is not None and not result.failure
            return removed or self.sight.object(output.url) is None
        return not os.path.lexists(output)

    def _remove(self, output: Location) -> None:
        """Raises PhotoError. Folders that held nothing else go along; in a store, there are none."""
        if isinstance(output, Remote):
            from ffprep.storage.objects import store

            store(output.url).remove(output.url)
            return
        try:
            output.unlink()
        except OSError as error:
            raise photo_error_from(error) from None
        self._remove_empty(output.parent)

    def _is_gone(self, source: str) -> bool:
        """Whether there is no such file; not whether it cannot be looked at."""
        if is_url(source):
            return self.sight.object(source) is None
        try:
            os.lstat(source)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        return False

    def _remove_empty(self, folder: Path) -> None:
        """Folders that held nothing else go along."""
        with suppress(OSError):
            while folder != self.freshness.output:
                folder.rmdir()
                folder = folder.parent
