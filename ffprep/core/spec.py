"""Spec: all that decides what an output must be."""

from typing import TYPE_CHECKING, Any, Self

from ffprep.core.constraints import UNCONSTRAINED, SizeConstraints
from ffprep.core.formats import OUTPUT_FORMATS, OutputFormat
from ffprep.core.geometry import CENTER, WHOLE, Bounds, FaceFocus, Focus, Size
from ffprep.core.mode import Fallback, Fit, Mode, centred
from ffprep.errors import UsageError
from ffprep.record import Record, replace

if TYPE_CHECKING:
    from ffprep.core.film import FilmFrame

LOWEST_QUALITY = 30
"""The lowest quality that `max_bytes` leads to; JPEG is unusable below it."""

PIXELS_VERSION = 2
"""Part of every digest; increased when the same Spec leads to a visibly different picture."""

CHOICE_VERSION = 2
"""Part of the digest of Specs with a SizeChoice; increased when `fitting` chooses otherwise."""

_ADDED = (
    ("optimize", False),
    ("depth", 8),
    ("fast", False),
    ("sharpen", False),
    ("date", "auto"),
    ("frame", None),
)
"""Fields added since version 0.1, each with the value that leaves a digest as it was without it."""


_COMMON_COLOURS = {"black": (0, 0, 0), "white": (255, 255, 255)}
"""Those for which Pillow need not be imported."""


class Color(Record):
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
        if text in _COMMON_COLOURS:
            return cls(*_COMMON_COLOURS[text])
        from PIL import ImageColor

        try:
            rgb = ImageColor.getrgb(text.strip())
        except ValueError:
            from ffprep.core.known_names import nearest

            near = nearest(text.strip(), ["transparent", *ImageColor.colormap])
            advice = "write a CSS name such as white, or #rrggbb, or #rrggbbaa"
            advice = f"did you mean {near}?" if near else advice
            raise UsageError(f"{text!r} is not a colour; {advice}") from None
        if not all(0 <= part <= 255 for part in rgb):
            raise UsageError(f"{text!r} is not a colour; every part of it must be from 0 to 255")
        return cls(*rgb)

    @property
    def opaque(self) -> bool:
        """Whether it is not translucent."""
        return self.alpha == 255

    def __str__(self) -> str:
        alpha = "" if self.opaque else f"{self.alpha:02x}"
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}{alpha}"


class SizeChoice(Record):
    """The sizes from which one is chosen for each photo (by `fitting`, as of CHOICE_VERSION).

    It is the one of `sizes` that suits the photo best by `fit`; without any, the nearest to the
    photo's own that the `envelope` allows. If the fit is INSIDE, it is the photo's own size, scaled
    to fit in the only one of `sizes`, with sides that are multiples as the `envelope` says.
    """

    fit: Fit
    sizes: tuple[Size, ...] = ()
    envelope: SizeConstraints = UNCONSTRAINED

    @classmethod
    def inside(cls, frame: Size, multiple_of: int = 1) -> Self:
        """Return the choice of the sizes that fit in a frame. Raises UsageError if none does."""
        if multiple_of > min(frame.width, frame.height):
            raise UsageError(f"{frame} has no side of {multiple_of} pixels; give a larger size")
        return cls(Fit.INSIDE, (frame,), SizeConstraints(multiple_of=multiple_of))

    @property
    def listed(self) -> tuple[Size, ...]:
        """The sizes that an output may have; none if they are not known before a photo is."""
        return () if self.fit is Fit.INSIDE else self.sizes

    def may_be(self, size: Size) -> bool:
        """Return whether an output may have a size. It may have any if there are only bounds."""
        if self.fit is not Fit.INSIDE:
            return not self.sizes or size in self.sizes
        (frame,), step = self.sizes, self.envelope.multiple_of
        if step == 1 and size.width != frame.width and size.height != frame.height:
            return False
        inside = size.width <= frame.width and size.height <= frame.height
        return inside and size.width % step == size.height % step == 0


def require_free_size(mode: Mode) -> None:
    """Raise UsageError if a mode computes sizes, since a target decides them."""
    if mode.effective_fit is Fit.INSIDE:
        words = f"mode {mode.name} computes a size of its own for each photo"
        raise UsageError(f"{words}, so it needs --size, and no target")


NOT_CHOSEN = Size(1, 1)
"""The size of a Spec that has a SizeChoice."""


