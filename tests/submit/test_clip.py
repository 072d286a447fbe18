"""Downloaded clips: only complete ones that decode get their name."""

import shlex
from dataclasses import replace
from pathlib import Path

from tests.support import standin as service
from tests.support.standin import Fault, Standin
from tests.support.submitting import QUICK, clip_size, single


def test_an_incomplete_clip_is_not_published(
    ffprep, standin: Standin, photos: Path, tmp_path: Path
) -> None:
    cut = Fault(200, b"\0\0\0\x18ftypisom" + bytes(12), "video/mp4")
    no_clip = Fault(200, b'{"error": {"message": "not yet"}}')
    standin.meets("content", service.EMPTY, no_clip, cut, replace(service.NO_LENGTH, bytes=400))
    older = tmp_path / "clips/a.mp4"
    run = [
        "submit",
        photos,
        "--prompt",
        "w",
        "--size",
        "1280x720",
        "-o",
        tmp_path / "clips",
        "--jobs",
        "1",
    ]
    ran = ffprep(*run, "--json", *QUICK)
    assert (ran.code, set(ran.kinds().values())) == (1, {"clip"})
    left = (tmp_path / "clips").rglob("*")
    assert not [p.name for p in left if p.suffix in (".mp4", ".part")]
    resume = shlex.split(ran.results["a.jpg"]["resume"])
    assert ffprep(*resume[1:], *QUICK).code == 0
    assert clip_size(older) == (1280, 720)
    assert ffprep(*run, *QUICK).code == 0
    assert len(list((tmp_path / "clips").rglob("*.mp4"))) == standin.count("create") == 4


def test_a_download_that_is_not_an_mp4_is_described(
    ffprep, standin: Standin, photo: Path, tmp_path: Path
) -> None:
    for body, words in (
        (b"<html>Sorry.", "begins with <html>Sorry."),
        (b"\x89PN\xff", "is other binary data"),
    ):
        standin.meets("content", Fault(200, body))
        ran = ffprep(*single(photo))
        assert (ran.code, f"is not an MP4: it {words}" in ran.err) == (1, True), ran.err


def test_a_clip_that_does_not_decode_is_not_published(
    ffprep, standin: Standin, photo: Path
) -> None:
    whole = service.clip(1280, 720, 4)
    place = whole.index(b"mdat") + 4
    spoilt = whole[:place] + bytes(len(whole) - place)
    spoilt = spoilt[: place - 8] + bytes(4) + spoilt[place - 4 :]  # up to the end
    standin.meets("content", Fault(200, spoilt, "video/mp4"))
    ran = ffprep(*single(photo))
    assert (ran.code, "cannot be decoded" in ran.err, "--resume" in ran.err) == (1, True, True)
    assert not (photo.parent / "c.mp4").exists()
    assert ffprep(*single(photo)).code == 0
