"""The SQLite files of an output folder: their tables, how they are opened, and errors."""

import contextlib
import errno
import fcntl
import os
import re
import sqlite3
import stat
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from ffprep.core.formats import HEAD_BYTES, sniff
from ffprep.errors import EnvironmentFault, Kind, PhotoError, reason
from ffprep.record import Record
from ffprep.system.files import open_regular, refuse_link
from ffprep.system.shutdown import interruption
from ffprep.system.tempfiles import temporary_name

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


class Layout(Record):
    """A kind of SQLite file: the two numbers in its header, its tables, and advice for errors."""

    application: int
    version: int
    schema: str
    advice: str

    @property
    def statements(self) -> set[str]:
        """The statements of the schema, as `normalized` spells them."""
        return {each for part in normalized(self.schema).split(";") if (each := part.strip())}


LEDGER = Layout(0x66667072, 1, _SCHEMA, "move it away, or choose another --ledger")

_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
_LOCK_TIMEOUT = 5.0
"""Seconds that a query waits for another program's lock."""


def open_to_write(path: Path, synchronous: str, layout: Layout = LEDGER) -> sqlite3.Connection:
    """Open or create a file. Raises EnvironmentFault if it is not as ffprep makes it.

    Raises LedgerUnusable if the file system refuses locks on parts of files.
    """
    timeout = 0.0
    while True:
        try:
            return _open_to_write(path, synchronous, layout, timeout)
        except sqlite3.OperationalError as error:
            if is_fsync_refused(error) and synchronous != "OFF":
                synchronous = "OFF"
                continue
            if primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_IOERR):
                _require_locks(path, layout.advice)
            if primary_code(error) != sqlite3.SQLITE_BUSY or timeout:
                raise
            timeout = _LOCK_TIMEOUT


def _open_to_write(
    path: Path, synchronous: str, layout: Layout, timeout: float
) -> sqlite3.Connection:
    with contextlib.ExitStack() as stack:
        # A program may iterate over a run in several threads, one at a time, as asyncio.to_thread
        # does.
        database = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=timeout
        )
        stack.enter_context(contextlib.closing(database))
        _distrust(database, path)
        is_new = not _has_tables(database, path, layout)
        # WAL: `status` can read while a run writes, and a killed run leaves nothing to repair.
        database.execute(f"PRAGMA synchronous = {synchronous}")
        database.execute("PRAGMA journal_mode = WAL")
        if is_new:
            header = (
                f"PRAGMA application_id = {layout.application}; "
                f"PRAGMA user_version = {layout.version};"
            )
            database.executescript(f"BEGIN; {header} {layout.schema} COMMIT;")
        database.execute(f"PRAGMA busy_timeout = {_LOCK_TIMEOUT * 1000:.0f}")
        stack.pop_all()
    return database


def _require_locks(path: Path, advice: str) -> None:
    """Raise LedgerUnusable if the file system refuses locks on parts of files, as SQLite uses.

    They are tried on an empty file beside the ledger.
    """
    tried = path.parent / temporary_name()
    try:
        descriptor = os.open(tried, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError:
        return
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1)
    except OSError as error:
        words = f"its file system refuses locks on parts of files ({reason(error)})"
        raise LedgerUnusable(path, words, advice) from None
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            os.unlink(tried)


def _has_tables(database: sqlite3.Connection, path: Path, layout: Layout) -> bool:
    """Return whether a file has its tables. Raises EnvironmentFault unless they are as in `layout`.

    Views, triggers and expressions in the schema would run when a table is read or written.
    """
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    schema = database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
    found = {normalized(sql) for (sql,) in schema}
    if found and application != layout.application:
        raise EnvironmentFault(f"{path} is another program's database; {layout.advice}")
    if version > layout.version:
        raise EnvironmentFault(
            f"{path} was written by a newer ffprep; use that version, or {layout.advice}"
        )
    if found and found != layout.statements:
        _require_harmless(database, path, layout)
    return bool(found)


