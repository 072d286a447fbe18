"""`--focus faces` and `info --faces`, as a user calls them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.drawn_faces import photo, shows_skin
from tests.support.films import film
from tests.support.pictures import opened


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    photo(1200, 600, (30, 50, 400)).save(folder / "left.jpg", quality=95)
    photo(1200, 600, (800, 50, 400)).save(folder / "right.jpg", quality=95)
    photo(1200, 600).save(folder / "wall.jpg", quality=95)
    return folder


def shows_a_face(path: Path) -> bool:
    return shows_skin(opened(path))


def test_faces_stay_in_the_frame_and_are_remembered(ffprep, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    framed = ("--focus", "faces", "--max-cut", "allow", "--json")
    ran = ffprep("convert", photos, "-o", out, "--size", "150x300", *framed)
    assert (ran.code, ran.summary["converted"]) == (0, 3)
    warnings = {name: line.get("warnings", []) for name, line in ran.results.items()}
    assert warnings == {
        "left.jpg": [],
        "right.jpg": [],
        "wall.jpg": ["no face was found, so the crop is centred"],
    }
    assert [shows_a_face(out / f"{name}.jpg") for name in ("left", "right", "wall")] == [1, 1, 0]
    ran = ffprep("convert", photos, "-o", out, "--size", "150x300", *framed)
    assert ran.summary["fresh"] == 3
    # The next run, to another size, takes the faces from the ledger.
    with closing(sqlite3.connect(out / ".ffprep/ledger.db")) as ledger, ledger:
        assert ledger.execute("SELECT count(*) FROM faces").fetchone() == (3,)
        ledger.execute("UPDATE faces SET boxes = '0.8,0.4,0.9,0.6' WHERE source LIKE '%left.jpg'")
    ran = ffprep("convert", photos, "-o", out, "--size", "100x200", *framed)
    assert ran.summary["converted"] == 3
    assert [shows_a_face(out / f"{name}.jpg") for name in ("left", "right")] == [0, 1]
    (photos / "left.jpg").touch()
    (photos / "right.jpg").unlink()
    again = ("--size", "100x200", *framed, "--prune")
    ran = ffprep("convert", photos, "-o", out, *again)
    assert (ran.summary["converted"], ran.summary["pruned"]) == (1, 1)
    assert shows_a_face(out / "left.jpg")
    with closing(sqlite3.connect(out / ".ffprep/ledger.db")) as ledger:
        known = ledger.execute("SELECT source FROM faces").fetchall()
    assert sorted(Path(source).name for (source,) in known) == ["left.jpg", "wall.jpg"]


def test_each_frame_of_a_film_has_faces_of_its_own(ffprep, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    frames = [photo(1200, 600, (left, 50, 400)) for left in (30, 800)]
    film(tmp_path / "in/film.mp4", frames)
    common = ("convert", tmp_path / "in", "-o", tmp_path / "out", "--focus", "faces", "--json")
    sizes = ("--size", "150x300", "--size", "120x240")
    for frame in ("first", "last"):
        ran = ffprep(*common, *sizes, "--frame", frame)
        assert ran.summary["converted"] == 2
        for size in sizes[1::2]:
            assert shows_a_face(tmp_path / f"out/{size}/film.jpg")


def test_info_counts_faces_and_warns_for_targets_that_refuse_people(ffprep, photos: Path) -> None:
    ran = ffprep("info", photos, "--faces", "--target", "sora-2/720x1280", "--json")
    found = {Path(line["path"]).name: line for line in ran.lines}
    assert {name: len(line["faces"]) for name, line in found.items()} == {
        "left.jpg": 1,
        "right.jpg": 1,
        "wall.jpg": 0,
    }
    (warning,) = found["left.jpg"]["warnings"]
    assert warning.startswith("sora-2 refuses pictures of people")
    assert found["wall.jpg"]["warnings"] == []
    ran = ffprep("info", photos / "right.jpg", "--focus", "faces", "--size", "300x600")
    words = ran.out.decode()
    assert ", 1 face" in words
    (cover,) = (line for line in words.splitlines() if "cover at 300x600" in line)
    assert "(left 7" in cover  # 37.5 % with the focus in the centre
