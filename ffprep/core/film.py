"""Films as sources: the containers that ffprep reads, and which frame of a film it converts."""

import math
import os
import re
from typing import Self

from ffprep.core.formats import SUFFIXES
from ffprep.errors import UsageError
from ffprep.record import Record

DECODERS = tuple("h264 hevc libdav1d libaom-av1 av1 vp8 vp9 mpeg4 mjpeg prores dnxhd gif".split())
"""FFmpeg's decoders of what cameras, phones and video models record; it may use no others."""

SUFFIXES_READ = frozenset(".mp4 .m4v .mov .qt .3gp .3g2 .mkv .webm .avi .gif".split())
"""The suffixes of films that ffprep reads."""


class Container(Record):
    """A container of films, and a usual suffix. `demuxer` is FFmpeg's; no other may read it."""

    name: str
    suffix: str
    demuxer: str
    magic: re.Pattern[bytes]


CONTAINERS = tuple(
    Container(name, suffix, demuxer, re.compile(magic, re.DOTALL))
    for name, suffix, demuxer, magic in (
        ("mp4", ".mp4", "mov", rb".{4}(?:ftyp|moov|mdat|wide|free|skip|pnot)"),
        ("matroska", ".mkv", "matroska", rb"\x1aE\xdf\xa3"),
        ("avi", ".avi", "avi", rb"RIFF.{4}AVI "),
        ("gif", ".gif", "gif", rb"GIF8[79]a"),
    )
)


def sniff_film(head: bytes) -> Container | None:
    """Return the container of a file by its first `HEAD_BYTES` bytes; None if it is none of them.

    Pictures such as HEIC have containers of the same kind, so `formats.sniff` is to be asked first.
    """
    return next((each for each in CONTAINERS if each.magic.match(head)), None)


def may_be_film(name: str) -> bool:
    """Return whether a file with this name may be a film; other names are those of photos."""
    suffix = os.path.splitext(name)[1].lower()
    return suffix not in SUFFIXES or suffix in SUFFIXES_READ


def has_film_suffix(name: str) -> bool:
    """Return whether a file is a film by its suffix."""
    return os.path.splitext(name)[1].lower() in SUFFIXES_READ


class FilmFrame(Record):
    """Which frame of a film is converted: the one that is shown at `seconds`; if None, the last."""

    seconds: float | None

    @property
    def words(self) -> str:
        """The frame in words."""
        if not self.seconds:
            return "the last frame" if self.seconds is None else "the first frame"
        return f"the frame at {self.seconds:g} s"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `first`, `last`, or seconds. Raises UsageError."""
        if text in ("first", "last"):
            return cls(0.0 if text == "first" else None)
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds < math.inf:
            raise UsageError(f"{text!r} is not a frame; write first, last, or seconds such as 2.5")
        return cls(seconds)
