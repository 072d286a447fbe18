"""Outputs whose photo is gone: those that the ledger knows, and that nobody has altered since."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from ffprep.core.geometry import Size
from ffprep.core.job import Result, Status
from ffprep.core.location import Location, location_of
from ffprep.errors import Kind, PhotoError
from ffprep.ledger.freshness import Freshness
from ffprep.ledger.ledger import AT_ONCE, Entry, Row, name_of
from ffprep.ledger.rows import is_output
from ffprep.storage.protocol import storage_of
from ffprep.storage.stamps import StampReader


@dataclass(frozen=True, slots=True)
class Pruning:
    """Removes outputs of photos that were below `folders` once, which end in a separator, until `stopped`."""

    freshness: Freshness
    folders: tuple[str, ...]
    stopped: Callable[[], bool]
    stamps: StampReader = field(default_factory=StampReader)

    def results(self, remove: bool) -> Iterator[Result]:
        """A Result for every output that is removed, or would be; a failed one for what could not be."""
        ledger, gone = self.freshness.ledger, list[Entry]()
        for entry in chain(ledger.entries(Status.CONVERTED), ledger.entries(Status.FAILED)):
            if self.stopped():
                break
            source = name_of(entry.row.source)
            if not source.startswith(self.folders) or not self.stamps.is_gone(source):
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
        found = self.stamps.output(output)
        if found is None or not is_output(row, found):
            return None
        if self._was_altered(row, output):
            return None
        source = location_of(name_of(row.source))
        if remove:
            try:
                storage_of(output).remove(output, self.freshness.output)
            except PhotoError as error:
                words = f"its photo is gone, but {output} cannot be removed: {error}"
                return Result.failed(source, output, PhotoError(Kind.IO, words))
        return Result(source, output, Status.PRUNED, Size(row.width or 1, row.height or 1))

    def _output(self, entry: Entry) -> Location:
        return self.freshness.output / f"{entry.folder}{name_of(entry.row.name)}"

    def _was_altered(self, row: Row, output: Location) -> bool:
        """Return whether an output has another content, where contents count and one is known."""
        if not self.freshness.renewal.checksum or row.output_hash is None:
            return False
        return row.output_hash != storage_of(output).content_hash(output)

    def _has_no_output(self, entry: Entry, result: Result | None) -> bool:
        removed = result is not None and not result.failure
        return removed or self.stamps.output(self._output(entry)) is None
