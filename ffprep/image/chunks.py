"""The parts of a JPEG or PNG: which of them hold the picture, and which are remarks that may be odd."""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

from ffprep.core.formats import Format

_LONGEST_CHUNK = 1 << 20
_MOST_CHUNKS = 1 << 17

# More than any camera's: a profile for inks, a preview, XMP in parts.
_ORDINARY_PARTS, _ORDINARY_HEAD = 300, 4 << 20
_PNG_PICTURE = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_BEFORE_PIXELS = (b"cICP",)
_NO_PIXELS = b"\0\0\0\0IDAT\x35\xaf\x06\x1e"
_END = b"\0\0\0\0IEND\xaeB`\x82"
_SOS = 0xDA


def png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """The name of each chunk of a PNG, and its length; the file stands at its content."""
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


def png_chunk(file: BinaryIO, wanted: bytes) -> bytes | None:
    """A chunk of a PNG, wherever it stands: the standard allows EXIF behind the picture."""
    for name, length in png_chunks(file):
        if name == wanted:
            return file.read(min(length, _LONGEST_CHUNK))
        if name == b"IDAT" and wanted in _BEFORE_PIXELS:
            return None
    return None


def png_without_pixels(file: BinaryIO) -> BinaryIO:
    """The chunks of a PNG that are text or EXIF, for Pillow, which reads no further than the pixels."""
    file.seek(0)
    parts = [file.read(8)]
    for name, length in png_chunks(file):
        if name in (b"IHDR", b"eXIf", b"tEXt", b"zTXt", b"iTXt") and length <= _LONGEST_CHUNK:
            content = file.read(length + 4)
            if len(content) == length + 4:
                parts.append(struct.pack(">I4s", length, name) + content)
    return BytesIO(b"".join([*parts, _END]))


def png_has_right_checksums(file: BinaryIO) -> bool:
    """Whether the chunks of a PNG that hold the picture are as they were written, as far as they are there."""
    for name, length in png_chunks(file):
        if name in _PNG_PICTURE[:-1]:
            content, checksum = file.read(length), file.read(4)
            right = zlib.crc32(content, zlib.crc32(name))
            if len(checksum) == 4 and int.from_bytes(checksum, "big") != right:
                return False
    return True


def has_ordinary_head(format: Format, file: BinaryIO) -> bool:
    """Whether what comes before the pixels of a JPEG or PNG is short, and of few parts.

    Else reading it may take any time and memory, whatever the file's length on the disk.
    """
    parts = _jpeg_head(file) if format.name == "jpeg" else _png_head(file)
    for number, end in enumerate(parts):
        if number > _ORDINARY_PARTS or end > _ORDINARY_HEAD:
            return False
    return True


def _png_head(file: BinaryIO) -> Iterator[int]:
    """Where each chunk before the pixels ends."""
    place = 8
    for name, length in png_chunks(file):
        if name == b"IDAT":
            return
        place += 12 + length
        yield place


def _jpeg_head(file: BinaryIO) -> Iterator[int]:
    """Where each segment before the pixels ends; far away, where something stands between them."""
    place = 2
    while True:
        file.seek(place)
        head = file.read(4)
        if len(head) < 4 or head[:2] == b"\xff\xda":
            return
        if head[0] != 0xFF or head[1] in (0x00, 0xFF):
            yield _ORDINARY_HEAD + 1
            return
        place += 2 + int.from_bytes(head[2:], "big")
        yield place


@dataclass(frozen=True, slots=True)
class Segments:
    """A file in parts: its remarks, what of the picture stands before and after them, and `trial`.

    That is an end that lets a decoder read the remarks, and costs less than the picture.
    """

    before: bytes
    remarks: tuple[bytes, ...]
    after: bytes
    trial: bytes

    def without_odd(self, opens: Callable[[BinaryIO], bool]) -> BinaryIO:
        """The file without the remarks that keep it from being opened."""
        kept = [r for r in self.remarks if opens(BytesIO(self.before + r + self.trial))]
        return BytesIO(b"".join([self.before, *kept, self.after]))


def png_parts(file: BinaryIO) -> Segments:
    """A PNG; its remarks are all chunks that hold nothing of the picture. Nothing is kept behind its end."""
    file.seek(0)
    before, remarks, after = [file.read(8)], list[bytes](), list[bytes]()
    for name, length in png_chunks(file):
        chunk = struct.pack(">I4s", length, name) + file.read(length + 4)
        if name not in _PNG_PICTURE:
            remarks.append(chunk)
        else:
            (before if name == b"IHDR" else after).append(chunk)
    return Segments(b"".join(before), tuple(remarks), b"".join(after), _NO_PIXELS + _END)


def jpeg_parts(file: BinaryIO) -> Segments:
    """A JPEG; its remarks are the APPn and COM segments before the first scan."""
    file.seek(0)
    data, place = file.read(), 2
    remarks, tables = list[bytes](), list[bytes]()
    while True:
        place = data.index(b"\xff", place)
        marker = data[place + 1]
        if marker in (0, 0xFF):
            place += 1
            continue
        (length,) = struct.unpack_from(">H", data, place + 2)
        segment = data[place : place + 2 + length]
        if marker == _SOS:
            after = b"".join(tables) + data[place:]
            return Segments(data[:2], tuple(remarks), after, b"".join(tables) + segment)
        (remarks if 0xE0 <= marker <= 0xEF or marker == 0xFE else tables).append(segment)
        place += 2 + length
