"""Files of one coded picture, for decoders that do not find it where it is.

libheif opens no sequence without a primary item (ISO/IEC 23008-12, 7), libavif no copy. Every loop
ends with the bytes of the index.
"""

import struct
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import BinaryIO

from ffprep.image.chunks import inner_boxes, iso_box
from ffprep.image.formats.heif_index import LONGEST_INDEX, Property

_TRACKS = (b"pict", b"vide")
_CODED = (b"hvc1", b"hev1")
_KEPT = (b"hvcC", b"colr")
_ESSENTIAL_PROPERTIES, _ESSENTIAL = (b"av1C", b"hvcC", b"clap", b"irot", b"imir"), 0x80


def first_picture(file: BinaryIO) -> BinaryIO | None:
    """Return the first picture of a sequence as a file; None if there is none that is HEVC."""
    for table in _sample_tables(iso_box(file, b"moov", LONGEST_INDEX) or b""):
        kind, entry = next(inner_boxes(table[b"stsd"][8:]), (b"", b""))
        if kind in _CODED:
            width, height = struct.unpack(">HH", entry[24:28])
            shape = b"ispe", struct.pack(">III", 0, width, height)
            kept = [found for found in inner_boxes(entry[78:]) if found[0] in _KEPT]
            return file_of_one_item(b"hvc1", [shape, *kept], _first_sample(file, table))
    return None


def _sample_tables(movie: bytes) -> Iterator[dict[bytes, bytes]]:
    """Yield the boxes of the sample table of each track of pictures."""
    for name, track in inner_boxes(movie):
        media = _boxes_of(_boxes_of(track).get(b"mdia", b"")) if name == b"trak" else {}
        if media.get(b"hdlr", b"")[8:12] in _TRACKS:
            yield _boxes_of(_boxes_of(media[b"minf"])[b"stbl"])


def _boxes_of(content: bytes) -> dict[bytes, bytes]:
    return dict(inner_boxes(content))


def _first_sample(file: BinaryIO, table: dict[bytes, bytes]) -> bytes:
    same, _, first = struct.unpack(">III", table[b"stsz"].ljust(16, b"\0")[4:16])
    chunks = table.get(b"stco")
    if chunks:
        (start,) = struct.unpack(">I", chunks[8:12])
    else:
        (start,) = struct.unpack(">Q", table[b"co64"][8:16])
    length = min(same or first, max(0, file.seek(0, 2) - start))
    file.seek(start)
    return file.read(length)


def file_of_one_item(kind: bytes, properties: Sequence[Property], data: bytes) -> BinaryIO:
    """Return a HEIC or AVIF of one item."""
    uses = bytes(
        number | (_ESSENTIAL if name in _ESSENTIAL_PROPERTIES else 0)
        for number, (name, _) in enumerate(properties, 1)
    )
    ipco = _box(b"ipco", b"".join(_box(name, content) for name, content in properties))
    ipma = _box(b"ipma", struct.pack(">IIHB", 0, 1, 1, len(uses)) + uses)
    before = [
        _box(b"hdlr", struct.pack(">II4s13x", 0, 0, b"pict")),
        _box(b"pitm", struct.pack(">IH", 0, 1)),
        _box(b"iinf", struct.pack(">IH", 0, 1) + _box(b"infe", b"\2\0\0\0\0\1\0\0" + kind + b"\0")),
        _box(b"iprp", ipco + ipma),
    ]
    brands = b"heic\0\0\0\0mif1heic" if kind == b"hvc1" else b"avif\0\0\0\0mif1avif"
    begin = _box(b"ftyp", brands)
    # An item of one extent: its number, source, count of extents, and where it stands.
    place = len(begin) + 12 + sum(map(len, before)) + 30 + 8
    where = struct.pack(">IBBHHHHII", 0, 0x44, 0, 1, 1, 0, 1, place, len(data))
    index = _box(b"meta", b"".join([bytes(4), *before, _box(b"iloc", where)]))
    return BytesIO(begin + index + _box(b"mdat", data))


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, name) + content
