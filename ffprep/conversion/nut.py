"""NUT, a container of FFmpeg that carries raw frames of different sizes through a pipe.

Only what FFmpeg's demuxer needs for one stream of raw video is written: version 4, whose flag
`pipe` allows frames of any length without points for seeking. Each frame has its number as a
timestamp, and its width and height as side data.
"""

from ffprep.core.geometry import Size

_FILE_ID = b"nut/multimedia container\0"
_MAIN, _STREAM, _SYNCPOINT = (
    bytes.fromhex(code) for code in ("4E4D7A561F5F04AD", "4E5311405BF2F9DB", "4E4BE4ADEECA4569")
)
_FOURCC = {
    "yuv444p": b"444P",
    "yuv422p": b"Y42B",
    "yuv420p": b"I420",
    "yuv440p": b"440P",
    "yuv411p": b"Y41B",
    "gray": b"Y800",
}

_VERSION, _PIPE = (4, 0), 2
_FARTHEST = 1 << 20

# A frame is a key frame, and says its timestamp, its size and side data.
_FRAME_FLAGS = 1 | 8 | 32 | 256
_FRAME_CODES = 255


def header(pixel_format: str, size: Size) -> bytes:
    """Return what comes before the first frame; `size` is that of any frame."""
    streams, time_bases = 1, (1, 1, 1)
    # Eight bits say which of 255 kinds a frame is of; all are alike.
    kinds = (_FRAME_FLAGS, 6, 0, 1, 0, 0, 0, _FRAME_CODES)
    main = _numbers(*_VERSION, streams, 1, *time_bases, *kinds, 0, _PIPE)
    fourcc = _FOURCC[pixel_format]
    stream = _numbers(0, 0, len(fourcc)) + fourcc
    stream += _numbers(0, 0, _FARTHEST, 0, 0, 0, size.width, size.height, 0, 0, 0)
    parts = _packet(_MAIN, main), _packet(_STREAM, stream), _packet(_SYNCPOINT, _numbers(0, 0))
    return _FILE_ID + b"".join(parts)


def frame_header(number: int, size: Size, length: int) -> bytes:
    """Return what comes before the `length` bytes of a frame's pixels."""
    sides = ((b"Width", size.width), (b"Height", size.height))
    side_data = _numbers(len(sides))
    for name, value in sides:
        side_data += _numbers(len(name)) + name + _numbers(2 * value - 1)  # a signed number
    side_data += _numbers(0)
    return b"\0" + _numbers(number + 1, len(side_data) + length) + side_data


def _packet(start: bytes, content: bytes) -> bytes:
    return start + _numbers(len(content) + 4) + content + _checksum(content).to_bytes(4, "big")


def _numbers(*values: int) -> bytes:
    """Write numbers in groups of seven bits, of which all but the last have the eighth bit set."""
    written = bytearray()
    for value in values:
        groups = range((max(value.bit_length(), 1) - 1) // 7, -1, -1)
        written += bytes((value >> 7 * group) & 127 | (128 if group else 0) for group in groups)
    return bytes(written)


def _checksum(data: bytes) -> int:
    """Return the CRC-32 of the polynomial 0x04C11DB7, highest bit first, which begins at 0."""
    rest = 0
    for byte in data:
        rest ^= byte << 24
        for _ in range(8):
            rest = (rest << 1) ^ (0x104C11DB7 if rest >> 31 else 0)
    return rest
