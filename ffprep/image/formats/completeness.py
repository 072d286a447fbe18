"""Whether JPEGs that lack their end, and JPEG 2000 codestreams, hold the whole picture."""

import struct
from hashlib import sha256
from io import BytesIO
from math import ceil

from ffprep.image.chunks import SOS, jpeg_segments
from ffprep.record import Record

_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1, 0xC3), 0xC2
_EOI = b"\xff\xd9"
_COEFFICIENTS = 64
_ROWS = 256

# Bits to put where a file breaks off: a decoder that still needs some makes another picture of
# each. Restart markers are among them, from another one each time: a decoder that waits for one
# skips the rest, and does not accept one that comes one or two too early.
_RESTARTS = tuple(bytes((0xFF, marker)) for marker in range(0xD0, 0xD8))
_FILLS = tuple(
    b"".join(bytes([bits]) * 64 + restart for restart in _RESTARTS[first:] + _RESTARTS[:first])
    for first, bits in enumerate((0x00, 0x55, 0xF0, 0x33, 0x99, 0x7F, 0xF7, 0xDD))
)


def is_complete_jpeg(data: bytes) -> bool:
    """Return whether a JPEG without an EOI marker has all of its picture.

    All of its scans have to be there, and the last of them to its end: then whatever follows it
    makes no difference. Zeros at the end do not count: they are what was never written to a disk.
    """
    data = _without_padding(data)
    try:
        if not _has_all_scans(data):
            return False
        first = _pixels(data + _FILLS[0] + _EOI)
        return all(first == _pixels(data + fill + _EOI) for fill in _FILLS[1:])
    except MemoryError:
        raise
    except Exception:  # Pillow's parsers raise whatever they stumble over
        return False


def _without_padding(data: bytes) -> bytes:
    """Return a JPEG without zeros at its end, and without half an EOI; FF 00 is a coded byte."""
    kept = data.rstrip(b"\0")
    if len(kept) < len(data) and kept.endswith(b"\xff"):
        return kept + b"\0"
    return kept.rstrip(b"\xff")


def _pixels(data: bytes) -> bytes:
    """Return a digest of the pixels: several large pictures at once would take too much memory."""
    from PIL.JpegImagePlugin import JpegImageFile

    from ffprep.image.formats.jpeg import for_pillow

    digest = sha256()
    with JpegImageFile(for_pillow(BytesIO(data))[0]) as image:
        for top in range(0, image.height, _ROWS):
            rows = image.crop((0, top, image.width, min(top + _ROWS, image.height)))
            digest.update(rows.tobytes())
    return digest.digest()


class _Scan(Record):
    """The coefficients from `start` to `end` of some components, without their last bits."""

    components: bytes
    start: int
    end: int
    missing_bits: int


def _has_all_scans(data: bytes) -> bool:
    components, progressive, missing = b"", False, dict[tuple[int, int], int]()
    for marker, start, end in jpeg_segments(data):
        content = data[start + 4 : end]
        if marker in (*_SEQUENTIAL, _PROGRESSIVE):
            components, progressive = content[6 : 6 + 3 * content[5] : 3], marker == _PROGRESSIVE
        elif marker == SOS:
            scan = _scan(content)
            reach = range(scan.start, scan.end + 1) if progressive else range(_COEFFICIENTS)
            bits = scan.missing_bits if progressive else 0
            missing |= {(name, place): bits for name in scan.components for place in reach}
    places = ((name, place) for name in components for place in range(_COEFFICIENTS))
    return bool(components) and all(missing.get(place) == 0 for place in places)


def _scan(content: bytes) -> _Scan:
    count = content[0]
    start, end, bits = content[1 + 2 * count : 4 + 2 * count]
    return _Scan(content[1 : 1 + 2 * count : 2], start, end, bits & 15)


_SOT, _EOC = 0xFF90, 0xFFD9


def is_complete_jpeg2000(data: bytes) -> bool:
    """Return whether a codestream has a part of every tile, and all bytes of every part.

    ISO/IEC 15444-1, annex A.
    """
    place = data.find(b"\xff\x4f\xff\x51")  # in a JP2, boxes come before it
    try:
        return place >= 0 and _has_all_tiles(data, place)
    except struct.error:  # the file breaks off
        return False


def _has_all_tiles(data: bytes, place: int) -> bool:
    tiles = _tiles(data, place + 4)
    place = _after_segment(data, place + 2)
    while (marker := _marker(data, place)) != _SOT:
        if marker == _EOC:
            return False
        place = _after_segment(data, place)
    found = set()
    while _marker(data, place) == _SOT:
        tile, length = struct.unpack_from(">HI", data, place + 4)
        found.add(tile)
        if length == 0:  # the last one, to the end
            return len(found) == tiles and data.rstrip(b"\0").endswith(b"\xff\xd9")
        place += length
    return len(found) == tiles and _marker(data, place) == _EOC


def _tiles(data: bytes, place: int) -> int:
    """Return the number of tiles, by the SIZ segment."""
    width, height, _, _, tile_width, tile_height, left, top = struct.unpack_from(
        ">8I", data, place + 4
    )
    if not tile_width or not tile_height:
        return 0
    across, down = ceil((width - left) / tile_width), ceil((height - top) / tile_height)
    return int(across * down)


def _marker(data: bytes, place: int) -> int:
    return int(struct.unpack_from(">H", data, place)[0])


def _after_segment(data: bytes, place: int) -> int:
    return place + 2 + int(struct.unpack_from(">H", data, place + 2)[0])
