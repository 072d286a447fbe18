"""Read the directories of a TIFF, or of a camera raw that is structured like one.

Pillow opens one directory at a time, and only if it knows the kind of its pixels. Here are the tags
of all of them. The numbers in a file say only where to read: all counts are limited.
"""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

from ffprep.record import Record, field

_MOST_DIRECTORIES, _MOST_ENTRIES, _MOST_NUMBERS = 64, 1000, 1 << 16

# Field types of TIFF 6.0, BigTIFF and EXIF 3.0: those of unsigned integers, and the bytes of each
# value.
_INTEGERS = {1: "B", 3: "H", 4: "I", 7: "B", 13: "I", 16: "Q", 18: "Q"}
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_BYTES |= {13: 4, 16: 8, 17: 8, 18: 8, 129: 1}

_SUB_IFDS, _EXIF = 330, 0x8769
_TEXT, _LONGEST_TEXT = 2, 64


class Entry(Record):
    """One tag of a directory: `count` values of a field type, which begin at `place`."""

    type: int
    count: int
    place: int


class Directory(Record):
    """One directory. `start` is where its TIFF begins in the file, `index` its number in the chain.

    `index` is None for a SubIFD. `whole` is false if the file ends within it.
    """

    file: BinaryIO = field(repr=False)
    start: int
    order: str
    big: bool
    offset: int
    index: int | None
    following: int
    entries: dict[int, Entry]
    whole: bool = True

    def numbers(self, tag: int) -> tuple[int, ...]:
        """Return the integers of a tag, at most 65536; none if it is missing or broken."""
        entry = self.entries.get(tag)
        if entry is None or entry.type not in _INTEGERS:
            return ()
        data = read_at(self.file, entry.place, min(entry.count, _MOST_NUMBERS) * _BYTES[entry.type])
        count = len(data) // _BYTES[entry.type]
        return struct.unpack_from(f"{self.order}{count}{_INTEGERS[entry.type]}", data)

    def number(self, tag: int, otherwise: int = 0) -> int:
        """Return the first integer of a tag."""
        return next(iter(self.numbers(tag)), otherwise)

    def text(self, tag: int) -> str:
        """Return the text of a tag, up to its first NUL, at most 64 characters."""
        entry = self.entries.get(tag)
        if entry is None or entry.type != _TEXT:
            return ""
        data = read_at(self.file, entry.place, min(entry.count, _LONGEST_TEXT))
        return data.partition(b"\0")[0].decode("latin-1")

    def below(self, tag: int) -> "Directory | None":
        """Return the directory that a tag leads to."""
        return _directory(self.file, self.start, self.order, self.big, self.number(tag))

    def content(self, tag: int, longest: int) -> bytes:
        """Return the bytes of a tag's values; empty if they are too many, or the file ends."""
        entry = self.entries[tag]
        count = entry.count * _BYTES.get(entry.type, 0)
        data = read_at(self.file, entry.place, count) if count <= longest else b""
        return data if len(data) == count else b""

    @property
    def leads_outside(self) -> bool:
        """Whether the file ends before the next directory, or before a SubIFD."""
        size = os.fstat(self.file.fileno()).st_size
        return any(place >= size for place in (self.following, *self.numbers(_SUB_IFDS)))


def read_at(file: BinaryIO, place: int, count: int) -> bytes:
    """Return the bytes at a place that a file names; fewer where the file ends."""
    if place >= file.seek(0, os.SEEK_END):
        return b""
    file.seek(place)
    return file.read(count)


def directories(file: BinaryIO, start: int = 0) -> list[Directory]:
    """Return the directories of the chain, each followed by its SubIFDs.

    The list ends at a broken directory. `start` is where the TIFF begins in the file. Its magic
    number may be any, as several cameras have their own.
    """
    return list(_chain(file, start))


def exif_directory(file: BinaryIO, start: int) -> Directory | None:
    """Return the directory of EXIF; the first one of the TIFF, if that leads to no other."""
    first = next(_chain(file, start), None)
    return first and (first.below(_EXIF) or first)


def _chain(file: BinaryIO, start: int) -> Iterator[Directory]:
    head = read_at(file, start, 16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 16:
        return
    big = head[2:4] in (b"+\0", b"\0+")
    (offset,) = struct.unpack_from(order + ("8xQ" if big else "4xI"), head)
    seen, index = set[int](), 0
    while offset not in seen and len(seen) < _MOST_DIRECTORIES:
        directory = _directory(file, start, order, big, offset, index)
        if directory is None:
            return
        yield directory
        seen.add(offset)
        for sub in directory.numbers(_SUB_IFDS)[: _MOST_DIRECTORIES - len(seen)]:
            if sub not in seen and (found := _directory(file, start, order, big, sub)):
                yield found
            seen.add(sub)
        offset, index = directory.following, index + 1


def _directory(
    file: BinaryIO, start: int, order: str, big: bool, offset: int, index: int | None = None
) -> Directory | None:
    """Return the directory at an offset; None if it is broken."""
    number, entry, place = ("Q", "HHQ", "Q") if big else ("H", "HHI", "I")
    width, size, inline = (struct.calcsize("<" + code) for code in (number, entry + place, place))
    head = read_at(file, start + offset, width) if offset else b""
    count = struct.unpack(order + number, head)[0] if len(head) == width else 0
    if not 0 < count <= _MOST_ENTRIES:
        return None
    first = start + offset + width
    data = read_at(file, first, count * size + inline)
    entries = dict[int, Entry]()
    for at in range(0, len(data) // size * size, size):
        tag, type, values, value = struct.unpack_from(order + entry + place, data, at)
        is_inline = values * _BYTES.get(type, 1) <= inline
        where = first + at + size - inline if is_inline else start + value
        entries.setdefault(tag, Entry(type, values, where))
    (following,) = struct.unpack(order + place, data[count * size :].ljust(inline, b"\0"))
    whole = len(data) >= count * size
    return Directory(file, start, order, big, offset, index, following, entries, whole)
