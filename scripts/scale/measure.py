"""Measure what one photo costs on this machine: the constants of docs/operations/scale-figures.md.

Costs are seconds of processor time, because wall time means little on a busy machine. A constant is
the median of several rounds, with their minimum (`low`) and maximum (`high`).
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from ffprep.config.modes import find_mode
from ffprep.conversion import ffmpeg_binary as ffmpeg
from ffprep.conversion.converter import Converter
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from ffprep.image.probe import verify
from ffprep.ledger.ledger import Conditions, Ledger
from ffprep.ledger.rows import Entry, Row
from ffprep.system.processes import LARGE
from scripts.bench.meter import measure
from scripts.bench.peers import HEIGHT, WIDTH
from scripts.bench.sets import camera_photos, photo_folder, sound_photos
from scripts.samples import library as make_library
from scripts.scale.servers import dask, s3

_CHUNK = 64
"""Tiny photos in a chunk of a run."""
_FFPREP = [sys.executable, "-m", "ffprep", "convert"]
_SIZE = ["--size", f"{WIDTH}x{HEIGHT}"]
_SPEC = Spec(Size(WIDTH, HEIGHT), find_mode("cover"))
_CENSUS = """
from ffprep.core.job import BATCH, Batch
from ffprep.library.collisions import CollisionIndex
from ffprep.library.walk import Listing
index = CollisionIndex()
for first in range(0, {count}, BATCH):
    names = [f"IMG_{{number:09}}.jpg" for number in range(first, first + BATCH)]
    folder = f"/photos/{{first}}/"
    index.count(Batch(folder, f"/ready/{{first}}/", names, names, ()), Listing(folder, folder))
index.close()
"""

_OBJECTS = """
import os, sys, time, boto3
from pathlib import Path
from ffprep.storage.protocol import storage_of
os.environ.update(
    AWS_ENDPOINT_URL=sys.argv[1],
    AWS_ACCESS_KEY_ID="key",
    AWS_SECRET_ACCESS_KEY="secret",
    AWS_DEFAULT_REGION="us-east-1",
)
photo, output, times = os.urandom(int(sys.argv[2])), os.urandom(int(sys.argv[3])), int(sys.argv[4])
os.chdir(sys.argv[5])
Path("output").write_bytes(output)
Path("photo").write_bytes(photo)
boto3.client("s3").create_bucket(Bucket="photos")
storage, folder = storage_of("s3://photos"), "s3://photos/2024/07/19"
storage.put(Path("photo"), "s3://photos/photo")
for number in range(1000):
    storage.create(f"{folder}/IMG_20240719_{number:06}.jpg", b"")
def cpu(act):
    before = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - before) / times
for _ in range(int(sys.argv[6])):
    print(
        cpu(lambda: storage.fetch("s3://photos/photo", Path("photo"))),
        cpu(lambda: storage.put(Path("output"), "s3://photos/output")),
        cpu(lambda: list(storage.list(folder))) / 1000,
    )
"""
"""Run in a separate process, to measure the client and not the server."""


@dataclass(frozen=True, slots=True)
class Constant:
    """One measured figure: median, minimum and maximum of several rounds."""

    name: str
    unit: str
    value: float
    low: float
    high: float
    what: str

    @classmethod
    def of(cls, name: str, unit: str, what: str, rounds: Iterable[float]) -> "Constant":
        """Return the constant of these rounds."""
        found = list(rounds)
        return cls(name, unit, statistics.median(found), min(found), max(found), what)


def line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return intercept and slope of the line of least squares."""
    fit = statistics.linear_regression(*zip(*points, strict=True))
    return fit.intercept, fit.slope


