"""Sizes in pixels, and points and edges of a photo in fractions of its size."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from ffprep.errors import UsageError

FFMPEG_HOLDS = (2**31 - 1) // 8 - 1
"""Pixels, with 128 more to each side."""


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """Width x height in pixels, both at least 1."""

    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `1280x720`, `1280X720` or `1280×720`. Raises UsageError."""
        match = re.fullmatch(r"\s*([0-9]{1,6})\s*[xX×]\s*([0-9]{1,6})\s*", text, re.ASCII)
        if not match or not int(match[1]) or not int(match[2]):
            raise UsageError(f"{text!r} is no size; write width x height, such as 1280x720")
        return cls(int(match[1]), int(match[2]))

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    @property
    def ffmpeg_holds(self) -> bool:
        """Whether FFmpeg can hold such a picture (libavutil/imgutils.c, at 8 bytes a pixel)."""
        return (self.width + 128) * (self.height + 128) <= FFMPEG_HOLDS

    @property
    def turned(self) -> "Size":
        """The size after a quarter turn."""
        return Size(self.height, self.width)

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Focus:
    """The point to keep as near the centre of the cut as the edges allow.

    In fractions of the width and height of the upright photo, or of what Bounds leave of it.
    """

    x: float = 0.5
    y: float = 0.5

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `center`, `top`, `bottom-left`, ... or `X,Y` in fractions. Raises UsageError."""
        words = text.strip().lower().replace("centre", "center").split("-")
        sides = {"left": (0.0, None), "right": (1.0, None), "top": (None, 0.0)}
        sides |= {"bottom": (None, 1.0), "center": (None, None)}
        try:
            if "," in text:
                x, y = read_fractions(text)
            else:
                known = [sides[word] for word in words]
                (x,) = {a for a, _ in known if a is not None} or {0.5}
                (y,) = {b for _, b in known if b is not None} or {0.5}
            if not (0 <= x <= 1 and 0 <= y <= 1):
                raise ValueError
        except (KeyError, ValueError):
            raise UsageError(
                f"{text!r} is no focus; write center, top, bottom-left, ... or X,Y as fractions "
                "from 0 to 1, such as 0.5,0.3"
            ) from None
        return cls(x, y)


CENTER = Focus()


@dataclass(frozen=True, slots=True)
class Bounds:
    """Edges of a cut, as fractions of the upright photo's width and height, from its upper left.

    In pixels, each edge is the one that is nearest, the further one in the middle between two; so cuts that
    share an edge in fractions share it in pixels. Less than a pixel is nothing, however it would be rounded.
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
                f"{text!r} are no bounds; write LEFT,TOP,RIGHT,BOTTOM as fractions from 0 to 1, such "
                "as 0.1,0,0.9,1"
            )
        if not (left < right and top < bottom):
            raise UsageError(
                f"{text!r} leave nothing: right lies right of left, and bottom below top; write "
                "LEFT,TOP,RIGHT,BOTTOM"
            )
        return cls(left, top, right, bottom)

    @property
    def whole(self) -> bool:
        """Whether nothing is cut."""
        return self == WHOLE

    def corner(self, photo: Size) -> tuple[int, int]:
        """The upper left of what is left of an upright photo, in pixels."""
        return _edge(self.left, photo.width), _edge(self.top, photo.height)

    def of(self, photo: Size) -> Size | None:
        """The size of what is left of an upright photo; None where that is less than a pixel."""
        across, down = (
            (self.right - self.left) * photo.width,
            (self.bottom - self.top) * photo.height,
        )
        if min(across, down) < 1 - 1e-9:
            return None
        left, top = self.corner(photo)
        return Size(_edge(self.right, photo.width) - left, _edge(self.bottom, photo.height) - top)


WHOLE = Bounds()
"""Bounds that cut nothing."""

HALF_UP = 0.5 + 1e-9
"""What is added before rounding down: 0.29 of 50 is 14.5, and no less for what floats make of it."""


def _edge(fraction: float, length: int) -> int:
    """In pixels; `pixels.cut` says the same to FFmpeg."""
    return math.floor(fraction * length + HALF_UP)


def read_fractions(text: str) -> Iterator[float]:
    """Numbers with commas between them, in the digits that sizes have too. Raises ValueError."""
    return (float(part.encode("ascii")) for part in text.split(","))
