"""What --prune and `ffprep clean` remove, and what they leave."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from ffprep.storage.local import LOCAL
from tests.support.command_line import Ran
from tests.support.pictures import opened, ramp

FRAME = ("--size", "32x18")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six photos in four folders."""
    folder = tmp_path / "in"
    names = ["a.jpg", "b.jpg", "nas/c.jpg", "nas/deep/d.jpg", "trip/e.jpg", "trip/f.jpg"]
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        ramp(60 + number, 40).save(folder / name)
    return folder


@pytest.fixture
def convert(ffprep: Callable[..., Ran], photos: Path) -> Callable[..., Ran]:
    def run(*options: object, size: str = "32x18") -> Ran:
        out = photos.parent / "out"
        return ffprep("convert", photos, "-o", out, "--size", size, "--json", *options)

    return run


def files(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found if ".ffprep" not in path.parts}


ALL = {"a.jpg", "b.jpg", "nas/c.jpg", "nas/deep/d.jpg", "trip/e.jpg", "trip/f.jpg"}


def add_row(ledger: Path, folder: str, name: str, victim: Path, source: str) -> None:
    """Add a row that says that a file is the unaltered output of a photo."""
    found = victim.lstat()
    database = sqlite3.connect(ledger)
    with database:
        database.execute(
            "INSERT INTO jobs (folder, name, source, status, run, output_bytes, output_mtime, "
            "width, height) VALUES (?, ?, ?, 'converted', 1, ?, ?, 32, 18)",
            (folder, name, source, found.st_size, found.st_mtime_ns),
        )
    database.close()


@pytest.fixture
def victims(convert: Callable[..., Ran], photos: Path) -> dict[Path, bytes | None]:
    """Files that are not outputs; a ledger says that they are outputs whose photos are gone."""
    convert()
    home, out = photos.parent, photos.parent / "out"
    (home / "docs").mkdir()
    (home / "docs/thesis.odt").write_text("precious")
    shutil.copy(out / "a.jpg", home / "docs/mine.jpg")
    shutil.copy(out / "a.jpg", out / "real.jpg")
    (out / "link.jpg").symlink_to("real.jpg")
    (out / "folder").symlink_to(home / "docs")
    (out / "notes.txt").write_text("notes")
    os.link(out / "a.jpg", out / ".ffprep/a.jpg")
    ledger, real = out / ".ffprep/ledger.db", os.path.realpath(photos)
    for number, (folder, name, victim) in enumerate(
        [
            ("../docs/", "thesis.odt", home / "docs/thesis.odt"),
            ("", "../docs/mine.jpg", home / "docs/mine.jpg"),
            (f"{home}/docs/", "mine.jpg", home / "docs/mine.jpg"),
            ("folder/", "mine.jpg", home / "docs/mine.jpg"),
            ("trip/../../docs/", "mine.jpg", home / "docs/mine.jpg"),
            ("", "link.jpg", out / "link.jpg"),
            ("", "notes.txt", out / "notes.txt"),
            ("../in/", "b.jpg", photos / "b.jpg"),
            (".ffprep/", "a.jpg", out / ".ffprep/a.jpg"),
            (".ffprep/", "ledger.db", ledger),
            ("", "folder", out / "folder"),
        ]
    ):
        add_row(ledger, folder, name, victim, f"{real}/gone-{number}.jpg")
    kept = [path for path in home.rglob("*") if ".ffprep" not in path.parts]
    assert all(path.exists() for path in kept)
    return {path: path.read_bytes() if path.is_file() else None for path in kept}


def test_prune_removes_only_outputs_whatever_the_ledger_says(
    convert, photos: Path, victims: dict[Path, bytes | None]
) -> None:
    ran = convert("--prune", "-v")
    assert (ran.code, ran.summary["pruned"]) == (0, 0)
    assert {path: path.read_bytes() if path.is_file() else None for path in victims} == victims
    assert (photos.parent / "out/.ffprep/a.jpg").exists()


def test_clean_removes_only_outputs_whatever_the_ledger_says(
    ffprep, photos: Path, victims: dict[Path, bytes | None]
) -> None:
    out = photos.parent / "out"
    ran = ffprep("clean", out, "--json")
    assert (ran.code, ran.summary["removed"]) == (0, 6)
    for path, content in victims.items():
        inside = path.is_relative_to(out) and str(path.relative_to(out)) in ALL
        if not inside and path not in (out / "nas", out / "nas/deep", out / "trip"):
            assert path.exists()
            assert (path.read_bytes() if path.is_file() else None) == content
    assert files(out) == {"real.jpg", "link.jpg", "notes.txt"}


