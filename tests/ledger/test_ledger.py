"""What a second run does: only what is new, and all of that."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ffprep.conversion.ffmpeg_binary import find
from tests.support.command_line import Ran
from tests.support.ffmpegs import INPUTS
from tests.support.pictures import opened, ramp
from tests.support.waiting import until

SIZE = ("--size", "32x18")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five photos of two folders, one of them broken, one smaller than what is asked for."""
    folder = tmp_path / "in"
    (folder / "trip").mkdir(parents=True)
    for name, size in (("a.png", (64, 40)), ("b.jpg", (90, 60)), ("trip/c.jpg", (70, 70))):
        ramp(*size).save(folder / name)
    ramp(20, 10).save(folder / "small.png")
    (folder / "bad.jpg").write_bytes((folder / "b.jpg").read_bytes()[:900])
    return folder


@pytest.fixture
def convert(ffprep: Callable[..., Ran], photos: Path) -> Callable[..., dict[str, str]]:
    """Convert the photos; what became of each, by its name."""

    def run(*options: object, code: int | None = None, size: str = "32x18") -> dict[str, str]:
        ran = ffprep(
            "convert", photos, "-o", photos.parent / "out", "--size", size, "--json", *options
        )
        assert ran.code in ((0, 1) if code is None else (code,)), ran.err
        return {name: result["status"] for name, result in ran.results.items()}

    return run


def named(statuses: dict[str, str], status: str) -> set[str]:
    return {name for name, found in statuses.items() if found == status}


def versions(folder: Path) -> dict[str, tuple[int, int]]:
    """What tells that a file was written again."""
    paths = (path for path in folder.rglob("*") if path.is_file() and ".ffprep" not in path.parts)
    return {str(p): (p.stat().st_ino, p.stat().st_mtime_ns) for p in paths}


def same_stamp(path: Path, content: bytes) -> None:
    """Change a file's bytes, but neither their number nor its time."""
    before = path.stat()
    assert len(content) == before.st_size
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_second_run_does_nothing_and_says_the_same(convert, photos: Path) -> None:
    assert named(convert(code=1), "converted") == {"a.png", "b.jpg", "c.jpg", "small.png"}
    before = versions(photos.parent / "out")
    again = convert(code=1)
    assert named(again, "fresh") == {"a.png", "b.jpg", "c.jpg", "small.png"}
    assert named(again, "failed") == {"bad.jpg"}
    assert versions(photos.parent / "out") == before


def touch(photos: Path, out: Path) -> None:
    os.utime(photos / "b.jpg")


def edit(photos: Path, out: Path) -> None:
    ramp(80, 80).save(photos / "b.jpg")


def replace(photos: Path, out: Path) -> None:
    shutil.copy2(photos / "trip/c.jpg", photos / "b.jpg")


def delete_output(photos: Path, out: Path) -> None:
    (out / "b.jpg").unlink()


def alter_output(photos: Path, out: Path) -> None:
    with (out / "b.jpg").open("ab") as file:
        file.write(b"more")


def replace_output_by_a_link(photos: Path, out: Path) -> None:
    (out / "b.jpg").rename(out.parent / "elsewhere")
    (out / "b.jpg").symlink_to(out.parent / "elsewhere")


@pytest.mark.parametrize(
    "change", [touch, edit, replace, delete_output, alter_output, replace_output_by_a_link]
)
def test_what_was_changed_is_converted_again_and_only_that(
    convert, photos: Path, change: Callable[[Path, Path], None]
) -> None:
    convert()
    change(photos, photos.parent / "out")
    assert named(convert(), "converted") == {"b.jpg"}
    assert opened(photos.parent / "out/b.jpg").size == (32, 18)
    assert not (photos.parent / "out/b.jpg").is_symlink()
    assert named(convert(), "converted") == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ("--quality", 80),
        ("--mode", "pad"),
        ("--format", "png"),
        ("--background", "red"),
        ("--metadata", "keep-rights"),
    ],
)
def test_an_option_that_changes_outputs_has_all_converted_again(convert, options) -> None:
    convert()
    assert len(named(convert(*options), "converted")) == 4
    assert named(convert(*options), "converted") == set()


