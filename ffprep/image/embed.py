"""Write ICC profiles and metadata into finished files.

FFmpeg's WebP muxer writes neither, and its PNG and JPEG encoders write all that is attached to the
photo's frame. Here all three formats get the same, and only what was asked for.
"""

import struct
import zlib
from pathlib import Path

from ffprep.core.formats import OutputFormat
from ffprep.core.image_info import Profile
from ffprep.errors import Kind, PhotoError
from ffprep.image.chunks import riff_chunks, vp8_size
from ffprep.record import Record


class Metadata(Record):
    """EXIF from its byte order mark on, an XMP packet and records of IPTC; empty is none."""

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""


def embed(
    path: Path, format: OutputFormat, profile: Profile | None, metadata: Metadata | None = None
) -> None:
    """Write a profile and metadata into a picture that has neither; only JPEG holds IPTC.

    Raises PhotoError `internal` if it is not such a picture, and OSError.
    """
    icc = profile.data if profile else b""
    metadata = metadata or Metadata()
    if not icc and metadata == Metadata():
        return
    try:
        data = _INSERT[format.name](path.read_bytes(), icc, metadata)
    except (IndexError, ValueError, struct.error):
        raise PhotoError(Kind.INTERNAL, f"the output is not a whole {format.name}") from None
    path.write_bytes(data)


def _into_jpeg(data: bytes, icc: bytes, metadata: Metadata) -> bytes:
    """APP1, APP2 and APP13 segments after SOI.

    Exif 2.32, 4.7.2; XMP, part 3, 1.1.3; ICC.1:2022, annex B.4.
    """
    segments = [(1, b"Exif\0\0" + metadata.exif)] if metadata.exif else []
    if metadata.xmp:
        segments.append((1, b"http://ns.adobe.com/xap/1.0/\0" + metadata.xmp))
    parts = [icc[start : start + 65519] for start in range(0, len(icc), 65519)]
    for number, part in enumerate(parts, 1):
        segments.append((2, b"ICC_PROFILE\0" + bytes((number, len(parts))) + part))
    if iptc := metadata.iptc:
        resource = struct.pack(">4sHHI", b"8BIM", 0x0404, 0, len(iptc)) + iptc
        segments.append((13, b"Photoshop 3.0\0" + resource + b"\0" * (len(iptc) % 2)))
    found = b"".join(
        struct.pack(">BBH", 0xFF, 0xE0 + number, len(body) + 2) + body for number, body in segments
    )
    # A JFIF header has to come first.
    start = 2
    if data[2:4] == b"\xff\xe0":
        start = 4 + int.from_bytes(data[4:6], "big")
    return data[:start] + found + data[start:]


def _into_png(data: bytes, icc: bytes, metadata: Metadata) -> bytes:
    """Chunks after IHDR (PNG, third edition, 11.3.2.3, 11.3.3.4 and 11.3.4.5)."""
    found = _png_chunk(b"iCCP", b"ICC\0\0" + zlib.compress(icc)) if icc else b""
    found += _png_chunk(b"eXIf", metadata.exif) if metadata.exif else b""
    if metadata.xmp:
        found += _png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp)
    return data[:33] + found + data[33:]


def _png_chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def _into_webp(data: bytes, icc: bytes, metadata: Metadata) -> bytes:
    """The extended format (RFC 9649, 2.7): VP8X, profile, picture, EXIF, XMP."""
    chunks = list(riff_chunks(data))
    flags = 0x20 * bool(icc) | 0x08 * bool(metadata.exif) | 0x04 * bool(metadata.xmp)
    if chunks[0][0] == b"VP8X":
        head = bytes((chunks[0][1][0] | flags,)) + chunks.pop(0)[1][1:]
    else:
        name, content = chunks[0]
        width, height, alpha = vp8_size(name, content)
        size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        head = bytes((flags | 0x10 * alpha, 0, 0, 0)) + size
    chunks = [(b"VP8X", head), *([(b"ICCP", icc)] if icc else []), *chunks]
    chunks += [(b"EXIF", metadata.exif)] if metadata.exif else []
    chunks += [(b"XMP ", metadata.xmp)] if metadata.xmp else []
    body = b"".join(
        name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
        for name, content in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


_INSERT = {"jpeg": _into_jpeg, "png": _into_png, "webp": _into_webp}
