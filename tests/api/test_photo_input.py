"""What `ffprep.prepare` accepts as a photo, and what it says of anything else."""

import io
import os
import re
from pathlib import Path

import pytest

import ffprep as library
from tests.support.file_like import AsyncUpload, FileLike


class NamedInBytes(os.PathLike[str]):
    def __fspath__(self) -> str:
        return b"photo.jpg"  # type: ignore[return-value]


@pytest.mark.parametrize(
    "name", ["../../up.jpg", "/etc/a.jpg", "C:\\x\\y.jpg", "..", "", "a\0b\n.jpg", "x" * 300, 7]
)
def test_an_untrusted_file_name_cannot_choose_a_folder(
    photo: Path, empty_tmp: Path, name: object
) -> None:
    file = io.BytesIO(photo.read_bytes())
    file.name = name  # type: ignore[attr-defined]
    expected = {
        "../../up.jpg": "up.jpg",
        "/etc/a.jpg": "a.jpg",
        "C:\\x\\y.jpg": "y.jpg",
        "a\0b\n.jpg": "a_b_.jpg",
    }.get(str(name), "picture.jpg")
    assert library.prepare(file, "8x8").name == expected


def test_an_endless_file_is_read_up_to_a_limit(photo: Path, empty_tmp: Path) -> None:
    class Endless(io.RawIOBase):
        given = 0

        def __init__(self, head: bytes) -> None:
            self.head = head

        def read(self, size: int = -1) -> bytes:
            part, self.head = self.head or bytes(size), b""
            self.given += len(part)
            return part

    zeros, picture = Endless(b"\0"), Endless(photo.read_bytes())
    with pytest.raises(library.PhotoError, match="is not a picture"):
        library.prepare(zeros, "8x8")
    assert zeros.given < 2 << 20
    with pytest.raises(library.PhotoError, match="raise max_memory=") as raised:
        library.prepare(picture, "8x8", max_memory="100MB")
    assert raised.value.kind is library.Kind.TOO_LARGE
    assert picture.given < 103 << 20


@pytest.mark.parametrize(
    ("source", "options", "error", "words"),
    [
        ("missing.jpg", {}, library.PhotoError, "missing.jpg: there is no such file"),
        (b"", {}, library.PhotoError, "the photo: it is empty"),
        (io.BytesIO(), {}, library.PhotoError, "no bytes left to read; if it was read or"),
        (b"text", {}, library.PhotoError, "the photo: is not a picture that ffprep reads"),
        (b"trip/photo.jpg", {}, library.PhotoError, "a path is text (see os.fsdecode)"),
        ("a\0b.jpg", {}, library.UsageError, "'a\\x00b.jpg' contains a NUL"),
        (
            NamedInBytes(),
            {},
            library.UsageError,
            "source: a path is text or a pathlib.Path, and not bytes",
        ),
        (FileLike(bytearray()), {}, library.PhotoError, "no bytes left to read"),
        (FileLike(None), {}, library.UsageError, "make the file blocking"),
        (AsyncUpload(None), {}, library.UsageError, ".file of an UploadFile"),
        (
            io.FileIO(os.devnull, "w"),
            {},
            library.UsageError,
            "null: the file is not open for reading",
        ),
        (".", {}, library.UsageError, "is a folder"),
        ("-", {}, library.PhotoError, "-: there is no such file"),
        (io.StringIO("text"), {}, library.UsageError, "binary mode"),
        (5, {}, library.UsageError, "not int"),
        (b"x", {"size": None}, library.UsageError, "say size=1280x720, or target=NAME/SIZE"),
        (b"x", {"max_loss": 0.1}, library.UsageError, "max_loss= is for mode=auto"),
        (b"x", {"quality": 95.5}, library.UsageError, "quality: '95.5' is not a whole number"),
        (b"x", {"quality": True}, library.UsageError, "quality: True is not a usable value"),
        (b"x", {"lossless": "no"}, library.UsageError, "'no' is not True or False"),
        (b"x", {"mode": b"pad"}, library.UsageError, "mode: b'pad' is not a usable value"),
        (b"x", {"size": "8"}, library.UsageError, "size: '8' is not a size"),
        (b"x", {"size": (8, 0)}, library.UsageError, "'8x0' is not a size"),
        (b"x", {"target": "sora-2"}, library.UsageError, "sora-2 has no size"),
        (b"x", {"sizes": ["8x6"]}, library.UsageError, "size and sizes exclude one another"),
        (b"x", {"quality": 0}, library.UsageError, "quality: '0' is not a whole number"),
        (
            b"x",
            {"mode": "zoom"},
            library.UsageError,
            "the modes are: auto, blur, cover, fit, pad, stretch",
        ),
        (b"x", {"background": "#0000"}, library.UsageError, "no transparency"),
        (b"x", {"max_memory": 5}, library.UsageError, "max_memory"),
        (b"x", {"ffmpeg": "/bin/false"}, library.EnvironmentFault, "/bin/false"),
        (b"x", {"qualty": 9}, TypeError, "unexpected keyword argument 'qualty'"),
        (b"x", {"dry_run": True}, TypeError, "unexpected keyword argument 'dry_run'"),
    ],
)
def test_errors_name_the_cause_and_leave_no_file(
    home: Path,
    empty_tmp: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: object,
    options: dict[str, object],
    error: type[Exception],
    words: str,
) -> None:
    monkeypatch.chdir(home)
    with pytest.raises(error, match=re.escape(words)):
        library.prepare(source, **{"size": "8x8", **options})  # type: ignore[arg-type]
