"""Read what a file holds, by its bytes, and verify that an output is what was asked for.

Both use Pillow (pillow-heif for HEIC), never FFmpeg: a second decoder judges what FFmpeg decodes
and writes.
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
from ffprep.errors import Kind, PhotoError, reason
from ffprep.image.chunks import has_ordinary_header, iso_boxes, png_chunk
from ffprep.image.pillow import open_as, opened, opened_as, system_error
from ffprep.system.files import open_regular

_ORIENTATION, _EXIF, _GPS, _IPTC, _PHOTOSHOP = 0x0112, 0x8769, 0x8825, 0x83BB, 0x8649


class NeedsSandbox(Exception):
    """The header of a file is read by C code, or may take any time and memory to read."""


def probe(path: Path, max_pixels: int, sandboxed: bool = False) -> ImageInfo:
    """Return what a file holds, without decoding it.

    Raises NeedsSandbox for some headers unless `sandboxed`. Raises PhotoError: `missing`, `io`,
    `unsupported` (not a format that ffprep reads), `damaged` (begins like one and cannot be read),
    `too-large` (more than `max_pixels`).
    """
    with open_regular(path) as file:
        head = file.read(HEAD_BYTES)
        format = sniff(head)
        if format is None:
            raise _unknown_format(head)
        if not sandboxed and (format.native or not has_ordinary_header(format, file)):
            raise NeedsSandbox
        if format.demuxer == "mov":
            _require_whole_boxes(file)
        with opened_as(format, file) as image:
            if format.name == "png" and "exif" not in image.info:
                image.info["exif"] = png_chunk(file, b"eXIf")
            picture = _with_colour_codes(_describe(format, image), file)
    if not picture.stored.ffmpeg_holds:
        raise PhotoError(
            Kind.TOO_LARGE,
            f"{picture.stored} is more than FFmpeg can decode; make it smaller first",
        )
    if picture.stored.pixels > max_pixels:
        raise PhotoError(
            Kind.TOO_LARGE,
            f"{picture.stored} is more than {max_pixels} pixels; raise --max-pixels if you trust "
            "the file",
        )
    return picture


@contextmanager
def decoded(
    path: Path, picture: ImageInfo, strict: bool = True
) -> Iterator[tuple[ImageInfo, Iterator[bytes]]]:
    """Decode a file that FFmpeg cannot read; unless `strict`, as much of it as can be decoded.

    The picture's `profile`, if it still has one, is applied. Yields the ImageInfo as FFmpeg gets
    it, and an iterator of its pixels, rgb24 or rgba, some rows at a time. Raises PhotoError as
    `probe` does.
    """
    with opened(path, picture) as image:
        _load(image, strict)
        # Some of Pillow's plugins turn a picture upright when they load it.
        size, orientation = Size(*image.size), _orientation(image)
        if size not in (picture.stored, picture.shown):
            raise ValueError(f"it holds {size} pixels, and its header says {picture.stored}")
        raw = "rgba" if picture.alpha else "rgb24"
        found = replace(picture, raw=raw, stored=size, orientation=orientation, profile=None)
        yield found, _rows(_plain(image), picture)


def _rows(image: Image.Image, picture: ImageInfo) -> Iterator[bytes]:
    """Yield some rows at a time, so that converting them takes little memory."""
    height = max(1, (1 << 20) // image.width)
    for top in range(0, image.height, height):
        rows = image.crop((0, top, image.width, min(top + height, image.height)))
        rows = rows.convert("RGBA") if picture.alpha else rows
        if picture.profile:
            from ffprep.image import colour

            rows = colour.apply(rows, picture.profile)
        yield (rows if picture.alpha else rows.convert("RGB")).tobytes()


def _load(image: Image.Image, strict: bool) -> None:
    try:
        image.load()
    except Exception:
        decoded = getattr(image, "_im", None)
        if strict or decoded is None or decoded.getbbox() is None:
            raise
        image.tile = []  # type: ignore[attr-defined]  # keep what was decoded until then


@dataclass(frozen=True, slots=True)
class Extras:
    """What a file holds besides the pixels that are converted; outputs have none of it.

    `frames` counts those of an animation, the pages of a TIFF, the pictures of an MPO. `depth` is
    in bits a channel, as far as it is known. `metadata` are words such as `EXIF` and `place`.
    """

    frames: int = 1
    depth: int = 8
    profile: str | None = None
    metadata: tuple[str, ...] = ()
    gain_map: bool = False


def extras(path: Path, picture: ImageInfo) -> Extras:
    """Return what a file holds besides its pixels. Raises PhotoError as `probe` does."""
    from ffprep.image import colour

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
        with suppress(Exception):  # the index may be broken; the photo is the first picture
            return int(image._getmp()[0xB001])  # type: ignore[attr-defined]
    return int(getattr(image, "n_frames", 1))


def _depth(format: Format, image: Image.Image, content: bytes) -> int:
    if format.name == "tiff":
        from ffprep.image import tiff

        return tiff.depth(image)
    if format.name == "png":
        return 8 if content[25] == 3 else content[24]  # a palette's colours have 8
    if format.name == "jpeg2000" and (siz := content.find(b"\xff\x51")) >= 0:
        # Ssiz of the first component (ISO/IEC 15444-1, A.5.1).
        return (content[siz + 40] & 0x7F) + 1
    if format.demuxer == "mov" and (pixi := re.search(rb"pixi.{4}.(.)", content, re.DOTALL)):
        return pixi[1][0]
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


def is_translucent(path: Path, picture: ImageInfo) -> bool:
    """Decode a picture; return whether any pixel is translucent. Raises PhotoError as `probe`."""
    if not picture.alpha:
        return False
    with opened(path, picture) as image:
        image.load()
        alpha = _plain(image).convert("RGBA").getchannel("A")
    return alpha.getextrema() != (255, 255)


def verify(path: Path, spec: Spec) -> Size:
    """Decode an output whole and return its size. Raises PhotoError if it is not as `spec` says."""
    with open_regular(path) as file:
        format = sniff(file.read(HEAD_BYTES))
        if format is None or format.plugin != spec.format.plugin:
            found = format.name if format else "not a picture"
            raise PhotoError(Kind.INTERNAL, f"the output is {found}, not {spec.format.name}")
        try:
            with open_as(format, file) as image:
                size = Size(*image.size)
                image.load()
        except Exception as error:  # Pillow's parsers raise whatever they stumble over
            if failure := system_error(error):
                words = f"the output cannot be read again: {reason(failure)}"
                raise PhotoError(Kind.IO, f"{words}; check the disk of OUT") from None
            words = f"the output cannot be decoded again: {error}"
            raise PhotoError(Kind.INTERNAL, words) from None
    if size != spec.size:
        raise PhotoError(Kind.INTERNAL, f"the output is {size}, not {spec.size}")
    return size


def _unknown_format(head: bytes) -> PhotoError:
    if not head:
        return PhotoError(Kind.DAMAGED, "the file is empty; restore it from a backup")
    return PhotoError(
        Kind.UNSUPPORTED,
        "is not a picture that ffprep reads (JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, HEIC, "
        "JPEG 2000)",
    )


_INDEX, _PICTURES = {b"meta", b"moov"}, {b"mdat"}


def _require_whole_boxes(file: BinaryIO) -> None:
    """Raise PhotoError if a box that the picture of an ISO container needs is cut off.

    Decoders fill in for it (libheif: green tiles). Other bytes behind the picture do not matter.
    """
    seen = set[bytes]()
    for name, whole in iso_boxes(file):
        if whole:
            seen.add(name)
        elif name in _INDEX | _PICTURES or not (seen & _INDEX and seen & _PICTURES):
            raise PhotoError(Kind.DAMAGED, "the file ends early; restore it from a backup")


def _describe(format: Format, image: Image.Image) -> ImageInfo:
    size, orientation = Size(*image.size), _orientation(image)
    if format.name == "tiff":
        from ffprep.image import tiff

        tiff.require_supported(image)
        if orientation >= 5:
            size = size.rotated  # Pillow's TIFF plugin reports the size as displayed
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
    """Return whether FFmpeg reads a picture correctly, as measured with 9.0.2 against Pillow."""
    if format.demuxer == "mov":
        return not alpha  # FFmpeg leaves out the alpha plane, which is a picture of its own
    if format.name == "webp":
        return not getattr(image, "is_animated", False)  # FFmpeg skips animations
    if format.name == "tiff":
        from ffprep.image import tiff

        return "lab" not in image.info and tiff.ffmpeg_reads(image)
    if format.name == "png":
        return not (image.mode == "1" and alpha)  # FFmpeg loses the transparent value
    return image.mode != "CMYK"  # FFmpeg's chroma is off by as much as 3 dB


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation; 1 if there is none or if the EXIF is broken."""
    try:
        # Not image.getexif(), which decodes a PNG without EXIF in front of its pixels.
        value = Image.Image.getexif(image).get(_ORIENTATION, 1)
    except Exception:  # broken metadata does not fail a sound photo
        return 1
    return value if value in range(1, 9) else 1


