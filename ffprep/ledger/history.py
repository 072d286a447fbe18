"""What a ledger says of earlier runs: last runs, totals, failures, slowest photos, speed; Specs.

A ledger may have been written by a stranger: values of a wrong type are replaced. Specs are JSON,
perhaps of another version.
"""

import json
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import nlargest
from itertools import chain
from typing import TYPE_CHECKING, Any

from ffprep.core.constraints import SizeConstraints
from ffprep.core.film import FilmFrame
from ffprep.core.geometry import Bounds, FaceFocus, Focus, Size
from ffprep.core.mode import Fallback, Fit, Mode, Step
from ffprep.core.shard import Shard
from ffprep.core.spec import SizeChoice, Spec
from ffprep.errors import FfprepError, Kind
from ffprep.ledger.rows import decode_name
from ffprep.ledger.tables import accepted_condition
from ffprep.record import Record, asdict
from ffprep.system.processes import lives

if TYPE_CHECKING:
    from ffprep.ledger.ledger import Ledger

_MAX_RUNS = 5
_MAX_TOP = 5
_LATEST, _LARGEST, _LONGEST = 253402300799, 2**40, 200
"""The last second of the year 9999, the most bytes of an output, the most letters of a word."""
_IS_SIZE = f"typeof(output_bytes) = 'integer' AND output_bytes BETWEEN 0 AND {_LARGEST}"
_KINDS = ", ".join(f"'{kind}'" for kind in Kind)
_ENOUGH = 20
"""So many pictures of a run say how long others take."""
_SPEED = f"""SELECT runs.ended - runs.started, runs.converted, count(*), sum(jobs.output_bytes)
FROM jobs JOIN runs ON runs.id = jobs.run
WHERE jobs.status = 'converted' AND jobs.spec IN ({{marks}})
AND runs.outcome = 'done' AND runs.converted >= {_ENOUGH}
GROUP BY runs.id HAVING count(*) >= {_ENOUGH} ORDER BY runs.id DESC LIMIT 1"""
_KIND = f"CASE WHEN kind IN ({_KINDS}) THEN kind ELSE 'unknown' END"


