"""What was measured, for people and programs: Markdown and JSON."""

import json
import os
import platform
import textwrap
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from scripts.bench.colour import Colour
from scripts.bench.fidelity import Fidelity
from scripts.bench.goals import (
    Goal,
    colour_goals,
    fidelity_goals,
    growth_goals,
    idle_goals,
    quality_goals,
    race_goals,
    startup_goals,
    stream_goals,
)
from scripts.bench.nightly import Nightly
from scripts.bench.parts import Growth, Pair
from scripts.bench.quality import Coded
from scripts.bench.race import Race
from scripts.bench.sets import SETS
from scripts.bench.stores import StoreCost
from scripts.bench.streams import Large, Starts
from scripts.bench.tables import (
    beside_table,
    chroma_table,
    colour_table,
    fidelity_table,
    goals_table,
    growth_table,
    held_table,
    large_table,
    quality_table,
    race_table,
    starts_table,
    startup_table,
    stores_table,
)

_MEGA = 1e6


@dataclass(slots=True)
class Report:
    """All parts of a benchmark; those that were not run are empty, and `failed` names parts."""

    jobs: int
    rounds: int
    drawn: bool
    quick: bool = False
    versions: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    races: list[Race] = field(default_factory=list)
    startup: list[Pair] = field(default_factory=list)
    large: Large | None = None
    starts: list[Starts] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    floor: list[Race] = field(default_factory=list)
    fidelity: list[Fidelity] = field(default_factory=list)
    odd: list[Fidelity] = field(default_factory=list)
    quality: list[Coded] = field(default_factory=list)
    colour: list[Colour] = field(default_factory=list)
    nightly: Nightly | None = None
    stores: StoreCost | None = None
    failed: list[str] = field(default_factory=list)

    def goals(self) -> list[Goal]:
        """The goals of the parts that were run."""
        return [
            *race_goals(self.races),
            *startup_goals(self.startup),
            *stream_goals(self.large, self.starts),
            *growth_goals(self.growth),
            *(idle_goals(self.nightly.idle) if self.nightly and self.nightly.idle else ()),
            *fidelity_goals(self.fidelity, self.odd),
            *quality_goals(self.quality),
            *colour_goals(self.colour),
        ]

    def json(self) -> str:
        """Everything, with every single run."""
        goals = [asdict(goal) for goal in self.goals()]
        return json.dumps({"machine": machine(), **asdict(self), "goals": goals}, indent=1) + "\n"

    def markdown(self) -> str:
        """The tables, each under a heading of its own."""
        made = self.tables()
        parts = [made["conditions"]]
        parts += [
            f"### {_TITLES[n]}\n\n{text}" for n, text in made.items() if text and n in _TITLES
        ]
        return "\n\n".join(parts) + "\n"

    def tables(self) -> dict[str, str]:
        """The tables by name; the text of a part that was not run is empty."""
        night, goals = self.nightly or Nightly(), self.goals()
        raced = {race.set.removesuffix("-quick"): race for race in self.races}
        lines = {
            "conditions": _conditions(self),
            **{name: _race(raced.get(name)) for name in SETS},
            "goals": goals_table(goals) if goals else (),
            "floor": _race(self.floor[0] if self.floor else None, outputs=False),
            "startup": startup_table(self.startup) if self.startup else (),
            "large": large_table(self.large) if self.large else (),
            "starts": starts_table(self.starts) if self.starts else (),
            "growth": growth_table(self.growth) if self.growth else (),
            "idle": beside_table("ffprep", "rsync", [night.idle]) if night.idle else (),
            "memory": held_table(night.held) if night.held else (),
            "fsync": beside_table("--fsync", "without", night.synced) if night.synced else (),
            "stores": stores_table(self.stores) if self.stores else (),
            "fidelity": fidelity_table(self.fidelity) if self.fidelity else (),
            "odd": fidelity_table(self.odd) if self.odd else (),
            "jpeg": quality_table(self.quality) if self.quality else (),
            "chroma": chroma_table(self.quality) if self.quality else (),
            "colour": colour_table(self.colour) if self.colour else (),
        }
        return {name: "\n".join(text) for name, text in lines.items()}


_TITLES = {
    "camera": "Camera photos",
    "mixed": "Mixed photos",
    "small": "Small photos",
    "goals": "Goals and results",
    "floor": "The floor: decoding alone, camera",
    "startup": "Start-up",
    "large": "Large photos",
    "starts": "Starts of ffmpeg",
    "growth": "Growth",
    "idle": "A run with nothing to do",
    "memory": "Memory",
    "fsync": "--fsync",
    "stores": "From S3 to S3",
    "fidelity": "Fidelity",
    "odd": "Fidelity at odd offsets",
    "jpeg": "JPEG against Pillow",
    "chroma": "Full chroma or half",
    "colour": "Colour",
}


def _race(race: Race | None, outputs: bool = True) -> Iterator[str]:
    if race:
        yield from (f"{race.photos} photos, {race.bytes / _MEGA:.0f} MB:", "")
        yield from race_table(race, outputs)


def machine() -> dict[str, str | int | float]:
    """Describe the machine. The load is that of the last minute, including the benchmark."""
    return {
        "processor": _processor(),
        "processors": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _conditions(report: Report) -> Iterator[str]:
    about = machine()
    yield f"{about['processor']}, {about['processors']} processors, Python {about['python']}."
    yield f"{report.jobs} at a time, {report.rounds} rounds after a warm-up, order alternating."
    yield f"Photos: {'drawn' if report.drawn else 'real'}."
    if report.quick:
        yield "**A smoke run: a few photos, and no figures to rely on.**"
    if report.versions:
        versions = ", ".join(f"{n} {v}" for n, v in report.versions.items())
        yield textwrap.fill(f"Versions: {versions}.", 100)
    if report.missing:
        missing = ", ".join(report.missing)
        yield textwrap.fill(f"Not installed, and left out: {missing}.", 100)
