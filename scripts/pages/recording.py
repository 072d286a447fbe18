"""Record commands in a terminal, as an animated SVG that plays once.

The commands run in a pseudo-terminal; what they write is shown when they wrote it. Only the typing
is drawn. termtosvg renders the recording.
"""

import fcntl
import json
import os
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from ffprep.core.geometry import Size

_TEMPLATE = Path(__file__).with_name("terminal.svg")
_PROMPT = "\x1b[32m$\x1b[0m "
_KEY, _BEFORE, _AFTER = 0.035, 0.5, 1.0
_SHORTEST = 60  # ms: frames that follow each other faster are merged

Event = tuple[float, str]
"""Seconds since the event before, and what was written."""


def record(commands: Sequence[str], folder: Path, screen: Size, output: Path) -> None:
    """Run the commands in the folder, and write the recording of a screen of columns x rows."""
    cast = folder / "recording.cast"
    lines = [json.dumps({"version": 2, "width": screen.width, "height": screen.height})]
    seconds = 0.0
    for delay, text in _session(commands, folder, screen):
        seconds += delay
        lines.append(json.dumps([round(seconds, 3), "o", text]))
    cast.write_text("\n".join(lines), encoding="utf-8")
    render = ["render", str(cast), str(output), "-t", str(_TEMPLATE), "-m", str(_SHORTEST)]
    subprocess.run([sys.executable, "-m", "termtosvg", *render], check=True, capture_output=True)


def _session(commands: Sequence[str], folder: Path, screen: Size) -> Iterator[Event]:
    for command in commands:
        yield _AFTER, _PROMPT
        yield _BEFORE, ""
        for key in command:
            yield _KEY, key
        yield _BEFORE, "\r\n"
        yield from _written(command, folder, screen)
    yield _AFTER, _PROMPT


def _written(command: str, folder: Path, screen: Size) -> Iterator[Event]:
    """Run a command in a terminal, and yield what it writes."""
    reader, writer = os.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", screen.height, screen.width, 0, 0))
    env = os.environ | {"TERM": "xterm-256color", "COLUMNS": str(screen.width)}
    with subprocess.Popen(
        command, shell=True, cwd=folder, env=env, stdin=writer, stdout=writer, stderr=writer
    ):
        os.close(writer)
        last = time.monotonic()
        while written := _read(reader):
            now = time.monotonic()
            yield now - last, written.decode(errors="replace")
            last = now
    os.close(reader)


def _read(reader: int) -> bytes:
    """Return what was written since, or nothing once every writer has closed the terminal."""
    try:
        return os.read(reader, 1 << 16)
    except OSError:  # EIO, on Linux
        return b""
