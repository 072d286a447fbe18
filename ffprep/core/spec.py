"""Size, Color, Focus, Bounds, Mode and Spec: all that decides what an output must be."""

import dataclasses
import hashlib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from ffprep.core.formats import OUTPUT_FORMATS, OutputFormat
from ffprep.errors import UsageError

LOWEST_QUALITY = 30
"""How far quality is lowered for the sake of `max_bytes`; below, JPEG falls apart."""

PIXELS_VERSION = 2
"""Part of every digest; raised when the same Spec would come out with other pixels."""


FFMPEG_HOLDS = (2**31 - 1) // 8 - 1
"""Pixels, with 128 more to each side."""

CHOICE_VERSION = 2
"""Part of the digest of every Spec with a SizeChoice; raised when `sizing` would choose otherwise."""


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
class Color:
    """An sRGB colour with straight alpha, each 0 to 255."""

    red: int
    green: int
    blue: int
    alpha: int = 255

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a CSS colour: a name, `#rgb`, `#rrggbb`, `#rrggbbaa`, `rgb(...)` or `transparent`.

        Raises UsageError.
        """
        if text.strip().lower() == "transparent":
            return cls(0, 0, 0, 0)
        from PIL import ImageColor

        try:
            rgb = ImageColor.getrgb(text.strip())
        except ValueError:
            raise UsageError(
                f"{text!r} is no colour; write a CSS name such as white, or #rrggbb, or #rrggbbaa"
            ) from None
        if not all(0 <= part <= 255 for part in rgb):
            raise UsageError(f"{text!r} is no colour: every part lies between 0 and 255")
        return cls(*rgb)

    @property
    def opaque(self) -> bool:
        """True when nothing shines through."""
        return self.alpha == 255

    def __str__(self) -> str:
        alpha = "" if self.opaque else f"{self.alpha:02x}"
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}{alpha}"


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
        return self == Bounds()

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


HALF_UP = 0.5 + 1e-9
"""What is added before rounding down: 0.29 of 50 is 14.5, and no less for what floats make of it."""


def _edge(fraction: float, length: int) -> int:
    """In pixels; `pixels.cut` says the same to FFmpeg."""
    return math.floor(fraction * length + HALF_UP)


def read_fractions(text: str) -> Iterator[float]:
    """Numbers with commas between them, in the digits that sizes have too. Raises ValueError."""
    return (float(part.encode("ascii")) for part in text.split(","))


@dataclass(frozen=True, slots=True)
class Step:
    """One FFmpeg filter of a mode: its options, the streams it reads, and the one it makes.

    A stream is named by a mode file's `from` and `to`; `photo` is what comes in, and the empty name
    is whatever the step before made.
    """

    filter: str
    options: tuple[tuple[str, str], ...] = ()
    reads: tuple[str, ...] = ("",)
    makes: str = ""


class Fit(StrEnum):
    """How a mode lays a photo in the frame, in the words of CSS's object-fit."""

    COVER = "cover"
    CONTAIN = "contain"
    FILL = "fill"


@dataclass(frozen=True, slots=True)
class Mode:
    """A way to make a photo fit: the filters, words that help to choose it, and its file.

    `scenes` are those for which `--scene` takes it.
    `fit` is None where the mode's file does not say it; then nothing can be told beforehand.
    """

    name: str
    steps: tuple[Step, ...]
    fit: Fit | None = dataclasses.field(default=None, compare=False)
    summary: str = dataclasses.field(default="", compare=False)
    keeps: str = dataclasses.field(default="", compare=False)
    loses: str = dataclasses.field(default="", compare=False)
    suits: tuple[str, ...] = dataclasses.field(default=(), compare=False)
    scenes: tuple[str, ...] = dataclasses.field(default=(), compare=False)
    path: str = dataclasses.field(default="", compare=False)

    @property
    def lies(self) -> Fit:
        """Its `fit`; a mode that does not say it is taken to show the whole photo in the whole frame."""
        return self.fit or Fit.CONTAIN


@dataclass(frozen=True, slots=True)
class SizeConstraints:
    """Bounds within which a size lies: of each side, of the shorter or the longer one, of the ratio.

    Ratios are of width to height, as two whole numbers so that comparing them is exact. None is no
    bound.
    """

    min_side: int = 1
    max_side: int | None = None
    max_short_side: int | None = None
    min_long_side: int | None = None
    min_ratio: tuple[int, int] | None = None
    max_ratio: tuple[int, int] | None = None
    multiple_of: int = 1
    max_pixels: int | None = None