def test_an_option_that_changes_no_output_has_nothing_converted_again(convert) -> None:
    convert()
    for options in (
        ("--jobs", 1),
        ("--upscale", "allow"),
        ("--max-cut", "allow"),
        ("--timeout", 30),
        ("--retry", "always"),
    ):
        assert named(convert(*options), "converted") == set()


def test_an_edited_mode_file_is_seen_and_an_edited_comment_is_not(convert, tmp_path: Path) -> None:
    mode = tmp_path / "modes/mine.toml"
    mode.parent.mkdir()
    text = (Path(__file__).parents[2] / "filters/stretch.toml").read_text()
    mode.write_text(text)
    mine = ("--filters", mode.parent, "--mode", "mine")
    assert len(named(convert(*mine), "converted")) == 4
    mode.write_text("# a remark\n" + text)
    assert named(convert(*mine), "converted") == set()
    mode.write_text(text + '\n[[step]]\nfilter = "hflip"\n')
    assert len(named(convert(*mine), "converted")) == 4


def test_what_a_stricter_policy_would_not_have_made_is_not_fresh(convert) -> None:
    assert named(convert("--damaged", "keep", code=0), "failed") == set()
    assert len(named(convert("--damaged", "keep", code=0), "fresh")) == 5
    strict = convert("--upscale", "fail", code=1)
    assert named(strict, "failed") == {"bad.jpg", "small.png"}
    assert len(named(strict, "fresh")) == 3
    assert named(convert("--damaged", "keep", code=0), "converted") == {"bad.jpg", "small.png"}


def test_a_failure_holds_until_something_changes(convert, ffprep, photos: Path) -> None:
    good = (photos / "b.jpg").read_bytes()
    convert(code=1)
    # Mended, but nothing tells of it: what is not tried again fails as before.
    same_stamp(photos / "bad.jpg", good[:900])
    whole = ramp(30, 30)
    whole.save(photos / "x.jpg")
    small = (photos / "x.jpg").read_bytes()
    (photos / "x.jpg").unlink()
    same_stamp(photos / "bad.jpg", small + bytes(900 - len(small)))
    assert named(convert(code=1), "failed") == {"bad.jpg"}
    ran = ffprep("convert", photos, "-o", photos.parent / "out", *SIZE)
    assert (ran.code, "bad.jpg: damaged" in ran.err) == (1, True)
    assert named(convert("--retry", "always", code=0), "converted") == {"bad.jpg"}


@pytest.mark.parametrize("options", [("--timeout", 99), ("--damaged", "keep"), ("--quality", 90)])
def test_a_failure_is_tried_again_under_other_terms(convert, photos: Path, options) -> None:
    convert(code=1)
    ramp(30, 30).save(photos / "x.jpg")
    small = (photos / "x.jpg").read_bytes()
    (photos / "x.jpg").unlink()
    same_stamp(photos / "bad.jpg", small + bytes(900 - len(small)))
    assert "bad.jpg" in named(convert(*options, code=0), "converted")


def test_retry_failed_takes_failures_and_nothing_else(convert, photos: Path) -> None:
    convert(code=1)
    ramp(50, 50).save(photos / "new.png")
    os.utime(photos / "a.png")
    assert convert("--retry-failed", code=1) == {"bad.jpg": "failed"}
    ramp(90, 60).save(photos / "bad.jpg")
    assert convert("--retry-failed", code=0) == {"bad.jpg": "converted"}
    assert named(convert(code=0), "converted") == {"new.png", "a.png"}


def test_a_failure_that_is_over_is_forgotten(convert, ffprep, photos: Path) -> None:
    out = photos.parent / "out"
    ramp(9, 9).save(photos / "a.jpg")  # it collides with a.png
    convert(code=1)
    told = ffprep("status", out, "--failed").out.decode()
    assert told.count("collision") == 2
    (photos / "a.jpg").unlink()
    (photos / "bad.jpg").rename(photos / "worse.jpg")
    convert(code=1)
    told = ffprep("status", out, "--failed").out.decode()
    assert (told.count("\n"), "worse.jpg: damaged" in told) == (1, True)


def test_force_converts_all(convert, photos: Path) -> None:
    convert()
    before = versions(photos.parent / "out")
    assert len(named(convert("--force"), "converted")) == 4
    assert not set(versions(photos.parent / "out").values()) & set(before.values())


