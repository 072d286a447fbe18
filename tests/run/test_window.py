"""The jobs that wait, and the chunks they are cut into."""

from pathlib import Path

from ffprep.config.modes import find_mode
from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob, Result, Status
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from ffprep.ledger.rows import PendingJob
from ffprep.run.window import ChunkSize, Window
from tests.support.pictures import ramp


def took(seconds: float) -> Result:
    return Result(Path("a"), Path("b"), Status.CONVERTED, seconds=seconds)


def test_chunks_are_a_few_seconds_long_and_end_small() -> None:
    size = ChunkSize()
    for _ in range(100):
        size.learn(took(0.01))
    assert size.next(100_000, 2) == 64
    assert [size.next(n, 2) for n in (400, 120, 8, 1)] == [64, 30, 25, 25]
    for _ in range(100):
        size.learn(took(2.0))
    assert size.next(100_000, 2) == 2
    assert [size.next(n, 2) for n in (8, 3, 1)] == [2, 1, 1]
    for _ in range(100):
        size.learn(took(60.0))
    assert size.next(100_000, 2) == 1


def test_photos_of_one_kind_are_in_one_chunk_large_ones_first(tmp_path: Path) -> None:
    spec, sources = Spec(Size(9, 9), find_mode("pad")), list[Path]()
    for number, name in enumerate("ajbkcld"):
        format = "JPEG" if name < "j" else "PNG"
        sources.append(tmp_path / name)
        ramp(20 + number, 20).save(sources[-1], format)
    sources.append(tmp_path / "none.x")
    jobs = [LocalJob(source, Path(f"{source}.out"), spec) for source in sources]
    converter = Converter(find(), Policy())
    for look_ahead, chunks in (
        (converter.look_ahead, ["cba", "lkjd", "none.x"]),
        (None, ["ajbkcld", "none.x"]),
    ):
        window = Window(look_ahead)
        window.add(map(PendingJob.unknown, jobs))
        taken = list[str]()
        for length in (3, 4, 4) if look_ahead else (7, 4):
            chunk = window.take(length)
            taken.append("".join(pending.job.source.name for pending in chunk))
        assert (taken, len(window)) == (chunks, 0)