@dataclass(frozen=True, slots=True)
class SizeChoice:
    """What the size of each photo is chosen from when it is looked at (`sizing`, in the version CHOICE_VERSION).

    One of the `sizes`, that suits the photo best by `fit`; where there are none, the nearest to the
    photo's own that lies in the `envelope`.
    """

    fit: Fit
    sizes: tuple[Size, ...] = ()
    envelope: SizeConstraints = SizeConstraints()


NOT_CHOSEN = Size(1, 1)
"""The size of a Spec that still has a SizeChoice."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """The mode for photos of whose area another would cut more than `max_loss`, a fraction."""

    mode: Mode
    max_loss: float = 0.3


@dataclass(frozen=True, slots=True)
class Spec:
    """All that decides what an output must be.

    With a `choice`, the `size` is not known before the photo is: what is planned, and recorded, is the
    choice. With a `fallback`, which of the two modes it is depends on the photo's size too
    (`sizing.settled`). Without `alpha`, outputs are opaque also where their format could do otherwise.

    `quality` is on JPEG's familiar scale, 1 to 100; `subsampling` is JPEG's chroma subsampling, where
    `auto` leaves it to the quality. `lossless` is WebP's. `compression` is the effort of lossless
    packing, 0 to 9. With `max_bytes`, quality is lowered until the file fits. `colour` is `srgb`, or
    `keep` for pixels as they are with their ICC profile. `metadata` is `none` or `keep-rights`. Raises
    UsageError where the parts contradict one another.
    """

    size: Size
    mode: Mode
    format: OutputFormat = OUTPUT_FORMATS["jpeg"]
    quality: int = 95
    subsampling: str = "auto"
    lossless: bool = False
    compression: int = 6
    max_bytes: int | None = None
    colour: str = "srgb"
    metadata: str = "none"
    background: Color = Color(0, 0, 0)
    focus: Focus = Focus()
    choice: SizeChoice | None = None
    alpha: bool = True
    bounds: Bounds = Bounds()
    fallback: Fallback | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise UsageError(f"quality {self.quality} is outside 1 to 100")
        if not self.background.opaque and self.format.final_alpha is None:
            raise UsageError(
                f"{self.format.name} has no transparency; give an opaque background, or write png "
                "or webp"
            )
        if not self.background.opaque and not self.alpha:
            raise UsageError("the target takes no transparency; give an opaque background")
        if not self.size.ffmpeg_holds:
            raise UsageError(f"{self.size} is more than FFmpeg can hold")
        longest = max(self.size.width, self.size.height)
        if longest > self.format.largest_side:
            raise UsageError(
                f"{self.size} is too large for {self.format.name}, whose sides end at "
                f"{self.format.largest_side}"
            )

    @property
    def keeps_alpha(self) -> bool:
        """Whether what shines through does so in the output too."""
        return self.alpha and self.format.final_alpha is not None

    @property
    def modes(self) -> tuple[Mode, ...]:
        """Every mode that it may come to."""
        return (self.mode, self.fallback.mode) if self.fallback else (self.mode,)

    def in_modes(self, mode: Mode, fallback: Fallback | None = None) -> "Spec":
        """The same in other modes; a choice of size goes by how the first one fits."""
        choice = self.choice and dataclasses.replace(self.choice, fit=mode.lies)
        return dataclasses.replace(self, mode=mode, fallback=fallback, choice=choice)

    @property
    def lossy(self) -> bool:
        """Whether a lower quality makes a smaller file."""
        return self.format.name == "jpeg" or (self.format.name == "webp" and not self.lossless)

    @property
    def digest(self) -> str:
        """Stable over runs and machines; changes whenever the pixels would."""
        content = _plain(self) | {"pixels_version": PIXELS_VERSION}
        content |= {"choice_version": CHOICE_VERSION} if self.choice else {}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Nested dataclasses as dicts, without the fields that take no part in comparing."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if not dataclasses.is_dataclass(value):
        return value
    fields = (field.name for field in dataclasses.fields(value) if field.compare)
    return {name: _plain(getattr(value, name)) for name in fields}
