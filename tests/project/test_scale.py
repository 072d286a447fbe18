"""The page about 100 million photos says what its script says, and the simulation loses nothing."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ffprep.run import window
from scripts.scale.model import Figures
from scripts.scale.simulation import Run, shared_out, simulate

ROOT = Path(__file__).parents[2]
RUN = Run(
    photos=20_000,
    processors=50,
    photo=0.1,
    deviation=0.0,
    start=0.03,
    submission=1e-4,
    chunk=40,
)


def test_the_tables_of_the_pages_are_the_scripts(tmp_path: Path) -> None:
    pages = [ROOT / "docs/operations" / name for name in ("scale.md", "scale-figures.md")]
    copies = [Path(shutil.copy(page, tmp_path)) for page in pages]
    subprocess.run([sys.executable, "-m", "scripts.scale", "--into", *copies], check=True, cwd=ROOT)
    assert [copy.read_text() for copy in copies] == [page.read_text() for page in pages], (
        f"run python -m scripts.scale --into {' '.join(map(str, pages))}"
    )


def test_chunks_are_assumed_as_a_run_cuts_them() -> None:
    figures = Figures.read(ROOT / "scripts/scale/figures.toml")
    assert (figures["chunk_seconds"], figures["chunk_photos"]) == (
        window._CHUNK_SECONDS,
        window._MAX_CHUNK,
    )


@pytest.mark.parametrize(
    "case",
    [
        RUN,
        replace(RUN, kills=30.0),
        replace(RUN, chunk=1000, shrink=False),
        replace(RUN, submission=0.01),
        replace(RUN, processors=7, kills=5.0, absence=1.0),
    ],
)
def test_every_photo_is_converted_once_whatever_happens(case: Run) -> None:
    outcome = simulate(case)
    spent = outcome.photos * outcome.seconds * case.processors
    assert spent == pytest.approx(case.photos * case.photo)
    assert (outcome.lost > 0) == (case.kills > 0)
    assert 0 <= outcome.waiting < 1
    assert outcome == simulate(case)


def test_a_simulated_run_is_bounded_by_who_feeds_it() -> None:
    slow = replace(RUN, submission=0.01)
    assert simulate(slow).seconds == pytest.approx(slow.photos * slow.submission, rel=0.05)
    tasks = replace(RUN, task=0.4)
    assert simulate(tasks).seconds > tasks.photos / tasks.chunk * tasks.task
    assert shared_out(slow, 10).seconds < simulate(slow).seconds / 4


def test_fewer_photos_a_chunk_towards_the_end_end_sooner() -> None:
    long = replace(RUN, chunk=400)
    assert simulate(long).end < simulate(replace(long, shrink=False)).end / 2
