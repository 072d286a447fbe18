"""Build the sets of photos for the benchmark, from a folder of real photos or from drawn ones.

    camera    camera photos of 8 megapixels and more, at least 140
    mixed     every sound JPEG, PNG and WebP of the folder, at least 190
    small     below 2 megapixels, scaled down from the camera photos, at least 220
    alike     camera photos without a profile that are all of one size, at least 70
    unlike    camera photos without a profile, sizes differ from photo to photo, at least 70
    varied    the small set with EXIF orientations 1, 3, 6 and 8, at least 220
    large     camera photos enlarged to 42 megapixels, 4

A set with too few photos is filled with copies under different names. The names are numbers, which
every tool can read.
"""

import itertools
import os
import shutil
import subprocess
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image, ImageOps

from scripts.bench.peers import PROGRAMS

warnings.filterwarnings("ignore", module="PIL")

_CAMERA_PIXELS = 7_900_000
"""An 8-megapixel camera makes 3264x2448, a little less than eight million."""

_LARGE = (7952, 5304)
"""The size of a photo from a full-frame camera of 42 megapixels."""

_TURNS = (1, 1, 6, 1, 1, 8, 1, 6, 1, 1, 3, 1, 6, 1, 1, 6, 1, 1, 8, 1)
"""EXIF orientations in the order of the photos: mostly upright, as cameras and telephones write."""

_SMALL_SIDES = (1600, 1280, 1024, 800, 640)
_FORMATS = ("JPEG", "PNG", "WEBP")


@dataclass(frozen=True, slots=True)
class Photo:
    """A sound photo that a set may be made of."""

    path: Path
    format: str
    size: tuple[int, int]
    profile: bool

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.size[0] * self.size[1]


