"""How a photo fits in a frame, and the choice of its size and mode."""

import math
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from ffprep.core.constraints import SizeConstraints, violations
from ffprep.core.geometry import CENTER, WHOLE, Bounds, Focus, Size
from ffprep.core.mode import Fit
from ffprep.core.spec import SizeChoice, Spec
from ffprep.errors import Kind, PhotoError, UsageError
from ffprep.record import Record, asdict, replace

BIG_CUT = 0.5
"""The share of a photo of which a larger cut has a warning."""


class Framing(Record):
    """How a photo fits in a frame.

    `factor` is by how much its pixels are enlarged, in the direction in which they are enlarged
    more. `lost` is the share of the photo that is cut, `bars` the share of the frame that the photo
    leaves, `distortion` the change of the aspect ratio of what is shown, 1 or more. `shown` is the
    part that is not cut, in fractions of the photo.
    """

    factor: float
    lost: float = 0.0
    bars: float = 0.0
    distortion: float = 1.0
    shown: Bounds = WHOLE

    @classmethod
    def of(cls, fit: Fit, photo: Size, frame: Size, focus: Focus = CENTER) -> "Framing":
        """Return the Framing of an upright photo, or of a crop of one."""
        ratios = frame.width / photo.width, frame.height / photo.height
        low, high = min(ratios), max(ratios)
        if fit is Fit.COVER:
            left, right = _cut_range(focus.x, ratios[0] / high)
            top, bottom = _cut_range(focus.y, ratios[1] / high)
            return cls(high, lost=1 - low / high, shown=Bounds(left, top, right, bottom))
        if fit is Fit.CONTAIN:
            return cls(low, bars=1 - low / high)
        return cls(high, distortion=high / low)

    @property
    def enlarges(self) -> bool:
        """Whether the photo is shown with more pixels than it has."""
        return self.factor > 1

    @property
    def cuts_much(self) -> bool:
        """Whether more than half of the photo is cut."""
        return self.lost - BIG_CUT > 1e-9

    @property
    def cut(self) -> dict[str, float]:
        """The part cut from each side, in fractions of the photo's width or height."""
        shown = self.shown
        sides = {"left": shown.left, "top": shown.top}
        return sides | {"right": 1 - shown.right, "bottom": 1 - shown.bottom}

    def as_dict(self) -> dict[str, Any]:
        """Return the content of a JSON object."""
        content = asdict(self)
        del content["shown"]
        return content | {"cut": self.cut}

    def describe(self) -> str:
        """Return a text: `shrunk to 0.32x, 25 % of the photo is cut (left 12 %, right 12 %)`."""
        size = "enlarged" if self.enlarges else "shrunk to" if self.factor < 1 else "stays at"
        parts = [f"{size} {times(self.factor)}"]
        if self.lost > 0:
            sides = ", ".join(f"{side} {percent(part)}" for side, part in self.cut.items() if part)
            much = ": more than half" * self.cuts_much
            parts.append(f"{percent(self.lost)} of the photo is cut ({sides}){much}")
        parts += [f"{percent(self.bars)} of the frame is bars"] * (self.bars > 0)
        parts += [f"proportions are off by {times(self.distortion)}"] * (self.distortion > 1)
        return ", ".join(parts)


def _cut_range(focus: float, share: float) -> tuple[float, float]:
    """Return the edges of a crop of that share: centred on the focus, as far as possible."""
    start = max(focus - share / 2, 0.0)
    return (start, start + share) if start < 1 - share else (1 - share, 1.0)


def cropped_size(photo: Size, bounds: Bounds) -> Size:
    """Return the size of a crop of an upright photo. Raises PhotoError if it is empty."""
    left = bounds.of(photo)
    if left is None:
        words = f"is {photo}, and the crop bounds leave less than a pixel of it; give wider ones"
        raise PhotoError(Kind.UNSUPPORTED, words)
    return left


