"""Photos for the Python functions, and a temporary folder that must be empty in the end."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pictures import ramp


@pytest.fixture
def photo(tmp_path: Path, home: Path) -> Path:
    ramp(400, 300).save(tmp_path / "photo.jpg", quality=95)
    return tmp_path / "photo.jpg"


@pytest.fixture
def empty_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder for temporary files; it must be empty after the test."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def folder(tmp_path: Path, home: Path) -> Path:
    (tmp_path / "photos").mkdir()
    ramp(640, 480).save(tmp_path / "photos/0.jpg")
    for number in range(1, 60):
        shutil.copy(tmp_path / "photos/0.jpg", tmp_path / f"photos/{number}.jpg")
    return tmp_path / "photos"
