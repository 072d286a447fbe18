"""When a photo was taken, for names of outputs: read from EXIF without decoding anything.

The directories of EXIF are read where they lie in the file, with the limits of `chunks`.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Self

from ffprep.core.formats import HEAD_BYTES, sniff
from ffprep.image.chunks import (
    SOS,
    directories,
    iso_boxes,
    jpeg_segments,
    png_chunks,
    read_at,
    riff_chunks,
)
from ffprep.image.formats.heif import read_index
from ffprep.record import Record
from ffprep.system.files import open_regular

_EXIF, _ORIGINAL, _DIGITIZED = 0x8769, 0x9003, 0x9004
_APP1, _MARK = 0xE1, b"Exif\0\0"
_HEADER = 1 << 16


class Taken(Record):
    """When a photo was taken, in the three texts of EXIF 2.32 (4.6.6).

    `date` is `YYYY:MM:DD HH:MM:SS`, with blanks for an unknown time; `subseconds` are the digits
    behind the point; `offset` is that of the local time from UTC, `+HH:MM`. Empty is unknown.
    """

    date: str
    subseconds: str = ""
    offset: str = ""

    @classmethod
    def parse(cls, text: str, subseconds: str = "", offset: str = "") -> Self | None:
        """Read a date as EXIF, ISO 8601 or IPTC writes it; None if the text has none.

        `subseconds` and `offset` are used if the text itself has none.
        """
        match = _DATE.match(text.strip())
        if not match:
            return None
        year, month, day, hour, minute, second, fraction, zone = match.groups()
        time = f"{hour or '00'}:{minute or '00'}:{second or '00'}"
        try:
            datetime.fromisoformat(f"{year}-{month}-{day} {time}")
        except ValueError:  # 0000:00:00, from a camera whose clock was never set
            return None
        if hour is None:
            return cls(f"{year}:{month}:{day}   :  :  ")
        fraction = _matched(r"[0-9]{1,9}", fraction or subseconds)
        return cls(f"{year}:{month}:{day} {time}", fraction, _offset(zone or offset))


_ZONE = r"Z|[+-][01][0-9]:?[0-5][0-9]"
_DATE = re.compile(
    r"([0-9]{4})[:/-]?([0-9]{2})[:/-]?([0-9]{2})"
    r"(?:[ T]?([0-9]{2}):?([0-9]{2})(?::?([0-9]{2}))?(?:\.([0-9]+))?)?"
    rf"\s*({_ZONE})?"
)


def _offset(zone: str) -> str:
    zone = _matched(_ZONE, zone)
    return "+00:00" if zone == "Z" else zone and f"{zone[:3]}:{zone[-2:]}"


def _matched(pattern: str, text: str) -> str:
    match = re.match(pattern, text.strip())
    return match[0] if match else ""


class CaptureDate(datetime):
    """A date that is formatted as a day, unless a format says more."""

    def __format__(self, format: str) -> str:
        return super().__format__(format or "%Y-%m-%d")


ReadDate = Callable[[str, int], CaptureDate | None]
"""As `exif_date`."""


def capture_date(path: str, read: ReadDate | None = None) -> CaptureDate:
    """Return the date that EXIF has, by the camera's clock; else the file's modification time.

    That is in local time. The date of a file that does not exist is in 1970. `read` replaces
    `exif_date`.
    """
    try:
        found = os.stat(path)
        return (read or exif_date)(path, found.st_mtime_ns) or CaptureDate.fromtimestamp(
            found.st_mtime
        )
    except (OSError, ValueError, OverflowError):
        return CaptureDate(1970, 1, 1)


@lru_cache(maxsize=1024)
def exif_date(path: str, modified: int) -> CaptureDate | None:
    """Return the date in a file that was `modified` then, in nanoseconds; None if it has none.

    Names are made twice, and a photo may have several outputs.
    """
    with suppress(Exception), open_regular(Path(path)) as file:  # metadata may be broken
        return _date(file)
    return None


def _date(file: BinaryIO) -> CaptureDate | None:
    """Return the first date of the EXIF in a file."""
    for start in _places(file):
        if first := next(directories(file, start), None):
            exif = first.below(_EXIF) or first  # Canon's CR3 has this directory alone
            for tag in (_ORIGINAL, _DIGITIZED):
                if date := _parsed(exif.text(tag)):
                    return date
    return None


def _places(file: BinaryIO) -> Iterator[int]:
    """Yield where EXIF begins in a file: at the byte order mark of its TIFF."""
    head = file.read(HEAD_BYTES)
    format = sniff(head)
    name = format.name if format else ""
    if name == "jpeg":
        yield from _in_jpeg(file, 0)
    elif name == "png":
        yield from (file.tell() for chunk, _ in png_chunks(file) if chunk == b"eXIf")
    elif name == "webp":
        yield from _in_webp(file)
    elif name in ("heic", "avif"):
        yield from _in_heif(file)
    elif name == "jpegxl":
        boxes = (name for name, _, _ in iso_boxes(file))
        yield from (_behind_offset(file, file.tell()) for name in boxes if name == b"Exif")
    elif head.startswith(b"FUJIFILMCCD-RAW"):
        yield from _in_jpeg(file, int.from_bytes(read_at(file, 84, 4), "big"))
    elif name == "raw" and head[4:8] == b"ftyp":
        yield read_at(file, 0, _HEADER).find(b"CMT2") + 4
    elif name in ("tiff", "raw"):
        yield 0


def _in_jpeg(file: BinaryIO, start: int) -> Iterator[int]:
    data = read_at(file, start, _HEADER)
    for marker, place, _ in jpeg_segments(data):
        if marker == SOS:
            return
        if marker == _APP1 and data.startswith(_MARK, place + 4):
            yield start + place + 4 + len(_MARK)


def _in_webp(file: BinaryIO) -> Iterator[int]:
    for name, _ in riff_chunks(file):
        if name == b"EXIF":
            place = file.tell()
            yield place + (len(_MARK) if file.read(len(_MARK)) == _MARK else 0)


def _in_heif(file: BinaryIO) -> Iterator[int]:
    index = read_index(file)
    for item in index.items.values() if index else ():
        if item.type == b"Exif" and item.extents:
            yield _behind_offset(file, item.extents[0][0])


def _behind_offset(file: BinaryIO, place: int) -> int:
    """Return where TIFF begins in a block that says so in its first four bytes."""
    return place + 4 + int.from_bytes(read_at(file, place, 4), "big")


def _parsed(text: str) -> CaptureDate | None:
    taken = Taken.parse(text)
    if taken is None:
        return None
    day, time = taken.date[:10].replace(":", "-"), taken.date[10:].strip(" :")
    return CaptureDate.fromisoformat(f"{day} {time or '00:00:00'}")
