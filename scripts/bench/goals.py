"""The goals of the project, and what was measured for each."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from scripts.bench.colour import Colour
from scripts.bench.fidelity import Fidelity
from scripts.bench.nightly import Beside
from scripts.bench.parts import Growth, Pair
from scripts.bench.quality import Coded
from scripts.bench.race import Race
from scripts.bench.streams import Large, Starts

_RATIOS = {
    "camera": {"pyvips": 1.3, "sharp": 1.3, "pillow": 2.4, "ffmpeg-xargs": 1.6},
    "mixed": {"pyvips": 1.3, "sharp": 1.4, "pillow": 1.9, "ffmpeg-xargs": 1.5},
    "small": {"pyvips": 2.5, "sharp": 2.2, "pillow": 1.15, "ffmpeg-xargs": 1.7},
}
"""How many times ffprep's wall time each peer should take at least, by set."""

_FAST_RATIO = 1.6
_STARTUP = (5.5, 3.5, 3.0)
"""Of the pairs of commands, in their order."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure, its goal and its result."""

    figure: str
    goal: str
    result: str
    reached: bool


def _least(figure: str, goal: float, result: float, unit: str = "") -> Goal:
    return Goal(figure, f"at least {goal:g}{unit}", f"{result:.2f}{unit}", result >= goal)


def _most(figure: str, goal: float, result: float, unit: str = "") -> Goal:
    return Goal(figure, f"at most {goal:g}{unit}", f"{result:.2f}{unit}", result <= goal)


def race_goals(races: Sequence[Race]) -> Iterator[Goal]:
    """Yield the ratios of wall time; then exactness and memory."""
    for race in races:
        name = race.set.removesuffix("-quick")
        rows = {row.peer: row for row in race.rows}
        for peer, goal in _RATIOS[name].items():
            if peer in rows:
                yield _least(f"{name}: wall time of {peer}", goal, rows[peer].wall_ratio)
        if name == "camera" and {"ffprep-fast", "pyvips"} <= rows.keys():
            ratio = _against(race, "pyvips", "ffprep-fast")
            yield _least("camera: wall time of pyvips by ffprep --fast", _FAST_RATIO, ratio)
    for race in races:
        own = [row for row in race.rows if row.peer.startswith("ffprep")]
        exact = min(row.exact for row in own)
        figure = f"{race.set}: outputs of the exact size and chroma"
        yield Goal(figure, "all", f"{exact} of {race.photos}", exact == race.photos)
        peak = max(row.peak for row in own) / 1e6
        yield _most(f"{race.set}: peak memory of the process tree", 1000, peak, " MB")


def _against(race: Race, one: str, other: str) -> float:
    """Return the median of the ratios of two peers' wall times, round by round."""
    times = [[run.measure.wall for run in race.runs if run.peer == name] for name in (one, other)]
    ratios: list[float] = [a / b for a, b in zip(*times, strict=True)]
    return statistics.median(ratios)


def startup_goals(pairs: Sequence[Pair]) -> Iterator[Goal]:
    """Yield the ratios of the start-up."""
    for pair, goal in zip(pairs, _STARTUP, strict=False):
        yield _most(f"{pair.name} against {pair.against}", goal, pair.ratio)


def stream_goals(large: Large | None, starts: Sequence[Starts]) -> Iterator[Goal]:
    """Yield the goals for large photos, and for folders with many orientations and profiles."""
    if large:
        yield _most("photos of 42 megapixels: two jobs against one", 0.6, large.ratio)
        yield _most("the same: peak memory of the process tree", 1500, large.two_peak / 1e6, " MB")
    for one in starts[:1]:
        yield _least("photos a start of ffmpeg, orientations and profiles", 10, one.photos_each)


def growth_goals(found: Sequence[Growth]) -> Iterator[Goal]:
    """Yield that a photo among many costs no more than one among few."""
    if len(found) > 1:
        few, many = found[0], found[-1]
        counts = f"a photo of {many.photos} against one of {few.photos}"
        yield _most(f"{counts}, CPU time", 1.05, many.cpu / few.cpu)
        yield _most(f"ffprep's own memory, {many.photos} photos", 60, many.own / 1e6, " MB")


def idle_goals(found: Beside) -> Iterator[Goal]:
    """Yield the ratio of a run with nothing to do."""
    yield _most(f"nothing to do, {found.photos} photos, against rsync", 2.5, found.ratio)


def fidelity_goals(found: Sequence[Fidelity], odd: Sequence[Fidelity]) -> Iterator[Goal]:
    """Yield the mean and the worst PSNR, ordinary and with --fast."""
    for what, photos in (("fidelity", found), ("fidelity at odd offsets", odd)):
        yield from _psnr(what, photos, lambda one: one.folder, 48, 45)
    yield from _psnr("fidelity with --fast", found, lambda one: one.fast, 47, 41)


def _psnr(
    what: str,
    photos: Sequence[Fidelity],
    value: Callable[[Fidelity], float | None],
    mean: float,
    worst: float,
) -> Iterator[Goal]:
    values = [psnr for photo in photos if (psnr := value(photo)) is not None]
    if values:
        yield _least(f"{what}, mean", mean, statistics.fmean(values), " dB")
        yield _least(f"{what}, worst", worst, min(values), " dB")


def quality_goals(found: Sequence[Coded]) -> Iterator[Goal]:
    """Yield how JPEGs of the usual qualities compare with Pillow's."""
    usual = [one for one in found if one.quality <= 95]
    if usual:
        loss = max(-one.gain for one in usual)
        yield _most("JPEG at 75 to 95: PSNR below Pillow's, mean", 0.3, loss, " dB")
        bytes = max(one.ratio for one in usual) * 100
        yield _most("JPEG at 75 to 95: bytes of Pillow's, mean", 105, bytes, " %")


def colour_goals(found: Sequence[Colour]) -> Iterator[Goal]:
    """Yield the speed of photos with a Display P3 profile."""
    for one in found:
        yield _least(f"speed of a P3 folder, {one.what}", 90, 100 / one.wall_ratio, " %")
