"""Tables beside those of the schema, which earlier versions do not have.

They have failures that are not new, the files that were copied beside outputs (`--carry`), and what
was found in photos: headers, and faces. Imported only where one of them is needed. What was found
is that of a photo of this size and time, as this version reads headers and detects faces.
"""

import os
import sqlite3
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ffprep.core.formats import output_format
from ffprep.core.geometry import Bounds, FaceFocus, Faces
from ffprep.core.job import Status
from ffprep.core.location import Location
from ffprep.errors import PhotoError, UsageError
from ffprep.ledger.database import normalized
from ffprep.ledger.rows import (
    AMONG,
    Name,
    PendingJob,
    Row,
    decode_name,
    encode_name,
    padded,
    stored_stamp,
    valid_entry,
)
from ffprep.record import Record, replace
from ffprep.storage.protocol import storage_of
from ffprep.storage.stamps import stamp_or_none
from ffprep.system.files import real_path
from ffprep.version import __version__

if TYPE_CHECKING:
    from ffprep.ledger.ledger import Ledger

Value = TypeVar("Value")


class OwnTable(Record):
    """A table beside those of the schema, made when it is first needed.

    Other versions of ffprep ignore it. A table that ffprep did not make is replaced: the ledger may
    be a stranger's.
    """

    name: str
    statement: str

    def exists(self, database: sqlite3.Connection) -> bool:
        """Return whether there is the table, as ffprep makes it."""
        query = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?"
        found = database.execute(query, (self.name,)).fetchone()
        return found is not None and normalized(found[0]) == normalized(self.statement)

    def ensure(self, database: sqlite3.Connection) -> None:
        """Make the table, unless it exists."""
        if not self.exists(database):
            database.execute(f"DROP TABLE IF EXISTS {self.name}")
            database.execute(self.statement)

    def select(self, ledger: "Ledger", query: str, values: Sequence[object] = ()) -> list[Any]:
        """Return the rows of a query; none if there is no table."""
        with ledger.transaction() as database:
            if self.exists(database):
                return database.execute(query, values).fetchall()
        return []

    def write(self, ledger: "Ledger", rows: Sequence[tuple[object, ...]]) -> None:
        """Write rows, in place of those with the same keys."""
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            with ledger.transaction() as database:
                self.ensure(database)
                statement = f"INSERT OR REPLACE INTO {self.name} VALUES ({marks})"
                database.executemany(statement, rows)


_ACCEPTED = OwnTable(
    "accepted",
    """CREATE TABLE accepted (
    source NOT NULL, kind TEXT NOT NULL,
    source_bytes INTEGER, source_mtime INTEGER,  -- nothing where they do not decide
    PRIMARY KEY (source, kind, source_bytes, source_mtime)
)""",
)
_FAILURE = "source, kind, source_bytes, source_mtime"
_IS_ACCEPTED = (
    "EXISTS (SELECT 1 FROM accepted WHERE (source, kind) = ({0}source, {0}kind) "
    "AND source_bytes IS {0}source_bytes AND source_mtime IS {0}source_mtime)"
)


def is_known(ledger: "Ledger", row: Row, before: Row | None) -> bool:
    """Return whether a failure is not new, by its row and the row that the job had before.

    Runs that were killed have not reported what they met.
    """
    with ledger.transaction() as database:
        ended = "SELECT 1 FROM runs WHERE id = ? AND ended IS NOT NULL"
        if before and _is_same(row, before) and database.execute(ended, (before.run,)).fetchone():
            return True
        if not _ACCEPTED.exists(database):
            return False
        values = {name: getattr(row, name) for name in _FAILURE.split(", ")}
        return bool(database.execute(f"SELECT {_IS_ACCEPTED.format(':')}", values).fetchone()[0])
    return False


def _is_same(row: Row, before: Row) -> bool:
    """Return whether a photo, or the same version of it, has failed before in the same way."""
    names = ("status", "kind", "spec", "source_bytes", "source_mtime")
    return all(getattr(row, name) == getattr(before, name) for name in names)


def accept_failures(ledger: "Ledger") -> int:
    """Note all failures in the ledger as accepted, in place of earlier ones. Return how many."""
    with ledger.transaction() as database:
        _ACCEPTED.ensure(database)
        database.execute("DELETE FROM accepted")
        failed = f"FROM jobs WHERE status = '{Status.FAILED}' AND kind IS NOT NULL"
        database.execute(f"INSERT INTO accepted SELECT DISTINCT {_FAILURE} {failed}")
        found: tuple[int] = database.execute(f"SELECT count(*) {failed}").fetchone()
        return found[0]
    return 0


def accepted_condition(database: sqlite3.Connection) -> str:
    """Return the condition that the failure of a row in `jobs` is accepted, in SQL."""
    return _IS_ACCEPTED.format("jobs.") if _ACCEPTED.exists(database) else "0"


