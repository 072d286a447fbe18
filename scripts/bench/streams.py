"""Measure large photos, one and two at a time, and how often ffmpeg starts."""

import shutil
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scripts.bench.meter import measure
from scripts.bench.parts import convert_all, in_turns
from scripts.bench.peers import FFPREP, PROGRAMS, environment
from scripts.bench.race import Settings
from scripts.bench.sets import Photo, build

_STARTS = {
    "varied": "small, with four orientations and some profiles",
    "small": "small",
    "mixed": "mixed",
    "camera": "camera",
}


@dataclass(frozen=True, slots=True)
class Large:
    """Photos of 42 megapixels with `--jobs 2` and `--jobs 1`: medians in seconds and bytes."""

    photos: int
    two: float
    one: float
    ratio: float
    two_peak: float
    one_peak: float


def large(photos: Sequence[Photo], settings: Settings, quick: bool) -> Large:
    """Convert the photos both ways, in turns. Peaks are those of the whole process tree."""
    folder, output = build("large", photos, settings.work / "sets", quick), settings.work / "out"
    print("large", file=sys.stderr, flush=True)
    two, one = (partial(convert_all, folder, output, jobs) for jobs in (2, 1))
    turns = in_turns("large", two, one, settings.rounds)
    shutil.rmtree(output)
    median = statistics.median
    return Large(
        len([*folder.iterdir()]),
        median(ours.wall for ours, _ in turns),
        median(base.wall for _, base in turns),
        median(ours.wall / base.wall for ours, base in turns),
        median(ours.peak for ours, _ in turns),
        median(base.peak for _, base in turns),
    )


@dataclass(frozen=True, slots=True)
class Starts:
    """How often a run over a set of photos starts ffmpeg to convert."""

    set: str
    what: str
    photos: int
    starts: int

    @property
    def photos_each(self) -> float:
        """Photos for each start."""
        return self.photos / max(self.starts, 1)


def starts(photos: Sequence[Photo], settings: Settings, quick: bool) -> list[Starts]:
    """Count the starts over each set, by a script in place of ffmpeg."""
    found = []
    for name, what in _STARTS.items():
        print(f"starts: {name}", file=sys.stderr, flush=True)
        folder = build(name, photos, settings.work / "sets", quick)
        count = _starts(folder, settings)
        found.append(Starts(name, what, len([*folder.iterdir()]), count))
    return found


def _starts(folder: Path, settings: Settings) -> int:
    work = settings.work / "starts"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    log, script = work / "log", work / "ffmpeg"
    # Calls that only ask for the version or the filters have no input.
    script.write_text(
        f"""#!/bin/sh
case " $* " in *" -i "*) echo >>'{log}';; esac
exec '{PROGRAMS["FFMPEG"]}' "$@"
"""
    )
    script.chmod(0o755)
    log.touch()
    where = environment(
        SET=str(folder),
        OUT=str(work / "out"),
        JOBS=str(settings.jobs),
        FFPREP_FFMPEG=str(script),
    )
    measure(FFPREP.command, env=where, memory=False)
    count = len(log.read_bytes().splitlines())
    shutil.rmtree(work)
    return count
