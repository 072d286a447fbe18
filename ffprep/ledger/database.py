"""The SQLite files of an output folder: their tables, their opening, and what keeps them from being read or written."""

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
    tolerated TEXT,                      -- kinds of failure that a stricter policy would have made of it
    seconds REAL,
    run INTEGER,
    PRIMARY KEY (folder, name, source)
) WITHOUT ROWID;
CREATE INDEX failures ON jobs (folder, name, source) WHERE status = 'failed';
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """A kind of file: by which numbers it is known, what its tables are, what to do about one that is of no use."""

    application: int
    version: int
    schema: str
    advice: str


LEDGER = Layout(_APPLICATION, _VERSION, _SCHEMA, "choose another --ledger")


def open_to_write(path: Path, synchronous: str, layout: Layout = LEDGER) -> sqlite3.Connection:
    """Open such a file, made if it is not there. Raises EnvironmentFault for another program's database."""
    # Whoever has the run in hand may hand it on to another thread, as asyncio.to_thread does.
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        (application,) = database.execute("PRAGMA application_id").fetchone()
        (version,) = database.execute("PRAGMA user_version").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and application != layout.application:
            raise EnvironmentFault(f"{path} is another program's database; {layout.advice}")
        if version > layout.version:
            raise EnvironmentFault(
                f"{path} was made by a newer ffprep; use that, or {layout.advice}"
            )
        # WAL, so that `status` reads while a run writes, and a killed run leaves nothing to repair.
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f"PRAGMA synchronous = {synchronous}")
        if not tables:
            numbers = f"PRAGMA application_id = {layout.application}; PRAGMA user_version = {layout.version};"
            database.executescript(f"BEGIN; {numbers} {layout.schema} COMMIT;")
    except BaseException:
        database.close()
        raise
    return database


def is_corrupt(error: sqlite3.DatabaseError) -> bool:
    """Whether the file is to blame."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def open_to_read(path: Path, layout: Layout = LEDGER) -> sqlite3.Connection:
    """Open such a file that somebody else may be writing. Raises EnvironmentFault."""
    address = f"file:{quote(os.path.abspath(os.fsencode(path)))}?mode=ro"
    if not os.path.exists(f"{os.path.realpath(path)}-wal"):
        # Nobody has it open. Else SQLite would put files beside it, and leave them, or fail where it may not.
        address += "&immutable=1"
    with database_errors(path), contextlib.ExitStack() as stack:
        refuse_others(path, layout)
        database = stack.enter_context(contextlib.closing(sqlite3.connect(address, uri=True)))
        (application,) = database.execute("PRAGMA application_id").fetchone()
        if application != layout.application:
            raise EnvironmentFault(f"{path} is no ledger of ffprep's")
        stack.pop_all()
    return database


def refuse_others(path: Path, layout: Layout = LEDGER) -> None:
    """Whoever names a photo as the ledger has mistaken it; it is not to be put aside as corrupt.

    Nor is anything opened that is no file: a FIFO would hang.
    """
    try:
        with open_regular(path) as file:
            if sniff(file.read(HEAD_BYTES)):
                raise EnvironmentFault(f"{path} is a picture, and no ledger; {layout.advice}")
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
    """What keeps a ledger from being read or written, as LedgerUnusable."""
    try:
        yield
    except (OSError, sqlite3.DatabaseError) as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        known = isinstance(error, OSError | sqlite3.OperationalError)
        if isinstance(error, sqlite3.DatabaseError) and not (known or is_corrupt(error)):
            raise  # a mistake of ffprep's own
        if code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) == errno.ENOSPC:
            raise LedgerUnusable(
                path, "no space left on the disk", "make room and run again"
            ) from None
        if code == sqlite3.SQLITE_BUSY:  # it will be there again, and converting all costs more
            words = f"the ledger {path} is locked by another program; run again when that has ended"
            raise EnvironmentFault(words) from None
        raise LedgerUnusable(path, reason(error), f"correct that, or {layout.advice}") from None
