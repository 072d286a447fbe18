"""How a photo lies in a frame, and which size and mode it is given where there is a choice."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from ffprep.core.constraints import SizeConstraints, violations
from ffprep.core.geometry import CENTER, WHOLE, Bounds, Focus, Size
from ffprep.core.mode import Fit
from ffprep.core.spec import SizeChoice, Spec
from ffprep.errors import Kind, PhotoError, UsageError


@dataclass(frozen=True, slots=True)
class Framing:
    """How a photo lies in a frame.

    `factor` is how many times as long a pixel of the photo becomes, the longer way where the two
    differ. `lost` is the share of the photo that is cut, `bars` the share of the frame that the
    photo leaves, `distortion` how many times as wide things become as they are high, or the reverse.
    `shown` is what is not cut, in fractions of the photo.
    """

    factor: float
    lost: float = 0.0
    bars: float = 0.0
    distortion: float = 1.0
    shown: Bounds = WHOLE

    @classmethod
    def of(cls, fit: Fit, photo: Size, frame: Size, focus: Focus = CENTER) -> "Framing":
        """The Framing of an upright photo, or of what bounds leave of one."""
        ratios = frame.width / photo.width, frame.height / photo.height
        low, high = min(ratios), max(ratios)
        if fit is Fit.COVER:
            left, right = _kept(focus.x, ratios[0] / high)
            top, bottom = _kept(focus.y, ratios[1] / high)
            return cls(high, lost=1 - low / high, shown=Bounds(left, top, right, bottom))
        if fit is Fit.CONTAIN:
            return cls(low, bars=1 - low / high)
        return cls(high, distortion=high / low)

    @property
    def enlarges(self) -> bool:
        """Whether the photo has fewer pixels than the frame shows of it."""
        return self.factor > 1

    @property
    def cut(self) -> dict[str, float]:
        """What is cut from each side, in fractions of the photo's width or height."""
        shown = self.shown
        sides = {"left": shown.left, "top": shown.top}
        return sides | {"right": 1 - shown.right, "bottom": 1 - shown.bottom}

    def describe(self) -> str:
        """In words, such as `shrunk to 0.32x, 25 % of the photo is cut (left 12 %, right 12 %)`."""
        size = "enlarged" if self.enlarges else "shrunk to" if self.factor < 1 else "stays at"
        parts = [f"{size} {times(self.factor)}"]
        if self.lost > 0:
            sides = ", ".join(f"{side} {percent(part)}" for side, part in self.cut.items() if part)
            parts.append(f"{percent(self.lost)} of the photo is cut ({sides})")
        parts += [f"{percent(self.bars)} of the frame is bars"] * (self.bars > 0)
        parts += [f"proportions are off by {times(self.distortion)}"] * (self.distortion > 1)
        return ", ".join(parts)


def _kept(focus: float, share: float) -> tuple[float, float]:
    """Where a cut of that share begins and ends: centred on the focus, as far as the edges allow."""
    start = max(focus - share / 2, 0.0)
    return (start, start + share) if start < 1 - share else (1 - share, 1.0)


def cropped_size(photo: Size, bounds: Bounds) -> Size:
    """What bounds leave of an upright photo. Raises PhotoError where that is nothing."""
    left = bounds.of(photo)
    if left is None:
        words = f"is {photo}, of which the crop bounds leave less than a pixel; give wider ones"
        raise PhotoError(Kind.UNSUPPORTED, words)
    return left


def times(factor: float) -> str:
    """`1.50x`, with as many digits as tell it from 0 and 1."""
    if factor >= 10:
        return f"{factor:.4g}x"
    text = f"{factor:.2f}"
    return f"{factor:.6g}x" if text == "1.00" else f"{factor:.1g}x" if factor < 0.01 else f"{text}x"


def percent(share: float) -> str:
    """`25 %`, `12.5 %`; what rounds to nothing or to all is said to be below or over."""
    if share < 0.005:
        return "under 1 %"
    return f"{float(f'{share:.1%}'[:-1]):g} %" if share < 0.995 else "over 99 %"


ALIKE = 0.01
"""Shares that differ by less look the same: 854x480 is meant to be 16:9, and is wider by 0.08 %."""


def sized(spec: Spec, photo: Size) -> Spec:
    """The Spec of one upright photo, or of what bounds leave of one, its size chosen.

    Raises PhotoError where none can be.
    """
    if spec.choice is None:
        return spec
    try:
        return replace(spec, size=chosen(spec.choice, photo), choice=None)
    except UsageError as error:
        raise PhotoError(Kind.UNSUPPORTED, str(error)) from None


def resolve_spec(spec: Spec, photo: Size) -> Spec:
    """The Spec of one upright photo, or of what bounds leave of one: with the one size and the one mode for it.

    Whether the first mode cuts too much is judged at the size that suits it best; the other one is given
    the size that suits that. Raises PhotoError where no size can be chosen.
    """
    first, fallback = sized(spec, photo), spec.fallback
    if fallback is None:
        return first
    lost = Framing.of(spec.mode.fit or Fit.COVER, photo, first.size).lost
    # A share that is exactly the limit is within it, however its last bits were rounded.
    if lost - fallback.max_loss > 1e-9:
        return sized(spec.in_modes(fallback.mode), photo)
    return replace(first, fallback=None)


