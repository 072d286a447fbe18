"""--failures new: what counts as new, and what `status --accept` changes."""

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ffprep as package
from ffprep.storage.local import LOCAL
from tests.support.command_line import Ran
from tests.support.pictures import ramp


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A good photo, a damaged one, and a link to nothing, which is tried in every run."""
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    ramp(60, 40).save(folder / "good.jpg")
    damage(folder / "deep/bad.jpg", 900)
    (folder / "gone.jpg").symlink_to("nothing.jpg")
    return folder


def damage(photo: Path, length: int) -> None:
    ramp(90, 60).save(photo)
    photo.write_bytes(photo.read_bytes()[:length])


@pytest.fixture
def convert(ffprep: Callable[..., Ran], photos: Path) -> Callable[..., Ran]:
    def run(*options: object) -> Ran:
        words = ["convert", photos, "-o", photos.parent / "out", "--size", "32x18"]
        return ffprep(*words, *options)

    return run


def named(ran: Ran) -> set[str]:
    """The photos that the block on stderr names."""
    lines = ran.err.splitlines()[1:]
    return {os.path.basename(line.partition(": ")[0]) for line in lines}


def test_only_new_failures_are_reported_and_decide_the_exit_code(convert, photos: Path) -> None:
    ran = convert("--failures", "new")
    assert (ran.code, named(ran)) == (1, {"bad.jpg", "gone.jpg"})
    ran = convert("--failures", "new")
    assert (ran.code, ran.out, ran.err) == (0, b"", "")
    ran = convert()
    assert (ran.code, named(ran)) == (1, {"bad.jpg", "gone.jpg"})
    assert "1 fresh, 2 failed (0 new) in " in ran.err
    damage(photos / "more.jpg", 700)
    damage(photos / "deep/bad.jpg", 800)
    ran = convert("--failures", "new")
    assert (ran.code, named(ran)) == (1, {"bad.jpg", "more.jpg"})
    assert "3 failed (2 new) in " in ran.err
    # The same photo with other options may be another failure.
    ran = convert("--failures", "new", "--quality", "80")
    assert (ran.code, named(ran)) == (1, {"bad.jpg", "gone.jpg", "more.jpg"})


def test_reports_say_what_is_new(convert, photos: Path, tmp_path: Path) -> None:
    convert()
    damage(photos / "more.jpg", 700)
    command = 'echo "$FFPREP_FAILED $FFPREP_NEW_FAILURES $FFPREP_EXIT_CODE"'
    files = ["--summary-file", tmp_path / "s.json", "--metrics-file", tmp_path / "m.prom"]
    ran = convert("--failures", "new", "--json", "--on-finish", command, *files)
    known = {name: d["error"].get("known") for name, d in ran.results.items() if d["error"]}
    assert known == {"bad.jpg": True, "gone.jpg": True, "more.jpg": None}
    assert (ran.summary["failed"], ran.summary["new_failures"]) == (3, 1)
    assert ran.err.splitlines()[-1] == "3 1 1"
    summary: dict[str, Any] = json.loads((tmp_path / "s.json").read_text())
    (first,) = summary["first_failures"]
    assert (os.path.basename(first["source"]), summary["exit_code"]) == ("more.jpg", 1)
    lines = (tmp_path / "m.prom").read_text().splitlines()
    assert f'ffprep_new_failures{{output="{tmp_path}/out"}} 1' in lines
    found = list(package.convert(photos, tmp_path / "out", "32x18"))
    assert {r.source.name: r.failure.known for r in found if r.failure} == {
        "bad.jpg": True,
        "gone.jpg": True,
        "more.jpg": True,
    }


def test_a_killed_run_has_reported_nothing(convert, photos: Path) -> None:
    convert()
    with sqlite3.connect(photos.parent / "out/.ffprep/ledger.db") as ledger:
        ledger.execute("UPDATE runs SET ended = NULL")
    ledger.close()
    assert named(convert("--failures", "new")) == {"bad.jpg", "gone.jpg"}
    assert convert("--failures", "new").code == 0


def test_accepted_failures_are_known_until_the_photo_changes(ffprep, convert, photos: Path) -> None:
    out = photos.parent / "out"
    convert()
    with LOCAL.lock(out, 0):
        assert ffprep("status", out, "--accept").code == 75
    ran = ffprep("status", out, "--accept")
    assert (ran.code, ran.out.decode(), ran.err) == (0, f"{out}: 2 failures accepted\n", "")
    totals = ffprep("status", out).out.decode()
    assert ", of which 2 accepted (--failed lists them)\n" in totals
    listed = ffprep("status", out, "--failed").out.decode().splitlines()
    assert [line.endswith(" (accepted)") for line in listed] == [True, True]
    # Other options, and no run before that reported anything.
    ran = convert("--failures", "new", "--quality", "80")
    assert (ran.code, ran.err) == (0, "")
    damage(photos / "deep/bad.jpg", 800)
    ran = convert("--failures", "new", "--quality", "80")
    assert (ran.code, named(ran)) == (1, {"bad.jpg"})
    found = [json.loads(x) for x in ffprep("status", out, "--failed", "--json").out.splitlines()]
    accepted = {os.path.basename(each["source"]): each["accepted"] for each in found}
    assert accepted == {"bad.jpg": False, "gone.jpg": True}
    ran = ffprep("status", out, "--accept", "--json")
    assert ran.lines == [{"output": str(out), "accepted": 2}]
    assert convert("--failures", "new", "--quality", "70").code == 0


def test_a_folder_without_its_photos_is_new_once(ffprep, convert, photos: Path) -> None:
    ramp(60, 40).save(photos / "deep/bad.jpg")
    ramp(60, 40).save(photos / "deep/other.jpg")
    (photos / "gone.jpg").unlink()
    assert convert().code == 0
    (photos / "deep").rename(photos.parent / "away")
    ran = convert("--failures", "new")
    assert (ran.code, named(ran)) == (1, {"deep"})
    assert b"deep: missing: " in ffprep("status", photos.parent / "out", "--failed").out
    assert (convert("--failures", "new").code, convert().code) == (0, 1)
    (photos.parent / "away").rename(photos / "deep")
    assert convert().code == 0
    assert ffprep("status", photos.parent / "out", "--failed").out == b""


@pytest.mark.parametrize("options", [("-o", "out", "--ledger", "none"), ("-o", "one.jpg")])
def test_new_failures_need_a_ledger(ffprep, photos: Path, options: tuple[str, ...]) -> None:
    words = ["convert", photos / "good.jpg", "--size", "32x18", "--failures", "new"]
    ran = ffprep(*words, *options, cwd=photos.parent)
    assert (ran.code, "--failures new needs the ledger" in ran.err) == (2, True)
