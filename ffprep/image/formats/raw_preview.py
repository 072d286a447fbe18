"""The JPEG previews that cameras embed in their raws."""

import struct
from collections.abc import Iterable, Iterator, Sequence
from io import RawIOBase
from typing import Any, BinaryIO, cast

from ffprep.core.geometry import Size
from ffprep.image.formats.ifd import Directory, read_at
from ffprep.image.formats.tiff_kinds import COMPRESSION, PHOTOMETRIC, STRIP_BYTES, STRIP_OFFSETS
from ffprep.record import Record

# Tags of TIFF 6.0 and Panasonic's RW2; values of DNG 1.7.
_JPEG, _JPEG_BYTES, _PANASONIC_JPEG = 513, 514, 46
_JPEG_COMPRESSIONS = (6, 7)
_SENSOR = (32803, 34892)

_SOI = b"\xff\xd8\xff"
_FILL, _SOS, _EOI = 0xFF, 0xDA, 0xD9
_READABLE, _OTHER_FRAMES = (0xC0, 0xC1, 0xC2), (0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC))
_MOST_SEGMENTS, _MOST_FOUND = 300, 64
_PIECE = 1 << 20


class Preview(Record):
    """A JPEG within a file: the place of its first byte, and its bytes as far as they are known."""

    place: int
    bytes: int
    size: Size

    def within(self, file: BinaryIO) -> BinaryIO:
        """Return the JPEG as a file of its own, without a copy of its bytes."""
        return cast(BinaryIO, _Window(file, self.place, self.bytes))


class _Window(RawIOBase):
    """A part of a file as a file of its own."""

    def __init__(self, file: BinaryIO, place: int, length: int) -> None:
        self._file, self._start, self._at = file, place, 0
        self._length = max(0, min(length, file.seek(0, 2) - place))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(0, offset + (0, self._at, self._length)[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._start + self._at)
        data = self._file.read(max(0, min(len(buffer), self._length - self._at)))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def is_sensor_data(directory: Directory) -> bool:
    """Return whether a directory describes what a sensor recorded, which is not yet a picture."""
    return directory.number(PHOTOMETRIC) in _SENSOR


def previews(file: BinaryIO, found: Sequence[Directory], search: bool) -> list[Preview]:
    """Return the previews, largest first.

    With `search`, JPEGs count that stand anywhere in the file, if its directories name none.
    """
    places = dict(_named(found))
    seen = list(_sound(file, places.items()))
    if search and not seen:
        seen = list(_sound(file, ((place, _PIECE << 20) for place in _searched(file))))
    return sorted(seen, key=lambda preview: -preview.size.pixels)


def _named(found: Iterable[Directory]) -> Iterator[tuple[int, int]]:
    """Yield place and length of what directories call JPEGs."""
    for directory in found:
        if _JPEG in directory.entries:
            yield directory.number(_JPEG), directory.number(_JPEG_BYTES)
        if entry := directory.entries.get(_PANASONIC_JPEG):
            yield entry.place, entry.count
        strips = directory.numbers(STRIP_OFFSETS)
        is_jpeg = directory.number(COMPRESSION) in _JPEG_COMPRESSIONS
        if len(strips) == 1 and is_jpeg and not is_sensor_data(directory):
            yield strips[0], directory.number(STRIP_BYTES)


def _searched(file: BinaryIO) -> Iterator[int]:
    """Yield the places where a JPEG may begin."""
    start, before = 0, b""
    file.seek(0)
    count = 0
    while piece := file.read(_PIECE):
        data, place = before + piece, -1
        while (place := data.find(_SOI, place + 1)) >= 0 and count < _MOST_FOUND:
            after = file.tell()
            yield start - len(before) + place
            file.seek(after)
            count += 1
        start, before = start + len(piece), data[-2:]


def _sound(file: BinaryIO, places: Iterable[tuple[int, int]]) -> Iterator[Preview]:
    for place, length in places:
        if size := _jpeg_size(file, place):
            yield Preview(place, length, size)


def _jpeg_size(file: BinaryIO, place: int) -> Size | None:
    """Return the size of a JPEG that Pillow decodes; None for the lossless ones of sensors."""
    if read_at(file, place, 3) != _SOI:
        return None
    place += 2
    for _ in range(_MOST_SEGMENTS):
        head = read_at(file, place, 9)
        if len(head) < 9 or head[0] != _FILL or head[1] in (_SOS, _EOI, *_OTHER_FRAMES):
            return None
        if head[1] in _READABLE:
            depth, height, width = struct.unpack_from(">BHH", head, 4)
            return Size(width, height) if depth == 8 and width and height else None
        place += 1 if head[1] == _FILL else 2 + int.from_bytes(head[2:4], "big")
    return None
