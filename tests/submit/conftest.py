"""Photos to submit."""

from pathlib import Path

import pytest

from tests.support.pictures import ramp


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    ramp(1600, 1200).save(tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of four photos, two of them in a subfolder."""
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    for number, name in enumerate(["a.jpg", "b.png", "trip/c.jpg", "trip/d.webp"]):
        ramp(1300 + number, 800).save(folder / name)
    return folder
