"""Which frame of a film is meant, and which files are films."""

import pytest

from ffprep.core.film import FilmFrame, may_be_film, sniff_film
from ffprep.errors import UsageError


def test_frames_are_named_or_times() -> None:
    assert FilmFrame.parse("first") == FilmFrame.parse("0") == FilmFrame(0.0)
    assert FilmFrame.parse("last") == FilmFrame(None)
    assert FilmFrame.parse("2.5") == FilmFrame(2.5)
    for text in ("", "-1", "nan", "inf", "end", "1:30"):
        with pytest.raises(UsageError, match="write first, last, or seconds"):
            FilmFrame.parse(text)


def test_the_first_bytes_tell_films_apart() -> None:
    heads = {
        b"\0\0\0\x20ftypisom": "mov",
        b"\0\0\0\x08wide\0\0\0\x10mdat": "mov",
        b"\x1aE\xdf\xa3\x01\0\0": "matroska",
        b"RIFF\0\1\0\0AVI LIST": "avi",
        b"GIF89a": "gif",
    }
    for head, demuxer in heads.items():
        found = sniff_film(head)
        assert found is not None
        assert found.demuxer == demuxer
    for head in (b"#EXTM3U\n", b"ffconcat version 1.0", b"\xff\xd8\xff\xe0", b""):
        assert sniff_film(head) is None


def test_photos_have_no_frame() -> None:
    assert all(map(may_be_film, ("a.mp4", "a.MOV", "a.gif", "picture")))
    assert not any(map(may_be_film, ("a.jpg", "a.HEIC", "a.webp")))