def _with_colour_codes(picture: ImageInfo, file: BinaryIO) -> ImageInfo:
    """Add what Pillow does not report: code points for colour, and gray with alpha."""
    format = picture.format
    if format.name == "png":
        codes = png_chunk(file, b"cICP")
        if codes and len(codes) == 4:  # it outranks a profile (PNG, third edition, 4.3)
            picture = replace(picture, cicp=Cicp(codes[0], codes[1]))
        file.seek(25)
        if file.read(1) == b"\4":  # Pillow calls it RGBA if it is 16 bits deep
            picture = replace(picture, mode="LA")
    elif format.demuxer == "mov":
        file.seek(0)
        head = file.read(1 << 16)
        if picture.profile is None and (found := re.search(rb"colrnclx(..)(..)", head, re.DOTALL)):
            primaries, transfer = (int.from_bytes(code, "big") for code in found.groups())
            picture = replace(picture, cicp=Cicp(primaries, transfer))
        # AV1 of a single plane: FFmpeg reads any range as full.
        if (found := re.search(rb"av1C..(.)", head, re.DOTALL)) and found[1][0] & 0x10:
            picture = replace(picture, ffmpeg_reads=False)
    return picture


def _plain(image: Image.Image) -> Image.Image:
    """Convert to eight bits a channel if Pillow would clip deeper ones, and mark CIELab as such."""
    from ffprep.image import tiff

    if "lab" in image.info:
        return tiff.lab_of(image)
    if image.mode.startswith("I;16"):
        return image.point(lambda value: value / 257).convert("L")
    if image.mode in ("I", "F"):
        return tiff.to_eight_bits(image)
    return image