def test_clean_removes_what_was_made_and_not_modified(ffprep, convert, photos: Path) -> None:
    out = photos.parent / "out"
    convert("--checksum")
    (out / "a.jpg").write_bytes(b"modified")
    before = (out / "b.jpg").stat()
    content = bytearray((out / "b.jpg").read_bytes())
    content[-1] ^= 1
    (out / "b.jpg").write_bytes(content)
    os.utime(out / "b.jpg", ns=(before.st_atime_ns, before.st_mtime_ns))
    (out / "trip/mine.txt").write_text("mine")
    shown = ffprep("clean", out, "--checksum", "--dry-run")
    removed = ("nas/c.jpg", "nas/deep/d.jpg", "trip/e.jpg", "trip/f.jpg")
    assert shown.out.decode().splitlines() == [f"rm -- {out}/{name}" for name in removed]
    assert files(out) == ALL | {"trip/mine.txt"}
    ran = ffprep("clean", out, "--checksum")
    assert (ran.code, ran.out, files(out)) == (0, b"", {"a.jpg", "b.jpg", "trip/mine.txt"})
    assert ran.err.count("kept: was modified since it was made") == 2
    assert "4 removed, 2 kept" in ran.err
    assert not (out / "nas").exists()
    assert ffprep("clean", out).code == 0  # b.jpg has its old time
    assert files(out) == {"a.jpg", "trip/mine.txt"}
    assert convert().summary["converted"] == 6
    assert files(photos) == ALL


def test_clean_takes_the_lock_and_needs_a_ledger(ffprep, convert, photos: Path) -> None:
    out = photos.parent / "out"
    ran = ffprep("clean", photos)
    assert (ran.code, "there is no ledger" in ran.err, files(photos)) == (2, True, ALL)
    assert not (photos / ".ffprep").exists()
    convert()
    with LOCAL.lock(out):
        assert ffprep("clean", out).code == 75
        assert ffprep("clean", out, "--dry-run").code == 0
    elsewhere = photos.parent / "other"
    elsewhere.mkdir()
    assert ffprep("clean", elsewhere, "--ledger", out / ".ffprep/ledger.db").code == 3
    assert files(out) == ALL


def test_clean_knows_the_outputs_of_all_shards_and_of_failed_photos(
    ffprep, convert, photos: Path
) -> None:
    out = photos.parent / "out"
    for number in (1, 2):
        convert("--shard", f"{number}/2")
    (photos / "a.jpg").write_bytes(b"damaged since")
    for number in (1, 2):
        convert("--shard", f"{number}/2")
    assert ffprep("clean", out, "--json").summary["removed"] == 6
    assert files(out) == set()
    told = ffprep("status", out, "--failed")
    assert "in/a.jpg: unsupported" in told.out.decode()


def test_a_folder_that_lost_all_its_photos_is_reported_and_spared(convert, photos: Path) -> None:
    out = photos.parent / "out"
    convert()
    shutil.rmtree(photos / "nas")
    (photos / "nas").mkdir()
    for options in ([], ["--prune"]):
        ran = convert(*options)
        assert (ran.code, ran.summary["pruned"], ran.kinds()) == (1, 0, {"nas": "missing"})
        assert "all 2 photos of this folder are gone" in ran.out.decode()
    assert files(out) == ALL
    ran = convert("--prune", "--prune-emptied")
    assert (ran.code, ran.summary["pruned"]) == (0, 2)
    assert files(out) == ALL - {"nas/c.jpg", "nas/deep/d.jpg"}
    assert convert().code == 0


def test_a_folder_that_was_renamed_is_not_emptied(convert, photos: Path) -> None:
    convert()
    (photos / "trip").rename(photos / "journey")
    ran = convert()
    assert (ran.code, ran.summary["converted"], ran.kinds()) == (0, 2, {})
    ran = convert("--prune")
    assert (ran.code, ran.summary["pruned"]) == (0, 2)
    assert not (photos.parent / "out/trip").exists()


def test_copies_elsewhere_do_not_make_a_folder_that_is_away_a_moved_one(
    convert, photos: Path
) -> None:
    shutil.copytree(photos / "nas", photos / "backup")
    convert()
    shutil.rmtree(photos / "nas")
    ran = convert("--prune")
    assert (ran.code, ran.summary["pruned"], ran.kinds()) == (1, 0, {"nas": "missing"})
    # Converted later, they are.
    shutil.move(photos / "backup", photos / "moved")
    ran = convert("--prune")
    assert (ran.code, ran.summary["pruned"]) == (0, 4)


def test_shards_spare_a_folder_of_which_they_know_one_photo(convert, photos: Path) -> None:
    for number in (1, 2, 3):
        convert("--shard", f"{number}/3")
    shutil.rmtree(photos / "trip")
    for number in (1, 2, 3):
        assert convert("--shard", f"{number}/3", "--prune").summary["pruned"] == 0
    assert files(photos.parent / "out") == ALL


def test_the_only_photo_of_a_folder_was_deleted(convert, photos: Path) -> None:
    convert()
    (photos / "nas/deep/d.jpg").unlink()
    ran = convert("--prune")
    assert (ran.code, ran.summary["pruned"]) == (0, 1)


