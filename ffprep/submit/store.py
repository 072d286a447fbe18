"""The record of submissions, `.ffprep/submissions.db`, so that nothing is submitted twice.

A request is recorded before it is sent, and the job's id when the server has answered. Beside clips
in a store, the record is an object, which is uploaded after each change.
"""

import errno
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from ffprep.core.location import Location, Remote
from ffprep.errors import EnvironmentFault, PhotoError, reason
from ffprep.ledger.database import (
    Layout,
    corrupt,
    database_errors,
    open_to_read,
    open_to_write,
    require_file,
)
from ffprep.ledger.remote import download, local_copy
from ffprep.ledger.rows import decode_name
from ffprep.record import Record, asdict
from ffprep.storage.local import LOCAL, lock_file
from ffprep.storage.protocol import Object, storage_of
from ffprep.submit.errors import FailureKind, JobError
from ffprep.system.files import FOLDER

FILE = f"{FOLDER}/submissions.db"
LAYOUT = Layout(
    application=0x66667073,  # "ffps"
    version=1,
    schema="""
CREATE TABLE submissions (
    clip BLOB NOT NULL,          -- its place in the folder
    request TEXT NOT NULL,       -- a digest of the photo's bytes and of all that was asked for
    photo BLOB NOT NULL,
    server TEXT NOT NULL,
    sent REAL NOT NULL,          -- when it was about to be sent, in seconds since 1970
    job TEXT,                    -- nothing until the server has answered
    kind TEXT, words TEXT,       -- why the job has failed
    bytes INTEGER, mtime INTEGER,  -- of the clip, once it is there; in nanoseconds
    PRIMARY KEY (clip, request)
) WITHOUT ROWID;
""",
    advice="move it away; ffprep would then submit again what it records",
)
_ROW: tuple[Any, ...] = (float, *[str | None] * 3, *[int | None] * 2)
"""The types of a row that `SubmissionStore.find` reads."""
_LATEST = 253402300799.0
"""The last second of the year 9999."""
_OPEN_TIMEOUT = 10.0
_LISTED = 20


class Attempt(Record):
    """A recorded request, with the error of a job that failed.

    `clip` is the length and time of the clip, once it was downloaded.
    """

    sent: float
    job_id: str
    failure: JobError | None
    clip: tuple[int, int] | None


class SubmissionStore:
    """The submissions into one folder. Safe for threads, and for several processes.

    `clip` is always the clip's path relative to the folder, `request` the request's digest.
    """

    def __init__(self, database: sqlite3.Connection, path: Path, writes: bool = True) -> None:
        self._database, self._path, self._lock = database, path, Lock()
        self._writes = writes

    def find(self, clip: str, request: str) -> Attempt | None:
        """Return the recorded request for this clip."""
        columns = "sent, job, kind, words, bytes, mtime"
        query = f"SELECT {columns} FROM submissions WHERE clip = ? AND request = ?"
        row = self._execute(query, os.fsencode(clip), request).fetchone()
        if row is None:
            return None
        if not all(map(isinstance, row, _ROW)):
            with database_errors(self._path, LAYOUT):
                raise corrupt("a submission has values of other types")
        sent, job_id, kind, message, size, mtime = row
        failure = JobError(FailureKind(kind), message or "") if kind else None
        return Attempt(sent, job_id or "", failure, None if size is None else (size, mtime))

    def is_downloaded(self, clip: str, path: Location, attempt: Attempt) -> bool:
        """Whether the clip of a request exists, unchanged since it was downloaded.

        If no download is recorded, a clip that is newer than the request, and not recorded for
        another one, was downloaded with --resume.
        """
        if (found := storage_of(path).stat(path)) is None:
            return False
        if attempt.clip:
            return attempt.clip == (found.stamp.bytes, found.stamp.modified)
        if found.modified < attempt.sent * 1e9:
            return False
        query = "SELECT 1 FROM submissions WHERE clip = ? AND bytes = ?"
        return self._execute(query, os.fsencode(clip), found.stamp.bytes).fetchone() is None

    def may_replace(self, clip: str, path: Location) -> bool:
        """Whether no clip exists, or one that ffprep downloaded and that is unchanged."""
        if (found := storage_of(path).stat(path)) is None:
            return not (isinstance(path, Path) and os.path.lexists(path))
        query = "SELECT 1 FROM submissions WHERE clip = ? AND bytes = ? AND mtime = ?"
        version = found.stamp.bytes, found.stamp.modified
        return self._execute(query, os.fsencode(clip), *version).fetchone() is not None

    def record_attempt(
        self, clip: str, request: str, photo: Location, server: str, previous: Attempt | None
    ) -> bool:
        """Record a request before it is sent; it is on the disk when this returns.

        Return False if another process recorded the same request since `previous` was read.
        """
        values = (os.fsencode(clip), request, os.fsencode(photo), server, time.time())
        cursor = self._execute(
            "INSERT INTO submissions (clip, request, photo, server, sent) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET"
            " photo = excluded.photo, server = excluded.server, sent = excluded.sent,"
            " job = NULL, kind = NULL, words = NULL, bytes = NULL, mtime = NULL WHERE sent = ?",
            *values,
            previous.sent if previous else None,
        )
        return bool(cursor.rowcount == 1)

    def update(self, clip: str, request: str, **values: object) -> None:
        """Record the `job`, its failure (`kind` and `words`), or the clip (`bytes` and `mtime`).

        Does nothing in a store that is read only.
        """
        if self._writes:
            columns = ", ".join(f"{column} = ?" for column in values)
            statement = f"UPDATE submissions SET {columns} WHERE clip = ? AND request = ?"
            self._execute(statement, *values.values(), os.fsencode(clip), request)

    def roll_back(self, clip: str, request: str, previous: Attempt | None) -> None:
        """Undo `record_attempt`, since the server refused the request."""
        if previous is None:
            where = "WHERE clip = ? AND request = ?"
            self._execute(f"DELETE FROM submissions {where}", os.fsencode(clip), request)
            return
        columns = ("sent", "job", "kind", "words", "bytes", "mtime")
        failure = previous.failure
        words = (failure.kind.value, str(failure)) if failure else (None, None)
        values = (previous.sent, previous.job_id or None, *words, *(previous.clip or (None, None)))
        self.update(clip, request, **dict(zip(columns, values, strict=True)))

    def _execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        with self._lock, database_errors(self._path, LAYOUT):
            return self._database.execute(statement, values)


