"""JPEG 2000: whether all tiles of a codestream are there (ISO/IEC 15444-1, annex A)."""

import struct
from math import ceil

_SOT, _EOC = 0xFF90, 0xFFD9


def is_complete(data: bytes) -> bool:
    """Whether every tile has a part, and every part all of its bytes, to the end of the codestream."""
    place = data.find(b"\xff\x4f\xff\x51")  # in a JP2, boxes come before it
    try:
        return place >= 0 and _has_all_tiles(data, place)
    except struct.error:  # it breaks off
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
    """How many the SIZ segment says there are."""
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
