"""Outputs without a name: beside the photo, on stdout; and arguments that were meant as OUT."""

import io
import sys
from pathlib import Path

import pytest
from PIL import Image

import ffprep as library
from tests.support.pictures import opened, ramp
from tests.support.terminal import on_terminal

SIZE = ("--size", "40x30")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    ramp(120, 80).save(tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "home")


def test_the_picture_of_one_photo_lies_beside_it(ffprep, photo: Path) -> None:
    before = photo.read_bytes()
    for _ in range(2):  # the second time over the first picture
        ran = ffprep("convert", "photo.jpg", *SIZE, cwd=photo.parent)
        assert (ran.code, ran.out, ran.err) == (0, b"", "")
        assert names(photo.parent) == ["photo.jpg", "photo_40x30.jpg"]
    assert opened(photo.parent / "photo_40x30.jpg").size == (40, 30)
    assert photo.read_bytes() == before


def test_names_formats_and_sizes_of_pictures_beside_a_photo(ffprep, photo: Path) -> None:
    several = ffprep("convert", photo, *SIZE, "--size", "720p", "--format", "png", "--json")
    assert several.code == 0, several.err
    folder = photo.parent
    assert names(folder) == ["photo.jpg", "photo_1280x720.png", "photo_40x30.png"]
    assert opened(folder / "photo_1280x720.png").size == (1280, 720)
    assert ffprep("convert", photo, *SIZE, "--names", "{stem}-small").code == 0
    assert (folder / "photo-small.jpg").is_file()
    ran = ffprep("convert", photo, "--size", "60x60", "--mode", "fit", "--format", "same")
    assert ran.code == 0, ran.err
    assert opened(folder / "photo_60x40.jpg").size == (60, 40)  # the size that fit computes
    ran = ffprep("convert", photo, "--target", "sora-2", "--dry-run")
    assert (ran.code, "photo_1280x720.jpg" in ran.out.decode()) == (0, True)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["photos", "ready/"], "did you mean -o ready/?"),
        (["photo.jpg", "ready"], "did you mean -o ready?"),
        (["photo.jpg", "out.png"], "did you mean -o out.png?"),
        (["photo.jpg", "640x480"], "did you mean --size 640x480?"),
        (["photo.jpg", "./photo.jpg"], "several sources need an output folder; add -o OUT"),
        (["photos"], "photos is a folder, and its outputs need one; add -o OUT"),
        (["--sources-from", "list"], "a list of photos needs an output folder; add -o OUT"),
        (["s3://photos/a.jpg"], "add -o OUT, a path or a URL"),
        (["photo.jpg", "--adopt"], "--adopt needs the ledger"),
        (["photos", "-o", "out.jpg"], "named like a picture; several photos, or a folder, need"),
        (["photos", "-o", "out.gif"], "does not write .gif; it writes .jpg"),
        (["photo.jpg", "-o", "out.pdf"], "does not write .pdf; it writes .jpg"),
        (["photo.jpg", "-o", "out.mp4"], "does not write .mp4; it writes .jpg"),
        (["photos", "-o", "-"], "-o - writes one picture to stdout; name one photo"),
        (["photo.jpg", "-o", "-", "--json"], "--json needs a named output"),
        (["photo.jpg", "-o", "-", "--dry-run"], "--dry-run needs a named output"),
        (["photo.jpg", "-o", "-", "--size", "9x9"], "name one size"),
    ],
)
def test_an_output_that_is_missing_or_impossible(
    ffprep, photo: Path, words: list[str], answer: str
) -> None:
    (photo.parent / "photos").mkdir()
    (photo.parent / "list").write_text("photo.jpg\n")
    ran = ffprep("convert", *words, *SIZE, cwd=photo.parent)
    assert (ran.code, answer in ran.err) == (2, True), ran.err
    assert names(photo.parent) == ["list", "photo.jpg", "photos"]


