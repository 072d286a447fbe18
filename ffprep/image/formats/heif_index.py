"""The index of AVIF and HEIC: which item is the picture, and what it is made of.

ISO/IEC 23008-12 (HEIF) and 14496-12. Every loop ends with the bytes of the index, whose length is
limited.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import BinaryIO

from ffprep.image.chunks import inner_boxes, iso_box
from ffprep.record import Record

LONGEST_INDEX = 4 << 20
"""The most bytes of an index; that of a photo has some thousand."""

_DEEPEST = 8

Extent = tuple[int, int]
"""The start and the end of some bytes of an item, in the file."""

Property = tuple[bytes, bytes]
"""The name and the content of a box that describes an item."""


class Item(Record):
    """A picture, or a part of one.

    `properties` are in the order in which they apply. `sources` are
    the items that a derived one is made of. `extents` are empty for bytes within the index.
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
    content = iso_box(file, b"meta", LONGEST_INDEX)
    try:
        return _index(content[4:]) if content else None
    except (_End, KeyError, IndexError):
        return None


class _End(Exception):
    """The bytes of a box end before a number that should be there."""


class _Numbers:
    """Reads the numbers of a box, one after the other."""

    def __init__(self, content: bytes, at: int = 0) -> None:
        self._content, self._at = content, at

    def next(self, length: int) -> int:
        return int.from_bytes(self.bytes(length), "big")

    def bytes(self, length: int) -> bytes:
        start, self._at = self._at, self._at + length
        if self._at > len(self._content):
            raise _End
        return self._content[start : self._at]

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
    return Index(items[_Numbers(primary, 4).next(_id_length(primary))], items, tuple(found))


def _id_length(box: bytes, version: int = 1) -> int:
    """Return the bytes of an item's number; from this version of a box on, they are four."""
    return 4 if box[:1] >= bytes([version]) else 2


def _types(box: bytes) -> Iterator[tuple[int, bytes]]:
    for name, entry in inner_boxes(box[4 + _id_length(box) :]):
        if name == b"infe" and entry[:1] in (b"\2", b"\3"):
            numbers = _Numbers(entry, 4)
            id, _ = numbers.next(_id_length(entry, 3)), numbers.next(2)
            yield id, numbers.bytes(4)


def _properties(box: bytes) -> Iterator[tuple[int, tuple[Property, ...]]]:
    found = list(inner_boxes(box))
    known = list(inner_boxes(dict(found).get(b"ipco", b"")))
    for table in (content for name, content in found if name == b"ipma"):
        numbers, wide = _Numbers(table, 4), table[3] & 1
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
    numbers, version = _Numbers(box, 4), box[0]
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
