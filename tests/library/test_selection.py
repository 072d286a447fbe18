import os
import time
from pathlib import Path
from typing import Any

import pytest

from ffprep.errors import UsageError
from ffprep.library.selection import Selection, read_patterns, read_since
from ffprep.library.walk import Walk
from tests.library.test_plan import outputs, plan, tree
from tests.support.pictures import ramp

LIBRARY = """
2023/IMG_1.jpg 2023/IMG_2.heic 2024/IMG_3.jpg 2024/IMG_3-edited.jpg 2024/Trash/IMG_4.jpg
2024/trip/DSC_5.heic 2024/trip/notes.txt 2024/2023/DSC_6.jpg Trash/IMG_7.jpg IMG_8.jpg
""".split()


@pytest.fixture
def library(tmp_path: Path) -> Path:
    for name in LIBRARY:
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xff\xd8\xff\xe0")
    return tmp_path / "in"


PATTERNS = ("include", "exclude")


def taken(folder: Path, *named: Path, **said: Any) -> set[str]:
    patterns = {name: read_patterns(f"--{name}", said.pop(name, ())) for name in PATTERNS}
    selection = Selection(**patterns | said)
    found = Walk((folder, *named), selection=selection).files()
    return {os.path.relpath(file.path, folder) for file in found}


PICTURES = {name for name in LIBRARY if not name.endswith(".txt")}


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (["*.heic"], [], {"2023/IMG_2.heic", "2024/trip/DSC_5.heic"}),
        ([], ["Trash/"], PICTURES - {"2024/Trash/IMG_4.jpg", "Trash/IMG_7.jpg"}),
        ([], ["/Trash/"], PICTURES - {"Trash/IMG_7.jpg"}),
        (["2023/"], [], {"2023/IMG_1.jpg", "2023/IMG_2.heic", "2024/2023/DSC_6.jpg"}),
        (["/2023/"], [], {"2023/IMG_1.jpg", "2023/IMG_2.heic"}),
        (
            ["IMG_*"],
            ["*-edited.*"],
            {name for name in PICTURES if "IMG" in name and "edited" not in name},
        ),
        (["2024/*.jpg", "DSC*"], ["trip"],
         {"2024/IMG_3.jpg", "2024/IMG_3-edited.jpg", "2024/2023/DSC_6.jpg"}),
        (["*.jpg"], ["IMG_*", "!IMG_8.jpg"], {"2024/2023/DSC_6.jpg", "IMG_8.jpg"}),
        ([], ["*"], set()),
    ],
)  # fmt: skip
def test_patterns_are_those_of_gitignore_and_exclude_wins(
    library: Path, include: list[str], exclude: list[str], expected: set[str]
) -> None:
    assert taken(library, include=include, exclude=exclude) == expected


def test_filtered_files_are_not_counted_as_passed_over(library: Path) -> None:
    walk = Walk((library,), selection=Selection(read_patterns("--include", ["*.heic"])))
    assert not [listing.others for listing in walk.listings() if listing.others]
    assert [listing.others for listing in Walk((library,)).listings() if listing.others] == [
        ["notes.txt"]
    ]


def test_an_excluded_folder_is_not_entered(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: entered.append(path) or scandir(path))
    taken(library, exclude=["Trash/"])
    assert entered
    assert not [path for path in entered if "Trash" in path]


def test_links_are_filtered_by_their_own_names(library: Path) -> None:
    (library / "a.heic").symlink_to("IMG_8.jpg")
    (library / "b.jpg").symlink_to("2023/IMG_2.heic")
    assert taken(library, include=["/*.heic"]) == {"a.heic"}


def test_a_file_named_by_itself_is_matched_by_its_name(library: Path) -> None:
    named = library / "2023/IMG_1.jpg"
    assert taken(named, include=["*.jpg"]) == {"."}
    assert taken(named, include=["2023/"]) == set()
    assert taken(named, exclude=["IMG_*"]) == set()


def test_since_selects_newer_files_and_missing_ones(library: Path) -> None:
    now = time.time_ns()
    for name in LIBRARY:
        os.utime(library / name, ns=(now, now - 10**15))
    mark, same = library / "IMG_8.jpg", library / "2023/IMG_1.jpg"
    for path, age in ((mark, 10**9), (same, 10**9), (library / "2023/IMG_2.heic", 10**9 + 1)):
        os.utime(path, ns=(now, now - age))
    since = read_since(str(mark))
    assert taken(library, since=since) == {"IMG_8.jpg", "2023/IMG_1.jpg"}
    assert taken(library / "gone.jpg", since=since) == {"."}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("12h", 43200), ("7d", 604800), ("2w", 1209600)],
)  # fmt: skip
def test_spans_count_back_from_now(text: str, seconds: int) -> None:
    before = time.time_ns()
    assert before <= read_since(text) + seconds * 10**9 <= time.time_ns()


