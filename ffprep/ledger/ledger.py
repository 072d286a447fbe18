"""The ledger of an output folder: what was done, from what, with what. SQLite, one row a job and one a run.

A name is a text where it is UTF-8, and a blob else; outputs are relative to their folder, so that it can be
moved, and sources are absolute.
"""

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from ffprep.core.job import Status
from ffprep.core.spec import Spec
from ffprep.errors import EnvironmentFault
from ffprep.ledger.database import (
    database_errors,
    is_corrupt,
    open_to_read,
    open_to_write,
    refuse_others,
)

AT_ONCE = 512
"""How many outputs are recalled by one query."""


class Row(NamedTuple):
    """What the ledger knows of one job. A tuple, since a run over a library makes one a photo.

    `name` is the output's, `source` the whole path, both as `key` gives them.
    """

    name: str | bytes
    source: str | bytes
    status: str
    run: int
    spec: int | None = None
    source_bytes: int | None = None
    source_mtime: int | None = None
    output_bytes: int | None = None
    output_mtime: int | None = None
    source_hash: bytes | None = None
    output_hash: bytes | None = None
    tolerated: str = ""
    width: int | None = None
    height: int | None = None
    kind: str | None = None
    message: str | bytes | None = None


Proof = tuple[str | bytes, str | bytes, int, int, int, int, int]
"""An output and its source, the Spec's number, bytes and mtime of the source, and of the output."""

