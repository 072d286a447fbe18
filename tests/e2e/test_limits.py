"""Limits that ffprep inherits are no damage; when they are lifted, the same command converts."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from ffprep.errors import Killed, Kind, LimitReached
from ffprep.system import limits
from ffprep.system.processes import Limits
from tests.support.command_line import Ran

pytestmark = pytest.mark.slow


def noise(path: Path, width: int, height: int) -> Path:
    Image.effect_noise((width, height), 90).convert("RGB").save(path, quality=95)
    return path


def limited(limit: str, *arguments: object) -> Ran:
    """Run the command line under a limit of the shell."""
    command = shlex.join([sys.executable, "-m", "ffprep", *map(str, arguments)])
    argv = ["bash", "-c", f"ulimit {limit}; exec {command}"]
    done = subprocess.run(argv, capture_output=True, timeout=120)
    return Ran(done.returncode, done.stdout, done.stderr.decode())


@pytest.fixture
def photos(home: Path, tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    noise(tmp_path / "in/a.jpg", 1280, 720)
    noise(tmp_path / "in/b.webp", 1280, 720)
    return tmp_path / "in"


@pytest.mark.parametrize("limit", ["-f 300", "-f 4", "-v 120000", "-v 180000", "-d 40000", "-n 8"])
def test_a_limit_that_every_photo_meets_is_named(
    ffprep, photos: Path, tmp_path: Path, limit: str
) -> None:
    command = ["convert", photos, "-o", tmp_path / "out", "--size", "1280x720"]
    ran = limited(limit, *command)
    assert (ran.code, "damaged" in ran.err, "Traceback" in ran.err) == (3, False, False)
    assert f"ulimit {limit}" in ran.err.splitlines()[-1]
    ran = ffprep(*command)
    assert (ran.code, ran.err) == (0, "")
    assert sorted(p.name for p in (tmp_path / "out").glob("*.jpg")) == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("command", ["check", "info"])
def test_a_limit_is_no_damage_for_check_and_info(home: Path, photos: Path, command: str) -> None:
    size = ["--size", "1280x720"] if command == "check" else []
    ran = limited("-v 60000", command, photos, *size)
    said = ran.out.decode() + ran.err
    # How much address space a decoder takes is a matter of chance.
    assert (ran.code in (0, 1, 3), "damaged" in said, "Traceback" in said) == (True, False, False)
    assert ran.code == 0 or "ulimit -v 60000" in said


def test_a_limit_that_one_photo_meets_costs_that_photo_until_it_is_lifted(
    ffprep, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    noise(tmp_path / "in/small.jpg", 200, 200)
    Image.new("RGB", (12000, 6000), "teal").save(tmp_path / "in/large.tif")
    command = ["convert", tmp_path / "in", "-o", tmp_path / "out", "--size", "64x64", "--json"]
    ran = limited("-v 430000", *command, "--jobs", "1")
    assert (ran.code, ran.kinds()) == (1, {"large.tif": "io"})
    assert "ulimit -v 430000" in ran.results["large.tif"]["error"]["message"]
    assert ffprep(*command).summary["converted"] == 1


def test_a_damaged_photo_is_damaged_under_a_limit_that_does_not_matter(
    home: Path, photos: Path, tmp_path: Path
) -> None:
    for path in photos.iterdir():
        path.write_bytes(path.read_bytes()[:90_000])
    ran = limited("-v 8000000", "convert", photos, "-o", tmp_path / "out", "--size=64x64", "--json")
    assert (ran.code, set(ran.kinds().values())) == (1, {"damaged"})


def test_a_signal_is_the_photos_fault_only_if_a_program_sends_it_to_itself() -> None:
    own = Limits(1 << 30, 1 << 24)
    for number in (6, 7, 8, 4, 11):
        assert limits.ended_from_outside("ffmpeg", number, own) is None
    for number in (1, 2, 9, 15, 24, 25):
        outside = limits.ended_from_outside("ffmpeg", number, own)
        assert isinstance(outside, Killed)
        assert (outside.kind, outside.needs_second_attempt) == (Kind.IO, True)
        assert not isinstance(outside, LimitReached)


def test_a_limit_of_cpu_time_is_named(home: Path, tmp_path: Path) -> None:
    noise(tmp_path / "a.jpg", 400, 300)
    ffmpeg = tmp_path / "ffmpeg"
    ffmpeg.write_text(
        '#!/bin/sh\n[ "$1" = -version ] && echo ffmpeg version 9.9 && exit\n:;while :; do :; done\n'
    )
    ffmpeg.chmod(0o755)
    ran = limited(
        "-t 2",
        "convert",
        tmp_path / "a.jpg",
        "-o",
        tmp_path / "o.jpg",
        "--size",
        "8x8",
        "--ffmpeg",
        ffmpeg,
    )
    assert (ran.code, "ulimit -t 2" in ran.err.splitlines()[-1]) == (3, True)
