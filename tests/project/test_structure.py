"""How many modules one call of the command line imports and passes through."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from scripts.structure.measure import Measurement, measurement

# Imports include packages; modules do not.
CHECK_IMPORTS = 45
CONVERT_IMPORTS = 77
CONVERT_MODULES = 65
CONVERT_CHANGES = 300
CONVERT_CLASSES = 160
ALL_IMPORTS = 260
"""With those of Python and of other packages."""


@pytest.fixture(scope="module")
def folder() -> Iterator[Measurement]:
    with measurement() as made:
        yield made


def test_convert_imports_few_modules_and_seldom_changes_module(folder: Measurement) -> None:
    folder.trace("convert")  # keeps its command line, which later ones need not build
    trace = folder.trace("convert")
    assert len(trace.imported) <= CONVERT_IMPORTS, trace.imported
    assert 0 < trace.classes <= CONVERT_CLASSES
    modules = set(trace.imported) - set(trace.packages)
    assert len(modules) <= CONVERT_MODULES, modules
    for _ in range(3):  # a run on a busy machine waits longer, and polls more often
        if trace.changes <= CONVERT_CHANGES:
            break
        trace = folder.trace("convert")
    assert 0 < trace.changes <= CONVERT_CHANGES, trace.edges[:20]


def test_check_imports_few_modules(folder: Measurement) -> None:
    folder.trace("convert")
    imported = folder.trace("check").imported
    assert len(imported) <= CHECK_IMPORTS, imported
    assert "ffprep.image.probe" in imported
    assert not [name for name in imported if name.startswith("ffprep.submit.")]


def test_one_photo_imports_little(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (64, 48)).save(photo)
    convert = ["convert", photo, "-o", tmp_path / "o.jpg", "--size", "32x24", "--quiet"]
    subprocess.run([sys.executable, "-m", "ffprep", *convert], check=True)
    argv = [sys.executable, "-X", "importtime", "-m", "ffprep", *convert]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stderr
    imported = [line.rpartition("|")[2].strip() for line in said.splitlines()]
    assert len(imported) <= ALL_IMPORTS
    unused = {"dataclasses", "pickle", "secrets", "tempfile", "sqlite3", "concurrent.futures"}
    assert not (unused | {"ffmpeg", "PIL.PngImagePlugin"}).intersection(imported)
    assert imported.index("subprocess") < imported.index("PIL.Image")
