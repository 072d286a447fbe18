"""The first picture of a HEIF sequence (ISO/IEC 23008-12, 7) as a HEIC, for libheif.

libheif opens no file without a primary item. Every loop ends with the bytes of the index.
"""

import struct
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from ffprep.image.chunks import iso_box
from ffprep.image.heif_index import LONGEST_INDEX, boxes

_TRACKS = (b"pict", b"vide")
_CODED = (b"hvc1", b"hev1")
_KEPT = (b"hvcC", b"colr")


def first_picture(file: BinaryIO) -> BinaryIO | None:
    """Return the first picture of a sequence as a file; None if there is none that is HEVC."""
    for table in _sample_tables(iso_box(file, b"moov", LONGEST_INDEX) or b""):
        kind, entry = next(boxes(table[b"stsd"][8:]), (b"", b""))
        if kind in _CODED:
            return BytesIO(_still(entry, _first_sample(file, table)))
    return None


def _sample_tables(movie: bytes) -> Iterator[dict[bytes, bytes]]:
    """Yield the boxes of the sample table of each track of pictures."""
    for name, track in boxes(movie):
        media = dict(boxes(dict(boxes(track)).get(b"mdia", b""))) if name == b"trak" else {}
        if media.get(b"hdlr", b"")[8:12] in _TRACKS:
            yield dict(boxes(dict(boxes(media[b"minf"]))[b"stbl"]))


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


def _still(entry: bytes, sample: bytes) -> bytes:
    """Return a HEIC of one picture, described by the entry of a sample table."""
    width, height = struct.unpack(">HH", entry[24:28])
    properties = [_box(b"ispe", struct.pack(">III", 0, width, height))]
    properties += [_box(name, content) for name, content in boxes(entry[78:]) if name in _KEPT]
    uses = bytes(range(1, len(properties) + 1))
    before = [
        _box(b"hdlr", struct.pack(">II4s13x", 0, 0, b"pict")),
        _box(b"pitm", struct.pack(">IH", 0, 1)),
        _box(b"iinf", struct.pack(">IH", 0, 1) + _box(b"infe", b"\2\0\0\0\0\1\0\0hvc1\0")),
        _box(
            b"iprp",
            _box(b"ipco", b"".join(properties))
            + _box(b"ipma", struct.pack(">IIHB", 0, 1, 1, len(uses)) + uses),
        ),
    ]
    kind = _box(b"ftyp", b"heic\0\0\0\0mif1heic")
    # An item of one extent: its number, source, count of extents, and where it stands.
    place = len(kind) + 12 + sum(map(len, before)) + 30 + 8
    where = struct.pack(">IBBHHHHII", 0, 0x44, 0, 1, 1, 0, 1, place, len(sample))
    index = _box(b"meta", b"".join([bytes(4), *before, _box(b"iloc", where)]))
    return kind + index + _box(b"mdat", sample)


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, name) + content
