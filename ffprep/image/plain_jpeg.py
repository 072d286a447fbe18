"""Read the header of a plain JPEG without Pillow, whose import takes as long as a small photo.

A header with anything unusual is left to Pillow: what is read here is what Pillow would have read.
"""

import re
from collections.abc import Iterator

from ffprep.core.formats import Format
from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo, Profile
from ffprep.image.chunks import SOS, USUAL_SAMPLING, jpeg_planes, jpeg_segments

_APPLICATIONS, _EXIF, _ICC, _COMMENT = range(0xE0, 0xF0), 0xE1, 0xE2, 0xFE
_FRAMES, _HUFFMAN, _QUANTIZATION, _RESTART = (0xC0, 0xC1, 0xC2), 0xC4, 0xDB, 0xDD

# Segments that may change what the pixels mean, or in which Pillow looks for other pictures.
_LEFT_TO_PILLOW = re.compile(rb"Adobe|LJIF|Metasoft|CS=ITU601|MPF\0")

_ORIENTATION = b"\x12\x01\3\0\1\0\0\0"
_SAME_IN_MOTOROLA_ORDER = b"\x01\x12\0\3\0\0\0\1"


class _Unusual(Exception):
    """The header is not a plain one."""


def read(format: Format, head: bytes) -> ImageInfo | None:
    """Return what the header of a JPEG says; None if `head` is not one that is read here."""
    try:
        return _read(format, list(_segments(head)))
    except (_Unusual, IndexError):
        return None


def _segments(head: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and content of each segment up to the scan, which follow without gaps."""
    place = 2
    for marker, start, end in jpeg_segments(head):
        if start != place or end > len(head):
            break
        if marker == SOS:
            return
        yield marker, head[start + 4 : end]
        place = end
    raise _Unusual


def _read(format: Format, segments: list[tuple[int, bytes]]) -> ImageInfo:
    frame, exif, profile = b"", b"", None
    for marker, content in segments:
        if marker in _FRAMES and not frame:
            frame = content
        elif marker in _APPLICATIONS or marker == _COMMENT:
            if _LEFT_TO_PILLOW.match(content):
                raise _Unusual
            if marker == _EXIF and content.startswith(b"Exif\0\0"):
                exif = _once(exif, content)[6:]
            if marker == _ICC and content.startswith(b"ICC_PROFILE\0"):
                profile = _whole_profile(frame, profile, content)
        elif marker == _QUANTIZATION:
            _require_whole_tables(content)
        elif marker not in (_HUFFMAN, _RESTART):
            raise _Unusual
    count = frame[5]
    sampling = tuple((each >> 4, each & 15) for each in frame[7::3])
    size = Size(int.from_bytes(frame[3:5], "big"), int.from_bytes(frame[1:3], "big"))
    usual = count in (1, 3) and sampling in USUAL_SAMPLING and frame[6::3] != b"RGB"
    if not usual or len(frame) != 6 + 3 * count or frame[0] != 8 or not size.pixels:
        raise _Unusual
    mode = "RGB" if count == 3 else "L"
    planes = jpeg_planes(sampling)
    return ImageInfo(format, size, _orientation(exif), mode=mode, profile=profile, planes=planes)


def _once(before: bytes, content: bytes) -> bytes:
    if before or b"R03" in content:  # Pillow joins them; R03 means Adobe RGB
        raise _Unusual
    return content


def _whole_profile(frame: bytes, before: Profile | None, content: bytes) -> Profile | None:
    """Return a profile of one part, in front of the frame."""
    if frame or before or content[13] != 1 or len(content) == 14:
        raise _Unusual
    return Profile.of(content[14:])


def _require_whole_tables(content: bytes) -> None:
    place = 0
    while place < len(content):
        place += 1 + 64 * (2 if content[place] >> 4 else 1)
    if place != len(content):
        raise _Unusual


def _orientation(exif: bytes) -> int:
    """Return the orientation in the first directory of EXIF; 1 if there is none."""
    if not exif:
        return 1
    if exif[:4] not in (b"II*\0", b"MM\0*"):
        raise _Unusual
    little = exif[:1] == b"I"

    def number(at: int, length: int) -> int:
        part = exif[at : at + length]
        if len(part) < length:
            raise _Unusual
        return int.from_bytes(part, "little" if little else "big")

    first = number(4, 4)
    found, wanted = [], _ORIENTATION if little else _SAME_IN_MOTOROLA_ORDER
    for entry in range(first + 2, first + 2 + 12 * number(first, 2), 12):
        if number(entry, 2) == 0x0112:
            if exif[entry : entry + 8] != wanted:
                raise _Unusual
            found.append(number(entry + 8, 2))
        number(entry, 12)
    if len(found) > 1:
        raise _Unusual
    return found[0] if found and found[0] in range(1, 9) else 1
