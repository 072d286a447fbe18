"""docs/models.md: what it shows is done here, from the error to the clip, against the stand-in for a service."""

import os
import subprocess
import sys
from pathlib import Path

import openai
import pytest
from conftest import opened, ramp
from pages import Page, run_python
from standin import Standin

PAGE = Page("docs/models.md")
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
    with (
        (desk / "photo.jpg").open("rb") as photo,
        openai.OpenAI() as client,
        pytest.raises(openai.BadRequestError) as raised,
    ):
        client.videos.create(prompt="waves", size="1280x720", input_reference=photo)
    assert PAGE.blocks("")[0] == f"openai.BadRequestError: {raised.value}\n"
    assert PAGE.blocks("json")[0] == f"{raised.value.response.text}\n"


def test_the_commands_of_the_page_work_one_after_the_other(
    ffprep, desk: Path, standin: Standin
) -> None:
    bin = Path(sys.executable).parent
    ran = subprocess.run(
        ["/bin/sh", "-eux"],
        input="".join(PAGE.blocks("sh")).replace("https://videos.example.com", standin.address),
        cwd=desk,
        env=os.environ | {"PATH": f"{bin}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    sizes = {path.name: opened(path).size for path in desk.rglob("*.jpg")}
    for name in ("ready", "cut", "padded", "blurred", "part"):
        assert sizes[f"{name}.jpg"] == (1280, 720)
    for command, shown in PAGE.sessions():
        program, *words = command.split()
        assert (program, ffprep(*words, cwd=desk).out.decode()) == ("ffprep", shown)


@pytest.mark.parametrize("number", range(len(PAGE.blocks("python"))))
def test_the_programs_of_the_page_run(desk: Path, standin: Standin, number: int) -> None:
    run_python(PAGE.blocks("python")[number], desk, "-W", ENDED)
