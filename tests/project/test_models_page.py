"""docs/guide/models.md and docs/guide/submit.md, run with a stand-in service."""

from pathlib import Path

import pytest

from tests.support.pages import Page
from tests.support.pictures import opened, ramp
from tests.support.standin import Standin

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(tmp_path: Path, home: Path, standin: Standin) -> Path:
    """A folder with the reader's photos."""
    desk = tmp_path / "desk"
    (desk / "photos").mkdir(parents=True)
    ramp(4000, 3000).save(desk / "photo.jpg")
    ramp(1500, 2000).save(desk / "photos/tall.jpg")
    ramp(1600, 1200).save(desk / "photos/wide.png")
    standin.quick = True
    return desk


def placeholders(standin: Standin) -> dict[str, str]:
    """Return the placeholders of the pages, and what they are with the stand-in service."""
    hosts = ("https://videos.example.com", "http://localhost:8000", "https://NAME.openai.azure.com")
    return dict.fromkeys(hosts, standin.address) | {
        "OPENAI_API_KEY=...": f"OPENAI_API_KEY={standin.key}",
        "video_123": "video_0001",
    }


def test_the_page_of_models_works(follow, desk: Path, standin: Standin) -> None:
    follow(Page("docs/guide/models.md"), desk, placeholders(standin), {"pip": ""})
    sizes = {path.name: opened(path).size for path in desk.glob("*.jpg")}
    assert {name for name, size in sizes.items() if size == (1280, 720)} == {
        *("ready.jpg", "cut.jpg", "padded.jpg", "blurred.jpg", "part.jpg", "photo_1280x720.jpg")
    }
    assert sizes["face.jpg"] == (720, 1280)
    assert opened(desk / "upright/tall.jpg").size == (720, 1280)
    clips = {str(path.relative_to(desk)) for path in desk.rglob("*.mp4")}
    single = {"clip.mp4", "later.mp4", "azure.mp4", "azure-part.mp4"}
    assert clips == single | {"clips/tall.mp4", "clips/wide.mp4"}
    # One was only fetched, and one made three times: again, and with the SDK.
    assert standin.count("create") == len(clips) + 1


def test_the_page_of_submit_works(follow, desk: Path, standin: Standin) -> None:
    follow(Page("docs/guide/submit.md"), desk, placeholders(standin), {"pip": ""})
    assert {path.name for path in desk.rglob("*.mp4")} == {
        *("clip.mp4", "tall.mp4", "wide.mp4", "photo.mp4")
    }
    assert standin.count("create") == 4
