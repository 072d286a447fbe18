"""Whether the file of a film ends early, by what its container says of its own length."""

from typing import BinaryIO

from ffprep.image.chunks import iso_boxes

_SEGMENT = 0x18538067
_MOST_HEADERS = 16
_GIF_END = b";"


def ends_early(file: BinaryIO, container: str) -> bool:
    """Return whether bytes are missing at the end of a film."""
    match container:
        case "mp4":
            return not all(whole for _, whole, _ in iso_boxes(file))
        case "matroska":
            return _matroska_ends_early(file)
        case "avi":
            file.seek(4)
            return int.from_bytes(file.read(4), "little") + 8 > file.seek(0, 2)
        case _:
            length = file.seek(0, 2)
            file.seek(max(0, length - 1024))
            return not file.read().rstrip(b"\0").endswith(_GIF_END)


def _matroska_ends_early(file: BinaryIO) -> bool:
    """Compare the length of the segment with the file's (RFC 8794); it may be unknown."""
    end, start = file.seek(0, 2), 0
    for _ in range(_MOST_HEADERS):
        file.seek(start)
        head = file.read(12)
        name_length, name = _number(head, keep_marker=True)
        size_length, size = _number(head[name_length:], keep_marker=False)
        if not (name_length and size_length):
            return False
        start += name_length + size_length
        if size == (1 << 7 * size_length) - 1:  # unknown, as of a live recording
            return False
        if name == _SEGMENT:
            return start + size > end
        start += size
    return False


def _number(data: bytes, keep_marker: bool) -> tuple[int, int]:
    """Return the length of an EBML number in bytes, and its value; zeros if there is none."""
    if not data or not data[0]:
        return 0, 0
    length = 9 - data[0].bit_length()
    value = int.from_bytes(data[:length], "big")
    return length, value if keep_marker else value & (1 << 7 * length) - 1
