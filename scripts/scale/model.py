"""The arithmetic of docs/operations/scale.md: a library on N machines, from figures.toml."""

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. Measured ones have a spread, published ones a source, assumed ones neither."""

    name: str
    unit: str
    value: float
    what: str
    low: float = math.nan
    high: float = math.nan
    source: str = ""
    checked: bool = False


class Class(NamedTuple):
    """Photos of one size: their share of the library."""

    share: float
    mpx: float


@dataclass(frozen=True, slots=True)
class Figures:
    """The contents of figures.toml. `figures[NAME]` is a value from any of its tables."""

    measured: tuple[Figure, ...]
    published: tuple[Figure, ...]
    assumed: tuple[Figure, ...]
    classes: tuple[Class, ...]
    machine: str
    date: str
    rounds: int

    @classmethod
    def read(cls, path: Path) -> "Figures":
        """Read the figures of a file."""
        content = tomllib.loads(path.read_text())
        measured = content["measured"]
        return cls(
            _figures(measured),
            _figures(content["published"]),
            _figures(content["assumed"]),
            tuple(Class(**one) for one in content["library"]["classes"]),
            measured["machine"],
            str(measured["date"]),
            measured["rounds"],
        )

    def __getitem__(self, name: str) -> float:
        for figure in (*self.measured, *self.published, *self.assumed):
            if figure.name == name:
                return figure.value
        raise KeyError(name)


def _figures(table: dict[str, Any]) -> tuple[Figure, ...]:
    found = ((name, one) for name, one in table.items() if isinstance(one, dict))
    return tuple(Figure(name, **one) for name, one in found)


@dataclass(frozen=True, slots=True)
class Library:
    """`photos` photos on S3. All times are seconds of one processor."""

    figures: Figures
    photos: int

    @property
    def mpx(self) -> float:
        """Mean megapixels of a photo."""
        return sum(one.share * one.mpx for one in self.figures.classes)

    def cpu(self, mpx: float) -> float:
        """Return the time to download, convert, verify and upload a photo."""
        f = self.figures
        return f["photo_cpu"] + mpx * f["pixel_cpu"] + f["get_cpu"] + f["put_cpu"]

    @property
    def photo(self) -> float:
        """Mean time of a photo."""
        return self.cpu(self.mpx)

    @property
    def deviation(self) -> float:
        """Standard deviation of that time."""
        squares = (
            one.share * (self.cpu(one.mpx) - self.photo) ** 2 for one in self.figures.classes
        )
        return math.sqrt(sum(squares))

    @property
    def chunk(self) -> int:
        """Photos in a chunk, except near the end."""
        most = int(self.figures["chunk_photos"])
        return max(1, min(most, round(self.figures["chunk_seconds"] / self.photo)))

    @property
    def scheduled(self) -> float:
        """Time of a photo in Dask's scheduler, which has a task for each chunk."""
        return self.figures["scheduler_cpu"] / self.chunk

    @property
    def hours(self) -> float:
        """Hours for all photos on one processor."""
        return self.photos * self.photo / HOUR

    @property
    def photo_bytes(self) -> float:
        """Mean bytes of a photo."""
        return self.mpx * self.figures["pixel_bytes"]

    @property
    def row_bytes(self) -> float:
        """Bytes of a row of the ledger."""
        f = self.figures
        return f["row_bytes"] + f["name_bytes"] * f["names"]


@dataclass(frozen=True, slots=True)
class Split:
    """A library as `runs` runs, each with its own submitting process, scheduler and ledger.

    By prefix, each run lists its own part; by name, as with `--shard`, each lists everything and
    takes its part. All runs work at the same time.
    """

    library: Library
    runs: int
    by_name: bool = False

    @property
    def photos(self) -> float:
        """Photos of one run."""
        return self.library.photos / self.runs

    @property
    def listed(self) -> float:
        """Seconds of one listing of the sources, for each photo of the run."""
        return self.library.figures["listed_cpu"] * (self.runs if self.by_name else 1)

    @property
    def planning(self) -> float:
        """Hours of the first walk, before any work."""
        return self.photos * self.listed / HOUR

    @property
    def submission(self) -> float:
        """Seconds of a photo in the submitting process during the work."""
        f = self.library.figures
        return (f["listings"] - 1) * self.listed + f["submit_cpu"]

    @property
    def rate(self) -> float:
        """Photos a second that all runs together can submit."""
        return self.runs / max(self.submission, self.library.scheduled)

    @property
    def night(self) -> float:
        """Hours of a run with nothing new."""
        f = self.library.figures
        return self.photos * (f["listings"] * self.listed + f["fresh_cpu"]) / HOUR

    @property
    def requests(self) -> float:
        """LIST requests of all runs in one night."""
        f = self.library.figures
        pages = self.library.photos * f["listings"] / f["list_page"]
        return pages * (self.runs if self.by_name else 1)

    @property
    def ledger(self) -> float:
        """Bytes of one ledger."""
        return self.photos * self.library.row_bytes

    @property
    def census(self) -> float:
        """Bytes of memory of one run's plan."""
        planned = self.library.photos if self.by_name else self.photos
        return planned * self.library.figures["census_bytes"]


@dataclass(frozen=True, slots=True)
class Fleet:
    """A library on `machines` machines."""

    library: Library
    machines: int

    @property
    def cores(self) -> int:
        """Processors."""
        return self.machines * int(self.library.figures["cores"])

    @property
    def wanted(self) -> float:
        """Photos a second that keep all processors busy."""
        return self.cores / self.library.photo

    @property
    def prefixes(self) -> int:
        """Prefixes over which photos and outputs must be spread."""
        f = self.library.figures
        return math.ceil(self.wanted / min(f["s3_put_rate"], f["s3_get_rate"]))

    @property
    def gigabits(self) -> float:
        """Gigabits a second, in and out of one machine."""
        moved = self.library.photo_bytes + self.library.figures["output_bytes"]
        return 8e-9 * moved * self.wanted / self.machines

    def hours(self, split: Split) -> float:
        """Return the hours to convert everything, after the plan, with enough prefixes."""
        return self.library.photos / min(self.wanted, split.rate) / HOUR

    def paid(self, split: Split) -> float:
        """Return the cost of all processors for those hours."""
        return self.hours(split) * self.cores * self.library.figures["cpu_on_demand"]
