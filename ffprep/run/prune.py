"""Remove outputs that a ledger has: those that a run no longer makes (--prune), or all of a folder.

A ledger may have been written by anybody, so its rows only propose what to remove. Rows whose
output would lie elsewhere are ignored already (`rows.valid_entry`).
"""

import os
import stat
import sys
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ffprep.core.formats import output_format
from ffprep.core.geometry import Size
from ffprep.core.job import BATCH, Result, Status
from ffprep.core.location import Location, location_of
from ffprep.core.spec import Spec
from ffprep.errors import Kind, PhotoError
from ffprep.ledger.ledger import Ledger
from ffprep.ledger.rows import Entry, Row
from ffprep.ledger.tables import forget_unused
from ffprep.library.collisions import PlannedPaths, contains
from ffprep.record import Record, field
from ffprep.storage.protocol import storage_of
from ffprep.storage.stamps import StampReader, stamp_or_none
from ffprep.system.files import is_url, real_folder, real_path

if TYPE_CHECKING:
    from ffprep.run.clean_up import CleanUp

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


class Pruning(Record, frozen=False):
    """Removes outputs of photos in SOURCEs that this run does not make, until it is stopped.

    Such an output is that of a photo that is gone, unless it lies in one of the `spared` folders;
    of a photo that is excluded; or of one that has another output by the names of this run, which
    exists. All folders end in a separator.
    """

    clean_up: "CleanUp"
    planned: PlannedPaths
    spared: tuple[str, ...]
    _replaced: "array[int] | None" = None
    """Hashes of the photos that have an output by the names of this run, in order."""
    _may_be: Callable[[Size], bool] | None = None

    def results(self, dry_run: bool) -> Iterator[Result]:
        """Yield a Result for every output that is pruned, or that cannot be removed.

        In a `dry_run`, nothing is removed.
        """
        clean_up, freshness, forgot = self.clean_up, self.clean_up.freshness, False
        gone = list[Entry]()
        remover = OutputRemover(
            freshness.output,
            freshness.ledger,
            freshness.rerun.checksum,
            dry_run,
            self.planned.is_source,
        )
        for entry in freshness.ledger.outputs():
            if clean_up.run.stopped:
                break
            source = entry.source
            if not source.startswith(clean_up.folders) or source.startswith(self.spared):
                continue
            if not (remover.stamps.is_gone(source) or self._is_superseded(source, entry)):
                continue
            photo, output = location_of(source), remover.output / entry.path
            try:
                reason = remover.remove(entry)
            except PhotoError as error:
                problem = f"{output} cannot be removed: {error}"
                yield Result.failed(photo, output, PhotoError(Kind.IO, problem))
                continue
            if reason in (None, MISSING) and not dry_run:
                gone.append(entry)
                forgot = True
            if len(gone) == BATCH:
                freshness.ledger.forget(gone)
                gone.clear()
            if reason is None:
                yield Result(photo, output, Status.PRUNED, entry.row.size or Size(1, 1))
        if forgot:
            freshness.ledger.forget(gone)
            forget_unused(freshness.ledger)

    def _is_superseded(self, source: str, entry: Entry) -> bool:
        """Return whether an output of a photo is superseded, or the photo is passed over now.

        It is superseded by an output under another name, or by none if the photo is excluded now.
        An output of another size is not: it may be that of another job. Nor is that of a photo
        whose other output was not made, because the photo failed or was not tried.
        """
        is_source, path = self.planned.is_source(source), self._real_path(entry)
        if is_source and path in self.clean_up.passed_over:
            return True
        if is_source and entry.row.status == Status.PASSED_OVER:
            stamp = stamp_or_none(location_of(source))
            if self.clean_up.freshness.is_filtered(entry.row, stamp):
                return True
        if not (is_source or self.clean_up.is_excluded(source)) or self.planned.is_output(path):
            return False
        if self._replaced is None or self._may_be is None:
            self._replaced = array("q", sorted(self._replaced_sources()))
            self._may_be = _size_test(self.clean_up.freshness.ledger.specs)
        if not self._may_be(entry.row.size or Size(1, 1)):
            return False
        # A dry run has made nothing, and shows what a run without failures removes.
        if not is_source or self.clean_up.freshness.ledger.read_only:
            return True
        return contains(self._replaced, hash(source))

    def _replaced_sources(self) -> Iterator[int]:
        stamps = self.clean_up.freshness.stamps
        for entry in self.clean_up.freshness.ledger.entries(Status.CONVERTED):
            path = self._real_path(entry)
            if self.planned.is_output(path) and stamps.output(path) is not None:
                yield hash(entry.source)

    def _real_path(self, entry: Entry) -> str:
        return real_path(f"{self.clean_up.freshness.output}/{entry.path}")


def _size_test(specs: list[Spec]) -> Callable[[Size], bool]:
    """Return a function that says whether an output of one of the Specs may have a size."""
    fixed = {spec.size for spec in specs if not spec.choice}
    choices = {spec.choice for spec in specs if spec.choice}
    return lambda size: size in fixed or any(choice.may_be(size) for choice in choices)
