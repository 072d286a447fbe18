"""AVIF and HEIC."""

import struct
from collections.abc import Callable, Iterator
from functools import cache, partial
from io import BytesIO

from PIL import Image

from ffprep.core.geometry import Size
from scripts.cases import heif_file as heif
from scripts.cases.case import SIZE, SQUARES, Case, Feature, Pixels, Verdict, quarters, squares
from scripts.cases.heif_file import Item, box, coded, container, full_box

_BRANDS = {"AVIF": b"avifmif1miaf", "HEIF": b"heicmif1miaf"}
_TILE = 64
_SRGB = heif.colours(1, 13, 6, True)


@cache
def _one(format: str) -> Item:
    return coded(squares(), format).plus(_SRGB)


def _file(format: str, *items: Item, primary: int = 1, brands: bytes = b"") -> bytes:
    return container(list(items), primary, brands or _BRANDS[format])


def _changed(format: str, *properties: bytes) -> bytes:
    """Return a file of one picture with more properties."""
    return _file(format, _one(format).plus(*properties))


@cache
def _tiles(format: str, alpha: bool) -> tuple[Item, ...]:
    """Return four tiles of 64x64, of which 96x80 pixels are the picture."""
    picture = Image.new("RGB", (2 * _TILE, 2 * _TILE), SQUARES[3])
    picture.paste(squares())
    if alpha:
        picture = Image.new("L", picture.size, 128)
        picture.paste(255, (0, 0, 48, 40))
    corners = [(x, y) for y in (0, _TILE) for x in (0, _TILE)]
    parts = [picture.crop((x, y, x + _TILE, y + _TILE)) for x, y in corners]
    kind = heif.ALPHA if alpha else _SRGB
    return tuple(coded(part, format).plus(kind) for part in parts)


def _grid(format: str, *properties: bytes, alpha: bool = False) -> bytes:
    tiles = _tiles(format, False)
    whole = heif.grid(2, 2, SIZE.width, SIZE.height).plus(_SRGB, heif.depths(8, 8, 8), *properties)
    items = [*tiles, whole]
    if alpha:
        items += _tiles(format, True)
        plane = heif.grid(2, 2, SIZE.width, SIZE.height, first=len(tiles) + 2)
        plane = plane.plus(heif.ALPHA, heif.depths(8, 8, 8)).to(b"auxl", len(tiles) + 1)
        items.append(plane)
    return _file(format, *items, primary=len(tiles) + 1)


def _second_grid(format: str) -> bytes:
    """Return a file whose first grid is not its picture."""
    tiles = _tiles(format, True)
    other = heif.grid(2, 2, SIZE.width, SIZE.height).plus(heif.depths(8, 8, 8))
    whole = heif.grid(2, 2, SIZE.width, SIZE.height, first=6).plus(_SRGB, heif.depths(8, 8, 8))
    return _file(format, *tiles, other, *_tiles(format, False), whole, primary=10)


def _derived(format: str, kind: bytes, content: bytes = b"", *properties: bytes) -> bytes:
    shape = (heif.size(SIZE.width, SIZE.height), _SRGB, heif.depths(8, 8, 8), *properties)
    return _file(format, _one(format), Item(kind, content, shape).to(b"dimg", 1), primary=2)


def _overlay(format: str) -> bytes:
    """Return a picture laid on the upper left corner of a white canvas of its size."""
    white = (0xFFFF,) * 4
    content = struct.pack(">BB4HHHii", 0, 0, *white, SIZE.width, SIZE.height, 0, 0)
    return _derived(format, b"iovl", content)


def _gain_mapped(format: str) -> bytes:
    """Return a file whose primary picture is derived by a gain map, for HDR screens."""
    gain = coded(squares().convert("L").resize((64, 64)), format)
    shape = (heif.size(SIZE.width, SIZE.height), heif.colours(9, 16, 9, True))
    derived = Item(b"tmap", bytes(62), shape).to(b"dimg", 1, 2)
    return _file(format, _one(format), gain, derived, primary=3, brands=_BRANDS[format] + b"tmap")


