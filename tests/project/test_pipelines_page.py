"""The examples of docs/guide/pipelines.md, with pipelines that only check what they are given."""

from pathlib import Path

import pytest

from tests.support.pages import ROOT, Page, run_python
from tests.support.pictures import opened, ramp

PAGE = Page("docs/guide/pipelines.md")


@pytest.fixture
def desk(tmp_path: Path, home: Path) -> Path:
    (tmp_path / "photos").mkdir()
    ramp(1999, 1501).save(tmp_path / "photo.jpg")
    ramp(1500, 2000).save(tmp_path / "photos/tall.jpg")
    ramp(1600, 1200).save(tmp_path / "photos/wide.png")
    return tmp_path


def test_the_programs_give_each_pipeline_a_picture_of_its_size(
    desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests/support/pipelines"))
    programs = PAGE.blocks("python")
    numbered = [each.replace("clip.mp4", f"clip{n}.mp4") for n, each in enumerate(programs)]
    run_python("".join(numbered), desk)
    sizes = [opened(clip).size for clip in sorted(desk.glob("clip*.mp4.png"))]
    assert sizes == [(832, 480), (704, 480), (720, 480), (1024, 576)]
    assert len(programs) == len(sizes) + 1  # the last one makes an array


def test_the_commands_fill_the_input_folder_of_comfyui(ffprep, desk: Path) -> None:
    commands = " ".join(PAGE.blocks("sh")).replace("\\\n", "").splitlines()
    for words in map(str.split, commands):
        if words[0] == "ffprep":
            ran = ffprep(*(word.strip("'") for word in words[1:]), cwd=desk)
            assert (ran.code, ran.out) == (0, b"")
    made = {p.relative_to(desk / "ComfyUI/input") for p in desk.glob("ComfyUI/input/*/*.png")}
    names = ("tall.png", "wide.png")
    assert made == {Path(f, name) for f in ("shop", "832x480", "480x832") for name in names}
    assert {opened(desk / "ComfyUI/input/shop" / name).size for name in names} == {(832, 480)}