def test_a_selection_or_an_unreadable_folder_empties_none(
    convert, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert()
    for options in (["--include", "nas/"], ["--since", "2100-01-01"]):
        ran = convert(*options, "--prune")
        assert (ran.code, ran.summary["pruned"]) == (0, 0)
    assert files(photos.parent / "out") == ALL


def test_outputs_with_other_names_or_formats_are_pruned(convert, photos: Path) -> None:
    out = photos.parent / "out"
    convert()
    convert("--names", "{stem}-x")
    ran = convert("--names", "{stem}-x", "--format", "webp")
    assert (ran.summary["converted"], len(files(out))) == (6, 18)
    shown = convert("--names", "{stem}-x", "--format", "webp", "--prune", "--dry-run")
    assert shown.out.count(b'"pruned", ') == 12
    (out / "a.jpg").write_bytes(b"modified")
    ran = convert("--names", "{stem}-x", "--format", "webp", "--prune")
    assert (ran.code, ran.summary["pruned"]) == (0, 11)
    assert files(out) == {name.replace(".jpg", "-x.webp") for name in ALL} | {"a.jpg"}
    # Outputs of another size may be those of another job.
    convert("--names", "{stem}-small", size="8x8")
    assert convert("--names", "{stem}-x", "--format", "webp", "--prune").summary["pruned"] == 0
    fit = ("--mode", "fit", "--prune")
    assert convert(*fit, "--names", "{stem}-fit", size="40x40").summary["pruned"] == 0
    assert convert(*fit, "--names", "{stem}-all", size="40x40").summary["pruned"] == 6


def test_an_output_stays_if_the_photo_fails_under_its_new_name(convert, photos: Path) -> None:
    convert()
    (photos / "a.jpg").write_bytes(b"damaged since")
    ran = convert("--names", "{stem}-x", "--prune")
    assert (ran.code, ran.summary["pruned"], ran.summary["failed"]) == (1, 5, 1)
    assert opened(photos.parent / "out/a.jpg").size == (32, 18)


def test_an_output_stays_if_no_other_one_exists(convert, photos: Path) -> None:
    """Photos that --retry-failed does not try have no output under the new name."""
    (photos / "a.jpg").write_bytes(b"damaged")
    convert()
    convert("--names", "{stem}-x")
    out = photos.parent / "out"
    (out / "b-x.jpg").unlink()
    ran = convert("--names", "{stem}-x", "--retry-failed", "--prune")
    assert (ran.code, ran.summary["pruned"], ran.summary["failed"]) == (1, 4, 1)
    assert "b.jpg" in files(out)


def test_outputs_of_excluded_photos_are_pruned(convert, photos: Path) -> None:
    convert()
    ran = convert("--exclude", "nas/", "--exclude", "e.jpg", "--prune")
    assert (ran.code, ran.summary["pruned"], ran.summary["fresh"]) == (0, 3, 3)
    assert files(photos.parent / "out") == {"a.jpg", "b.jpg", "trip/f.jpg"}


def test_numbers_stay_with_their_photos(convert, photos: Path) -> None:
    out, names = photos.parent / "out", ("--names", "{n:03}-{stem}")
    convert(*names)
    first = {"001-a.jpg", "002-b.jpg", "nas/003-c.jpg", "nas/deep/004-d.jpg"}
    first |= {"trip/005-e.jpg", "trip/006-f.jpg"}
    assert files(out) == first
    ramp(60, 40).save(photos / "0.jpg")
    ramp(60, 40).save(photos / "nas/z.jpg")
    (photos / "b.jpg").unlink()
    ran = convert(*names)
    assert (ran.summary["converted"], ran.summary["fresh"]) == (2, 5)
    assert files(out) - first == {"007-0.jpg", "nas/008-z.jpg"}
    ran = convert(*names, "--prune")
    assert (ran.summary["converted"], ran.summary["fresh"], ran.summary["pruned"]) == (0, 7, 1)
    ran = convert(*names, "--format", "webp", "--prune")
    webp = {name.replace(".jpg", ".webp") for name in first - {"002-b.jpg"}}
    assert files(out) == webp | {"007-0.webp", "nas/008-z.webp"}


def test_numbers_of_shards_are_those_of_one_run(convert, photos: Path) -> None:
    out, names = photos.parent / "out", ("--names", "{n}")
    for number in (2, 1, 3):
        convert(*names, "--shard", f"{number}/3")
    assert {Path(name).stem for name in files(out)} == set("123456")
    ramp(60, 40).save(photos / "0.jpg")
    ramp(60, 40).save(photos / "nas/0.jpg")
    before = files(out)
    done = [convert(*names, "--shard", f"{n}/3").summary["converted"] for n in (3, 1, 2)]
    assert (sum(done), len(files(out)), before < files(out)) == (2, 8, True)
    done = [convert(*names, "--shard", f"{n}/3").summary["converted"] for n in (1, 2, 3)]
    assert sum(done) == 0