_COLUMNS = ", ".join(Row._fields)
_THESE = f"FROM jobs WHERE folder = ? AND name IN ({', '.join('?' * AT_ONCE)})"
_RECALL = f"SELECT {_COLUMNS} {_THESE}"
_PROVEN = (
    "SELECT name, source, spec, source_bytes, source_mtime, output_bytes, output_mtime "
    f"{_THESE} AND status = 'converted'"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A job's new row, and the folder of its output, relative to the output folder."""

    folder: str
    row: Row
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Conditions:
    """Of a run: what converts, the terms under which a photo fails (other terms, another try), the output folder."""

    ffprep: str
    ffmpeg: str
    terms: str
    output: str


def key(name: str) -> str | bytes:
    """A name, or words with one in them, as they stand in the ledger."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name)
    return name


def keys(names: Iterable[str]) -> list[str | bytes]:
    """Many of them; most names are ASCII."""
    return [name if name.isascii() else key(name) for name in names]


def name_of(value: str | bytes) -> str:
    """The same, back."""
    return os.fsdecode(value)


class Ledger:
    """An open ledger, held by one run. Use from one thread at a time.

    A corrupt one is put aside, whenever that comes out, and `warn` is told. Raises EnvironmentFault for
    what is no ledger of ffprep's, or cannot be written.
    """

    def __init__(
        self,
        path: Path,
        warn: Callable[[str], None],
        fsync: bool = False,
        read_only: bool = False,
    ) -> None:
        self.path = path
        self.read_only = read_only
        self._warn = warn
        self.run = 0
        self._ended = True  # none has begun
        self._synchronous = "FULL" if fsync else "NORMAL"
        self._specs: dict[int, tuple[Spec, int]] = {}
        self._conditions: Conditions | None = None
        with database_errors(path):
            if not read_only:
                path.parent.mkdir(parents=True, exist_ok=True)
            refuse_others(path)
            self._database = self._opened()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """What has not said how it ended was interrupted, while it was planned maybe."""
        try:
            if not self._ended:
                with contextlib.suppress(EnvironmentFault):
                    self.end("interrupted", {})
        finally:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()

    def _opened(self) -> sqlite3.Connection:
        if self.read_only:
            return open_to_read(self.path)
        try:
            return open_to_write(self.path, self._synchronous)
        except sqlite3.DatabaseError as error:
            if not is_corrupt(error):
                raise
            self._put_aside()
            return open_to_write(self.path, self._synchronous)

    def _put_aside(self) -> None:
        """Give a corrupt ledger another name, for whoever wants to look into it."""
        aside = self.path.with_name(f"{self.path.name}.corrupt-{time.strftime('%Y%m%d-%H%M%S')}")
        os.replace(self.path, aside)
        self._warn(f"the ledger {self.path} was corrupt; it is {aside} now, and a new one is begun")
        for end in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self.path}{end}")

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Where a page in its middle turns out to be corrupt, go on with an empty ledger."""
        with database_errors(self.path):
            try:
                yield
            except sqlite3.DatabaseError as error:
                if self.read_only or not is_corrupt(error):
                    raise
                self._database.close()
                self._put_aside()
                self._database = open_to_write(self.path, self._synchronous)
                self._specs.clear()
                self._begin()

    @contextlib.contextmanager
    def _at_once(self) -> Iterator[None]:
        """All of it, or none."""
        with self._guarded(), self._database:
            self._database.execute("BEGIN")
            yield

    def begin(self, conditions: Conditions) -> frozenset[int]:
        """Note that a run begins; the earlier ones whose failures still hold.

        Raises EnvironmentFault where another output folder's runs are in it.
        """
        alike: list[int] = []
        self._conditions = conditions
        with self._guarded():
            self._require_own(conditions.output)
            found = self._database.execute(
                "SELECT id FROM runs WHERE (ffprep, ffmpeg, terms) = (?, ?, ?)",
                (conditions.ffprep, conditions.ffmpeg, conditions.terms),
            )
            alike = [id for (id,) in found]
            if not self.read_only:
                self._begin()
        return frozenset(alike)

    def _require_own(self, output: str) -> None:
        """One that lies in its output folder may be moved with it."""
        last = self._database.execute("SELECT output FROM runs ORDER BY id DESC LIMIT 1").fetchone()
        if last and not self._lies_in(output) and name_of(last[0]) != output:
            words = f"the ledger {self.path} is that of {name_of(last[0])}"
            raise EnvironmentFault(f"{words}; {output} needs one of its own")

    def _lies_in(self, output: str) -> bool:
        return os.path.realpath(self.path).startswith(os.path.join(output, ""))

    def _begin(self) -> None:
        if self._conditions:
            begun = self._database.execute(
                "INSERT INTO runs (started, pid, host, ffprep, ffmpeg, terms, output) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    time.time(),
                    os.getpid(),
                    os.uname().nodename,
                    *map(key, astuple(self._conditions)),
                ),
            )
            self.run, self._ended = begun.lastrowid or 0, False

    def end(self, outcome: str, counts: dict[str, int]) -> None:
        """Note how a run ended, and how many photos became what."""
        self._ended = True
        columns = ", ".join(f"{status} = ?" for status in Status)
        with self._guarded():
            self._database.execute(
                f"UPDATE runs SET ended = ?, outcome = ?, {columns} WHERE id = ?",
                (time.time(), outcome, *(counts.get(status, 0) for status in Status), self.run),
            )

    def spec(self, spec: Spec) -> int:
        """The number by which rows know a Spec."""
        # By identity: its own hash would cost more than all else of a fresh photo.
        if known := self._specs.get(id(spec)):
            return known[1]
        number = 0
        with self._guarded():
            if not self.read_only:
                said = json.dumps(asdict(spec), default=str)
                self._database.execute(
                    "INSERT OR IGNORE INTO specs (digest, said) VALUES (?, ?)", (spec.digest, said)
                )
            found = self._database.execute("SELECT id FROM specs WHERE digest = ?", (spec.digest,))
            number = (found.fetchone() or (0,))[0]
        self._specs[id(spec)] = spec, number
        return number

    @property
    def specs(self) -> set[int]:
        """The Specs that this run has asked for, by their numbers."""
        return {number for _, number in self._specs.values()}

    def proven(
        self, folder: str, outputs: Sequence[str | bytes], tolerated: Sequence[str]
    ) -> set[Proof]:
        """The Proofs of at most AT_ONCE outputs of one folder, whose caveats are none but `tolerated`."""
        with self._guarded():
            marks = ", ".join("?" * len(tolerated))
            asked = (key(folder), *_filled(outputs), *tolerated)
            return set(self._database.execute(f"{_PROVEN} AND tolerated IN ({marks})", asked))
        return set()

    def recall(
        self, folder: str, outputs: Sequence[str | bytes]
    ) -> dict[tuple[str | bytes, str | bytes], Row]:
        """What is known of at most AT_ONCE outputs of one folder, by output and source, all as keys."""
        with self._guarded():
            found = self._database.execute(_RECALL, (key(folder), *_filled(outputs)))
            return {row[:2]: Row._make(row) for row in found}
        return {}

    def record(self, entries: Iterable[Entry]) -> None:
        """Write rows, all or none. A converted output is nobody else's any more."""
        with self._at_once():
            for entry in entries:
                folder, row = key(entry.folder), entry.row
                if row.status == Status.CONVERTED:
                    self._database.execute(
                        "DELETE FROM jobs WHERE folder = ? AND name = ? AND source != ?",
                        (folder, row.name, row.source),
                    )
                self._database.execute(
                    f"INSERT OR REPLACE INTO jobs (folder, seconds, {_COLUMNS}) "
                    f"VALUES ({', '.join('?' * (2 + len(row)))})",
                    (folder, entry.seconds, *row),
                )

    def forget(self, entries: Sequence[Entry]) -> None:
        """Drop rows."""
        if not entries:
            return
        with self._at_once():
            self._database.executemany(
                "DELETE FROM jobs WHERE folder = ? AND name = ? AND source = ?",
                [(key(entry.folder), entry.row.name, entry.row.source) for entry in entries],
            )

    def entries(self, status: Status) -> Iterator[Entry]:
        """All rows of one status, in order, a few at a time: they may be forgotten meanwhile."""
        last: tuple[str | bytes, str | bytes, str | bytes] = ("", "", "")
        while True:
            found: list[Any] = []
            with self._guarded():
                found = self._database.execute(
                    f"SELECT folder, {_COLUMNS} FROM jobs WHERE status = '{status}' AND "
                    f"(folder, name, source) > (?, ?, ?) ORDER BY folder, name, source LIMIT {AT_ONCE}",
                    last,
                ).fetchall()
            if not found:
                return
            for folder, *row in found:
                yield Entry(name_of(folder), Row._make(row))
            last = found[-1][:3]

    def meet(self, folder: str, rows: Sequence[Row]) -> None:
        """Note that failures were met again, untried."""
        if self.read_only or not rows:
            return
        with self._at_once():
            self._database.executemany(
                "UPDATE jobs SET run = ? WHERE folder = ? AND name = ? AND source = ?",
                [(self.run, key(folder), row.name, row.source) for row in rows],
            )


def _filled(outputs: Sequence[str | bytes]) -> list[str | bytes]:
    """So many as a query asks for. What is added is no name: jobs without an output stand under the empty one."""
    return [*outputs, *["/"] * (AT_ONCE - len(outputs))]