def chosen(choice: SizeChoice, photo: Size) -> Size:
    """The size for an upright photo. Raises UsageError where no size near its own is allowed."""
    if choice.sizes:
        return best((size, Framing.of(choice.fit, photo, size)) for size in choice.sizes)
    return nearest(choice.envelope, choice.fit, photo)


def best(sizes: Iterable[tuple[Size, Framing]]) -> Size:
    """The size that changes a photo least: by what is cut, set in bars or distorted.

    Of those that are alike in that (`ALIKE`), the one that enlarges it least, and else shrinks it least; then the first.
    """
    found = list(sizes)
    least = min(changed(framing) for _, framing in found)
    alike = [pair for pair in found if changed(pair[1]) - least < ALIKE]

    def cost(pair: tuple[Size, Framing]) -> tuple[float, float]:
        factor = round(pair[1].factor, 12)  # sizes of one ratio do not differ by what floats add
        return max(1.0, factor), -factor

    return min(alike, key=cost)[0]


def changed(framing: Framing) -> float:
    """The share of a photo, or of its frame, that is cut, set in bars or distorted."""
    return framing.lost + framing.bars + (1 - 1 / framing.distortion)


def nearest(envelope: SizeConstraints, fit: Fit, photo: Size) -> Size:
    """The size in an envelope that a photo has to be changed least for: its own, if that is allowed.

    Else its proportions are taken as near as is allowed (cut where the mode covers, with bars where it
    contains), then it is enlarged or shrunk as little as that takes. Of the multiples near that, it is the size for
    which what is cut, set in bars or distorted, and what it is enlarged or shrunk by, are least together. Raises
    UsageError where that leads nowhere.
    """
    if not list(violations(envelope, photo)):
        return photo
    near = _near(envelope, *_scaled(envelope, *_proportioned(envelope, fit, photo)))
    sizes = [size for size in near if not list(violations(envelope, size))]
    if not sizes:
        raise UsageError(
            f"no size that the target takes is near {photo}; say which one, by --target NAME/WxH"
        )

    def cost(size: Size) -> tuple[float, Size]:
        framing = Framing.of(fit, photo, size)
        return round(changed(framing) + abs(math.log(framing.factor)), 12), size

    return min(sizes, key=cost)


def _proportioned(envelope: SizeConstraints, fit: Fit, photo: Size) -> tuple[float, float]:
    """The sides of a photo once its ratio is one that is allowed."""
    low, high = _ratios(envelope)
    width, height = float(photo.width), float(photo.height)
    ratio = min(max(width / height, low), high)
    if (width > height * ratio) == (fit is not Fit.CONTAIN):
        return height * ratio, height
    return width, width / ratio


def _ratios(envelope: SizeConstraints) -> tuple[float, float]:
    """The ratios that are allowed, also by what the sides and the pixels leave of them."""
    least = envelope.min_side
    longest = envelope.max_side or math.inf
    longest = min(longest, envelope.max_pixels / least if envelope.max_pixels else math.inf)
    # Sides are rounded to multiples, so the longest that can be had is one of them.
    step = envelope.multiple_of
    shortest = math.ceil(least / step) * step
    longest = longest if math.isinf(longest) else longest // step * step
    low = _quotient(envelope.min_ratio, 0.0)
    high = _quotient(envelope.max_ratio, math.inf)
    return max(low, shortest / longest), min(high, longest / shortest)


def _quotient(ratio: tuple[int, int] | None, otherwise: float) -> float:
    return ratio[0] / ratio[1] if ratio else otherwise


def _scaled(envelope: SizeConstraints, width: float, height: float) -> tuple[float, float]:
    """Sides enlarged or shrunk as little as their bounds ask for."""
    short, long = sorted((width, height))
    up = max(1.0, envelope.min_side / short, (envelope.min_long_side or 0) / long)
    down = min(
        (envelope.max_side or math.inf) / long,
        (envelope.max_short_side or math.inf) / short,
        math.sqrt((envelope.max_pixels or math.inf) / (width * height)),
    )
    factor = min(up, down)
    return width * factor, height * factor


def _near(envelope: SizeConstraints, width: float, height: float) -> Iterator[Size]:
    """Sizes of multiples near these sides; also those of their ratio, which a rounded side leads away from."""
    step, ratio = envelope.multiple_of, width / height
    widths, heights = _multiples(step, width), _multiples(step, height)
    yield from (Size(*sides) for sides in product(widths, heights))
    yield from (Size(side, other) for side in widths for other in _multiples(step, side / ratio))
    yield from (Size(other, side) for side in heights for other in _multiples(step, side * ratio))


def _multiples(step: int, side: float) -> set[int]:
    """The two nearest multiples, one if it is one, and none that is nothing."""
    exact = side / step
    if abs(exact - round(exact)) < 1e-9:
        exact = round(exact)
    return {max(1, round_(exact)) * step for round_ in (math.floor, math.ceil)}