_CARRIED = OwnTable(
    "carried",
    """CREATE TABLE carried (
    folder NOT NULL, name NOT NULL, output NOT NULL, source NOT NULL,
    source_bytes INTEGER, source_mtime INTEGER, bytes INTEGER, mtime INTEGER,
    PRIMARY KEY (folder, name)
) WITHOUT ROWID""",
)
"""`name` lies beside the output `output`, and both in `folder`, as in the table of jobs."""
_FIND_COPIES = f"SELECT * FROM carried WHERE folder = ? AND name {AMONG}"
_UNUSED_COPIES = """SELECT * FROM carried WHERE NOT EXISTS (
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
    """Return the copies of these names in a folder, BATCH at most."""
    values = (encode_name(folder), *padded(names))
    return {copy.name: copy for copy in _copies(_CARRIED.select(ledger, _FIND_COPIES, values))}


def record_copies(ledger: "Ledger", made: Iterable[Copy], gone: Iterable[Copy]) -> None:
    """Write the rows of copies, and delete those of others."""
    _CARRIED.write(ledger, [copy.values for copy in made])
    if keys := [copy.values[:2] for copy in gone]:
        with ledger.transaction() as database:
            _CARRIED.ensure(database)
            database.executemany("DELETE FROM carried WHERE (folder, name) = (?, ?)", keys)


def remove_unused(ledger: "Ledger", output: Location) -> Iterator[Path]:
    """Remove the copies beside outputs that the ledger has no more, unless they were modified.

    Yield their paths. One that cannot be removed is kept.
    """
    copies = list(_copies(_CARRIED.select(ledger, _UNUSED_COPIES)))
    for copy in copies:
        with suppress(PhotoError):
            if path := remove(copy, output):
                yield path
    record_copies(ledger, (), copies)


def removable(ledger: "Ledger", output: Location, kept: Container[str]) -> Iterator[Path]:
    """Yield the copies that are removed with all outputs but those `kept`."""
    for copy in _copies(_CARRIED.select(ledger, "SELECT * FROM carried")):
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


_HEADERS = OwnTable(
    "headers",
    """CREATE TABLE headers (
    source NOT NULL, what TEXT NOT NULL,
    source_bytes INTEGER, source_mtime INTEGER, version TEXT,
    value TEXT,
    PRIMARY KEY (source, what)
) WITHOUT ROWID""",
)
_FIND_HEADER = """SELECT value FROM headers WHERE (source, what) = (?, ?)
AND (source_bytes, source_mtime, version) = (?, ?, ?) AND typeof(value) = 'text'"""

_FACES = OwnTable(
    "faces",
    """CREATE TABLE faces (
    source NOT NULL PRIMARY KEY,
    source_bytes INTEGER, source_mtime INTEGER,
    version INTEGER,
    boxes TEXT  -- left,top,right,bottom of each face in fractions of the upright photo, and spaces
) WITHOUT ROWID""",
)
_FIND_FACES = f"SELECT * FROM faces WHERE source {AMONG}"
_FACES_VERSION = FaceFocus().version


def recorded_header(
    ledger: "Ledger",
    what: str,
    path: str,
    parse: Callable[[str], Value],
    read: Callable[[], Value],
) -> Value:
    """Return `what` of a photo: `parse` returns it from a recorded text, `read` from the photo.

    A value that is read is recorded as a text. Raises as `read` does.
    """
    stamp = stamp_or_none(path)
    if not stamp:
        return read()
    key = encode_name(real_path(path)), what
    version = *stored_stamp(stamp), __version__
    for (text,) in _HEADERS.select(ledger, _FIND_HEADER, (*key, *version)):
        with suppress(ValueError):  # a ledger may have been written by a stranger
            return parse(text)
    value = read()
    if not ledger.read_only:
        _HEADERS.write(ledger, [(*key, *version, "" if value is None else str(value))])
    return value


def with_known_faces(ledger: "Ledger", jobs: Sequence[PendingJob]) -> list[PendingJob]:
    """Return jobs, BATCH at most, with the faces of their photos, as far as they are recorded."""
    sources = [job.source for job in jobs if _has_faces(job)]
    known = dict(_parsed_faces(_FACES.select(ledger, _FIND_FACES, padded(sources))))
    return [_with_faces(job, known) for job in jobs]


def recorded_faces(ledger: "Ledger") -> dict[str, Faces]:
    """Return all faces by the real paths of their photos, whether these have changed or not."""
    rows = _FACES.select(ledger, "SELECT * FROM faces")
    return {decode_name(source): faces for (source, _, _), faces in _parsed_faces(rows)}


def record_faces(ledger: "Ledger", pending: PendingJob, faces: Faces) -> None:
    """Record the faces of a photo."""
    stamp = pending.stamp
    if stamp is None or faces == pending.job.faces or not _has_faces(pending):
        return
    boxes = " ".join(f"{box.left},{box.top},{box.right},{box.bottom}" for box in faces)
    _FACES.write(ledger, [(pending.source, *stored_stamp(stamp), _FACES_VERSION, boxes)])


def _parsed_faces(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[tuple[Name, int, int], Faces]]:
    for source, size, modified, version, boxes in rows:
        if version == _FACES_VERSION and isinstance(boxes, str):
            try:
                faces = tuple(Bounds.parse(box) for box in boxes.split())
            except UsageError:
                continue
            yield (source, size, modified), faces


def _with_faces(job: PendingJob, known: dict[tuple[Name, int, int], Faces]) -> PendingJob:
    if job.stamp is None or not _has_faces(job):
        return job
    key = job.source, *stored_stamp(job.stamp)
    return replace(job, job=replace(job.job, faces=known[key])) if key in known else job


def _has_faces(job: PendingJob) -> bool:
    """Return whether the table is about a job's source: each frame of a film has its own faces."""
    return job.job.spec.focuses_on_faces and not job.job.spec.frame


def forget_unused(ledger: "Ledger") -> None:
    """Delete the headers and faces of photos that no row is about."""
    for table in (_HEADERS, _FACES):
        with ledger.transaction() as database:
            if table.exists(database):
                jobs = "SELECT source FROM jobs"
                database.execute(f"DELETE FROM {table.name} WHERE source NOT IN ({jobs})")
