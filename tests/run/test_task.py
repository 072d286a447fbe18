"""--only, --min-size and --min-mpx: which photos are passed over, and what later runs know."""

import os
from pathlib import Path

import pytest
from PIL import Image

from tests.support.command_line import Ran
from tests.support.pictures import ramp


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A landscape, a portrait that is stored as a landscape, a square, and a damaged photo."""
    (tmp_path / "in").mkdir()
    ramp(60, 40).save(tmp_path / "in/wide.png")
    ramp(40, 40).save(tmp_path / "in/square.png")
    turned = Image.Exif()
    turned[0x0112] = 6
    ramp(60, 40).save(tmp_path / "in/high.jpg", exif=turned)
    (tmp_path / "in/bad.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    return tmp_path / "in"


def statuses(ran: Ran) -> dict[str, str]:
    return {name.partition(".")[0]: line["status"] for name, line in ran.results.items()}


def test_photos_are_selected_as_they_are_shown_and_later_runs_know_it(ffprep, photos: Path) -> None:
    out = photos.parent / "out"
    command = ["convert", photos, "-o", out, "--size", "16x16", "--json"]
    ran = ffprep(*command, "--only", "portrait", "--only", "square")
    expected = {"bad": "failed", "high": "converted", "square": "converted", "wide": "passed_over"}
    assert (ran.code, statuses(ran)) == (1, expected)
    assert ran.results["wide.png"]["reason"] == "landscape, 60x40"
    assert ran.summary["passed_over_by_kind"]["filtered"] == 1
    assert sorted(os.listdir(out)) == [".ffprep", "high.jpg", "square.jpg"]

    # A photo that is read again would fail.
    before = (photos / "wide.png").stat()
    (photos / "wide.png").write_bytes(bytes(before.st_size))
    os.utime(photos / "wide.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    ran = ffprep(*command, "--only", "portrait", "--only", "square")
    known = {"high": "fresh", "square": "fresh", "wide": "passed_over", "bad": "failed"}
    assert {name: statuses(ran)[name] for name in known} == known
    assert "wide" not in ffprep("status", out, "--failed").out.decode()


def test_another_filter_looks_at_converted_photos_again_and_prune_removes_outputs(
    ffprep, photos: Path
) -> None:
    out = photos.parent / "out"
    command = ["convert", photos, "-o", out, "--size", "16x16", "--json", "--exclude", "bad*"]
    assert ffprep(*command).summary["converted"] == 3
    before = (out / "wide.jpg").stat().st_mtime_ns
    ran = ffprep(*command, "--min-size", "60x40")
    assert statuses(ran) == {"wide": "fresh", "high": "passed_over", "square": "passed_over"}
    assert sorted(os.listdir(out)) == [".ffprep", "high.jpg", "square.jpg", "wide.jpg"]
    ran = ffprep(*command, "--only", "square", "--prune", "--dry-run")
    assert sorted(line["output"][-8:] for line in ran.lines if line.get("status") == "pruned") == [
        "high.jpg",
        "wide.jpg",
    ]
    ran = ffprep(*command, "--min-size", "60x40", "--prune")
    assert (ran.summary["fresh"], ran.summary["pruned"]) == (1, 2)
    assert sorted(os.listdir(out)) == [".ffprep", "wide.jpg"]
    assert (out / "wide.jpg").stat().st_mtime_ns == before
    ran = ffprep(*command)
    assert (ran.summary["converted"], ran.summary["fresh"]) == (2, 1)
    ran = ffprep(*command, "--min-size", "60x40", "--prune", "--force")
    assert (ran.summary["converted"], ran.summary["pruned"]) == (1, 2)
    assert sorted(os.listdir(out)) == [".ffprep", "wide.jpg"]


def test_megapixels_select_without_a_ledger_and_in_a_dry_run(ffprep, photos: Path) -> None:
    command = ["convert", photos, "-o", photos.parent / "out", "--size", "16x16", "--json"]
    command += ["--exclude", "bad*", "--min-mpx", "0.002"]
    ran = ffprep(*command, "--dry-run")
    assert [Path(line["source"]).name for line in ran.lines if "pipeline" in line] == [
        "high.jpg",
        "wide.png",
    ]
    ran = ffprep(*command, "--ledger", "none")
    assert (ran.code, ran.summary["converted"], ran.summary["passed_over"]) == (0, 2, 1)
    assert not (photos.parent / "out/square.jpg").exists()


def test_megapixels_are_a_number(ffprep, photos: Path) -> None:
    ran = ffprep("convert", photos, "-o", "out", "--size", "16x16", "--min-mpx", "nan")
    assert ran.code == 2
    assert "--min-mpx: 'nan' is not a number" in ran.err
