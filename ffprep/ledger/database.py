"""The SQLite files of an output folder: their tables, how they are opened, and errors."""

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ffprep.core.formats import HEAD_BYTES, sniff
from ffprep.errors import EnvironmentFault, Kind, PhotoError, reason
from ffprep.system.files import open_regular

_APPLICATION, _VERSION = 0x66667072, 1  # "ffpr"

_SCHEMA = """
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    started REAL NOT NULL,  -- seconds since 1970
    ended REAL,             -- nothing while it goes on, or when it was killed
    outcome TEXT,           -- done, interrupted, stopped, time
    pid INTEGER, host TEXT,
    ffprep TEXT, ffmpeg TEXT,
    terms TEXT,             -- the limits under which a failure is one
    output NOT NULL,        -- the output folder
    converted INTEGER, fresh INTEGER, failed INTEGER, pruned INTEGER
);
CREATE TABLE specs (id INTEGER PRIMARY KEY, digest TEXT UNIQUE, said TEXT);
CREATE TABLE jobs (
    folder NOT NULL, name NOT NULL,      -- the output's
    source NOT NULL,
    source_bytes INTEGER, source_mtime INTEGER, source_hash BLOB,   -- mtimes in nanoseconds
    spec INTEGER,
    output_bytes INTEGER, output_mtime INTEGER, output_hash BLOB,
    width INTEGER, height INTEGER,
    status TEXT, kind TEXT, message TEXT,
    tolerated TEXT,                      -- kinds of failure that a stricter policy would see in it
    seconds REAL,
    run INTEGER,
    PRIMARY KEY (folder, name, source)
) WITHOUT ROWID;
CREATE INDEX failures ON jobs (folder, name, source) WHERE status = 'failed';
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """A kind of SQLite file: the two numbers in its header, its tables, and advice for errors."""

    application: int
    version: int
    schema: str
    advice: str


LEDGER = Layout(_APPLICATION, _VERSION, _SCHEMA, "choose another --ledger")


def open_to_write(path: Path, synchronous: str, layout: Layout = LEDGER) -> sqlite3.Connection:
    """Open or create a file. Raises EnvironmentFault for the database of another program."""
    # A program may iterate over a run in several threads, one at a time, as asyncio.to_thread does.
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        (application,) = database.execute("PRAGMA application_id").fetchone()
        (version,) = database.execute("PRAGMA user_version").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and application != layout.application:
            raise EnvironmentFault(f"{path} is another program's database; {layout.advice}")
        if version > layout.version:
            raise EnvironmentFault(
                f"{path} was written by a newer ffprep; use that version, or {layout.advice}"
            )
        # WAL: `status` can read while a run writes, and a killed run leaves nothing to repair.
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA synchronous = {synchronous}")
        if not tables:
            header = (
                f"PRAGMA application_id = {layout.application}; "
                f"PRAGMA user_version = {layout.version};"
            )
            database.executescript(f"BEGIN; {header} {layout.schema} COMMIT;")
    except BaseException:
        database.close()
        raise
    return database


def is_corrupt(error: sqlite3.DatabaseError) -> bool:
    """Return whether the file is corrupt, or not a database."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def open_to_read(path: Path, layout: Layout = LEDGER) -> sqlite3.Connection:
    """Open a file that another process may be writing. Raises EnvironmentFault."""
    address = f"file:{quote(os.path.abspath(os.fsencode(path)))}?mode=ro"
    if not os.path.exists(f"{os.path.realpath(path)}-wal"):
        # No process has it open. Without `immutable`, SQLite would create files beside it.
        address += "&immutable=1"
    with database_errors(path), contextlib.ExitStack() as stack:
        refuse_photo(path, layout)
        database = stack.enter_context(contextlib.closing(sqlite3.connect(address, uri=True)))
        (application,) = database.execute("PRAGMA application_id").fetchone()
        if application != layout.application:
            raise EnvironmentFault(f"{path} is not a ledger of ffprep")
        stack.pop_all()
    return database


def refuse_photo(path: Path, layout: Layout = LEDGER) -> None:
    """Raise EnvironmentFault for a photo, which would be renamed as a corrupt ledger.

    Raises OSError for anything else that is not a regular file: to open a FIFO would hang.
    """
    try:
        with open_regular(path) as file:
            if sniff(file.read(HEAD_BYTES)):
                raise EnvironmentFault(f"{path} is a picture, not a ledger; {layout.advice}")
    except PhotoError as error:
        if error.kind is not Kind.MISSING:
            raise OSError(errno.EINVAL, str(error)) from None


class LedgerUnusable(EnvironmentFault):
    """The system does not let a ledger be read or written, for a `cause` in a few words."""

    def __init__(self, path: Path, cause: str, advice: str) -> None:
        super().__init__(f"cannot use the ledger {path}: {cause}; {advice}")
        self.cause = cause


@contextlib.contextmanager
def database_errors(path: Path, layout: Layout = LEDGER) -> Iterator[None]:
    """Raise errors of the system and of SQLite as `database_error` translates them."""
    try:
        yield
    except (OSError, sqlite3.DatabaseError) as error:
        raise database_error(path, error, layout) from None


def database_error(
    path: Path, error: OSError | sqlite3.DatabaseError, layout: Layout = LEDGER
) -> Exception:
    """Return a LedgerUnusable, or an EnvironmentFault for a locked file; bugs as they are."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if isinstance(error, sqlite3.DatabaseError) and not (
        isinstance(error, sqlite3.OperationalError) or is_corrupt(error)
    ):
        return error  # a bug in ffprep
    if code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) == errno.ENOSPC:
        return LedgerUnusable(path, "no space left on the disk", "make room and run again")
    if code == sqlite3.SQLITE_BUSY:  # not LedgerUnusable: the run must not go on and convert all
        problem = f"the ledger {path} is locked by another program"
        return EnvironmentFault(f"{problem}; run again when that has ended")
    return LedgerUnusable(path, reason(error), f"correct that, or {layout.advice}")
