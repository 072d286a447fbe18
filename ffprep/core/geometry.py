"""Sizes in pixels, and points and edges of a photo in fractions of its size."""

import math
import re
from collections.abc import Iterator
from typing import Self

from ffprep.errors import UsageError
from ffprep.record import Record

FFMPEG_LARGEST = (2**31 - 1) // 8 - 1
"""The most pixels of a picture in FFmpeg, counting 128 more for each side."""


SHAPES = ("landscape", "portrait", "square")
"""What a Size can be, as `--only` names it."""


class Size(Record):
    """Width x height in pixels, both at least 1."""

    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `1280x720`, `1280X720` or `1280×720`. Raises UsageError."""
        match = re.fullmatch(r"\s*([0-9]{1,6})\s*[xX×]\s*([0-9]{1,6})\s*", text, re.ASCII)
        if not match or not int(match[1]) or not int(match[2]):
            from ffprep.core.known_names import not_a_size

            raise not_a_size(text)
        return cls(int(match[1]), int(match[2]))

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    @property
    def shape(self) -> str:
        """One of SHAPES."""
        if self.width == self.height:
            return "square"
        return "landscape" if self.width > self.height else "portrait"

    @property
    def ffmpeg_holds(self) -> bool:
        """Whether FFmpeg can hold a picture of this size (libavutil/imgutils.c, 8 bytes/pixel)."""
        return (self.width + 128) * (self.height + 128) <= FFMPEG_LARGEST

    @property
    def rotated(self) -> "Size":
        """The size after a quarter turn."""
        return Size(self.height, self.width)

    def __lt__(self, other: "Size") -> bool:
        return (self.width, self.height) < (other.width, other.height)

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


def read_size(text: str) -> Size:
    """Read a size in pixels as `Size.parse` does, or by its name: `720p`. Raises UsageError."""
    if text[:1].isdigit() and text[-1:].isdigit():
        return Size.parse(text)
    from ffprep.core.known_names import named_size

    return named_size(text) or Size.parse(text)


class Focus(Record):
    """The point to keep as near the centre of a crop as the edges allow.

    In fractions of the width and height of the upright photo, after the crop to Bounds. A mode that
    adds bars takes it for the place of the photo between them: at 0, the photo is at the left or
    upper edge of the frame.
    """

    x: float = 0.5
    y: float = 0.5

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `center`, `top`, `south-east`, ... or `X,Y` in fractions. Raises UsageError."""
        words = text.strip().lower().replace("centre", "center").split("-")
        try:
            if "," in text:
                x, y = read_fractions(text)
            else:
                known = [_SIDES[word] for word in words]
                (x,) = {a for a, _ in known if a is not None} or {0.5}
                (y,) = {b for _, b in known if b is not None} or {0.5}
            if not (0 <= x <= 1 and 0 <= y <= 1):
                raise ValueError
        except (KeyError, ValueError):
            raise UsageError(
                f"{text!r} is not a focus; write center, top, bottom-left, north, ... or faces, or "
                "X,Y as fractions from 0 to 1, for example 0.5,0.3"
            ) from None
        return cls(x, y)


_SIDES = {"left": (0.0, None), "right": (1.0, None), "top": (None, 0.0), "bottom": (None, 1.0)}
_SIDES |= {"west": (0.0, None), "east": (1.0, None), "north": (None, 0.0), "south": (None, 1.0)}
_SIDES |= {"center": (None, None)}

CENTER = Focus()


class FaceFocus(Focus):
    """A Focus that the faces of each photo decide; it is the centre until they are known.

    `version` is part of digests; increased when the same photo gets another focus.
    """

    version: int = 1


def read_focus(text: str) -> Focus:
    """Read `faces`, or a point as `Focus.parse` does. Raises UsageError."""
    return FaceFocus() if text.strip().lower() == "faces" else Focus.parse(text)


class Bounds(Record):
    """Edges of a crop, as fractions of the upright photo's width and height, from its upper left.

    In pixels, each edge is rounded to the nearest, and up in the middle between two, so that crops
    which share an edge in fractions share it in pixels. Less than a pixel is always empty.
    """

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `L,T,R,B`, such as `0,0.1,1,0.9`. Raises UsageError."""
        try:
            left, top, right, bottom = read_fractions(text)
        except ValueError:
            left = top = right = bottom = math.nan
        if not (0 <= left <= 1 and 0 <= top <= 1 and 0 <= right <= 1 and 0 <= bottom <= 1):
            raise UsageError(
                f"{text!r} are not crop bounds; write LEFT,TOP,RIGHT,BOTTOM as fractions from 0 "
                "to 1, for example 0.1,0,0.9,1"
            )
        if not (left < right and top < bottom):
            raise UsageError(
                f"{text!r} leave nothing of the photo; write LEFT,TOP,RIGHT,BOTTOM with LEFT less "
                "than RIGHT and TOP less than BOTTOM"
            )
        return cls(left, top, right, bottom)

    def corner(self, photo: Size) -> tuple[int, int]:
        """Return the upper left corner of the crop of an upright photo, in pixels."""
        return _edge_pixel(self.left, photo.width), _edge_pixel(self.top, photo.height)

    def of(self, photo: Size) -> Size | None:
        """Return the size of the crop of an upright photo; None if it is less than a pixel."""
        width, height = self.right - self.left, self.bottom - self.top
        if min(width * photo.width, height * photo.height) < 1 - 1e-9:
            return None
        left, top = self.corner(photo)
        return Size(
            _edge_pixel(self.right, photo.width) - left,
            _edge_pixel(self.bottom, photo.height) - top,
        )


WHOLE = Bounds()
"""Bounds that cut nothing."""

Faces = tuple[Bounds, ...]
"""The boxes around the faces of an upright photo, largest first."""

HALF_UP = 0.5 + 1e-9
"""Added before rounding down; 0.29 * 50 is 14.5, though a little less in floating point."""


def _edge_pixel(fraction: float, length: int) -> int:
    """Return an edge in pixels; `filtergraph` has the same expression for FFmpeg."""
    return math.floor(fraction * length + HALF_UP)


def read_fractions(text: str) -> Iterator[float]:
    """Read numbers between commas, in ASCII digits as in sizes. Raises ValueError."""
    return (float(part.encode("ascii")) for part in text.split(","))
