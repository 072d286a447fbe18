import os
import signal
import stat
import time
from pathlib import Path

import pytest

from ffprep.errors import EnvironmentFault
from ffprep.ffmpeg import Processes, find


def run(argv: list[str], seconds: float, data: bytes | None = None) -> tuple[int | None, str]:
    """The status and the log of one process."""
    with Processes().start(argv, data) as running:
        status = running.wait_at_most(seconds)
    return status, running.log


def script(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_the_embedded_ffmpeg_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FFPREP_FFMPEG", raising=False)
    binary = find()
    assert "imageio_ffmpeg" in binary.path
    assert int(binary.version.split(".")[0]) >= 9


def test_the_environment_and_then_the_option_choose_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = script(tmp_path / "one", "echo ffmpeg version 10.1-one")
    two = script(tmp_path / "two", "echo ffmpeg version n9.5")
    monkeypatch.setenv("FFPREP_FFMPEG", one)
    assert find().version == "10.1-one"
    assert find(two).path == two


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("echo ffmpeg version 5.1.9-0+deb12u1", r"is ffmpeg 5\.1\.9.*needs 9\.0 or newer"),
        ("echo something else", "does not answer like ffmpeg"),
        ("exit 1", "does not answer like ffmpeg"),
    ],
)
def test_one_of_no_use_is_refused_in_a_sentence(tmp_path: Path, body: str, words: str) -> None:
    with pytest.raises(EnvironmentFault, match=words):
        find(script(tmp_path / "ffmpeg", body))


def test_one_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="cannot be run as ffmpeg"):
        find(str(tmp_path / "nothing"))


def test_a_development_build_is_taken(tmp_path: Path) -> None:
    path = script(tmp_path / "ffmpeg", "echo ffmpeg version N-120000-gabcdef")
    assert find(path).version == "N-120000-gabcdef"


def test_a_process_is_fed_and_heard() -> None:
    data = os.urandom(300_000)
    status, log = run(["sh", "-c", "wc -c >&2; exit 3"], 30, data)
    assert (status, log.strip()) == (3, "300000")


def test_endless_chatter_neither_blocks_nor_fills_memory() -> None:
    status, log = run(["sh", "-c", "head -c 30000000 /dev/zero >&2"], 60)
    assert (status, len(log)) == (0, 1 << 20)


def test_one_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    hang = f"trap '' TERM; sleep 600 & echo $! > {note}; wait"
    assert run(["sh", "-c", hang], 0.5)[0] is None
    assert not alive(int(note.read_text()))


def test_a_child_left_behind_is_ended_too(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    assert run(["sh", "-c", f"sleep 600 & echo $! > {note}"], 60)[0] == 0
    assert not alive(int(note.read_text()))


def test_a_crash_shows_its_signal() -> None:
    assert run(["sh", "-c", "kill -SEGV $$"], 30)[0] == -signal.SIGSEGV


def test_stop_ends_what_runs_and_what_is_started_then() -> None:
    processes = Processes()
    with processes.start(["sleep", "600"]) as running:
        assert not running.wait(0.1)
        processes.stop()
        assert running.wait_at_most(60) == -signal.SIGKILL
    with processes.start(["sleep", "600"]) as running:
        assert running.wait_at_most(60) == -signal.SIGKILL
    assert processes.stopped


def alive(pid: int) -> bool:
    """Whether a process runs; one that is dead but not collected by init does not."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        if state == "Z":
            return False
        time.sleep(0.02)
    return True
