"""The examples of docs/operations/ledger.md."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.pages import Page
from tests.support.pictures import ramp

pytestmark = pytest.mark.slow

COMMANDS, QUERY, CLEAN = Page("docs/operations/ledger.md").blocks("sh")


@pytest.fixture
def folder(home: Path, tmp_path: Path) -> Path:
    """A folder with photos, one of them damaged."""
    folder = tmp_path / "reader"
    (folder / "photos").mkdir(parents=True)
    for name in ("one", "two", "three"):
        ramp(1600, 900).save(folder / f"photos/{name}.jpg")
    damaged = folder / "photos/three.jpg"
    damaged.write_bytes(damaged.read_bytes()[:-2000])
    return folder


def shell(command: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_commands_do_what_their_comments_say(folder: Path) -> None:
    first, again, totals, failed, warned, prune = COMMANDS.splitlines()
    assert (shell(first, folder).returncode, shell(again, folder).returncode) == (1, 1)
    told = shell(totals, folder).stdout
    assert told.startswith("ready: 2 outputs")
    assert "done: 0 converted, 2 fresh, 1 failed" in told
    assert "done: 2 converted, 0 fresh, 1 failed" in told
    (line,) = shell(failed, folder).stdout.splitlines()
    assert "three.jpg: damaged: " in line
    assert (shell(warned, folder).returncode, shell(warned, folder).stdout) == (0, "")
    (folder / "photos/two.jpg").unlink()
    assert "remove ready/two.jpg\n" in shell(prune, folder).stdout
    assert (folder / "ready/two.jpg").exists()
    shown, done = (shell(line, folder) for line in CLEAN.splitlines())
    assert shown.stdout == "rm -- ready/one.jpg\nrm -- ready/two.jpg\n"
    assert (done.returncode, list((folder / "ready").glob("*.jpg"))) == (0, [])


def test_the_ledger_can_be_queried(folder: Path) -> None:
    if not shutil.which("sqlite3"):
        pytest.skip("there is no sqlite3 command")
    shell(COMMANDS.splitlines()[0], folder)
    rows = [line.split("|") for line in shell(QUERY, folder).stdout.splitlines()]
    assert {name for name, _ in rows} == {"one.jpg", "two.jpg", "three.jpg"}
    seconds = [float(time) for _, time in rows]
    assert seconds == sorted(seconds, reverse=True)
