"""Programs in the place of ffmpeg, for what the real one cannot be made to do."""

from pathlib import Path

from ffprep.conversion.ffmpeg_binary import Binary, find

INPUTS = 'for word; do readlink "${word#file:}" || echo "$word"; done'
"""For the script of a fake ffmpeg: print its arguments, with the names of open files."""


def script(path: Path, body: str, shell: str = "/bin/sh") -> str:
    """Write an executable shell script and return its path."""
    path.write_text(f"#!{shell}\n{body}\n")
    path.chmod(0o755)
    return str(path)


def fake_ffmpeg(folder: Path, body: str) -> Binary:
    """Return a bash script as an ffmpeg.

    $out is the file that it should write, $REAL the real ffmpeg, $HERE the folder. The variables of
    this process do not reach it.
    """
    parse = f'REAL="{find().path}" HERE="{folder}"\nfor out; do :; done; out="${{out#file:}}"'
    return Binary(script(folder / "fake-ffmpeg", f"{parse}\n{body}", "/bin/bash"), "9.9")


def slow_ffmpeg(folder: Path) -> str:
    """Return the real ffmpeg, which begins each photo after ten minutes."""
    real = find().path
    body = f'[ "$1" = -version ] && exec {real} -version\nsleep 600\nexec {real} "$@"'
    return script(folder / "slow", body)
