"""Measure colour conversion: Display P3 photos, and the same photos without a profile."""

import shutil
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.image_info import Profile
from ffprep.image.embed import embed
from scripts.bench.meter import Measure
from scripts.bench.parts import convert_all, in_turns
from scripts.bench.race import Settings
from scripts.bench.sets import Photo, build

_WHAT = {"alike": "all of one size", "unlike": "another size every time"}


@dataclass(frozen=True, slots=True)
class Colour:
    """One set with the profile and without: medians in seconds, and the medians of the ratios."""

    what: str
    photos: int
    wall: float
    plain_wall: float
    wall_ratio: float
    cpu: float
    plain_cpu: float
    cpu_ratio: float


def colour(photos: Sequence[Photo], settings: Settings, quick: bool) -> list[Colour]:
    """Compare photos of one size with photos of many, for which look-up tables are reloaded."""
    profile = next((photo.path for photo in photos if photo.path.name == "p3.png"), None)
    if profile is None:
        print("there is no p3.png among the photos: colour is left out", file=sys.stderr)
        return []
    found = []
    for name, what in _WHAT.items():
        print(f"colour: {what}", file=sys.stderr, flush=True)
        plain = build(name, photos, settings.work / "sets", quick)
        tagged = _tagged(plain, profile, settings.work / "tagged")
        output = settings.work / "colour-out"
        one, base = (
            partial(convert_all, place, output, settings.jobs) for place in (tagged, plain)
        )
        turns = in_turns(f"colour, {what}", one, base, settings.rounds)
        found.append(_colour(what, len([*plain.iterdir()]), turns))
        shutil.rmtree(output)
        shutil.rmtree(tagged)
    return found


def _tagged(plain: Path, source: Path, folder: Path) -> Path:
    """The same photos with a profile; nothing is decoded."""
    with Image.open(source) as image:
        profile = Profile.of(image.info["icc_profile"])
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(plain, folder, copy_function=shutil.copyfile)
    for path in folder.iterdir():
        embed(path, OUTPUT_FORMATS["jpeg"], profile)
    return folder


def _colour(what: str, photos: int, turns: Sequence[tuple[Measure, Measure]]) -> Colour:
    def medians(value: Callable[[Measure], float]) -> tuple[float, float, float]:
        pairs = [(value(one), value(other)) for one, other in turns]
        ratio = statistics.median(one / other for one, other in pairs)
        return *(statistics.median(column) for column in zip(*pairs, strict=True)), ratio

    return Colour(what, photos, *medians(lambda cost: cost.wall), *medians(lambda cost: cost.cpu))
