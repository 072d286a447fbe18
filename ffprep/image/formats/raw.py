"""Camera raws: what a sensor recorded, or else the JPEG preview that the camera embedded.

The picture is the one that LibRaw makes of the sensor's values, by rawpy, which the extra `raw`
installs. Where there is no LibRaw, or it cannot decode the file, it is the largest preview. EXIF is
read wherever the camera put it. LibRaw is C code, so raws are read in the sandboxed worker alone.
"""

import errno
import os
import re
import resource
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, BinaryIO, cast

from PIL import Image, ImageFile
from PIL.ContainerIO import ContainerIO
from PIL.ExifTags import GPS, IFD, Base, Interop
from PIL.JpegImagePlugin import JpegImageFile

from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo
from ffprep.errors import Kind, PhotoError
from ffprep.image.chunks import Directory, directories, iso_boxes, read_at
from ffprep.image.formats import jpeg, tiff
from ffprep.image.formats import tiff_kinds as kinds
from ffprep.image.jpeg_header import DCT, Header
from ffprep.image.pillow import import_extra
from ffprep.record import Record, replace

# Tags of TIFF 6.0, EXIF, DNG 1.7 and Panasonic's RW2.
_MAKE, _DNG_VERSION = 271, 50706
_JPEG, _JPEG_BYTES, _PANASONIC_JPEG = 513, 514, 46
_JPEG_COMPRESSIONS = (6, 7)
_SENSOR = (32803, 34892)
_PARTS = ((kinds.STRIP_OFFSETS, kinds.STRIP_BYTES), (kinds.TILE_OFFSETS, kinds.TILE_BYTES))
_TEXTS = (Base.Make, Base.Model, Base.ImageDescription, Base.Artist, Base.Copyright, Base.DateTime)
_TIMES = (Base.DateTimeOriginal, Base.OffsetTimeOriginal, Base.SubsecTimeOriginal)

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PANASONIC, _PANASONIC_PLACE, _PANASONIC_FORMAT = b"IIU\0", 280, 45
_PANASONIC_WIDTH, _PANASONIC_HEIGHT = 2, 3
_FUJI, _FUJI_SENSOR = b"FUJIFILMCCD-RAW", 100

# Boxes at the beginning of a CR3. Each holds a TIFF, with what is a directory of IFD0 elsewhere.
_CANON = {IFD.Exif: b"CMT2", IFD.GPSInfo: b"CMT4"}
_CANON_MAIN, _CANON_HEAD = b"CMT1", 1 << 16

_SOI = re.compile(rb"\xff\xd8(?=\xff)")
_LONGEST_HEADER, _PIECE = 1 << 18, 1 << 20
_MOST_FOUND, _LONGEST_NAME = 64, 100

# LibRaw's own code of an orientation, which is dcraw's, and that of EXIF.
_ORIENTATIONS = {0: 1, 1: 2, 2: 4, 3: 3, 4: 5, 5: 8, 6: 6, 7: 7}

# Of LibRaw: two for the sensor's values, eight for colours in 16 bits, three for the picture.
_BYTES_A_PIXEL, _OTHER_BYTES = 13, 70_000_000


class CannotDecode(Exception):
    """There is no LibRaw, or it cannot decode a file. The message says so, or what to do."""


class Contents(Record):
    """What is in a raw: the camera's name, and the sizes of its previews, largest first.

    If the first of them is the picture, `obstacle` says why, and what to do.
    """

    camera: str
    previews: tuple[Size, ...]
    obstacle: str | None = None


def is_raw(file: BinaryIO) -> bool:
    """Return whether a TIFF is a camera raw: DNG, NEF, ARW and others begin like any TIFF.

    Some say only that their first picture is a smaller version of another one.
    """
    found = list(directories(file))
    if any(map(is_sensor_data, found)):
        return True
    return bool(found) and _MAKE in found[0].entries and not any(map(tiff.is_photo, found))


