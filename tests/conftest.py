"""Fixtures of all tests: the command line as a user calls it, a home folder, a video service."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from ffprep.system import files
from tests.support import pages
from tests.support.command_line import Ran
from tests.support.fork_server import ForkServer
from tests.support.pages import Page

if TYPE_CHECKING:
    from tests.support.standin import Standin

# The tests may run under make. Those about make set their own flags.
os.environ.pop("MAKEFLAGS", None)
# Hundreds of processes import the same modules: compile them once.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
# Shells start background jobs with SIGINT ignored, nohup ignores SIGHUP, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
# A busy machine may take any time to draw an example, and to try it.
settings.register_profile("any-time", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-time")


@pytest.fixture(autouse=True)
def open_files_reach_ffmpeg() -> Iterator[None]:
    """Forget that the fake ffmpeg of a test could not open what this process holds open."""
    yield
    files._unseen.clear()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty home folder, so that no configuration of the user applies."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / ".config"))
    monkeypatch.delenv("FFPREP_FFMPEG", raising=False)
    return folder


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer | None]:
    if os.environ.get("FFPREP_TESTS_FORK") == "0":
        yield None
        return
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture
def ffprep(home: Path, fork_server: ForkServer | None) -> Callable[..., Ran]:
    """Return a function that runs the command line in a process of its own."""

    def run(*arguments: object, stdin: bytes | None = b"", **options: Any) -> Ran:
        words = [a if isinstance(a, bytes) else str(a) for a in arguments]
        environment = options.get("env") or dict(os.environ)
        simple = stdin is not None and not set(options) - {"cwd", "env"}
        if fork_server and simple and fork_server.can_run(environment):
            code, out, err = fork_server.run(words, stdin, options.get("cwd"), environment)
            return Ran(code, out, err.decode(errors="surrogateescape"))
        argv = [sys.executable, "-m", "ffprep", *words]
        done = subprocess.run(argv, capture_output=True, input=stdin, timeout=300, **options)
        return Ran(done.returncode, done.stdout, done.stderr.decode(errors="surrogateescape"))

    return run


@pytest.fixture
def follow(home: Path, fork_server: ForkServer | None) -> Callable[..., list[str]]:
    """Return a function that runs a page, with the command line in forked processes."""

    def run(page: Page, folder: Path, replaced: Any = None, programs: Any = None) -> list[str]:
        forked = {"ffprep": fork_server.program()} if fork_server else {}
        return pages.follow(page, folder, replaced or {}, forked | (programs or {}))

    return run


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch) -> "Iterator[Standin]":
    """Return a video service on loopback, which the openai SDK finds by the environment."""
    from tests.support.standin import Standin

    with Standin() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running
