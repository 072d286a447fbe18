"""Model libraries of up to 100 million photos from costs that were measured on one machine.

python -m scripts.scale --measure       # measure this machine, and write the page: 15 minutes
python -m scripts.scale                 # compute the tables of the page from its figures

The figures are in a table of docs/operations/scale.md: edit them there for other photos, machines
and prices. FFPREP_PHOTOS names a folder of photos to measure with; without it, photos are drawn.
Costs are seconds of processor time: wall time means little on a machine with other work.
"""

import argparse
import math
import os
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ffprep.storage.protocol import storage_of
from scripts.bench.meter import Measure, cpu_of, measure
from scripts.bench.servers import dask, s3
from scripts.bench.sets import camera_photos, photo_folder, sound_photos
from scripts.pages.insert import insert
from scripts.pages.markdown_table import table
from scripts.samples import library as tiny_photos

PAGE = Path(__file__).parents[1] / "docs/operations/scale.md"
HOUR, GB = 3600.0, 1e9
_PLAN = """
import sys
from ffprep.core.job import BATCH, Batch
from ffprep.library.collisions import CollisionIndex
from ffprep.library.walk import Listing
index = CollisionIndex()
for first in range(0, int(sys.argv[1]), BATCH):
    names = [f"IMG_{number:09}.jpg" for number in range(first, first + BATCH)]
    index.count(Batch(f"/photos/{first}/", f"/ready/{first}/", names, names, ()), Listing("/", "/"))
index.close()
"""
Figures = Mapping[str, float]
Costs = Iterator[tuple[str, Sequence[float]]]


class Row(NamedTuple):
    """A row of the table of figures. `origin` is a spread, a source, or "assumed"."""

    figure: str
    value: str
    unit: str
    meaning: str
    origin: str

    def measured(self, costs: Sequence[float]) -> "Row":
        """Return the row with the median of several rounds, and their spread."""
        middle, low, high = statistics.median(costs), min(costs), max(costs)
        spread = f"{low:.3g} to {high:.3g}" if len(costs) > 1 else "measured"
        return self._replace(value=f"{middle:.3g}", origin=spread)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Model libraries of up to 100 million photos.")
    parser.add_argument("--measure", action="store_true", help="measure this machine first")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--fewer", type=int, default=1, help="divide the numbers of photos")
    parser.add_argument("--page", type=Path, default=PAGE)
    given = parser.parse_args(arguments)
    found = re.findall(r"^\| `(\w+)` +\|(.*)\|$", given.page.read_text(), re.MULTILINE)
    rows = {name: Row(name, *map(str.strip, rest.split("|"))) for name, rest in found}
    if given.measure:
        with tempfile.TemporaryDirectory() as work:
            for name, costs in measured(Path(work), given.rounds, given.fewer):
                rows[name] = rows[name].measured(costs)
                print(*rows[name], file=sys.stderr)
    f = derived({name: float(row.value) for name, row in rows.items()})
    made = {make.__name__: make(f) for make in (libraries, machines, limits)}
    made["figures"] = table(Row._fields, [row._replace(figure=f"`{n}`") for n, row in rows.items()])
    insert([given.page], {name: "\n".join(lines) for name, lines in made.items()})


def derived(f: Figures) -> Figures:
    """Add the seconds of a photo from S3 to S3, and the photos a second that one run can feed."""
    photo = f["photo_cpu"] + f["get_cpu"] + f["put_cpu"]
    submitted = 1 / (2 * f["listed_cpu"] + f["submit_cpu"])
    return {
        **f,
        "photo": photo,
        "submitted": submitted,
        "scheduled": f["chunk_seconds"] / photo / f["scheduler_cpu"],
    }


def libraries(f: Figures) -> Iterator[str]:
    """Yield the table of libraries of several sizes."""
    of_photo = [
        ("processor hours", "{:,.0f}", f["photo"] / HOUR),
        ("price of the processors", "${:,.2f}", f["photo"] / HOUR * f["core_hour"]),
        ("price of GETs and PUTs", "${:,.2f}", f["s3_get"] + f["s3_put"]),
        ("outputs, GB", "{:,.0f}", f["output_bytes"] / GB),
        ("ledger, GB", "{:,.2f}", f["row_bytes"] / GB),
        ("memory of the plan, GB", "{:,.2f}", f["plan_bytes"] / GB),
        ("a night with nothing new, from disk, min", "{:,.1f}", f["fresh_cpu"] / 60),
        ("the same from S3, min", "{:,.1f}", (f["fresh_cpu"] + 3 * f["listed_cpu"]) / 60),
        ("the same, price of LISTs", "${:,.2f}", 3 * f["s3_list"]),
    ]
    sizes = (1e6, 1e7, 1e8)
    rows = [(what, *(form.format(cost * n) for n in sizes)) for what, form, cost in of_photo]
    return table(("", "1 million", "10 million", "100 million"), rows)


def machines(f: Figures) -> Iterator[str]:
    """Yield the table of 100 million photos on several machines."""
    rows = []
    photo_and_output = f["photo_bytes"] + f["output_bytes"]
    for count in (1, 16, 64, 256):
        rate = count * f["cores"] / f["photo"]
        fed = (min(rate, runs * min(f["submitted"], f["scheduled"])) for runs in (1, 16))
        hours = (f"{1e8 / photos / HOUR:,.1f}" for photos in fed)
        prefixes = math.ceil(rate / f["s3_put_rate"])
        gigabits = f"{8 * photo_and_output * rate / count / GB:.1f}"
        cores = f"{count * f['cores']:,.0f}"
        rows.append((f"{count}", cores, f"{rate:,.0f}", *hours, f"{prefixes}", gigabits))
    head = ("machines", "processors", "photos/s", "hours, 1 run", "hours, 16 runs", "prefixes")
    return table((*head, "Gbit/s a machine"), rows)


