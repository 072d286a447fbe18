"""GIFs."""

import struct

from scripts.cases.case import IN_THE_MIDDLE, SQUARES, Case, Feature

_BACKGROUND = (16, 32, 192)


def _small_first_frame() -> bytes:
    """Return an animation whose first frame covers the middle of its canvas."""
    colours = b"".join(map(bytes, (*SQUARES, _BACKGROUND, *[(0, 0, 0)] * 3)))
    screen = struct.pack("<6sHHBBB", b"GIF89a", 96, 80, 0xF2, 4, 0) + colours
    frames = b"".join(
        b"!\xf9\x04\4\x0a\0\0\0" + struct.pack("<cHHHHB", b",", *place, 0) + _coded(*place[2:])
        for place in ((24, 20, 48, 40), (0, 0, 96, 80))
    )
    return screen + frames + b";"


def _coded(width: int, height: int) -> bytes:
    """Return four quarters in LZW of 3 bits, whose table is cleared before it grows."""
    rows = [[half] * (width // 2) + [half + 1] * (width // 2) for half in (0, 2)]
    values = [value for half in rows for _ in range(height // 2) for value in half]
    codes = [code for at in range(0, len(values), 6) for code in (8, *values[at : at + 6])]
    number = sum(code << 4 * place for place, code in enumerate([*codes, 9]))
    data = number.to_bytes(len(codes) // 2 + 1, "little")
    blocks = (data[at : at + 255] for at in range(0, len(data), 255))
    return b"\3" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


CASES = (
    Case(
        "GIF",
        Feature.FIRST_PICTURE,
        "first frame smaller than its canvas",
        ".gif",
        _small_first_frame,
        IN_THE_MIDDLE,
    ),
)
