"""Pruning: remove unaltered outputs whose photo is gone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from ffprep.core.geometry import Size
from ffprep.core.job import Result, Status
from ffprep.core.location import Location, location_of
from ffprep.errors import Kind, PhotoError
from ffprep.ledger.freshness import Freshness
from ffprep.ledger.ledger import BATCH_SIZE, Entry, Row, decode_name
from ffprep.ledger.rows import has_output_stamp
from ffprep.storage.protocol import storage_of
from ffprep.storage.stamps import StampReader


@dataclass(frozen=True, slots=True)
class Pruning:
    """Removes outputs of photos that were in `folders`, until `stopped`.

    The folders end in a separator.
    """

    freshness: Freshness
    folders: tuple[str, ...]
    stopped: Callable[[], bool]
    stamps: StampReader = field(default_factory=StampReader)

    def results(self, remove: bool) -> Iterator[Result]:
        """Yield a Result for every output that is pruned, or that cannot be removed.

        Without `remove`, nothing is removed.
        """
        ledger, gone = self.freshness.ledger, list[Entry]()
        for entry in chain(ledger.entries(Status.CONVERTED), ledger.entries(Status.FAILED)):
            if self.stopped():
                break
            source = decode_name(entry.row.source)
            if not source.startswith(self.folders) or not self.stamps.is_gone(source):
                continue
            result = self._prune(entry, remove)
            if remove and self._has_no_output(entry, result):
                gone.append(entry)
            if result:
                yield result
            if len(gone) >= BATCH_SIZE:
                ledger.forget(gone)
                gone = []
        ledger.forget(gone)

    def _prune(self, entry: Entry, remove: bool) -> Result | None:
        """Remove one output; None if it is missing, or not as recorded."""
        output, row = self._output(entry), entry.row
        found = self.stamps.output(output)
        if found is None or not has_output_stamp(row, found):
            return None
        if self._was_altered(row, output):
            return None
        source = location_of(decode_name(row.source))
        if remove:
            try:
                storage_of(output).remove(output, self.freshness.output)
            except PhotoError as error:
                problem = f"the photo is gone, but {output} cannot be removed: {error}"
                return Result.failed(source, output, PhotoError(Kind.IO, problem))
        return Result(source, output, Status.PRUNED, Size(row.width or 1, row.height or 1))

    def _output(self, entry: Entry) -> Location:
        return self.freshness.output / f"{entry.folder}{decode_name(entry.row.name)}"

    def _was_altered(self, row: Row, output: Location) -> bool:
        """Return whether --checksum is set, and the output has another hash than recorded."""
        if not self.freshness.rerun.checksum or row.output_hash is None:
            return False
        return row.output_hash != storage_of(output).content_hash(output)

    def _has_no_output(self, entry: Entry, result: Result | None) -> bool:
        removed = result is not None and not result.failure
        return removed or self.stamps.output(self._output(entry)) is None
