from pathlib import Path

import pytest

from ffprep.conversion.ffmpeg_binary import find
from ffprep.errors import EnvironmentFault
from tests.support.ffmpegs import script


def test_the_embedded_ffmpeg_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FFPREP_FFMPEG", raising=False)
    binary = find()
    assert "imageio_ffmpeg" in binary.path
    assert int(binary.version.split(".")[0]) >= 9


def test_the_environment_and_then_the_option_choose_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = script(tmp_path / "one", "echo ffmpeg version 10.1-one")
    two = script(tmp_path / "two", "echo ffmpeg version n9.5")
    monkeypatch.setenv("FFPREP_FFMPEG", one)
    assert find().version == "10.1-one"
    assert find(two).path == two


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("echo ffmpeg version 5.1.9-0+deb12u1", r"is ffmpeg 5\.1\.9.*needs 9\.0 or newer"),
        ("echo something else", "is not an ffmpeg"),
        ("exit 1", "is not an ffmpeg"),
    ],
)
def test_an_unusable_ffmpeg_is_refused_with_a_sentence(
    tmp_path: Path, body: str, words: str
) -> None:
    with pytest.raises(EnvironmentFault, match=words):
        find(script(tmp_path / "ffmpeg", body))


def test_a_missing_ffmpeg_is_reported(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="cannot be run as ffmpeg"):
        find(str(tmp_path / "nothing"))


def test_a_development_build_is_accepted(tmp_path: Path) -> None:
    path = script(tmp_path / "ffmpeg", "echo ffmpeg version N-120000-gabcdef")
    assert find(path).version == "N-120000-gabcdef"
