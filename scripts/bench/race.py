"""Peers over one set, in alternating order, round after round."""

import shutil
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from scripts.bench.meter import Measure, measure
from scripts.bench.peers import BASES, HEIGHT, WIDTH, Peer, environment

_FEW = 8
"""How many photos each peer converts to warm up."""

_SAMPLINGS = {(1.0, 1.0): "444", (2.0, 1.0): "422", (2.0, 2.0): "420"}
"""Chroma subsamplings by how many pixels share a chroma sample, across and down."""


@dataclass(frozen=True, slots=True)
class Run:
    """One peer's turn in one round: what it cost, how many outputs are exact, and their bytes."""

    peer: str
    round: int
    measure: Measure
    exact: int
    size: int


@dataclass(frozen=True, slots=True)
class Row:
    """One peer's medians over all rounds.

    The ratios are against ffprep at the same chroma subsampling, round by round.
    """

    peer: str
    chroma: str
    wall: float
    cpu: float
    peak: float
    own: float
    wall_ratio: float
    cpu_ratio: float
    exact: int
    size: float
    status: int


@dataclass(frozen=True, slots=True)
class Race:
    """All that was measured over one set."""

    set: str
    photos: int
    bytes: int
    runs: list[Run]
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to measure: parallelism, rounds, and the folder for outputs."""

    jobs: int
    rounds: int
    work: Path


def race(peers: Sequence[Peer], folder: Path, settings: Settings, logs: Path) -> Race:
    """Warm up with a few photos, then measure every round, each beginning with another peer."""
    sources = sorted(folder.iterdir())
    _warm_up(peers, sources, settings, logs)
    runs = []
    for number in range(1, settings.rounds + 1):
        start = number % len(peers)
        for peer in (*peers[start:], *peers[:start]):
            told = f"{folder.name}: round {number} of {settings.rounds}, {peer.name}"
            print(told, file=sys.stderr, flush=True)
            runs.append(_turn(peer, number, sources, settings, logs))
    rows = [_row(peer, runs) for peer in peers]
    total = sum(source.stat().st_size for source in sources)
    return Race(folder.name, len(sources), total, runs, rows)


def _warm_up(
    peers: Sequence[Peer], sources: Sequence[Path], settings: Settings, logs: Path
) -> None:
    """Read all photos into the page cache, and start every peer once."""
    few = settings.work / "warm-up"
    shutil.rmtree(few, ignore_errors=True)
    few.mkdir(parents=True)
    for number, source in enumerate(sources):
        content = source.read_bytes()
        if number < _FEW:
            (few / source.name).write_bytes(content)
    for peer in peers:
        _turn(peer, 0, sorted(few.iterdir()), settings, logs)
    shutil.rmtree(few)


def _turn(peer: Peer, number: int, sources: Sequence[Path], settings: Settings, logs: Path) -> Run:
    output = settings.work / "out"
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    logs.mkdir(parents=True, exist_ok=True)
    env = environment(SET=str(sources[0].parent), OUT=str(output), JOBS=str(settings.jobs))
    cost = measure(peer.command, env=env, log=logs / f"{peer.name}.log")
    outputs = [output / f"{source.stem}.jpg" for source in sources]
    size = sum(path.stat().st_size for path in outputs if path.exists())
    exact = sum(is_exact(path, peer.chroma) for path in outputs)
    shutil.rmtree(output)
    return Run(peer.name, number, cost, exact, size)


def is_exact(path: Path, chroma: str | None = None) -> bool:
    """Whether Pillow finds a JPEG of the size asked for, and of this subsampling."""
    try:
        with Image.open(path, formats=("JPEG",)) as image:
            return image.size == (WIDTH, HEIGHT) and chroma in (None, _chroma(image))
    except (OSError, SyntaxError):
        return False


def _chroma(image: Image.Image) -> str | None:
    """Return the subsampling of a JPEG by its components' factors; None without chroma."""
    layers: list[tuple[int, int, int, int]] = getattr(image, "layer", [])
    if len(layers) != 3:
        return None
    (_, width, height, _), (_, chroma_width, chroma_height, _) = layers[:2]
    return _SAMPLINGS.get((width / chroma_width, height / chroma_height))


def _row(peer: Peer, runs: Sequence[Run]) -> Row:
    mine = [run for run in runs if run.peer == peer.name]
    base = [run for run in runs if run.peer == BASES[peer.chroma]]

    def median(value: Callable[[Run], float]) -> float:
        return statistics.median(map(value, mine))

    def ratio(value: Callable[[Run], float]) -> float:
        pairs = zip(mine, base, strict=True)
        return statistics.median(value(one) / max(value(other), 1e-9) for one, other in pairs)

    return Row(
        peer=peer.name,
        chroma=peer.chroma,
        wall=median(lambda run: run.measure.wall),
        cpu=median(lambda run: run.measure.cpu),
        peak=median(lambda run: run.measure.peak),
        own=median(lambda run: run.measure.own),
        wall_ratio=ratio(lambda run: run.measure.wall),
        cpu_ratio=ratio(lambda run: run.measure.cpu),
        exact=min(run.exact for run in mine),
        size=median(lambda run: run.size),
        status=max((run.measure.status for run in mine), key=abs),
    )
