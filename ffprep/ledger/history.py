"""What a ledger tells: the last runs, totals, failures, the biggest and the slowest. Read-only."""

import os
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from heapq import nlargest
from itertools import chain
from typing import Any

from ffprep.core.shard import Shard
from ffprep.ledger.ledger import name_of
from ffprep.system.processes import lives

_LAST = 5
_MOST = 5


@dataclass(frozen=True, slots=True)
class PastRun:
    """One run. Times are in seconds since 1970; `ended` is None while it goes on, or when it was killed.

    `shard` is the one that it was of, such as 3/16.
    """

    id: int
    started: float
    ended: float | None
    outcome: str | None
    pid: int
    host: str
    ffprep: str
    ffmpeg: str
    converted: int | None
    fresh: int | None
    failed: int | None
    pruned: int | None
    shard: str | None = None

    def describe(self) -> str:
        """One line for people."""
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.started))
        since = f"{self.shard:>7}  {since}" if self.shard else since
        if self.ended is None:
            return f"{since}  " + (
                f"goes on, process {self.pid} on {self.host}"
                if self.is_going_on
                else f"was killed (process {self.pid} on {self.host})"
            )
        parts = [f"{self.converted} converted", f"{self.fresh} fresh", f"{self.failed} failed"]
        parts += [f"{self.pruned} pruned"] * bool(self.pruned)
        said = f"{', '.join(parts)} in {self.ended - self.started:.1f} s"
        return f"{since}  {self.outcome}: {said}"

    @property
    def is_going_on(self) -> bool:
        """Whether its process lives, as far as this machine can tell."""
        return self.ended is None and self.host == os.uname().nodename and lives(self.pid)


@dataclass(frozen=True, slots=True)
class Failed:
    """A photo that failed, and has not succeeded since."""

    source: str
    output: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Picked:
    """One of the biggest outputs, by `bytes`, or of the slowest, by `seconds`."""

    source: str
    output: str
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class History:
    """The state of an output folder. The newest run comes first. `bytes` are those of all outputs."""

    runs: tuple[PastRun, ...]
    converted: int
    bytes: int
    failures: dict[str, int]
    biggest: tuple[Picked, ...]
    slowest: tuple[Picked, ...]

    @classmethod
    def of(cls, database: sqlite3.Connection, shard: Shard | None = None) -> "History":
        """Ask a ledger, that of a whole folder or of a shard."""
        count, total = database.execute(
            "SELECT count(*), coalesce(sum(output_bytes), 0) FROM jobs WHERE status = 'converted'"
        ).fetchone()
        kinds = database.execute(
            "SELECT kind, count(*) FROM jobs WHERE status = 'failed' GROUP BY kind ORDER BY 2 DESC"
        )
        return cls(
            runs=tuple(_runs(database, shard)),
            converted=count,
            bytes=total,
            failures=dict(kinds.fetchall()),
            biggest=tuple(_picked(database, "output_bytes")),
            slowest=tuple(_picked(database, "seconds")),
        )

    @classmethod
    def together(cls, histories: "Sequence[History]") -> "History":
        """Several as one; of each, its last run."""
        kinds = Counter[str]()
        for history in histories:
            kinds.update(history.failures)
        biggest = chain.from_iterable(history.biggest for history in histories)
        slowest = chain.from_iterable(history.slowest for history in histories)
        return cls(
            runs=tuple(run for history in histories for run in history.runs[:1]),
            converted=sum(history.converted for history in histories),
            bytes=sum(history.bytes for history in histories),
            failures=dict(kinds.most_common()),
            biggest=tuple(nlargest(_MOST, biggest, key=lambda it: it.bytes)),
            slowest=tuple(nlargest(_MOST, slowest, key=lambda it: it.seconds)),
        )

    def as_dict(self) -> dict[str, Any]:
        """One JSON object's content."""
        return asdict(self)

    def totals(self) -> list[str]:
        """What there is, for people: a line, or two."""
        lines = [f"{self.converted} outputs, {_bytes(self.bytes)}"]
        if self.failures:
            kinds = ", ".join(f"{count} {kind}" for kind, count in self.failures.items())
            lines.append(f"failed: {kinds} (--failed names them)")
        return lines

    def describe(self) -> str:
        """The same with what was done, a few lines."""
        lines = [*self.totals(), "last runs"]
        lines += [f"    {run.describe()}" for run in self.runs]
        if self.converted:
            lines.append("biggest")
            lines += [f"    {_bytes(it.bytes):>9}  {it.output}" for it in self.biggest]
            lines.append("slowest")
            lines += [f"    {it.seconds:7.2f} s  {it.source}" for it in self.slowest]
        return "\n".join(lines)


def _runs(database: sqlite3.Connection, shard: Shard | None) -> Iterator[PastRun]:
    columns = ", ".join(name for name in PastRun.__dataclass_fields__ if name != "shard")
    for row in database.execute(f"SELECT {columns} FROM runs ORDER BY id DESC LIMIT {_LAST}"):
        yield PastRun(*(*row, str(shard) if shard else None))


def _picked(database: sqlite3.Connection, column: str) -> Iterator[Picked]:
    for source, folder, name, size, seconds in database.execute(
        "SELECT source, folder, name, output_bytes, seconds FROM jobs WHERE status = 'converted' "
        f"ORDER BY {column} DESC LIMIT {_MOST}"
    ):
        yield Picked(name_of(source), name_of(folder) + name_of(name), size or 0, seconds or 0.0)


def failures(database: sqlite3.Connection) -> Iterator[Failed]:
    """Every photo that failed, in the order of the outputs."""
    for source, folder, name, kind, message in database.execute(
        "SELECT source, folder, name, kind, message FROM jobs WHERE status = 'failed' "
        "ORDER BY folder, name, source"
    ):
        yield Failed(name_of(source), name_of(folder) + name_of(name), kind, name_of(message))


def _bytes(count: int) -> str:
    """A number of bytes as people read it, in powers of a thousand."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