class PastRun(Record):
    """One run. Times are in seconds since 1970; `ended` is None while it runs, or if it was killed.

    `shard` is its shard, for example 3/16.
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
        """Return one line for people."""
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.started))
        since = f"{self.shard:>7}  {since}" if self.shard else since
        if self.ended is None:
            process = f"process {self.pid} on {self.host}"
            here = self.host == os.uname().nodename
            if here and self.pid > 0 and lives(self.pid):
                return f"{since}  is running, {process}"
            return f"{since}  was killed ({process})"
        parts = [f"{self.converted} converted", f"{self.fresh} fresh", f"{self.failed} failed"]
        parts += [f"{self.pruned} pruned"] * bool(self.pruned)
        return f"{since}  {self.outcome}: {', '.join(parts)} in {self.ended - self.started:.1f} s"


class FailedPhoto(Record):
    """A photo that failed, and has not been converted since; whether that was `accepted`."""

    source: str
    output: str
    kind: str
    message: str
    accepted: bool = False


class WarnedPhoto(Record):
    """A photo whose output has a warning."""

    source: str
    output: str
    message: str


class TopOutput(Record):
    """One of the largest outputs, by `bytes`, or of the slowest photos, by `seconds`."""

    source: str
    output: str
    bytes: int
    seconds: float


class History(Record):
    """The state of an output folder, the newest run first. `bytes` is the size of all outputs.

    `warned` counts outputs with a warning, `accepted` failures that were accepted.
    """

    runs: tuple[PastRun, ...]
    converted: int
    bytes: int
    failures: dict[str, int]
    accepted: int
    biggest: tuple[TopOutput, ...]
    slowest: tuple[TopOutput, ...]
    warned: int = 0

    @classmethod
    def of(cls, database: sqlite3.Connection, shard: Shard | None = None) -> "History":
        """Read the ledger of a whole folder, or of a shard."""
        count, total, warned = database.execute(
            f"SELECT count(*), coalesce(sum(output_bytes) FILTER (WHERE {_IS_SIZE}), 0), "
            "count(message) FROM jobs WHERE status = 'converted'"
        ).fetchone()
        failures = database.execute(
            f"SELECT {_KIND}, count(*) FROM jobs WHERE status = 'failed' GROUP BY 1 ORDER BY 2 DESC"
        )
        (accepted,) = database.execute(
            f"SELECT count(*) FROM jobs WHERE status = 'failed' AND {accepted_condition(database)}"
        ).fetchone()
        return cls(
            runs=tuple(_past_runs(database, shard)),
            converted=count,
            bytes=total,
            failures=dict(failures),
            accepted=accepted,
            biggest=tuple(_top(database, "output_bytes")),
            slowest=tuple(_top(database, "seconds")),
            warned=warned,
        )

    @classmethod
    def merged(cls, histories: "Sequence[History]") -> "History":
        """Merge several histories. Of each, only the last run is kept."""
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
            accepted=sum(history.accepted for history in histories),
            biggest=tuple(nlargest(_MAX_TOP, biggest, key=lambda top: top.bytes)),
            slowest=tuple(nlargest(_MAX_TOP, slowest, key=lambda top: top.seconds)),
            warned=sum(history.warned for history in histories),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the content of a JSON object."""
        return asdict(self)

    def totals(self) -> list[str]:
        """Return the totals for people, in one to three lines."""
        lines = [f"{self.converted} outputs, {_human_bytes(self.bytes)}"]
        if self.warned:
            lines.append(f"{self.warned} with a warning (--warnings lists them)")
        if self.failures:
            kinds = ", ".join(f"{count} {kind}" for kind, count in self.failures.items())
            accepted = f", of which {self.accepted} accepted" if self.accepted else ""
            lines.append(f"failed: {kinds}{accepted} (--failed lists them)")
        return lines

    def describe(self) -> list[str]:
        """Return totals, last runs, largest and slowest photos, in a few lines."""
        lines = [*self.totals(), "last runs"]
        lines += [f"    {run.describe()}" for run in self.runs]
        if self.converted:
            lines.append("biggest")
            lines += [f"    {_human_bytes(top.bytes):>9}  {top.output}" for top in self.biggest]
            lines.append("slowest")
            lines += [f"    {top.seconds:7.2f} s  {top.source}" for top in self.slowest]
        return lines


def _past_runs(database: sqlite3.Connection, shard: Shard | None) -> Iterator[PastRun]:
    columns = ", ".join(name for name in PastRun._fields if name != "shard")
    for row in database.execute(f"SELECT {columns} FROM runs ORDER BY id DESC LIMIT {_MAX_RUNS}"):
        number, started, ended, outcome, pid, host, ffprep, ffmpeg, *counts = row
        converted, fresh, failed, pruned = map(_number, counts)
        yield PastRun(
            id=number,
            started=_time(started) or 0.0,
            ended=_time(ended),
            outcome=_words(outcome),
            pid=_number(pid) or 0,
            host=_words(host) or "",
            ffprep=_words(ffprep) or "",
            ffmpeg=_words(ffmpeg) or "",
            converted=converted,
            fresh=fresh,
            failed=failed,
            pruned=pruned,
            shard=str(shard) if shard else None,
        )


def _top(database: sqlite3.Connection, column: str) -> Iterator[TopOutput]:
    limit = {"output_bytes": _LARGEST, "seconds": _LATEST}[column]
    for source, folder, name, size, seconds in database.execute(
        "SELECT source, folder, name, output_bytes, seconds FROM jobs WHERE status = 'converted' "
        f"AND coalesce({column}, 0) BETWEEN 0 AND {limit} ORDER BY {column} DESC LIMIT {_MAX_TOP}"
    ):
        output = decode_name(folder) + decode_name(name)
        yield TopOutput(decode_name(source), output, _number(size) or 0, _time(seconds) or 0.0)


def failed_photos(database: sqlite3.Connection) -> Iterator[FailedPhoto]:
    """Yield every photo that failed, in the order of the outputs."""
    for source, folder, name, kind, message, accepted in database.execute(
        f"SELECT source, folder, name, {_KIND}, coalesce(message, ''), "
        f"{accepted_condition(database)} FROM jobs "
        "WHERE status = 'failed' ORDER BY folder, name, source"
    ):
        source, output = decode_name(source), decode_name(folder) + decode_name(name)
        yield FailedPhoto(source, output, kind, decode_name(message), bool(accepted))


