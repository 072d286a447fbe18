"""What `ffprep --version` prints. No program is run for it, and of Pillow only `__init__`."""

import os
import sys

from ffprep.version import __version__, embedded_ffmpeg


def version_lines() -> list[str]:
    """Return lines with the versions of ffprep, ffmpeg, Pillow, Python and the platform."""
    system = os.uname()
    return [
        f"ffprep {__version__}",
        f"ffmpeg {_ffmpeg()}",
        f"Pillow {_pillow()}",
        f"Python {sys.version.split()[0]}",
        f"{system.sysname} {system.release} {system.machine}",
    ]


def _ffmpeg() -> str:
    """Return the version of the embedded ffmpeg, or the path of another one, which is not run."""
    if named := os.environ.get("FFPREP_FFMPEG"):
        return f"of FFPREP_FFMPEG: {named}"
    found = embedded_ffmpeg()
    return f"{found[1]} (embedded)" if found else "of the system: see ffprep doctor"


def _pillow() -> str:
    try:
        import PIL

        return PIL.__version__
    except Exception:  # a broken installation is reported by the commands that need it
        return "is not installed properly: see ffprep doctor"
