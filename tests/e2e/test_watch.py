"""`ffprep watch`: pictures of photos that arrive, and how it ends."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.support.folders import finals
from tests.support.pictures import opened, ramp
from tests.support.waiting import until

pytestmark = pytest.mark.slow

FILE = """
[defaults]
size = "32x24"
prune = true

[job.first]
sources = ["photos"]
output = "photos/ready"

[job.second]
sources = ["photos/ready"]
output = "small"
size = "16x12"
"""
Watching = subprocess.Popen[str]


@pytest.fixture
def folder(home: Path, tmp_path: Path) -> Path:
    (tmp_path / "photos/deep").mkdir(parents=True)
    ramp(64, 48).save(tmp_path / "photos/one.jpg")
    (tmp_path / "ffprep.toml").write_text(FILE)
    return tmp_path


@contextmanager
def watching(folder: Path, *words: str, code: int = 143) -> Iterator[Watching]:
    """Watch until the block ends; then it ends with an exit code, and has printed no more."""
    argv = [sys.executable, "-m", "ffprep", "watch", "--settle", "0.5", *words]
    process = subprocess.Popen(argv, cwd=folder, stdout=PIPE, stderr=PIPE, text=True)
    try:
        yield process
        process.send_signal(code - 128)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (code, "")
        # The signal may meet a run, which says so.
        assert re.fullmatch(r"(ffprep: (\[\w+\] )?interrupted; .*\n)?", err)
    finally:
        process.kill()
        process.communicate()


def outputs(out: Path) -> Callable[[], set[str]]:
    return lambda: {str(path.relative_to(out)) for path in finals(out)}


def test_photos_are_converted_when_they_arrive(folder: Path) -> None:
    ready, small = folder / "photos/ready", folder / "small"
    with watching(folder, "--all"):
        until(lambda: outputs(small)() == {"one.jpg"})
        # A folder that is moved here at once, and a photo that is removed.
        (folder / "new").mkdir()
        ramp(64, 48).save(folder / "new/two.jpg")
        (folder / "new").rename(folder / "photos/new")
        (folder / "photos/one.jpg").unlink()
        ramp(48, 64).save(folder / "photos/deep/three.jpg")
        both = {"new/two.jpg", "deep/three.jpg"}
        until(lambda: outputs(ready)() == both)
        until(lambda: outputs(small)() == both)
        assert opened(small / "deep/three.jpg").size == (16, 12)


def test_an_error_is_reported_once_and_ends_nothing(folder: Path) -> None:
    (folder / "photos/bad.jpg").write_bytes((folder / "photos/one.jpg").read_bytes()[:400])
    with watching(folder, "first", "--poll", "0.2", code=130) as process:
        assert process.stderr
        head, line = process.stderr.readline(), process.stderr.readline()
        assert head.startswith("ffprep: 1 converted, 1 failed in ")
        assert "bad.jpg: damaged: " in line
        ramp(64, 48).save(folder / "photos/two.jpg")
        until(lambda: outputs(folder / "photos/ready")() == {"one.jpg", "two.jpg"})
        ramp(64, 48).save(folder / "photos/bad.jpg")
        until(lambda: (folder / "photos/ready/bad.jpg").exists())


def test_a_source_that_comes_back_is_watched_again(folder: Path) -> None:
    ready = folder / "small"
    with watching(folder, "second", "-o", "small", "--no-prune") as process:
        assert process.stderr
        assert "ready: missing: " in process.stderr.readline() + process.stderr.readline()
        (folder / "photos/ready").mkdir()
        ramp(64, 48).save(folder / "photos/ready/a.jpg")
        until(lambda: outputs(ready)() == {"a.jpg"})
        (folder / "photos/ready").rename(folder / "away")
        assert "ready: missing: " in process.stderr.readline() + process.stderr.readline()
        (folder / "away").rename(folder / "photos/ready")
        ramp(64, 48).save(folder / "photos/ready/b.jpg")
        until(lambda: outputs(ready)() == {"a.jpg", "b.jpg"})


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("first", "--no-prune", "--ledger", "none"),
            "job first: without a ledger, every change would convert",
        ),
        (("first", "--sources-from", "list"), "job first: --sources-from is not watched"),
        ((), "no job is given; name jobs, or use --all"),
    ],
)
def test_what_cannot_be_watched(ffprep, folder: Path, words: tuple[str, ...], message: str) -> None:
    (folder / "list").write_text("photos\n")
    ran = ffprep("watch", *words, cwd=folder)
    assert (ran.code, message in ran.err) == (2, True)


def test_a_missing_package_is_named(folder: Path) -> None:
    code = "import sys; sys.modules['watchfiles'] = None; import ffprep.__main__ as m; m.main()"
    argv = [sys.executable, "-c", code, "watch", "first"]
    ran = subprocess.run(argv, cwd=folder, capture_output=True, text=True)
    words = "ffprep watch needs another Python package, watchfiles"
    assert (ran.returncode, ran.stderr) == (
        3,
        f"ffprep: {words}; run: pip install 'ffprep[watch]'\n",
    )
