"""The file in which a folder keeps what was submitted for its clips: its tables, and what it tells. Read-only."""

import os
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ffprep.ledger.database import Layout
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
    advice="put it elsewhere; what it knows of would then be submitted again",
)
_MOST = 20


@dataclass(frozen=True, slots=True)
class StoredSubmission:
    """A request that was sent, and what is known of it: `done`, `failed`, `submitted` or `uncertain`."""

    state: str
    clip: str
    source: str
    server: str
    sent: float
    job: str | None
    kind: str | None
    message: str | None

    def describe(self) -> str:
        """One line for people."""
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.sent))
        why = f": {self.message}" if self.message else ""
        return f"{since}  {self.state}  {self.clip}  {self.job or 'no answer came'}{why}"


@dataclass(frozen=True, slots=True)
class StoredSubmissions:
    """All of a folder, by clip."""

    all: tuple[StoredSubmission, ...]

    @classmethod
    def of(cls, database: sqlite3.Connection) -> "StoredSubmissions":
        """Ask such a file."""
        return cls(tuple(_rows(database)))

    @property
    def failed(self) -> list[StoredSubmission]:
        """Those whose job has failed."""
        return [each for each in self.all if each.state == "failed"]

    def as_dict(self) -> dict[str, Any]:
        """One JSON object's content."""
        return {"submissions": [asdict(each) for each in self.all]}

    def describe(self) -> str:
        """The same for people, a few lines; those that are done are only counted."""
        counts = Counter(each.state for each in self.all)
        told = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
        lines = [f"submissions: {told}"]
        open = [each for each in self.all if each.state != "done"]
        lines += [f"    {each.describe()}" for each in open[:_MOST]]
        lines += [f"    and {len(open) - _MOST} more: --json"] * (len(open) > _MOST)
        return "\n".join(lines)


def _rows(database: sqlite3.Connection) -> Iterator[StoredSubmission]:
    columns = "clip, photo, server, sent, job, kind, words, bytes"
    for row in database.execute(f"SELECT {columns} FROM submissions ORDER BY clip, sent"):
        clip, photo, server, sent, job, kind, words, size = row
        state = "done" if size else "failed" if kind else "submitted" if job else "uncertain"
        names = (os.fsdecode(clip), os.fsdecode(photo))
        yield StoredSubmission(state, *names, server, sent, job, kind, words)