def test_checksums_decide_by_content(convert, photos: Path) -> None:
    out = photos.parent / "out"
    convert("--checksum")
    os.utime(photos / "a.png")
    os.utime(out / "b.jpg")
    assert named(convert("--checksum"), "converted") == set()
    assert named(convert(), "converted") == set(), "the new times were not taken down"
    source = bytearray((photos / "trip/c.jpg").read_bytes())
    source[-40] ^= 1
    same_stamp(photos / "trip/c.jpg", bytes(source))
    output = bytearray((out / "small.jpg").read_bytes())
    output[-9] ^= 1
    same_stamp(out / "small.jpg", bytes(output))
    assert named(convert(), "converted") == set()
    assert named(convert("--checksum"), "converted") == {"c.jpg", "small.png"}


def test_checksums_know_what_was_made_without_them(convert, photos: Path) -> None:
    convert()
    for path in (*photos.rglob("*.*"), *(photos.parent / "out").rglob("*.jpg")):
        os.utime(path)
    assert len(named(convert("--checksum"), "fresh")) == 4
    assert len(named(convert(), "fresh")) == 4


def test_checksums_are_learnt_from_what_is_adopted(convert, photos: Path) -> None:
    convert()
    shutil.rmtree(photos.parent / "out/.ffprep")
    convert("--adopt")
    assert len(named(convert("--checksum"), "fresh")) == 4
    os.utime(photos / "a.png")
    assert len(named(convert("--checksum"), "fresh")) == 4
    os.utime(photos / "a.png")
    assert named(convert(), "converted") == {"a.png"}


