"""Command lines of `ffprep submit`, and the clips that come back."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.standin import Fault
from tests.support.standin_rules import Refusal

QUICK = ("--poll", "0.05")


def single(photo: Path, *options: object) -> list[str]:
    """Return the arguments for a single clip, c.mp4 beside the photo."""
    words = ["submit", photo, "--prompt", "w", "--size", "1280x720", *options]
    return [*map(str, words), "-o", str(photo.parent / "c.mp4"), *QUICK]


def clips(photos: Path, folder: Path) -> list[object]:
    """Return the arguments for the clips of a folder of photos."""
    return ["submit", photos, "-o", folder / "clips", "--size", "1280x720", "--prompt", "w"]


def start(*arguments: object, **options: Any) -> "subprocess.Popen[str]":
    """Start the command line, without waiting for its end."""
    argv = [sys.executable, "-m", "ffprep", *map(str, arguments)]
    return subprocess.Popen(argv, text=True, **options)


def clip_size(path: Path) -> tuple[int, int]:
    """Return the size at which a player shows a clip."""
    import imageio_ffmpeg

    reader = imageio_ffmpeg.read_frames(path)
    size: tuple[int, int] = next(reader)["size"]
    reader.close()
    return size


def refusal(status: int, message: str, code: str | None = None) -> Fault:
    """Return a fault that answers with an error as OpenAI writes it."""
    return Fault(status, Refusal(status, message, None, code).body)