def open_raw(file: BinaryIO, name: str) -> Image.Image:
    """Open a raw as Pillow's plugins do; its Contents are `info["raw"]`.

    Raises PhotoError: `damaged` if the sensor's values are cut off, `unsupported` if neither they
    nor a preview can be decoded.
    """
    found = list(directories(file))
    _require_whole(file, found)
    is_dng = any(_DNG_VERSION in directory.entries for directory in found)
    seen = previews(file, found, search=not is_dng)
    preview = JpegImageFile(seen[0].within(file), name) if seen else None
    exif = _exif(file, found, preview.info.get("exif", b"") if preview else b"")
    camera = "".join(filter(str.isprintable, exif.get(Base.Model, "")))[:_LONGEST_NAME]
    obstacle = None
    image: LibRawImage | JpegImageFile
    try:
        if import_extra("rawpy") is None:
            raise CannotDecode("install ffprep[raw] for the full picture")
        image = LibRawImage(file, "")
        exif.setdefault(Base.Orientation, image.orientation)
    except CannotDecode as error:
        if preview is None:
            words = f"is a camera raw{f' ({camera})' if camera else ''} without a usable preview"
            raise PhotoError(Kind.UNSUPPORTED, f"{words}; {error}") from None
        image, obstacle = preview, str(error)
    sizes = tuple(each.size for each in seen)
    image.info |= {"exif": exif.tobytes(), "raw": Contents(camera, sizes, obstacle)}
    Image.Image.getexif(image).load(image.info["exif"])  # not that of the preview
    return image


def describe(picture: ImageInfo, image: Image.Image, file: BinaryIO) -> ImageInfo:
    """Return what is known of a raw that `open_raw` has opened."""
    contents: Contents = image.info["raw"]
    if contents.obstacle is None:
        return replace(picture, ffmpeg_reads=False)
    picture = jpeg.describe(picture, image, image.fp)  # type: ignore[attr-defined]
    words = f"converted from its embedded preview of {picture.shown}; {contents.obstacle}"
    return replace(picture, ffmpeg_reads=False, preview=contents.obstacle, warnings=(words,))


def _require_whole(file: BinaryIO, found: list[Directory]) -> None:
    """Raise PhotoError if the sensor's values extend past the end of the file."""
    end, head = file.seek(0, 2), read_at(file, 0, _FUJI_SENSOR + 8)
    if head[:4] in _TIFF:
        needed = max(map(_end_of, list(filter(is_sensor_data, found)) or found), default=0)
    elif head[:4] == _PANASONIC and found:
        needed = _end_of_panasonic(found[0])
    elif head.startswith(_FUJI) and len(head) == _FUJI_SENSOR + 8:
        needed = sum(struct.unpack_from(">2I", head, _FUJI_SENSOR))
    elif head[4:8] == b"ftyp" and not all(whole for _, whole, _ in iso_boxes(file)):
        needed = end + 1
    else:
        needed = 0
    if needed > end:
        raise PhotoError(Kind.DAMAGED, "the file ends early; restore it from a backup")


