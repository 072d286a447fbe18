"""What a file holds besides the pixels that are converted, as `ffprep info` shows it."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from PIL import Image

from ffprep.core.formats import Format
from ffprep.core.image_info import Extras, ImageInfo, Profile
from ffprep.image import colour
from ffprep.image.chunks import iso_boxes
from ffprep.image.formats import jpegxl
from ffprep.image.pillow import opened
from ffprep.system.files import open_regular

_BITS, _EXIF, _GPS, _IPTC, _PHOTOSHOP = 0x102, 0x8769, 0x8825, 0x83BB, 0x8649
_JPEGXL_METADATA = {b"Exif": "EXIF", b"xml ": "XMP", b"jumb": "JUMBF"}


def extras(path: Path, picture: ImageInfo) -> Extras:
    """Return what a file holds besides its pixels. Raises PhotoError as `probe` does."""
    with opened(path, picture) as image:
        with open_regular(path) as file:
            content = file.read(1 << 16)
            depth, gain_map = _depth(picture.format, image, content), False
            if picture.format.demuxer == "mov":
                from ffprep.image.formats import isobmff

                depth, gain_map = isobmff.depth_and_gain_map(file)
        contents = image.info.get("raw")
        return Extras(
            frames=_frames(image),
            depth=depth,
            profile=colour.name(picture.profile) if picture.profile else None,
            metadata=tuple(_metadata(image)),
            gain_map=gain_map or b"hdrgm:" in content or "hdrgainmap" in str(image.info.get("aux")),
            camera=getattr(contents, "camera", ""),
            previews=getattr(contents, "previews", ()),
        )


def _frames(image: Image.Image) -> int:
    if "mp" in image.info or "mpoffset" in image.info:
        with suppress(Exception):  # the index may be broken; the photo is the first picture
            return int(image._getmp()[0xB001])  # type: ignore[attr-defined]
    return int(getattr(image, "n_frames", 1))


def _depth(format: Format, image: Image.Image, content: bytes) -> int:
    if "bits" in image.info:
        return int(image.info["bits"])
    if format.name == "tiff":
        return int(max(image.tag_v2.get(_BITS, (1,))))  # type: ignore[attr-defined]
    if format.name == "png":
        return 8 if content[25] == 3 else content[24]  # a palette's colours have 8
    if format.name == "jpeg2000":
        depth: int = image.header.depth  # type: ignore[attr-defined]
        return depth
    return 8


def _metadata(image: Image.Image) -> Iterator[str]:
    info, place = image.info, b"GPSL" in (image.info.get("xmp") or b"")
    tags = getattr(image, "tag_v2", {})  # a TIFF's own tags are what EXIF is elsewhere
    if info.get("exif") or _EXIF in tags:
        yield "EXIF"
    with suppress(Exception):  # broken EXIF has no place
        place = place or bool(Image.Image.getexif(image).get_ifd(_GPS))
    if place:
        yield "place"
    if _IPTC in tags or _PHOTOSHOP in tags:
        yield "IPTC"
    names = {"xmp": "XMP", "photoshop": "IPTC", "comment": "comment", "thumbnails": "thumbnail"}
    yield from (word for key, word in names.items() if info.get(key))
    if set(getattr(image, "text", ())) - {"XML:com.adobe.xmp"}:
        yield "text"


def extras_of_jpegxl(path: Path, stand_in: Path, frames: int) -> Extras:
    """Return what a JPEG XL holds besides its pixels, whose `frames` were counted by a decoder.

    Compressed metadata is read from the picture that stands in. Raises PhotoError as `probe` does.
    """
    with open_regular(path) as file:
        header = jpegxl.read_header(file)
        boxes = iso_boxes(file)  # one that is compressed begins with the name of its content
        names = [file.read(4) if name == b"brob" else name for name, _, _ in boxes]
    words = [_JPEGXL_METADATA[name] for name in names if name in _JPEGXL_METADATA]
    with open_regular(stand_in) as file, Image.open(file, formats=["PNG"]) as image:
        profile = Profile.of(data) if (data := image.info.get("icc_profile")) else None
        place = ["place"] if Image.Image.getexif(image).get_ifd(_GPS) else []
    return Extras(
        frames=frames,
        depth=header.depth,
        profile=colour.name(profile) if profile else None,
        metadata=(*dict.fromkeys(words), *place),
        gain_map=b"jhgm" in names,
    )
