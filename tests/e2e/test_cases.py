"""Unusual but sound pictures: each is right, or refused by the name of its kind, wherever read."""

import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

import ffprep as library
from scripts.cases.all_cases import CASES
from scripts.cases.case import SIZE, Verdict
from scripts.cases.run import Made, converted, fault, write_all
from tests.support.command_line import Ran
from tests.support.pictures import opened

READABLE = [case for case in CASES if case.verdict is not Verdict.UNSUPPORTED]
Command = Callable[..., Ran]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cases")
    write_all(folder)
    return folder


@pytest.fixture(scope="module")
def ways(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Made]]:
    return {
        "in a stream": converted(folder, tmp_path_factory.mktemp("stream"), streams=True),
        "alone": converted(folder, tmp_path_factory.mktemp("alone"), streams=False),
    }


@pytest.mark.parametrize("way", ["in a stream", "alone"])
def test_converted(way: str, ways: dict[str, dict[str, Made]]) -> None:
    made = ways[way]
    faults = {case.file_name: fault(case, made[case.file_name]) for case in CASES}
    assert {name: words for name, words in faults.items() if words} == {}


def same(one: Image.Image, other: Image.Image | None) -> bool:
    assert other
    return (one.mode, one.size, one.tobytes()) == (other.mode, other.size, other.tobytes())


def test_prepare_makes_the_same(folder: Path, ways: dict[str, dict[str, Made]]) -> None:
    for case in READABLE:
        size = (case.size.width, case.size.height)
        made = library.prepare(folder / case.file_name, size, "stretch", format="png")
        with Image.open(BytesIO(made.data)) as picture:
            picture.load()
        assert same(picture, ways["alone"][case.file_name].picture), case.file_name


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
    folder: Path, ways: dict[str, dict[str, Made]], ffprep: Command, tmp_path: Path
) -> None:
    assert len({Path(case.file_name).stem for case in CASES}) == len(CASES)
    arguments = ["--size", "96x80", "--mode", "stretch", "--format", "png"]
    ran = ffprep("convert", folder, "-o", tmp_path / "dry", *arguments, "--dry-run")
    subprocess.run(["sh", "-e"], input=ran.out, check=True, capture_output=True)
    for case in READABLE:
        picture = opened((tmp_path / "dry" / case.file_name).with_suffix(".png"))
        if case.size == SIZE:
            assert same(picture, ways["alone"][case.file_name].picture), case.file_name
