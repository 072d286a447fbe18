"""GIF: what its first frame does not cover is transparent, as in browsers."""

from typing import BinaryIO

from PIL import Image

from ffprep.core.image_info import ImageInfo
from ffprep.record import replace


def describe(picture: ImageInfo, image: Image.Image, file: BinaryIO) -> ImageInfo:
    """Mark a first frame that does not fill its canvas; FFmpeg and Pillow colour the rest."""
    if box(image) == (0, 0, *image.size):
        return picture
    return replace(picture, alpha=True, ffmpeg_reads=False)


def box(image: Image.Image) -> tuple[int, int, int, int]:
    """Return the place of the first frame in an image that is not yet loaded."""
    left, top, right, bottom = image.tile[0][1]  # type: ignore[attr-defined]
    return left, top, right, bottom
