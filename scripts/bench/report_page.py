"""Measure the report of a library of drawn photos: its size, and the time that it takes.

    python -m scripts.bench.report_page FOLDER [--count 10000]

FOLDER gets the photos, links to a few files with grain, whose thumbnails have about the bytes of
those of real photos. Outputs are drawn, too, and accepted by `convert --adopt`.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from ffprep.core.geometry import Size
from scripts.samples import scene

_PHOTO, _OUTPUT = Size(2000, 1500), (640, 360)
_KINDS, _GRAIN = 8, 25


def _draw(folder: Path) -> list[tuple[Path, Path]]:
    """Return a few photos, each with its output."""
    folder.mkdir(parents=True)
    made = []
    for number in range(_KINDS):
        photo, output = folder / f"{number}.jpg", folder / f"{number}-made.jpg"
        size = _PHOTO if number % 4 else _PHOTO.rotated
        smooth = scene.draw(size)
        grain = Image.effect_noise(smooth.size, _GRAIN + number).convert("RGB")
        picture = Image.blend(smooth, grain, 0.3)
        picture.save(photo, quality=90)
        picture.resize(_OUTPUT).save(output, quality=95)
        made.append((photo, output))
    return made


def _link(made: Sequence[tuple[Path, Path]], count: int, photos: Path, out: Path) -> None:
    for number in range(count):
        album = f"{number // 500:03}"
        for folder, file in zip((photos, out), made[number % len(made)], strict=True):
            (folder / album).mkdir(parents=True, exist_ok=True)
            os.link(file, folder / album / f"IMG_{number:06}.jpg")


@contextmanager
def _measured(what: str, count: int) -> Iterator[None]:
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    yield
    after, seconds = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - started
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{what}: {seconds:.1f} s, {cpu:.1f} s of CPU, {1000 * cpu / count:.2f} ms a photo")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=10_000)
    options = parser.parse_args(arguments)
    folder: Path = options.folder
    photos, out, page = folder / "photos", folder / "out", folder / "report.html"
    _link(_draw(folder / "drawn"), options.count, photos, out)
    ffprep = [sys.executable, "-m", "ffprep"]
    places = "convert", str(photos), "-o", str(out)
    convert = [*ffprep, *places, "--size", "640x360", "--quiet"]
    with _measured("adopted", options.count):
        subprocess.run([*convert, "--adopt"], check=True)
    with _measured("nothing to do", options.count):
        subprocess.run(convert, check=True)
    with _measured("nothing to do, and a report", options.count):
        subprocess.run([*convert, "--report", str(page)], check=True)
    print(f"{page.stat().st_size / 1e6:.1f} MB")
    with _measured("report of the ledger", options.count):
        subprocess.run([*ffprep, "report", str(out), "-o", str(page)], check=True)
    print(f"{page.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
