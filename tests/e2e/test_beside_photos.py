"""OUT is a SOURCE, or contains one: outputs lie beside the photos, and are never taken for them."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import ffprep as library
from tests.support.command_line import Ran
from tests.support.pictures import opened, ramp
from tests.support.waiting import until

FRAME = ("--size", "32x18")
BESIDE = (*FRAME, "--names", "sora_ready_{stem}")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three photos in two folders, and one of the user's with a name like an output's."""
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    for number, name in enumerate(["a.jpg", "b.png", "trip/c.jpg", "sora_ready_mine.jpg"]):
        ramp(60 + number, 40).save(folder / name)
    return folder


def files(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found if ".ffprep" not in path.parts}


MADE = {
    "sora_ready_a.jpg",
    "sora_ready_b.jpg",
    "trip/sora_ready_c.jpg",
    "sora_ready_sora_ready_mine.jpg",
}


def counts(ran: Ran) -> tuple[int, int, int, int]:
    return ran.code, *(ran.summary[word] for word in ("converted", "fresh", "failed"))


def test_later_runs_do_nothing(ffprep: Callable[..., Ran], photos: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(photos)
    before = files(photos)
    ran = ffprep("convert", photos, "-o", photos, *BESIDE, "--json")
    assert (counts(ran), files(photos)) == ((0, 4, 0, 0), before | MADE)
    for source, out in [
        ([photos], photos),
        ([photos, photos / "trip"], photos),
        ([tmp_path / "link"], photos / "trip/.."),
        ([photos], tmp_path / "link"),
        ([photos], f"{photos}/"),
    ]:
        assert counts(ffprep("convert", *source, "-o", out, *BESIDE, "--json")) == (0, 0, 4, 0)
    # What a shell makes of photos/*.jpg has outputs in it.
    named = sorted(photos.glob("*.jpg"))
    assert counts(ffprep("convert", *named, "-o", photos, *BESIDE, "--json")) == (0, 0, 2, 0)
    assert files(photos) == before | MADE


def test_other_names_and_formats_are_made_of_photos_only(ffprep, photos: Path) -> None:
    before = files(photos)
    ffprep("convert", photos, "-o", photos, *BESIDE)
    ran = ffprep("convert", photos, "-o", photos, *BESIDE, "--format", "webp", "--json")
    assert counts(ran) == (0, 4, 0, 0)
    webp = {name.replace(".jpg", ".webp") for name in MADE}
    assert files(photos) == before | MADE | webp
    below = (*FRAME, "--names", "ready/{stem}", "--json")
    assert counts(ffprep("convert", photos, "-o", photos, *below)) == (0, 4, 0, 0)
    assert counts(ffprep("convert", photos, "-o", photos, *below)) == (0, 0, 4, 0)
    # --prune leaves what this run makes.
    ran = ffprep("convert", photos, "-o", photos, *BESIDE, "--prune", "--json")
    assert (counts(ran), ran.summary["pruned"]) == ((0, 0, 4, 0), 8)
    assert files(photos) == before | MADE


@pytest.mark.parametrize("ledger", ["none", "elsewhere.db"])
def test_outputs_are_known_without_a_ledger_in_the_folder(
    ffprep, photos: Path, tmp_path: Path, ledger: str
) -> None:
    before = files(photos)
    named = ("--ledger", ledger if ledger == "none" else tmp_path / ledger)
    for options in (named, named, (), ()):
        ran = ffprep("convert", photos, "-o", photos, *BESIDE, *options, "--json")
        assert (ran.code, ran.summary["converted"] + ran.summary["fresh"]) == (0, 4)
        assert files(photos) == before | MADE
    assert ran.summary["fresh"] == 4


def test_shards_know_the_outputs_of_one_another(ffprep, photos: Path) -> None:
    before = files(photos)
    for _ in range(2):
        shards = (f"{number}/3" for number in (1, 2, 3))
        ran = [ffprep("convert", photos, "-o", photos, *BESIDE, "--shard", n) for n in shards]
        assert [each.code for each in ran] == [0, 0, 0]
        assert files(photos) == before | MADE


@pytest.mark.slow
def test_what_a_killed_run_made_is_known(ffprep, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    ramp(60, 40).save(folder / "0.jpg")
    for number in range(1, 60):
        shutil.copy(folder / "0.jpg", folder / f"{number}.jpg")
    command = [sys.executable, "-m", "ffprep", "convert", folder, "-o", folder, *BESIDE]
    run = subprocess.Popen(command, start_new_session=True)
    until(lambda: any(folder.glob("sora_ready_*")))
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    (folder / ".ffprep/ledger.db").unlink()  # as if nothing had come to the disk
    ran = ffprep("convert", folder, "-o", folder, *BESIDE, "--json")
    assert (ran.code, ran.summary["converted"]) == (0, 60)
    assert len(files(folder)) == 120


def test_names_of_photos_are_refused_before_any_work(ffprep, photos: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in photos.rglob("*") if path.is_file()}
    (tmp_path / "link").symlink_to(photos)
    for source, out in [
        (photos, photos),
        (photos, tmp_path / "link"),
        (photos, photos / "trip/.."),
    ]:
        ran = ffprep("convert", source, "-o", out, *FRAME)
        assert (ran.code, "--names 'ready_{stem}'" in ran.err) == (2, True)
    assert {p: p.read_bytes() for p in photos.rglob("*") if p.is_file() and p in before} == before
    assert files(photos) == {str(path.relative_to(photos)) for path in before}
    with pytest.raises(library.UsageError, match="is also a SOURCE"):
        list(library.convert(photos, photos, "32x18"))
    # Names that differ by their suffix only will do while they are apart.
    shutil.rmtree(photos / "trip")
    ran = ffprep("convert", photos, "-o", photos, *FRAME, "--format", "webp", "--json")
    assert counts(ran) == (0, 3, 0, 0)
    ran = ffprep("convert", photos, "-o", photos, *FRAME, "--format", "webp", "--json")
    assert counts(ran) == (0, 0, 3, 0)


def test_a_photo_with_the_name_of_an_output_is_a_photo(ffprep, photos: Path) -> None:
    ramp(50, 40).save(photos / "sora_ready_a.jpg")  # beside a.jpg
    mine = (photos / "sora_ready_a.jpg").read_bytes()
    for _ in range(2):
        ran = ffprep("convert", photos, "-o", photos, *BESIDE, "--json")
        assert (ran.code, ran.kinds()) == (1, {"a.jpg": "collision"})
        assert (photos / "sora_ready_sora_ready_a.jpg").exists()
    assert (photos / "sora_ready_a.jpg").read_bytes() == mine
    # A photo in place of an output whose photo is gone is one, too.
    (photos / "b.png").unlink()
    ramp(51, 47).save(photos / "sora_ready_b.jpg")
    ran = ffprep("convert", photos, "-o", photos, *BESIDE, "--json", "--prune")
    assert ran.results["sora_ready_b.jpg"]["status"] == "converted"
    assert opened(photos / "sora_ready_b.jpg").size == (51, 47)


def test_from_python_and_by_jobs_of_a_file(ffprep, photos: Path, tmp_path: Path) -> None:
    def run() -> list[str]:
        results = library.convert(photos, photos, "32x18", names="sora_ready_{stem}")
        return [str(result.status) for result in results]

    assert (run(), run()) == (["converted"] * 4, ["fresh"] * 4)
    lines = [f'[job.{name}]\nsources = ["photos"]\noutput = "photos"' for name in "xy"]
    names = ["sora_ready_{stem}", "{n}-y"]
    text = "\n".join(
        f'{line}\nsize = "32x18"\nnames = "{name}"' for line, name in zip(lines, names, strict=True)
    )
    (tmp_path / "ffprep.toml").write_text(text)
    for converted in (4, 0):
        ran = ffprep("run", "--all", "--config", tmp_path / "ffprep.toml", "--json")
        summaries = [line["summary"] for line in ran.lines if "summary" in line]
        assert [each["converted"] for each in summaries] == [0, converted], ran.err


def test_a_link_to_an_output_is_no_photo(ffprep, photos: Path) -> None:
    ffprep("convert", photos, "-o", photos, *BESIDE)
    (photos / "again.jpg").symlink_to("sora_ready_a.jpg")
    assert counts(ffprep("convert", photos, "-o", photos, *BESIDE, "--json")) == (0, 0, 4, 0)


def test_a_source_below_the_output_folder(ffprep, tmp_path: Path) -> None:
    photos = tmp_path / "out/photos"
    photos.mkdir(parents=True)
    ramp(60, 40).save(photos / "a.jpg")
    into = (*FRAME, "--names", "photos/x-{stem}", "--json")
    for converted in (1, 0):
        ran = ffprep("convert", photos, "-o", tmp_path / "out", *into)
        assert (ran.code, ran.summary["converted"]) == (0, converted)
    ran = ffprep("convert", tmp_path / "out", photos, "-o", tmp_path / "out", *BESIDE, "--json")
    assert counts(ran) == (0, 1, 0, 0)


def test_a_folder_that_is_away_with_its_outputs_is_reported(ffprep, photos: Path) -> None:
    ramp(64, 40).save(photos / "trip/d.jpg")
    ffprep("convert", photos, "-o", photos, *BESIDE)
    away = (photos / "trip").rename(photos.parent / "away")
    (photos / "trip").mkdir()
    ran = ffprep("convert", photos, "-o", photos, *BESIDE, "--prune", "--json")
    assert (ran.code, ran.kinds()) == (1, {"trip": "missing"})
    (photos / "trip").rmdir()
    away.rename(photos / "trip")
    assert counts(ffprep("convert", photos, "-o", photos, *BESIDE, "--json")) == (0, 0, 5, 0)


def test_lists_of_outputs_are_not_taken_from_other_folders(ffprep, photos: Path) -> None:
    other = photos.parent / "other"
    other.mkdir()
    (other / "1a-1-0-1").write_bytes(b"a.jpg")
    (photos / ".ffprep").mkdir()
    (photos / ".ffprep/outputs").symlink_to(other)
    ran = ffprep("convert", photos, "-o", photos, *BESIDE)
    assert (ran.code, "is a link" in ran.err) == (3, True)
    assert [path.name for path in other.iterdir()] == ["1a-1-0-1"]


def test_a_file_that_is_not_selected_is_not_replaced(ffprep, photos: Path) -> None:
    """As IMG_1.jpg beside IMG_1.heic, where only the latter is to be converted."""
    ramp(70, 40).save(photos / "b.jpg")  # beside b.png
    mine = {path: path.read_bytes() for path in photos.rglob("*.jpg")}
    png = ("convert", photos, "-o", photos, *FRAME, "--include", "*.png", "--json")
    for options in ([], ["--force", "--ledger", "none"], ["--adopt"]):
        ran = ffprep(*png, *options)
        assert (ran.code, ran.kinds()) == (1, {"b.png": "collision"})
    ran = ffprep(*png, "--dry-run")
    assert (ran.code, "b.jpg exists" in ran.err) == (1, True)
    named = ("convert", photos / "b.png", "-o", photos, *FRAME, "--json")
    assert ffprep(*named).kinds() == {"b.png": "collision"}
    assert {path: path.read_bytes() for path in photos.rglob("*.jpg")} == mine
    # An output is replaced. Without its record, it is not until it is adopted.
    (photos / "b.jpg").unlink()
    beside = ("convert", photos, "-o", photos, *BESIDE, "--exclude", "sora_ready_*", "--json")
    for options in ([], ["--force"]):
        assert counts(ffprep(*beside, *options)) == (0, 3, 0, 0)
    shutil.rmtree(photos / ".ffprep")
    assert counts(ffprep(*beside)) == (1, 0, 0, 3)
    assert counts(ffprep(*beside, "--adopt")) == (0, 0, 3, 0)
    assert counts(ffprep(*beside)) == (0, 0, 3, 0)


def test_a_folder_of_photos_in_a_source_is_not_filled(ffprep, photos: Path) -> None:
    """The folder is not walked, so its photos are no sources."""
    shutil.copy(photos / "a.jpg", photos / "trip/a.jpg")
    mine = {path: path.read_bytes() for path in photos.rglob("*.*")}
    ran = ffprep("convert", photos, "-o", photos / "trip", *FRAME)
    assert (ran.code, "trip lies in a SOURCE and contains" in ran.err) == (2, True)
    assert {path: path.read_bytes() for path in photos.rglob("*.*")} == mine
    (photos / "ready").mkdir()
    for expected in [(0, 5, 0, 0), (0, 0, 5, 0)]:
        assert (
            counts(ffprep("convert", photos, "-o", photos / "ready", *FRAME, "--json")) == expected
        )
    shutil.rmtree(photos / "ready/.ffprep")
    ran = ffprep("convert", photos, "-o", photos / "ready", *FRAME, "--json", "--adopt")
    assert counts(ran) == (0, 0, 5, 0)
