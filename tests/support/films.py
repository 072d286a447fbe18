"""Films that FFmpeg makes of pictures."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ffprep.conversion.ffmpeg_binary import find


def film(path: Path, frames: Sequence[Image.Image]) -> Path:
    """Write frames as H.264, two a second; return the path."""
    with tempfile.TemporaryDirectory() as folder:
        for number, frame in enumerate(frames):
            frame.save(Path(folder, f"{number}.png"))
        argv = [find().path, "-v", "error", "-framerate", "2", "-i", f"{folder}/%d.png"]
        h264 = ["-c:v", "libx264", "-qp", "10", "-pix_fmt", "yuv420p"]
        subprocess.run([*argv, *h264, str(path)], check=True)
    return path
