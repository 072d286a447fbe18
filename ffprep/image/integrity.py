"""Whether a picture or film is all there, as far as FFmpeg's decoders do not say so.

Usually their complaints do. If they do not say what they are about, or if FFmpeg goes on without a
complaint, the file itself is read.
"""

import struct
from hashlib import sha256
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import BinaryIO

from ffprep.core.decoder_log import INCOMPLETE, DecoderLog
from ffprep.core.image_info import ImageInfo
from ffprep.errors import Kind, PhotoError
from ffprep.image.chunks import SOS, iso_boxes, jpeg_segments, png_has_right_checksums
from ffprep.image.formats.jpeg import JPEG_LS, for_pillow
from ffprep.image.pillow import opened
from ffprep.system.files import open_regular

_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1, 0xC3), 0xC2
_EOI = b"\xff\xd9"
_ROWS = 256

# Bits to put where a file breaks off: a decoder that still needs some makes another picture of
# each. Restart markers are among them, from another one each time: a decoder that waits for one
# skips the rest, and does not accept one that comes one or two too early.
_RESTARTS = tuple(bytes((0xFF, marker)) for marker in range(0xD0, 0xD8))
_FILLS = tuple(
    b"".join(bytes([bits]) * 64 + restart for restart in _RESTARTS[first:] + _RESTARTS[:first])
    for first, bits in enumerate((0x00, 0x55, 0xF0, 0x33, 0x99, 0x7F, 0xF7, 0xDD))
)

_SOT, _EOC = 0xFF90, 0xFFD9
_MATROSKA_SEGMENT = b"\x18\x53\x80\x67"
_LONGEST_HEAD = 1 << 16
_GIF_END = b";"


def damage(path: Path, picture: ImageInfo, log: DecoderLog) -> str | None:
    """Return what shows that a part of the picture is missing; None if it is whole.

    The log is not conclusive (see `DecoderLog`). Raises PhotoError as `probe` does.
    """
    name = picture.format.name
    if name == "png":  # FFmpeg does not say in which chunk a checksum is wrong
        sound = hidden_damage(path, picture) is None and not _failure(path, picture)
        return None if sound else log.damage[0]
    if name == "jpeg":  # FFmpeg fills up the last block, and accepts that whole scans are missing
        return None if is_complete_jpeg(_content(path)) else "the file ends early"
    if name in ("gif", "webp"):  # FFmpeg's decoders do not notice where the bits run out
        return INCOMPLETE if _failure(path, picture) else None
    return hidden_damage(path, picture)


def hidden_damage(path: Path, picture: ImageInfo) -> str | None:
    """Return what shows that a picture is not the one that was written, though decoders accept it.

    Raises PhotoError as `probe` does.
    """
    name = picture.format.name
    if name == "png":
        with open_regular(path) as file:
            return None if png_has_right_checksums(file) else "a checksum is wrong"
    if name == "jpeg2000":
        return None if is_complete_jpeg2000(_content(path)) else "some tiles are missing"
    if name == "tiff":
        from ffprep.image.formats import tiff

        with opened(path, picture) as image:
            return None if tiff.has_all_rows(image) else "some rows are missing"
    return None


def require_whole(path: Path, picture: ImageInfo) -> None:
    """Decode a file whole, with Pillow. Raises PhotoError as `probe` does.

    A JPEG that lacks only its end counts as whole, though not for Pillow.
    """
    error = _failure(path, picture)
    if error and picture.format.name == "jpeg":
        data = _content(path)
        if not _has_end(data) and is_complete_jpeg(data):
            return
    if error:
        raise error


def _content(path: Path) -> bytes:
    with open_regular(path) as file:
        return file.read()


def _has_end(data: bytes) -> bool:
    return data.rstrip(b"\0").endswith(_EOI)


def _failure(path: Path, picture: ImageInfo) -> PhotoError | None:
    """Return the error of a file that Pillow does not decode. Raises PhotoError of other kinds."""
    try:
        with opened(path, picture) as image:
            if not (image.info.get("ffmpeg_only") == JPEG_LS and _has_end(_content(path))):
                image.load()
    except PhotoError as error:
        if error.kind is not Kind.DAMAGED:
            raise
        return error
    return None


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

    digest = sha256()
    with JpegImageFile(for_pillow(BytesIO(data))[0]) as image:
        for top in range(0, image.height, _ROWS):
            rows = image.crop((0, top, image.width, min(top + _ROWS, image.height)))
            digest.update(rows.tobytes())
    return digest.digest()


def _has_all_scans(data: bytes) -> bool:
    """Return whether every coefficient of every component is there, to its last bit."""
    components, progressive, missing = b"", False, dict[tuple[int, int], int]()
    for marker, start, end in jpeg_segments(data):
        content = data[start + 4 : end]
        if marker in (*_SEQUENTIAL, _PROGRESSIVE):
            components, progressive = content[6 : 6 + 3 * content[5] : 3], marker == _PROGRESSIVE
        elif marker == SOS:
            behind = 1 + 2 * content[0]
            first, last, bits = content[behind : behind + 3]
            places, low = (range(first, last + 1), bits & 15) if progressive else (range(64), 0)
            missing |= {(name, at): low for name in content[1:behind:2] for at in places}
    wanted = ((name, at) for name in components for at in range(64))
    return bool(components) and all(missing.get(each) == 0 for each in wanted)


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
    size = struct.unpack_from(">8I", data, place + 8)
    (width, height), (tile_width, tile_height, left, top) = size[:2], size[4:]
    if not tile_width or not tile_height:
        return False
    tiles = ceil((width - left) / tile_width) * ceil((height - top) / tile_height)
    place += 2
    while (marker := _short(data, place)) != _SOT:
        if marker == _EOC:
            return False
        place += 2 + _short(data, place + 2)
    found = set[int]()
    while _short(data, place) == _SOT:
        tile, length = struct.unpack_from(">HI", data, place + 4)
        found.add(tile)
        if length == 0:  # the last one, to the end
            return len(found) == tiles and _has_end(data)
        place += length
    return len(found) == tiles and _short(data, place) == _EOC


def _short(data: bytes, place: int) -> int:
    return int(struct.unpack_from(">H", data, place)[0])


def film_ends_early(file: BinaryIO, container: str) -> bool:
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
    end = file.seek(0, 2)
    file.seek(0)
    before, segment, behind = file.read(_LONGEST_HEAD).partition(_MATROSKA_SEGMENT)
    if not behind or not behind[0]:
        return False
    width = 9 - behind[0].bit_length()
    unknown = (1 << 7 * width) - 1
    size = int.from_bytes(behind[:width], "big") & unknown  # without the bit that marks the width
    return size != unknown and len(before + segment) + width + size > end
