"""The files that were copied beside outputs (`--carry`), as a ledger has them.

Imported only for `--carry`, and where outputs are removed.
"""

import os
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ffprep.core.formats import output_format
from ffprep.core.location import Location
from ffprep.errors import PhotoError
from ffprep.ledger.database import OwnTable
from ffprep.ledger.rows import (
    BATCH_SIZE,
    CONVERTED,
    Entry,
    Name,
    Row,
    decode_name,
    encode_name,
    has_output_stamp,
    padded,
    valid_entry,
)
from ffprep.record import Record
from ffprep.storage.protocol import storage_of
from ffprep.storage.stamps import stamp_or_none
from ffprep.system.files import real_path

if TYPE_CHECKING:
    from ffprep.ledger.ledger import Ledger

TABLE = OwnTable(
    "carried",
    """CREATE TABLE carried (
    folder NOT NULL, name NOT NULL, output NOT NULL, source NOT NULL,
    source_bytes INTEGER, source_mtime INTEGER, bytes INTEGER, mtime INTEGER,
    PRIMARY KEY (folder, name)
) WITHOUT ROWID""",
)
"""`name` lies beside the output `output`, and both in `folder`, as in the table of jobs."""
_FIND = f"SELECT * FROM carried WHERE folder = ? AND name IN ({', '.join('?' * BATCH_SIZE)})"
_UNUSED = """SELECT * FROM carried WHERE NOT EXISTS (
    SELECT 1 FROM jobs WHERE (jobs.folder, jobs.name) = (carried.folder, carried.output)
    AND output_bytes IS NOT NULL
)"""


class Copy(Record):
    """A copy beside an output: its folder and its row. `output` is the name of the output."""

    entry: Entry
    output: Name

    @property
    def values(self) -> tuple[object, ...]:
        """The row of the table."""
        row = self.entry.row
        stamps = row.source_bytes, row.source_mtime, row.output_bytes, row.output_mtime
        return (encode_name(self.entry.folder), row.name, self.output, row.source, *stamps)


def _copy(values: Sequence[Any]) -> Copy | None:
    """Return a copy that was read; None if ffprep does not write such rows."""
    folder, name, output, source, *stamps = values
    at, changed, bytes, modified = stamps
    row = Row(name, source, CONVERTED, 0, None, at, changed, bytes, modified)
    entry = valid_entry(folder, row) if isinstance(output, Name) else None
    return Copy(entry, output) if entry and bytes is not None else None


def find_copies(ledger: "Ledger", folder: str, names: Sequence[Name]) -> dict[Name, Copy]:
    """Return the copies of these names in a folder, BATCH_SIZE at most."""
    found = list[Any]()
    with ledger.transaction() as database:
        if TABLE.exists(database):
            found = database.execute(_FIND, (encode_name(folder), *padded(names))).fetchall()
    return {copy.entry.row.name: copy for copy in map(_copy, found) if copy}


def record_copies(ledger: "Ledger", made: Iterable[Copy], gone: Iterable[Copy]) -> None:
    """Write the rows of copies, and delete those of others."""
    with ledger.transaction() as database:
        TABLE.ensure(database)
        database.executemany(
            "INSERT OR REPLACE INTO carried VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [copy.values for copy in made],
        )
        _delete(database, gone)


def _delete(database: Any, copies: Iterable[Copy]) -> None:
    keys = [copy.values[:2] for copy in copies]
    database.executemany("DELETE FROM carried WHERE (folder, name) = (?, ?)", keys)


def remove_unused(ledger: "Ledger", output: Location) -> Iterator[Path]:
    """Remove the copies beside outputs that the ledger has no more, unless they were modified.

    Yield their paths. One that cannot be removed is kept.
    """
    copies = _copies(ledger, _UNUSED)
    for copy in copies:
        with suppress(PhotoError):
            if path := remove(copy, output):
                yield path
    if copies:
        with ledger.transaction() as database:
            _delete(database, copies)


def removable(ledger: "Ledger", output: Location, kept: Container[str]) -> Iterator[Path]:
    """Yield the copies that are removed with all outputs but those `kept`."""
    for copy in _copies(ledger, "SELECT * FROM carried"):
        path = _removable(copy, output)
        if path and copy.entry.folder + decode_name(copy.output) not in kept:
            yield path


def _copies(ledger: "Ledger", query: str) -> list[Copy]:
    with ledger.transaction() as database:
        found = database.execute(query).fetchall() if TABLE.exists(database) else []
        return [copy for copy in map(_copy, found) if copy]
    return []


def remove(copy: Copy, output: Location) -> Path | None:
    """Remove a copy that is as recorded; return its path, None if it is not. Raises PhotoError."""
    path = _removable(copy, output)
    if path:
        storage_of(path).remove(path, output)
    return path


def _removable(copy: Copy, output: Location) -> Path | None:
    """Return the path of a copy that is as recorded; else None.

    A ledger may be a stranger's: neither pictures nor the files of photos are removed.
    """
    row = copy.entry.row
    path = Path(output / f"{copy.entry.folder}{os.fsdecode(row.name)}")
    stamp = stamp_or_none(path, follow=False)
    is_own = os.path.splitext(os.fsdecode(copy.output))[0] + path.suffix == os.fsdecode(row.name)
    if not stamp or not has_output_stamp(row, stamp) or not is_own or output_format(path):
        return None
    if real_path(path) == os.fsdecode(row.source):
        return None
    return path