def limits(f: Figures) -> Iterator[str]:
    """Yield the table of the bottlenecks of one run."""
    rates = {
        "PUT requests below one prefix": f["s3_put_rate"],
        "the submitting process, from S3": f["submitted"],
        "the submitting process, from files": 1 / f["submit_cpu"],
        "Dask's scheduler": f["scheduled"],
    }
    order = sorted(rates.items(), key=lambda item: item[1])
    rows = [(limit, f"{rate:,.0f}", f"{rate * f['photo']:,.0f}") for limit, rate in order]
    return table(("limit", "photos/s", "processors kept busy"), rows)


def measured(work: Path, rounds: int, fewer: int) -> Costs:
    """Yield the costs of this machine."""
    yield from photos(work / "photos", rounds, 120 // fewer)
    yield from objects(work / "objects", rounds)
    yield from up_to_date(work / "up-to-date", rounds, (5_000 // fewer, 50_000 // fewer))
    names = (500_000 // fewer, 2_500_000 // fewer)
    plans = [(n, [sys.executable, "-c", _PLAN, f"{n}"]) for n in names]
    yield "plan_bytes", [slope((n, measure(plan).own) for n, plan in plans) for _ in range(rounds)]
    yield from cluster(work / "cluster", rounds, (2_000 // fewer, 8_000 // fewer))


def photos(work: Path, rounds: int, count: int) -> Costs:
    """Measure conversions of camera photos, without what a run with nothing to do costs."""
    source, out = work / "in", work / "out"
    source.mkdir(parents=True)
    camera = camera_photos(sound_photos(photo_folder(work)[0]))
    for number in range(count):
        shutil.copyfile(camera[number % len(camera)].path, source / f"{number:04}.jpg")
    costs = []
    for _ in range(rounds):
        shutil.rmtree(out, ignore_errors=True)
        new, nothing = (convert(source, out, size="1280x720").cpu for _ in range(2))
        costs.append((new - nothing) / count)
    yield "photo_cpu", costs
    yield "megapixels", [statistics.fmean(photo.pixels for photo in camera) / 1e6]
    yield "photo_bytes", [statistics.fmean(path.stat().st_size for path in source.iterdir())]
    yield "output_bytes", [statistics.fmean(path.stat().st_size for path in out.glob("*.jpg"))]


def objects(work: Path, rounds: int) -> Costs:
    """Measure the S3 client alone: the server is another process, without TLS."""
    import boto3

    work.mkdir()
    photo, output = work / "photo", work / "output"
    photo.write_bytes(os.urandom(3_200_000))
    output.write_bytes(os.urandom(500_000))

    def costs(act: Callable[[], object]) -> Iterator[float]:
        for _ in range(rounds):
            before = time.process_time()
            for _ in range(50):
                act()
            yield (time.process_time() - before) / 50

    with s3() as environment:
        os.environ.update(environment)
        boto3.client("s3").create_bucket(Bucket="photos")
        bucket, folder = storage_of("s3://photos"), "s3://photos/2024/07/19"
        bucket.put(photo, "s3://photos/photo")
        for number in range(1000):
            bucket.create(f"{folder}/IMG_20240719_{number:06}.jpg", b"")
        yield "get_cpu", list(costs(lambda: bucket.fetch("s3://photos/photo", photo)))
        yield "put_cpu", list(costs(lambda: bucket.put(output, "s3://photos/output")))
        yield "listed_cpu", [c / 1000 for c in costs(lambda: list(bucket.list(folder)))]


def up_to_date(work: Path, rounds: int, counts: Sequence[int]) -> Costs:
    """Measure runs with nothing to do over libraries of two sizes, and their ledgers."""
    for n in counts:
        tiny_photos.main([f"{n}", f"{work / f'{n}'}", "--outputs", f"{work / f'{n}.out'}"])
        convert(work / f"{n}", work / f"{n}.out", "--adopt")

    def cpu(n: int) -> float:
        return convert(work / f"{n}", work / f"{n}.out").cpu

    yield "fresh_cpu", [slope((n, cpu(n)) for n in counts) for _ in range(rounds)]
    ledgers = ((n, sum(p.stat().st_size for p in work.glob(f"{n}.out/.ffprep/*"))) for n in counts)
    yield "row_bytes", [slope(ledgers)]


def cluster(work: Path, rounds: int, counts: Sequence[int]) -> Costs:
    """Measure the submitting process and Dask's scheduler, without the work of two workers."""
    submitting, scheduling = [], []
    for n in counts:
        tiny_photos.main([f"{n}", f"{work / f'{n}'}"])
    with dask(work) as (address, scheduler):
        for number in range(rounds):
            own, other = [], []
            for n in counts:
                before = cpu_of(scheduler)
                done = convert(work / f"{n}", work / f"{n}.{number}", "--cluster", address)
                own.append((n, done.cpu))
                other.append((n, cpu_of(scheduler) - before))
            submitting.append(slope(own))
            scheduling.append(64 * slope(other))
    yield "submit_cpu", submitting
    yield "scheduler_cpu", scheduling


def convert(photos: Path, out: Path, *options: str, size: str = "64x36") -> Measure:
    """Convert a folder."""
    where = (f"{photos}", "-o", f"{out}", "--size", size)
    done = measure([sys.executable, "-m", "ffprep", "convert", "--quiet", *where, *options])
    if done.status:
        raise SystemExit(f"ffprep convert {' '.join(where)}: exit status {done.status}")
    return done


def slope(points: Iterable[tuple[float, float]]) -> float:
    """Return the slope of the line of least squares."""
    return statistics.linear_regression(*zip(*points, strict=True)).slope


if __name__ == "__main__":
    main()
