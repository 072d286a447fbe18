"""`--carry` and `--manifest`: files beside photos, and the list of all pictures."""

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest

import ffprep as library
from tests.support.pages import Page, run_python
from tests.support.pictures import opened, ramp

TWO = ("--size", "64x48", "--size", "30x40")
LIST = ("--carry", ".txt,.json", "--manifest", "ready/metadata.jsonl")


@pytest.fixture
def photos(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three photos: two have a caption, and one of these has two."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "sub/b.jpg", "c.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(exist_ok=True)
        ramp(200, 150).save(path)
    (tmp_path / "photos/a.txt").write_text("a boat\n")
    (tmp_path / "photos/sub/b.txt").write_text("less exact")
    (tmp_path / "photos/sub/b.jpg.txt").write_text("ein Fluß")
    return tmp_path / "photos"


def texts(folder: str = "ready") -> dict[str, str]:
    """The carried texts, by their paths."""
    return {str(p.relative_to(folder)): p.read_text() for p in Path(folder).rglob("*.txt")}


def listed() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("ready/metadata.jsonl").read_text().splitlines()]


def test_each_picture_gets_the_files_of_its_photo_and_a_line_in_the_list(
    ffprep, photos: Path
) -> None:
    (photos / "broken.jpg").write_bytes((photos / "a.jpg").read_bytes()[:400])
    (photos / "broken.txt").write_text("of a photo that fails")
    ran = ffprep("convert", "photos", "-o", "ready", *TWO, *LIST)
    assert ran.code == 1
    assert "2 of 6 pictures have no .txt beside their photo; the first is photos/c.jpg" in ran.err
    assert "skipped" not in ran.err
    assert "no .txt" not in ffprep("convert", "photos", "-o", "ready", *TWO, *LIST).err
    sizes = "30x40", "64x48"
    assert texts() == {
        f"{size}/{name}": text
        for size in sizes
        for name, text in (("a.txt", "a boat\n"), ("sub/b.txt", "ein Fluß"))
    }
    lines = listed()
    names = [f"{size}/{name}" for size in sizes for name in ("a.jpg", "c.jpg", "sub/b.jpg")]
    assert [line["file_name"] for line in lines] == names
    assert [line["text"] for line in lines] == ["a boat", None, "ein Fluß"] * 2
    for line in lines:
        assert opened(Path("ready", line["file_name"])).size == (line["width"], line["height"])
        assert line["bucket"] == line["file_name"].partition("/")[0]
        assert line["mode"] == "cover"
        assert os.path.samefile(line["source"], photos / line["file_name"].partition("/")[2])


def test_changed_files_are_copied_again_and_edited_copies_stay(ffprep, photos: Path) -> None:
    command = "convert", "photos", "-o", "ready", "--size", "64x48", "--carry", ".txt"
    Path("ready").mkdir()
    Path("ready/c.txt").write_text("not by ffprep")
    (photos / "c.txt").write_text("by the user")
    ran = ffprep(*command)
    assert "ready/c.txt exists, and ffprep did not write it; remove it" in ran.err
    (photos / "c.txt").write_text("not by ffprep")  # now it is the same
    again = ffprep(*command)
    assert (again.code, again.err) == (0, "")
    (photos / "a.txt").write_text("a green boat")
    Path("ready/sub/b.txt").write_text("edited")
    assert ffprep(*command, "-q").code == 0
    expected = {"a.txt": "a green boat", "c.txt": "not by ffprep", "sub/b.txt": "edited"}
    assert texts() == expected
    (photos / "sub/b.jpg.txt").write_text("changed on both sides")
    ran = ffprep(*command)
    assert ran.code == 1
    assert "ready/sub/b.txt was modified since it was copied" in ran.err
    assert texts() == expected
    assert ffprep(*command, "--failures", "new").code == 0  # it is known
    Path("ready/sub/b.txt").unlink()
    again = ffprep(*command)
    assert (again.code, again.err, texts()["sub/b.txt"]) == (0, "", "changed on both sides")
    assert b"failed:" not in ffprep("status", "ready").out


def test_copies_go_with_their_outputs(ffprep, photos: Path) -> None:
    command = "convert", "photos", "-o", "ready", *TWO, *LIST
    assert ffprep(*command).code == 0
    Path("ready/64x48/a.txt").write_text("edited")
    for name in ("a.jpg", "sub/b.txt", "sub/b.jpg.txt"):
        (photos / name).unlink()
    assert ffprep(*command, "--prune").code == 0
    assert texts() == {"64x48/a.txt": "edited"}
    assert [line["file_name"] for line in listed()] == [
        f"{size}/{name}" for size in ("30x40", "64x48") for name in ("c.jpg", "sub/b.jpg")
    ]
    (photos / "c.txt").write_text("c")
    assert ffprep(*command).code == 0
    assert set(texts()) == {"30x40/c.txt", "64x48/a.txt", "64x48/c.txt"}
    listed_to_go = ffprep("clean", "ready", "--dry-run").out.decode()
    assert "64x48/c.txt" in listed_to_go
    assert "64x48/a.txt" not in listed_to_go
    ran = ffprep("clean", "ready")
    assert (ran.code, set(texts())) == (0, {"64x48/a.txt"})


