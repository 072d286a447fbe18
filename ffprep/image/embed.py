"""Write ICC profiles and metadata into finished files.

FFmpeg's muxers of WebP and AVIF write neither, and its other encoders write all that is attached to
the photo's frame. Here all formats get the same, and only what was asked for. The profile of a
JPEG XL is a part of its coded picture, so its encoder gets it.
"""

import struct
import zlib
from io import BytesIO
from pathlib import Path

from ffprep.core.formats import OutputFormat
from ffprep.core.image_info import Profile
from ffprep.errors import Kind, PhotoError
from ffprep.image.chunks import PNG_BEGIN, png_chunk_of, riff_chunks, vp8_size
from ffprep.record import Record, replace


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
    icc = profile.data if profile and format.name != "jpegxl" else b""
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
    found = png_chunk_of(b"iCCP", b"ICC\0\0" + zlib.compress(icc)) if icc else b""
    found += png_chunk_of(b"eXIf", metadata.exif) if metadata.exif else b""
    if metadata.xmp:
        found += png_chunk_of(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp)
    return data[:33] + found + data[33:]


def png_of_profile(profile: Profile) -> bytes:
    """Return a PNG of one pixel that has an ICC profile."""
    header = png_chunk_of(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    pixel = png_chunk_of(b"IDAT", zlib.compress(bytes(4))) + png_chunk_of(b"IEND", b"")
    return _into_png(PNG_BEGIN + header + pixel, profile.data, Metadata())


def _into_webp(data: bytes, icc: bytes, metadata: Metadata) -> bytes:
    """The extended format (RFC 9649, 2.7): VP8X, profile, picture, EXIF, XMP."""
    file = BytesIO(data)
    chunks = [(name, file.read(length)) for name, length in riff_chunks(file)]
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


def _into_avif(data: bytes, icc: bytes, metadata: Metadata) -> bytes:
    """Properties and items (AVIF 1.1, 2; HEIF, ISO/IEC 23008-12, 6.5.5 and annexes A and C)."""
    from ffprep.image.formats.heif import NewItem, file_of_items, read_index

    index = read_index(BytesIO(data))
    if index is None:
        raise ValueError
    items = list[NewItem]()
    for each in index.items.values():
        ((start, end),) = each.extents
        refers = b"" if each is index.primary else b"auxl"
        items.append(NewItem(each.type, each.properties, data[start:end], refers))
    if icc:
        # The matrix counts beside a profile, primaries and transfer do not: they are unspecified.
        properties = tuple(
            (name, b"nclx\0\2\0\2" + content[8:] if name == b"colr" else content)
            for name, content in items[0].properties
        )
        items[0] = replace(items[0], properties=(*properties, (b"colr", b"prof" + icc)))
    if metadata.exif:
        items.append(NewItem(b"Exif", (), bytes(4) + metadata.exif, b"cdsc"))
    if metadata.xmp:
        items.append(NewItem(b"mime", (), metadata.xmp, b"cdsc"))
    return file_of_items(data[: int.from_bytes(data[:4], "big")], items)


_JXL_BEGIN = b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\x14ftypjxl \0\0\0\0jxl "


def _into_jpegxl(data: bytes, icc: bytes, metadata: Metadata) -> bytes:
    """Boxes behind the first ones of the container (ISO/IEC 18181-2, 9)."""
    if data[:2] == b"\xff\x0a":  # a bare codestream
        data = _JXL_BEGIN + struct.pack(">I4s", len(data) + 8, b"jxlc") + data
    if data[4:8] != b"JXL " or data[16:20] != b"ftyp":
        raise ValueError
    start = 12 + int.from_bytes(data[12:16], "big")
    if data[start + 4 : start + 8] == b"jxll":  # the level, which comes before all others
        start += int.from_bytes(data[start : start + 4], "big")
    exif, xmp = bytes(4) + metadata.exif if metadata.exif else b"", metadata.xmp
    found = ((b"Exif", exif), (b"xml ", xmp))
    boxes = (struct.pack(">I4s", len(body) + 8, name) + body for name, body in found if body)
    return data[:start] + b"".join(boxes) + data[start:]


_INSERT = {
    "jpeg": _into_jpeg,
    "png": _into_png,
    "webp": _into_webp,
    "avif": _into_avif,
    "jpegxl": _into_jpegxl,
}
