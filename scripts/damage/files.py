"""Photos to be damaged, and damage done to them: cuts, and flipped bytes where the picture is."""

import random
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import Image

from ffprep.core.formats import HEAD_BYTES, sniff

CUTS = (20.0, 50.0, 80.0, 95.0, 99.5)
FLIPS = (1, 10, 100)

Range = tuple[int, int]
"""Where bytes begin and end."""

_NOT_IN_FOLDERS = "damaged"


@dataclass(frozen=True, slots=True)
class Photo:
    """A sound photo: its name in the table, its format and its bytes."""

    name: str
    format: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Damaged:
    """A photo after damage; `damage` is its column in the table."""

    photo: Photo
    damage: str
    data: bytes

    @property
    def is_cut(self) -> bool:
        """Whether its end is missing, rather than some bytes being others."""
        return self.damage.startswith("cut")


def photos_in(folder: Path) -> Iterator[Photo]:
    """Every photo below `folder`, but for those that are damaged already."""
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder).parts
        if path.is_file() and _NOT_IN_FOLDERS not in inner:
            data = path.read_bytes()
            if format := sniff(data[:HEAD_BYTES]):
                yield Photo("/".join(inner), format.name, data)


def drawn(folder: Path, width: int = 640, height: int = 480) -> Iterator[Photo]:
    """Photos of every format, drawn, with fine detail; saved to `folder` on the way."""
    pillow_heif.register_heif_opener()
    for name, (image, options) in _kinds(detail(width, height)).items():
        path = folder / name
        image.save(path, **options)
        data = path.read_bytes()
        format = sniff(data[:HEAD_BYTES])
        assert format, name
        yield Photo(f"drawn/{name}", format.name, data)


def _kinds(picture: Image.Image) -> dict[str, tuple[Image.Image, dict[str, Any]]]:
    see_through = picture.copy()
    see_through.putalpha(Image.linear_gradient("L").resize(picture.size))
    return {
        "baseline.jpg": (picture, {"quality": 90}),
        "progressive.jpg": (picture, {"quality": 90, "progressive": True}),
        "restarts.jpg": (picture, {"quality": 90, "restart_marker_blocks": 8}),
        "gray.jpg": (picture.convert("L"), {"quality": 90}),
        "cmyk.jpg": (picture.convert("CMYK"), {"quality": 90}),
        "rgb.png": (picture, {}),
        "palette.png": (picture.convert("P"), {}),
        "alpha.png": (see_through, {}),
        "lossy.webp": (picture, {"quality": 90}),
        "lossless.webp": (picture, {"lossless": True}),
        "alpha.webp": (see_through, {"quality": 90}),
        "plain.gif": (picture.convert("P"), {"interlace": 0}),
        "interlaced.gif": (picture.convert("P"), {}),
        "plain.bmp": (picture, {}),
        "raw.tiff": (picture, {}),
        "lzw.tiff": (picture, {"compression": "tiff_lzw"}),
        "deflate.tiff": (picture, {"compression": "tiff_adobe_deflate"}),
        "jpeg.tiff": (picture, {"compression": "jpeg", "quality": 90}),
        "plain.avif": (picture, {"quality": 90}),
        "plain.heic": (picture, {"quality": 90}),
        "lossless.jp2": (picture, {}),
        "lossy.j2k": (
            picture,
            {"quality_mode": "dB", "quality_layers": [38], "irreversible": True},
        ),
    }