def test_a_file_beside_a_photo_is_never_replaced(ffprep, photos: Path) -> None:
    (photos / "1.txt").write_text("of another picture")
    words = "--ledger", "none", "--names", "{n}", "--format", "png", "--carry", ".txt"
    ran = ffprep("convert", photos / "a.jpg", "-o", photos / "", "--size", "64x48", *words)
    assert ran.code == 1
    assert (photos / "1.txt").read_text() == "of another picture"
    same = ffprep("convert", photos / "a.jpg", "-o", photos / "a.png", *TWO[:2], *words[-2:])
    assert (same.code, same.err, (photos / "a.txt").read_text()) == (0, "", "a boat\n")


def test_a_link_that_leads_out_of_the_source_is_not_copied(ffprep, photos: Path) -> None:
    Path("secret").write_text("secret")
    (photos / "c.txt").symlink_to("../secret")
    command = "convert", "photos", "-o", "ready", "--size", "64x48", "--carry", ".txt"
    ran = ffprep(*command)
    assert (ran.code, "c.txt" in texts()) == (1, False)
    assert "photos/c.txt is a link that leads out of the SOURCE" in ran.err
    assert ffprep(*command, "--follow-links").code == 0
    assert texts()["c.txt"] == "secret"


def test_two_pictures_do_not_share_a_copy_of_different_files(ffprep, photos: Path) -> None:
    ramp(90, 70).save(photos / "a.png")
    (photos / "a.png.txt").write_text("of the PNG")
    command = "convert", "photos", "-o", "ready", "--size", "64x48", "--format", "same"
    for _ in range(2):
        ran = ffprep(*command, "--carry", ".txt", "--prune")
        assert (ran.code, texts()["a.txt"]) == (1, "a boat\n")
        assert "ready/a.txt is the copy of" in ran.err
    (photos / "a.jpg").unlink()
    (photos / "a.txt").unlink()
    assert ffprep(*command, "--carry", ".txt", "--prune").code == 0
    assert texts()["a.txt"] == "of the PNG"


def test_the_python_function_takes_both(photos: Path) -> None:
    results = library.convert(
        "photos", "ready", "64x48", carry=[".json", ".txt"], manifest="ready/metadata.jsonl"
    )
    assert [result.status for result in results] == [library.Status.CONVERTED] * 3
    assert set(texts()) == {"a.txt", "sub/b.txt"}
    assert [line["text"] for line in listed()] == [None] * 3  # those of the first suffix


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--carry", "txt"), "'txt' is not a suffix; write .txt"),
        (("--carry", ".txt,.PNG"), ".PNG files are photos or films"),
        (("--carry", ".ffprep.toml"), "files may frame photos"),
        (("--manifest", "m.jsonl", "--ledger", "none"), "--manifest lists what the ledger has"),
        (("--manifest", "photos"), "--manifest photos is a folder"),
        (("--manifest", "photos/a.jpg"), "photos are never overwritten"),
        (("--manifest", "photos/a.txt"), "has another suffix than .jsonl"),
        (("--manifest", "mine.jsonl"), "exists, and ffprep did not write it"),
        (("--manifest", "m.jsonl", "--ledger", "./m.jsonl"), "--manifest is also --ledger"),
    ],
)
def test_options_that_make_no_sense(ffprep, photos: Path, words: list[str], problem: str) -> None:
    Path("mine.jsonl").write_text('{"file_name": "a.jpg", "text": "by hand"}\n')
    ran = ffprep("convert", "photos", "-o", "ready", "--size", "64x48", *words)
    assert (ran.code, problem in ran.err) == (2, True), ran.err


@pytest.mark.slow
def test_the_job_of_the_page_works_and_its_program_reads_the_list(
    ffprep, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Page("docs/guide/datasets.md")
    (job,) = [block for block in page.blocks("toml") if "[job.train]" in block]
    Path("ffprep.toml").write_text(job)
    assert ffprep("run", "train").code == 0
    (command,) = [block.replace("\\\n", "") for block in page.blocks("sh")]
    ran = ffprep(*(word.strip("'") for word in command.split()[1:]), "--json")
    assert ran.summary["fresh"] == 3  # the command and the job are the same
    assert [line["text"] for line in listed()] == ["a boat", None, "ein Fluß"]
    if importlib.util.find_spec("datasets") is None:
        assert not os.environ.get("FFPREP_TESTS_NEED_TOOLS"), "install datasets"
        pytest.skip("needs datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    (program,) = page.blocks("python")
    seen = "assert [(d['image'].size, d['text']) for d in data] == "
    size = opened(Path("ready", listed()[0]["file_name"])).size
    expected = [(size, text) for text in ("a boat", None, "ein Fluß")]
    quiet = "import os; os.environ['HF_DATASETS_DISABLE_PROGRESS_BARS'] = '1'\n"
    run_python(f"{quiet}{program}{seen}{expected!r}", tmp_path, "-W", "ignore")
