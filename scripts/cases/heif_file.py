"""Write HEIF files box by box (ISO/IEC 23008-12), from pictures that Pillow has coded."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO

from PIL import Image

from ffprep.image.chunks import inner_boxes

_ESSENTIAL = (b"av1C", b"hvcC", b"irot", b"imir", b"clap", b"uncC")


@dataclass(frozen=True, slots=True)
class Item:
    """An item: `properties` are whole boxes, `references` a kind and numbers of items from 1."""

    type: bytes
    content: bytes = b""
    properties: tuple[bytes, ...] = ()
    references: tuple[tuple[bytes, tuple[int, ...]], ...] = ()

    def plus(self, *properties: bytes) -> "Item":
        """Return the item with more properties, which outrank those of their name that it has."""
        names = {box[4:8] for box in properties}
        kept = tuple(box for box in self.properties if box[4:8] not in names)
        return replace(self, properties=kept + properties)

    def to(self, kind: bytes, *numbers: int) -> "Item":
        """Return the item with one more reference to others."""
        return replace(self, references=(*self.references, (kind, numbers)))


def box(name: bytes, *parts: bytes) -> bytes:
    """Return a box."""
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), name) + content


def full_box(name: bytes, version: int, *parts: bytes) -> bytes:
    """Return a box with a version."""
    return box(name, struct.pack(">I", version << 24), *parts)


def coded(image: Image.Image, format: str, **options: object) -> Item:
    """Return the one item of a picture that Pillow writes as AVIF or HEIF."""
    file = BytesIO()
    if format == "AVIF":
        image.save(file, "AVIF", **{"quality": 95, "subsampling": "4:4:4", "speed": 9} | options)
    else:
        import pillow_heif

        picture = pillow_heif.from_pillow(image)
        picture.save(file, **{"quality": 95, "chroma": 444} | options)
    data = file.getvalue()
    index = dict(inner_boxes(dict(inner_boxes(data))[b"meta"][4:]))
    properties = dict(inner_boxes(index[b"iprp"]))[b"ipco"]
    kind = b"av01" if format == "AVIF" else b"hvc1"
    # The last two numbers of the table are where the item begins, and its length; libheif writes
    # where it begins as a base in front of them.
    start, length = struct.unpack(">II", index[b"iloc"][-8:])
    start = start or struct.unpack(">I", index[b"iloc"][-14:-10])[0]
    boxes = tuple(box(name, content) for name, content in inner_boxes(properties))
    return Item(kind, data[start : start + length], boxes)


def container(items: list[Item], primary: int = 1, brands: bytes = b"avifmif1miaf") -> bytes:
    """Return a file of items, which are numbered from 1; the first of the brands is the major."""
    properties = list(dict.fromkeys(entry for item in items for entry in item.properties))
    uses = b"".join(_uses(number, item, properties) for number, item in enumerate(items, 1))
    before = [
        full_box(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
        full_box(b"pitm", 0, struct.pack(">H", primary)),
        full_box(b"iinf", 0, struct.pack(">H", len(items)), *map(_entry, range(len(items)), items)),
        full_box(b"iref", 0, *_references(items)),
        box(
            b"iprp",
            box(b"ipco", *properties),
            full_box(b"ipma", 0, struct.pack(">I", len(items)), uses),
        ),
    ]
    kind = box(b"ftyp", brands[:4], bytes(4), brands)
    place = len(kind) + 12 + sum(map(len, before)) + 16 + 14 * len(items) + 8
    places = []
    for number, item in enumerate(items, 1):
        places.append(struct.pack(">HHHII", number, 0, 1, place, len(item.content)))
        place += len(item.content)
    table = full_box(b"iloc", 0, b"\x44\0", struct.pack(">H", len(items)), *places)
    index = full_box(b"meta", 0, *before, table)
    return kind + index + box(b"mdat", *(item.content for item in items))


def _uses(number: int, item: Item, properties: list[bytes]) -> bytes:
    numbers = (
        properties.index(entry) + 1 | (0x80 if entry[4:8] in _ESSENTIAL else 0)
        for entry in item.properties
    )
    return struct.pack(">HB", number, len(item.properties)) + bytes(numbers)


def _entry(before: int, item: Item) -> bytes:
    name = b"\0application/rdf+xml\0" if item.type == b"mime" else b"\0"
    return full_box(b"infe", 2, struct.pack(">HH4s", before + 1, 0, item.type), name)


def _references(items: list[Item]) -> Iterator[bytes]:
    for number, item in enumerate(items, 1):
        for kind, others in item.references:
            form = f">HH{len(others)}H"
            yield box(kind, struct.pack(form, number, len(others), *others))


def size(width: int, height: int) -> bytes:
    """Return the property of an item's size."""
    return full_box(b"ispe", 0, struct.pack(">II", width, height))


def turned(quarters: int) -> bytes:
    """Return the property of turning anticlockwise."""
    return box(b"irot", bytes([quarters]))


def mirrored(axis: int) -> bytes:
    """Return the property of mirroring: 0 top and bottom, 1 left and right."""
    return box(b"imir", bytes([axis]))


def clipped(width: int, height: int, left: int, top: int, of: tuple[int, int]) -> bytes:
    """Return the property of a clean aperture within a picture of a size."""
    across, down = 2 * left + width - of[0], 2 * top + height - of[1]
    return box(b"clap", struct.pack(">IIIIiIiI", width, 1, height, 1, across, 2, down, 2))


def colours(primaries: int, transfer: int, matrix: int, full_range: bool) -> bytes:
    """Return the property of colours by code points (ITU-T H.273)."""
    codes = struct.pack(">HHHB", primaries, transfer, matrix, full_range << 7)
    return box(b"colr", b"nclx", codes)


def profile(data: bytes) -> bytes:
    """Return the property of an ICC profile."""
    return box(b"colr", b"prof", data)


def depths(*bits: int) -> bytes:
    """Return the property of bits a channel."""
    return full_box(b"pixi", 0, bytes([len(bits), *bits]))


ALPHA = full_box(b"auxC", 0, b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
"""The property of a picture that is the alpha of another."""


def grid(columns: int, rows: int, width: int, height: int, first: int = 1) -> Item:
    """Return an item of tiles, which are the items from `first` on."""
    content = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    tiles = tuple(range(first, first + columns * rows))
    return Item(b"grid", content, (size(width, height),)).to(b"dimg", *tiles)
