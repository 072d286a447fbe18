"""WebP: animations, which FFmpeg does not read."""

from typing import BinaryIO

from PIL import Image

from ffprep.core.image_info import ImageInfo
from ffprep.image.chunks import riff_chunks
from ffprep.record import replace


def describe(picture: ImageInfo, image: Image.Image, file: BinaryIO) -> ImageInfo:
    """Mark animations. Where the first frame does not cover its canvas, it is transparent."""
    if not getattr(image, "is_animated", False):
        return picture
    alpha = picture.alpha or box(image, file) != (0, 0, *image.size)
    return replace(picture, alpha=alpha, ffmpeg_reads=False)


def box(image: Image.Image, file: BinaryIO) -> tuple[int, int, int, int]:
    """Return the place of the first frame (RFC 9649, 2.7.1.1)."""
    file.seek(0)
    frame = next((part for name, part in riff_chunks(file.read()) if name == b"ANMF"), b"")
    if len(frame) < 12:
        return 0, 0, *image.size
    x, y, width, height = (int.from_bytes(frame[at : at + 3], "little") for at in (0, 3, 6, 9))
    return 2 * x, 2 * y, 2 * x + width + 1, 2 * y + height + 1
