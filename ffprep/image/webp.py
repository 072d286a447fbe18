"""WebP: what FFmpeg does not read."""

from dataclasses import replace
from typing import BinaryIO

from PIL import Image

from ffprep.core.image_info import ImageInfo


def describe(picture: ImageInfo, image: Image.Image, file: BinaryIO) -> ImageInfo:
    """Mark animations, which FFmpeg skips."""
    return replace(picture, ffmpeg_reads=not getattr(image, "is_animated", False))
