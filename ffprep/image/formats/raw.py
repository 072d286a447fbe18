"""Camera raws: what a sensor recorded, or else the JPEG preview that the camera embedded.

The picture is the one that LibRaw makes of the sensor's values. Where there is no LibRaw, or it
cannot decode the file, it is the largest preview.
"""

import struct
from typing import BinaryIO

from PIL import Image
from PIL.ExifTags import Base
from PIL.JpegImagePlugin import JpegImageFile

from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo
from ffprep.errors import Kind, PhotoError
from ffprep.image.chunks import iso_boxes
from ffprep.image.formats import jpeg, libraw, pages, raw_metadata
from ffprep.image.formats.ifd import Directory, directories, read_at
from ffprep.image.formats.raw_preview import is_sensor_data, previews
from ffprep.image.formats.tiff_kinds import (
    COMPRESSION,
    STRIP_BYTES,
    STRIP_OFFSETS,
    TILE_BYTES,
    TILE_OFFSETS,
)
from ffprep.record import Record, replace

_MAKE, _DNG_VERSION = 271, 50706
_PARTS = ((STRIP_OFFSETS, STRIP_BYTES), (TILE_OFFSETS, TILE_BYTES))
_LONGEST_NAME = 100
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PANASONIC, _PANASONIC_PLACE, _PANASONIC_FORMAT = b"IIU\0", 280, 45
_PANASONIC_WIDTH, _PANASONIC_HEIGHT = 2, 3
_FUJI, _FUJI_SENSOR = b"FUJIFILMCCD-RAW", 100


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
    found = directories(file)
    if any(map(is_sensor_data, found)):
        return True
    return bool(found) and _MAKE in found[0].entries and not any(map(pages.is_photo, found))


def open_raw(file: BinaryIO, name: str) -> Image.Image:
    """Open a raw as Pillow's plugins do; its Contents are `info["raw"]`.

    Raises PhotoError: `damaged` if the sensor's values are cut off, `unsupported` if neither they
    nor a preview can be decoded.
    """
    found = directories(file)
    _require_whole(file, found)
    is_dng = any(_DNG_VERSION in directory.entries for directory in found)
    seen = previews(file, found, search=not is_dng)
    preview = JpegImageFile(seen[0].within(file), name) if seen else None
    exif = raw_metadata.read(file, found, preview.info.get("exif", b"") if preview else b"")
    camera = "".join(filter(str.isprintable, exif.get(Base.Model, "")))[:_LONGEST_NAME]
    obstacle = None
    image: libraw.LibRawImage | JpegImageFile
    try:
        image = libraw.opened(file)
        exif.setdefault(Base.Orientation, image.orientation)
    except libraw.CannotDecode as error:
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
    is_exact = directory.number(COMPRESSION, 1) == 1
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