class RemoteStore(SubmissionStore):
    """The record of a folder of objects. `known` is the version that was downloaded, if any."""

    def __init__(
        self, database: sqlite3.Connection, path: Path, home: Location, known: Object | None
    ) -> None:
        super().__init__(database, path)
        self._home, self._known, self._uploads = home, known, Lock()

    def _execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        cursor = super()._execute(statement, *values)
        if not statement.startswith("SELECT"):
            self._upload()
        return cursor

    def _upload(self) -> None:
        """Upload a copy. Raises EnvironmentFault, also if another run has written the object."""
        copy = self._path.with_name("copy.db")
        with self._uploads:
            copy.unlink(missing_ok=True)
            super()._execute("VACUUM INTO ?", os.fspath(copy))
            try:
                put = storage_of(self._home).replace(copy, self._home, self._known)
            except PhotoError as error:
                raise _fault(self._home, str(error)) from None
            if put is None:
                raise _fault(self._home, "another run has written it meanwhile")
            self._known = put


def _fault(home: Location, why: str) -> EnvironmentFault:
    hint = "nothing more is sent; run ffprep again when the store can be written"
    return EnvironmentFault(f"cannot record submissions in {home}: {why}; {hint}")


@contextmanager
def open_store(folder: Location, clip: str = "", wait: float = 0.0) -> Iterator[SubmissionStore]:
    """Open the store of a folder, and make it if needed. Locks the folder, or only one `clip`.

    Raises EnvironmentFault if the store cannot be written, OutputLocked as `Storage.lock` does.
    """
    if isinstance(folder, Remote):
        with _open_remote(folder, wait) as store:
            yield store
        return
    path = folder / FILE
    with ExitStack() as stack:
        try:
            lock = lock_file(folder / clip, wait) if clip else LOCAL.lock(folder, wait)
            stack.enter_context(lock)
            # One process at a time creates the file.
            with database_errors(path, LAYOUT), lock_file(folder / path.name, _OPEN_TIMEOUT):
                require_file(path, LAYOUT)
                if path.exists() and not path.stat().st_size:  # for example after a full disk
                    raise OSError(errno.EINVAL, "the file was emptied")
                database = stack.enter_context(closing(open_to_write(path, "FULL", LAYOUT)))
        except OSError as error:
            hint = "choose an output in a folder that can be written to"
            message = f"cannot record submissions in {path}: {reason(error)}; nothing was sent"
            raise EnvironmentFault(f"{message}; {hint}") from None
        yield SubmissionStore(database, path)


