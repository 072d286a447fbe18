"""PNG: what Pillow does not report, and what FFmpeg gets wrong."""

from dataclasses import replace
from typing import BinaryIO

from PIL import Image

from ffprep.core.image_info import Cicp, ImageInfo
from ffprep.image.chunks import png_chunk


def describe(picture: ImageInfo, image: Image.Image, file: BinaryIO) -> ImageInfo:
    """Add code points for colour, and gray with alpha."""
    codes = png_chunk(file, b"cICP")
    if codes and len(codes) == 4:  # it outranks a profile (PNG, third edition, 4.3)
        picture = replace(picture, cicp=Cicp(codes[0], codes[1]))
    if image.mode == "1" and picture.alpha:  # FFmpeg loses the transparent value
        picture = replace(picture, ffmpeg_reads=False)
    file.seek(25)
    if file.read(1) == b"\4":  # Pillow calls it RGBA if it is 16 bits deep
        picture = replace(picture, mode="LA")
    return picture
