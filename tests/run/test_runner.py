from pathlib import Path

from ffprep.config.modes import find_mode
from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.geometry import Size
from ffprep.core.spec import Spec
from ffprep.library.plan import Plan
from ffprep.library.request import Rendition, Request
from ffprep.run.convert_options import ConvertOptions, WorkerOptions
from ffprep.run.runner import Run
from tests.support.pictures import ramp


def test_a_run_tells_every_photo_once(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(70):
        ramp(20 + number, 20).save(tmp_path / f"in/{number}.png")
    (tmp_path / "in/0.jpg").write_text("no picture")
    request = Request(
        (tmp_path / "in",), tmp_path / "out", (Rendition(Spec(Size(9, 9), find_mode("pad"))),)
    )
    plan = Plan.of(request)
    options = ConvertOptions(request, workers=WorkerOptions(jobs=2))
    results = list(Run(options, Converter(find(), options.policy), plan, print).results())
    assert plan.total == len(results) == len({r.source for r in results}) == 71
    assert {r.source.name for r in results if r.failure} == {"0.jpg", "0.png"}
    assert len(list((tmp_path / "out").iterdir())) == 69
