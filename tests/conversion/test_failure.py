"""A filter graph that FFmpeg refuses ends the run only if it is refused for other pictures too."""

from pathlib import Path

import pytest

from ffprep.config.modes import read_mode
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob
from ffprep.core.spec import Spec
from ffprep.errors import EnvironmentFault, Kind
from tests.conversion.test_converter import convert, kind
from tests.support.ffmpegs import INPUTS, fake_ffmpeg
from tests.support.pictures import opened, ramp


def jobs(folder: Path, step: str, *sizes: tuple[int, int]) -> list[LocalJob]:
    (folder / "own.toml").write_text(
        f'[[step]]\n{step}\n[[step]]\nfilter = "scale"\nw = "{{width}}"\nh = "{{height}}"\n'
    )
    spec = Spec(Size(64, 48), read_mode(folder / "own.toml"))
    (folder / "in").mkdir()
    for width, height in sizes:
        ramp(width, height).save(folder / f"in/{width}.jpg")
    names = [f"{width}.jpg" for width, _ in sizes]
    return [LocalJob(folder / "in" / name, folder / "out" / name, spec) for name in names]


# What FFmpeg says of a file whose streams it does not match, and of a decoder that it was not
# built with.
REFUSALS = {
    "[fc#0 @ 0x1] [error] Error binding filtergraph inputs/outputs: Invalid argument": "binding",
    "[dec @ 0x1] [fatal] Unknown decoder 'libdav1d'": "no decoder libdav1d",
}


@pytest.mark.parametrize("line", REFUSALS)
def test_a_graph_that_is_refused_for_one_photo_costs_that_photo(tmp_path: Path, line: str) -> None:
    chosen = jobs(tmp_path, 'filter = "hflip"', (400, 300), (90, 70), (500, 400))
    refuse = f'echo "{line}" >&2; exit 1'
    body = f'case "$({INPUTS})" in *%d*|*/90.jpg*) {refuse};; *) exec "$REAL" "$@";; esac'
    results = {r.source.name: r for r in convert(*chosen, binary=fake_ffmpeg(tmp_path, body))}
    kinds = {name: kind(result) for name, result in results.items()}
    assert kinds == {"400.jpg": None, "90.jpg": Kind.UNSUPPORTED, "500.jpg": None}
    failure = results["90.jpg"].failure
    assert failure
    assert "does not convert this picture in mode own" in failure.message
    assert REFUSALS[line] in failure.message
    assert opened(tmp_path / "out/400.jpg").size == (64, 48)


def test_a_photo_too_small_for_a_mode_ends_no_run(tmp_path: Path) -> None:
    chosen = jobs(tmp_path, 'filter = "crop"\nw = 300\nh = 200', (400, 300), (90, 70), (500, 400))
    kinds = {result.source.name: kind(result) for result in convert(*chosen)}
    assert kinds == {"400.jpg": None, "90.jpg": Kind.UNSUPPORTED, "500.jpg": None}


def test_a_graph_that_is_refused_for_every_picture_names_its_line(tmp_path: Path) -> None:
    chosen = jobs(tmp_path, 'filter = "crop"\nw = "nothing"', (400, 300), (90, 70))
    with pytest.raises(EnvironmentFault, match=r"own\.toml:2: crop.*FFmpeg refuses it"):
        convert(*chosen)
