"""The ledger of an output folder, an SQLite file: one row per job, and one per run.

A name is stored as text if it is UTF-8, else as a blob. Outputs are relative to the output folder,
so that the folder can be moved; sources are absolute.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from ffprep.core.job import BATCH, Status
from ffprep.core.location import Location
from ffprep.core.spec import Spec
from ffprep.errors import EnvironmentFault
from ffprep.ledger.database import (
    QUERY,
    corrupt,
    database_error,
    database_errors,
    execute_synced,
    is_corrupt,
    open_to_read,
    open_to_write,
    require_file,
    unmasked,
)
from ffprep.ledger.rows import (
    AMONG,
    Entry,
    Fingerprint,
    Name,
    Row,
    decode_name,
    encode_name,
    encode_names,
    padded,
    valid_entry,
    valid_row,
)
from ffprep.record import asdict
from ffprep.storage.protocol import storage_of
from ffprep.system.files import make_own_folder
from ffprep.version import __version__

_COLUMNS = ", ".join(Row._fields)
_FROM_JOBS = "FROM jobs WHERE folder = ? AND name"
_FIND_ROWS = f"SELECT {_COLUMNS} {_FROM_JOBS} {AMONG}"
_FIND_FINGERPRINTS = (
    "SELECT name, source, spec, source_bytes, source_mtime, output_bytes, output_mtime "
    f"{_FROM_JOBS} {{names}} AND status = 'converted' AND tolerated IN ({{marks}}) LIMIT {{limit}}"
)
_IS_AFTER = "SELECT (?, ?, ?) > (?, ?, ?)"
_INSERT_RUN = (
    "INSERT INTO runs (started, pid, host, ffprep, ffmpeg, terms, output) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)


class Ledger:
    """An open ledger of one run. Use it from one thread at a time.

    A corrupt ledger is renamed as soon as it is noticed, with a warning, and a new one begins.
    Raises EnvironmentFault for a file that is not a ledger, and LedgerUnusable if the system
    refuses.
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
        self.run = 0
        self.after_kill = False
        """Whether the run before did not come to its end, and may have left temporary files."""
        self._warn = warn
        self._ended = True  # no run has begun
        self._synchronous = "FULL" if fsync else "NORMAL"
        self._spec_numbers: dict[int, tuple[Spec, int]] = {}
        self._conditions: list[Name] = []
        with database_errors(path):
            if not read_only and not os.path.isdir(path.parent):
                make_own_folder(path.parent)
            require_file(path)
            self._database = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the ledger. A run that did not record its end was interrupted."""
        try:
            if not self._ended:
                with contextlib.suppress(EnvironmentFault):
                    self.end("interrupted", {})
        finally:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()

    def _open(self) -> sqlite3.Connection:
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
        """Rename a corrupt ledger, and warn."""
        aside = self.path.with_name(f"{self.path.name}.corrupt-{time.strftime('%Y%m%d-%H%M%S')}")
        os.replace(self.path, aside)
        self._warn(f"the ledger {self.path} was corrupt; it is {aside} now, and a new one begins")
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{self.path}{suffix}")

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Translate errors; if the ledger turns out to be corrupt, go on with an empty one."""
        QUERY.steps = 0
        try:
            yield
        except (OSError, sqlite3.DatabaseError) as found:
            error = unmasked(found)
            if self.read_only or not is_corrupt(error):
                raise database_error(self.path, error) from None
            with database_errors(self.path):
                self._begin_anew()

    def _begin_anew(self) -> None:
        self._database.close()
        self._put_aside()
        self._database = open_to_write(self.path, self._synchronous)
        self._spec_numbers.clear()
        self._insert_run()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the database, to write everything or nothing."""
        with self._guarded(), self._database as database:
            database.execute("BEGIN")
            yield database

    def begin(self, ffmpeg: str, terms: str, output: str) -> frozenset[int]:
        """Record the begin of a run into a folder; return earlier runs whose failures still hold.

        These had the same versions of ffprep and FFmpeg, and the same limits (`terms`). Raises
        EnvironmentFault if the ledger is that of another output folder.
        """
        same: list[int] = []
        self._conditions = encode_names((__version__, ffmpeg, terms, output))
        with self._guarded():
            self.require_own(output)
            query = "SELECT id FROM runs WHERE (ffprep, ffmpeg, terms) = (?, ?, ?)"
            same = [id for (id,) in self._database.execute(query, self._conditions[:3])]
            last = "SELECT ended FROM runs ORDER BY id DESC LIMIT 1"
            self.after_kill = self._database.execute(last).fetchone() == (None,)
            if not self.read_only:
                self._insert_run()
        return frozenset(same)

    def require_own(self, output: str) -> None:
        """Raise EnvironmentFault for another folder's ledger; a moved folder keeps its own."""
        last = self._database.execute("SELECT output FROM runs ORDER BY id DESC LIMIT 1").fetchone()
        if last and not self._lies_in(output) and last[0] != encode_name(output):
            whose = decode_name(last[0]) if isinstance(last[0], Name) else last[0]
            problem = f"the ledger {self.path} is that of {whose}"
            raise EnvironmentFault(f"{problem}; choose another --ledger for {output}")

    def _lies_in(self, output: str) -> bool:
        return os.path.realpath(self.path).startswith(os.path.join(output, ""))

    def _insert_run(self) -> None:
        if self._conditions:
            process = time.time(), os.getpid(), os.uname().nodename
            values = (*process, *self._conditions)
            inserted = execute_synced(self._database, _INSERT_RUN, values)
            self.run, self._ended = inserted.lastrowid or 0, False

    def end(self, outcome: str, counts: dict[str, int]) -> None:
        """Record how the run ended, and how many photos have each status."""
        self._ended = True
        statuses = [status for status in Status if status is not Status.PASSED_OVER]
        columns = ", ".join(f"{status} = ?" for status in statuses)
        with self._guarded():
            self._database.execute(
                f"UPDATE runs SET ended = ?, outcome = ?, {columns} WHERE id = ?",
                (time.time(), outcome, *(counts.get(status, 0) for status in statuses), self.run),
            )

    def spec_number(self, spec: Spec) -> int:
        """Return the number of a Spec in this ledger, 0 if a read-only ledger does not have it."""
        # By identity: to hash a Spec would cost more than everything else for an up-to-date photo.
        if known := self._spec_numbers.get(id(spec)):
            return known[1]
        number = 0
        with self._guarded():
            if not self.read_only:
                import json

                said = json.dumps(asdict(spec), default=str)
                self._database.execute(
                    "INSERT OR IGNORE INTO specs (digest, said) VALUES (?, ?)", (spec.digest, said)
                )
            found = self._database.execute("SELECT id FROM specs WHERE digest = ?", (spec.digest,))
            number = (found.fetchone() or (0,))[0]
        self._spec_numbers[id(spec)] = spec, number
        return number

    @property
    def specs(self) -> list[Spec]:
        """The Specs of this run."""
        return [spec for spec, _ in self._spec_numbers.values()]

    @property
    def used_specs(self) -> set[int]:
        """The numbers of the Specs of this run."""
        return {number for _, number in self._spec_numbers.values()}

    def fingerprints(
        self, folder: str, outputs: Sequence[Name], tolerated: Sequence[str]
    ) -> set[Fingerprint]:
        """Return the Fingerprints of converted outputs whose caveats are all `tolerated`.

        The outputs are those of one folder, BATCH at most. There may be Fingerprints of others
        among the result.
        """
        queries: list[tuple[str, Sequence[Name], int]] = [(AMONG, padded(outputs), -1)]
        with contextlib.suppress(TypeError):  # text and bytes cannot be compared
            # Reading rows in order is quicker, unless there are many others between.
            queries.insert(0, ("BETWEEN ? AND ?", (min(outputs), max(outputs)), 2 * BATCH))
        marks = ", ".join("?" * len(tolerated))
        with self._guarded():
            for names, values, limit in queries:
                query = _FIND_FINGERPRINTS.format(names=names, marks=marks, limit=limit)
                found = self._database.execute(query, (_stored(folder), *values, *tolerated))
                if len(fingerprints := set(found)) != limit:
                    return fingerprints
        return set()

    def rows(self, folder: str, outputs: Sequence[Name]) -> dict[tuple[Name, Name], Row]:
        """Return the rows of outputs, by output and source.

        The outputs are those of one folder, BATCH at most.
        """
        with self._guarded():
            values = (_stored(folder), *padded(outputs))
            rows = map(valid_row, self._database.execute(_FIND_ROWS, values))
            return {row[:2]: row for row in rows if row}
        return {}

    def record(self, entry: Entry) -> None:
        """Write a row. A converted output belongs to its new source only."""
        folder, row = _stored(entry.folder), entry.row
        with self.transaction() as database:
            if row.status == Status.CONVERTED:
                database.execute(
                    "DELETE FROM jobs WHERE folder = ? AND name = ? AND source != ?",
                    (folder, row.name, row.source),
                )
            database.execute(
                f"INSERT OR REPLACE INTO jobs (folder, seconds, {_COLUMNS}) "
                f"VALUES ({', '.join('?' * (2 + len(row)))})",
                (folder, entry.seconds, *row),
            )

    def forget(self, entries: Iterable[Entry]) -> None:
        """Delete rows, in one transaction: with `--fsync`, each one waits for the disk."""
        with self.transaction() as database:
            database.executemany(
                "DELETE FROM jobs WHERE folder = ? AND name = ? AND source = ?",
                ((_stored(each.folder), each.row.name, each.row.source) for each in entries),
            )

    def entries(self, status: Status) -> Iterator[Entry]:
        """Yield all rows with a status, in order. Rows may be forgotten meanwhile."""
        last: tuple[Name, Name, Name] = ("", "", "")
        while True:
            found: list[Any] = []
            with self._guarded():
                found = self._database.execute(
                    f"SELECT folder, {_COLUMNS} FROM jobs "
                    f"WHERE status = '{status}' AND (folder, name, source) > (?, ?, ?) "
                    f"ORDER BY folder, name, source LIMIT {BATCH}",
                    last,
                ).fetchall()
                keys = (*found[-1][:3], *last) if found else ()
                if keys and not self._database.execute(_IS_AFTER, keys).fetchone()[0]:
                    found = []
                    raise corrupt("its rows are not in order")
            if not found:
                return
            for folder, *row in found:
                if entry := valid_entry(folder, row):
                    yield entry
            last = found[-1][:3]

    def count(self) -> int:
        """Return the number of rows."""
        found: tuple[int] = (0,)
        with self._guarded():
            found = self._database.execute("SELECT count(*) FROM jobs").fetchone()
        return found[0]

    def outputs(self) -> Iterator[Entry]:
        """Yield all rows with an output. Rows may be forgotten meanwhile."""
        for status in (Status.CONVERTED, Status.FAILED, Status.PASSED_OVER):
            for entry in self.entries(status):
                if entry.row.output_bytes is not None:
                    yield entry

    def mark_met(self, folder: str, rows: Sequence[Row]) -> None:
        """Record that this run met failures again, without trying the photos."""
        if self.read_only:
            return
        with self.transaction() as database:
            database.executemany(
                "UPDATE jobs SET run = ? WHERE folder = ? AND name = ? AND source = ?",
                [(self.run, _stored(folder), row.name, row.source) for row in rows],
            )


def open_ledger(
    path: Location, warn: Callable[[str], None], fsync: bool = False, read_only: bool = False
) -> Ledger:
    """Open a ledger, a file or an object in a store. Raises as Ledger does."""
    if storage_of(path).is_local:
        return Ledger(Path(path), warn, fsync, read_only)
    from ffprep.ledger.remote import RemoteLedger

    return RemoteLedger(path, warn, fsync, read_only)


def _stored(folder: str) -> Name:
    """Return a folder as the ledger stores it. Most are ASCII, which is quick to see."""
    return folder if folder.isascii() else encode_name(folder)
