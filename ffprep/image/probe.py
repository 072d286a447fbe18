"""A file to an ImageInfo, by its bytes; and the proof that an output is what was asked for.

The eye here is Pillow's (pillow-heif's for HEIC), never FFmpeg's: what FFmpeg decodes and writes is
judged by somebody else.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from ffprep.core.formats import HEAD_BYTES, Format, sniff
from ffprep.core.geometry import Size
from ffprep.core.image_info import Cicp, ImageInfo, Profile
from ffprep.core.spec import Spec
from ffprep.errors import Kind, PhotoError
from ffprep.image import colour, tiff
from ffprep.image.chunks import has_ordinary_head, png_chunk
from ffprep.image.pillow import open_as, opened, pillow_errors
from ffprep.system.files import open_regular

_ORIENTATION, _EXIF, _GPS, _IPTC, _PHOTOSHOP = 0x0112, 0x8769, 0x8825, 0x83BB, 0x8649


class NeedsSandbox(Exception):
    """A file whose head is read by C code, or may take any time and memory: not to be done in this process."""


def probe(path: Path, max_pixels: int, natively: bool = False) -> ImageInfo:
    """Read what a file holds, without decoding it; by C code only `natively`.

    Raises PhotoError: `missing`, `io`, `unsupported` (no picture that ffprep reads), `damaged` (begins
    like one and cannot be read), `too-large` (more than `max_pixels`).
    """
    with open_regular(path) as file:
        head = file.read(HEAD_BYTES)
        format = sniff(head)
        if format is None:
            raise _no_picture(head)
        if not natively and (format.native or not has_ordinary_head(format, file)):
            raise NeedsSandbox
        if format.demuxer == "mov":
            _require_whole_boxes(file)
        with pillow_errors(format), open_as(format, file) as image:
            if format.name == "png" and "exif" not in image.info:
                image.info["exif"] = png_chunk(file, b"eXIf")
            picture = _with_what_pillow_leaves_out(_describe(format, image), file)
    if not picture.stored.ffmpeg_holds:
        raise PhotoError(Kind.TOO_LARGE, f"{picture.stored} is more than FFmpeg can hold")
    if picture.stored.pixels > max_pixels:
        raise PhotoError(
            Kind.TOO_LARGE,
            f"{picture.stored} is more than {max_pixels} pixels; raise --max-pixels if the file is to be trusted",
        )
    return picture


@contextmanager
def decoded(
    path: Path, picture: ImageInfo, strict: bool = True
) -> Iterator[tuple[ImageInfo, Iterator[bytes]]]:
    """Decode a file with Pillow, whole: for what FFmpeg cannot read. Or, not `strict`, what is left of it.

    The picture's `profile`, if it has one still, is applied. Gives the ImageInfo as it is then handed to
    FFmpeg, and its pixels row by row, rgb24 or rgba, some rows at a time. Raises PhotoError as `probe`
    does.
    """
    with opened(path, picture) as image:
        _load(image, strict)
        # Some of Pillow's plugins turn a picture upright while they load it.
        size, orientation = Size(*image.size), _orientation(image)
        if size not in (picture.stored, picture.shown):
            raise ValueError(f"holds {size}, and says {picture.stored}")
        raw = "rgba" if picture.alpha else "rgb24"
        found = replace(picture, raw=raw, stored=size, orientation=orientation, profile=None)
        yield found, _rows(_plain(image), picture)


def _rows(image: Image.Image, picture: ImageInfo) -> Iterator[bytes]:
    """Some rows at a time, so that converting them takes no second picture's memory."""
    height = max(1, (1 << 20) // image.width)
    for top in range(0, image.height, height):
        rows = image.crop((0, top, image.width, min(top + height, image.height)))
        rows = rows.convert("RGBA") if picture.alpha else rows
        if picture.profile:
            rows = colour.apply(rows, picture.profile)
        yield (rows if picture.alpha else rows.convert("RGB")).tobytes()


def _load(image: Image.Image, strict: bool) -> None:
    try:
        image.load()
    except Exception:
        decoded = getattr(image, "_im", None)
        if strict or decoded is None or decoded.getbbox() is None:
            raise
        image.tile = []  # type: ignore[attr-defined]  # what was decoded until then is the picture


@dataclass(frozen=True, slots=True)
class Extras:
    """What a file holds besides the pixels that are converted, all of which outputs do without.

    `frames` are those of an animation, the pages of a TIFF, the pictures of an MPO. `depth` is in
    bits a channel, where it is known. `metadata` are words such as `EXIF` and `place`.
    """

    frames: int = 1
    depth: int = 8
    profile: str | None = None
    metadata: tuple[str, ...] = ()
    gain_map: bool = False


def extras(path: Path, picture: ImageInfo) -> Extras:
    """What a file holds besides. Raises PhotoError as `probe` does."""
    with opened(path, picture) as image:
        profile = picture.profile and colour.name(picture.profile)
        with open_regular(path) as file:
            content = file.read(1 << 16)
        return Extras(
            frames=_frames(image),
            depth=_depth(picture.format, image, content),
            profile=profile or None,
            metadata=tuple(_metadata(image)),
            gain_map=b"hdrgm:" in content or "hdrgainmap" in str(image.info.get("aux")),
        )


def _frames(image: Image.Image) -> int:
    if "mp" in image.info or "mpoffset" in image.info:
        with suppress(Exception):  # an index of pictures may be broken; the first is the photo
            return int(image._getmp()[0xB001])  # type: ignore[attr-defined]
    return int(getattr(image, "n_frames", 1))


def _depth(format: Format, image: Image.Image, content: bytes) -> int:
    if format.name == "tiff":
        return tiff.depth(image)
    if format.name == "png":
        return 8 if content[25] == 3 else content[24]  # the palette's colours have 8
    if format.name == "jpeg2000" and (siz := content.find(b"\xff\x51")) >= 0:
        # Ssiz of the first component (ISO/IEC 15444-1, A.5.1).
        return (content[siz + 40] & 0x7F) + 1
    if format.demuxer == "mov" and (pixi := re.search(rb"pixi.{4}.(.)", content, re.DOTALL)):
        return pixi[1][0]
    return 8


def _metadata(image: Image.Image) -> Iterator[str]:
    info, place = image.info, b"GPSL" in (image.info.get("xmp") or b"")
    tags = getattr(image, "tag_v2", {})  # a TIFF is made of what elsewhere is EXIF
    if info.get("exif") or _EXIF in tags:
        yield "EXIF"
    with suppress(Exception):  # broken EXIF has no place to tell
        place = place or bool(Image.Image.getexif(image).get_ifd(_GPS))
    if place:
        yield "place"
    if _IPTC in tags or _PHOTOSHOP in tags:
        yield "IPTC"
    names = {"xmp": "XMP", "photoshop": "IPTC", "comment": "comment", "thumbnails": "thumbnail"}
    yield from (word for key, word in names.items() if info.get(key))
    if set(getattr(image, "text", ())) - {"XML:com.adobe.xmp"}:
        yield "text"


def is_translucent(path: Path, picture: ImageInfo) -> bool:
    """Whether anything shines through a picture's pixels; decodes it. Raises PhotoError as `probe` does."""
    if not picture.alpha:
        return False
    with opened(path, picture) as image:
        image.load()
        alpha = _plain(image).convert("RGBA").getchannel("A")
    return alpha.getextrema() != (255, 255)


def verify(path: Path, spec: Spec) -> Size:
    """Decode an output whole and return its size. Raises PhotoError if it is not what `spec` says."""
    with open_regular(path) as file:
        format = sniff(file.read(HEAD_BYTES))
        if format is None or format.plugin != spec.format.plugin:
            found = format.name if format else "no picture"
            raise PhotoError(Kind.INTERNAL, f"the output is {found}, not {spec.format.name}")
        try:
            with open_as(format, file) as image:
                size = Size(*image.size)
                image.load()
        except Exception as error:  # as above: any stumbling of the decoder's
            words = f"the output cannot be decoded again: {error}"
            raise PhotoError(Kind.INTERNAL, words) from None
    if size != spec.size:
        raise PhotoError(Kind.INTERNAL, f"the output is {size}, not {spec.size}")
    return size


def _no_picture(head: bytes) -> PhotoError:
    if not head:
        return PhotoError(Kind.DAMAGED, "the file is empty; restore it from a backup")
    return PhotoError(
        Kind.UNSUPPORTED,
        "is no picture that ffprep reads (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, HEIC, JPEG 2000)",
    )


_INDEX, _PICTURES = {b"meta", b"moov"}, {b"mdat"}


def _require_whole_boxes(file: BinaryIO) -> None:
    """Raise PhotoError when a box of an ISO container that a picture needs reaches behind the end of the file.

    What decoders fill in for it (libheif: green tiles) is no photo. Bytes behind the picture that are
    no box, or only a part of another one, do not matter.
    """
    end = file.seek(0, 2)
    start, seen = 0, set[bytes]()
    while start < end:
        file.seek(start)
        head = file.read(16)
        length, name = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        elif length == 0:
            return
        if length < 8 or start + length > end:
            has_all = seen & _INDEX and seen & _PICTURES
            if not has_all or name in _INDEX | _PICTURES:
                raise PhotoError(Kind.DAMAGED, "the file ends early; restore it from a backup")
            return
        seen.add(name)
        start += length


def _describe(format: Format, image: Image.Image) -> ImageInfo:
    size, orientation = Size(*image.size), _orientation(image)
    if format.name == "tiff":
        tiff.require_supported(image)
        if orientation >= 5:
            size = size.turned  # Pillow's TIFF plugin says the size as shown
    alpha = image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info
    return ImageInfo(
        format=format,
        stored=size,
        orientation=orientation,
        alpha=alpha,
        mode="LAB" if "lab" in image.info else image.mode,
        profile=Profile.of(data) if (data := image.info.get("icc_profile")) else None,
        tiled="tiling" in image.info,
        ffmpeg_reads=_ffmpeg_reads(format, image, alpha),
    )


def _ffmpeg_reads(format: Format, image: Image.Image, alpha: bool) -> bool:
    """Measured with FFmpeg 9.0.2, each against Pillow's pixels."""
    if format.demuxer == "mov":
        return not alpha  # the alpha plane is a picture of its own, and is left out
    if format.name == "webp":
        return not getattr(image, "is_animated", False)  # its decoder skips animations
    if format.name == "tiff":
        return "lab" not in image.info and tiff.ffmpeg_reads(image)
    if format.name == "png":
        return not (image.mode == "1" and alpha)  # its one transparent value is lost
    return image.mode != "CMYK"  # whose chroma is off by as much as 3 dB


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 where there is none or where the EXIF is broken."""
    try:
        # Not image.getexif(): for a PNG without EXIF in front, that decodes the whole picture.
        value = Image.Image.getexif(image).get(_ORIENTATION, 1)
    except Exception:  # odd metadata does not fail a sound photo
        return 1
    return value if value in range(1, 9) else 1


def _with_what_pillow_leaves_out(picture: ImageInfo, file: BinaryIO) -> ImageInfo:
    """Code points for colour, and what the file's head says of gray."""
    format = picture.format
    if format.name == "png":
        codes = png_chunk(file, b"cICP")
        if codes and len(codes) == 4:  # it outranks a profile (PNG, third edition, 4.3)
            picture = replace(picture, cicp=Cicp(codes[0], codes[1]))
        file.seek(25)
        if file.read(1) == b"\4":  # which Pillow calls RGBA where it is 16 bits deep
            picture = replace(picture, mode="LA")
    elif format.demuxer == "mov":
        file.seek(0)
        head = file.read(1 << 16)
        if picture.profile is None and (found := re.search(rb"colrnclx(..)(..)", head, re.DOTALL)):
            primaries, transfer = (int.from_bytes(code, "big") for code in found.groups())
            picture = replace(picture, cicp=Cicp(primaries, transfer))
        # AV1 of one plane alone: FFmpeg takes its range for full.
        if (found := re.search(rb"av1C..(.)", head, re.DOTALL)) and found[1][0] & 0x10:
            picture = replace(picture, ffmpeg_reads=False)
    return picture


def _plain(image: Image.Image) -> Image.Image:
    """Eight bits a channel, where Pillow would clip what is deeper, and CIELab said to be that."""
    if "lab" in image.info:
        return tiff.lab_of(image)
    if image.mode.startswith("I;16"):
        return image.point(lambda value: value / 257).convert("L")
    if image.mode in ("I", "F"):
        return tiff.to_eight_bits(image)
    return image
