"""A ledger written by the previous version stays valid: nothing is converted again.

`fixtures/previous_version` holds drawn photos, the outputs that ffprep 0.1.0 (8ba2cda) made of them
with the commands of RUNS, and a dump of its ledger. The tests restore the ledger, move the absolute
paths in it from `/previous` to the copied folder, and give the copied files the times that the
ledger recorded.
"""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ffprep import __version__
from ffprep.conversion.ffmpeg_binary import find

pytestmark = pytest.mark.slow

FIXTURE = Path(__file__).parent / "fixtures/previous_version"
FFPREP = "0.1.0"
"""The version that wrote the ledger."""

RUNS = {
    "cover": "--size 64x48",
    "pad": "--size 60x60 --mode pad --background white --format png",
    "stretch": "--size 50x20 --mode stretch --format webp --quality 80",
    "choice": "--target two-sizes --targets targets.toml --subsampling 420",
    "auto": "--size 64x48 --mode auto",
    "cut": "--size 33x44 --focus top-left --crop-bounds 0.1,0,0.9,1 --format webp --lossless "
    "--colour keep --metadata keep-rights",
    "bytes": "--size 64x48 --max-bytes 1500 --preserve-times",
    "own": "--size 40x40 --mode own --filters filters",
}
"""The options of each run, by the name of its source folder."""
BLUR = "--size 64x36 --mode blur"
SIDECAR = "--size 64x48"
FAILED = {"damaged.jpg": "damaged", "text.jpg": "unsupported"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder as the previous version left it."""
    copy = tmp_path / "previous"
    shutil.copytree(FIXTURE, copy)
    path = copy / "outputs/.ffprep/ledger.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as ledger, ledger:
        ledger.executescript((copy / "ledger.sql").read_text())
        ledger.execute("UPDATE jobs SET source = ? || substr(source, ?)", moved := (str(copy), 10))
        ledger.execute("UPDATE runs SET output = ? || substr(output, ?)", moved)
        for source, modified in ledger.execute("SELECT source, source_mtime FROM jobs"):
            os.utime(source, ns=(modified, modified))
        made = "SELECT folder || name, output_mtime FROM jobs WHERE output_mtime IS NOT NULL"
        for output, modified in ledger.execute(made):
            os.utime(copy / "outputs" / output, ns=(modified, modified))
    return copy


def arguments(folder: Path, name: str, options: str) -> list[str]:
    # The previous version was called in that folder.
    names = ["--names", f"{name}-{{stem}}", "--json"]
    return ["convert", f"photos/{name}", "-o", "outputs", *options.split(), *names]


def contents(folder: Path) -> dict[Path, tuple[bytes, int]]:
    files = [path for path in folder.rglob("*") if path.is_file() and ".ffprep" not in path.parts]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("more", [[], ["--checksum"]], ids=["times", "checksum"])
def test_everything_is_up_to_date(ffprep, folder: Path, name: str, more: list[str]) -> None:
    before = contents(folder / "outputs")
    ran = ffprep(*arguments(folder, name, RUNS[name]), *more, cwd=folder)
    photos = [path for path in (folder / "photos" / name).rglob("*.*") if path.suffix != ".toml"]
    failed = {path.name for path in photos if path.name in FAILED}
    assert (ran.summary["converted"], ran.summary["failed"]) == (0, len(failed))
    assert ran.summary["fresh"] == len(photos) - len(failed) > 0
    assert (set(ran.kinds()), ran.code) == (failed, 1 if failed else 0)
    assert contents(folder / "outputs") == before


@pytest.mark.parametrize("again", [False, True], ids=["the same version", "another version"])
def test_failures_are_tried_again_only_by_another_version(
    ffprep, folder: Path, again: bool
) -> None:
    with closing(sqlite3.connect(folder / "outputs/.ffprep/ledger.db")) as ledger:
        if not again:
            with ledger:
                ledger.execute(
                    "UPDATE runs SET ffprep = ?, ffmpeg = ?", (__version__, find().version)
                )
        seconds = "SELECT name, seconds, message FROM jobs WHERE status = 'failed'"
        before = set(ledger.execute(seconds))
        ran = ffprep(*arguments(folder, "cover", RUNS["cover"]), cwd=folder)
        assert ran.kinds() == FAILED
        # A photo that is tried again takes another time.
        assert (set(ledger.execute(seconds)) != before) == again


def test_changed_photos_and_modes_are_converted_again(ffprep, folder: Path) -> None:
    (folder / "photos/pad/wide.jpg").touch()
    ran = ffprep(*arguments(folder, "pad", RUNS["pad"]), cwd=folder)
    assert {name: d["status"] for name, d in ran.results.items()} == {
        "wide.jpg": "converted",
        "tall.jpg": "fresh",
    }
    # Since then, the mode blur has a larger backdrop.
    ran = ffprep(*arguments(folder, "blur", BLUR), cwd=folder)
    assert (ran.code, ran.summary["converted"]) == (0, 1)
    # A sidecar has pad and a focus, which pad did not use.
    ran = ffprep(*arguments(folder, "sidecar", SIDECAR), cwd=folder)
    assert (ran.code, ran.summary["converted"]) == (0, 1)


def test_status_reads_it(ffprep, folder: Path) -> None:
    told = json.loads(ffprep("status", folder / "outputs", "--json").out)
    assert len(told["runs"]) == 5
    assert {run["outcome"] for run in told["runs"]} == {"done"}
    assert told["runs"][0]["ffprep"] == FFPREP
    outputs = [path for path in (folder / "outputs").rglob("*.*") if path.suffix != ".db"]
    outputs = [path for path in outputs if path.is_file()]
    assert told["converted"] == len(outputs)
    assert told["failures"] == {"damaged": 1, "unsupported": 1}
    ran = ffprep("status", folder / "outputs", "--failed")
    assert str(folder / "photos/cover/damaged.jpg") in ran.out.decode()