def sound_photos(folder: Path) -> list[Photo]:
    """Return the JPEG, PNG and WebP files that Pillow decodes completely, except in `damaged`."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    inner = [path for path in paths if "damaged" not in path.relative_to(folder).parts]
    return [photo for path in inner if (photo := _sound(path))]


def _sound(path: Path) -> Photo | None:
    try:
        with Image.open(path, formats=_FORMATS) as image:
            image.load()
            profile = bool(image.info.get("icc_profile"))
            return Photo(path, image.format or "", image.size, profile)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None


def camera_photos(photos: Sequence[Photo]) -> list[Photo]:
    """The JPEGs as large as a camera makes them."""
    return [p for p in photos if p.format in ("JPEG", "MPO") and p.pixels >= _CAMERA_PIXELS]


def build(name: str, photos: Sequence[Photo], work: Path, quick: bool) -> Path:
    """The folder with one set; what an earlier run with the same `work` has built is used again."""
    folder = work / (f"{name}-quick" if quick else name)
    if folder.is_dir():
        return folder
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    least, make = {**SETS, **_APART}[name]
    make(photos, unfinished, 8 if quick else least)
    if quick:
        _thin_out(unfinished, 8)
    return unfinished.rename(folder)


def _camera(photos: Sequence[Photo], folder: Path, least: int) -> None:
    _copy([photo.path for photo in camera_photos(photos)], folder, least)


def _mixed(photos: Sequence[Photo], folder: Path, least: int) -> None:
    _copy([photo.path for photo in photos], folder, least)


def _small(photos: Sequence[Photo], folder: Path, least: int) -> None:
    originals = folder.with_suffix(".originals")
    shutil.rmtree(originals, ignore_errors=True)
    originals.mkdir()
    for index, photo in enumerate(camera_photos(photos)[:least]):
        with Image.open(photo.path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
            profile = image.info.get("icc_profile")
        for side in _SMALL_SIDES:
            scaled = ImageOps.contain(upright, (side, side))
            scaled.save(originals / f"{index:04d}-{side:04d}.jpg", quality=90, icc_profile=profile)
    _copy(sorted(originals.iterdir()), folder, least)
    shutil.rmtree(originals)


def _varied(photos: Sequence[Photo], folder: Path, least: int) -> None:
    """The small set, turned as the orientation says; a viewer shows every photo upright."""
    _small(photos, folder, least)
    for path, turn in zip(sorted(folder.iterdir()), itertools.cycle(_TURNS), strict=False):
        if turn == 1:
            continue
        with Image.open(path) as image:
            profile, exif = image.info.get("icc_profile"), Image.Exif()
            stored = image.rotate({3: 180, 6: 90, 8: 270}[turn], expand=True)
        exif[ExifTags.Base.Orientation] = turn
        stored.save(path, quality=90, icc_profile=profile, exif=exif)


def _large(photos: Sequence[Photo], folder: Path, least: int) -> None:
    for number, photo in enumerate(camera_photos(photos)[: min(least, 4)], 1):
        with Image.open(photo.path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
        enlarged = ImageOps.fit(upright, _LARGE, Image.Resampling.BICUBIC)
        enlarged.save(folder / f"{number:04d}.jpg", quality=92)


def _alike(photos: Sequence[Photo], folder: Path, least: int) -> None:
    plain = _plain(photos)
    ((size, _),) = Counter(photo.size for photo in plain).most_common(1) or [((0, 0), 0)]
    _copy([photo.path for photo in plain if photo.size == size], folder, least)


def _unlike(photos: Sequence[Photo], folder: Path, least: int) -> None:
    _copy([photo.path for photo in {p.size: p for p in _plain(photos)}.values()], folder, least)


def _plain(photos: Sequence[Photo]) -> list[Photo]:
    return [photo for photo in camera_photos(photos) if not photo.profile]


def _copy(paths: Sequence[Path], folder: Path, least: int) -> None:
    """Copy the photos in turns, until there are at least `least`."""
    if not paths:
        raise SystemExit(f"no photos for the set {folder.stem}")
    for number in range(max(least, len(paths))):
        path = paths[number % len(paths)]
        suffix = path.suffix.lower().replace(".jpeg", ".jpg")
        shutil.copyfile(path, folder / f"{number + 1:04d}{suffix}")


def _thin_out(folder: Path, count: int) -> None:
    """Keep `count` photos from all over the set, numbered from 1 without a gap."""
    paths = sorted(folder.iterdir())
    last = len(paths) - 1
    kept = sorted({paths[index * last // (count - 1)] for index in range(count)})
    for path in set(paths).difference(kept):
        path.unlink()
    for number, path in enumerate(kept, 1):
        path.rename(path.with_stem(f"{number:04d}"))


def small_photo(folder: Path) -> Path:
    """A photo of the small set that is 800 pixels long, for what is measured with a single one."""
    paths = sorted(folder.iterdir())
    return next((path for path in paths if _longer_side(path) == 800), paths[0])


def _longer_side(path: Path) -> int:
    with Image.open(path) as image:
        return max(image.size)


_Sets = dict[str, tuple[int, Callable[[Sequence[Photo], Path, int], None]]]

SETS: _Sets = {
    "camera": (140, _camera),
    "mixed": (190, _mixed),
    "small": (220, _small),
}
"""How many photos each set has at least, and how it is made."""

_APART: _Sets = {
    "alike": (70, _alike),
    "unlike": (70, _unlike),
    "varied": (220, _varied),
    "large": (4, _large),
}
"""The same, for what is measured apart from the race."""


def photo_folder(work: Path) -> tuple[Path, bool]:
    """Return the folder of photos, FFPREP_PHOTOS or a drawn one, and whether it was drawn."""
    if given := os.environ.get("FFPREP_PHOTOS"):
        return Path(given), False
    drawn = work / "drawn"
    if not drawn.is_dir():
        unfinished = work / "drawn.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for number, (size, suffix) in enumerate(_DRAWINGS):
            _draw(unfinished / f"drawn-{number}{suffix}", size, number)
        unfinished.rename(drawn)
    return drawn, True


_DRAWINGS = (
    *((size, ".jpg") for size in ("3264x2448", "2448x3264", "4032x3024", "4608x2592", "5760x3840")),
    *((size, ".jpg") for size in ("600x450", "450x600", "1600x1067", "2048x1536")),
    *((size, ".png") for size in ("640x480", "1023x767", "2048x1536")),
    *((size, ".webp") for size in ("300x300", "1024x772")),
)


def _draw(path: Path, size: str, number: int) -> None:
    """Draw a picture as detailed as a photo: part of the Mandelbrot set, with sensor noise."""
    source = f"mandelbrot=size=1000x750:start_scale={0.8**number * 0.05:.6f}:maxiter=400"
    graph = f"scale={size}:flags=lanczos,noise=alls=6:all_seed={number + 1}"
    command = [PROGRAMS["FFMPEG"], "-v", "error", "-f", "lavfi", "-i", source, "-frames:v", "1"]
    quality = "90" if path.suffix == ".webp" else "3"
    subprocess.run([*command, "-vf", graph, "-q:v", quality, path], check=True)
