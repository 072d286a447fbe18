"""Find the ffmpeg binary and its version, and decode with it what Pillow does not read."""

import os
import re
from contextlib import suppress
from functools import cache
from pathlib import Path

from ffprep.core.image_info import ImageInfo
from ffprep.core.policy import Policy
from ffprep.errors import EnvironmentFault, reason
from ffprep.image.sandbox import DecoderPool, StandIn
from ffprep.record import Record, replace
from ffprep.system.files import held_path
from ffprep.system.processes import Processes, answer
from ffprep.version import embedded_ffmpeg

OLDEST = (9, 0)
"""The oldest version that ffprep works with: older ones lack options by which the filtergraphs
negotiate colour (5.1, 7.0), and read one tile of a HEIC as the whole picture."""

_VERSION = re.compile(r"ffmpeg version (?:n)?(\S+)")


class Binary(Record):
    """An ffmpeg and its `version`, as it prints it: `9.0.2-17-g2a571b6`, for example.

    The `embedded` one came with ffprep, so that its errors count as ffprep's own. `zscale` is false
    if it was built without zimg.
    """

    path: str
    version: str
    embedded: bool = False
    zscale: bool = True

    @property
    def opens_held_files(self) -> bool:
        """Whether it opens what this process holds open; a user's own may be in a container."""
        return self.embedded or _opens_held_files(self.path)


def find(path: str | None = None) -> Binary:
    """Return the ffmpeg to use: `path`, else FFPREP_FFMPEG, else the one of imageio-ffmpeg.

    Raises EnvironmentFault if there is none, or it is too old or not ffmpeg.
    """
    path = path or os.environ.get("FFPREP_FFMPEG")
    if not path and "IMAGEIO_FFMPEG_EXE" not in os.environ and (found := embedded_ffmpeg()):
        return replace(_required(*found), embedded=True)
    return _inspected(path or _installed())


def decoder_pool(processes: Processes, policy: Policy, binary: Binary | None = None) -> DecoderPool:
    """Return a DecoderPool that reads pictures of all formats, some of them by an ffmpeg."""

    def made(path: Path, picture: ImageInfo, whole: bool) -> StandIn:
        from ffprep.conversion.stand_in import stand_in

        return stand_in(binary or find(), processes, policy, path, picture, whole)

    return DecoderPool(processes, policy, made)


def _installed() -> str:
    """Return the ffmpeg of the system or the conda environment, as imageio-ffmpeg finds it."""
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise EnvironmentFault(
            f"no ffmpeg was found ({error}); install imageio-ffmpeg, or name one with --ffmpeg"
        ) from None


def _inspected(path: str) -> Binary:
    """Run an ffmpeg to learn its version. Raises EnvironmentFault."""
    try:
        output = answer([path, "-version"], seconds=30)
    except (OSError, ValueError) as error:
        raise EnvironmentFault(
            f"{path} cannot be run as ffmpeg ({reason(error)}); name another one with --ffmpeg or "
            "FFPREP_FFMPEG, or leave out both to use the embedded one"
        ) from None
    match = _VERSION.match(output)
    if not match:
        raise EnvironmentFault(
            f"{path} is not an ffmpeg, or lacks LD_LIBRARY_PATH, which ffprep does not hand on: it "
            "prints no version; name another one with --ffmpeg or FFPREP_FFMPEG, or a script that "
            "sets what it needs"
        )
    return replace(_required(path, match[1]), zscale="--enable-libzimg" in output)


@cache
def _opens_held_files(path: str) -> bool:
    """Try it: a container has its own /proc. Return true if that cannot be tried."""
    import tempfile

    content, name = "held", Path()
    with suppress(OSError), tempfile.TemporaryFile() as file:
        file.write(content.encode())
        file.flush()
        held = held_path(file.fileno(), name)
        argv = [path, "-v", "quiet", "-y", "-f", "data", "-i", f"file:{held}"]
        argv += ["-map", "0", "-c", "copy", "-f", "data", "/dev/stdout"]
        return held is name or content in answer(argv, seconds=30)
    return True


def _required(path: str, version: str) -> Binary:
    number = re.match(r"(\d+)\.(\d+)", version)
    # A build from FFmpeg's development branch has no number; it counts as newer than any release.
    if number and (int(number[1]), int(number[2])) < OLDEST:
        raise EnvironmentFault(
            f"{path} is ffmpeg {version}, and ffprep needs {OLDEST[0]}.{OLDEST[1]} or newer (for "
            "colour negotiation and whole HEIC pictures); leave out --ffmpeg and FFPREP_FFMPEG to "
            "use the embedded one"
        )
    return Binary(path, version)
