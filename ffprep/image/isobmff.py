"""AVIF and HEIC: pictures in the boxes of ISO/IEC 14496-12 (ISO BMFF) and 23008-12 (HEIF)."""

import re
from dataclasses import replace
from typing import BinaryIO

from PIL import Image

from ffprep.core.image_info import Cicp, ImageInfo
from ffprep.errors import Kind, PhotoError
from ffprep.image.chunks import iso_boxes

_INDEX, _PICTURES = {b"meta", b"moov"}, {b"mdat"}


def require_whole_boxes(file: BinaryIO) -> None:
    """Raise PhotoError if a box that the picture of an ISO container needs is cut off.

    Decoders fill in for it (libheif: green tiles). Other bytes behind the picture do not matter.
    """
    seen = set[bytes]()
    for name, whole in iso_boxes(file):
        if whole:
            seen.add(name)
        elif name in _INDEX | _PICTURES or not (seen & _INDEX and seen & _PICTURES):
            raise PhotoError(Kind.DAMAGED, "the file ends early; restore it from a backup")


def describe(picture: ImageInfo, image: Image.Image, file: BinaryIO) -> ImageInfo:
    """Add tiles and code points for colour, and what FFmpeg does not read."""
    # FFmpeg leaves out the alpha plane, which is a picture of its own.
    picture = replace(picture, tiled="tiling" in image.info, ffmpeg_reads=not picture.alpha)
    file.seek(0)
    head = file.read(1 << 16)
    if picture.profile is None and (found := re.search(rb"colrnclx(..)(..)", head, re.DOTALL)):
        primaries, transfer = (int.from_bytes(code, "big") for code in found.groups())
        picture = replace(picture, cicp=Cicp(primaries, transfer))
    # AV1 of a single plane: FFmpeg reads any range as full.
    if (found := re.search(rb"av1C..(.)", head, re.DOTALL)) and found[1][0] & 0x10:
        picture = replace(picture, ffmpeg_reads=False)
    return picture
