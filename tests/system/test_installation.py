"""A broken installation ends every command with one sentence, and no photo is to blame."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ffprep.system.installation import installation_fault
from tests.conversion.test_converter import heic
from tests.support.pictures import ramp
from tests.support.processes import program

# What lies in front of a package, and the package to install again.
BROKEN = {
    "ffmpeg/__init__.py": ("class FFmpeg: pass", "ffmpeg-python"),
    "PIL/__init__.py": ("__version__ = '1'", "pillow"),
    "click.py": ("", "click"),
    "pillow_heif.py": ("raise ImportError('undefined symbol: x')", "pillow-heif"),
    "pillow_heif/__init__.py": ("half a fi", "pillow-heif"),
    "imageio_ffmpeg.py": ("", "imageio-ffmpeg"),
}
WITHOUT_FFMPEG = {"ffmpeg-python", "imageio-ffmpeg"}


@pytest.mark.parametrize("file", BROKEN)
def test_a_broken_package_is_named_and_no_photo_is_blamed(
    ffprep, tmp_path: Path, file: str
) -> None:
    content, package = BROKEN[file]
    (tmp_path / "in").mkdir()
    heic(tmp_path / "in/a.heic", ramp(64, 48))
    (tmp_path / "site" / file).parent.mkdir(parents=True)
    (tmp_path / "site" / file).write_text(content)
    broken = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    size, out = ("--size", "64x48"), tmp_path / "out"
    for command in (["convert", "-o", out, *size], ["check", *size], ["info"]):
        ran = ffprep(*command, tmp_path / "in", env=broken)
        if command[0] != "convert" and package in WITHOUT_FFMPEG:
            assert "not installed properly" not in ran.err
            continue
        assert (ran.code, ran.out) == (3, b"")
        *_, sentence = ran.err.splitlines()
        assert sentence.startswith(f"ffprep: the Python package {package} is not installed")
        assert sentence.endswith(f"pip install --force-reinstall {package}")
        assert "Traceback" not in ran.err
    if (out / ".ffprep").exists():
        with closing(sqlite3.connect(out / ".ffprep/ledger.db")) as ledger:
            assert list(ledger.execute("SELECT * FROM jobs")) == []
    assert ffprep("convert", tmp_path / "in", "-o", out, *size).code == 0


@pytest.mark.parametrize("file", ["ffmpeg/__init__.py", "PIL/__init__.py"])
def test_a_program_gets_an_environment_fault(tmp_path: Path, file: str) -> None:
    content, package = BROKEN[file]
    (tmp_path / "site" / file).parent.mkdir(parents=True)
    (tmp_path / "site" / file).write_text(content)
    ramp(16, 12).save(tmp_path / "a.jpg")
    code = f"""
    import os, sys
    os.environ["XDG_CACHE_HOME"] = {str(tmp_path)!r}  # without command lines of earlier runs
    sys.path.insert(0, {str(tmp_path / "site")!r})
    import ffprep
    try:
        ffprep.prepare("a.jpg", "8x6")
    except ffprep.EnvironmentFault as fault:
        print(fault)
    """
    assert f"package {package} is not installed properly" in program(code, tmp_path).stdout


def test_a_package_with_other_functions_of_the_same_names_is_recognized(
    ffprep, tmp_path: Path
) -> None:
    ramp(8, 6).save(tmp_path / "a.jpg")
    (tmp_path / "ffmpeg.py").write_text("def input(*a): return a\n")
    arguments = ["convert", tmp_path / "a.jpg", "-o", tmp_path / "o.jpg", "--size", "8x6"]
    ran = ffprep(*arguments, env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert (ran.code, "ffmpeg-python" in ran.err, "Traceback" in ran.err) == (3, True, False)


def test_opencv_is_named_as_pip_does() -> None:
    fault = installation_fault(
        ImportError("libGL.so.1: cannot open shared object file", name="cv2")
    )
    assert str(fault).endswith("run: pip install --force-reinstall opencv-python-headless")
