"""Limits of a size: which of them a size violates, and whether any size is within them."""

import math
from collections.abc import Iterator

from ffprep.core.geometry import FFMPEG_LARGEST, Size
from ffprep.record import Record, replace

_LARGEST_IN_RATIO = 99


class SizeConstraints(Record):
    """Limits of a size: of each side, the shorter or the longer one, the aspect ratio, the pixels.

    Ratios are width to height, as two whole numbers so that comparing them is exact. None is no
    limit.
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
    """Yield the name of each rule that a size violates, and a sentence on it."""
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
        yield "max_pixels", f"{size} is {size.pixels} pixels, and at most {most} are allowed"


def ratio_text(ratio: tuple[int, int]) -> str:
    """Return a ratio of width to height as text: `2:5`, or `0.401:1` if the numbers are large."""
    width, height = ratio
    return f"{width}:{height}" if max(ratio) <= _LARGEST_IN_RATIO else f"{width / height:g}:1"


def contradictory(envelope: SizeConstraints) -> list[str]:
    """Return the fewest limits that together allow no size; none if a size is possible."""
    if _is_possible(envelope):
        return []
    found = envelope
    for name in limits_of(envelope):
        without = replace(found, **{name: getattr(UNCONSTRAINED, name)})
        found = found if _is_possible(without) else without
    return limits_of(found)


def limits_of(envelope: SizeConstraints) -> list[str]:
    """Return the names of the limits that are set."""
    return [
        name
        for name in SizeConstraints._fields
        if getattr(envelope, name) != getattr(UNCONSTRAINED, name)
    ]


def _is_possible(envelope: SizeConstraints) -> bool:
    """Return whether FFmpeg can hold any size that is allowed, by trying all shorter sides."""
    step, least, widest = envelope.multiple_of, envelope.min_ratio, envelope.max_ratio
    longest = math.isqrt(FFMPEG_LARGEST)
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
    """Return the longer sides that are allowed with a shorter one; ratios are longer to shorter."""
    low = [short, envelope.min_long_side or 1]
    high = [FFMPEG_LARGEST // (short + 128) - 128]
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