@dataclass(frozen=True, slots=True)
class Measured:
    """All measurements, each `rounds` times, in the folder `work`."""

    work: Path
    rounds: int
    quick: bool = False

    def constants(self) -> Iterator[Constant]:
        """Yield one after the other, and print each on stderr."""
        parts = (self._photos, self._chunk, self._objects, self._ledger, self._night)
        for part in (*parts, self._census, self._cluster):
            shutil.rmtree(self.work / "now", ignore_errors=True)
            (self.work / "now").mkdir(parents=True)
            for constant in part(self.work / "now"):
                print(f"{constant.name}: {constant.value:.4g} {constant.unit}", file=sys.stderr)
                yield constant
        shutil.rmtree(self.work / "now")

    def _repeated(self, once: Callable[[], float]) -> list[float]:
        return [once() for _ in range(self.rounds)]

    def _photos(self, folder: Path) -> Iterator[Constant]:
        """Fit the CPU time of a photo as a + b * megapixels, over classes of camera photos."""
        classes = self._classes(folder)
        fits, points = [], []
        for number in range(self.rounds):
            costs = [(mpx, self._cpu_a_photo(photos)) for mpx, photos in classes]
            print(f"round {number + 1}: {costs}", file=sys.stderr, flush=True)
            fits.append(line(costs))
            points.append(costs)
        yield Constant.of("photo_cpu", "s", "a photo of any size", (fit[0] for fit in fits))
        yield Constant.of("pixel_cpu", "s", "a megapixel of a photo", (fit[1] for fit in fits))
        yield Constant.of(
            "misfit",
            "1",
            "largest distance of a class from that line",
            (
                max(abs(a + b * x - y) / y for x, y in p)
                for (a, b), p in zip(fits, points, strict=True)
            ),
        )
        sizes = [path.stat().st_size / mpx for mpx, photos in classes for path in photos]
        yield Constant(
            "pixel_bytes", "B", *_quartiles(sizes), "a megapixel of a photo, in its file"
        )
        made = sorted((self.work / "out").iterdir())
        yield Constant(
            "output_bytes",
            "B",
            *_quartiles([path.stat().st_size for path in made if path.suffix == ".jpg"]),
            f"an output of {WIDTH}x{HEIGHT}, JPEG at 95 with full chroma",
        )
        jpegs = [path for path in made if path.suffix == ".jpg"]
        yield Constant.of(
            "verify_cpu",
            "s",
            "verifying an output (part of photo_cpu)",
            self._repeated(lambda: _cpu(lambda: [verify(p, _SPEC) for p in jpegs]) / len(jpegs)),
        )

    def _classes(self, folder: Path) -> list[tuple[float, list[Path]]]:
        """Return mean megapixels and files of each class: thirds by size, and scaled photos."""
        given, _ = photo_folder(self.work)
        camera = sorted(camera_photos(sound_photos(given)), key=lambda photo: photo.pixels)
        camera = [photo for photo in camera if photo.pixels < LARGE]
        each = -(-len(camera) // 3)
        thirds = [camera[start : start + each] for start in range(0, len(camera), each)]
        classes = [[photo.path for photo in third] for third in thirds]
        few = [photo.path for photo in camera[:: max(1, len(camera) // 6)]]
        classes += [[_smaller(path, folder, mpx) for path in few] for mpx in (1.0, 4.0)]
        return [(statistics.fmean(map(_megapixels, paths)), paths) for paths in classes]

    def _cpu_a_photo(self, photos: Sequence[Path]) -> float:
        """Return the cost in a run over many links, minus that of a run with nothing to do."""
        links, output = self.work / "now/links", self.work / "out"
        for stale in (links, output):
            shutil.rmtree(stale, ignore_errors=True)
        links.mkdir()
        count = 8 if self.quick else 120
        for number in range(count):
            _link(photos[number % len(photos)], links / f"{number:04}.jpg")
        command = [*_FFPREP, str(links), "-o", str(output), *_SIZE]
        spent = measure(command, memory=False)
        again = measure(command, memory=False)
        if spent.status or again.status:
            raise SystemExit(f"{' '.join(command)}: exit status {spent.status or again.status}")
        return (spent.cpu - again.cpu) / count

    def _chunk(self, folder: Path) -> Iterator[Constant]:
        """Measure the fixed cost of a chunk: several lengths, one converter."""
        photo = folder / "photo.jpg"
        Image.effect_noise((640, 480), 20).convert("RGB").save(photo, quality=90)
        lengths = (2, 8, 32)
        converter = Converter(ffmpeg.find(), Policy())

        def cost(length: int) -> float:
            jobs = [LocalJob(photo, folder / f"{number}.jpg", _SPEC) for number in range(length)]
            return _cpu(lambda: list(converter.convert(jobs)))

        fits = [
            line([(length, cost(length)) for length in lengths]) for _ in range(self.rounds + 1)
        ]
        converter.close()
        yield Constant.of(
            "chunk_cpu", "s", "a chunk of photos: the start of ffmpeg", (fit[0] for fit in fits[1:])
        )

    def _objects(self, folder: Path) -> Iterator[Constant]:
        """Measure the S3 client alone, with moto's server and without TLS."""
        times = 3 if self.quick else 50
        with s3() as address:
            words = (address, 3_400_000, 450_000, times, folder, self.rounds)
            argv = [sys.executable, "-c", _OBJECTS, *map(str, words)]
            told = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
        rounds = [tuple(map(float, line.split())) for line in told.stdout.splitlines()]
        gets, puts, listings = zip(*rounds, strict=True)
        yield Constant.of("get_cpu", "s", "a photo of 3.4 MB, by obstore to a file", gets)
        yield Constant.of("put_cpu", "s", "an output of 0.45 MB, by obstore from a file", puts)
        yield Constant.of("listed_cpu", "s", "an object in a listing", listings)

    def _ledger(self, folder: Path) -> Iterator[Constant]:
        """Measure rows as a run writes them, one a transaction, with names of two lengths."""
        count = 500 if self.quick else 100_000
        spent, sizes = [], []
        for number in range(self.rounds):
            for longer in (0, 40):
                path = folder / f"{number}-{longer}.db"
                names, cpu = _filled(path, count, "x" * longer)
                spent.append(cpu / count)
                sizes.append((names, path.stat().st_size / count))
        row, factor = line(sizes)
        yield Constant.of("record_cpu", "s", "writing a row of the ledger", spent)
        yield Constant("row_bytes", "B", row, row, row, "a row of the ledger, without its names")
        yield Constant("name_bytes", "B", factor, factor, factor, "a byte of its three names")

    def _night(self, folder: Path) -> Iterator[Constant]:
        """Measure the cost of one more photo in a run with nothing to do."""
        counts = (50, 100) if self.quick else (5_000, 50_000)
        commands = []
        for count in counts:
            library, output = folder / f"{count}", folder / f"{count}-out"
            where = [str(count), str(library), "--outputs", str(output), "--size", "64x36"]
            make_library.main(where)
            command = [*_FFPREP, str(library), "-o", str(output), "--size", "64x36"]
            measure([*command, "--adopt"], memory=False)
            commands.append(command)

        def fit() -> tuple[float, float]:
            costs = [measure(command, memory=False).cpu for command in commands]
            return line(list(zip(counts, costs, strict=True)))

        fits = [fit() for _ in range(self.rounds)]
        yield Constant.of("run_cpu", "s", "a run with nothing to do", (fit[0] for fit in fits))
        yield Constant.of(
            "fresh_cpu",
            "s",
            "a photo that is up to date, on a local disk",
            (fit[1] for fit in fits),
        )

    def _census(self, _: Path) -> Iterator[Constant]:
        """Measure the memory of a plan, for names without files."""
        counts = (10_000, 50_000) if self.quick else (500_000, 2_500_000)

        def slope() -> float:
            held = [
                measure([sys.executable, "-c", _CENSUS.format(count=count)]).own for count in counts
            ]
            return line(list(zip(counts, held, strict=True)))[1]

        yield Constant.of("census_bytes", "B", "a photo in the plan", self._repeated(slope))

    def _cluster(self, folder: Path) -> Iterator[Constant]:
        """Measure the submitting process and Dask's scheduler while two workers convert."""
        counts = (50, 100) if self.quick else (2_000, 8_000)
        for count in counts:
            make_library.main([str(count), str(folder / str(count))])
        with dask(folder) as (address, scheduler):
            rounds = [
                [self._submitted(folder, count, address, scheduler) for count in counts]
                for _ in range(self.rounds)
            ]
        fits = [
            [line(list(zip(counts, costs, strict=True)))[1] for costs in zip(*round, strict=True)]
            for round in rounds
        ]
        yield Constant.of(
            "submit_cpu",
            "s",
            "a photo in the submitting process, on a cluster",
            (f[0] for f in fits),
        )
        tasks = (_CHUNK * f[1] for f in fits)
        yield Constant.of("scheduler_cpu", "s", "a chunk in Dask's scheduler", tasks)

    def _submitted(
        self, folder: Path, count: int, address: str, scheduler: int
    ) -> tuple[float, float]:
        """Return the CPU time of the process of a run, and of the scheduler."""
        output = folder / "out"
        shutil.rmtree(output, ignore_errors=True)
        command = [*_FFPREP, str(folder / str(count)), "-o", str(output), "--size", "64x36"]
        before = _spent(scheduler)
        done = measure([*command, "--cluster", address], memory=False)
        if done.status:
            raise SystemExit(f"{' '.join(command)}: exit status {done.status}")
        return done.cpu, _spent(scheduler) - before


def _spent(pid: int) -> float:
    """Return the CPU seconds of a running process."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(words[11]) + int(words[12])
    return ticks / float(os.sysconf("SC_CLK_TCK"))


def _cpu(work: Callable[[], object]) -> float:
    """Return seconds of processor time, including child processes that ended meanwhile."""

    def spent() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    before = spent()
    work()
    return spent() - before


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean, the lower and the upper quartile."""
    low, _, high = statistics.quantiles(values, n=4)
    return statistics.fmean(values), low, high


def _megapixels(path: Path) -> float:
    with Image.open(path) as image:
        return image.width * image.height / 1e6


def _smaller(path: Path, folder: Path, mpx: float) -> Path:
    """Scale a photo down and save it as a camera would."""
    made = folder / f"{mpx:g}-{path.stem}.jpg"
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    scale = (mpx * 1e6 / (upright.width * upright.height)) ** 0.5
    upright.resize((round(upright.width * scale), round(upright.height * scale))).save(
        made, quality=92
    )
    return made


def _link(photo: Path, name: Path) -> None:
    try:
        os.link(photo, name)
    except OSError:  # another file system
        shutil.copyfile(photo, name)


def _filled(path: Path, count: int, longer: str) -> tuple[float, float]:
    """Fill a ledger with `count` rows; return the bytes of a row's names, and the CPU time."""
    entries = []
    for number in range(count):
        folder = f"2024/{number // 10_000 % 12 + 1:02}/{number // 1000:05}/"
        name = f"IMG_20240719_{number:08}{longer}.jpg"
        row = Row(name, f"/photos/{folder}{name}", "converted", 1, 1, 4_000_000, time.time_ns())
        row = row._replace(
            output_bytes=400_000, output_mtime=time.time_ns(), width=1280, height=720
        )
        entries.append(Entry(folder, row, 0.09))
    names = len(entries[0].folder) + sum(map(len, map(str, entries[0].row[:2])))
    with Ledger(path, print) as ledger:
        ledger.begin(Conditions("0", "9", "", "/ready"))
        return names, _cpu(lambda: deque(map(ledger.record, ([entry] for entry in entries)), 0))
