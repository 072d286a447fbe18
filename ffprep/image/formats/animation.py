"""GIF and WebP: animations, whose canvas is transparent where the first frame does not cover it."""

from typing import BinaryIO

from PIL import Image

from ffprep.core.image_info import ImageInfo
from ffprep.image.chunks import riff_chunks
from ffprep.record import replace


def describe(picture: ImageInfo, image: Image.Image, file: BinaryIO) -> ImageInfo:
    """Mark animated WebPs, and first frames that do not fill their canvas: FFmpeg misreads them."""
    fills = box(image, file) == (0, 0, *image.size)
    if fills and not _is_animated_webp(image):
        return picture
    return replace(picture, alpha=picture.alpha or not fills, ffmpeg_reads=False)


def _is_animated_webp(image: Image.Image) -> bool:
    return image.format == "WEBP" and bool(getattr(image, "is_animated", False))


def box(image: Image.Image, file: BinaryIO) -> tuple[int, int, int, int]:
    """Return the place of the first frame in an image that is not yet loaded."""
    if image.format == "GIF":
        left, top, right, bottom = image.tile[0][1]  # type: ignore[attr-defined]
        return left, top, right, bottom
    frame = b""
    if _is_animated_webp(image):  # RFC 9649, 2.7.1.1
        frame = next((file.read(12) for name, _ in riff_chunks(file) if name == b"ANMF"), b"")
    if len(frame) < 12:
        return 0, 0, *image.size
    x, y, width, height = (int.from_bytes(frame[at : at + 3], "little") for at in (0, 3, 6, 9))
    return 2 * x, 2 * y, 2 * x + width + 1, 2 * y + height + 1