def test_dates_are_local_unless_they_say_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Etc/GMT-2")  # two hours before UTC
    time.tzset()
    try:
        assert read_since("1970-01-02") == 22 * 3600 * 10**9
        assert read_since("1970-01-01T12:30") == 37800 * 10**9
        assert read_since("1970-01-01T12:30:00Z") == 45000 * 10**9
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--include", "!", "'!' is not a pattern"),
        ("--exclude", "", "'' matches nothing"),
        ("--exclude", "#new", "'#new' matches nothing"),
        ("--exclude", "[a", "'[a' matches nothing"),
        ("--exclude", "[z-a]", "'[z-a]' is not a pattern"),
        (
            "--include",
            "[[:upper:]]*",
            "'[[:upper:]]*': classes such as [:alpha:] are not supported",
        ),
        ("--since", "yesterday", "'yesterday' is not a time"),
        ("--since", "2026-13-01", "'2026-13-01' is not a time"),
        ("--since", "0001-01-01", "'0001-01-01' is not a time"),
        ("--since", "", "'' is not a time"),
    ],
)
def test_bad_values_are_errors(ffprep, library: Path, option: str, value: str, words: str) -> None:
    ran = ffprep("convert", library, "-o", library / "out", "--size", "8x8", option, value)
    assert (ran.code, words in ran.err, option in ran.err) == (2, True, True)


def test_a_pattern_that_python_warns_about_is_accepted_silently(ffprep, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    ramp(20, 20).save(tmp_path / "in/[x.png")
    ran = ffprep(
        "convert", "in", "-o", "out", "--size", "8x8", "--include", "[[]x.png", cwd=tmp_path
    )
    assert (ran.code, ran.err, (tmp_path / "out/[x.jpg").is_file()) == (0, "", True)


def test_a_bad_pattern_beside_good_ones_is_named() -> None:
    with pytest.raises(UsageError, match="--include '!' "):
        read_patterns("--include", ["*.jpg", "!"])


def test_photos_that_are_not_selected_keep_their_ledger_rows(ffprep, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/bad.jpg").write_text("no picture")
    ramp(20, 20).save(tmp_path / "in/good.png")
    command = ["convert", tmp_path / "in", "-o", tmp_path / "out", "--size", "8x8", "--json"]
    assert ffprep(*command).kinds() == {"bad.jpg": "unsupported"}
    ran = ffprep(*command, "--include", "*.png", "--exclude", "bad*", "--since", "7d")
    assert (ran.code, ran.summary["fresh"], ran.summary["passed_over"]) == (0, 1, 0)
    assert "bad.jpg" in ffprep("status", tmp_path / "out", "--failed").out.decode()


def test_folders_of_programs_are_skipped_unless_they_are_named(tmp_path: Path) -> None:
    left = ["@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg", "x/#Recycle/b.jpg", "Previews.lrdata/c.jpg"]
    tree(tmp_path / "in", "a.jpg", "x/b.jpg", "lost+found.jpg", "Thumbs.db", *left)
    assert taken(tmp_path / "in") == {"a.jpg", "x/b.jpg", "lost+found.jpg"}
    assert len(taken(tmp_path / "in", default_excludes=False)) == 6
    assert taken(tmp_path / "in/@eaDir") == {"a.jpg/SYNOPHOTO_THUMB_XL.jpg"}
    assert not any(listing.others for listing in Walk((tmp_path / "in",)).listings())


def test_a_root_mirrors_files_that_are_named_one_by_one(tmp_path: Path) -> None:
    tree(tmp_path / "in", "x/a.jpg", "x/y/b.jpg", "x/@eaDir/b.jpg", "Trash/c.jpg")
    (tmp_path / "link").symlink_to("in/x")
    named = [tmp_path / "in" / name for name in ("x/a.jpg", "x/@eaDir/b.jpg", "Trash/c.jpg")]
    sources = (*named, tmp_path / "link/y/b.jpg")
    selection = Selection(exclude=read_patterns("--exclude", ["Trash/"]))
    made = plan(*sources, out=tmp_path / "out", root=str(tmp_path / "in"), selection=selection)
    assert outputs(made) == ["x/a.jpg", "x/y/b.jpg"]
    made = plan(tmp_path / "in/x", out=tmp_path / "out", root=str(tmp_path / "in"))
    assert outputs(made) == ["x/a.jpg", "x/y/b.jpg"]
    with pytest.raises(UsageError, match="does not lie in --root"):
        plan(*sources, out=tmp_path / "out", root=str(tmp_path / "in/x"))
    with pytest.raises(UsageError, match="does not lie in --root"):
        plan("s3://in/a.jpg", out=tmp_path / "out", root=str(tmp_path / "in"))


def test_skipped_files_are_named_and_counted_by_kind(ffprep, tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.mov", "b.txt", "c.cr2", content=b"not a picture")
    ramp(20, 20).save(tmp_path / "in/c.png")
    (tmp_path / "in/d.jpg").symlink_to("/etc/passwd")
    command = ["convert", tmp_path / "in", "-o", tmp_path / "out", "--size", "8x8"]
    ran = ffprep(*command, "--json")
    reasons = {Path(line["source"]).name: line["passed_over"] for line in ran.results.values()
               if line["status"] == "passed_over"}  # fmt: skip
    assert reasons == {"a.mov": "film", "b.txt": "other", "c.cr2": "raw", "d.jpg": "link"}
    kinds = ran.summary["passed_over_by_kind"]
    assert {kind: n for kind, n in kinds.items() if n} == dict.fromkeys(reasons.values(), 1)
    assert (ran.code, ran.summary["converted"], ran.summary["passed_over"]) == (0, 1, 4)
    assert "in/a.mov: skipped (film)" in ffprep(*command, "-v").err
    assert ffprep(*command).err == ""
