"""The index of AVIF and HEIC: which item is the picture, and what it is made of.

ISO/IEC 23008-12 (HEIF) and 14496-12. Every loop ends with the bytes of the index, whose length is
limited. Files are also written: of one coded picture, for decoders that do not find it where it is
(libheif opens no sequence without a primary item, libavif no copy); and AVIFs with metadata.
"""

import struct
from collections import defaultdict
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import BinaryIO

from ffprep.image.chunks import inner_boxes, iso_box
from ffprep.record import Record

_TRACKS = (b"pict", b"vide")
_CODED = (b"hvc1", b"hev1")
_KEPT = (b"hvcC", b"colr")
_ESSENTIAL_PROPERTIES, _ESSENTIAL = (b"av1C", b"hvcC", b"clap", b"irot", b"imir"), 0x80
_XMP = b"application/rdf+xml\0"
_DEEPEST = 8

Extent = tuple[int, int]
"""The start and the end of some bytes of an item, in the file."""

Property = tuple[bytes, bytes]
"""The name and the content of a box that describes an item."""


class Item(Record):
    """A picture, or a part of one.

    `properties` are in the order in which they apply. `sources` are the items that a derived one is
    made of. `extents` are empty for bytes within the index.
    """

    id: int
    type: bytes
    properties: tuple[Property, ...]
    sources: tuple[int, ...]
    extents: tuple[Extent, ...]

    def property(self, name: bytes, start: bytes = b"") -> bytes | None:
        """Return the content behind `start` of the first property of a name; None without one."""
        found = (content for box, content in self.properties if box == name)
        return next((content[len(start) :] for content in found if content.startswith(start)), None)


class Index(Record):
    """The items of a file by their numbers, and the names of the boxes that describe them."""

    primary: Item
    items: dict[int, Item]
    boxes: tuple[bytes, ...]

    @property
    def source(self) -> Item:
        """The first item that the primary one is derived from; itself if it is coded."""
        return self._source(self.primary)

    @property
    def coded(self) -> Item:
        """The first coded item that the primary one is derived from; itself if it is coded."""
        item = self.primary
        for _ in range(_DEEPEST):
            item = self._source(item)
        return item

    def _source(self, item: Item) -> Item:
        return self.items.get(item.sources[0], item) if item.sources else item

    def copied(self) -> tuple[Item, tuple[Property, ...]]:
        """Return the item that the primary one is a copy of (`iden`), and the properties of copies.

        If it is not a copy, that is the primary item itself.
        """
        item, properties = self.primary, tuple[Property, ...]()
        for _ in range(_DEEPEST):
            if item.type == b"iden":
                properties, item = item.properties + properties, self._source(item)
        return item, properties

    def parts(self) -> Iterator[Item]:
        """Yield the primary item and those that it is derived from directly."""
        yield self.primary
        yield from (self.items[id] for id in self.primary.sources if id in self.items)

    def property(self, name: bytes, start: bytes = b"") -> bytes | None:
        """Return a property of the primary item, or if it has none, of the coded one."""
        own = self.primary.property(name, start)
        return self.coded.property(name, start) if own is None else own


def read_index(file: BinaryIO) -> Index | None:
    """Return the index of a file; None if it is broken, too long or without a primary item."""
    content = iso_box(file, b"meta")
    try:
        return _index(content[4:]) if content else None
    except (KeyError, IndexError):
        return None


class _Numbers(BytesIO):
    """Reads the numbers of a box, one after the other. Raises IndexError at its end."""

    def next(self, length: int) -> int:
        return int.from_bytes(self.bytes(length), "big")

    def bytes(self, length: int) -> bytes:
        data = self.read(length)
        if len(data) < length:
            raise IndexError
        return data

    def many(self, count: int, length: int) -> tuple[int, ...]:
        return tuple(self.next(length) for _ in range(count))


def _index(content: bytes) -> Index:
    found = dict(inner_boxes(content))
    types = dict(_types(found[b"iinf"]))
    properties = dict(_properties(found.get(b"iprp", b"")))
    sources = dict(_sources(found.get(b"iref", b"")))
    extents = dict(_extents(found.get(b"iloc", b"")))
    items = {
        id: Item(id, type, properties.get(id, ()), sources.get(id, ()), extents.get(id, ()))
        for id, type in types.items()
    }
    primary = found[b"pitm"]
    return Index(items[_Numbers(primary[4:]).next(_id_length(primary))], items, tuple(found))


def _id_length(box: bytes, version: int = 1) -> int:
    """Return the bytes of an item's number; from this version of a box on, they are four."""
    return 4 if box[:1] >= bytes([version]) else 2


def _types(box: bytes) -> Iterator[tuple[int, bytes]]:
    for name, entry in inner_boxes(box[4 + _id_length(box) :]):
        if name == b"infe" and entry[:1] in (b"\2", b"\3"):
            numbers = _Numbers(entry[4:])
            id, _ = numbers.next(_id_length(entry, 3)), numbers.next(2)
            yield id, numbers.bytes(4)


def _properties(box: bytes) -> Iterator[tuple[int, tuple[Property, ...]]]:
    found = list(inner_boxes(box))
    known = list(inner_boxes(dict(found).get(b"ipco", b"")))
    for table in (content for name, content in found if name == b"ipma"):
        numbers, wide = _Numbers(table[4:]), table[3] & 1
        for _ in range(numbers.next(4)):
            id = numbers.next(_id_length(table))
            # The first bit says that the property is essential; properties are counted from 1.
            places = (
                number & (0x7FFF if wide else 0x7F)
                for number in numbers.many(numbers.next(1), 1 + wide)
            )
            yield id, tuple(known[place - 1] for place in places if 0 < place <= len(known))


def _sources(box: bytes) -> Iterator[tuple[int, tuple[int, ...]]]:
    length = _id_length(box)
    for name, content in inner_boxes(box[4:]):
        numbers = _Numbers(content)
        if name == b"dimg":
            yield numbers.next(length), numbers.many(numbers.next(2), length)


def _extents(box: bytes) -> Iterator[tuple[int, tuple[Extent, ...]]]:
    if not box:
        return
    numbers, version = _Numbers(box[4:]), box[0]
    sizes, others = numbers.next(1), numbers.next(1)
    parts = (others & 15 if version else 0, sizes >> 4, sizes & 15)
    found = defaultdict[int, list[Extent]](list)
    for _ in range(numbers.next(_id_length(box, 2))):
        id = numbers.next(_id_length(box, 2))
        in_file = not version or numbers.next(2) & 15 == 0
        _, base, count = numbers.next(2), numbers.next(others >> 4), numbers.next(2)
        for _ in range(count if any(parts) else 1):
            _, start, length = map(numbers.next, parts)
            if in_file:
                found[id].append((base + start, base + start + length))
    yield from ((id, tuple(extents)) for id, extents in found.items())


def first_picture(file: BinaryIO) -> BinaryIO | None:
    """Return the first picture of a sequence as a file; None if there is none that is HEVC."""
    for table in _sample_tables(iso_box(file, b"moov") or b""):
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
        _property_boxes([item.properties for item in items]),
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


def _property_boxes(items: Sequence[tuple[Property, ...]]) -> bytes:
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