def _end_of(directory: Directory) -> int:
    """Return where the strips and tiles of a directory end.

    Cameras that compress may claim some bytes more than there are.
    """
    is_exact = directory.number(kinds.COMPRESSION, 1) == 1
    ends = [0]
    for places, lengths in _PARTS:
        for place, length in zip(
            directory.numbers(places), directory.numbers(lengths), strict=False
        ):
            ends.append(place + (length if is_exact else length - length // 8))
    return max(ends)


def _end_of_panasonic(directory: Directory) -> int:
    """Return where the sensor's values end at the earliest: the claimed length is another.

    The older formats take a byte a pixel at least.
    """
    pixels = directory.number(_PANASONIC_WIDTH) * directory.number(_PANASONIC_HEIGHT)
    is_older = directory.number(_PANASONIC_FORMAT) in range(2, 8)
    return directory.number(_PANASONIC_PLACE) + (pixels if is_older else 0)


class Preview(Record):
    """A JPEG within a file: the place of its first byte, and its bytes as far as they are known."""

    place: int
    bytes: int
    size: Size

    def within(self, file: BinaryIO) -> BinaryIO:
        """Return the JPEG as a file of its own, without a copy of its bytes."""
        length = max(0, min(self.bytes, file.seek(0, 2) - self.place))
        return cast(BinaryIO, ContainerIO(file, self.place, length))


def is_sensor_data(directory: Directory) -> bool:
    """Return whether a directory describes what a sensor recorded, which is not yet a picture."""
    return directory.number(kinds.PHOTOMETRIC) in _SENSOR


def previews(file: BinaryIO, found: Sequence[Directory], search: bool) -> list[Preview]:
    """Return the previews, largest first.

    With `search`, JPEGs count that stand anywhere in the file, if its directories name none.
    """
    places = dict(_named(found))
    seen = list(_sound(file, places.items()))
    if search and not seen:
        found_places = islice(_searched(file), _MOST_FOUND)
        seen = list(_sound(file, ((place, _PIECE << 20) for place in found_places)))
    return sorted(seen, key=lambda preview: -preview.size.pixels)


def _named(found: Iterable[Directory]) -> Iterator[tuple[int, int]]:
    """Yield place and length of what directories call JPEGs."""
    for directory in found:
        if _JPEG in directory.entries:
            yield directory.number(_JPEG), directory.number(_JPEG_BYTES)
        if entry := directory.entries.get(_PANASONIC_JPEG):
            yield entry.place, entry.count
        strips = directory.numbers(kinds.STRIP_OFFSETS)
        is_jpeg = directory.number(kinds.COMPRESSION) in _JPEG_COMPRESSIONS
        if len(strips) == 1 and is_jpeg and not is_sensor_data(directory):
            yield strips[0], directory.number(kinds.STRIP_BYTES)


def _searched(file: BinaryIO) -> Iterator[int]:
    """Yield the places where a JPEG may begin."""
    for start in range(0, file.seek(0, 2), _PIECE):
        for found in _SOI.finditer(read_at(file, start, _PIECE + 2)):
            yield start + found.start()


def _sound(file: BinaryIO, places: Iterable[tuple[int, int]]) -> Iterator[Preview]:
    for place, length in places:
        if size := _jpeg_size(file, place):
            yield Preview(place, length, size)


def _jpeg_size(file: BinaryIO, place: int) -> Size | None:
    """Return the size of a JPEG that Pillow decodes; None for the lossless ones of sensors."""
    data = read_at(file, place, _LONGEST_HEADER)
    header = Header(data)
    usual = _SOI.match(data) and not header.has_gaps and header.frame in DCT
    size = Size(header.width, header.height)
    return size if usual and header.bits == 8 and size.pixels else None


def _exif(file: BinaryIO, found: list[Directory], preview: bytes) -> Image.Exif:
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


class LibRawImage(ImageFile.ImageFile):
    """The picture that LibRaw makes of a raw, as Pillow's plugins present pictures.

    Opening it decodes the sensor's values, loading it the colours. `orientation` is the EXIF
    value that LibRaw has found. Both raise CannotDecode.
    """

    format = "RAW"

    def _open(self) -> None:
        import rawpy

        file = cast(BinaryIO, self.fp)
        file.seek(0)  # where the descriptor is shared, so is the position
        self._raw: rawpy.RawPy | None = rawpy.RawPy()
        with _errors():
            self._raw.open_file(f"/dev/fd/{file.fileno()}")
            sizes = self._raw.sizes
            _require_memory(sizes.raw_width * sizes.raw_height)
            self._raw.unpack()
        self._size = sizes.iwidth, sizes.iheight
        self._mode = "L" if self._raw.num_colors == 1 else "RGB"
        self.orientation = _ORIENTATIONS.get(sizes.flip, 1)

    def load(self) -> Any:
        """Make the picture as stored, not turned."""
        if self._raw:
            with _errors():
                pixels = self._raw.postprocess(
                    use_camera_wb=True, no_auto_bright=True, output_bps=8, user_flip=0
                )
            self._raw.close()  # before Pillow takes as much memory again
            self._raw = None
            self.im = Image.fromarray(pixels if pixels.shape[2] > 1 else pixels[:, :, 0]).im
            self._size, self._mode = self.im.size, self.im.mode
        return Image.Image.load(self)


def _require_memory(pixels: int) -> None:
    """Raise MemoryError if this process may not have what LibRaw needs.

    LibRaw ends the process if some of its allocations fail.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
    if limit not in (resource.RLIM_INFINITY, -1) and pixels * _BYTES_A_PIXEL + _OTHER_BYTES > limit:
        raise MemoryError


@contextmanager
def _errors() -> Iterator[None]:
    """Raise LibRaw's errors as CannotDecode, or as MemoryError."""
    import rawpy

    no_memory = rawpy.LibRawUnsufficientMemoryError, rawpy.LibRawMemPoolOverflowError
    try:
        yield
    except no_memory:
        raise MemoryError from None
    except OSError as error:  # rawpy has the number of the error in a tuple of its own
        number = error.errno or error.args[0][0]
        if number == errno.ENOMEM:
            raise MemoryError from None
        raise OSError(number, os.strerror(number)) from None
    except rawpy.LibRawError as error:
        message = error.args[0] if error.args else ""
        text = message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)
        words = f"LibRaw {rawpy.libraw_version[0]}.{rawpy.libraw_version[1]} cannot decode the raw"
        raise CannotDecode(f"{words} ({text.lower()})") from None
