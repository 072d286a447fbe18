"""What an encoder is not asked to write, put into the finished file: ICC profiles and EXIF.

FFmpeg's WebP muxer writes neither, its PNG and JPEG encoders write what rides along with the photo's frame;
here all three formats get the same, and only what was asked for.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from ffprep.core.formats import OutputFormat
from ffprep.core.image_info import Profile
from ffprep.errors import Kind, PhotoError


def embed(path: Path, format: OutputFormat, profile: Profile | None, exif: bytes = b"") -> None:
    """Write a profile and EXIF (from its byte order mark on) into a picture that has neither.

    Raises PhotoError `internal` where it is no such picture, and OSError.
    """
    icc = profile.data if profile else b""
    if not (icc or exif):
        return
    try:
        data = _INSERT[format.name](path.read_bytes(), icc, exif)
    except (IndexError, ValueError, struct.error):
        raise PhotoError(Kind.INTERNAL, f"the output is no whole {format.name}") from None
    path.write_bytes(data)


def _into_jpeg(data: bytes, icc: bytes, exif: bytes) -> bytes:
    """APP1 and APP2 segments after SOI (Exif 2.32, 4.7.2; ICC.1:2022, annex B.4)."""
    parts = [icc[start : start + 65519] for start in range(0, len(icc), 65519)]
    segments = [b"Exif\0\0" + exif] if exif else []
    found = b"".join(b"\xff\xe1" + struct.pack(">H", len(s) + 2) + s for s in segments)
    for number, part in enumerate(parts, 1):
        body = b"ICC_PROFILE\0" + bytes((number, len(parts))) + part
        found += b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body
    # A JFIF header, where there is one, has to come first.
    start = 2
    if data[2:4] == b"\xff\xe0":
        start = 4 + int.from_bytes(data[4:6], "big")
    return data[:start] + found + data[start:]


def _into_png(data: bytes, icc: bytes, exif: bytes) -> bytes:
    """Chunks after IHDR (PNG, third edition, 11.3.2.3 and 11.3.4.5)."""
    found = _png_chunk(b"iCCP", b"ICC\0\0" + zlib.compress(icc)) if icc else b""
    found += _png_chunk(b"eXIf", exif) if exif else b""
    return data[:33] + found + data[33:]


def _png_chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def _into_webp(data: bytes, icc: bytes, exif: bytes) -> bytes:
    """The extended format (RFC 9649, 2.7): VP8X, profile, picture, EXIF."""
    chunks = list(_riff_chunks(data))
    flags = 0x20 * bool(icc) | 0x08 * bool(exif)
    if chunks[0][0] == b"VP8X":
        head = bytes((chunks[0][1][0] | flags,)) + chunks.pop(0)[1][1:]
    else:
        name, content = chunks[0]
        width, height, alpha = _vp8_head(name, content)
        size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        head = bytes((flags | 0x10 * alpha, 0, 0, 0)) + size
    chunks = [(b"VP8X", head), *([(b"ICCP", icc)] if icc else []), *chunks]
    chunks += [(b"EXIF", exif)] if exif else []
    body = b"".join(
        name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
        for name, content in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 12
    while place + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, place)
        yield name, data[place + 8 : place + 8 + length]
        place += 8 + length + length % 2


def _vp8_head(name: bytes, content: bytes) -> tuple[int, int, bool]:
    """Width, height, and whether alpha is used, of a lossy or a lossless bitstream."""
    if name == b"VP8L":
        bits = int.from_bytes(content[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    width, height = struct.unpack_from("<HH", content, 6)
    return width & 0x3FFF, height & 0x3FFF, False


_INSERT = {"jpeg": _into_jpeg, "png": _into_png, "webp": _into_webp}
