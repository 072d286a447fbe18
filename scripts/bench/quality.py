"""The JPEGs that ffprep writes, against Pillow's at the same quality and chroma subsampling.

Both encode the very same pixels: PNGs of the camera photos, made by ffprep. A profile is kept and
carried along by both, so that nothing is done to colours.
"""

import shutil
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scripts.bench.fidelity import psnr
from scripts.bench.meter import measure
from scripts.bench.parts import CONVERT, SIZE
from scripts.bench.race import Settings
from scripts.bench.sets import Photo

QUALITIES = (75, 85, 90, 95, 97)
CHROMAS = ("420", "422", "444")

_KEPT = (*SIZE, "--colour", "keep")


@dataclass(frozen=True, slots=True)
class Coded:
    """One quality and subsampling: means over the photos.

    `size` in bytes, `psnr` in dB and `delta` (CIEDE2000) are ffprep's; `gain` is its PSNR less
    Pillow's, `ratio` its bytes by Pillow's.
    """

    quality: int
    chroma: str
    size: float
    psnr: float
    delta: float
    gain: float
    ratio: float


def quality(photos: Sequence[Photo], settings: Settings) -> list[Coded]:
    """Every quality with every subsampling."""
    work = settings.work / "quality"
    shutil.rmtree(work, ignore_errors=True)
    sources, references = work / "sources", work / "references"
    sources.mkdir(parents=True)
    for number, photo in enumerate(photos):
        shutil.copyfile(photo.path, sources / f"{number:04d}.jpg")
    _convert(sources, references, "--format", "png")
    found = []
    for number in QUALITIES:
        for chroma in CHROMAS:
            print(f"quality: {number}, {chroma}", file=sys.stderr, flush=True)
            found.append(_coded(references, number, chroma, work))
    shutil.rmtree(work)
    return found


def _convert(folder: Path, output: Path, *options: str) -> None:
    cost = measure([*CONVERT, str(folder), "-o", str(output), *_KEPT, *options], memory=False)
    if cost.status:
        raise SystemExit(f"{folder.name} to {output.name}: exit status {cost.status}")


def _coded(references: Path, number: int, chroma: str, work: Path) -> Coded:
    output = work / f"{number}-{chroma}"
    _convert(references, output, "--quality", str(number), "--subsampling", chroma)
    rows = list(_rows(references, output, number, chroma))
    sizes, values, deltas, gains, ratios = (
        statistics.fmean(column) for column in zip(*rows, strict=True)
    )
    return Coded(number, chroma, sizes, values, deltas, gains, ratios)


def _rows(folder: Path, output: Path, number: int, chroma: str) -> Iterator[tuple[float, ...]]:
    """Yield bytes, PSNR and CIEDE2000 of each photo, then PSNR and bytes relative to Pillow."""
    theirs = output / "pillow.jpg"
    sampling = ":".join(chroma)
    for path in sorted(folder.glob("*.png")):  # beside the ledger
        ours = output / path.with_suffix(".jpg").name
        with Image.open(path) as image:
            profile, wanted = image.info.get("icc_profile"), image.convert("RGB")
        wanted.save(theirs, quality=number, subsampling=sampling, icc_profile=profile)
        size, value = ours.stat().st_size, psnr(wanted, ours)
        assert value is not None
        gain = value - (psnr(wanted, theirs) or 0)
        yield size, value, _delta(wanted, ours), gain, size / theirs.stat().st_size


Plane = NDArray[np.float64]

_TO_XYZ = np.array(((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505)))
_EVERY = 3
"""Of every so many rows and columns, one is looked at: all of them would take half a second."""


def _delta(wanted: Image.Image, path: Path) -> float:
    """The mean CIEDE2000 between two pictures, their pixels taken as sRGB."""
    with Image.open(path) as image:
        return float(_ciede2000(_lab(wanted), _lab(image.convert("RGB"))).mean())


def _lab(image: Image.Image) -> Plane:
    """CIELAB, D65: three planes."""
    rgb = np.asarray(image)[::_EVERY, ::_EVERY].reshape(-1, 3).T / 255
    light = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    xyz = _TO_XYZ @ light / _TO_XYZ.sum(axis=1, keepdims=True)
    x, y, z = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)))


def _ciede2000(one: Plane, other: Plane) -> Plane:
    """The colour difference of ISO/CIE 11664-6, all weights 1."""
    chroma = (np.hypot(*one[1:]) + np.hypot(*other[1:])) / 2
    stretch = 1.5 - np.sqrt(chroma**7 / (chroma**7 + 25.0**7)) / 2
    (l1, c1, h1), (l2, c2, h2) = (_polar(lab, stretch) for lab in (one, other))
    turn = (h2 - h1 + np.pi) % (2 * np.pi) - np.pi
    hue = np.where(c1 * c2 > 0, h1 + turn / 2, h1 + h2)
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    t = 1 - 0.17 * np.cos(hue - np.pi / 6) + 0.24 * np.cos(2 * hue)
    t += 0.32 * np.cos(3 * hue + np.pi / 30) - 0.2 * np.cos(4 * hue - np.radians(63))
    dl = (l2 - l1) / (1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2))
    dc = (c2 - c1) / (1 + 0.045 * chroma)
    dh = 2 * np.sqrt(c1 * c2) * np.sin(turn / 2) / (1 + 0.015 * chroma * t)
    blue = np.exp(-(((np.degrees(hue) % 360 - 275) / 25) ** 2))
    twist = np.sin(np.radians(60) * blue) * 2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    difference: Plane = np.sqrt(dl**2 + dc**2 + dh**2 - twist * dc * dh)
    return difference


def _polar(lab: Plane, stretch: Plane) -> tuple[Plane, Plane, Plane]:
    """Lightness, chroma and hue, with CIEDE2000's stretch of the axis from green to red."""
    light, a, b = lab
    return light, np.hypot(a * stretch, b), np.arctan2(b, a * stretch)