def _require_harmless(database: sqlite3.Connection, path: Path, layout: Layout) -> None:
    """Raise EnvironmentFault unless a schema has all its statements, and otherwise only tables."""
    left = layout.statements
    for name, sql in database.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"):
        text = normalized(sql)
        if text in left:
            left.discard(text)
        elif not text.upper().startswith("CREATE TABLE "):
            words = text.split()[1:2]
            what = words[0].lower() if words and words[0].isalpha() else "object"
            raise EnvironmentFault(
                f"the ledger {path} contains the {what} {str(name)[:60]!r}, which ffprep did not "
                f"make; {layout.advice}"
            )
    if left:
        raise EnvironmentFault(f"{path} lacks tables that a ledger has; {layout.advice}")


def normalized(statement: object) -> str:
    """Return a statement of a schema without comments and line breaks; "" if it is not a text."""
    text = re.sub(r"--[^\n]*", "", statement) if isinstance(statement, str) else ""
    return " ".join(text.split())


def _distrust(database: sqlite3.Connection, path: Path) -> None:
    """Restrict what the content of a file can do: it may come from a stranger."""
    watched = _watched(path)
    next(watched)
    database.set_progress_handler(watched.__next__, _STEPS)
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
    if sys.version_info >= (3, 12):
        database.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA cell_size_check = ON")


_LONGEST_VALUE = 1_000_000
_STEPS = 1_000_000
"""The number of steps of SQLite's machine between two looks at signals: a few milliseconds."""
_STEPS_PER_BYTE, _LEAST_STEPS = 32, 10_000_000
"""How many steps may be needed for each byte of a file, and for any file. Usual are 2 a byte."""

QUERY = threading.local()
"""The `steps` of this thread's query, 0 before a new one, and the exception that `ended` it."""


def _watched(path: Path) -> Iterator[int]:
    """Yield 1, which ends a query, after a signal, or if it reads the same pages without end.

    SQLite calls this. It would drop an exception, so `unmasked` raises it. A generator, because
    Python raises the exception of a signal where this code continues, which must be in the `try`.
    """
    ended: BaseException | None = None
    while True:
        try:
            yield 0 if ended is None else 1
            QUERY.steps = getattr(QUERY, "steps", 0) + _STEPS
            ended = interruption() or _endless(path, QUERY.steps)
        except GeneratorExit:
            return
        except BaseException as error:
            ended = error
        QUERY.ended = ended


def _endless(path: Path, steps: int) -> sqlite3.DatabaseError | None:
    """Return an error if a query takes more steps than the size of the file explains."""
    if steps < _LEAST_STEPS:
        return None
    files = [each for each in (f"{path}", f"{path}-wal") if os.path.exists(each)]
    if steps < _STEPS_PER_BYTE * sum(map(os.path.getsize, files)):
        return None
    return corrupt("its pages refer to each other without end")


def unmasked(error: OSError | sqlite3.DatabaseError) -> BaseException:
    """Return an error, or the exception that made SQLite end a query."""
    if primary_code(error) != sqlite3.SQLITE_INTERRUPT:
        return error
    ended: BaseException | None = getattr(QUERY, "ended", None)
    return ended or KeyboardInterrupt()


def execute_synced(
    database: sqlite3.Connection, statement: str, values: Sequence[object]
) -> sqlite3.Cursor:
    """Execute the first statement of a run that writes; do not sync files where it is refused."""
    try:
        return database.execute(statement, values)
    except sqlite3.OperationalError as error:
        if not is_fsync_refused(error):
            raise
    database.execute("PRAGMA synchronous = OFF")
    return database.execute(statement, values)


def is_fsync_refused(error: sqlite3.OperationalError) -> bool:
    """Return whether a file system refuses to sync a file."""
    return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_FSYNC


