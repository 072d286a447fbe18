"""A Case: one unusual file, and its right picture."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from PIL import Image

from ffprep.core.geometry import Size

SIZE = Size(96, 80)
"""The size of most cases."""

Pixels = tuple[tuple[tuple[int, int], tuple[int, ...]], ...]
"""Points of the upright picture, each with its right colour: RGB, or RGBA in 8 bits."""


class Feature(StrEnum):
    """What is unusual about a file: a column of the table in docs/guide."""

    KIND = "kind"
    DEPTH = "depth"
    COLOUR = "colour"
    ALPHA = "alpha"
    ORIENTATION = "orientation"
    FIRST_PICTURE = "first picture"


class Verdict(StrEnum):
    """What ffprep makes of a file."""

    RIGHT = "right"
    WARNED = "warned"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Case:
    """One file, which `make` returns, and its right picture.

    `format` is a row of the table, `name` says what is unusual. `size` is that of the upright
    picture, `within` how far a channel may be from its right value. `words` are a part of the
    warning or the error.
    """

    format: str
    feature: Feature
    name: str
    suffix: str
    make: Callable[[], bytes]
    pixels: Pixels = ()
    size: Size = SIZE
    within: int = 3
    verdict: Verdict = Verdict.RIGHT
    words: str = ""

    @property
    def file_name(self) -> str:
        """A file name that is unique among all cases."""
        words = "".join(c if c.isalnum() else "-" for c in f"{self.format} {self.name}")
        return words.lower() + self.suffix


SQUARES = ((230, 30, 30), (30, 200, 60), (40, 60, 220), (240, 240, 240))
"""The colours of `squares`: upper left, upper right, lower left, lower right."""

_CENTRES = ((24, 20), (72, 20), (24, 60), (72, 60))


@cache
def squares() -> Image.Image:
    """Return an RGB picture of 96x80 whose four quarters have different colours."""
    picture = Image.new("RGB", (96, 80))
    for (x, y), colour in zip(_CENTRES, SQUARES, strict=True):
        picture.paste(colour, (x - 24, y - 20, x + 24, y + 20))
    return picture


def quarters(*colours: tuple[int, ...]) -> Pixels:
    """Return the Pixels of a picture of 96x80 whose quarters have these colours."""
    return tuple(zip(_CENTRES, colours or SQUARES, strict=True))


_FREE = tuple(((x, y), (0, 0, 0, 0)) for x in (4, 90) for y in (4, 76))
_INNER = ((36, 30), (60, 30), (36, 50), (60, 50))
IN_THE_MIDDLE: Pixels = (*_FREE, *zip(_INNER, SQUARES, strict=True))
"""The Pixels of a canvas of 96x80 with `squares` of 48x40 in the middle, and nothing else."""
