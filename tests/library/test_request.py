import os
from pathlib import Path

import pytest

from ffprep.errors import UsageError
from ffprep.library.request import Sources
from tests.support.pictures import ramp


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("a.png", "b c.png", "sub/d.png", "line\nbreak.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        ramp(20, 20).save(tmp_path / name)
    return tmp_path


def outputs(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.jpg"))


def test_a_list_in_a_file_goes_with_sources_and_blank_lines_are_skipped(
    ffprep, photos: Path
) -> None:
    (photos / "list").write_text("\nb c.png\n\nsub\n")
    command = ["convert", "a.png", "-o", "out", "--size", "8x8", "--sources-from", "list"]
    ran = ffprep(*command, cwd=photos)
    assert (ran.code, ran.err, outputs(photos / "out")) == (0, "", ["a.jpg", "b c.jpg", "d.jpg"])


@pytest.mark.parametrize("named", [["-"], ["--sources-from", "-"], ["--sources-from", "list"], []])
def test_lists_separated_by_nul(ffprep, photos: Path, named: list[str]) -> None:
    listed = b"line\nbreak.png\0a.png\0"
    (photos / "list").write_bytes(listed)
    stdin = b"" if "list" in named else listed
    ran = ffprep(
        "convert", "-0", *named, "-o", "out", "--size", "8x8", cwd=photos, stdin=stdin
    )  # fmt: skip
    assert (ran.code, outputs(photos / "out")) == (0, ["a.jpg", "line\nbreak.jpg"])


def test_a_list_from_a_pipe_is_read_once_and_iterated_again(photos: Path) -> None:
    end, other = os.pipe()
    os.write(other, b"a.png\nsub\n")
    os.close(other)
    sources = Sources.read(["x"], [f"/dev/fd/{end}"], from_null=False)
    os.close(end)
    assert list(sources) == list(sources) == ["x", "a.png", "sub"]


def test_one_file_in_a_list_needs_an_output_folder(ffprep, photos: Path) -> None:
    words = ("convert", "-", "--size", "8x8", "-o")
    ran = ffprep(*words, "b.jpg", cwd=photos, stdin=b"a.png\n")
    assert (ran.code, "need an output folder: -o b/" in ran.err) == (2, True)
    ran = ffprep(*words, "b.jpg/", cwd=photos, stdin=b"a.png\n")
    assert (ran.code, outputs(photos / "b.jpg")) == (0, ["a.jpg"])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gone", "--sources-from gone: no such file"),
        (".", "--sources-from .: is a directory"),
        ("nul", "the list in nul is separated by NUL; read it with -0"),
    ],
)
def test_an_unreadable_list_is_an_error(
    ffprep, photos: Path, name: str, words: str
) -> None:  # fmt: skip
    (photos / "nul").write_bytes(b"a\0b")
    ran = ffprep("convert", "-o", "out", "--size", "8x8", "--sources-from", name, cwd=photos)
    assert (ran.code, words in ran.err) == (2, True)


def test_a_missing_source_is_an_error() -> None:
    with pytest.raises(UsageError, match="no SOURCE"):
        Sources.read([], [], from_null=False)
    with pytest.raises(UsageError, match="a SOURCE is empty"):
        Sources.read(["a", ""], [], from_null=False)


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"\xef\xbb\xbfa.jpg\r\n\r\nb.jpg\r\n", ["a.jpg", "b.jpg"]),
        (b"\xef\xbb\xbfa.jpg\n", ["a.jpg"]),
        (b"a.jpg\nodd\r\n", ["a.jpg", "odd\r"]),
        (b"odd\r", ["odd\r"]),
    ],
)
def test_a_list_from_windows_is_read(tmp_path: Path, content: bytes, names: list[str]) -> None:
    (tmp_path / "list").write_bytes(content)
    assert list(Sources.read([], [str(tmp_path / "list")], False)) == names
    (tmp_path / "list").write_bytes(content.replace(b"\n", b"\0"))
    assert b"".join(map(os.fsencode, Sources.read([], [str(tmp_path / "list")], True))) == (
        content.replace(b"\n", b"")
    )