def test_one_picture_on_stdout_is_that_of_a_file(ffprep, photo: Path, tmp_path: Path) -> None:
    for format, name in (("jpeg", "JPEG"), ("png", "PNG"), ("same", "JPEG")):
        words = ("convert", photo, *SIZE, "--format", format, "-o")
        ran = ffprep(*words, "-")
        assert (ran.code, ran.err) == (0, "")
        with Image.open(io.BytesIO(ran.out)) as picture:
            assert (picture.format, picture.size) == (name, (40, 30))
        assert ffprep(*words, f"{tmp_path}/{format}/").code == 0
        (made,) = (tmp_path / format).glob("photo.*")
        assert made.read_bytes() == ran.out
    assert not (Path.cwd() / "-").exists()


def test_stdout_gets_nothing_of_a_photo_that_fails(ffprep, photo: Path) -> None:
    photo.write_bytes(photo.read_bytes()[:-400])
    ran = ffprep("convert", photo, *SIZE, "-o", "-")
    assert (ran.code, ran.out) == (1, b"")
    assert "photo.jpg: damaged" in ran.err


def test_a_terminal_is_refused_and_a_picture_beside_its_photo_is_named(
    home: Path, photo: Path
) -> None:
    argv = [sys.executable, "-m", "ffprep", "convert", photo.name, *SIZE]
    code, seen = on_terminal([*argv, "-o", "-"], cwd=photo.parent)
    assert (code, "stdout is a terminal; add > picture.jpg" in " ".join(seen.split())) == (2, True)
    code, seen = on_terminal(argv, cwd=photo.parent, NO_COLOR="1")
    assert (code, "photo.jpg -> photo_40x30.jpg" in seen) == (0, True), seen


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "gif", "bmp", "tiff", "avif"])
def test_a_picture_in_place_of_a_list_is_recognized(ffprep, tmp_path: Path, format: str) -> None:
    ramp(300, 200).save(tmp_path / "list", format)
    data = (tmp_path / "list").read_bytes()
    for words in (["-"], ["-0"]):
        ran = ffprep("convert", *words, "-o", "out", *SIZE, stdin=data, cwd=tmp_path)
        assert ran.code == 2
        assert f"standard input is a picture ({format}), and not a list of names" in ran.err
    ran = ffprep("convert", "--sources-from", "list", "-o", "out", *SIZE, cwd=tmp_path)
    assert (ran.code, "--sources-from list is a picture" in ran.err) == (2, True)


@pytest.mark.parametrize("end", [b"\n", b"\0"])
def test_a_list_may_begin_with_a_name_like_a_picture(ffprep, tmp_path: Path, end: bytes) -> None:
    for name in ("BM.jpg", "GIF89a.jpg"):
        ramp(20, 20).save(tmp_path / name)
        words = ["-0", "-"] if end == b"\0" else ["-"]
        listed = name.encode() + end
        ran = ffprep("convert", *words, "-o", "out", *SIZE, stdin=listed, cwd=tmp_path)
        assert (ran.code, (tmp_path / "out" / name).is_file()) == (0, True), ran.err


def test_python_has_the_same_answers(
    home: Path, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photo.parent)
    (result,) = library.convert("photo.jpg", size="40x30")
    assert (str(result.output), opened(photo.parent / "photo_40x30.jpg").size) == (
        "photo_40x30.jpg",
        (40, 30),
    )
    with pytest.raises(library.UsageError, match=r"is a folder.* add output=OUT, for example"):
        library.convert(photo.parent, size="40x30")
    with pytest.raises(library.UsageError, match=r"did you mean output=ready/\?"):
        library.convert(["photo.jpg", "ready/"], size="40x30")
    with pytest.raises(library.UsageError, match=r"^size: '40\*30' .* did you mean 40x30\?"):
        library.prepare("photo.jpg", "40*30")
    assert library.prepare("photo.jpg", "720P", "Letterbox").size == library.Size(1280, 720)
    assert library.Preprocessor("1080p").size == library.Size(1920, 1080)
    with pytest.raises(ValueError, match=r"unknown target 'sora2'; did you mean 'sora-2'\?"):
        library.Preprocessor("sora2")
