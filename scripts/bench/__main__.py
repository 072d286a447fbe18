r"""Compare ffprep with other tools, on the same photos and the same processors.

    python -m scripts.bench                       the race, over three sets (takes a while)
    python -m scripts.bench --quick               a few photos, one round, to see that it works
    python -m scripts.bench --startup --growth    only these parts; --help lists all parts
    python -m scripts.bench --all --json bench.json --svg docs/operations/benchmark.svg \\
        --into docs/operations/benchmark.md docs/operations/benchmark-quality.md

The photos are those of the folder FFPREP_PHOTOS. If it is not set, photos are drawn.
"""

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from scripts.bench.chart import svg
from scripts.bench.colour import colour
from scripts.bench.fidelity import fidelity, odd_fidelity
from scripts.bench.nightly import nightly
from scripts.bench.parts import growth, startup
from scripts.bench.peers import BASES, FLOOR, PEERS, USUAL, Peer, installed
from scripts.bench.quality import quality
from scripts.bench.race import Settings, race
from scripts.bench.report import Report
from scripts.bench.sets import (
    SETS,
    Photo,
    build,
    camera_photos,
    photo_folder,
    small_photo,
    sound_photos,
)
from scripts.bench.stores import store_cost
from scripts.bench.streams import large, starts
from scripts.pages.insert import insert

_PARTS = {
    "race": "ffprep and other tools; the default",
    "startup": "ffprep --version, and one small photo",
    "growth": "the cost of a photo, from few to many",
    "floor": "decoding alone, and ffprep",
    "large": "photos of 42 megapixels, one and two at a time",
    "starts": "how often ffmpeg starts",
    "fidelity": "PSNR against Pillow's LANCZOS",
    "odd": "the same, of crops at odd offsets",
    "quality": "PSNR and bytes of JPEGs, compared with Pillow",
    "colour": "Display P3 photos, and the same without a profile",
    "nightly": "a run with nothing to do, and rsync; memory; --fsync",
    "stores": "CPU time from S3 to S3 (moto), beside disk to disk",
}


def main() -> int:
    """Run the chosen parts; print the tables and write the files."""
    options = _options()
    # Installed programs have bytecode files. Without them, each start would compile ffprep again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="ffprep-bench-") as temporary:
        work = Path(options.work or temporary).absolute()
        report = _measure(options, work)
    text = report.markdown()
    print(text, end="")
    if options.markdown:
        options.markdown.write_text(text)
    if options.into:
        insert(options.into, report.tables())
    if options.svg and report.races:
        options.svg.write_text(svg(report.races))
    return 1 if report.failed else 0


def _options() -> argparse.Namespace:
    words, _, examples = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=words, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    for part, what in _PARTS.items():
        add(f"--{part}", action="append_const", const=part, dest="parts", help=what)
    add("--all", action="store_const", const=[*_PARTS], dest="parts", help="every part")
    add("--quick", action="store_true", help="8 photos a set, one round")
    add("--sets", type=_names(SETS), default=[*SETS], metavar="A,B", help=", ".join(SETS))
    peers = [peer.name for peer in PEERS]
    add("--peers", type=_names(peers), default=[*USUAL], metavar="A,B", help=", ".join(peers))
    add("--rounds", type=int, help="after one warm-up (default: 5)")
    add("--jobs", type=int, default=_processors(), help="photos at a time (default: processors)")
    add("--growth-counts", type=_numbers, metavar="N,N", help="default: 100,1000,10000")
    add("--work", type=Path, metavar="DIR", help="keep sets and logs here, and use them again")
    add("--into", type=Path, metavar="PAGE", nargs="+", help="put the tables into these pages")
    for name in ("json", "markdown", "svg"):
        add(f"--{name}", type=Path, metavar="FILE")
    options = parser.parse_args()
    options.parts = options.parts or ["race"]
    options.rounds = options.rounds or (1 if options.quick else 5)
    few, many = [20, 100], [100, 1000, 10000]
    options.growth_counts = options.growth_counts or (few if options.quick else many)
    return options


