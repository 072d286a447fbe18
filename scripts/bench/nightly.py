"""Measure a nightly run with nothing to do, and rsync; its memory; and the cost of --fsync."""

import shutil
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from scripts.bench.meter import Measure, measure
from scripts.bench.parts import CONVERT, SIZE, in_turns
from scripts.bench.race import Settings
from scripts.bench.sets import Photo, build
from scripts.samples import library as make_library

_SIZE = "64x36"


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of wall time, over several rounds."""

    best: float
    median: float

    @classmethod
    def of(cls, runs: Sequence[Measure]) -> "Times":
        """The times of these runs."""
        walls = [run.wall for run in runs]
        return cls(min(walls), statistics.median(walls))


@dataclass(frozen=True, slots=True)
class Beside:
    """Two commands in turns; the ratio is the median of the rounds' own."""

    what: str
    photos: int
    ours: Times
    theirs: Times
    ratio: float

    @classmethod
    def of(
        cls,
        what: str,
        photos: int,
        one: Callable[[], Measure],
        other: Callable[[], Measure],
        rounds: int,
    ) -> "Beside":
        """Measure them, round by round."""
        pairs = in_turns(what, one, other, rounds)
        ratio = statistics.median(ours.wall / theirs.wall for ours, theirs in pairs)
        ours, theirs = zip(*pairs, strict=True)
        return cls(what, photos, Times.of(ours), Times.of(theirs), ratio)


@dataclass(frozen=True, slots=True)
class Held:
    """The largest memory of the ffprep process, in bytes: with --adopt, and with nothing to do."""

    photos: int
    each: int
    adopting: int
    idle: int


@dataclass(slots=True)
class Nightly:
    """All of it; `idle` is None where there is no rsync."""

    idle: Beside | None = None
    held: list[Held] = field(default_factory=list)
    synced: list[Beside] = field(default_factory=list)


def nightly(photos: Sequence[Photo], settings: Settings, quick: bool) -> Nightly:
    """Measure all of it. Libraries are drawn, and are as large as a million photos' tenth."""
    found = Nightly()
    counts, each = ((100, 200), 50) if quick else ((10_000, 100_000), 1000)
    for count in counts:
        with _Library(settings.work, count, each) as library:
            found.held.append(_held(library))
            if count == counts[-1] and shutil.which("rsync"):
                found.idle = _idle(library, settings.rounds)
    with _Library(settings.work, counts[0], counts[0]) as library:
        found.held.append(_held(library))
    small = build("small", photos, settings.work / "sets", quick)
    found.synced.append(_synced("small", small, settings))
    return found


class _Library:
    """Many tiny photos, `each` to a folder, with an output for each: as a context, it is there."""

    def __init__(self, work: Path, count: int, each: int) -> None:
        self.count, self.each, self.adopting = count, each, 0
        self.folder, self.output = work / "library", work / "library-out"
        self.command = [*CONVERT, str(self.folder), "-o", str(self.output), "--size", _SIZE]

    def __enter__(self) -> "_Library":
        """Draw it, and record all outputs as done."""
        self.__exit__()
        print(f"nightly: {self.count} photos, {self.each} a folder", file=sys.stderr, flush=True)
        where = [str(self.folder), "--outputs", str(self.output), "--size", _SIZE]
        make_library.main([str(self.count), *where, "--each", str(self.each)])
        self.adopting = _well([*self.command, "--adopt"]).own
        return self

    def __exit__(self, *_: object) -> None:
        for folder in (self.folder, self.output):
            shutil.rmtree(folder, ignore_errors=True)


def _idle(library: _Library, rounds: int) -> Beside:
    rsync = ["rsync", "-a", "--dry-run", f"{library.folder}/", f"{library.output}/"]
    ours, theirs = (partial(measure, argv, memory=False) for argv in (library.command, rsync))
    return Beside.of("nothing to do", library.count, ours, theirs, rounds)


def _held(library: _Library) -> Held:
    return Held(library.count, library.each, library.adopting, _well(library.command).own)


def _well(argv: Sequence[str]) -> Measure:
    done = measure(argv)
    if done.status:
        raise SystemExit(f"{' '.join(argv)}: exit status {done.status}")
    return done


def _synced(name: str, folder: Path, settings: Settings) -> Beside:
    """The same folder converted with --fsync and without, into a new folder each time."""
    output = settings.work / "synced"

    def convert(*options: str) -> Measure:
        shutil.rmtree(output, ignore_errors=True)
        return measure([*CONVERT, str(folder), "-o", str(output), *SIZE, *options], memory=False)

    count = sum(1 for _ in folder.iterdir())
    found = Beside.of(name, count, partial(convert, "--fsync"), convert, settings.rounds)
    shutil.rmtree(output)
    return found