def detail(width: int, height: int) -> Image.Image:
    """Slow changes of colour under seeded noise: no two parts of it are alike."""
    rows = Image.linear_gradient("L").resize((width, height))
    columns = Image.linear_gradient("L").rotate(90).resize((width, height))
    slow = Image.merge("RGB", (rows, columns, Image.blend(rows, columns, 0.5)))
    noise = Image.frombytes("RGB", (width, height), random.Random(7).randbytes(width * height * 3))
    return Image.blend(slow, noise.resize((width // 4, height // 4)).resize((width, height)), 0.3)


def damages(photo: Photo) -> Iterator[Damaged]:
    """A photo after each kind of damage; always the same bytes for the same photo."""
    for share in CUTS:
        yield Damaged(photo, f"cut {share:g} %", photo.data[: int(len(photo.data) * share / 100)])
    places = body(photo)
    for count in FLIPS:
        flipped = _flipped(photo, places, count)
        yield Damaged(photo, f"flip {count}", flipped)
        if photo.format == "png":
            yield Damaged(photo, f"flip {count}, CRC right", _with_right_crcs(flipped))


def _flipped(photo: Photo, places: list[Range], count: int) -> bytes:
    dice = random.Random(f"{photo.name} {count}")
    data = bytearray(photo.data)
    spots = [spot for start, end in places for spot in range(start, end)]
    for spot in dice.sample(spots, min(count, len(spots))):
        data[spot] ^= dice.randrange(1, 256)
    return bytes(data)


def body(photo: Photo) -> list[Range]:
    """Where in a file its (first) picture is, coded: no headers and no tables that stand apart."""
    return [place for place in _BODIES[photo.format](photo.data) if place[0] < place[1]]


def _jpeg(data: bytes) -> Iterator[Range]:
    """From each SOS to the next marker that is no restart, up to EOI."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF or data[at + 1] in (0x00, 0xFF):
            at += 1
            continue
        marker, (length,) = data[at + 1], struct.unpack_from(">H", data, at + 2)
        if marker == 0xD9:
            return
        at += 2 + length
        if marker == 0xDA:
            start = at
            while data[at] != 0xFF or data[at + 1] in (0, *range(0xD0, 0xD8)):
                at += 1
            yield start, at


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The chunks of a PNG: name, and where the content begins and ends."""
    at = 8
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, at + 8, at + 8 + length
        at += 12 + length


def _png(data: bytes) -> Iterator[Range]:
    return ((start, end) for name, start, end in png_chunks(data) if name == b"IDAT")


def _with_right_crcs(data: bytes) -> bytes:
    mended = bytearray(data)
    for _, start, end in png_chunks(data):
        struct.pack_into(">I", mended, end, zlib.crc32(data[start - 4 : end]))
    return bytes(mended)


def _webp(data: bytes) -> Iterator[Range]:
    at = 12
    while at + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        if name in (b"VP8 ", b"VP8L"):
            yield at + 8, at + 8 + length
            return
        at += 8 + 16 if name == b"ANMF" else 8 + length + length % 2


def _gif(data: bytes) -> Iterator[Range]:
    """The blocks of the first picture, without the bytes that tell their lengths."""
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    while data[at] == 0x21:  # extensions
        at += 2
        while data[at]:
            at += data[at] + 1
        at += 1
    at += 11 + (3 << (data[at + 9] & 7) + 1 if data[at + 9] & 0x80 else 0)
    while at < len(data) and data[at]:
        yield at + 1, at + 1 + data[at]
        at += data[at] + 1


def _tiff(data: bytes) -> Iterator[Range]:
    """The strips or tiles of the first page; lone numbers stand in the tag itself."""
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, at)
    tags: dict[int, tuple[int, ...]] = {}
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(order + "HHI", data, entry)
        if kind in (3, 4):
            form = f"{order}{length}{'H' if kind == 3 else 'I'}"
            inside = struct.calcsize(form) <= 4
            (place,) = (entry + 8,) if inside else struct.unpack_from(order + "I", data, entry + 8)
            tags[tag] = struct.unpack_from(form, data, place)
    starts, lengths = (273, 279) if 273 in tags else (324, 325)
    return ((at, at + size) for at, size in zip(tags[starts], tags[lengths], strict=True))


def _bmp(data: bytes) -> Iterator[Range]:
    yield struct.unpack_from("<I", data, 10)[0], len(data)


def _mdat(data: bytes) -> Iterator[Range]:
    """Yield the ranges of media data: the picture, and thumbnails, alpha and EXIF if present."""
    at = 0
    while at + 16 <= len(data):
        length, name, large = struct.unpack_from(">I4sQ", data, at)
        head = 16 if length == 1 else 8
        length = {0: len(data) - at, 1: large}.get(length, length)
        if name == b"mdat":
            yield at + head, at + length
        at += length


def _jpeg2000(data: bytes) -> Iterator[Range]:
    """From the first SOD on; the tile parts' own headers, if there are more of them, with it."""
    yield data.index(b"\xff\x93", data.index(b"\xff\x4f\xff\x51")) + 2, len(data) - 2


_BODIES: dict[str, Callable[[bytes], Iterator[Range]]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "gif": _gif,
    "tiff": _tiff,
    "bmp": _bmp,
    "avif": _mdat,
    "heic": _mdat,
    "jpeg2000": _jpeg2000,
}
