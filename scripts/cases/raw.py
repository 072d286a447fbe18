"""Camera raws, and TIFFs that begin with a thumbnail."""

import struct
from collections.abc import Mapping
from functools import partial
from io import BytesIO
from typing import Any

from PIL import Image

from scripts.cases.case import Case, Feature, Verdict, quarters, squares
from scripts.cases.jpeg import IN_ADOBE_RGB

Tags = Mapping[int, Any]
"""The tags of a directory, each an integer, a tuple of them, or bytes, and then their place counts.

A list has SubIFDs.
"""

_TYPES = {
    1: (50706, 33422),
    2: (271, 272, 315, 33432, 50708),
    3: (258, 259, 262, 274, 277, 33421),
    5: (50728,),
}
_TYPES |= {7: (46, 37500), 10: (50721,)}
_CODES = {1: "B", 2: "B", 3: "H", 4: "I", 5: "I", 7: "B", 10: "i"}
_INLINE = (46, 271, 272, 315, 33432, 37500, 50708)  # their bytes are the value


class _Tiff:
    """Writes a TIFF."""

    def __init__(self, order: str, magic: int, head: bytes) -> None:
        self.order = order
        self.data = bytearray({"<": b"II", ">": b"MM"}[order] + self.packed("HI", magic, 0) + head)

    def packed(self, codes: str, *values: int) -> bytes:
        return struct.pack(self.order + codes, *values)

    def append(self, data: bytes) -> int:
        self.data += bytes(len(self.data) % 2)
        self.data += data
        return len(self.data) - len(data)

    def directory(self, tags: Tags) -> int:
        rows = b"".join(self.row(tag, tags[tag]) for tag in sorted(tags))
        return self.append(self.packed("H", len(tags)) + rows + bytes(4))

    def row(self, tag: int, value: Any) -> bytes:
        if isinstance(value, list):
            value = tuple(self.directory(tags) for tags in value)
        elif isinstance(value, bytes):
            value = tuple(value) if tag in _INLINE else self.append(value)
        numbers = value if isinstance(value, tuple) else (value,)
        kind = next((kind for kind, tags in _TYPES.items() if tag in tags), 4)
        data = self.packed(f"{len(numbers)}{_CODES[kind]}", *numbers)
        content = data.ljust(4, b"\0") if len(data) <= 4 else self.packed("I", self.append(data))
        return (
            self.packed("HHI", tag, kind, len(numbers) // (2 if kind in (5, 10) else 1)) + content
        )


def tiff(*pages: Tags, order: str = "<", magic: int = 42, head: bytes = b"") -> bytes:
    """Return a TIFF of some directories; cameras have magic numbers and heads of their own."""
    made, link = _Tiff(order, magic, head), 4
    for tags in pages:
        place = made.directory(tags)
        struct.pack_into(order + "I", made.data, link, place)
        link = place + 2 + 12 * len(tags)
    return bytes(made.data)


def page(picture: Image.Image, kind: int = 0) -> Tags:
    """Return the tags of an RGB picture; `kind` is its NewSubfileType."""
    data = picture.tobytes()
    size = {254: kind, 256: picture.width, 257: picture.height, 278: picture.height}
    return size | {258: (8, 8, 8), 259: 1, 262: 2, 273: data, 277: 3, 279: len(data)}


def jpeg_strip(picture: Image.Image, compression: int) -> Tags:
    """Return the tags of a preview that is a strip."""
    data = jpeg(picture)
    return {**page(picture, 1), 259: compression, 262: 6, 273: data, 279: len(data)}


def jpeg_pointer(picture: Image.Image) -> Tags:
    """Return the tags of a preview of the way of EXIF."""
    data = jpeg(picture)
    return {254: 1, 259: 6, 513: data, 514: len(data)}


def jpeg(picture: Image.Image, orientation: int = 0, adobe_rgb: bool = False) -> bytes:
    """Return a JPEG."""
    file, exif = BytesIO(), Image.Exif()
    if orientation:
        exif[274] = orientation
    if adobe_rgb:
        exif[0x8769] = {0xA001: 0xFFFF, 0xA005: {1: "R03"}}
    picture.save(file, "JPEG", quality=95, subsampling=0, exif=exif)
    return file.getvalue()


def thumbnail() -> Image.Image:
    """Return a gray picture that is never the right one."""
    return Image.new("RGB", (24, 20), "gray")


def turned() -> Image.Image:
    """Return the squares as they are stored with orientation 6."""
    return squares().transpose(Image.Transpose.ROTATE_90)


def sensor(picture: Image.Image, order: str = "<", compression: int = 1) -> Tags:
    """Return the tags of a Bayer mosaic of 16 bits, which every other compression garbles."""
    values = [_linear(value / 255) for value in range(256)]
    pixels = [
        (values[picture.getpixel((x, y))[x % 2 + y % 2]])  # type: ignore[index]
        for y in range(picture.height)
        for x in range(picture.width)
    ]
    pixels[-1] = 4095  # otherwise LibRaw brightens the picture
    data = struct.pack(f"{order}{picture.width * picture.height}H", *pixels)
    mosaic = {258: 16, 259: compression, 262: 32803, 273: data, 277: 1, 279: len(data)}
    return {**page(picture), **mosaic, 33421: (2, 2), 33422: (0, 1, 1, 2), 50717: 4095}


def _linear(value: float) -> int:
    """Return the sensor's value that LibRaw's curve (ITU-R BT.709) makes `value`."""
    linear = value / 4.5 if value < 0.081 else ((value + 0.099) / 1.099) ** (1 / 0.45)
    return round(4095 * linear)


# The matrix from XYZ to the camera's colours, here those of sRGB, and a neutral white.
_MATRIX = (32406, -15371, -4986, -9689, 18758, 415, 557, -2040, 10570)
_COLOURS = {50721: tuple(n for value in _MATRIX for n in (value, 10000)), 50728: (1,) * 6}
_CAMERA = {271: b"Make\0", 272: b"Model\0"}
_RIGHTS = {315: b"Ann\0", 33432: b"(c) Ann\0"}
_DNG = {**_CAMERA, **_COLOURS, 50706: (1, 4, 0, 0), 50708: b"Make Model\0", 50778: 21}


def dng(order: str = "<", orientation: int = 1) -> bytes:
    """Return a DNG that begins with a thumbnail, as programs write it."""
    picture = squares() if orientation == 1 else turned()
    subs = [sensor(picture, order), jpeg_strip(thumbnail(), 7)]
    return tiff(
        {**page(thumbnail(), 1), **_DNG, **_RIGHTS, 274: orientation, 330: subs}, order=order
    )


def without_preview() -> bytes:
    """Return a DNG of an unknown compression."""
    return tiff({**page(thumbnail(), 1), **_DNG, 330: [sensor(squares(), compression=60000)]})


def nef() -> bytes:
    """Return a NEF whose sensor's values no decoder reads."""
    subs = [jpeg_pointer(squares()), sensor(squares(), ">", 60000)]
    camera = {271: b"NIKON CORPORATION\0", 272: b"NIKON D850\0"}
    return tiff({**page(thumbnail(), 1), **camera, 274: 1, 330: subs}, order=">")


def adobe_rgb() -> bytes:
    """Return a RAF with a preview in Adobe RGB, as its EXIF says."""
    return raf(adobe_rgb=True)


def cr2() -> bytes:
    """Return a CR2: its first directory has the preview, its last the sensor's values."""
    camera = {271: b"Canon\0", 272: b"Canon EOS 5D\0", 274: 6}
    first = {**jpeg_strip(turned(), 6), **camera}
    data = b"\xff\xd8\xff\xc3" + bytes(1000)
    last = {259: 6, 273: data, 279: len(data)}
    return tiff(first, jpeg_pointer(thumbnail()), last, head=b"CR\2\0" + bytes(4))


def cr3() -> bytes:
    """Return a CR3, with its EXIF in a box."""
    exif = tiff({271: b"Canon\0", 272: b"Canon EOS R5\0", 274: 6})
    uuid = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
    moov = _box(b"moov", _box(b"uuid", uuid + _box(b"CMT1", exif)))
    data = jpeg(thumbnail()) + jpeg(turned()) + b"\xff\1" + bytes(1000)
    return _box(b"ftyp", b"crx \0\0\0\1crx isom") + moov + _box(b"mdat", data)


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + name + content


def raf(adobe_rgb: bool = False) -> bytes:
    """Return a RAF, whose EXIF is that of its preview."""
    preview, data = jpeg(turned(), 6, adobe_rgb), bytes(1000)
    places = (148, len(preview), 0, 0, 148 + len(preview), len(data))
    head = b"FUJIFILMCCD-RAW 0201FF383501X-T3".ljust(84, b"\0") + struct.pack(">6I", *places)
    return head.ljust(148, b"\0") + preview + data


def orf() -> bytes:
    """Return an ORF, whose preview is somewhere in its maker notes."""
    camera = {271: b"OLYMPUS CORPORATION\0", 272: b"E-M1\0", 274: 6}
    notes = {37500: b"OLYMPUS\0II\3\0" + jpeg(turned())}
    return tiff({**sensor(squares(), compression=60000), **camera, **notes}, magic=0x4F52)


def rw2() -> bytes:
    """Return an RW2, with Panasonic's own tag for the preview."""
    camera = {271: b"Panasonic\0", 272: b"DMC-GH5\0", 274: 6, 46: jpeg(turned())}
    return tiff({**camera, 273: 0xFFFFFFFF}, magic=0x55)


def thumbnail_first() -> bytes:
    """Return a TIFF whose second page is the photo."""
    return tiff(page(thumbnail(), 1), page(squares()))


def photo_in_sub_ifd() -> bytes:
    """Return a TIFF whose only page is a thumbnail, as some scanners write it."""
    return tiff({**page(thumbnail(), 1), 330: [page(squares())]}, order=">")


def turned_photo_in_sub_ifd() -> bytes:
    """Return the same with the orientation among the tags of the thumbnail."""
    return tiff({**page(thumbnail(), 1), 274: 6, 330: [page(turned())]})


FIRST, RAW = Feature.FIRST_PICTURE, "camera raw"
_PREVIEWS = {".nef": nef, ".cr2": cr2, ".cr3": cr3, ".raf": raf, ".orf": orf, ".rw2": rw2}

CASES = (
    Case(RAW, FIRST, "DNG, thumbnail first", ".dng", dng, quarters()),
    Case(RAW, Feature.KIND, "DNG, big-endian", ".dng", partial(dng, ">"), quarters()),
    Case(RAW, Feature.ORIENTATION, "DNG", ".dng", partial(dng, "<", 6), quarters()),
    *(
        Case(
            RAW,
            FIRST if suffix == ".nef" else Feature.ORIENTATION,
            f"{suffix[1:].upper()}, its preview",
            suffix,
            make,
            quarters(),
            verdict=Verdict.WARNED,
            words="converted from its embedded preview of 96x80; LibRaw",
        )
        for suffix, make in _PREVIEWS.items()
    ),
    Case(
        RAW,
        Feature.COLOUR,
        "RAF, its preview in Adobe RGB",
        ".raf",
        adobe_rgb,
        quarters(*IN_ADOBE_RGB),
        verdict=Verdict.WARNED,
        words="converted from its embedded preview of 96x80; LibRaw",
    ),
    Case(
        RAW,
        Feature.KIND,
        "unknown compression, no preview",
        ".dng",
        without_preview,
        verdict=Verdict.UNSUPPORTED,
        words="is a camera raw (Model) without a usable preview",
    ),
    Case("TIFF", FIRST, "thumbnail first", ".tif", thumbnail_first, quarters()),
    Case("TIFF", FIRST, "photo in a SubIFD", ".tif", photo_in_sub_ifd, quarters()),
    Case(
        "TIFF",
        Feature.ORIENTATION,
        "photo in a SubIFD, turned",
        ".tif",
        turned_photo_in_sub_ifd,
        quarters(),
    ),
)
