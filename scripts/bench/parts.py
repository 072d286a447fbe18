"""The parts of the benchmark beside the race: start-up, growth, fidelity."""

import os
import shlex
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scripts.bench.meter import Measure, measure
from scripts.bench.peers import FFPREP, HEIGHT, PROGRAMS, WIDTH, environment
from scripts.bench.race import Settings, is_exact

SIZE = ("--size", f"{WIDTH}x{HEIGHT}", "--mode", "cover")
CONVERT = (PROGRAMS["FFPREP"], "convert")
_QUALITY = ("--quality", "95", "--subsampling", "420")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two commands, run in turns: the medians in seconds, and the median of the ratios."""

    name: str
    against: str
    seconds: float
    base: float
    ratio: float


def startup(photo: Path, settings: Settings, rounds: int) -> list[Pair]:
    """Measure a start of ffprep, one photo and its check, against the least that does the same."""
    output = settings.work / "startup.jpg"
    single = [*CONVERT, str(photo), "-o", str(output), *SIZE, *_QUALITY]
    version = (PROGRAMS["FFPREP"], "--version")
    nothing = (PROGRAMS["PYTHON"], "-c", "pass")
    check = (PROGRAMS["FFPREP"], "check", str(output), *SIZE[:2])
    pairs = [
        _pair("ffprep --version", version, "python3 -c pass", nothing, rounds),
        _pair("one small photo", single, "the bare ffmpeg command", _bare(single), rounds),
        _pair("ffprep check of one photo", check, "ffprep --version", version, rounds),
    ]
    output.unlink(missing_ok=True)
    return pairs


def _bare(command: Sequence[str]) -> list[str]:
    """The ffmpeg command line that ffprep would run, by its own account."""
    told = subprocess.run(
        [*command, "--dry-run=commands"], capture_output=True, text=True, check=True
    ).stdout
    argv = shlex.split(told.splitlines()[-1])
    if "|" in argv:
        raise SystemExit("the photo for the start-up needs more than one command")
    return argv


def _pair(
    name: str, command: Sequence[str], against: str, base: Sequence[str], rounds: int
) -> Pair:
    one, other = (partial(measure, argv, memory=False) for argv in (command, base))
    seconds = [(ours.wall, theirs.wall) for ours, theirs in in_turns(name, one, other, rounds)]
    ours, theirs = (statistics.median(column) for column in zip(*seconds, strict=True))
    ratio = statistics.median(one / other for one, other in seconds)
    return Pair(name, against, ours, theirs, ratio)


def in_turns(
    name: str, one: Callable[[], Measure], other: Callable[[], Measure], rounds: int
) -> list[tuple[Measure, Measure]]:
    """What each of two costs, round by round after a warm-up, each going first every other time."""
    found = []
    for number in range(rounds + 1):
        if number % 2:
            ours, theirs = one(), other()
        else:
            theirs, ours = other(), one()
        if status := ours.status or theirs.status:
            raise SystemExit(f"{name}: exit status {status}")
        found.append((ours, theirs))
    return found[1:]


@dataclass(frozen=True, slots=True)
class Growth:
    """A run over `photos` photos: seconds a photo, and bytes of memory (medians of `runs` runs)."""

    photos: int
    runs: int
    wall: float
    cpu: float
    own: float
    peak: float
    exact: int


def growth(photo: Path, counts: Sequence[int], settings: Settings) -> list[Growth]:
    """How the cost of one photo grows with the number of photos; all are links to the same one."""
    source, output = settings.work / "growth", settings.work / "growth-out"
    found = []
    for count in counts:
        _links(photo, source, count)
        # Few photos take a moment, and a moment is noisy: more runs, and a warm-up among them.
        runs = [convert_all(source, output, settings.jobs) for _ in range(_repeats(count))]
        print(f"growth: {count} photos, {len(runs)} runs", file=sys.stderr, flush=True)
        exact = sum(is_exact(output / path.with_suffix(".jpg").name) for path in source.iterdir())
        found.append(_growth(count, runs[1:] or runs, exact))
    shutil.rmtree(source)
    shutil.rmtree(output)
    return found


def _repeats(count: int) -> int:
    return 6 if count < 1000 else 3 if count < 10_000 else 1


def _links(photo: Path, folder: Path, count: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for number in range(count):
        name = folder / f"{number:06d}.jpg"
        try:
            os.link(photo, name)
        except OSError:  # another file system, or too many links
            shutil.copyfile(photo, name)


def convert_all(source: Path, output: Path, jobs: int) -> Measure:
    """A folder through ffprep as in the race, into a new one."""
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    return measure(
        FFPREP.command, env=environment(SET=str(source), OUT=str(output), JOBS=str(jobs))
    )


def _growth(count: int, runs: Sequence[Measure], exact: int) -> Growth:
    return Growth(
        count,
        len(runs),
        statistics.median(run.wall for run in runs) / count,
        statistics.median(run.cpu for run in runs) / count,
        statistics.median(run.own for run in runs),
        statistics.median(run.peak for run in runs),
        exact,
    )
