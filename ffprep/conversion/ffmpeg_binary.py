"""The ffmpeg binary: which one, and which version."""

import importlib.util
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from ffprep.errors import EnvironmentFault, reason
from ffprep.system.processes import answer

OLDEST = (9, 0)
"""The oldest version ffprep works with: the graphs negotiate colour by options that older ones lack
(5.1, 7.0), and those read one tile of a HEIC as the whole picture."""

_VERSION = re.compile(r"ffmpeg version (?:n)?(\S+)")


@dataclass(frozen=True, slots=True)
class Binary:
    """An ffmpeg that was asked its version. `version` is its own word, such as `9.0.2-17-g2a571b6`.

    The `embedded` one came with ffprep, so that what it gets wrong is ffprep's own fault.
    """

    path: str
    version: str
    embedded: bool = False


def find(path: str | None = None) -> Binary:
    """The ffmpeg to use: `path`, else FFPREP_FFMPEG, else the one imageio-ffmpeg brings.

    Raises EnvironmentFault when there is none or it is of no use.
    """
    path = path or os.environ.get("FFPREP_FFMPEG")
    if not path and (embedded := _embedded()):
        return embedded
    return _asked(path or _installed())


def _embedded() -> Binary | None:
    """The binary that imageio-ffmpeg brings.

    Its name tells its version: asking it would cost 15 ms, and the import, with a trial run, 60.
    """
    package = importlib.util.find_spec("imageio_ffmpeg")
    for folder in (package and package.submodule_search_locations) or ():
        for path in sorted(Path(folder, "binaries").glob("ffmpeg-*")):
            match = re.search(r"-v(\d+\.\d+\S*)$", path.name.removesuffix(".exe"))
            if match and os.access(path, os.X_OK) and "IMAGEIO_FFMPEG_EXE" not in os.environ:
                return replace(_required(str(path), match[1]), embedded=True)
    return None


def _installed() -> str:
    """What imageio-ffmpeg finds where it brings none: a system's or a conda environment's."""
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise EnvironmentFault(f"no ffmpeg was found: {error}") from None


def _asked(path: str) -> Binary:
    try:
        answered = answer([path, "-version"], seconds=30)
    except (OSError, ValueError) as error:
        raise EnvironmentFault(
            f"{path} cannot be run as ffmpeg ({reason(error)}); name another one with --ffmpeg or "
            "FFPREP_FFMPEG, or leave both out to use the embedded one"
        ) from None
    match = _VERSION.match(answered)
    if not match:
        raise EnvironmentFault(f"{path} does not answer like ffmpeg: it prints no version")
    return _required(path, match[1])


def _required(path: str, version: str) -> Binary:
    number = re.match(r"(\d+)\.(\d+)", version)
    # A build from FFmpeg's development branch has no number, and is newer than any release.
    if number and (int(number[1]), int(number[2])) < OLDEST:
        raise EnvironmentFault(
            f"{path} is ffmpeg {version}, and ffprep needs {OLDEST[0]}.{OLDEST[1]} or newer (for colour "
            "negotiation and whole HEIC pictures); leave out --ffmpeg and FFPREP_FFMPEG to use the embedded one"
        )
    return Binary(path, version)