class Cut(Record):
    """A part of a photo: its size, and its upper left corner in pixels."""

    size: Size
    left: int = 0
    top: int = 0

    @classmethod
    def covering(cls, photo: Size, frame: Size, focus: Focus) -> "Cut":
        """Return what ffprep's `cover` shows of an upright photo; its file says the same."""
        width = max(1, min(photo.width, rounded(photo.height * frame.width, frame.height)))
        height = max(1, min(photo.height, rounded(photo.width * frame.height, frame.width)))
        left = min(max(photo.width * focus.x - width / 2, 0), photo.width - width)
        top = min(max(photo.height * focus.y - height / 2, 0), photo.height - height)
        return cls(Size(width, height), math.ceil(left - 0.5), math.ceil(top - 0.5))

    def before_turning(self, upright: Size, orientation: int) -> "Cut":
        """Return the same part of the photo as it is stored, before it is turned upright."""
        left = upright.width - self.left - self.size.width
        top = upright.height - self.top - self.size.height
        left = left if orientation in (2, 3, 6, 7) else self.left
        top = top if orientation in (3, 4, 7, 8) else self.top
        return Cut(self.size.rotated, top, left) if orientation >= 5 else Cut(self.size, left, top)


def rounded(value: int, divisor: int) -> int:
    """Return `value / divisor`, with halves rounded up."""
    return (2 * value + divisor) // (2 * divisor)


def times(factor: float) -> str:
    """Return a factor as text: `1.50x`, with enough digits to differ from 0 and 1."""
    if factor >= 10:
        return f"{factor:.4g}x"
    text = f"{factor:.2f}"
    return f"{factor:.6g}x" if text == "1.00" else f"{factor:.1g}x" if factor < 0.01 else f"{text}x"


def percent(share: float) -> str:
    """Return a share as text: `25 %`, `12.5 %`, `under 1 %`, `over 99 %`."""
    if share < 0.005:
        return "under 1 %"
    return f"{float(f'{share:.1%}'[:-1]):g} %" if share < 0.995 else "over 99 %"


SIMILAR = 0.01
"""Shares that differ by less count as equal: 854x480 stands for 16:9, and is 0.08 % wider."""


def choose_spec_size(spec: Spec, photo: Size) -> Spec:
    """Return the Spec of one upright photo, or of a crop of one, with its size chosen.

    Raises PhotoError if no size is allowed.
    """
    if spec.choice is None:
        return spec
    try:
        return replace(spec, size=choose_size(spec.choice, photo), choice=None)
    except UsageError as error:
        raise PhotoError(Kind.UNSUPPORTED, str(error)) from None


def resolve_spec(spec: Spec, photo: Size) -> Spec:
    """Return the Spec of one upright photo, or of a crop of one, with its size and mode chosen.

    Each mode has the size that suits the photo best in that mode. The fallback is used if the first
    mode would cut too much at its size. Raises PhotoError if no size is allowed.
    """
    first, fallback = choose_spec_size(spec, photo), spec.fallback
    if fallback is None:
        return first
    lost = Framing.of(spec.mode.fit or Fit.COVER, photo, first.size).lost
    # A share of exactly the limit is within it, whatever its rounding.
    if lost - fallback.max_loss > 1e-9:
        return choose_spec_size(spec.in_modes(fallback.mode), photo)
    return replace(first, fallback=None)


def choose_size(choice: SizeChoice, photo: Size) -> Size:
    """Return the size for an upright photo. Raises UsageError if none near its own is allowed."""
    if choice.fit is Fit.INSIDE:
        return inside_size(photo, choice.sizes[0], choice.envelope)
    if choice.sizes:
        return best_size((size, Framing.of(choice.fit, photo, size)) for size in choice.sizes)
    return nearest_size(choice.envelope, choice.fit, photo)


def best_size(sizes: Iterable[tuple[Size, Framing]]) -> Size:
    """Return the size that changes a photo least: by cutting, bars or distortion.

    Of sizes with SIMILAR changes, it is the one that enlarges the photo least, then the one that
    shrinks it least, then the first.
    """
    found = list(sizes)
    least = min(change_of(framing) for _, framing in found)
    similar = [pair for pair in found if change_of(pair[1]) - least < SIMILAR]

    def cost(pair: tuple[Size, Framing]) -> tuple[float, float]:
        # Rounded so that sizes of one ratio have equal factors.
        factor = round(pair[1].factor, 12)
        return max(1.0, factor), -factor

    return min(similar, key=cost)[0]


def change_of(framing: Framing) -> float:
    """Return the share of a photo, or of its frame, that is cut, bars or distorted."""
    return framing.lost + framing.bars + (1 - 1 / framing.distortion)