def test_a_lost_ledger_is_rebuilt_from_what_verifies(convert, photos: Path) -> None:
    out = photos.parent / "out"
    convert()
    shutil.rmtree(out / ".ffprep")
    ramp(33, 18).save(out / "a.jpg")  # of another size
    data = (out / "b.jpg").read_bytes()
    (out / "b.jpg").write_bytes(data[: len(data) // 2])
    os.utime(photos / "trip/c.jpg", (2e9, 2e9))  # newer than its output
    before = versions(out)
    adopted = convert("--adopt")
    assert named(adopted, "fresh") == {"small.png"}
    assert named(adopted, "converted") == {"a.png", "b.jpg", "c.jpg"}
    kept = str(out / "small.jpg")
    assert versions(out)[kept] == before[kept]
    assert len(named(convert(), "fresh")) == 4


def test_adopting_heeds_what_the_ledger_knows(convert, ffprep, photos: Path) -> None:
    convert()
    assert len(named(convert("--adopt", "--mode", "stretch"), "converted")) == 4
    convert()
    # The outputs are those of photos that still exist, or that had other content.
    shutil.copytree(photos, photos.parent / "copy", copy_function=shutil.copy)
    command = ("-o", photos.parent / "out", *SIZE, "--json", "--adopt")
    ran = ffprep("convert", photos.parent / "copy", *command)
    assert ran.summary["converted"] == 4
    moved = photos.rename(photos.parent / "moved")
    ramp(90, 60).rotate(180).save(moved / "b.jpg")
    os.utime(moved / "b.jpg", (1e9, 1e9))
    ran = ffprep("convert", photos.parent / "copy", *command)
    assert ran.summary["fresh"] == 4
    shutil.rmtree(photos.parent / "copy")
    ran = ffprep("convert", moved, *command)
    statuses = {name: each["status"] for name, each in ran.results.items()}
    assert named(statuses, "converted") == {"b.jpg"}
    assert named(statuses, "fresh") == {"a.png", "c.jpg", "small.png"}
    assert ffprep("convert", moved, *command[:-1]).summary["fresh"] == 4


def test_rows_that_no_longer_fit_do_not_prevent_adopting(convert, photos: Path) -> None:
    out = photos.parent / "out"
    convert()
    # As after a copy that keeps no times, of both folders.
    for path in (*photos.rglob("*.*"), *out.rglob("*.jpg")):
        os.utime(path)
    ramp(32, 18).save(out / "a.jpg")  # unknown to the ledger, newer than its photo
    ramp(70, 71).save(photos / "trip/c.jpg")  # a new version
    before = versions(out)
    adopted = convert("--adopt")
    assert named(adopted, "fresh") == {"a.png", "b.jpg", "small.png"}
    assert named(adopted, "converted") == {"c.jpg"}
    assert versions(out)[str(out / "a.jpg")] == before[str(out / "a.jpg")]
    assert len(named(convert(), "fresh")) == 4
    # A photo that failed, and whose output was put there by hand.
    ramp(90, 60).save(photos / "bad.jpg")
    ramp(32, 18).save(out / "bad.jpg")
    assert "bad.jpg" in named(convert("--adopt"), "fresh")


@pytest.mark.parametrize("garbage", ["all", "head", "middle", "end"])
def test_a_corrupt_ledger_is_told_moved_aside_and_costs_only_time(
    ffprep, tmp_path: Path, garbage: str
) -> None:
    (tmp_path / "in").mkdir()
    for number in range(150):
        ramp(20 + number % 3, 20).save(tmp_path / f"in/{number}{'long' * 20}.png")
    out = tmp_path / "out"
    command = ("convert", tmp_path / "in", "-o", out, "--size", "8x8", "--upscale", "allow")
    assert ffprep(*command).code == 0
    path = out / ".ffprep/ledger.db"
    data = bytearray(path.read_bytes())
    assert len(data) > 5 * 4096
    if garbage == "all":
        data[:] = b"no ledger" * 100
    elif garbage == "head":
        data[:100] = bytes(100)
    elif garbage == "middle":
        data[4096 * 2 : -4096] = os.urandom(len(data) - 4096 * 3)
    else:
        del data[len(data) // 2 :]
    path.write_bytes(data)
    ran = ffprep(*command)
    assert ran.code == 0, ran.err
    assert "corrupt" in ran.err
    assert "Traceback" not in ran.err
    (aside,) = out.glob(".ffprep/ledger.db.corrupt-*")
    assert aside.read_bytes()[-50:] == data[-50:]
    assert len(list(out.glob("*.jpg"))) == 150
    again = ffprep(*command, "--json")
    assert (again.code, again.err, again.summary["fresh"]) == (0, "", 150)


def test_what_is_no_ledger_is_not_put_aside(convert, ffprep, photos: Path, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE contacts (name)")
    other.close()
    for path, word in ((tmp_path / "other.db", "another program"), (photos / "a.png", "picture")):
        before = path.read_bytes()
        ran = ffprep("convert", photos, "-o", tmp_path / "out", *SIZE, "--ledger", path)
        assert (ran.code, word in ran.err) == (3, True), ran.err
        assert path.read_bytes() == before


def test_the_ledger_may_lie_elsewhere_or_nowhere(convert, tmp_path: Path) -> None:
    elsewhere = ("--ledger", tmp_path / "deep/down/it.db")
    convert(*elsewhere)
    assert len(named(convert(*elsewhere), "fresh")) == 4
    assert not (tmp_path / "out/.ffprep/ledger.db").exists()
    for _ in range(2):
        assert len(named(convert("--ledger", "none"), "converted")) == 4
    assert not (tmp_path / "out/.ffprep/ledger.db").exists()


def test_a_single_file_has_no_ledger(ffprep, photos: Path, tmp_path: Path) -> None:
    for _ in range(2):
        ran = ffprep("convert", photos / "a.png", "-o", tmp_path / "one/x.jpg", *SIZE, "--json")
        assert (ran.code, ran.summary["converted"]) == (0, 1)
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["x.jpg"]
    ran = ffprep("convert", photos / "a.png", "-o", tmp_path / "x.jpg", *SIZE, "--prune")
    assert (ran.code, "--prune" in ran.err) == (2, True)


def test_names_of_any_bytes_are_remembered(ffprep, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path / "in") + b"/f\xff"
    os.makedirs(folder)
    for name in (b"a\xfe.png", "ü\n.png".encode(), b"%s'\";--.png"):
        with open(folder + b"/" + name, "wb") as file:
            ramp(40, 30).save(file, "PNG")
    command = ("convert", tmp_path / "in", "-o", tmp_path / "out", *SIZE, "--json")
    assert ffprep(*command).summary["converted"] == 3
    again = ffprep(*command)
    assert (again.summary["fresh"], again.summary["converted"]) == (3, 0)


def test_sources_are_known_however_they_are_spelt(convert, ffprep, photos: Path) -> None:
    convert()
    (photos.parent / "link").symlink_to(photos)
    out = photos.parent / "out"
    for source, cwd in (("in/../in", photos.parent), (".", photos), ("link", photos.parent)):
        ran = ffprep("convert", source, "-o", out, *SIZE, "--json", cwd=cwd)
        assert ran.summary["fresh"] == 4
    moved = out.rename(photos.parent / "moved")
    ran = ffprep("convert", photos, "-o", moved, *SIZE, "--json")
    assert ran.summary["fresh"] == 4


def test_two_sizes_of_the_same_photos_live_in_one_folder(convert) -> None:
    small = ("--names", "{stem}-small")
    convert()
    assert len(named(convert(*small, size="8x8"), "converted")) == 4
    assert len(named(convert(), "fresh")) == 4
    assert len(named(convert(*small, size="8x8"), "fresh")) == 4


def test_prune_removes_what_has_lost_its_photo(convert, ffprep, photos: Path) -> None:
    out = photos.parent / "out"
    convert()
    for name in ("a.png", "trip/c.jpg", "small.png"):
        (photos / name).unlink()
    (out / "small.jpg").write_bytes(b"altered by somebody")
    (out / "mine.jpg").write_bytes(b"not ffprep's")
    convert()
    assert (out / "a.jpg").exists()
    command = ("convert", photos, "-o", out, *SIZE, "--prune")
    shown = ffprep(*command, "--dry-run=commands").out.decode().splitlines()
    assert shown == [f"rm -- {out}/a.jpg", f"rm -- {out}/trip/c.jpg"]
    assert (out / "a.jpg").exists()
    ran = ffprep(*command, "--json")
    assert {r["source"] for r in ran.lines if r.get("status") == "pruned"} == {
        str(photos / "a.png"),
        str(photos / "trip/c.jpg"),
    }
    assert ran.summary["pruned"] == 2
    assert {p.name for p in out.iterdir()} == {".ffprep", "b.jpg", "small.jpg", "mine.jpg"}
    assert ffprep(*command, "--json").summary["pruned"] == 0


def test_prune_spares_what_may_only_be_away(convert, ffprep, photos: Path) -> None:
    out = photos.parent / "out"
    convert()
    other = photos.parent / "other"
    other.mkdir()
    ramp(40, 40).save(other / "z.png")
    photos.rename(photos.parent / "unmounted")
    for _ in range(2):
        ran = ffprep("convert", photos, other, "-o", out, *SIZE, "--prune", "--json")
        assert ran.summary["pruned"] == 0
        photos.mkdir(exist_ok=True)
    ran = ffprep("convert", other, "-o", out, *SIZE, "--prune", "--json")
    assert (ran.code, ran.summary["pruned"]) == (0, 0)
    assert (out / "a.jpg").exists()


def test_prune_leaves_an_output_that_another_photo_has_now(convert, photos: Path) -> None:
    convert()
    (photos / "a.png").rename(photos.parent / "kept.png")
    ramp(60, 60).save(photos / "a.jpg")
    pruned = convert("--prune")
    assert (pruned["a.jpg"], "pruned" in pruned.values()) == ("converted", False)
    assert (photos.parent / "out/a.jpg").exists()


def test_a_dry_run_shows_what_is_not_fresh_and_writes_nothing(
    convert, ffprep, photos: Path
) -> None:
    out = photos.parent / "out"
    command = ("convert", photos / "trip", photos / "a.png", "-o", out, *SIZE)
    assert ffprep(*command, "--dry-run=commands").out.count(b"\n") == 3  # with a mkdir
    assert not out.exists()
    assert ffprep(*command).code == 0
    os.utime(photos / "a.png")
    before = {p: (p.stat().st_ino, p.stat().st_mtime_ns) for p in out.rglob("*")}
    ran = ffprep(*command, "--dry-run=commands")
    assert (ran.code, ran.out.count(b"\n"), b"a.png" in ran.out) == (0, 1, True)
    assert ffprep("status", out).code == 0
    # A collision is not recorded either.
    shutil.copy(photos / "a.png", photos / "a.jpg")
    ran = ffprep(*command, photos / "a.jpg", "--dry-run=commands")
    assert (ran.code, ran.err.count("collision")) == (1, 2)
    assert {p: (p.stat().st_ino, p.stat().st_mtime_ns) for p in out.rglob("*")} == before


def test_status_tells_runs_totals_and_failures(convert, ffprep, photos: Path) -> None:
    out = photos.parent / "out"
    ran = ffprep("status", out)
    assert (ran.code, "no ledger" in ran.err) == (2, True)
    convert()
    convert()
    state = ffprep("status", out, "--json").lines[0]
    assert (state["converted"], state["failures"]) == (4, {"damaged": 1})
    assert state["bytes"] == sum(path.stat().st_size for path in out.rglob("*.jpg"))
    assert [(r["converted"], r["fresh"], r["failed"]) for r in state["runs"]] == [
        (0, 4, 1),
        (4, 0, 1),
    ]
    assert {r["outcome"] for r in state["runs"]} == {"done"}
    assert state["biggest"][0]["bytes"] == max(p.stat().st_size for p in out.rglob("*.jpg"))
    (failed,) = ffprep("status", out, "--failed", "--json").lines
    assert (failed["source"], failed["kind"]) == (str(photos / "bad.jpg"), "damaged")
    told = ffprep("status", out).out.decode()
    assert "4 outputs" in told
    assert "1 damaged" in told


def hold(out: Path) -> "subprocess.Popen[Any]":
    """Hold an output folder as a run does."""
    code = "import sys; from pathlib import Path; from ffprep.storage.local import LOCAL\n"
    code += "with LOCAL.lock(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    pipe = subprocess.PIPE
    holder = subprocess.Popen([sys.executable, "-c", code, out], stdin=pipe, stdout=pipe)
    assert holder.stdout
    assert holder.stdout.readline() == b"held\n"
    return holder


def test_a_second_run_ends_at_once_and_says_who_holds_the_folder(ffprep, photos: Path) -> None:
    out = photos.parent / "out"
    command = ("convert", photos / "a.png", "-o", f"{out}/", *SIZE)
    with hold(out) as holder:
        ran = ffprep(*command)
        assert ran.code == 75
        assert f"process {holder.pid}" in ran.err
        assert "since 20" in ran.err
        assert not (out / "a.jpg").exists()
        assert ffprep(*command, "--wait", "0.3").code == 75
        # Other folders are nobody's concern, and neither is looking.
        assert ffprep("convert", photos / "a.png", "-o", f"{out}2/", *SIZE).code == 0
        assert ffprep(*command, "--dry-run").code == 0
        waiting = subprocess.Popen(
            [sys.executable, "-m", "ffprep", *map(str, command), "--wait", "60"]
        )
        holder.kill()
        assert waiting.wait(60) == 0
    assert (out / "a.jpg").exists()
    assert ffprep(*command).code == 0


def test_an_output_of_a_photo_that_failed_since_is_still_known(convert, photos: Path) -> None:
    out = photos.parent / "out"
    convert()
    (photos / "a.png").write_bytes(b"ruined")
    assert "a.png" in named(convert(), "failed")
    assert (out / "a.jpg").exists()
    (photos / "a.png").unlink()
    convert()
    assert convert("--prune")["a.png"] == "pruned"
    assert not (out / "a.jpg").exists()


def test_a_ledger_elsewhere_is_one_output_folders(convert, ffprep, photos: Path) -> None:
    ledger = ("--ledger", photos.parent / "it.db")
    convert(*ledger)
    ran = ffprep("convert", photos, "-o", photos.parent / "other", *SIZE, *ledger)
    assert (ran.code, str(photos.parent / "out") in ran.err) == (3, True)
    assert len(named(convert(*ledger), "fresh")) == 4


def test_checksums_of_a_library_without_failures(convert, photos: Path) -> None:
    for name in ("bad.jpg", "small.png"):  # whose rows the run would ask for on its own thread
        (photos / name).unlink()
    assert len(named(convert(code=0), "converted")) == 3
    assert len(named(convert("--checksum", code=0), "fresh")) == 3


def test_times_that_sqlite_has_no_number_for_are_known(convert, photos: Path) -> None:
    for name, year in (("a.png", 2400), ("b.jpg", 1950)):
        os.utime(photos / name, ((year - 1970) * 31556952,) * 2)
    for options in ((), ("--checksum",), ("--preserve-times",), ("--force", "--preserve-times")):
        convert(*options)
        assert len(named(convert(*options[1:]), "fresh")) == 4
    os.utime(photos / "a.png", (430 * 31556952 + 1,) * 2)
    assert named(convert(), "converted") == {"a.png"}


def test_failures_that_speak_of_names_of_any_bytes_are_remembered(ffprep, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path / "in")
    os.makedirs(folder)
    for name in (b"\xff.png", b"\xff.bmp"):
        with open(folder + b"/" + name, "wb") as file:
            ramp(40, 30).save(file, "PNG")
    command = ("convert", tmp_path / "in", "-o", tmp_path / "out", *SIZE)
    assert (ffprep(*command).code, ffprep(*command).code) == (1, 1)
    told = ffprep("status", tmp_path / "out", "--failed")
    assert (told.code, told.out.count(b"collision: would be written to")) == (0, 2)


def test_what_is_no_file_is_neither_ledger_nor_lock(convert, ffprep, photos: Path) -> None:
    out, precious = photos.parent / "out", photos.parent / "precious"
    convert()
    precious.write_text("precious")
    for name in ("ledger.db", "lock"):
        (out / ".ffprep" / name).unlink()
        os.mkfifo(out / ".ffprep" / name)
        command = ("convert", photos, "-o", out, *SIZE)
        ran = ffprep(*command)
        assert (ran.code, "the next run will convert everything again" in ran.err) == (1, True)
        ran = ffprep(*command, "--retry-failed")  # all would be tried
        assert (ran.code, "--retry-failed needs the ledger" in ran.err) == (3, True)
        (out / ".ffprep" / name).unlink()
        if name == "ledger.db":
            continue
        (out / ".ffprep" / name).symlink_to(precious)
        assert ffprep(*command).code == 1
    assert precious.read_text() == "precious"
    (out / ".ffprep/ledger.db").unlink(missing_ok=True)
    os.mkfifo(out / ".ffprep/ledger.db")
    assert ffprep("status", out).code == 3


def test_an_output_of_another_photo_is_not_adopted(convert, ffprep, photos: Path) -> None:
    convert()
    (photos / "a.png").unlink()
    ramp(60, 60).save(photos / "a.webp")
    os.utime(photos / "a.webp", (1e9, 1e9))
    assert named(convert("--adopt"), "converted") == {"a.webp"}
    moved = photos.rename(photos.parent / "moved")
    ran = ffprep("convert", moved, "-o", photos.parent / "out", *SIZE, "--adopt", "--json")
    assert (ran.summary["converted"], ran.summary["fresh"]) == (0, 4)


def test_prune_spares_all_when_no_photo_is_left(convert, ffprep, photos: Path) -> None:
    out = photos.parent / "out"
    convert()
    photos.rename(photos.parent / "unmounted")
    (photos / "trip").mkdir(parents=True)
    (photos / "trip/NOT MOUNTED").touch()
    ran = ffprep("convert", photos, "-o", out, *SIZE, "--prune", "--json")
    assert (ran.code, ran.summary["pruned"], ran.kinds()) == (1, 0, {"in": "missing"})
    assert "all 4 photos of this folder are gone" in ran.out.decode()


def outcomes(out: Path) -> list[str | None]:
    database = sqlite3.connect(out / ".ffprep/ledger.db")
    try:
        return [outcome for (outcome,) in database.execute("SELECT outcome FROM runs")]
    except sqlite3.OperationalError:  # it is being made
        return []
    finally:
        database.close()


def begin(*arguments: object) -> "subprocess.Popen[bytes]":
    argv = [sys.executable, "-m", "ffprep", *map(str, arguments)]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.slow
def test_a_run_that_is_interrupted_while_it_is_planned_says_so(home: Path, photos: Path) -> None:
    out, names = photos.parent / "out", photos.parent / "names"
    names.write_text("".join(f"{photos}/missing-{n}.jpg\n" for n in range(300_000)))
    run = begin("convert", "--sources-from", names, "-o", out, *SIZE, "--json")
    until(lambda: (out / ".ffprep/ledger.db").exists() and outcomes(out) == [None])
    run.terminate()
    printed, told = run.communicate(timeout=60)
    assert (run.returncode, outcomes(out)) == (143, ["interrupted"])
    assert (printed.startswith(b'{"summary": '), printed.count(b"\n")) == (True, 1)
    assert b"interrupted; 0 converted" in told


@pytest.mark.slow
def test_pruning_ends_when_it_is_told_to(convert, photos: Path) -> None:
    out = photos.parent / "out"
    convert()
    (photos / "a.png").unlink()
    database = sqlite3.connect(out / ".ffprep/ledger.db")
    with database:
        database.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) "
            "INSERT INTO jobs (folder, name, source, status, run) "
            "SELECT 'gone/', 'n' || i, ? || i, 'converted', 1 FROM n",
            (f"{os.path.realpath(photos)}/gone/",),
        )
    run = begin("convert", photos, "-o", out, *SIZE, "--prune", "--json")
    assert run.stdout
    assert any(b'"pruned", ' in line for line in run.stdout)
    run.terminate()
    printed, _ = run.communicate(timeout=60)
    assert (run.returncode, b'"pruned": 1' in printed) == (143, True)
    left = database.execute("SELECT count(*) FROM jobs WHERE folder = 'gone/'").fetchone()
    database.close()
    assert left > (0,)
    assert outcomes(out)[-1] == "interrupted"


def test_a_ledger_that_is_locked_does_not_have_all_converted(convert, ffprep, photos: Path) -> None:
    out = photos.parent / "out"
    convert()
    before = versions(out)
    database = sqlite3.connect(out / ".ffprep/ledger.db", isolation_level=None)
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    database.execute("BEGIN EXCLUSIVE")
    ran = ffprep("convert", photos, "-o", out, *SIZE)
    database.close()
    assert (ran.code, "locked by another program" in ran.err) == (3, True)
    assert versions(out) == before


def test_failures_of_named_files_are_forgotten_when_they_are_over(
    ffprep, photos: Path, tmp_path: Path
) -> None:
    shutil.copy(photos / "b.jpg", photos / "trip/b.jpg")
    both = (photos / "b.jpg", photos / "trip/b.jpg")
    command = ("convert", *both, "-o", tmp_path / "out", *SIZE)
    assert ffprep(*command).code == 1
    assert ffprep(*command, "--names", "{parent}-{stem}").code == 0
    assert ffprep("status", tmp_path / "out", "--failed").out == b""


def test_an_output_of_a_photo_that_collides_since_is_still_known(convert, photos: Path) -> None:
    convert()
    ramp(50, 50).save(photos / "a.webp")
    assert {"a.png", "a.webp"} <= named(convert(), "failed")
    for name in ("a.png", "a.webp"):
        (photos / name).unlink()
    assert named(convert("--prune"), "pruned") == {"a.png"}
    assert not (photos.parent / "out/a.jpg").exists()


def test_a_photo_at_which_ffmpeg_was_killed_is_tried_again(convert, photos: Path) -> None:
    ill, ffmpeg = photos.parent / "ill", photos.parent / "ffmpeg"
    (photos / "bad.jpg").unlink()
    ffmpeg.write_text(
        f'#!/bin/sh\n[ -e {ill} ] && case "$({INPUTS})" in\n'
        "*a.png*) kill -KILL $$;; *%d*) exit 0;; esac\n"
        f'exec {find().path} "$@"\n'
    )
    ffmpeg.chmod(0o755)
    ill.touch()
    assert named(convert("--ffmpeg", ffmpeg, code=1), "failed") == {"a.png"}
    ill.unlink()
    assert named(convert("--ffmpeg", ffmpeg, code=0), "converted") == {"a.png"}


def test_status_sees_what_a_run_has_not_put_into_the_file_yet(
    convert, ffprep, photos: Path
) -> None:
    out = photos.parent / "out"
    convert()
    elsewhere = (out / ".ffprep/ledger.db").rename(photos.parent / "elsewhere.db")
    link = photos.parent / "link.db"
    link.symlink_to(elsewhere)
    database = sqlite3.connect(elsewhere, isolation_level=None)
    database.execute("UPDATE jobs SET kind = 'timeout' WHERE status = 'failed'")
    told = ffprep("status", out, "--ledger", link).out
    database.close()
    assert b"failed: 1 timeout" in told
