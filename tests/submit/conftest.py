"""Photos to submit."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fork_server import ForkServer
from tests.support.pictures import ramp


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    ramp(1600, 1200).save(tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of four photos, two of them in a subfolder."""
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    for number, name in enumerate(["a.jpg", "b.png", "trip/c.jpg", "trip/d.webp"]):
        ramp(1300 + number, 800).save(folder / name)
    return folder


@pytest.fixture(scope="session")
def fork_server(fork_server: ForkServer | None) -> Iterator[ForkServer | None]:
    """Return a server that has imported the slow openai package too."""
    if not fork_server:
        yield None
        return
    server = ForkServer("openai")
    yield server
    server.close()
