"""Unusual but sound pictures: each is right, or refused by the name of its kind, wherever read."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

import ffprep as library
from ffprep.config.modes import find_mode
from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.job import LocalJob, Result
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from scripts.cases.all_cases import CASES
from scripts.cases.case import SIZE, Case, Verdict
from tests.support.command_line import Ran
from tests.support.pictures import opened

READABLE = [case for case in CASES if case.verdict is not Verdict.UNSUPPORTED]
Command = Callable[..., Ran]


@dataclass(frozen=True)
class Made:
    """What one photo became: warnings and error in one text, and the picture if there is one."""

    words: str
    picture: Image.Image | None

    @classmethod
    def of(cls, result: Result) -> "Made":
        words = "; ".join(result.warnings)
        if result.failure:
            words = f"{result.failure.kind}: {result.failure.message}"
        return cls(words, opened(Path(str(result.output))) if not result.failure else None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cases")
    for case in CASES:
        (folder / case.file_name).write_bytes(case.make())
    return folder


def converted(folder: Path, out: Path, streams: bool) -> dict[str, Made]:
    jobs = []
    for case in CASES:
        spec = Spec(case.size, find_mode("stretch"), OUTPUT_FORMATS["png"])
        jobs.append(LocalJob(folder / case.file_name, out / f"{case.file_name}.png", spec))
    converter = Converter(find(), Policy(), streams=streams)
    return {result.source.name: Made.of(result) for result in converter.convert(jobs)}


@pytest.fixture(scope="module")
def ways(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Made]]:
    return {
        "in a stream": converted(folder, tmp_path_factory.mktemp("stream"), streams=True),
        "alone": converted(folder, tmp_path_factory.mktemp("alone"), streams=False),
    }


def fault(case: Case, made: Made) -> str:
    """Return what is wrong about one photo; empty if it is right."""
    if case.verdict is Verdict.UNSUPPORTED:
        refused = made.words.startswith("unsupported: ") and case.words in made.words
        return "" if refused else f"not refused: {made.words or made.picture}"
    if made.picture is None:
        return made.words
    if (case.words not in made.words) if case.verdict is Verdict.WARNED else made.words:
        return f"warnings: {made.words or None}"
    if made.picture.size != (case.size.width, case.size.height):
        return f"size {made.picture.size}"
    picture = made.picture.convert("RGBA")
    pairs = [(place, right, picture.getpixel(place)) for place, right in case.pixels]
    return "; ".join(
        f"{found} at {place}, not {right}"
        for place, right, found in pairs
        if not alike(right, found, case.within)  # type: ignore[arg-type]
    )


def alike(right: tuple[int, ...], found: tuple[int, ...], within: int) -> bool:
    if right[3:] == (0,):  # the colour of what is transparent does not matter
        return found[3] == 0
    if right[3:] in ((), (255,)) and found[3] != 255:
        return False
    return all(abs(a - b) <= within for a, b in zip((*right, 255), found, strict=False))


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
