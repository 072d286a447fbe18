"""Walks over the parts of picture files: segments, chunks, boxes and directories.

Segments are those of JPEG, chunks those of PNG and RIFF, boxes those of ISO-BMFF, and directories
those of TIFF, EXIF, and camera raws that are structured like a TIFF. The numbers in a file say only
where to read: all counts are limited.
"""

import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import BinaryIO

from ffprep.record import Record, field

SOS = 0xDA
"""JPEG's marker of a scan: the header ends there, and coded data follows the segment."""

_LONGEST_CHUNK = 1 << 20
_MOST_CHUNKS = 1 << 17

# More than any program writes in front of the pixels: a profile for inks, XMP.
_MOST_HEADER_PARTS, _LONGEST_HEADER = 300, 4 << 20

# The index of a photo in boxes has some thousand bytes.
_LONGEST_INDEX = 4 << 20

_PNG_PICTURE = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")

PNG_BEGIN = b"\x89PNG\r\n\x1a\n"

# FF 00 is a byte of coded data, FF D0 to D7 are restart markers, and FF FF begins with a fill byte.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)

_MOST_DIRECTORIES, _MOST_ENTRIES, _MOST_NUMBERS = 64, 1000, 1 << 16

# Field types of TIFF 6.0, BigTIFF and EXIF 3.0: those of unsigned integers, and the bytes of each
# value.
_INTEGERS = {1: "B", 3: "H", 4: "I", 7: "B", 13: "I", 16: "Q", 18: "Q"}
_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_BYTES |= {13: 4, 16: 8, 17: 8, 18: 8, 129: 1}

_SUB_IFDS = 330
_TEXT, _LONGEST_TEXT = 2, 64


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the marker, start and end of each segment of a JPEG, also of those between scans.

    Coded data, and whatever else stands between two segments, is skipped. An end may lie behind the
    end of `data`.
    """
    place = 2
    while (marker := _MARKER.search(data, place)) and marker.end() + 2 <= len(data):
        place = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")
        yield data[marker.start() + 1], marker.start(), place


def png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield the name and length of each chunk of a PNG; the file is positioned at its content."""
    place = 8
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return
        length, name = struct.unpack(">I4s", head)
        yield name, length
        if name == b"IEND":
            return
        place += 12 + length


def riff_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield the name and length of each chunk of a RIFF file, such as a WebP, as `png_chunks`."""
    place = 12
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return
        name, length = struct.unpack("<4sI", head)
        yield name, length
        place += 8 + length + length % 2


def iso_boxes(file: BinaryIO) -> Iterator[tuple[bytes, bool, int]]:
    """Yield name, wholeness and content length of each outermost box (ISO/IEC 14496-12).

    The file is positioned at the content. Stop after a box that is not whole: where the next one
    would begin is unknown.
    """
    end, start = file.seek(0, 2), 0
    for _ in range(_MOST_CHUNKS):
        if start >= end:
            return
        file.seek(start)
        head = file.read(16)
        length, name, begin = int.from_bytes(head[:4], "big"), head[4:8], 8
        if length == 1:
            length, begin = int.from_bytes(head[8:16], "big"), 16
        elif length == 0:  # up to the end of the file
            length = max(8, end - start)
        whole = begin <= length <= end - start
        file.seek(start + begin)
        yield name, whole, max(0, length - begin)
        if not whole:
            return
        start += length


def iso_box(file: BinaryIO, wanted: bytes) -> bytes | None:
    """Return the content of an outermost box; None if there is none, or one of more than 4 MB."""
    for name, whole, length in iso_boxes(file):
        if name == wanted:
            return file.read(length) if whole and length <= _LONGEST_INDEX else None
    return None


def inner_boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the content of each box within another."""
    place = 0
    while place + 8 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big") or len(content) - place
        if length < 8:
            return
        yield content[place + 4 : place + 8], content[place + 8 : place + length]
        place += length