def _translucent(format: str, value: int, premultiplied: bool = False) -> bytes:
    plane = coded(Image.new("L", squares().size, value), format).plus(heif.ALPHA).to(b"auxl", 1)
    picture = _one(format)
    if premultiplied:
        dark = squares().point(lambda channel: channel * value // 255)
        picture = coded(dark, format, quality=100).plus(_SRGB).to(b"prem", 2)
    return _file(format, picture, plane)


def _in_two_parts(format: str) -> bytes:
    """Return a file of one picture whose bytes are in two places."""
    data, item = _changed(format), _one(format)
    table = struct.pack(">HHHII", 1, 0, 1, len(data) - len(item.content), len(item.content))
    front, behind = data.split(table)
    behind = behind[: -len(item.content) - 8]
    half, begin = len(item.content) // 2, len(data) - len(item.content) + 8
    parts = struct.pack(">IIII", begin, half, begin + half + 8, len(item.content) - half)
    front = front.replace(struct.pack(">I4s", 30, b"iloc"), struct.pack(">I4s", 38, b"iloc"))
    length = struct.unpack(">I", data[data.index(b"meta") - 4 : data.index(b"meta")])[0]
    front = front.replace(
        struct.pack(">I4s", length, b"meta"), struct.pack(">I4s", length + 8, b"meta")
    )
    content = item.content[:half] + bytes(8) + item.content[half:]
    return front + struct.pack(">HHH", 1, 0, 2) + parts + behind + box(b"mdat", content)


def _properties_first(format: str) -> bytes:
    """Return a file whose properties stand before the list of its items."""
    data = _changed(format)
    start, middle, end = data.index(b"iinf") - 4, data.index(b"iprp") - 4, data.index(b"iloc") - 4
    return data[:start] + data[middle:end] + data[start:middle] + data[end:]


def _other_brands(format: str, brands: bytes) -> bytes:
    return _file(format, _one(format), brands=brands)


def _sequence() -> bytes:
    """Return a sequence of HEVC pictures without a primary item: one track, no `meta` box."""
    item = coded(squares(), "HEIF")
    kept = [entry for entry in item.properties if entry[4:8] in (b"hvcC", b"colr")]
    entry = box(
        b"hvc1",
        struct.pack(">6xH16xHH", 1, SIZE.width, SIZE.height),
        struct.pack(">IIIH32xHh", 72 << 16, 72 << 16, 0, 1, 24, -1),
        *kept,
    )
    kind = box(b"ftyp", b"hevc", bytes(4), b"msf1hevc")
    data = box(b"mdat", item.content)
    table = box(
        b"stbl",
        full_box(b"stsd", 0, struct.pack(">I", 1), entry),
        full_box(b"stts", 0, struct.pack(">III", 1, 1, 1)),
        full_box(b"stsc", 0, struct.pack(">IIII", 1, 1, 1, 1)),
        full_box(b"stsz", 0, struct.pack(">III", 0, 1, len(item.content))),
        full_box(b"stco", 0, struct.pack(">II", 1, len(kind) + 8)),
    )
    media = box(
        b"mdia",
        full_box(b"mdhd", 0, struct.pack(">IIIIHH", 0, 0, 1, 1, 0, 0)),
        full_box(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
        box(b"minf", table),
    )
    header = full_box(b"mvhd", 0, struct.pack(">IIII80x", 0, 0, 1, 1))
    return kind + data + box(b"moov", header, box(b"trak", media))


def _avif_sequence() -> bytes:
    file = BytesIO()
    last = Image.new("RGB", squares().size)
    squares().save(
        file, "AVIF", save_all=True, append_images=[last], quality=95, subsampling="4:4:4"
    )
    return file.getvalue()


def _uncompressed() -> bytes:
    """Return a picture of interleaved bytes (ISO/IEC 23001-17)."""
    parts = b"".join(struct.pack(">HBBB", number, 7, 0, 0) for number in range(3))
    layout = full_box(
        b"uncC", 0, bytes(4), struct.pack(">I", 3), parts, bytes([0, 1, 0, 0]), bytes(20)
    )
    meaning = box(b"cmpd", struct.pack(">IHHH", 3, 4, 5, 6))
    shape = (heif.size(SIZE.width, SIZE.height), layout, meaning)
    return _file("HEIF", Item(b"unci", squares().tobytes(), shape), brands=b"mif1unif")


def _jpeg_within() -> bytes:
    file = BytesIO()
    squares().save(file, "JPEG")
    shape = (heif.size(SIZE.width, SIZE.height),)
    return _file("HEIF", Item(b"jpeg", file.getvalue(), shape), brands=b"mif1jpeg")


def _xmp_orientation(format: str) -> bytes:
    words = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-'
    words += b'rdf-syntax-ns#"><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:'
    words += b'Orientation="6"/></rdf:RDF></x:xmpmeta>'
    return _file(format, _one(format), Item(b"mime", words).to(b"cdsc", 1))


_LUMA = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}
"""The weights of red and blue in luma, by the matrices of ITU-T H.273."""


def _misread(matrix: int, full_range: bool) -> Pixels:
    """Return the squares coded with BT.601 in full range, and decoded by other rules."""
    return quarters(*(_other(colour, matrix, full_range) for colour in SQUARES))


def _other(colour: tuple[int, ...], matrix: int, full_range: bool) -> tuple[int, ...]:
    (red, blue), (r, g, b) = _LUMA[6], map(float, colour)
    y = red * r + (1 - red - blue) * g + blue * b
    u, v = (b - y) / (2 - 2 * blue), (r - y) / (2 - 2 * red)
    if not full_range:
        y, u, v = (y - 16) * 255 / 219, u * 255 / 224, v * 255 / 224
    red, blue = _LUMA[matrix]
    r, b = y + (2 - 2 * red) * v, y + (2 - 2 * blue) * u
    g = (y - red * r - blue * b) / (1 - red - blue)
    return tuple(min(255, max(0, round(channel))) for channel in (r, g, b))


def _green_blue_red() -> Pixels:
    """Return the squares with the planes of YCbCr, read as green, blue and red."""
    pixels = (
        Image.new("RGB", (1, 1), colour).convert("YCbCr").getpixel((0, 0)) for colour in SQUARES
    )
    return quarters(*((v, y, u) for y, u, v in pixels))  # type: ignore[misc]


_A, _B, _C, _D = SQUARES
_TALL = Size(SIZE.height, SIZE.width)


def _tall(*colours: tuple[int, ...]) -> Pixels:
    places = ((20, 24), (60, 24), (20, 72), (60, 72))
    return tuple(zip(places, colours, strict=True))


def _with_alpha(alpha: int) -> Pixels:
    return quarters(*((*colour, alpha) for colour in SQUARES))


Make = Callable[[], bytes]
_SQUARES = quarters()


def _both() -> Iterator[Case]:
    """Yield the cases that exist as AVIF and as HEIC."""
    for row, format, suffix in (("AVIF", "AVIF", ".avif"), ("HEIC", "HEIF", ".heic")):

        def case(
            feature: Feature,
            name: str,
            make: Callable[..., bytes],
            *arguments: object,
            pixels: Pixels = _SQUARES,
            size: Size = SIZE,
            row: str = row,
            format: str = format,
            suffix: str = suffix,
            **named: object,
        ) -> Case:
            bound = partial(make, format, *arguments, **named)
            return Case(row, feature, name, suffix, bound, pixels, size)

        kind, turned = Feature.KIND, Feature.ORIENTATION
        yield case(kind, "one picture", _changed)
        yield case(kind, "tiles, cut to size", _grid)
        yield case(kind, "tiles behind other tiles", _second_grid)
        yield case(kind, "a copy (iden)", _derived, b"iden")
        yield case(kind, "a gain map as the primary picture", _gain_mapped)
        yield case(kind, "bytes in two places", _in_two_parts)
        yield case(kind, "properties before items", _properties_first)
        yield case(kind, "general brands", _other_brands, b"mif1miaf")
        yield case(
            Feature.ALPHA,
            "tiles",
            _grid,
            pixels=quarters((*_A, 255), *((*colour, 128) for colour in (_B, _C, _D))),
            alpha=True,
        )
        yield case(Feature.ALPHA, "255", _translucent, 255, pixels=_with_alpha(255))
        yield case(Feature.ALPHA, "128", _translucent, 128, pixels=_with_alpha(128))
        yield case(Feature.ALPHA, "premultiplied", _translucent, 204, True, pixels=_with_alpha(204))
        sideways = _tall(_B, _D, _A, _C)
        yield case(turned, "irot 1", _changed, heif.turned(1), pixels=sideways, size=_TALL)
        yield case(turned, "tiles, irot 1", _grid, heif.turned(1), pixels=sideways, size=_TALL)
        yield case(turned, "imir 1", _changed, heif.mirrored(1), pixels=quarters(_B, _A, _D, _C))
        both = heif.turned(1), heif.mirrored(1)
        yield case(
            turned, "irot 1, imir 1", _changed, *both, pixels=_tall(_D, _B, _C, _A), size=_TALL
        )
        copy = b"iden", b"", heif.turned(1)
        yield case(turned, "a copy (iden), irot 1", _derived, *copy, pixels=sideways, size=_TALL)
        yield case(turned, "XMP", _xmp_orientation)
        for matrix, full_range in ((1, True), (1, False), (6, False), (7, True), (9, True)):
            range_ = "full" if full_range else "limited"
            box = heif.colours(1, 13, matrix, full_range)
            if format == "AVIF" or full_range:
                yield case(
                    Feature.COLOUR,
                    f"nclx matrix {matrix}, {range_} range",
                    _changed,
                    box,
                    pixels=_misread(matrix, full_range),
                )
        yield case(
            Feature.COLOUR,
            "nclx matrix 0",
            _changed,
            heif.colours(1, 13, 0, True),
            pixels=_green_blue_red(),
        )


def _unsupported(row: str, name: str, suffix: str, make: Make, words: str) -> Case:
    verdict = Verdict.UNSUPPORTED
    return Case(row, Feature.KIND, name, suffix, make, verdict=verdict, words=words)


_CLIPPED = heif.clipped(48, 40, 0, 0, (SIZE.width, SIZE.height))
_CENTRE = heif.clipped(48, 40, 24, 20, (SIZE.width, SIZE.height))
_QUARTER = Size(48, 40)
_MIDDLE = (((4, 4), _A), ((43, 4), _B), ((4, 35), _C), ((43, 35), _D))

CASES = (
    *_both(),
    Case("AVIF", Feature.FIRST_PICTURE, "sequence", ".avif", _avif_sequence, quarters()),
    Case(
        "AVIF",
        Feature.KIND,
        "a clean aperture at the corner",
        ".avif",
        partial(_changed, "AVIF", _CLIPPED),
        (((24, 20), _A),),
        _QUARTER,
    ),
    Case(
        "AVIF",
        Feature.KIND,
        "a clean aperture elsewhere, ignored",
        ".avif",
        partial(_changed, "AVIF", _CENTRE),
        quarters(),
    ),
    _unsupported("AVIF", "an overlay (iovl)", ".avif", partial(_overlay, "AVIF"), "(iovl)"),
    _unsupported(
        "AVIF",
        "nclx matrix 8 of limited range",
        ".avif",
        partial(_changed, "AVIF", heif.colours(1, 13, 8, False)),
        "YCgCo",
    ),
    Case(
        "HEIC",
        Feature.KIND,
        "the brands of a sequence",
        ".heic",
        partial(_other_brands, "HEIF", b"msf1hevcmif1heic"),
        quarters(),
    ),
    Case("HEIC", Feature.FIRST_PICTURE, "sequence", ".heic", _sequence, quarters()),
    Case("HEIC", Feature.KIND, "an overlay (iovl)", ".heic", partial(_overlay, "HEIF"), quarters()),
    Case(
        "HEIC",
        Feature.KIND,
        "a clean aperture",
        ".heic",
        partial(_changed, "HEIF", _CENTRE),
        _MIDDLE,
        _QUARTER,
    ),
    Case(
        "HEIC",
        Feature.ORIENTATION,
        "imir 1, irot 1",
        ".heic",
        partial(_changed, "HEIF", heif.mirrored(1), heif.turned(1)),
        _tall(_A, _C, _B, _D),
        _TALL,
    ),
    _unsupported("HEIC", "uncompressed (unci)", ".heif", _uncompressed, "(unci)"),
    _unsupported("HEIC", "JPEG within", ".heif", _jpeg_within, "(jpeg)"),
)
