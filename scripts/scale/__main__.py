"""Time, cost and bottlenecks for 100 million photos: the tables of two pages in docs/operations.

python -m scripts.scale                    # print the tables
python -m scripts.scale --measure          # measure this machine first: a quarter of an hour
python -m scripts.scale --into docs/operations/scale.md docs/operations/scale-figures.md

The figures are in figures.toml beside this file: measured, published by others, and assumed.
FFPREP_PHOTOS names a folder of photos to measure with; without it, photos are drawn. The simulation
gives the same result for the same seed, everywhere.
"""

import argparse
import datetime
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import tomlkit

from scripts.bench.report import machine
from scripts.pages.insert import insert
from scripts.scale.measure import Measured
from scripts.scale.model import Figures
from scripts.scale.tables import tables

FIGURES = Path(__file__).with_name("figures.toml")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Time and cost for 100 million photos.")
    parser.add_argument("--measure", action="store_true", help="write [measured] of the figures")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a smoke run: nothing to rely on")
    parser.add_argument("--figures", type=Path, default=FIGURES)
    parser.add_argument(
        "--into", type=Path, metavar="PAGE", nargs="+", help="put the tables into these pages"
    )
    given = parser.parse_args(arguments)
    if given.measure:
        measure(given.figures, given.rounds, given.quick)
    made = tables(Figures.read(given.figures))
    if given.into:
        insert(given.into, made)
    else:
        for name, text in made.items():
            print(f"## {name}\n\n{text}\n")


def measure(figures: Path, rounds: int, quick: bool) -> None:
    """Write what this machine costs a photo into a file of figures."""
    about = machine()
    with tempfile.TemporaryDirectory() as work:
        found = list(Measured(Path(work), rounds, quick).constants())
    document = tomlkit.parse(figures.read_text())
    measured = tomlkit.table()
    measured["machine"] = f"{about['processor']}, {about['processors']} processors"
    measured["date"] = datetime.date.today()
    measured["rounds"] = rounds
    for constant in found:
        values = asdict(constant)
        name = values.pop("name")
        measured[name] = {
            key: float(f"{value:.4g}") if isinstance(value, float) else value
            for key, value in values.items()
        }
    document["measured"] = measured
    figures.write_text(tomlkit.dumps(document))


if __name__ == "__main__":
    main()
