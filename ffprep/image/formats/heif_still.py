"""Files of one coded picture, for decoders that do not find it where it is.

libheif opens no sequence without a primary item (ISO/IEC 23008-12, 7), libavif no copy. Every loop
ends with the bytes of the index. Also AVIFs to be written, with metadata.
"""

import struct
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import BinaryIO

from ffprep.image.chunks import inner_boxes, iso_box
from ffprep.image.formats.heif_index import LONGEST_INDEX, Property
from ffprep.record import Record

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


_XMP = b"application/rdf+xml\0"


class NewItem(Record):
    """An item of a file to be written: its type, properties and bytes.

    What is not the picture itself says by `refers` what it is to it: `auxl`, `cdsc`.
    """

    type: bytes
    properties: tuple[Property, ...]
    data: bytes
    refers: bytes = b""


def file_of_one_item(kind: bytes, properties: Sequence[Property], data: bytes) -> BinaryIO:
    """Return a HEIC or AVIF of one item."""
    brands = b"heic\0\0\0\0mif1heic" if kind == b"hvc1" else b"avif\0\0\0\0mif1avif"
    return BytesIO(file_of_items(_box(b"ftyp", brands), [NewItem(kind, tuple(properties), data)]))


def file_of_items(begin: bytes, items: Sequence[NewItem]) -> bytes:
    """Return a HEIC or AVIF that begins with a `ftyp` box; the first item is the picture."""
    numbered = list(enumerate(items, 1))
    entries = [struct.pack(">IHH", 2 << 24, id, 0) + item.type + b"\0" for id, item in numbered]
    entries = [each + _XMP if each[8:12] == b"mime" else each for each in entries]
    references = ((item.refers, struct.pack(">HHH", id, 1, 1)) for id, item in numbered)
    before = [
        _box(b"hdlr", struct.pack(">II4s13x", 0, 0, b"pict")),
        _box(b"pitm", struct.pack(">IH", 0, 1)),
        _box(
            b"iinf",
            struct.pack(">IH", 0, len(items)) + b"".join(_box(b"infe", each) for each in entries),
        ),
        _properties([item.properties for item in items]),
        _box(b"iref", bytes(4) + b"".join(_box(*each) for each in references if each[0])),
    ]
    # Each item has one extent: its number, source, count of extents, and where it stands.
    place = len(begin) + 12 + sum(map(len, before)) + 16 + 14 * len(items) + 8
    where = struct.pack(">IBBH", 0, 0x44, 0, len(items))
    for id, item in numbered:
        where += struct.pack(">HHHII", id, 0, 1, place, len(item.data))
        place += len(item.data)
    index = _box(b"meta", b"".join([bytes(4), *before, _box(b"iloc", where)]))
    return begin + index + _box(b"mdat", b"".join(item.data for item in items))


def _properties(items: Sequence[tuple[Property, ...]]) -> bytes:
    known = [found for properties in items for found in properties]
    table, number = struct.pack(">II", 0, len(items)), 1
    for id, properties in enumerate(items, 1):
        table += struct.pack(">HB", id, len(properties))
        for name, _ in properties:
            table += bytes((number | (_ESSENTIAL if name in _ESSENTIAL_PROPERTIES else 0),))
            number += 1
    ipco = _box(b"ipco", b"".join(_box(*found) for found in known))
    return _box(b"iprp", ipco + _box(b"ipma", table))


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, name) + content
