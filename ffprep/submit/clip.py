"""The clip that comes back: that it is one, and whole, before it has its name."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ffprep.core.geometry import Size
from ffprep.core.policy import Policy
from ffprep.errors import FfprepError
from ffprep.submit.credentials import Credentials
from ffprep.submit.errors import FailureKind, JobError
from ffprep.system.files import FileStamp
from ffprep.system.processes import Limits, Processes
from ffprep.system.tempfiles import replacing, sweep

_VIDEO = re.compile(r"Stream #0:\d+.*?: Video: .*?, (\d+)x(\d+)[ ,]")
_TIME = re.compile(r"time=(\d+):(\d\d):(\d\d\.\d+)")
_SECONDS = 120.0
_HEAD = 4096
_WRONG = re.compile("rror|nvalid|ailed|corrupt|missing|not found|no decoder|partial|truncat")
_SHORT = 0.5
"""Of the length that was asked for: what has less is told, since some of it may be missing."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip that has its name; `size` is None where ffmpeg does not tell."""

    stamp: FileStamp
    size: Size | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for; nothing where it is not known any more."""

    size: Size | None
    seconds: int


def publish(
    data: bytes, output: Path, asked: Asked, ffmpeg: str | None, access: Credentials
) -> Clip:
    """Write a clip, if it is one. Raises JobError where it is none, else as `outputs.replacing` does."""
    require_whole(data, access)
    sweep(os.fspath(output.parent))  # what a killed run has left
    with replacing(output) as temporary:
        temporary.write_bytes(data)
        size, warnings = _looked_at(temporary, asked, ffmpeg)
        stamp = FileStamp.of(temporary)
    return Clip(stamp, size, tuple(warnings))


def require_whole(data: bytes, access: Credentials) -> None:
    """Raise JobError for what is no whole MP4 (ISO/IEC 14496-12: boxes, each with its length, up to the end)."""
    if not data:
        raise _no_clip("is empty")
    if data[4:8] != b"ftyp":
        raise _no_clip(f"is no MP4, but {_beginning(data, access)}")
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


def _beginning(data: bytes, access: Credentials) -> str:
    text = " ".join(data[:_HEAD].decode(errors="replace").split())
    text = access.hide(text)[:80]
    told = text.isprintable() and "\ufffd" not in text
    return f"begins {text}" if told else "something else"


def _no_clip(words: str) -> JobError:
    return JobError(FailureKind.CLIP, f"what was downloaded {words}")


def _looked_at(path: Path, asked: Asked, ffmpeg: str | None) -> tuple[Size | None, list[str]]:
    """Its size, and what is odd about it, by decoding it whole. Raises JobError where that cannot be done."""
    from ffprep.conversion.ffmpeg_binary import find

    policy = Policy()
    argv = [find(ffmpeg).path, "-hide_banner", "-nostdin", "-xerror"]
    argv += ["-protocol_whitelist", "file", "-f", "mov", "-i", f"file:{path}"]
    argv += ["-map", "0:v:0", "-f", "null", "-"]
    try:
        with Processes().start(argv, Limits(policy.max_memory, 0)) as running:
            status = running.wait_at_most(_SECONDS)
    except (OSError, FfprepError):
        return None, ["the clip was not decoded, since ffmpeg could not be run"]
    found = _VIDEO.search(running.log)
    size = Size(int(found[1]), int(found[2])) if found else None
    if status is None:
        return size, [f"the clip was not decoded whole, since that took over {_SECONDS:g} s"]
    if status and re.search("Decoder .*not found|Unknown decoder|none: no decoder", running.log):
        return size, ["the clip was not decoded, since this ffmpeg has no decoder for it"]
    if status:
        raise _no_clip(f"cannot be decoded ({_reason(running.log)})")
    return size, list(_odd(size, _length(running.log), asked))


def _odd(size: Size | None, seconds: float, asked: Asked) -> Iterator[str]:
    if size and asked.size and size != asked.size:
        yield f"the clip is {size}, and {asked.size} was asked for"
    if 0 < seconds < asked.seconds * _SHORT:
        yield f"the clip has {seconds:.1f} s, and {asked.seconds} were asked for"


def _length(log: str) -> float:
    """Seconds that were decoded, as ffmpeg tells it last; 0 where it does not."""
    told = _TIME.findall(log)[-1:] or [(0, 0, 0)]
    ((hours, minutes, seconds),) = told
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _reason(log: str) -> str:
    """What ffmpeg says was wrong first."""
    lines = [line.strip() for line in log.replace("\r", "\n").splitlines()]
    telling = [
        re.sub(r"^(\[[^]]*\] *)+", "", line).rstrip(".") for line in lines if _WRONG.search(line)
    ]
    return telling[0] if telling else "ffmpeg gives no reason"
