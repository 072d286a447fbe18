"""Which size and mode a photo is given where there is a choice."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product

from ffprep.core.constraints import violations
from ffprep.core.framing import Framing
from ffprep.core.spec import Fit, Size, SizeChoice, SizeConstraints, Spec
from ffprep.errors import Kind, PhotoError, UsageError

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
