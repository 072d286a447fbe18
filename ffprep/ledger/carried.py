"""The files that were copied beside outputs (`--carry`), as a ledger has them.

Imported only for `--carry`, and where outputs are removed.
"""

import os
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ffprep.core.formats import output_format
from ffprep.core.job import Status
from ffprep.core.location import Location
from ffprep.errors import PhotoError
from ffprep.ledger.database import OwnTable
from ffprep.ledger.rows import (
    BATCH_SIZE,
    Name,
    Row,
    decode_name,
    encode_name,
    padded,
    stored_stamp,
    valid_entry,
)
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


class Copy(NamedTuple):
    """A copy of `source` beside the output `output`, both in `folder`, and the stamps of both."""

    folder: str
    name: Name
    output: Name
    source: Name
    source_stamp: tuple[int, int]
    stamp: tuple[int, int]

    @property
    def values(self) -> tuple[object, ...]:
        """The row of the table."""
        return encode_name(self.folder), *self[1:4], *self.source_stamp, *self.stamp


def _copies(rows: Iterable[Sequence[Any]]) -> Iterator[Copy]:
    """Yield the copies of rows, without those that ffprep does not write."""
    for folder, name, output, source, *stamps in rows:
        entry = valid_entry(folder, Row(name, source, Status.CONVERTED, 0, None, *stamps))
        if entry and isinstance(output, Name) and None not in stamps:
            at, changed, bytes, modified = stamps
            yield Copy(entry.folder, name, output, source, (at, changed), (bytes, modified))


def find_copies(ledger: "Ledger", folder: str, names: Sequence[Name]) -> dict[Name, Copy]:
    """Return the copies of these names in a folder, BATCH_SIZE at most."""
    values = (encode_name(folder), *padded(names))
    return {copy.name: copy for copy in _copies(TABLE.select(ledger, _FIND, values))}


def record_copies(ledger: "Ledger", made: Iterable[Copy], gone: Iterable[Copy]) -> None:
    """Write the rows of copies, and delete those of others."""
    TABLE.write(ledger, [copy.values for copy in made])
    if keys := [copy.values[:2] for copy in gone]:
        with ledger.transaction() as database:
            TABLE.ensure(database)
            database.executemany("DELETE FROM carried WHERE (folder, name) = (?, ?)", keys)


def remove_unused(ledger: "Ledger", output: Location) -> Iterator[Path]:
    """Remove the copies beside outputs that the ledger has no more, unless they were modified.

    Yield their paths. One that cannot be removed is kept.
    """
    copies = list(_copies(TABLE.select(ledger, _UNUSED)))
    for copy in copies:
        with suppress(PhotoError):
            if path := remove(copy, output):
                yield path
    record_copies(ledger, (), copies)


def removable(ledger: "Ledger", output: Location, kept: Container[str]) -> Iterator[Path]:
    """Yield the copies that are removed with all outputs but those `kept`."""
    for copy in _copies(TABLE.select(ledger, "SELECT * FROM carried")):
        path = _removable(copy, output)
        if path and copy.folder + decode_name(copy.output) not in kept:
            yield path


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
    name = decode_name(copy.name)
    path = Path(output / f"{copy.folder}{name}")
    stamp = stamp_or_none(path, follow=False)
    is_own = os.path.splitext(decode_name(copy.output))[0] + path.suffix == name
    if not stamp or stored_stamp(stamp) != copy.stamp or not is_own or output_format(path):
        return None
    return None if real_path(path) == decode_name(copy.source) else path
