"""The pages say what is so."""

import re
import subprocess
import sys
from pathlib import Path

from conftest import opened, ramp

ROOT = Path(__file__).parents[1]


def test_the_page_of_modes_is_made_from_the_modes() -> None:
    made = subprocess.run(
        [sys.executable, ROOT / "scripts/modes_page.py"], capture_output=True, check=True
    ).stdout.decode()
    assert (ROOT / "docs/modes.md").read_text() == made, "run scripts/modes_page.py > docs/modes.md"


def test_the_mode_of_the_page_works(ffprep, tmp_path: Path) -> None:
    page = (ROOT / "docs/modes.md").read_text()
    (example,) = re.findall(r"```toml\n(# polaroid\.toml: .*?)```", page, re.DOTALL)
    (tmp_path / "polaroid.toml").write_text(example)
    (tmp_path / "photos").mkdir()
    ramp(1000, 1200).save(tmp_path / "photos/a.jpg")
    command = example.splitlines()[0].partition("ffprep ")[2].split()
    ran = ffprep(*command, cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert opened(tmp_path / "out/a.jpg").size == (800, 960)


def test_every_option_is_in_the_help_and_the_common_ones_in_the_readme(ffprep) -> None:
    told = ffprep("convert", "--help").out.decode()
    readme = (ROOT / "README.md").read_text()
    for option in re.findall(r"`(--[a-z-]+)", readme):
        assert option in told or option in ffprep("check", "--help").out.decode(), option


def test_the_floors_of_the_page_are_the_floors_of_the_lint() -> None:
    page = (ROOT / "docs/design.md").read_text()
    rooms = re.findall(r"^\| \d \| (.*?) \|", page, re.MULTILINE)
    told = {room for row in rooms for room in re.findall(r"`(\w+)`", row)}
    there = {path.stem for path in (ROOT / "ffprep").glob("*.py")} - {"__init__"}
    assert told == there


def test_make_alone_prints_the_verbs() -> None:
    printed = subprocess.run(["make", "-C", ROOT], capture_output=True, check=True).stdout.decode()
    for verb in ("demo", "test", "check", "lint"):
        assert f"make {verb} " in printed


def test_the_page_of_framing_shows_what_info_says(ffprep, tmp_path: Path) -> None:
    page = (ROOT / "docs/framing.md").read_text()
    (command, shown) = re.findall(r"```\n\$ ffprep ([^\n]*)\n(.*?)```", page, re.DOTALL)[0]
    ramp(4000, 3000).save(tmp_path / "photo.jpg")
    assert ffprep(*command.split(), cwd=tmp_path).out.decode() == shown
