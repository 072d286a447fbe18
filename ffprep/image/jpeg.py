"""JPEGs without an end: whether the picture is all there nevertheless."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO

from PIL.JpegImagePlugin import JpegImageFile

_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1), 0xC2
_SOS, _EOI = 0xDA, b"\xff\xd9"
_COEFFICIENTS = 64
_ROWS = 256

# Bits to go on with where a file breaks off: a decoder that still needs some makes another picture of each.
# Restart markers are among them, from another one each time: a decoder that waits for one passes over the
# rest, and does not take one that comes one or two too early.
_RESTARTS = tuple(bytes((0xFF, marker)) for marker in range(0xD0, 0xD8))
_FILLS = tuple(
    b"".join(bytes([bits]) * 64 + restart for restart in _RESTARTS[first:] + _RESTARTS[:first])
    for first, bits in enumerate((0x00, 0x55, 0xF0, 0x33, 0x99, 0x7F, 0xF7, 0xDD))
)


def is_complete(data: bytes) -> bool:
    """Whether a JPEG without an EOI marker has all of its picture.

    All of its scans have to be there, and the last of them to its end: then whatever follows it
    makes no difference. Not so zeros, which are what was never written to a disk.
    """
    data = _without_padding(data)
    try:
        if not _has_all_scans(data):
            return False
        first = _pixels(data + _FILLS[0] + _EOI)
        return all(first == _pixels(data + fill + _EOI) for fill in _FILLS[1:])
    except MemoryError:
        raise
    except Exception:  # as in `opening`: whatever Pillow stumbles over
        return False


def _without_padding(data: bytes) -> bytes:
    """Without zeros at the end, and without half an EOI; FF 00 is a byte of the picture."""
    kept = data.rstrip(b"\0")
    if len(kept) < len(data) and kept.endswith(b"\xff"):
        return kept + b"\0"
    return kept.rstrip(b"\xff")


def _pixels(data: bytes) -> bytes:
    """A digest of the pixels: several large pictures at once would be too much."""
    digest = sha256()
    with JpegImageFile(BytesIO(data)) as image:
        for top in range(0, image.height, _ROWS):
            rows = image.crop((0, top, image.width, min(top + _ROWS, image.height)))
            digest.update(rows.tobytes())
    return digest.digest()


@dataclass(frozen=True, slots=True)
class _Scan:
    """What a scan brings of some components: coefficients from `start` to `end`, but for their last bits."""

    components: bytes
    start: int
    end: int
    missing_bits: int


def _has_all_scans(data: bytes) -> bool:
    components, progressive, missing = b"", False, dict[tuple[int, int], int]()
    for marker, content in _segments(data):
        if marker in (*_SEQUENTIAL, _PROGRESSIVE):
            components, progressive = content[6 : 6 + 3 * content[5] : 3], marker == _PROGRESSIVE
        elif marker == _SOS:
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


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The marker segments, those between scans too; what was coded is passed over."""
    place = data.find(b"\xff", 2)
    while 0 <= place < len(data) - 3:
        marker = data[place + 1]
        if marker in (0, 0xFF) or 0xD0 <= marker <= 0xD7:
            place = data.find(b"\xff", place + (1 if marker == 0xFF else 2))
            continue
        (length,) = struct.unpack_from(">H", data, place + 2)
        yield marker, data[place + 4 : place + 2 + length]
        place = data.find(b"\xff", place + 2 + length)
