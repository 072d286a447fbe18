"""Run Python programs that use ffprep; ask which processes are still running."""

import subprocess
import sys
import textwrap
from pathlib import Path

from tests.support.waiting import until


def program(code: str, cwd: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run a program, which must succeed and write nothing to stderr."""
    done = subprocess.run(
        [sys.executable, *flags, "-c", textwrap.dedent(code)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done


def children() -> set[str]:
    """Return the ids of the child processes of this process."""
    lists = Path("/proc/self/task").glob("*/children")
    return {pid for names in lists for pid in names.read_text().split()}


def alive(pid: int) -> bool:
    """Return whether a process is running; one that has ended but was not collected is not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def until_ended(*pids: int) -> None:
    """Wait until none of these processes is running."""
    until(lambda: not any(map(alive, pids)))


def pid_in(path: Path) -> int:
    """Wait until a process has written its id, with a newline, to a file."""
    until(lambda: path.exists() and path.read_text().endswith("\n"))
    return int(path.read_text())