@contextmanager
def _open_remote(folder: Remote, wait: float) -> Iterator[SubmissionStore]:
    """Open the store of a folder of objects, and lock the folder."""
    home = folder / FILE
    with ExitStack() as stack:
        stack.enter_context(storage_of(folder).lock(folder, wait))
        path, known = stack.enter_context(download(home))
        with database_errors(path, LAYOUT):
            database = stack.enter_context(closing(open_to_write(path, "OFF", LAYOUT)))
        yield RemoteStore(database, path, home, known)


@contextmanager
def open_read_only(folder: Location) -> Iterator[SubmissionStore]:
    """Open the store of a folder to read it; an empty one if the folder has none."""
    with local_copy(folder / FILE) as path:
        with database_errors(path, LAYOUT):
            if path.exists():
                require_file(path, LAYOUT)
                database = open_to_read(path, LAYOUT)
            else:
                database = memory_database()
        with closing(database):
            yield SubmissionStore(database, path, writes=False)


@contextmanager
def in_memory() -> Iterator[SubmissionStore]:
    """Return a store that is written nowhere, for jobs that are resumed by their id."""
    with closing(memory_database()) as database:
        yield SubmissionStore(database, Path(":memory:"))


def memory_database() -> sqlite3.Connection:
    """Return an empty store that is written nowhere."""
    return open_to_write(Path(":memory:"), "OFF", LAYOUT)


class StoredSubmission(Record):
    """A recorded submission for `ffprep status`: `done`, `failed`, `submitted` or `uncertain`."""

    state: str
    clip: str
    source: str
    server: str
    sent: float
    job: str | None
    kind: str | None
    message: str | None

    def describe(self) -> str:
        """Return one line of text."""
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.sent))
        why = f": {self.message}" if self.message else ""
        return f"{since}  {self.state}  {self.clip}  {self.job or 'no answer'}{why}"


class StoredSubmissions(Record):
    """All submissions of a folder, ordered by clip."""

    all: tuple[StoredSubmission, ...]

    @property
    def current(self) -> list[StoredSubmission]:
        """Those that count: without those that ended before a later one made the same clip."""
        made = {each.clip: each.sent for each in self.all if each.state == "done"}
        ended = ("done", "failed")
        return [
            each
            for each in self.all
            if each.state not in ended or each.sent >= made.get(each.clip, 0.0)
        ]

    @property
    def failed(self) -> list[StoredSubmission]:
        """The submissions whose jobs failed."""
        return [each for each in self.current if each.state == "failed"]

    def as_dict(self) -> dict[str, Any]:
        """Return the content of a JSON object."""
        return {"submissions": [asdict(each) for each in self.all]}

    def describe(self) -> list[str]:
        """Return a few lines of text, which only count submissions that are done."""
        counts = Counter(each.state for each in self.current)
        totals = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
        lines = [f"submissions: {totals}"]
        unfinished = [each for each in self.current if each.state != "done"]
        lines += [f"    {each.describe()}" for each in unfinished[:_LISTED]]
        if (more := len(unfinished) - _LISTED) > 0:
            lines.append(f"    and {more} more; --json lists all")
        return lines


def read_submissions(folder: Location) -> StoredSubmissions | None:
    """Return the submissions recorded in a folder; None if it has no record."""
    with local_copy(folder / FILE) as path:
        if not path.exists():
            return None
        with database_errors(path, LAYOUT), closing(open_to_read(path, LAYOUT)) as database:
            return StoredSubmissions(tuple(_stored_submissions(database)))


def _stored_submissions(database: sqlite3.Connection) -> Iterator[StoredSubmission]:
    columns = "clip, photo, server, job, kind, words, sent, bytes"
    for row in database.execute(f"SELECT {columns} FROM submissions ORDER BY clip, sent"):
        clip, photo, server, job, kind, message = (
            None if each is None else decode_name(each) for each in row[:-2]
        )
        sent, size = row[-2:]
        if not (isinstance(sent, float) and 0 <= sent <= _LATEST):
            sent = 0.0
        state = "done" if size else "failed" if kind else "submitted" if job else "uncertain"
        yield StoredSubmission(
            state, clip or "", photo or "", server or "", sent, job, kind, message
        )
