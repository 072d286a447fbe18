"""The examples of docs/guide/models.md and docs/guide/submit.md, run with a stand-in service."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pages import Page, run_python
from tests.support.pictures import opened, ramp
from tests.support.standin import Standin

pytestmark = pytest.mark.slow

PAGE = Page("docs/guide/models.md")
# The SDK's words at each call about videos, since OpenAI's own service has ended.
ENDED = "ignore:The Sora API:DeprecationWarning"


@pytest.fixture
def desk(tmp_path: Path, home: Path) -> Path:
    """A folder with the reader's photos."""
    desk = tmp_path / "desk"
    (desk / "photos").mkdir(parents=True)
    ramp(4000, 3000).save(desk / "photo.jpg")
    ramp(1500, 2000).save(desk / "photos/tall.jpg")
    ramp(1600, 1200).save(desk / "photos/wide.png")
    return desk


@pytest.mark.filterwarnings(ENDED)
def test_the_error_of_the_page_is_the_error(desk: Path, standin: Standin) -> None:
    import openai

    with (
        (desk / "photo.jpg").open("rb") as photo,
        openai.OpenAI() as client,
        pytest.raises(openai.BadRequestError) as raised,
    ):
        client.videos.create(prompt="waves", size="1280x720", input_reference=photo)
    assert PAGE.blocks("")[0] == f"openai.BadRequestError: {raised.value}\n"
    assert PAGE.blocks("json")[0] == f"{raised.value.response.text}\n"


def as_a_reader(script: str, desk: Path, standin: Standin) -> None:
    """Run the commands of a page in order, with its placeholders filled in."""
    for said, meant in [
        ("https://videos.example.com", standin.address),
        ("http://localhost:8000", standin.address),
        ("https://NAME.openai.azure.com", standin.address),
        ("OPENAI_API_KEY=...", f"OPENAI_API_KEY={standin.key}"),
        ("video_123", "video_0001"),
        ("pip install", "true"),
    ]:
        script = script.replace(said, meant)
    bin = Path(sys.executable).parent
    ran = subprocess.run(
        ["/bin/sh", "-eux"],
        input=script,
        cwd=desk,
        env=os.environ | {"PATH": f"{bin}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert ran.returncode == 0, ran.stderr


def test_the_commands_of_the_page_work(ffprep, desk: Path, standin: Standin) -> None:
    standin.quick = True
    as_a_reader("".join(PAGE.blocks("sh")), desk, standin)
    sizes = {path.name: opened(path).size for path in desk.glob("*.jpg")}
    assert {name for name, size in sizes.items() if size == (1280, 720)} == {
        *("ready.jpg", "cut.jpg", "padded.jpg", "blurred.jpg", "part.jpg")
    }
    assert sizes["face.jpg"] == (720, 1280)
    assert opened(desk / "upright/tall.jpg").size == (720, 1280)
    clips = {str(path.relative_to(desk)) for path in desk.rglob("*.mp4")}
    single = {"clip.mp4", "later.mp4", "azure.mp4", "azure-part.mp4"}
    assert clips == single | {"clips/tall.mp4", "clips/wide.mp4"}
    assert standin.count("create") == len(clips)  # one was only fetched, and one made twice
    for command, shown in PAGE.sessions():
        program, *words = command.split()
        assert (program, ffprep(*words, cwd=desk).out.decode()) == ("ffprep", shown)


def test_the_commands_of_the_page_of_submit_work(desk: Path, standin: Standin) -> None:
    standin.quick = True
    as_a_reader("".join(Page("docs/guide/submit.md").blocks("sh")), desk, standin)
    assert {path.name for path in desk.rglob("*.mp4")} == {
        *("clip.mp4", "tall.mp4", "wide.mp4", "photo.mp4")
    }
    assert standin.count("create") == 4


@pytest.mark.parametrize("number", range(len(PAGE.blocks("python"))))
def test_the_programs_of_the_page_run(desk: Path, standin: Standin, number: int) -> None:
    run_python(PAGE.blocks("python")[number], desk, "-W", ENDED)