class Spec(Record):
    """All that decides what an output must be.

    With a `choice`, the `size` depends on the photo, and the choice is what is planned and
    recorded. With a `fallback`, the mode depends on the photo's size too (`fitting.resolve_spec`).
    Without `alpha`, outputs are opaque even if their format has alpha.

    `quality` is on JPEG's usual scale, 1 to 100; `subsampling` is the chroma subsampling of JPEG
    and AVIF, which depends on the quality if it is `auto`. With `optimize`, a JPEG has Huffman
    tables of its own, which save bytes and take time. `lossless` is for WebP, AVIF and JPEG XL.
    `depth` is the bits of a channel: 8, or 10 for AVIF. `compression` is the effort of encoders
    except JPEG's, 0 to 9. With `max_bytes`, quality is lowered until the file fits. `colour` is
    `srgb`, or `keep` for unconverted pixels with their ICC profile. `metadata` is `none`,
    `keep-rights`, `keep-no-place` or `keep`; with the `date` `keep`, the capture date is kept
    without other metadata, too. With `fast`, JPEGs that are shrunk may be decoded at a fraction of
    their size. With `sharpen`, outputs are sharpened after scaling.
    With a `frame`, the source may be a film. Raises UsageError if the parts contradict one another.
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
    focus: Focus = CENTER
    choice: SizeChoice | None = None
    alpha: bool = True
    bounds: Bounds = WHOLE
    fallback: Fallback | None = None
    optimize: bool = False
    fast: bool = False
    sharpen: bool = False
    date: str = "auto"
    frame: "FilmFrame | None" = None
    depth: int = 8

    def __post_init__(self) -> None:
        if not 1 <= self.quality <= 100:
            raise UsageError(f"quality {self.quality} is not between 1 and 100")
        if not self.background.opaque and self.format.final_alpha is None:
            raise UsageError(
                f"{self.format.name} has no transparency; give an opaque background, or write "
                "png, webp, avif or jxl"
            )
        if not self.background.opaque and not self.alpha:
            raise UsageError("the target does not take transparency; give an opaque background")
        if not self.size.ffmpeg_holds:
            raise UsageError(f"{self.size} is more than FFmpeg can hold; ask for a smaller size")
        longest = max(self.size.width, self.size.height)
        if longest > self.format.largest_side:
            raise UsageError(
                f"{self.size} is too large for {self.format.name}, which has at most "
                f"{self.format.largest_side} pixels a side"
            )

    @property
    def keeps_alpha(self) -> bool:
        """Whether outputs may be translucent."""
        return self.alpha and self.format.final_alpha is not None

    def translucent(self, alpha: bool) -> bool:
        """Return whether an output may be translucent, of a picture with or without `alpha`."""
        return not self.background.opaque or (alpha and self.keeps_alpha)

    @property
    def kept_metadata(self) -> str:
        """What outputs keep: `metadata`, or `date` if that is all."""
        return "date" if self.metadata == "none" and self.date == "keep" else self.metadata

    @property
    def modes(self) -> tuple[Mode, ...]:
        """The modes that an output may have."""
        return (self.mode, self.fallback.mode) if self.fallback else (self.mode,)

    def in_modes(self, mode: Mode, fallback: Fallback | None = None) -> "Spec":
        """Return the same Spec in other modes; a choice of size goes by the first one's fit.

        Raises UsageError if the mode computes a size, and the target lists its sizes.
        """
        size, choice, fit = self.size, self.choice, mode.effective_fit
        if choice is None:
            if fit is Fit.INSIDE:
                size, choice = NOT_CHOSEN, SizeChoice.inside(size)
        elif choice.fit is not fit:
            require_free_size(mode)
            if choice.fit is Fit.INSIDE:
                (size,), choice = choice.sizes, None
            else:
                choice = replace(choice, fit=fit)
        return replace(self, mode=mode, fallback=fallback, size=size, choice=choice)

    @property
    def lossy(self) -> bool:
        """Whether a lower quality makes a smaller file."""
        return self.format.name == "jpeg" or (self.format.name != "png" and not self.lossless)

    @property
    def focuses_on_faces(self) -> bool:
        """Whether the faces of a photo decide what is cut."""
        return isinstance(self.focus, FaceFocus) and any(m.cuts_at_focus for m in self.modes)

    @property
    def as_digested(self) -> "Spec":
        """The same Spec in the words of version 0.1, whose digests remain valid."""
        if self.focus != CENTER:
            return self
        other = self.fallback and replace(self.fallback, mode=centred(self.fallback.mode))
        return replace(self, mode=centred(self.mode), fallback=other)

    @property
    def digest(self) -> str:
        """The same in all runs and on all machines; changes whenever the picture would."""
        import hashlib
        import json

        content = _plain(self.as_digested) | {"pixels_version": PIXELS_VERSION}
        content |= {"choice_version": CHOICE_VERSION} if self.choice else {}
        content = {name: value for name, value in content.items() if (name, value) not in _ADDED}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return nested records as dicts, without the fields that are not compared."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if not isinstance(value, Record):
        return value
    fields = type(value)._fields.items()
    return {name: _plain(getattr(value, name)) for name, each in fields if each.compare}
