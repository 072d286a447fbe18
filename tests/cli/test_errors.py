"""Answers to mistakes on the command line, and where they say to read on."""

from pathlib import Path

import pytest

from ffprep.cli.errors import PLACES
from ffprep.options.command import key_names
from ffprep.options.convert import convert_parameters
from tests.support.pictures import ramp


def test_places_are_of_options_that_exist() -> None:
    assert set(PLACES) <= {name for param in convert_parameters.params for name in key_names(param)}


@pytest.mark.parametrize(
    ("words", "answer", "place"),
    [
        (["a.jpg", "--size", "9x9"], "did you mean: ffprep convert a.jpg --size 9x9", ""),
        (["no.heic"], "did you mean: ffprep convert no.heic", ""),
        (["covnert", "a.jpg"], "unknown command 'covnert'; did you mean 'ffprep convert'?", ""),
        (["Modes"], "did you mean 'ffprep modes'?", ""),
        (["resize", "a.jpg"], "did you mean 'ffprep convert'?", ""),
        (["help"], "did you mean 'ffprep --help'?", ""),
        (["config", "shwo"], "unknown command 'shwo'; did you mean 'show'?", "config "),
        (["check"], "no PATH is given", "check "),
        (["convert", "a.jpg", "--siez", "9x9"], "unknown option --siez; did you mean --size", ""),
        (["convert", "a.jpg", "--width", "9"], "did you mean --size WIDTHxHEIGHT?", ""),
        (["info", "a.jpg", "--size", "9*9"], "--size: '9*9' is not a size; did you mean", "info "),
        (["info", "a.jpg", "--size", "Sora-2"], "is a target; write --target Sora-2", "info "),
    ],
)
def test_mistakes_are_answered(
    ffprep, tmp_path: Path, words: list[str], answer: str, place: str
) -> None:
    ramp(20, 20).save(tmp_path / "a.jpg")
    ran = ffprep(*words, cwd=tmp_path)
    said, hint = ran.err.splitlines()
    assert (ran.code, ran.out, answer in said) == (2, b"", True), ran.err
    if place:
        assert hint.startswith(f"See 'ffprep {place}--help'")


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["--mode", "covr"], "unknown mode 'covr'; did you mean 'cover'?"),
        (["--mode", "leterbox"], "unknown mode 'leterbox'; did you mean 'letterbox'?"),
        (["--mode", "zoom"], "the modes are: auto, blur, cover, fit, pad, stretch"),
        (["--mode", "zoom"], "See 'ffprep convert --help', 'ffprep modes'.\n"),
        (["--scene", "portait"], "unknown scene 'portait'; did you mean 'portrait'?"),
        (["--format", "pgn"], "'pgn' is not one of jpeg, png, webp, avif, jpegxl, same; did you"),
        (["--upscale", "fial"], "did you mean fail?"),
        (["--focus", "nose"], ", https://ffprep.github.io/ffprep/guide/framing.html\n"),
    ],
)
def test_names_are_answered_and_a_place_is_named(ffprep, tmp_path: Path, words, answer) -> None:
    ramp(20, 20).save(tmp_path / "a.jpg")
    ran = ffprep("convert", "a.jpg", "--size", "9x9", *words, cwd=tmp_path)
    assert (ran.code, answer in ran.err) == (2, True), ran.err
    assert "See 'ffprep convert --help'" in ran.err.splitlines()[-1]
    assert sorted(path.name for path in tmp_path.glob("*.*")) == ["a.jpg"]
