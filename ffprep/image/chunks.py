"""Walks over the parts of picture files: JPEG segments, PNG and RIFF chunks, ISO-BMFF boxes."""

import re
import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import BinaryIO

SOS = 0xDA
"""JPEG's marker of a scan: the header ends there, and coded data follows the segment."""

_LONGEST_CHUNK = 1 << 20
_MOST_CHUNKS = 1 << 17

# More than any program writes in front of the pixels: a profile for inks, XMP.
_MOST_HEADER_PARTS, _LONGEST_HEADER = 300, 4 << 20

_PNG_PICTURE = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")

PNG_BEGIN = b"\x89PNG\r\n\x1a\n"

# FF 00 is a byte of coded data, FF D0 to D7 are restart markers, and FF FF begins with a fill byte.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)


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


def iso_box(file: BinaryIO, wanted: bytes, longest: int) -> bytes | None:
    """Return the content of an outermost box; None if there is none, or a longer one."""
    for name, whole, length in iso_boxes(file):
        if name == wanted:
            return file.read(length) if whole and length <= longest else None
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
