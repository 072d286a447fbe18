"""Run Python programs that use ffprep; list the processes that are still running."""

import subprocess
import sys
import textwrap
from pathlib import Path


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
