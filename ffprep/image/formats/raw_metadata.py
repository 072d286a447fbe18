"""The EXIF of camera raws, wherever the camera put it."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base, Interop

from ffprep.image.formats.ifd import Directory, read_at

_TEXTS = (Base.Make, Base.Model, Base.ImageDescription, Base.Artist, Base.Copyright, Base.DateTime)
_TIMES = (Base.DateTimeOriginal, Base.OffsetTimeOriginal, Base.SubsecTimeOriginal)

# Boxes at the beginning of a CR3. Each holds a TIFF, with what is a directory of IFD0 elsewhere.
_CANON = {IFD.Exif: b"CMT2", IFD.GPSInfo: b"CMT4"}
_CANON_MAIN, _CANON_HEAD = b"CMT1", 1 << 16


def read(file: BinaryIO, found: list[Directory], preview: bytes) -> Image.Exif:
    """Return orientation, camera, rights, dates and colour space, and whether there is a place.

    What the file itself lacks is taken from the EXIF of its `preview`.
    """
    exif = Image.Exif()
    for source in (_of_directory(file, found), _of_canon(file), _loaded(preview)):
        with suppress(Exception):  # broken metadata does not fail a sound photo
            for tag, value in _kept(source):
                exif.setdefault(tag, value)
    return exif


def _of_directory(file: BinaryIO, found: list[Directory]) -> Image.Exif:
    exif = Image.Exif()
    with suppress(Exception):
        exif.endian, exif.bigtiff = found[0].order, found[0].big
        exif.load_from_fp(file, found[0].offset)
    return exif


def _of_canon(file: BinaryIO) -> Image.Exif:
    head = read_at(file, 0, _CANON_HEAD)
    exif = _loaded(_box(head, _CANON_MAIN))
    for ifd, name in _CANON.items():
        with suppress(Exception):
            exif[ifd] = dict(_loaded(_box(head, name)))
    return exif


def _box(head: bytes, name: bytes) -> bytes:
    """Return the content of a box; empty if there is none."""
    place = head.find(name)
    length = int.from_bytes(head[max(0, place - 4) : place], "big")
    return head[place + 4 : place - 4 + length] if place >= 0 else b""


def _loaded(data: bytes) -> Image.Exif:
    exif = Image.Exif()
    with suppress(Exception):
        exif.load(data)
    return exif


def _kept(exif: Image.Exif) -> Iterator[tuple[int, Any]]:
    if (orientation := exif.get(Base.Orientation)) in range(1, 9):
        yield Base.Orientation, orientation
    yield from _clean(exif, _TEXTS).items()
    details: dict[int, Any] = _clean(exif.get_ifd(IFD.Exif), (*_TIMES, Base.ColorSpace))
    if exif.get_ifd(IFD.Interop).get(Interop.InteropIndex) == "R03":
        details[IFD.Interop] = {int(Interop.InteropIndex): "R03"}
    if details:
        yield IFD.Exif, details
    if exif.get_ifd(IFD.GPSInfo):
        yield IFD.GPSInfo, {int(GPS.GPSVersionID): b"\2\3\0\0"}


def _clean(tags: Any, wanted: tuple[int, ...]) -> dict[int, Any]:
    """Return the texts and integers among some tags, as they can be written."""
    values = {int(tag): tags.get(tag) for tag in wanted}
    texts = {tag: value.strip("\0 ") for tag, value in values.items() if isinstance(value, str)}
    numbers = {tag: value for tag, value in values.items() if isinstance(value, int)}
    return {tag: text for tag, text in texts.items() if text} | numbers
