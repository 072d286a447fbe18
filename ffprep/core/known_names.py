"""Names that a user wrote, in any case or mistyped: of what exists, and of sizes, as `1080p`."""

import re
from collections.abc import Iterable

from ffprep.core.geometry import SHAPES, Size
from ffprep.errors import UsageError

_ALIKE = 0.78
"""How alike two names are, by difflib, of which one is meant by the other."""


def known_as(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that was written, or the only one that differs in case alone."""
    names = list(known)
    if name in names:
        return name
    found = [each for each in names if each.casefold() == name.casefold()]
    return found[0] if len(found) == 1 else None


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that a mistyped one is most like; "" if it is like none."""
    from difflib import get_close_matches

    names, word = {each.casefold(): each for each in known}, name.casefold()
    swapped = (each for each in names if sorted(each) == sorted(word))
    return names.get(next(iter(get_close_matches(word, names, 1, _ALIKE)), next(swapped, "")), "")


def unknown(what: str, name: str, known: Iterable[str], others: Iterable[str] = ()) -> str:
    """Return the error for an unknown name: what was probably meant, or else all that exist.

    `others` are further names that may be meant.
    """
    names = list(known)
    if near := nearest(name, [*names, *others]):
        return f"unknown {what} {name!r}; did you mean {near!r}?"
    return f"unknown {what} {name!r}; the {what}s are: {', '.join(names)}"


_LINES = {"720p": 720, "1080p": 1080, "1440p": 1440, "2160p": 2160, "4k": 2160}
"""The shorter side in pixels, by name. The longer side is 16/9 of it."""

_SEVERAL = {
    "480p": "640x480, 832x480 or 854x480",
    "2k": "2048x1080, 2560x1440 (1440p) or 2048x2048",
    "square": "720x720 (square_720p), 1024x1024 or 1080x1080 (square_1080p)",
    "landscape": "1280x720 (landscape_720p) or 1920x1080 (landscape_1080p)",
    "portrait": "720x1280 (portrait_720p) or 1080x1920 (portrait_1080p)",
}
"""Names that stand for different sizes in different places."""


def _shaped(shape: str, short: int) -> Size:
    long = short * 16 // 9
    other = {"portrait": Size(short, long), "square": Size(short, short)}
    return other.get(shape, Size(long, short))


SIZE_NAMES = {
    f"{shape}_{lines}".lstrip("_"): _shaped(shape, short)
    for lines, short in _LINES.items()
    for shape in ("", *SHAPES)
}
"""Each size by its name: `1080p`, `landscape_1080p`, `portrait_1080p`, `square_1080p`."""

_NUMBER = r"([0-9]{1,6})"
_WRITE = "write WIDTHxHEIGHT, for example 1280x720, or a name such as 720p"
_TIMES = re.compile(
    rf"{_NUMBER} *(?:px)? *([^0-9.%-]{{1,3}}| by |-) *{_NUMBER} *(?:px)?", re.IGNORECASE
)
"""Two numbers, and what stands between them."""

_RATIO_LIMIT = 100
"""A number before or after a colon is a part of a ratio if it is less."""

_PROBLEMS = (
    (r"[0-9]{7,} *[x×] *[0-9]+|[0-9]+ *[x×] *[0-9]{7,}", "a side has at most 999999 pixels"),
    (r"0+ *[x×] *[0-9]+|[0-9]+ *[x×] *0+", "both sides have at least 1 pixel"),
    (r"[0-9]+ *(?:px)?|[0-9]+ *x|x *[0-9]+", f"it has one side, and a size has two; {_WRITE}"),
    (r"-?[0-9]+ *x *-?[0-9]+", "no side is negative; write both in pixels"),
    (r"[0-9.]+ *%", "it is a percentage; write pixels, for example 1280x720"),
    (r"[0-9.]+ *[:/] *[0-9.]+", "it is a ratio; write pixels, for example 1280x720 for 16:9"),
    (r"[0-9.]+ *x *[0-9.]+", "sides are whole pixels; write for example 1280x720"),
)
"""What is wrong with a text that matches a pattern."""


def named_size(text: str) -> Size | None:
    """Return the size of a name; None if there is no such name."""
    return SIZE_NAMES.get(_folded(text))


def not_a_size(text: str) -> UsageError:
    """Return the error for a text that is not a size."""
    return UsageError(f"{text!r} is not a size{_advice(text.strip())}")


def _advice(text: str) -> str:
    if (times := _TIMES.fullmatch(text)) and _means_times(*times.groups()):
        return f"; did you mean {int(times[1])}x{int(times[3])}?"
    name = _folded(text)
    if lines := _LINES.get(f"{name}p"):
        return f": it has one side; did you mean {lines}p ({SIZE_NAMES[f'{lines}p']})?"
    for pattern, problem in _PROBLEMS:
        if re.fullmatch(pattern, text, re.IGNORECASE | re.ASCII):
            return f": {problem}"
    if name in _SEVERAL:
        return f": it may be {_SEVERAL[name]}; write one of them"
    if near := nearest(name, SIZE_NAMES):
        return f"; did you mean {near} ({SIZE_NAMES[near]})?"
    return f"; {_WRITE}"


def _means_times(width: str, between: str, height: str) -> bool:
    """Return whether two numbers are probably a width and a height."""
    least = min(int(width), int(height))
    return least > 0 and (between.strip() not in (":", "/") or least >= _RATIO_LIMIT)


def _folded(text: str) -> str:
    return re.sub(r"[ _-]+", "_", text.strip().casefold())
