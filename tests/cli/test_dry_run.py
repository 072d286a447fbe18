"""Dry runs: the plan says what the run does then, and nothing is written."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command_line import Ran
from tests.support.pictures import opened, ramp

PLANNED = re.compile(r"(.*) -> (.*)  (\d+x\d+)(?:, cropped to \d+x\d+,)? -> (\d+x\d+) (\w+)")
NOT_DECODED = "Photos were not decoded; damage shows in the run."

Command = Callable[..., Ran]


def lines(ran: Ran) -> list[str]:
    return ran.out.decode().splitlines()


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of few photos, in the working folder."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, size in {"fits": (400, 300), "small": (40, 20), "wide": (800, 200)}.items():
        ramp(*size).save(folder / f"{name}.png")
    (folder / "bad.jpg").write_text("no picture")
    (folder / "notes.txt").write_text("not a photo")
    return folder


def test_the_plan_says_how_photos_are_framed_and_what_fails(ffprep: Command, photos: Path) -> None:
    command = ["convert", "photos", "-o", "out", "--size", "200x150", "--mode", "auto"]
    ran = ffprep(*command, "--dry-run")
    assert (ran.code, ran.err, os.path.exists("out")) == (1, "", False)
    failed, *planned = lines(ran)
    assert failed.startswith("photos/bad.jpg: unsupported: is not a picture")
    assert planned == [
        "photos/fits.png -> out/fits.jpg  400x300 -> 200x150 cover",
        "photos/small.png -> out/small.jpg  40x20 -> 200x150 pad, 33 % bars, enlarged 5.00x",
        "photos/wide.png -> out/wide.jpg  800x200 -> 200x150 pad, 67 % bars",
        "3 to convert, 1 would fail, 1 skipped",
        NOT_DECODED,
    ]
    assert ffprep(*command).code == 1
    for line in planned[:3]:
        match = PLANNED.match(line)
        assert match
        assert "{}x{}".format(*opened(Path(match[2])).size) == match[4]
    os.utime(photos / "wide.png")
    (photos / "small.png").unlink()
    refused = ["--upscale", "fail", "--prune", "--dry-run", "-v"]
    first, second, failed, *planned = lines(ffprep(*command, *refused))
    assert failed.startswith("photos/bad.jpg: unsupported: is not a picture")
    assert [first, second, *planned] == [
        "photos/notes.txt: skipped (other)",
        "photos/fits.png -> out/fits.jpg  up to date",
        "photos/wide.png -> out/wide.jpg  800x200 -> 200x150 pad, 67 % bars",
        "remove out/small.jpg",
        "1 to convert, 1 up to date, 1 would fail, 1 to remove, 1 skipped",
        NOT_DECODED,
    ]


def test_the_plan_has_cuts_bounds_and_what_would_be_enlarged(ffprep: Command, photos: Path) -> None:
    (photos / "bad.jpg").unlink()
    command = ["convert", "photos", "-o", "out", "--size", "200x150", "--dry-run"]
    assert lines(ffprep(*command, "--crop-bounds", "0,0,0.5,1", "-q")) == [
        "photos/fits.png -> out/fits.jpg  400x300, cropped to 200x300, -> 200x150 cover, 50 % cut",
        "photos/small.png -> out/small.jpg  40x20, cropped to 20x20, -> 200x150 cover, 25 % cut, "
        "enlarged 10x",
        "photos/wide.png -> out/wide.jpg  800x200, cropped to 400x200, -> 200x150 cover, 33 % cut",
    ]
    ran = ffprep(*command, "--upscale", "fail", "--json")
    *planned, last = ran.lines
    assert {Path(line["source"]).stem: line["status"] for line in planned} == {
        "notes": "passed_over",
        "fits": "planned",
        "small": "failed",
        "wide": "planned",
    }
    assert (ran.code, ran.kinds()) == (1, {"small.png": "upscale"})
    (wide,) = (line for line in planned if line["source"] == "photos/wide.png")
    assert (wide["photo"], wide["width"], wide["height"]) == ("800x200", 200, 150)
    assert wide["framing"]["lost"] == pytest.approx(2 / 3)
    counts = last["summary"]
    assert (counts["to_convert"], counts["failed"], counts["estimate"]) == (2, 1, None)


def test_the_estimate_is_that_of_a_sample_and_then_of_an_earlier_run(
    ffprep: Command, tmp_path: Path
) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    ramp(320, 240).save(photos / "0.jpg")
    for number in range(1, 24):
        os.link(photos / "0.jpg", photos / f"{number}.jpg")
    command = ["convert", photos, "-o", out, "--size", "64x48"]
    (sums,) = [line for line in lines(ffprep(*command, "--dry-run")) if "to convert" in line]
    assert re.fullmatch(
        r"24 to convert; about \d+ kB, about \d+ s \(estimated from a sample of \d+\)", sums
    )
    assert not out.exists()
    assert ffprep(*command).code == 0
    written = sum(path.stat().st_size for path in out.glob("*.jpg"))
    ran = ffprep(*command, "--dry-run", "--force", "--json")
    estimate = ran.summary["estimate"]
    assert (estimate["bytes"], estimate["sample"]) == (written, 0)
    assert estimate["seconds"] > 0
    (sums,) = [line for line in lines(ffprep(*command, "--dry-run", "--force")) if "about" in line]
    assert sums.endswith("s (estimated from an earlier run)")


def test_one_command_makes_all_sizes_of_a_photo(ffprep: Command, photos: Path) -> None:
    (photos / "bad.jpg").unlink()
    sizes = ["--size", "64x48", "--size", "50x50", "--format", "png"]
    ran = ffprep("convert", "photos", "-o", "dry", *sizes, "--dry-run=commands")
    commands = [line for line in lines(ran) if not line.startswith("mkdir")]
    assert (ran.code, ran.err, len(commands)) == (0, "", 3)
    subprocess.run(["sh", "-e"], input=ran.out, check=True, capture_output=True)
    assert ffprep("convert", "photos", "-o", "real", *sizes).code == 0
    made = sorted(path.relative_to("dry") for path in Path("dry").rglob("*.png"))
    assert len(made) == 6
    for name in made:
        assert ("dry" / name).read_bytes() == ("real" / name).read_bytes()
    *planned, _ = ffprep("convert", "photos", "-o", "dry", *sizes, "--dry-run", "--json").lines
    alone = [line["pipeline"][0][-1] for line in planned if line["status"] == "planned"]
    assert sorted(alone) == sorted(f"file:dry/{name}" for name in made)