def warned_photos(database: sqlite3.Connection) -> Iterator[WarnedPhoto]:
    """Yield every photo whose output has a warning, in the order of the outputs."""
    for source, folder, name, message in database.execute(
        "SELECT source, folder, name, message FROM jobs "
        "WHERE status = 'converted' AND message IS NOT NULL ORDER BY folder, name, source"
    ):
        output = decode_name(folder) + decode_name(name)
        yield WarnedPhoto(decode_name(source), output, decode_name(message))


def recorded_speed(ledger: "Ledger") -> tuple[float, float] | None:
    """Return what one picture takes: seconds of a whole run, and bytes of its output.

    The run is the newest complete one that made many pictures of this run's Specs.
    """
    specs = sorted(ledger.used_specs)
    query = _SPEED.format(marks=", ".join("?" * len(specs)))
    found: tuple[Any, ...] | None = None
    with ledger.transaction() as database:
        found = database.execute(query, specs).fetchone()
    if found is None or not all(isinstance(value, int | float) and value > 0 for value in found):
        return None
    seconds, converted, count, size = found
    return seconds / converted, size / count


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and 0 <= value <= _LARGEST else None


def _time(value: object) -> float | None:
    return value if isinstance(value, float) and 0 <= value <= _LATEST else None


def _words(value: object) -> str | None:
    return None if value is None else decode_name(value)[:_LONGEST]


def _human_bytes(count: int) -> str:
    """Return a number of bytes for people, in powers of 1000."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def recorded_specs(ledger: "Ledger") -> dict[int, Spec | None]:
    """Return the Specs of a ledger by their numbers, as `recorded_spec` reads them."""
    with ledger.transaction() as database:
        rows = database.execute("SELECT id, said FROM specs")
        return {number: recorded_spec(said) for number, said in rows}


def recorded_spec(said: object) -> Spec | None:
    """Return what frames a photo of a recorded Spec; None if it does not say so."""
    try:
        return _read_spec(json.loads(said)) if isinstance(said, str) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, FfprepError):
        return None


def _read_spec(said: dict[str, Any]) -> Spec:
    fallback, choice, frame = said["fallback"], said["choice"], said.get("frame")
    return Spec(
        _read_size(said["size"]),
        _read_mode(said["mode"]),
        focus=_read_focus(said["focus"]),
        bounds=Bounds(*map(_read_share, said["bounds"].values())),
        choice=_read_choice(choice) if choice else None,
        fallback=Fallback(_read_mode(fallback["mode"]), _read_share(fallback["max_loss"]))
        if fallback
        else None,
        frame=FilmFrame(frame["seconds"]) if frame else None,
    )


def _read_size(said: dict[str, Any]) -> Size:
    return Size(*map(_read_whole, (said["width"], said["height"])))


def _read_whole(value: Any) -> int:
    """Return a number of pixels, 1 or more. Raises ValueError."""
    if not isinstance(value, int) or not 1 <= value < 2**31:
        raise ValueError
    return value


def _read_share(value: Any) -> float:
    """Return a number from 0 to 1. Raises ValueError."""
    if not 0 <= value <= 1:
        raise ValueError
    return float(value)


def _read_focus(said: dict[str, Any]) -> Focus:
    x, y = _read_share(said["x"]), _read_share(said["y"])
    return FaceFocus(x, y) if "version" in said else Focus(x, y)


def _read_mode(said: dict[str, Any]) -> Mode:
    steps = tuple(
        Step(str(step["filter"]), tuple((str(key), str(value)) for key, value in step["options"]))
        for step in said["steps"]
    )
    fit = said["fit"]
    return Mode(str(said["name"]), steps, Fit(fit) if fit else None)


def _read_choice(said: dict[str, Any]) -> SizeChoice:
    sizes = tuple(map(_read_size, said["sizes"]))
    limits = {
        name: _read_limit(value) for name, value in said["envelope"].items() if value is not None
    }
    return SizeChoice(Fit(said["fit"]), sizes, SizeConstraints(**limits))


def _read_limit(value: Any) -> Any:
    return tuple(map(_read_whole, value)) if isinstance(value, list) else _read_whole(value)
