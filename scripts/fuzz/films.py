"""Small sound films in every container and codec that ffprep reads, for the fuzzer to break."""

import subprocess
import tempfile
from pathlib import Path

from ffprep.conversion.ffmpeg_binary import find
from scripts.fuzz.seeds import Seed

_SOURCE = "testsrc2=s=64x48:r=20:d=0.3"
_KINDS = (
    ("mp4", ".mp4", "-c:v libx264 -g 3 -bf 1 -pix_fmt yuv420p"),
    ("mp4", ".mp4", "-c:v libx264 -movflags +frag_keyframe+empty_moov -pix_fmt yuv420p"),
    ("mp4", ".mp4", "-c:v libx265 -x265-params log-level=none -pix_fmt yuv420p"),
    ("mp4", ".mov", "-c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le"),
    ("mp4", ".mov", "-c:v mjpeg -pix_fmt yuvj420p"),
    ("matroska", ".webm", "-c:v libvpx-vp9 -cpu-used 8 -pix_fmt yuv420p"),
    ("matroska", ".webm", "-c:v libvpx-vp9 -cpu-used 8 -pix_fmt yuva420p -auto-alt-ref 0"),
    ("matroska", ".webm", "-c:v libvpx -cpu-used 8 -pix_fmt yuv420p"),
    ("matroska", ".mkv", "-c:v libaom-av1 -cpu-used 8 -pix_fmt yuv420p"),
    ("avi", ".avi", "-c:v mpeg4"),
    ("avi", ".avi", "-c:v mjpeg -pix_fmt yuvj422p"),
    ("gif", ".gif", ""),
)


def films() -> list[Seed]:
    """Return a film of each kind."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for container, suffix, options in _KINDS:
            path = Path(folder, f"film{suffix}")
            argv = [find().path, "-v", "error", "-y", "-f", "lavfi", "-i", _SOURCE]
            subprocess.run([*argv, *options.split(), str(path)], check=True)
            name = f"{suffix[1:]} {options}".strip()
            found.append(Seed(name, container, suffix, path.read_bytes()))
    return found
