"""Faces in drawn and real photos, found in the sandbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from ffprep.conversion.ffmpeg_binary import decoder_pool
from ffprep.core.geometry import Bounds, Faces
from ffprep.core.policy import Policy
from ffprep.errors import EnvironmentFault
from ffprep.image import faces
from ffprep.image.sandbox import DecoderPool
from ffprep.system.processes import Processes
from tests.support.drawn_faces import photo
from tests.support.photos import PHOTOS, needs_photos


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    with decoder_pool(Processes(), Policy()) as decoders:
        yield decoders


def found(pool: DecoderPool, path: Path) -> Faces:
    return pool.faces(path, pool.probe(path))


def centre(box: Bounds) -> tuple[float, float]:
    return (box.left + box.right) / 2, (box.top + box.bottom) / 2


def test_faces_are_found_largest_first(pool: DecoderPool, tmp_path: Path) -> None:
    photo(800, 600, (50, 300, 200), (400, 50, 350)).save(tmp_path / "two.png")
    large, small = found(pool, tmp_path / "two.png")
    assert centre(large) == pytest.approx(((400 + 175) / 800, (50 + 180) / 600), abs=0.05)
    assert centre(small) == pytest.approx(((50 + 100) / 800, (300 + 105) / 600), abs=0.05)
    photo(800, 600).save(tmp_path / "none.webp")
    assert found(pool, tmp_path / "none.webp") == ()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_are_those_of_the_upright_photo(
    pool: DecoderPool, tmp_path: Path, orientation: int
) -> None:
    upright = photo(640, 480, (20, 30, 300))
    stored = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = upright if stored is None else upright.transpose(stored)
    picture.save(tmp_path / "a.jpg", exif=exif, quality=95)
    (box,) = found(pool, tmp_path / "a.jpg")
    assert centre(box) == pytest.approx((170 / 640, 185 / 480), abs=0.05)


@needs_photos
def test_faces_in_camera_photos(pool: DecoderPool) -> None:
    assert PHOTOS
    count = {
        name: len(found(pool, PHOTOS / "camera" / f"{name}.jpg"))
        for name in ("Issue 177", "Kodak Z1012 IS", "Canon EOS 5D", "Kodak PIXPRO S-1")
    }
    assert count == {
        "Issue 177": 2,
        "Kodak Z1012 IS": 1,
        "Canon EOS 5D": 0,
        "Kodak PIXPRO S-1": 0,
    }


def test_without_the_extra_an_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentFault, match=r"pip install 'ffprep\[faces\]'"):
        faces._detector.__wrapped__()
