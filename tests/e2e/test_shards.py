"""Several runs, each with a part of the photos, into one output folder."""

import os
import subprocess
from pathlib import Path

import pytest

from ffprep.core.shard import Shard
from ffprep.errors import UsageError
from ffprep.storage.local import LOCAL
from tests.e2e.test_cluster import SIZE, command, contents, photos
from tests.support.pictures import ramp

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_every_name_is_in_one_shard_of_about_the_same_size(count: int) -> None:
    names = [f"trip {number // 100:02}/IMG_{number:05}.jpg" for number in range(3000)]
    shards = [Shard(number + 1, count) for number in range(count)]
    parts = [[name for name in names if shard.contains(name)] for shard in shards]
    assert sorted(name for part in parts for name in part) == names
    assert max(map(len, parts)) < 2 * len(names) / count


def test_a_name_stays_in_its_shard() -> None:
    # Whoever changes this has every library of shards converted again.
    where = [
        next(n for n in range(1, 17) if Shard(n, 16).contains(name))
        for name in ("a.jpg", "é/b", "\udcff")
    ]
    assert where == [10, 10, 2]


@pytest.mark.parametrize("text", ["0/4", "5/4", "4", "a/b", "1/0", "-1/4"])
def test_an_invalid_shard_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Shard.parse(text)


def shards(source: Path, out: Path, count: int, *more: str) -> list[str]:
    """Run all of them at a time; what each said."""
    runs = [
        subprocess.Popen(
            [*command(source, "-o", out, "--shard", f"{number}/{count}"), *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        for number in range(1, count + 1)
    ]
    said = [run.communicate(timeout=120)[0].decode() for run in runs]
    assert {run.returncode for run in runs} <= {0, 1}, said
    return said


def test_parallel_shards_make_the_outputs_of_one_run(ffprep, tmp_path: Path) -> None:
    source, out, whole = photos(tmp_path / "in", 60), tmp_path / "out", tmp_path / "whole"
    assert ffprep("convert", source, "-o", whole, *SIZE).code == 0
    assert shards(source, out, 3) == ["", "", ""]
    assert contents(out) == contents(whole)
    told = ffprep("status", out, whole).out.decode()
    assert told.startswith(f"{out}: 60 outputs")
    assert [told.count(f"{number}/3  ") for number in (1, 2, 3)] == [1, 1, 1]
    assert "together: 120 outputs" in told

    # Only the shard of a photo that is gone knows of its output.
    (source / "0/0007.jpg").unlink()
    said = "".join(shards(source, out, 3, "--prune", "--json"))
    assert (said.count('"pruned": 1'), said.count('"pruned": 0'), said.count('"converted": 0')) == (
        1,
        2,
        3,
    )
    assert len(contents(out)) == 59

    # Another split has ledgers of its own, and takes what is there.
    said = "".join(shards(source, out, 2, "--adopt", "--json"))
    assert said.count('"converted": 0') == 2
    split = ffprep("status", out, "--json")
    assert split.lines[0]["converted"] == 59
    assert "3 ledgers of another split are not counted" in split.err


def test_collisions_between_shards_are_reported_once(ffprep, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for number in range(8):  # so many that some pairs are in two shards
        ramp(20, 20).save(source / f"{number}.jpg")
        ramp(20, 20).save(source / f"{number}.png")
    (source / "bad.jpg").write_bytes((source / "0.jpg").read_bytes()[:300])
    said = shards(source, out, 4, "--json")
    assert sum(text.count('"kind": "collision"') for text in said) == 16
    assert not contents(out)
    told = ffprep("status", out, "--failed").out.decode()
    assert (told.count(": collision: "), told.count("bad.jpg: damaged: ")) == (16, 1)


def test_shards_share_a_folder_only_with_shards(ffprep, tmp_path: Path) -> None:
    source, out = photos(tmp_path / "in", 4), tmp_path / "out"
    with LOCAL.lock(out, shard=Shard(1, 2)):
        assert ffprep("convert", source, "-o", out, *SIZE).code == 75
        assert ffprep("convert", source, "-o", out, *SIZE, "--shard", "1/2").code == 75
        assert ffprep("convert", source, "-o", out, *SIZE, "--shard", "2/2").code == 0
    with LOCAL.lock(out):
        ran = ffprep("convert", source, "-o", out, *SIZE, "--shard", "2/2")
        assert (ran.code, f"process {os.getpid()}" in ran.err) == (75, True)
    one = source / "0/0001.jpg"
    assert ffprep("convert", one, "-o", tmp_path / "one.jpg", *SIZE, "--shard", "1/2").code == 2