def nearest_size(envelope: SizeConstraints, fit: Fit, photo: Size) -> Size:
    """Return the allowed size that changes a photo least: its own, if that is allowed.

    Else its aspect ratio becomes the nearest that is allowed (by a cut if the mode covers, by bars
    if it contains), and its size the nearest that is allowed. Of the multiples near that, it is the
    size with the least change and scaling together. Raises UsageError if none is allowed.
    """
    if not list(violations(envelope, photo)):
        return photo
    near = _candidates(envelope, *_scaled(envelope, *_proportioned(envelope, fit, photo)))
    sizes = [size for size in near if not list(violations(envelope, size))]
    if not sizes:
        raise UsageError(f"the target takes no size near {photo}; name one with --target NAME/WxH")

    def cost(size: Size) -> tuple[float, Size]:
        framing = Framing.of(fit, photo, size)
        return round(change_of(framing) + abs(math.log(framing.factor)), 12), size

    return min(sizes, key=cost)


def inside_size(photo: Size, frame: Size, envelope: SizeConstraints) -> Size:
    """Return a photo's size, scaled to fit in a frame, with sides that the envelope allows.

    Of the multiples near that, it is the size with the least change and scaling together.
    """
    scale = min(frame.width / photo.width, frame.height / photo.height)
    exact = photo.width * scale, photo.height * scale

    def cost(size: Size) -> tuple[float, Size]:
        ratios = size.width / exact[0], size.height / exact[1]
        scaling = abs(math.log(ratios[0] * ratios[1])) / 2
        return round(1 - min(ratios) / max(ratios) + scaling, 12), size

    near = _candidates(envelope, *exact)
    fitting = (s for s in near if s.width <= frame.width and s.height <= frame.height)
    return min(fitting, key=cost)


def _proportioned(envelope: SizeConstraints, fit: Fit, photo: Size) -> tuple[float, float]:
    """Return the sides of a photo after its ratio became one that is allowed."""
    low, high = _ratios(envelope)
    width, height = float(photo.width), float(photo.height)
    ratio = min(max(width / height, low), high)
    if (width > height * ratio) == (fit is not Fit.CONTAIN):
        return height * ratio, height
    return width, width / ratio


def _ratios(envelope: SizeConstraints) -> tuple[float, float]:
    """Return the least and greatest ratio that all limits together allow."""
    least = envelope.min_side
    longest = envelope.max_side or math.inf
    longest = min(longest, envelope.max_pixels / least if envelope.max_pixels else math.inf)
    # Sides are rounded to multiples, so the longest possible side is one of them.
    step = envelope.multiple_of
    shortest = math.ceil(least / step) * step
    longest = longest if math.isinf(longest) else longest // step * step
    low = _quotient(envelope.min_ratio, 0.0)
    high = _quotient(envelope.max_ratio, math.inf)
    return max(low, shortest / longest), min(high, longest / shortest)


def _quotient(ratio: tuple[int, int] | None, otherwise: float) -> float:
    return ratio[0] / ratio[1] if ratio else otherwise


def _scaled(envelope: SizeConstraints, width: float, height: float) -> tuple[float, float]:
    """Return sides enlarged or shrunk as little as the limits require."""
    short, long = sorted((width, height))
    up = max(1.0, envelope.min_side / short, (envelope.min_long_side or 0) / long)
    down = min(
        (envelope.max_side or math.inf) / long,
        (envelope.max_short_side or math.inf) / short,
        math.sqrt((envelope.max_pixels or math.inf) / (width * height)),
    )
    factor = min(up, down)
    return width * factor, height * factor


def _candidates(envelope: SizeConstraints, width: float, height: float) -> Iterator[Size]:
    """Yield sizes of multiples near these sides, and near their ratio after one side is rounded."""
    step, ratio = envelope.multiple_of, width / height
    widths, heights = _multiples(step, width), _multiples(step, height)
    yield from (Size(*sides) for sides in product(widths, heights))
    yield from (Size(side, other) for side in widths for other in _multiples(step, side / ratio))
    yield from (Size(other, side) for side in heights for other in _multiples(step, side * ratio))


def _multiples(step: int, side: float) -> set[int]:
    """Return the two nearest multiples above 0; only one if the side is a multiple itself."""
    exact = side / step
    if abs(exact - round(exact)) < 1e-9:
        exact = round(exact)
    return {max(1, round_(exact)) * step for round_ in (math.floor, math.ceil)}
