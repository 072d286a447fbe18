"""Camera raws: what a sensor recorded, or else the JPEG preview that the camera embedded.

The picture is the one that LibRaw makes of the sensor's values. Where there is no LibRaw, or it
cannot decode the file, it is the largest preview.
"""

import struct
from dataclasses import dataclass, replace
from typing import BinaryIO

from PIL import Image
from PIL.ExifTags import Base
from PIL.JpegImagePlugin import JpegImageFile

from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo
from ffprep.errors import Kind, PhotoError
from ffprep.image import jpeg, libraw, raw_metadata
from ffprep.image.chunks import iso_boxes
from ffprep.image.ifd import Directory, directories, read_at
from ffprep.image.raw_preview import is_sensor_data, previews

_DNG_VERSION = 50706
_PARTS = ((273, 279), (324, 325))  # places and bytes of strips, of tiles
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_FUJI, _FUJI_SENSOR = b"FUJIFILMCCD-RAW", 100


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a raw: the camera's name, and the sizes of its previews, largest first.

    If the first of them is the picture, `obstacle` says why, and what to do.
    """

    camera: str
    previews: tuple[Size, ...]
    obstacle: str | None = None


def is_raw(file: BinaryIO) -> bool:
    """Return whether a TIFF is a camera raw: DNG, NEF, ARW and others begin like any TIFF."""
    return any(map(is_sensor_data, directories(file)))


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
    camera, obstacle = exif.get(Base.Model, ""), None
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
    end = file.seek(0, 2)
    head = read_at(file, 0, _FUJI_SENSOR + 8)
    needed = 0
    if head[:4] in _TIFF:
        for directory in filter(is_sensor_data, found):
            for places, lengths in _PARTS:
                pairs = zip(directory.numbers(places), directory.numbers(lengths), strict=False)
                needed = max(needed, *map(sum, pairs), 0)
    elif head.startswith(_FUJI) and len(head) == _FUJI_SENSOR + 8:
        needed = sum(struct.unpack_from(">2I", head, _FUJI_SENSOR))
    elif head[4:8] == b"ftyp":
        needed = 0 if all(whole for _, whole in iso_boxes(file)) else end + 1
    if needed > end:
        raise PhotoError(Kind.DAMAGED, "the file ends early; restore it from a backup")
