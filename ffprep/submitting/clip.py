"""The clip that comes back: that it is one, and whole, before it has its name."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from ffprep.errors import FfprepError
from ffprep.files import Stamp
from ffprep.job import Policy
from ffprep.outputs import replacing
from ffprep.processes import Limits, Processes
from ffprep.spec import Size
from ffprep.submitting.refusals import JobError, Trouble
from ffprep.temporaries import sweep

_VIDEO = re.compile(r"Stream #0:\d+.*?: Video: .*?, (\d+)x(\d+)[ ,]")
_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip that has its name; `size` is None where ffmpeg does not tell."""

    stamp: Stamp
    size: Size | None
    warnings: tuple[str, ...]


def publish(data: bytes, output: Path, asked: Size | None, ffmpeg: str | None) -> Clip:
    """Write a clip, if it is one. Raises JobError where it is none, else as `outputs.replacing` does."""
    require_whole(data)
    sweep(os.fspath(output.parent))  # what a killed run has left
    with replacing(output) as temporary:
        temporary.write_bytes(data)
        size, warnings = _looked_at(temporary, asked, ffmpeg)
        stamp = Stamp.of(temporary)
    return Clip(stamp, size, tuple(warnings))


def require_whole(data: bytes) -> None:
    """Raise JobError for what is no whole MP4 (ISO/IEC 14496-12: boxes, each with its length, up to the end)."""
    if not data:
        raise _no_clip("is empty")
    if data[4:8] != b"ftyp":
        raise _no_clip(f"is no MP4, but {_beginning(data)}")
    place, kinds = 0, set[bytes]()
    while place < len(data):
        length, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        if length == 1:
            length = int.from_bytes(data[place + 8 : place + 16], "big")
        elif length == 0:  # up to the end
            length = len(data) - place
        if length < 8 or place + length > len(data):
            raise _no_clip(f"is cut off after {len(data)} bytes")
        kinds.add(kind)
        place += length
    if b"moov" not in kinds:
        raise _no_clip("has no index, and no player would show it")


def _beginning(data: bytes) -> str:
    text = " ".join(data[:80].decode(errors="replace").split())
    told = text.isprintable() and "\ufffd" not in text
    return f"begins {text}" if told else "something else"


def _no_clip(words: str) -> JobError:
    return JobError(Trouble.CLIP, f"what was downloaded {words}")


def _looked_at(path: Path, asked: Size | None, ffmpeg: str | None) -> tuple[Size | None, list[str]]:
    """Its size, and what is odd about it, by decoding it whole."""
    from ffprep.ffmpeg import find

    policy = Policy()
    argv = [find(ffmpeg).path, "-hide_banner", "-nostdin", "-nostats", "-xerror"]
    argv += ["-protocol_whitelist", "file", "-f", "mov", "-i", f"file:{path}"]
    argv += ["-map", "0:v:0", "-f", "null", "-"]
    try:
        with Processes().start(argv, Limits(policy.max_memory, 0)) as running:
            status = running.wait_at_most(_SECONDS)
    except (OSError, FfprepError):
        return None, ["the clip was not decoded, since ffmpeg could not be run"]
    found = _VIDEO.search(running.log)
    size = Size(int(found[1]), int(found[2])) if found else None
    if status != 0:
        last = running.log.strip().splitlines()[-1:] or ["no reason"]
        return size, [f"the clip is whole, but ffmpeg cannot decode it ({last[0]})"]
    wrong = size != asked and size and asked
    return size, [f"the clip is {size}, and {asked} was asked for"] if wrong else []