def primary_code(error: BaseException) -> int:
    """Return SQLite's code of an error, without details; 0 for other errors."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def corrupt(words: str) -> sqlite3.DatabaseError:
    """Return an error for a file that is corrupt in a way that SQLite does not notice."""
    error = sqlite3.DatabaseError(words)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def is_corrupt(error: BaseException) -> bool:
    """Return whether the file is corrupt, or not a database.

    So is one with values that ffprep does not write: very long ones, and texts that are not UTF-8.
    """
    codes = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_TOOBIG)
    if primary_code(error) in codes:
        return True
    is_other = isinstance(error, sqlite3.DatabaseError) and not primary_code(error)
    return is_other and "decode to UTF-8" in str(error)


def open_to_read(path: Path, layout: Layout = LEDGER) -> sqlite3.Connection:
    """Open a file that another process may be writing. Raises EnvironmentFault."""
    address = f"file:{quote(os.path.abspath(os.fsencode(path)))}?mode=ro"
    if not os.path.exists(f"{os.path.realpath(path)}-wal"):
        # No process has it open. Without `immutable`, SQLite would create files beside it.
        address += "&immutable=1"
    with database_errors(path, layout), contextlib.ExitStack() as stack:
        require_file(path, layout)
        database = stack.enter_context(contextlib.closing(sqlite3.connect(address, uri=True)))
        _distrust(database, path)
        if not _has_tables(database, path, layout):
            raise EnvironmentFault(f"{path} is not a ledger of ffprep")
        stack.pop_all()
    return database


def require_file(path: Path, layout: Layout = LEDGER) -> None:
    """Raise EnvironmentFault for a link in a folder of ffprep's, and for a photo.

    A photo would be renamed as a corrupt ledger. Raises OSError if the file, or one that SQLite
    has beside it, is not a regular file: to open a FIFO would hang.
    """
    refuse_link(path, layout.advice)
    for suffix in ("-wal", "-shm", "-journal"):
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(os.lstat(f"{path}{suffix}").st_mode):
                raise OSError(errno.EINVAL, f"{path}{suffix} is not a regular file")
            if suffix == "-journal":
                _require_own_journal(f"{path}{suffix}", layout.advice)
    try:
        with open_regular(path) as file:
            if sniff(file.read(HEAD_BYTES)):
                raise EnvironmentFault(f"{path} is a picture, not a ledger; {layout.advice}")
    except PhotoError as error:
        if error.kind is not Kind.MISSING:
            raise OSError(errno.EINVAL, str(error)) from None
        if os.path.islink(path):
            from ffprep.system.refused import dead_link

            raise OSError(errno.ENOENT, dead_link(path)) from None


def _require_own_journal(journal: str, advice: str) -> None:
    """Raise EnvironmentFault for a journal that names a file, which SQLite would delete.

    SQLite does that for transactions over several databases, and ffprep has none.
    """
    with open(journal, "rb", opener=_open_regular) as file, contextlib.suppress(OSError):
        file.seek(-len(_JOURNAL_MAGIC), os.SEEK_END)
        if file.read() == _JOURNAL_MAGIC:
            words = "was not written by ffprep, and names another file"
            raise EnvironmentFault(f"{journal} {words}; {advice}")


def _open_regular(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


class LedgerUnusable(EnvironmentFault):
    """The system does not let a ledger be read or written, for a `cause` in a few words."""

    def __init__(self, path: Path, cause: str, advice: str) -> None:
        super().__init__(f"cannot use the ledger {path}: {cause}; {advice}")
        self.cause = cause


@contextlib.contextmanager
def database_errors(path: Path, layout: Layout = LEDGER) -> Iterator[None]:
    """Raise errors of the system and of SQLite as `database_error` translates them."""
    QUERY.steps = 0
    try:
        yield
    except (OSError, sqlite3.DatabaseError) as error:
        raise database_error(path, unmasked(error), layout) from None


def database_error(path: Path, error: BaseException, layout: Layout = LEDGER) -> BaseException:
    """Return a LedgerUnusable, or an EnvironmentFault for a locked file; bugs as they are."""
    code = primary_code(error)
    if not isinstance(error, OSError | sqlite3.DatabaseError):
        return error  # of a signal that ended a query
    if isinstance(error, sqlite3.DatabaseError) and not (
        isinstance(error, sqlite3.OperationalError) or is_corrupt(error)
    ):
        return error  # a bug in ffprep
    if code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) == errno.ENOSPC:
        return LedgerUnusable(path, "no space left on the disk", "make room and run again")
    if code == sqlite3.SQLITE_BUSY:  # not LedgerUnusable: the run must not go on and convert all
        problem = f"the ledger {path} is locked by another program"
        return EnvironmentFault(f"{problem}; run again when that has ended")
    return LedgerUnusable(path, reason(error), f"correct that, {layout.advice}")
