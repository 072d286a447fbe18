"""Which files of the sources take part: --include, --exclude, --since."""

import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ffprep.errors import UsageError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_CLASS = re.compile(r"\[:\w+:\]")
"""What the library for patterns takes for the characters themselves."""
_SPAN_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True, slots=True)
class Selection:
    """What files have to be to take part: all of it, where it is said.

    Patterns are those of gitignore(5), relative to each SOURCE folder; a file named by itself is
    matched by its name. `since` is in nanoseconds since the epoch, as `st_mtime_ns`.
    """

    include: "GitIgnoreSpec | None" = None
    exclude: "GitIgnoreSpec | None" = None
    since: int | None = None

    @classmethod
    def of(cls, include: Iterable[str], exclude: Iterable[str], since: int | None = None) -> Self:
        """Read patterns. Raises UsageError that names the one that is none."""
        return cls(_spec("--include", include), _spec("--exclude", exclude), since)

    @property
    def all(self) -> bool:
        """Whether everything takes part."""
        return self == Selection()

    def enters(self, folder: str) -> bool:
        """Whether a folder may hold what takes part; `folder` is its way from the SOURCE."""
        return not (self.exclude and self.exclude.match_file(f"{folder}/"))

    def pick(self, names: list[str], folder: str, below: str) -> list[str]:
        """Those of the files `names` of `folder` that take part; `below` is its way from the SOURCE."""
        if include := self.include:
            names = [name for name in names if include.match_file(below + name)]
        if exclude := self.exclude:
            names = [name for name in names if not exclude.match_file(below + name)]
        if (since := self.since) is not None:
            names = [name for name in names if _changed(folder + name, since)]
        return names


def _spec(option: str, patterns: Iterable[str]) -> "GitIgnoreSpec | None":
    patterns = tuple(patterns)
    if not patterns:
        return None
    from pathspec import GitIgnoreSpec

    for pattern in patterns:
        if _CLASS.search(pattern):
            raise UsageError(f"{option} {pattern!r}: classes like [:alpha:] are not known here")
        try:
            read = GitIgnoreSpec.from_lines([pattern]).patterns
        except (ValueError, re.error):
            raise UsageError(f"{option} {pattern!r} is no pattern, as gitignore has them") from None
        if all(part.include is None for part in read):
            why = "it is empty, a comment, or a [ that is not closed"
            raise UsageError(f"{option} {pattern!r} matches nothing: {why}")
    return GitIgnoreSpec.from_lines(patterns)


def _changed(path: str, since: int) -> bool:
    """Whether a file is that young. What cannot be looked at takes part, so that it is told."""
    try:
        return os.stat(path).st_mtime_ns >= since
    except OSError:
        return True


def names_file(text: str) -> bool:
    """Whether a --since is no span and no date, so that it has to be a file's name."""
    return _moment(text) is None


def read_since(text: str) -> int:
    """Read `7d`, `2026-11-01`, `2026-11-01T22:00` (local time) or a file's name: its mtime.

    A file that is called like a span or a date is named by a path, as in ./7d. Raises UsageError.
    """
    moment = _moment(text)
    try:
        return os.stat(text).st_mtime_ns if moment is None else moment
    except (OSError, ValueError):
        raise UsageError(
            f"{text!r} is no time; write 7d, 12h or 30m, a date such as 2026-11-01 or "
            "2026-11-01T22:00, or the name of a file that is as old"
        ) from None


def _moment(text: str) -> int | None:
    """What a span or a date means, in nanoseconds since the epoch; None for other texts."""
    if span := re.fullmatch(r"(\d{1,9})([smhdw])", text, re.ASCII):
        return time.time_ns() - int(span[1]) * _SPAN_SECONDS[span[2]] * 10**9
    from datetime import datetime

    try:
        return int(datetime.fromisoformat(text).timestamp()) * 10**9
    except (ValueError, OverflowError):
        return None
