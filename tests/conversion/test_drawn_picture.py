"""A filter graph that FFmpeg refuses ends the run only if it is refused for other pictures too."""

from pathlib import Path

import pytest

from ffprep.config.modes import read_mode
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob
from ffprep.core.spec import Spec
from ffprep.errors import EnvironmentFault, Kind
from tests.conversion.test_converter import convert, kind
from tests.support.ffmpegs import fake_ffmpeg
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


@pytest.mark.parametrize("streams", [True, False])
def test_a_graph_that_one_photo_does_not_suit_costs_that_photo(
    tmp_path: Path, streams: bool
) -> None:
    chosen = jobs(tmp_path, 'filter = "crop"\nw = 300\nh = 200', (400, 300), (90, 70), (500, 400))
    results = {
        r.source.name: r
        for job in ([chosen] if streams else map(lambda j: [j], chosen))
        for r in convert(*job)
    }
    assert {name: kind(result) for name, result in results.items()} == {
        "400.jpg": None,
        "90.jpg": Kind.UNSUPPORTED,
        "500.jpg": None,
    }
    failure = results["90.jpg"].failure
    assert failure and "FFmpeg does not convert this picture in mode own" in failure.message
    assert opened(tmp_path / "out/400.jpg").size == (64, 48)


def test_a_graph_that_is_refused_for_every_picture_names_its_line(tmp_path: Path) -> None:
    chosen = jobs(tmp_path, 'filter = "crop"\nw = "nothing"', (400, 300), (90, 70))
    with pytest.raises(EnvironmentFault, match=r"own\.toml:3: crop.*FFmpeg refuses it"):
        convert(*chosen)


def test_a_decoder_that_ffmpeg_lacks_costs_the_photos_that_need_it(tmp_path: Path) -> None:
    chosen = jobs(tmp_path, 'filter = "hflip"', (400, 300), (90, 70))
    lacks = "echo \"[dec @ 0x1] [fatal] Unknown decoder 'libdav1d'\" >&2; exit 1"
    body = f'case "$*" in *%d*|*"/90.jpg"*) {lacks};; *) exec "$REAL" "$@";; esac'
    results = convert(*chosen, binary=fake_ffmpeg(tmp_path, body))
    assert {r.source.name: kind(r) for r in results} == {
        "400.jpg": None,
        "90.jpg": Kind.UNSUPPORTED,
    }
