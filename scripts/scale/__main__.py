"""What 100 million photos take: time, money, and what breaks first; the tables of docs/operations/scale.md.

python -m scripts.scale [--into docs/operations/scale.md]      # print them, or put them into the page
python -m scripts.scale --measure                   # measure this machine first: a quarter of an hour

The figures are in scale.toml beside this file: those measured, those that others have published, and
what is assumed of a library and of its machines. FFPREP_PHOTOS names a folder of photos to measure
with, else some are drawn. The simulation is the same for the same seed, everywhere.
"""

import argparse
import datetime
import re
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import tomlkit

from scripts.bench.report import machine
from scripts.scale.measure import Measured
from scripts.scale.model import Figures
from scripts.scale.tables import tables

FIGURES = Path(__file__).with_name("figures.toml")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="What 100 million photos take.")
    parser.add_argument("--measure", action="store_true", help="write [measured] of the figures")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a smoke run: nothing to rely on")
    parser.add_argument("--figures", type=Path, default=FIGURES)
    parser.add_argument("--into", type=Path, metavar="PAGE", help="put the tables into this page")
    given = parser.parse_args(arguments)
    if given.measure:
        measure(given.figures, given.rounds, given.quick)
    made = tables(Figures.read(given.figures))
    if given.into:
        given.into.write_text(renewed(given.into.read_text(), made))
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


def renewed(page: str, made: dict[str, str]) -> str:
    """A page whose tables, each between `<!-- table: NAME -->` and `<!-- end -->`, are these."""
    marked = re.compile(r"(<!-- table: (.*?) -->\n).*?(<!-- end -->)", re.DOTALL)
    names = [match[2] for match in marked.finditer(page)]
    if sorted(names) != sorted(made):
        raise SystemExit(f"the page has {sorted(names)}, and there are {sorted(made)}")
    return marked.sub(lambda match: f"{match[1]}\n{made[match[2]]}\n\n{match[3]}", page)


if __name__ == "__main__":
    main()
