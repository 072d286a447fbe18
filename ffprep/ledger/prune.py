"""Remove outputs that a ledger has: those that a run no longer makes (--prune), or all of a folder.

A ledger may have been written by anybody, so its rows only propose what to remove. Rows whose
output would lie elsewhere are ignored already (`rows.valid_entry`).
"""

import os
import stat
import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from pathlib import Path

from ffprep.core.formats import output_format
from ffprep.core.geometry import Size
from ffprep.core.job import Result, Status
from ffprep.core.location import Location, location_of
from ffprep.core.spec import Spec
from ffprep.errors import Kind, PhotoError
from ffprep.ledger.freshness import Freshness
from ffprep.ledger.ledger import Ledger
from ffprep.ledger.rows import BATCH_SIZE, PASSED_OVER, Entry, Row, decode_name, has_output_stamp
from ffprep.record import Record, field
from ffprep.storage.protocol import storage_of
from ffprep.storage.stamps import StampReader, stamp_or_none
from ffprep.system.files import is_url, real_folder, real_path

MISSING = "does not exist"


class RunFiles(Record):
    """The files of a run by their real paths: its photos, those it excludes, and its outputs."""

    is_source: Callable[[str], bool]
    is_excluded: Callable[[str], bool]
    is_output: Callable[[str], bool]
    passed_over: frozenset[str]
    """In a dry run, outputs of photos that do not meet its filter."""


class OutputRemover(Record, frozen=False):
    """Removes outputs of the folder `output` that are as `ledger` says.

    `checksum` compares contents too. `is_source` says whether a file is a photo of this run.
    """

    output: Location
    ledger: Ledger
    checksum: bool = False
    is_source: Callable[[str], bool] = lambda path: False
    stamps: StampReader = field(default_factory=StampReader)
    _sources: "array[int] | None" = None

    def path(self, entry: Entry) -> str:
        """Return the path of an output from the folder."""
        return f"{entry.folder}{decode_name(entry.row.name)}"

    def reason_to_keep(self, row: Row, output: Location) -> str | None:
        """Return why an output is not to be removed, MISSING if it does not exist; else None."""
        found = self.stamps.output(output)
        if found is None:
            return MISSING
        if not has_output_stamp(row, found) or self._has_other_content(row, output):
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

    def remove(self, output: Location) -> None:
        """Remove an output, and the folders that are empty then. Raises PhotoError."""
        storage_of(output).remove(output, self.output)

    def _has_other_content(self, row: Row, output: Location) -> bool:
        """Return whether --checksum is set, and the output has another hash than recorded."""
        if not self.checksum or row.output_hash is None:
            return False
        return row.output_hash != storage_of(output).content_hash(output)

    def _is_photo(self, path: str) -> bool:
        """Return whether a file is a source, in this run or in a row."""
        if self._sources is None:
            sources = (decode_name(entry.row.source) for entry in self.ledger.outputs())
            self._sources = array("q", sorted(map(hash, sources)))
        return _contains(self._sources, hash(path)) or self.is_source(path)


def _is_picture(path: Path, row: Row) -> bool:
    """Return whether a file is a picture of the size in a row, by its header."""
    from ffprep.image.probe import NeedsSandbox, probe

    try:
        found = probe(path, sys.maxsize).stored
    except NeedsSandbox:  # WebP, or not of a form that ffprep writes
        return output_format(path) is not None
    except PhotoError:
        return False
    return (found.width, found.height) == (row.width, row.height)


