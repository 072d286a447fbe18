"""What the tests share: the command line as a user calls it, and photos that tell where they came from."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.command_line import Ran

if TYPE_CHECKING:
    from tests.support.standin import Standin

# Of the make that runs these tests; those that are about make set their own.
os.environ.pop("MAKEFLAGS", None)


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
    from tests.support.standin import Standin

    with Standin() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running
