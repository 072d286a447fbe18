"""What the tests share: the command line as a user calls it, and photos that tell where they came from."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

if TYPE_CHECKING:
    from standin import Standin

PHOTOS = Path(os.environ["FFPREP_PHOTOS"]) if os.environ.get("FFPREP_PHOTOS") else None
# Of the make that runs these tests; those that are about make set their own.
os.environ.pop("MAKEFLAGS", None)

needs_photos = pytest.mark.skipif(
    PHOTOS is None, reason="FFPREP_PHOTOS names no folder with real photos"
)


@dataclass(frozen=True)
class Ran:
    code: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The JSON objects of stdout, one a line."""
        return [json.loads(line) for line in self.out.decode("ascii").splitlines()]

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        """The results of a --json run by their source's file name."""
        return {os.path.basename(d["source"]): d for d in self.lines if "source" in d}

    @property
    def summary(self) -> dict[str, Any]:
        return self.lines[-1]["summary"]

    def kinds(self) -> dict[str, str]:
        """The kinds of what failed, by file name."""
        failed = {name: d["error"] for name, d in self.results.items() if d["error"]}
        return {name: error["kind"] for name, error in failed.items()}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, so that the user's own modes take no part."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / ".config"))
    monkeypatch.delenv("FFPREP_FFMPEG", raising=False)
    return folder


@pytest.fixture
def ffprep(home: Path) -> Callable[..., Ran]:
    """Call the command line in a process of its own, as a user or cron does."""

    def run(*arguments: object, stdin: bytes | None = b"", **options: Any) -> Ran:
        argv = [sys.executable, "-m", "ffprep"]
        argv += [a if isinstance(a, bytes) else str(a) for a in arguments]  # type: ignore[misc]
        done = subprocess.run(argv, capture_output=True, input=stdin, timeout=300, **options)
        return Ran(done.returncode, done.stdout, done.stderr.decode(errors="surrogateescape"))

    return run


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch) -> "Iterator[Standin]":
    """A video service on loopback, which the openai SDK finds by the environment."""
    from standin import Standin

    with Standin() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


def coordinates(width: int, height: int) -> Image.Image:
    """A picture whose pixels tell where they are: red is x, green is y, blue their high bits."""
    picture = Image.new("RGB", (width, height))
    picture.putdata(
        [
            (x % 256, y % 256, (x // 256) * 16 + y // 256)
            for y in range(height)
            for x in range(width)
        ]
    )
    return picture


def ramp(width: int, height: int) -> Image.Image:
    """Smooth in x (red), in y (green) and across (blue): a shift or a mirror shows at any scale."""
    x = Image.linear_gradient("L").rotate(90).resize((width, height), Image.Resampling.BILINEAR)
    y = Image.linear_gradient("L").resize((width, height), Image.Resampling.BILINEAR)
    return Image.merge("RGB", (x, y, Image.blend(x, y.transpose(Image.Transpose.ROTATE_180), 0.5)))


def opened(path: Path) -> Image.Image:
    """Decode a picture whole."""
    with Image.open(path) as image:
        image.load()
        return image.copy()


def psnr(a: Image.Image, b: Image.Image) -> float:
    """Peak signal-to-noise ratio in dB of two pictures of one size and mode; 99 if they are equal."""
    import numpy as np

    assert (a.size, a.mode) == (b.size, b.mode)
    error = np.mean((np.asarray(a, dtype=float) - np.asarray(b, dtype=float)) ** 2)
    return 99.0 if error == 0 else float(10 * np.log10(255**2 / error))
