"""A command on a terminal of its own, and what it wrote there."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Sequence
from pathlib import Path


def on_terminal(
    argv: Sequence[object],
    columns: int = 100,
    rows: int = 24,
    cwd: Path | None = None,
    **variables: str,
) -> tuple[int, str]:
    """Run a command on a terminal; return its exit code, and all that it wrote."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    environment |= {"TERM": "xterm", **variables}
    for name in ("COLUMNS", "LINES"):
        environment.pop(name, None)
    streams = {"stdin": follower, "stdout": follower, "stderr": follower}
    words = [str(word) for word in argv]
    process = subprocess.Popen(words, **streams, env=environment, cwd=cwd)
    os.close(follower)
    written = b""
    try:
        while chunk := os.read(leader, 4096):
            written += chunk
    except OSError:
        pass  # the terminal is gone with its last user
    os.close(leader)
    return process.wait(), written.decode()
