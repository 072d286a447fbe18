"""What one photo costs ffprep on this machine: the constants under docs/operations/scale-figures.md, each with its spread.

Costs are seconds of processor time, which hold up on a busy machine as wall time does not. A constant is
the median of some rounds; `low` and `high` are the least and the most of them.
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
from ffprep.ledger.ledger import Conditions, Entry, Ledger, Row
from ffprep.system.processes import LARGE
from scripts.bench.meter import measure
from scripts.bench.peers import HEIGHT, WIDTH
from scripts.bench.sets import camera_photos, photo_folder, sound_photos
from scripts.samples import library as make_library
from scripts.scale.servers import dask, s3

_CHUNK = 64
"""Photos that a run has in a chunk, where they are tiny."""
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
import os, sys, time, s3fs
bucket = s3fs.S3FileSystem(
    key="key", secret="secret", endpoint_url=sys.argv[1], use_listings_cache=False
)
photo, output, times = os.urandom(int(sys.argv[2])), os.urandom(int(sys.argv[3])), int(sys.argv[4])
os.chdir(sys.argv[5])
open("output", "wb").write(output)
bucket.mkdir("photos")
bucket.pipe_file("photos/photo", photo)
for number in range(1000):
    bucket.pipe_file(f"photos/2024/07/19/IMG_20240719_{number:06}.jpg", b"")
def cpu(act):
    before = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - before) / times
for _ in range(int(sys.argv[6])):
    print(
        cpu(lambda: bucket.get_file("photos/photo", "photo")),
        cpu(lambda: bucket.put_file("output", "photos/output")),
        cpu(lambda: bucket.ls("photos/2024/07/19", detail=True)) / 1000,
    )
"""
"""In a process of its own: what a client spends, and not its server."""


@dataclass(frozen=True, slots=True)
class Constant:
    """One measured figure: the median of several rounds, and the least and the most of them."""

    name: str
    unit: str
    value: float
    low: float
    high: float
    what: str

    @classmethod
    def of(cls, name: str, unit: str, what: str, rounds: Iterable[float]) -> "Constant":
        """The constant of these rounds."""
        found = list(rounds)
        return cls(name, unit, statistics.median(found), min(found), max(found), what)


