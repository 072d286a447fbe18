"""Unusual but sound pictures: each is right, or refused by the name of its kind, wherever read."""

import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

import ffprep as library
from scripts.cases.all_cases import CASES
from scripts.cases.case import SIZE, Case, Verdict
from scripts.cases.run import Made, converted, fault, write_all
from tests.support.command_line import Ran
from tests.support.fork_server import ForkServer
from tests.support.pictures import opened

READABLE = [case for case in CASES if case.verdict is not Verdict.UNSUPPORTED]
FEW = list({(case.format, case.feature): case for case in READABLE}.values())
"""One case of each format and feature."""
FEWEST = list({case.format: case for case in FEW}.values())
Command = Callable[..., Ran]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cases")
    write_all(folder, CASES)
    return folder


def faults(cases: list[Case], made: dict[str, Made]) -> dict[str, str]:
    """Return what is wrong about each case."""
    found = {case.file_name: fault(case, made[case.file_name]) for case in cases}
    return {name: words for name, words in found.items() if words}


@pytest.mark.parametrize("streams", [True, False], ids=["in a stream", "alone"])
def test_converted(folder: Path, tmp_path: Path, streams: bool) -> None:
    assert faults([*CASES], converted(folder, tmp_path, streams)) == {}


def test_prepare_makes_the_same(folder: Path) -> None:
    made = {}
    for case in FEWEST:
        size = (case.size.width, case.size.height)
        prepared = library.prepare(folder / case.file_name, size, "stretch", format="png")
        with Image.open(BytesIO(prepared.data)) as picture:
            picture.load()
        made[case.file_name] = Made("; ".join(prepared.warnings), picture)
    assert faults(FEWEST, made) == {}


def test_info_and_check_read_them(folder: Path, ffprep: Command) -> None:
    info = {Path(line["path"]).name: line for line in ffprep("info", folder, "--json").lines}
    checked = ffprep("check", folder, "--size", "96x80", "--json")
    check = {Path(line["path"]).name: line for line in checked.lines}
    for case in CASES:
        for found in (info[case.file_name], check[case.file_name]):
            if case.verdict is Verdict.UNSUPPORTED:
                assert found["error"]["kind"] == "unsupported", case
                assert case.words in found["error"]["message"]
            else:
                assert found["error"] is None, (case, found["error"])
                assert (found["width"], found["height"]) == (case.size.width, case.size.height)


def test_the_commands_of_a_dry_run_make_the_same(
    ffprep: Command, fork_server: ForkServer | None, tmp_path: Path
) -> None:
    cases = [case for case in FEW if case.size == SIZE]
    (tmp_path / "in").mkdir()
    write_all(tmp_path / "in", cases)
    arguments = ["--size", "96x80", "--mode", "stretch", "--format", "png"]
    ran = ffprep(
        "convert", tmp_path / "in", "-o", tmp_path / "dry", *arguments, "--dry-run=commands"
    )
    commands = ran.out.decode()
    if fork_server:
        (tmp_path / "ffprep").write_text(fork_server.program())
        (tmp_path / "ffprep").chmod(0o755)
        commands = commands.replace(f"{sys.executable} -P -m ffprep", str(tmp_path / "ffprep"))
    subprocess.run(["sh", "-e"], input=commands, text=True, check=True, capture_output=True)
    made = {}
    for case in cases:
        output = (tmp_path / "dry" / case.file_name).with_suffix(".png")
        made[case.file_name] = Made(case.words, opened(output))
    assert faults(cases, made) == {}
