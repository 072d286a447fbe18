"""AVIF and HEIC: pictures in the boxes of ISO/IEC 14496-12 (ISO BMFF) and 23008-12 (HEIF)."""

import struct
from contextlib import suppress
from fractions import Fraction
from io import BytesIO
from typing import BinaryIO

from PIL import Image

from ffprep.core.formats import FORMATS, Format
from ffprep.core.geometry import Size
from ffprep.core.image_info import Cicp, ImageInfo, YCbCr
from ffprep.errors import Kind, PhotoError
from ffprep.image.chunks import iso_box, iso_boxes
from ffprep.image.formats import heif
from ffprep.record import replace

_INDEX, _PICTURES = {b"meta", b"moov"}, {b"mdat"}

_FORMATS = {b"hvc1": "heic", b"av01": "avif"}
_OTHERS = {
    b"avc1": "H.264 (avc1)",
    b"j2k1": "JPEG 2000 (j2k1)",
    b"jpeg": "JPEG (jpeg)",
    b"unci": "uncompressed pixels (unci)",
    b"vvc1": "H.266 (vvc1)",
}
_DERIVED = {b"grid": "tiles", b"iden": "a copy", b"iovl": "an overlay", b"tmap": "a gain map"}

# Of ITU-T H.273, in FFmpeg's words. 2 is unspecified, which decoders read as BT.601.
_MATRICES = {
    1: "bt709",
    2: "smpte170m",
    4: "fcc",
    5: "bt470bg",
    6: "smpte170m",
    7: "smpte240m",
    9: "bt2020nc",
}

# FFmpeg finds the properties of no item that it does not know yet.
_PLACES = (b"iinf", b"iprp")

# The order in which FFmpeg applies them; HEIF's is that of the file.
_TRANSFORMS = (b"clap", b"irot", b"imir")


def require_whole_boxes(file: BinaryIO) -> None:
    """Raise PhotoError if a box that the picture of an ISO container needs is cut off.

    Decoders fill in for it (libheif: green tiles). Other bytes behind the picture do not matter.
    """
    seen = set[bytes]()
    for name, whole, _ in iso_boxes(file):
        if whole:
            seen.add(name)
        elif name in _INDEX | _PICTURES or not (seen & _INDEX and seen & _PICTURES):
            raise PhotoError(Kind.DAMAGED, "the file ends early; restore it from a backup")


def recognized(file: BinaryIO, format: Format) -> Format:
    """Return the format by how the primary picture is coded, whatever the brands say.

    Raises PhotoError for a coding or derivation that no decoder here knows.
    """
    index = heif.read_index(file)
    if index is None:
        if format.name == "heic" and iso_box(file, b"moov"):
            _require_hevc(file)
        return format
    primary, coded = index.primary, index.coded
    if coded.type in _OTHERS:
        raise _unsupported(f"of {_OTHERS[coded.type]}")
    size = file.seek(0, 2)
    if any(end > size for part in index.parts() for _, end in part.extents):
        raise PhotoError(Kind.DAMAGED, "the file ends early; restore it from a backup")
    name = _FORMATS.get(coded.type)
    if name is None or primary.type not in {*_FORMATS, *_DERIVED}:
        raise _unsupported(f"of items of the type {primary.type.decode('latin-1')!r}")
    if name == "avif":
        _require_readable_avif(index)
    return next(format for format in FORMATS if format.name == name)


def _require_hevc(file: BinaryIO) -> None:
    with suppress(struct.error, KeyError):
        if heif.first_picture(file):
            return
    raise _unsupported("of a sequence without HEVC pictures")


def _require_readable_avif(index: heif.Index) -> None:
    primary, codes = index.primary, index.property(b"colr", b"nclx")
    item, properties = index.copied()
    if item.type == b"iovl" or (properties and item.type != b"av01" and _transforms(properties)):
        kind = primary.type.decode("latin-1")
        raise _unsupported(f"of {_DERIVED[primary.type]} of AV1 pictures ({kind})")
    if primary.type == b"grid" and any(part.type != b"av01" for part in [*index.parts()][1:]):
        raise _unsupported("of tiles that are not coded as AV1 (grid)")
    if codes and codes[5:7] == b"\x08\0":
        raise _unsupported("of AV1 with the matrix YCgCo in limited range")


def _unsupported(kind: str) -> PhotoError:
    words = f"is a HEIF file {kind}, which ffprep cannot read"
    return PhotoError(Kind.UNSUPPORTED, f"{words}; save it as JPEG or PNG with another program")


def describe(picture: ImageInfo, image: Image.Image, file: BinaryIO) -> ImageInfo:
    """Add tiles and code points for colour, and what FFmpeg does not read."""
    # FFmpeg leaves out the alpha plane, which is a picture of its own.
    picture = replace(picture, ffmpeg_reads=not picture.alpha)
    index = heif.read_index(file)
    if index is None:  # a sequence
        return replace(picture, ffmpeg_reads=picture.ffmpeg_reads and picture.format.name == "avif")
    if index.primary.type == b"tmap":  # what it says of colour is true of HDR alone
        index, picture = replace(index, primary=index.source), replace(picture, ffmpeg_reads=False)
    picture = _with_codes(picture, index.property(b"colr", b"nclx") or b"")
    if picture.format.name == "heic" and any(name == b"moov" for name, _, _ in iso_boxes(file)):
        picture = replace(picture, ffmpeg_reads=False)  # it would report damage to a film, too
    shown = _clipped(picture, index.primary)
    reads = picture.ffmpeg_reads and shown is not None and _ffmpeg_reads(picture, index)
    tiled = index.primary.type == b"grid"
    return replace(picture, stored=shown or picture.stored, ffmpeg_reads=reads, tiled=tiled)