def vp8_size(name: bytes, content: bytes) -> tuple[int, int, bool]:
    """Return width, height and use of alpha, by a WebP's first chunk (RFC 9649, 2.5 to 2.7).

    The size is 0x0 if the chunk is not one that WebP begins with.
    """
    content = content.ljust(10, b"\0")
    if name == b"VP8X":
        width, height = (int.from_bytes(content[at : at + 3], "little") + 1 for at in (4, 7))
        return width, height, bool(content[0] & 0x10)
    if name == b"VP8L" and content[0] == 0x2F:
        bits = int.from_bytes(content[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    if name == b"VP8 " and content[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", content, 6)
        return width & 0x3FFF, height & 0x3FFF, False
    return 0, 0, False


def png_chunk(file: BinaryIO, wanted: bytes) -> bytes | None:
    """Return the content of a PNG's chunk, wherever it stands: EXIF may follow the pixels."""
    for name, length in png_chunks(file):
        if name == wanted:
            return file.read(min(length, _LONGEST_CHUNK))
        if name == b"IDAT" and wanted == b"cICP":
            return None
    return None


def png_chunk_of(name: bytes, content: bytes = b"") -> bytes:
    """Return a chunk, with its length and checksum."""
    return struct.pack(">I", len(content)) + name + content + png_checksum(name, content)


def png_checksum(name: bytes, content: bytes) -> bytes:
    """Return the checksum of a chunk."""
    return struct.pack(">I", zlib.crc32(content, zlib.crc32(name)))


_PNG_END = png_chunk_of(b"IEND")


def png_without_pixels(file: BinaryIO) -> BinaryIO:
    """Return a PNG of the text and EXIF chunks alone, since Pillow reads none behind the pixels."""
    file.seek(0)
    parts = [file.read(8)]
    for name, length in png_chunks(file):
        if name in (b"IHDR", b"eXIf", b"tEXt", b"zTXt", b"iTXt") and length <= _LONGEST_CHUNK:
            content = file.read(length + 4)
            if len(content) == length + 4:
                parts.append(struct.pack(">I4s", length, name) + content)
    return BytesIO(b"".join([*parts, _PNG_END]))


def png_has_right_checksums(file: BinaryIO) -> bool:
    """Return whether the checksums of a PNG's picture chunks are right, if they are there."""
    for name, length in png_chunks(file):
        if name in _PNG_PICTURE[:-1]:
            content, checksum = file.read(length), file.read(4)
            if len(checksum) == 4 and checksum != png_checksum(name, content):
                return False
    return True


def has_few_chunks(file: BinaryIO) -> bool:
    """Return whether few and short chunks come before a PNG's pixels.

    Reading any other header may take any time and memory, whatever the file's length on the disk.
    """
    end = 8
    for number, (name, length) in enumerate(png_chunks(file)):
        end += 12 + length
        if name == b"IDAT":
            return True
        if number > _MOST_HEADER_PARTS or end > _LONGEST_HEADER:
            return False
    return True


def without_broken_metadata(
    name: str, file: BinaryIO, opens: Callable[[BinaryIO], bool]
) -> BinaryIO:
    """Return a JPEG or PNG without the metadata that keeps it from being opened.

    Raises ValueError for a JPEG without a scan.
    """
    file.seek(0)
    before, metadata, after, short = (_split_jpeg if name == "jpeg" else _split_png)(file)
    kept = [part for part in metadata if opens(BytesIO(before + part + short))]
    return BytesIO(b"".join([before, *kept, after]))


_Parts = tuple[bytes, list[bytes], bytes, bytes]
"""What is before the metadata, that itself, what is behind it, and a short end to try it with."""


def _split_png(file: BinaryIO) -> _Parts:
    """All chunks that hold nothing of the picture are metadata."""
    before, metadata, after = file.read(8), list[bytes](), list[bytes]()
    for name, length in png_chunks(file):
        chunk = struct.pack(">I4s", length, name) + file.read(length + 4)
        if name == b"IHDR":
            before += chunk
        else:
            (after if name in _PNG_PICTURE else metadata).append(chunk)
    return before, metadata, b"".join(after), png_chunk_of(b"IDAT") + _PNG_END


def _split_jpeg(file: BinaryIO) -> _Parts:
    """The APPn and COM segments before the first scan are metadata."""
    data, metadata, tables = file.read(), list[bytes](), b""
    for marker, start, end in jpeg_segments(data):
        if marker == SOS:
            return data[:2], metadata, tables + data[start:], tables + data[start:end]
        if 0xE0 <= marker <= 0xEF or marker == 0xFE:
            metadata.append(data[start:end])
        else:
            tables += data[start:end]
    raise ValueError("a JPEG without a scan")


class Entry(Record):
    """One tag of a directory: `count` values of a field type, which begin at `place`."""

    type: int
    count: int
    place: int


class Directory(Record):
    """One directory, perhaps a SubIFD. `start` is where its TIFF begins in the file.

    `whole` is false if the file ends within it, `repeats` is true if it has several entries for a
    tag, of which the first counts. Pillow opens one directory at a time, and only if it knows the
    kind of its pixels.
    """

    file: BinaryIO = field(repr=False)
    start: int
    order: str
    big: bool
    offset: int
    is_sub: bool
    following: int
    entries: dict[int, Entry]
    whole: bool
    repeats: bool

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


def directories(file: BinaryIO, start: int = 0) -> Iterator[Directory]:
    """Yield the directories of the chain, each followed by its SubIFDs, up to a broken one.

    `start` is where the TIFF begins in the file. Its magic number may be any, as several cameras
    have their own.
    """
    head = read_at(file, start, 16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 16:
        return
    big = head[2:4] in (b"+\0", b"\0+")
    (offset,) = struct.unpack_from(order + ("8xQ" if big else "4xI"), head)
    seen = set[int]()
    while offset not in seen and len(seen) < _MOST_DIRECTORIES:
        directory = _directory(file, start, order, big, offset)
        if directory is None:
            return
        yield directory
        seen.add(offset)
        for sub in directory.numbers(_SUB_IFDS)[: _MOST_DIRECTORIES - len(seen)]:
            if sub not in seen and (found := _directory(file, start, order, big, sub, True)):
                yield found
            seen.add(sub)
        offset = directory.following


def _directory(
    file: BinaryIO, start: int, order: str, big: bool, offset: int, is_sub: bool = False
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
    whole, repeats = len(data) >= count * size, len(data) // size > len(entries)
    return Directory(file, start, order, big, offset, is_sub, following, entries, whole, repeats)
