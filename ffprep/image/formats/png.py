"""PNG: what Pillow does not report, and what FFmpeg gets wrong."""

import struct
from io import BytesIO
from typing import BinaryIO

from PIL import Image

from ffprep.core.image_info import Cicp, ImageInfo, Profile
from ffprep.image import chunks
from ffprep.record import replace

Box = tuple[int, int, int, int]
"""Left, upper, right and lower edge."""

_GRAY, _GRAY_WITH_ALPHA = 0, 4

# Browsers treat a gamma within 5 % of this one as sRGB's curve.
_SCREEN_GAMMA, _GAMMA_WITHIN = 2.2, 0.05
_CHROMATICITY_WITHIN = 0.001

_RGB_OF_FULL_RANGE, _UNSPECIFIED = b"\0\1", (2, 2)


def describe(picture: ImageInfo, image: Image.Image, file: BinaryIO) -> ImageInfo:
    """Add the colours and the alpha that Pillow does not report."""
    file.seek(24)
    depth, kind = file.read(2)
    if kind == _GRAY_WITH_ALPHA:  # Pillow calls it RGBA if it is 16 bits deep
        picture = replace(picture, mode="LA")
    if kind == _GRAY and depth < 8 and picture.alpha:  # FFmpeg loses the transparent value
        picture = replace(picture, ffmpeg_reads=False)
    if box := _late_frame(image, file):
        alpha = picture.alpha or box != (0, 0, *image.size)
        picture = replace(picture, ffmpeg_reads=False, alpha=alpha)
    if cicp := _cicp(file):
        return replace(picture, cicp=cicp)
    if picture.profile is None and "srgb" not in image.info:
        return replace(picture, profile=_profile_of_gamma(image))
    return picture


def _cicp(file: BinaryIO) -> Cicp | None:
    """Return code points, which outrank a profile (PNG, third edition, 4.3).

    As in browsers, those for narrow range or a matrix mean nothing, nor do unspecified ones.
    """
    codes = chunks.png_chunk(file, b"cICP")
    if codes is None or len(codes) != 4 or codes[2:] != _RGB_OF_FULL_RANGE:
        return None
    return Cicp(codes[0], codes[1]) if tuple(codes[:2]) != _UNSPECIFIED else None


def _profile_of_gamma(image: Image.Image) -> Profile | None:
    """Return what gAMA and cHRM say of colours; None if that is sRGB.

    Chromaticities without a gamma mean nothing to browsers.
    """
    gamma, points = image.info.get("gamma"), image.info.get("chromaticity", ())
    if not gamma:
        return None
    usual = abs(gamma * _SCREEN_GAMMA - 1) < _GAMMA_WITHIN
    if usual and not any(points):
        return None
    from ffprep.image import icc

    primaries = tuple(zip(points[::2], points[1::2], strict=False))
    if len(primaries) != 4 or not any(points):
        primaries = icc.SRGB_PRIMARIES
    pairs = zip(sum(primaries, ()), sum(icc.SRGB_PRIMARIES, ()), strict=True)
    if usual and all(abs(a - b) < _CHROMATICITY_WITHIN for a, b in pairs):
        return None
    return icc.profile_of_gamma(1 / gamma, primaries, f"PNG, gamma {1 / gamma:.3g}")


def _late_frame(image: Image.Image, file: BinaryIO) -> Box | None:
    """Return the place of an animation's first frame if its default image is for other programs."""
    if not (getattr(image, "is_animated", False) and image.info.get("default_image")):
        return None
    box = None
    for name, length in chunks.png_chunks(file):
        if name == b"fdAT":
            return box
        if name == b"fcTL":
            box = None if box or length < 26 else _box(file.read(26), image)
            if box is None:  # browsers show the default image
                break
    return None


def _box(control: bytes, image: Image.Image) -> Box | None:
    """Return the place of a frame, by its fcTL chunk; None if it is not on the canvas."""
    width, height, left, top = struct.unpack_from(">4I", control.ljust(20, b"\0"), 4)
    box = left, top, left + width, top + height
    on_canvas = width and height and box[2] <= image.width and box[3] <= image.height
    return box if on_canvas else None


def first_frame(image: Image.Image, file: BinaryIO) -> tuple[Image.Image, Box]:
    """Return the picture that is shown first, not yet loaded, and its place."""
    box = _late_frame(image, file)
    if box:
        file = _as_png(file)
        image = Image.OPEN["PNG"][0](file, "")
    _scale_transparency(image, file)
    return image, box or (0, 0, *image.size)


def _as_png(file: BinaryIO) -> BinaryIO:
    """Return an animation's first frame as a PNG of its own.

    Raises ValueError if a checksum is wrong.
    """
    head, pixels, most = dict[bytes, bytes](), list[bytes](), file.seek(0, 2)
    for name, length in chunks.png_chunks(file):
        if pixels and name in (b"fcTL", b"IEND"):
            break
        if name in (b"IHDR", b"PLTE", b"tRNS", b"fcTL", b"fdAT"):
            content = file.read(min(length, most))
            if file.read(4) != chunks.png_checksum(name, content):
                raise ValueError("a checksum is wrong")
            if name == b"fcTL":
                head[b"IHDR"] = content[4:12] + head[b"IHDR"][8:]
            elif name == b"fdAT":
                pixels.append(content[4:])
            else:
                head[name] = content
    parts = [*head.items(), (b"IDAT", b"".join(pixels)), (b"IEND", b"")]
    return BytesIO(chunks.PNG_BEGIN + b"".join(chunks.png_chunk_of(*part) for part in parts))


def _scale_transparency(image: Image.Image, file: BinaryIO) -> None:
    """Scale the transparent value to the pixels as Pillow has them; it forgets to."""
    value = image.info.get("transparency")
    file.seek(24)
    depth = file.read(1)[0]
    if isinstance(value, int) and image.mode == "L" and depth < 8:
        image.info["transparency"] = (value & (1 << depth) - 1) * 255 // ((1 << depth) - 1)
    elif isinstance(value, tuple) and depth == 16:
        image.info["transparency"] = tuple(part >> 8 for part in value)
