"""Measure the fidelity of outputs: PSNR against the same crop scaled with Pillow's LANCZOS."""

import math
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path

from PIL import Image, ImageChops, ImageOps, ImageStat

from scripts.bench.meter import measure
from scripts.bench.parts import CONVERT, SIZE
from scripts.bench.peers import FFPREP_FAST, HEIGHT, WIDTH
from scripts.bench.race import Settings
from scripts.bench.sets import Photo

_Named = tuple[str, bool, Callable[[Path], object]]
"""A photo's name, whether it has a profile, and a function that writes it to a file."""


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How near one photo's output is to Pillow's LANCZOS of the same crop: PSNR in dB over RGB.

    `folder`: converted together with others; `alone`: by itself; `fast`: together, with `--fast`;
    None: no output, or ffprep has no `--fast`.
    """

    photo: str
    folder: float | None
    alone: float | None
    fast: float | None
    profile: bool


def fidelity(photos: Sequence[Photo], settings: Settings) -> list[Fidelity]:
    """Return the fidelity of the photos."""
    copies = ((p.path.name, p.profile, partial(shutil.copyfile, p.path)) for p in photos)
    return list(_fidelity("fidelity", copies, settings))


def odd_fidelity(photos: Sequence[Photo], settings: Settings) -> list[Fidelity]:
    """Return the fidelity of photos whose centred crop begins at an odd line or column."""
    kinds = cycle(_ODD)
    copies = (
        (f"{p.path.name}, {kind.name}", p.profile, partial(kind.write, p.path))
        for p, kind in zip(photos, kinds, strict=False)
    )
    return list(_fidelity("fidelity at odd offsets", copies, settings))


@dataclass(frozen=True, slots=True)
class _OddCrop:
    """A photo cropped so that cover cuts it at an odd offset, with subsampled chroma."""

    chroma: str
    column: bool

    @property
    def name(self) -> str:
        """The kind, for the table."""
        return f"{self.chroma}, odd {'column' if self.column else 'line'}"

    def write(self, path: Path, output: Path) -> None:
        """Write the crop of a photo as JPEG."""
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
            profile = image.info.get("icc_profile")
        # Sides that are multiples of 16 and 9 leave a border of one pixel on both sides.
        unit = min(upright.width // 16, upright.height // 9) - 1
        size = (unit * 16 + 2 * self.column, unit * 9 + 2 * (not self.column))
        cut = upright.crop((0, 0, *size))
        cut.save(output, quality=92, subsampling=self.chroma, icc_profile=profile)


_ODD = (_OddCrop("4:2:0", False), _OddCrop("4:2:0", True), _OddCrop("4:2:2", True))


def _fidelity(name: str, photos: Iterable[_Named], settings: Settings) -> Iterator[Fidelity]:
    """Convert the photos to PNG, as a folder (streamed, where ffprep streams) and one by one."""
    work = settings.work / "fidelity"
    shutil.rmtree(work, ignore_errors=True)
    sources, together, alone, fast = (work / n for n in ("sources", "together", "alone", "fast"))
    sources.mkdir(parents=True)
    copies = list[tuple[str, bool, Path]]()
    for number, (what, profile, write) in enumerate(photos):
        copies.append((what, profile, sources / f"{number:04d}.jpg"))
        write(copies[-1][-1])
    # Colours as they are: it is the scaling that is judged.
    as_png = (*SIZE, "--format", "png", "--colour", "keep")
    measure([*CONVERT, str(sources), "-o", str(together), *as_png], memory=False)
    if FFPREP_FAST.version():
        measure([*CONVERT, str(sources), "-o", str(fast), *as_png, "--fast"], memory=False)
    for what, profile, copy in copies:
        print(f"{name}: {what}", file=sys.stderr, flush=True)
        output = copy.with_suffix(".png").name
        measure([*CONVERT, str(copy), "-o", str(alone / output), *as_png], memory=False)
        wanted = _reference(copy)
        yield Fidelity(
            what,
            psnr(wanted, together / output),
            psnr(wanted, alone / output),
            psnr(wanted, fast / output),
            profile,
        )
    shutil.rmtree(work)


def _reference(path: Path) -> Image.Image:
    """Return the same output by Pillow: the largest centred crop of the aspect ratio, resized."""
    with Image.open(path) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
    width = min(upright.width, _rounded(upright.height * WIDTH, HEIGHT))
    height = min(upright.height, _rounded(upright.width * HEIGHT, WIDTH))
    left, top = (upright.width - width) // 2, (upright.height - height) // 2
    # Cut first: resize(box=...) would let pixels beyond the cut shine in.
    cut = upright.crop((left, top, left + width, top + height))
    return cut.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _rounded(value: int, divisor: int) -> int:
    """Return `value / divisor`, halves rounded up as FFmpeg does."""
    return (2 * value + divisor) // (2 * divisor)


def psnr(wanted: Image.Image, path: Path) -> float | None:
    """Peak signal-to-noise ratio in dB over the three channels; 99 for equal pictures."""
    try:
        with Image.open(path) as image:
            difference = ImageChops.difference(wanted, image.convert("RGB"))
    except OSError:
        return None
    error = sum(ImageStat.Stat(difference).sum2) / (3 * WIDTH * HEIGHT)
    return 10 * math.log10(255**2 / error) if error else 99.0
