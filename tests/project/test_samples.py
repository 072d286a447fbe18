import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.support.pictures import opened

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_the_samples_are_what_the_demo_says(ffprep, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "scripts.samples.photos", tmp_path / "in"], check=True, cwd=ROOT
    )
    with Image.open(tmp_path / "in/portrait.jpg") as portrait:
        assert (portrait.size, portrait.getexif()[0x0112]) == ((2000, 1500), 6)
    assert opened(tmp_path / "in/logo.png").getchannel("A").getextrema() == (0, 255)
    assert opened(tmp_path / "in/odd.jpg").size == (1023, 767)
    assert (
        ffprep("convert", tmp_path / "in", "-o", tmp_path / "out", "--size", "1280x720").code == 0
    )
    assert {opened(path).size for path in (tmp_path / "out").glob("[!.]*")} == {(1280, 720)}


def test_a_made_library_has_the_outputs_that_a_run_would_write(ffprep, tmp_path: Path) -> None:
    names = ("in", "--outputs", "made", "--size", "30x20", "--each", "4")
    script = ROOT / "scripts/samples/library.py"
    subprocess.run([sys.executable, script, "10", *names], check=True, cwd=tmp_path)
    assert ffprep("convert", "in", "-o", "out", "--size", "30x20", cwd=tmp_path).code == 0
    made, written = (
        sorted(path.relative_to(tmp_path / folder) for path in (tmp_path / folder).rglob("*.jpg"))
        for folder in ("made", "out")
    )
    assert (made, len(made)) == (written, 10)
    assert ffprep("check", "made", "--size", "30x20", cwd=tmp_path).code == 0