def _with_codes(picture: ImageInfo, codes: bytes) -> ImageInfo:
    """Add code points for colour; those of the coded picture do not count beside them."""
    if len(codes) < 7:
        return picture
    primaries, transfer, matrix = (int.from_bytes(codes[i : i + 2], "big") for i in (0, 2, 4))
    return replace(
        picture,
        cicp=None if picture.profile else Cicp(primaries, transfer),
        ycbcr=YCbCr(bool(codes[6] & 0x80), _MATRICES.get(matrix)),
        # Others change what the planes are; FFmpeg has to find them in the coded picture.
        ffmpeg_reads=picture.ffmpeg_reads and matrix in _MATRICES,
    )


def _clipped(picture: ImageInfo, primary: heif.Item) -> Size | None:
    """Return the size that FFmpeg decodes; None if browsers do not clip what FFmpeg clips.

    The clean aperture of an AVIF counts only if it begins in the upper left corner.
    """
    clap, size = primary.property(b"clap"), picture.stored
    if clap is None or picture.format.name != "avif":
        return size
    numbers = [int.from_bytes(clap[i : i + 4], "big", signed=i >= 16) for i in range(0, 32, 4)]
    if 0 in numbers[1::2]:
        return None
    width, height, x, y = (
        Fraction(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)
    )
    corner = (size.width - width) / 2 + x, (size.height - height) / 2 + y
    inside = 0 < width <= size.width and 0 < height <= size.height
    if picture.alpha or any(corner) or not inside or (width * height).denominator != 1:
        return None
    return Size(int(width), int(height))


def _ffmpeg_reads(picture: ImageInfo, index: heif.Index) -> bool:
    """Return whether FFmpeg reads an opaque picture correctly, as measured with 9.0.2."""
    primary = index.primary
    if primary.type == b"grid":
        # FFmpeg finds grids by their number.
        first = next(item for item in index.items.values() if item.type in (b"grid", b"iovl"))
        if first is not primary or any(part.type not in _FORMATS for part in [*index.parts()][1:]):
            return False
        if picture.format.name == "avif" and _transforms(primary.properties):
            return False  # FFmpeg turns grids itself, though not the other pictures
    elif primary.type not in _FORMATS:
        return False
    if any(len(part.extents) > 1 for part in index.parts()):
        return False
    if [name for name in index.boxes if name in _PLACES] != [*_PLACES]:
        return False
    if picture.format.name == "avif":
        # AV1 of a single plane: FFmpeg reads any range as full.
        return not any(byte & 0x10 for byte in (index.property(b"av1C") or b"")[2:3])
    transforms = _transforms(primary.properties)
    return transforms == sorted(set(transforms), key=_TRANSFORMS.index)


def _transforms(properties: tuple[heif.Property, ...]) -> list[bytes]:
    return [name for name, _ in properties if name in _TRANSFORMS]


def depth_and_gain_map(file: BinaryIO) -> tuple[int, bool]:
    """Return the bits of a channel, and whether a picture can be derived with a gain map."""
    index = heif.read_index(file)
    if index is None:
        return 8, False
    bits = index.property(b"pixi") or b""
    gain_map = any(item.type == b"tmap" for item in index.items.values())
    return bits[5] if len(bits) > 5 else 8, gain_map


def for_pillow(file: BinaryIO) -> BinaryIO | None:
    """Return the same picture as a file that Pillow opens; None if there is none.

    libavif requires its brand, and does not read copies. libheif reads no sequences, requires one
    if a brand says so, and reads no gain map as the primary item.
    """
    index, meta = heif.read_index(file), iso_box(file, b"meta")
    if index is None or meta is None:
        return heif.first_picture(file)
    item, properties = index.copied()
    turns = tuple(found for found in properties if found[0] in _TRANSFORMS)
    if turns and item.type in _FORMATS and len(item.extents) == 1:
        start, end = item.extents[0]
        file.seek(start)
        return heif.file_of_one_item(item.type, (*item.properties, *turns), file.read(end - start))
    file.seek(0)
    content = bytearray(file.read())
    brand, length = _FORMATS.get(index.coded.type, "").encode(), int.from_bytes(content[:4], "big")
    if brand and 16 <= length <= len(content):
        content[8:length] = (brand * length)[: length - 8]
    if index.primary.type in (b"iden", b"tmap"):
        item = item if properties else index.source
        place = content.index(b"pitm", content.index(meta)) + 8
        length = 4 if content[place - 4] else 2
        content[place : place + length] = item.id.to_bytes(length, "big")
    return BytesIO(content)
