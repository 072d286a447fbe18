"""The jobs that wait, and the chunks they are cut into."""

from pathlib import Path

import pytest

from ffprep.config.modes import find_mode
from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob, Result, Status
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from ffprep.ledger.rows import FinishedJob, PendingJob
from ffprep.record import replace
from ffprep.run.window import ChunkSize, Window
from tests.support.pictures import ramp

SPEC = Spec(Size(9, 9), find_mode("pad"))


def took(seconds: float, pixels: int) -> FinishedJob:
    pending = replace(PendingJob(LocalJob(Path("a"), Path("b"), SPEC)), pixels=pixels)
    result = Result(Path("a"), Path("b"), Status.CONVERTED, seconds=seconds)
    return FinishedJob(result, pending)


def test_chunks_are_a_few_seconds_long_and_end_small() -> None:
    size = ChunkSize()
    for _ in range(100):
        size.learn(took(0.5, pixels=46_000_000))  # 100 megapixels of work a second
    millions = [round(size.next(left * 1e6, 2) / 1e6) for left in (10_000, 1600, 400, 120, 20)]
    assert millions == [400, 400, 100, 30, 25]


def test_chunks_of_photos_that_were_not_probed() -> None:
    window = Window(None)
    jobs = (LocalJob(Path(f"{number}"), Path("o"), SPEC) for number in range(32))
    window.add(map(PendingJob, jobs))
    assert not window.feeds(2)
    assert [len(window.take(2)) for _ in range(4)] == [8, 6, 4, 3]


def test_the_jobs_of_a_photo_stay_together() -> None:
    window = Window(None)
    for size in "small", "large":
        jobs = (LocalJob(Path(f"{n}"), Path(f"{size}/{n}"), SPEC) for n in range(9))
        window.add(map(PendingJob, jobs), others_follow=size == "small")
        assert len(window) == (0 if size == "small" else 9)
    while window:
        names = [pending.job.source.name for pending in window.take(2)]
        assert names[::2] == names[1::2]
        assert len(set(names)) == len(names) / 2


@pytest.mark.parametrize(
    ("pace", "chunks"),
    [(1e-8, ["abcde", "jklm", "none.x"]), (4.9e-7, ["ed", "ml", "none.x", "cba", "k", "j"])],
)
def test_photos_of_one_kind_are_in_one_chunk_large_ones_first(
    tmp_path: Path, pace: float, chunks: list[str]
) -> None:
    sources = list[Path]()
    for number, name in enumerate("ajbkcldme"):
        format = "JPEG" if name < "j" else "PNG"
        sources.append(tmp_path / name)
        ramp(20 + number, 20).save(sources[-1], format)
    sources.append(tmp_path / "none.x")
    window = Window(Converter(find(), Policy()).look_ahead, ChunkSize(pace))
    window.add(PendingJob(LocalJob(path, Path(f"{path}.out"), SPEC)) for path in sources)
    taken = list[str]()
    while window:
        taken.append("".join(pending.job.source.name for pending in window.take(1)))
    assert taken == chunks