class Pruning(Record):
    """Removes outputs of photos in `folders` that this run does not make, until `stopped`.

    Such an output is that of a photo that is gone, unless it lies in one of the `spared` folders;
    of a photo that is excluded; or of one that has another output by the names of this run, which
    exists. All folders end in a separator.
    """

    freshness: Freshness
    remover: OutputRemover
    folders: tuple[str, ...]
    spared: tuple[str, ...]
    files: RunFiles
    stopped: Callable[[], bool]

    def results(self, remove: bool) -> Iterator[Result]:
        """Yield a Result for every output that is pruned, or that cannot be removed.

        Without `remove`, nothing is removed.
        """
        ledger, gone, forgot = self.freshness.ledger, list[Entry](), False
        rest = _Superseded(self.files, self.freshness)
        for entry in ledger.outputs():
            if self.stopped():
                break
            source = decode_name(entry.row.source)
            if not source.startswith(self.folders) or source.startswith(self.spared):
                continue
            if not (self.remover.stamps.is_gone(source) or rest.contains(source, entry)):
                continue
            result, has_output = self._prune(entry, remove)
            if remove and not has_output:
                gone.append(entry)
                forgot = True
            if result:
                yield result
            if len(gone) >= BATCH_SIZE:
                ledger.forget(gone)
                gone = []
        ledger.forget(gone)
        if forgot:
            from ffprep.ledger.forget import forget_unused

            forget_unused(ledger)

    def _prune(self, entry: Entry, remove: bool) -> tuple[Result | None, bool]:
        """Remove one output. Return the Result, None if it is kept; and whether it still exists."""
        row, output = entry.row, self.remover.output / self.remover.path(entry)
        source = location_of(decode_name(row.source))
        try:
            if reason := self.remover.reason_to_keep(row, output):
                return None, reason != MISSING
            if remove:
                self.remover.remove(output)
        except PhotoError as error:
            problem = f"{output} cannot be removed: {error}"
            return Result.failed(source, output, PhotoError(Kind.IO, problem)), True
        size = Size(row.width or 1, row.height or 1)
        return Result(source, output, Status.PRUNED, size), not remove


class _Superseded(Record, frozen=False):
    """The outputs that another one replaces: under another name, or none if it is excluded now."""

    files: RunFiles
    freshness: Freshness
    _replaced: "array[int] | None" = None
    """Hashes of the photos that have an output by the names of this run, in order."""
    _may_be: Callable[[Size], bool] | None = None

    def contains(self, source: str, entry: Entry) -> bool:
        """Return whether an output of a photo is superseded, or the photo is passed over now.

        An output of another size is not: it may be that of another job. Nor is that of a photo
        whose other output was not made, because the photo failed or was not tried.
        """
        row, files = entry.row, self.files
        is_source = files.is_source(source)
        if is_source and (
            self._is_filtered(row, source)
            or (files.passed_over and self._path(entry) in files.passed_over)
        ):
            return True
        if not (is_source or files.is_excluded(source)) or files.is_output(self._path(entry)):
            return False
        if self._replaced is None or self._may_be is None:
            self._replaced = array("q", sorted(self._replaced_sources()))
            self._may_be = _size_test(self.freshness.ledger.specs)
        if not self._may_be(Size(row.width or 1, row.height or 1)):
            return False
        # A dry run has made nothing, and shows what a run without failures removes.
        if not is_source or self.freshness.ledger.read_only:
            return True
        return _contains(self._replaced, hash(source))

    def _is_filtered(self, row: Row, source: str) -> bool:
        """Return whether this run has passed over a photo, as it does not meet its filter."""
        return row.status == PASSED_OVER and self.freshness.is_filtered(
            row, stamp_or_none(location_of(source))
        )

    def _replaced_sources(self) -> Iterator[int]:
        for entry in self.freshness.ledger.entries(Status.CONVERTED):
            path = self._path(entry)
            if self.files.is_output(path) and self.freshness.stamps.output(path) is not None:
                yield hash(decode_name(entry.row.source))

    def _path(self, entry: Entry) -> str:
        output = f"{self.freshness.output}/{entry.folder}{decode_name(entry.row.name)}"
        return real_path(output)


def _contains(hashes: "array[int]", number: int) -> bool:
    """Return whether a hash is among sorted ones."""
    place = bisect_left(hashes, number)
    return place < len(hashes) and hashes[place] == number


def _size_test(specs: list[Spec]) -> Callable[[Size], bool]:
    """Return a function that says whether an output of one of the Specs may have a size."""
    fixed = {spec.size for spec in specs if not spec.choice}
    choices = {spec.choice for spec in specs if spec.choice}
    return lambda size: size in fixed or any(choice.may_be(size) for choice in choices)