def _names(known: Iterable[str]) -> Callable[[str], list[str]]:
    """Return a parser of a list of names, each of which must be known."""
    known = [*known]

    def names(text: str) -> list[str]:
        for name in (found := text.split(",")):
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name}: known are {', '.join(known)}")
        return found

    return names


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _measure(options: argparse.Namespace, work: Path) -> Report:
    """Measure every part. One that fails costs no other; what is measured is written at once."""
    settings = Settings(options.jobs, options.rounds, work)
    folder, drawn = photo_folder(work)
    photos = sound_photos(folder)
    report = Report(options.jobs, options.rounds, drawn, options.quick)
    for name, part in _parts(options, settings, photos, report).items():
        began = time.monotonic()
        try:
            part()
        except Exception:
            traceback.print_exc()
            report.failed.append(name)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        if options.json:
            options.json.write_text(report.json())
    return report


def _parts(
    options: argparse.Namespace, settings: Settings, photos: list[Photo], report: Report
) -> dict[str, Callable[[], None]]:
    """Return what measures each chosen part, and puts it into the report."""
    chosen: dict[str, Callable[[], None]] = {}
    if "race" in options.parts:
        for name in options.sets:
            chosen[f"race, {name}"] = partial(_race, name, options, settings, photos, report)
    if "floor" in options.parts:
        chosen["floor"] = partial(_floor, options, settings, photos, report)
    for name, part in _others(options, settings, photos).items():
        if name in options.parts:
            chosen[name] = partial(_measured, report, name, part)
    return chosen


def _race(
    name: str, options: argparse.Namespace, settings: Settings, photos: list[Photo], report: Report
) -> None:
    peers = _chosen(PEERS, {*BASES.values(), *options.peers}, report)
    place = build(name, photos, settings.work / "sets", options.quick)
    report.races.append(race(peers, place, settings, settings.work / "logs"))


def _floor(
    options: argparse.Namespace, settings: Settings, photos: list[Photo], report: Report
) -> None:
    peers = _chosen(FLOOR, {peer.name for peer in FLOOR}, report)
    place = build("camera", photos, settings.work / "sets", options.quick)
    report.floor.append(race(peers, place, settings, settings.work / "logs"))


def _measured(report: Report, name: str, part: Callable[[], object]) -> None:
    setattr(report, name, part())


def _chosen(known: Iterable[Peer], wanted: set[str], report: Report) -> list[Peer]:
    """Return the wanted peers that are installed; add all of them to the report."""
    peers = [peer for peer in known if peer.name in wanted]
    versions, missing = installed(peers)
    report.versions.update(versions)
    report.missing = sorted({*report.missing, *missing})
    if "ffprep" in missing:
        sys.exit("there is no ffprep beside this Python; install it there: pip install -e .")
    for name in missing:
        print(f"{name} is not installed and is left out", file=sys.stderr)
    return [peer for peer in peers if peer.name in versions]


def _others(
    options: argparse.Namespace, settings: Settings, photos: list[Photo]
) -> dict[str, Callable[[], object]]:
    """Return what measures each part but the races, by the name of its field in the report."""
    quick = options.quick
    camera = camera_photos(photos)[: 4 if quick else None]

    def small() -> Path:
        return small_photo(build("small", photos, settings.work / "sets", quick))

    return {
        "startup": lambda: startup(small(), settings, 5 if quick else 21),
        "growth": lambda: growth(small(), options.growth_counts, settings),
        "large": lambda: large(photos, settings, quick),
        "starts": lambda: starts(photos, settings, quick),
        "fidelity": lambda: fidelity(camera, settings),
        "odd": lambda: odd_fidelity(camera, settings),
        "quality": lambda: quality(camera, settings),
        "colour": lambda: colour(photos, settings, quick),
        "nightly": lambda: nightly(photos, settings, quick),
        "stores": lambda: store_cost(settings, quick),
    }


if __name__ == "__main__":
    sys.exit(main())
