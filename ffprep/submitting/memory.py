"""What was submitted to where, so that nothing is submitted twice: written before a request is sent, and after its answer."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from ffprep.database import Layout, open_to_read, open_to_write, refuse_others, told
from ffprep.errors import PhotoError
from ffprep.files import FOLDER, Stamp
from ffprep.submitting.refusals import JobError, Trouble

FILE = f"{FOLDER}/submissions.db"
_LAYOUT = Layout(
    application=0x66667073,  # "ffps"
    version=1,
    schema="""
CREATE TABLE submissions (
    clip BLOB NOT NULL,          -- its place in the output folder
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
    advice="put it elsewhere; what it knows of would then be submitted again",
)


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
        return JobError(Trouble(self.kind), self.words) if self.kind else None


class Memory:
    """The submissions of one output folder, held by one run; of none, where there is no file. Safe for threads."""

    def __init__(self, database: sqlite3.Connection, path: Path) -> None:
        self._database, self._path, self._lock = database, path, Lock()

    def find(self, clip: str, request: str) -> Known | None:
        """What is known of a request for this clip."""
        columns = "sent, job, kind, words, bytes, mtime"
        question = f"SELECT {columns} FROM submissions WHERE clip = ? AND request = ?"
        row = self._do(question, os.fsencode(clip), request)
        if row is None:
            return None
        sent, job, kind, words, size, mtime = row
        stamp = None if size is None else (size, mtime)
        return Known(sent, job or "", kind or "", words or "", stamp)

    def is_done(self, place: str, clip: Path, known: Known) -> bool:
        """Whether the clip of a request is there, as it was when it was fetched.

        Where no answer came, a clip that came later, and not by another request, was fetched by hand with --resume.
        """
        try:
            found = Stamp.of(clip)
        except PhotoError:
            return False
        stamp = (found.bytes, found.modified)
        if known.job or found.modified < known.sent * 1e9:
            return known.clip == stamp
        question = "SELECT 1 FROM submissions WHERE clip = ? AND bytes = ? AND mtime = ?"
        return self._do(question, os.fsencode(place), *stamp) is None

    def intend(self, clip: str, request: str, photo: Path, server: str) -> None:
        """To be called before a request is sent; it is on the disk when this returns."""
        values = (os.fsencode(clip), request, os.fsencode(photo), server, time.time())
        columns = "clip, request, photo, server, sent"
        self._do(f"INSERT OR REPLACE INTO submissions ({columns}) VALUES (?, ?, ?, ?, ?)", *values)

    def answer(self, clip: str, request: str, job: str) -> None:
        """The server took it, as this job."""
        self._set("job = ?", clip, request, job)

    def fail(self, clip: str, request: str, error: JobError) -> None:
        """The job has failed, and asking again would tell the same."""
        self._set("kind = ?, words = ?", clip, request, error.kind.value, str(error))

    def finish(self, clip: str, request: str, stamp: Stamp) -> None:
        """The clip is there."""
        self._set("bytes = ?, mtime = ?", clip, request, stamp.bytes, stamp.modified)

    def forget(self, clip: str, request: str) -> None:
        """The server did not take it."""
        self._do(
            "DELETE FROM submissions WHERE clip = ? AND request = ?", os.fsencode(clip), request
        )

    def _set(self, what: str, clip: str, request: str, *values: object) -> None:
        where = "WHERE clip = ? AND request = ?"
        self._do(f"UPDATE submissions SET {what} {where}", *values, os.fsencode(clip), request)

    def _do(self, statement: str, *values: object) -> Any:
        with self._lock, told(self._path, _LAYOUT):
            return self._database.execute(statement, values).fetchone()


@contextmanager
def remembered(folder: Path | None, rehearsal: bool = False) -> Iterator[Memory]:
    """The Memory of an output folder; without a folder, or for a rehearsal where there is none yet, an empty one.

    Raises EnvironmentFault where it is of no use: then nothing is to be submitted.
    """
    path = folder / FILE if folder else Path(":memory:")
    with told(path, _LAYOUT):
        if folder and path.exists():
            refuse_others(path, _LAYOUT)
            database = open_to_read(path, _LAYOUT) if rehearsal else _opened(path)
        else:
            database = _opened(Path(":memory:") if rehearsal else path)
    with closing(database):
        yield Memory(database, path)


def _opened(path: Path) -> sqlite3.Connection:
    return open_to_write(path, "FULL", _LAYOUT)
