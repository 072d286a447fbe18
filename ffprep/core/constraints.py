"""What a size breaks of an envelope, and whether there is any size in it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ffprep.core.geometry import FFMPEG_HOLDS, Size


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


UNCONSTRAINED = SizeConstraints()


def violations(envelope: SizeConstraints, size: Size) -> Iterator[tuple[str, str]]:
    """What a size breaks: the rule's name, and what is wrong in words."""
    short, long = sorted((size.width, size.height))
    step, most = envelope.multiple_of, envelope.max_pixels
    if short < envelope.min_side:
        yield "min_side", f"a side of {short} is under {envelope.min_side}"
    if envelope.max_side and long > envelope.max_side:
        yield "max_side", f"a side of {long} is over {envelope.max_side}"
    if envelope.max_short_side and short > envelope.max_short_side:
        yield "max_short_side", f"its shorter side, {short}, is over {envelope.max_short_side}"
    if envelope.min_long_side and long < envelope.min_long_side:
        yield "min_long_side", f"its longer side, {long}, is under {envelope.min_long_side}"
    if (least := envelope.min_ratio) and size.width * least[1] < size.height * least[0]:
        yield "min_ratio", f"{size} is narrower than {ratio_text(least)}"
    if (widest := envelope.max_ratio) and size.width * widest[1] > size.height * widest[0]:
        yield "max_ratio", f"{size} is wider than {ratio_text(widest)}"
    if size.width % step or size.height % step:
        yield "multiple_of", f"the sides of {size} are not both multiples of {step}"
    if most and size.pixels > most:
        yield "max_pixels", f"{size} is {size.pixels} pixels, and {most} is the most"


def ratio_text(ratio: tuple[int, int]) -> str:
    """`2:5`, width to height."""
    return f"{ratio[0]}:{ratio[1]}"


def contradictory(envelope: SizeConstraints) -> list[str]:
    """The names of bounds that leave no size together, as few as it takes; none where there is a size."""
    if _is_possible(envelope):
        return []
    found = envelope
    for name in bounds(envelope):
        without = replace(found, **{name: getattr(UNCONSTRAINED, name)})
        found = found if _is_possible(without) else without
    return bounds(found)


def bounds(envelope: SizeConstraints) -> list[str]:
    """The names of what binds."""
    return [
        name
        for name in SizeConstraints.__slots__
        if getattr(envelope, name) != getattr(UNCONSTRAINED, name)
    ]


def _is_possible(envelope: SizeConstraints) -> bool:
    """Whether there is a size within an envelope that FFmpeg can hold; exactly, by going through the shorter sides."""
    step, least, widest = envelope.multiple_of, envelope.min_ratio, envelope.max_ratio
    longest = math.isqrt(FFMPEG_HOLDS)
    longest = min(longest, envelope.max_side or longest, envelope.max_short_side or longest)
    upright = widest and widest[::-1], least and least[::-1]  # the same of height to width
    return any(
        _long_sides(envelope, short, *ratios)
        for short in range(-(-envelope.min_side // step) * step, longest + 1, step)
        for ratios in ((least, widest), upright)
    )


def _long_sides(
    envelope: SizeConstraints,
    short: int,
    least: tuple[int, int] | None,
    widest: tuple[int, int] | None,
) -> range:
    """The longer sides with which a shorter one makes a size, of ratios of the longer to the shorter."""
    low = [short, envelope.min_long_side or 1]
    high = [FFMPEG_HOLDS // (short + 128) - 128]
    if envelope.max_side:
        high.append(envelope.max_side)
    if envelope.max_pixels:
        high.append(envelope.max_pixels // short)
    if least:
        low.append(-(-short * least[0] // least[1]))
    if widest:
        high.append(short * widest[0] // widest[1])
    step = envelope.multiple_of
    return range(-(-max(low) // step) * step, min(high) + 1, step)