def line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Where the line of least squares begins at x = 0, and its slope."""
    fit = statistics.linear_regression(*zip(*points, strict=True))
    return fit.intercept, fit.slope


@dataclass(frozen=True, slots=True)
class Measured:
    """All there is to measure, in a folder `work` for what it takes, `rounds` times each."""

    work: Path
    rounds: int
    quick: bool = False

    def constants(self) -> Iterator[Constant]:
        """One after the other, each told on stderr."""
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
        """CPU of a photo as a + b * megapixels, over classes of camera photos in folders of their own."""
        classes = self._classes(folder)
        fits, points = [], []
        for number in range(self.rounds):
            costs = [(mpx, self._cpu_a_photo(photos)) for mpx, photos in classes]
            print(f"round {number + 1}: {costs}", file=sys.stderr, flush=True)
            fits.append(line(costs))
            points.append(costs)
        yield Constant.of("photo_cpu", "s", "a photo, whatever its size", (fit[0] for fit in fits))
        yield Constant.of("pixel_cpu", "s", "a megapixel of a photo", (fit[1] for fit in fits))
        yield Constant.of(
            "misfit",
            "1",
            "how far a class is off that line, at most",
            (
                max(abs(a + b * x - y) / y for x, y in p)
                for (a, b), p in zip(fits, points, strict=True)
            ),
        )
        sizes = [path.stat().st_size / mpx for mpx, photos in classes for path in photos]
        yield Constant("pixel_bytes", "B", *_quartiles(sizes), "a megapixel of a photo, as a file")
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
            "an output's second decoding (part of photo_cpu)",
            self._repeated(lambda: _cpu(lambda: [verify(p, _SPEC) for p in jpegs]) / len(jpegs)),
        )

    def _classes(self, folder: Path) -> list[tuple[float, list[Path]]]:
        """Megapixels on average, and files: photos as they are, thirds by size, and some made smaller."""
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
        """Of a run over many links to them, less what a run costs that has nothing to do."""
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
        """What a chunk costs beside its photos: chunks of several lengths, through one converter."""
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
            "chunk_cpu", "s", "a chunk of photos: ffmpeg's start", (fit[0] for fit in fits[1:])
        )

    def _objects(self, folder: Path) -> Iterator[Constant]:
        """What an S3 client spends on a photo, an output and a listing; the server is moto's, without TLS."""
        times = 3 if self.quick else 50
        with s3() as address:
            words = (address, 3_400_000, 450_000, times, folder, self.rounds)
            argv = [sys.executable, "-c", _OBJECTS, *map(str, words)]
            told = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True)
        rounds = [tuple(map(float, line.split())) for line in told.stdout.splitlines()]
        gets, puts, listings = zip(*rounds, strict=True)
        yield Constant.of("get_cpu", "s", "a photo of 3.4 MB, by s3fs to a file", gets)
        yield Constant.of("put_cpu", "s", "an output of 0.45 MB, by s3fs from a file", puts)
        yield Constant.of("listed_cpu", "s", "an object in a listing, by s3fs", listings)

    def _ledger(self, folder: Path) -> Iterator[Constant]:
        """Rows as a run writes them, one a transaction; their bytes by the length of the names."""
        count = 500 if self.quick else 100_000
        spent, sizes = [], []
        for number in range(self.rounds):
            for longer in (0, 40):
                path = folder / f"{number}-{longer}.db"
                names, cpu = _filled(path, count, "x" * longer)
                spent.append(cpu / count)
                sizes.append((names, path.stat().st_size / count))
        row, factor = line(sizes)
        yield Constant.of("record_cpu", "s", "a row of the ledger, written", spent)
        yield Constant("row_bytes", "B", row, row, row, "a row of the ledger, beside its names")
        yield Constant("name_bytes", "B", factor, factor, factor, "a byte of its three names")

    def _night(self, folder: Path) -> Iterator[Constant]:
        """A run that finds nothing to do, over two libraries: what one more photo costs."""
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
            "fresh_cpu", "s", "a photo that is fresh, on a local disk", (fit[1] for fit in fits)
        )

    def _census(self, _: Path) -> Iterator[Constant]:
        """The memory of a plan: two libraries of names that exist nowhere."""
        counts = (10_000, 50_000) if self.quick else (500_000, 2_500_000)

        def slope() -> float:
            held = [
                measure([sys.executable, "-c", _CENSUS.format(count=count)]).own for count in counts
            ]
            return line(list(zip(counts, held, strict=True)))[1]

        yield Constant.of("census_bytes", "B", "a photo that is planned", self._repeated(slope))

    def _cluster(self, folder: Path) -> Iterator[Constant]:
        """What a photo costs where the run is in hand, and a chunk in Dask's scheduler, while two workers convert."""
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
            "a photo where the run is in hand, on a cluster",
            (f[0] for f in fits),
        )
        tasks = (_CHUNK * f[1] for f in fits)
        yield Constant.of("scheduler_cpu", "s", "a chunk in Dask's scheduler", tasks)

    def _submitted(
        self, folder: Path, count: int, address: str, scheduler: int
    ) -> tuple[float, float]:
        """Of a run over all of them: CPU of its own process, and of the scheduler."""
        output = folder / "out"
        shutil.rmtree(output, ignore_errors=True)
        command = [*_FFPREP, str(folder / str(count)), "-o", str(output), "--size", "64x36"]
        before = _spent(scheduler)
        done = measure([*command, "--cluster", address], memory=False)
        if done.status:
            raise SystemExit(f"{' '.join(command)}: exit status {done.status}")
        return done.cpu, _spent(scheduler) - before


def _spent(pid: int) -> float:
    """CPU seconds of a process that goes on."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(words[11]) + int(words[12])
    return ticks / float(os.sysconf("SC_CLK_TCK"))


def _cpu(work: Callable[[], object]) -> float:
    """Seconds of processor time, those of processes that ended meanwhile among them."""

    def spent() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + children.ru_utime + children.ru_stime

    before = spent()
    work()
    return spent() - before


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean, and the quartiles below and above the middle."""
    low, _, high = statistics.quantiles(values, n=4)
    return statistics.fmean(values), low, high


def _megapixels(path: Path) -> float:
    with Image.open(path) as image:
        return image.width * image.height / 1e6


def _smaller(path: Path, folder: Path, mpx: float) -> Path:
    """A photo made smaller, as a JPEG that a camera might have written."""
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
    """A ledger of so many rows: the bytes of a row's three names, and the CPU that recording took."""
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
