"""What was submitted to where, so that nothing is submitted twice: written before a request is sent, and after its answer."""

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from ffprep.errors import EnvironmentFault, PhotoError, reason
from ffprep.ledger.database import database_errors, open_to_read, open_to_write, refuse_others
from ffprep.storage.lock import held_file, lock_output
from ffprep.submit.errors import FailureKind, JobError
from ffprep.submit.submissions import FILE, LAYOUT
from ffprep.system.files import FileStamp

_OPENING = 10.0


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a request that was made before."""

    sent: float
    job: str
    kind: str
    words: str
    clip: tuple[int, int] | None

    @property
    def failure(self) -> JobError | None:
        """Why its job has failed."""
        return JobError(FailureKind(self.kind), self.words) if self.kind else None


class SubmissionStore:
    """The submissions into one folder; of none, where there is no file. Safe for threads, and for other processes."""

    def __init__(self, database: sqlite3.Connection, path: Path, writes: bool = True) -> None:
        self._database, self._path, self._lock = database, path, Lock()
        self.writes = writes

    def find(self, clip: str, request: str) -> Known | None:
        """What is known of a request for this clip."""
        columns = "sent, job, kind, words, bytes, mtime"
        question = f"SELECT {columns} FROM submissions WHERE clip = ? AND request = ?"
        row = self._do(question, os.fsencode(clip), request).fetchone()
        if row is None:
            return None
        sent, job, kind, words, size, mtime = row
        stamp = None if size is None else (size, mtime)
        return Known(sent, job or "", kind or "", words or "", stamp)

    def is_done(self, place: str, clip: Path, known: Known) -> bool:
        """Whether the clip of a request is there, as it was when it was fetched.

        Where none was fetched yet, a clip that came after the request, and not by another one, was fetched with --resume.
        """
        try:
            found = FileStamp.of(clip)
        except PhotoError:
            return False
        if known.clip:
            return known.clip == (found.bytes, found.modified)
        if found.modified < known.sent * 1e9:
            return False
        question = "SELECT 1 FROM submissions WHERE clip = ? AND bytes = ?"
        return self._do(question, os.fsencode(place), found.bytes).fetchone() is None

    def is_ours(self, place: str, clip: Path) -> bool:
        """Whether a clip is one that was fetched for this place, as it was then; or there is none."""
        if not os.path.lexists(clip):
            return True
        try:
            found = FileStamp.of(clip)
        except PhotoError:
            return False
        question = "SELECT 1 FROM submissions WHERE clip = ? AND bytes = ? AND mtime = ?"
        stamp = (found.bytes, found.modified)
        return self._do(question, os.fsencode(place), *stamp).fetchone() is not None

    def intend(
        self, clip: str, request: str, photo: Path, server: str, before: Known | None
    ) -> bool:
        """To be called before a request is sent; it is on the disk when this returns.

        False where somebody else has been faster, so that what is known of the request is no longer what it was `before`.
        """
        values = (os.fsencode(clip), request, os.fsencode(photo), server, time.time())
        done = self._do(
            "INSERT INTO submissions (clip, request, photo, server, sent) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET photo = excluded.photo, server = excluded.server, sent = excluded.sent,"
            " job = NULL, kind = NULL, words = NULL, bytes = NULL, mtime = NULL WHERE sent = ?",
            *values,
            before.sent if before else None,
        )
        return bool(done.rowcount == 1)

    def answer(self, clip: str, request: str, job: str) -> None:
        """The server took it, as this job."""
        self._set("job = ?", clip, request, job)

    def fail(self, clip: str, request: str, error: JobError) -> None:
        """The job has failed, and asking again would tell the same."""
        self._set("kind = ?, words = ?", clip, request, error.kind.value, str(error))

    def finish(self, clip: str, request: str, stamp: FileStamp) -> None:
        """The clip is there."""
        self._set("bytes = ?, mtime = ?", clip, request, stamp.bytes, stamp.modified)

    def adopt(self, clip: str, request: str, path: Path) -> None:
        """The clip is there, whoever has fetched it."""
        if self.writes:
            self.finish(clip, request, FileStamp.of(path))

    def take_back(self, clip: str, request: str, before: Known | None) -> None:
        """The server did not take it: all is as it was `before`."""
        if before is None:
            where = "WHERE clip = ? AND request = ?"
            self._do(f"DELETE FROM submissions {where}", os.fsencode(clip), request)
            return
        what = "sent = ?, job = ?, kind = ?, words = ?, bytes = ?, mtime = ?"
        told = (before.job or None, before.kind or None, before.words or None)
        self._set(what, clip, request, before.sent, *told, *(before.clip or (None, None)))

    def _set(self, what: str, clip: str, request: str, *values: object) -> None:
        where = "WHERE clip = ? AND request = ?"
        self._do(f"UPDATE submissions SET {what} {where}", *values, os.fsencode(clip), request)

    def _do(self, statement: str, *values: object) -> sqlite3.Cursor:
        with self._lock, database_errors(self._path, LAYOUT):
            return self._database.execute(statement, values)


@contextmanager
def opened_store(folder: Path, clip: str = "", wait: float = 0.0) -> Iterator[SubmissionStore]:
    """The SubmissionStore of a folder, made if it is not there, which is held, or of it only one `clip`.

    Raises EnvironmentFault where there can be none: then nothing is to be submitted; OutputLocked as `lock_output` does.
    """
    path = folder / FILE
    with ExitStack() as stack:
        try:
            stack.enter_context(
                held_file(folder / clip, wait) if clip else lock_output(folder, wait)
            )
            with (
                database_errors(path, LAYOUT),
                held_file(folder / path.name, _OPENING),
            ):  # made by one at a time
                refuse_others(path, LAYOUT)
                if path.exists() and not path.stat().st_size:  # a full disk, or somebody
                    raise OSError(errno.EINVAL, "it has been emptied")
                database = stack.enter_context(closing(open_to_write(path, "FULL", LAYOUT)))
        except OSError as error:
            words = "what is submitted cannot be remembered there, and nothing was sent"
            hint = "have the clip in a folder that can be written to"
            raise EnvironmentFault(f"{folder}: {words} ({reason(error)}); {hint}") from None
        yield SubmissionStore(database, path)


@contextmanager
def read_only(folder: Path) -> Iterator[SubmissionStore]:
    """The same, to look at it only; an empty one where there is none yet."""
    path = folder / FILE
    with database_errors(path, LAYOUT):
        if path.exists():
            refuse_others(path, LAYOUT)
            database = open_to_read(path, LAYOUT)
        else:
            database = _nowhere()
    with closing(database):
        yield SubmissionStore(database, path, writes=False)


@contextmanager
def in_memory() -> Iterator[SubmissionStore]:
    """A SubmissionStore that is written nowhere, for what is not submitted."""
    with closing(_nowhere()) as database:
        yield SubmissionStore(database, Path(":memory:"))


def _nowhere() -> sqlite3.Connection:
    return open_to_write(Path(":memory:"), "OFF", LAYOUT)
