"""Select files of the sources: --include, --exclude, --since, and no pictures that ffprep made."""

import os
import re
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from ffprep.errors import UsageError
from ffprep.record import Record

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_CLASS = re.compile(r"\[:\w+:\]")
"""A class of characters, which pathspec takes for the characters themselves."""
_LEFT_FOLDERS = frozenset(
    "@eadir @tmp #recycle #snapshot "  # Synology
    "@__thumb .@__thumb @recycle @recently-snapshot "  # QNAP
    "lost+found $recycle.bin recycler __macosx .thumbnails".split()
)
"""Folders with thumbnails, deleted files and the like, in lower case."""
_LEFT_SUFFIXES = frozenset(
    ".lrdata .lrcat-data .lrlibrary "  # Lightroom
    ".photoslibrary .photolibrary .migratedphotolibrary .aplibrary".split()  # Apple
)
"""Suffixes of folders that a photo program keeps for itself."""
_LEFT_FILES = frozenset("thumbs.db ehthumbs.db desktop.ini picasa.ini zbthumbnail.info".split())
_SPAN_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


SizeOf = Callable[[str], int | None]


class KnownOutputs(Protocol):
    """What earlier runs recorded of their outputs."""

    def without(self, folder: str, names: list[str], size_of: SizeOf | None = None) -> list[str]:
        """As MadeFiles'."""


class MadeFiles(Record, frozen=False):
    """Pictures that earlier runs made in the folder `output`, a real path with a slash at its end.

    `read` gives the record. It is called when a walk comes to a folder in `output`.
    """

    output: str
    read: Callable[[], KnownOutputs]
    record: KnownOutputs | None = None

    def without(self, folder: str, names: list[str], size_of: SizeOf | None = None) -> list[str]:
        """Return the files of a real folder that are photos, and not outputs.

        `size_of` returns the size of one of the files, if it is not one of this machine.
        """
        if not names or not folder.startswith(self.output):
            return names
        if self.record is None:
            self.record = self.read()
        return self.record.without(folder, names, size_of)


def photo_links(folder: str, links: list[str], made: MadeFiles) -> list[str]:
    """Return the links of a folder that do not lead to a made file."""
    targets = (os.path.split(os.path.realpath(folder + name)) for name in links)
    return [
        name
        for name, (where, target) in zip(links, targets, strict=True)
        if made.without(os.path.join(where, ""), [target])
    ]


class Selection(Record):
    """The conditions that files must meet, all of those that are set.

    Patterns are those of gitignore(5), relative to each SOURCE folder. A file that is named by
    itself is matched by its name. `since` is in nanoseconds since 1970, as `st_mtime_ns`. With
    `default_excludes`, folders that NAS systems and photo programs leave are not entered.
    """

    include: "GitIgnoreSpec | None" = None
    exclude: "GitIgnoreSpec | None" = None
    since: int | None = None
    default_excludes: bool = True

    @property
    def all(self) -> bool:
        """Whether every file is selected, except by default excludes."""
        return not (self.include or self.exclude) and self.since is None

    def enters(self, folder: str) -> bool:
        """Return whether a folder, relative to the SOURCE, may contain selected files."""
        if self.default_excludes and _is_left(folder[folder.rfind("/") + 1 :]):
            return False
        return not (self.exclude and self.exclude.match_file(f"{folder}/"))

    def allows(self, path: str) -> bool:
        """Return whether the default excludes allow a path from the SOURCE."""
        return not (self.default_excludes and any(map(_is_left, path.split("/"))))

    def without_remains(self, names: list[str]) -> list[str]:
        """Return files that are not photos without those that are not worth to be counted."""
        if not self.default_excludes:
            return names
        return [name for name in names if name.lower() not in _LEFT_FILES]

    def excludes(self, path: str) -> bool:
        """Return whether --exclude leaves out a file, by its path from the SOURCE."""
        return bool(self.exclude and self.exclude.match_file(path))

    def pick(self, names: list[str], folder: str, relative: str) -> list[str]:
        """Return the selected ones among the files of `folder`; `relative` is from the SOURCE."""
        if include := self.include:
            names = [name for name in names if include.match_file(relative + name)]
        if exclude := self.exclude:
            names = [name for name in names if not exclude.match_file(relative + name)]
        if (since := self.since) is not None:
            names = [name for name in names if _changed(folder + name, since)]
        return names


def _is_left(folder: str) -> bool:
    """Return whether a folder is one of those that NAS systems and photo programs leave."""
    name = folder.lower()
    return name in _LEFT_FOLDERS or name[name.rfind(".") :] in _LEFT_SUFFIXES


def read_patterns(option: str, patterns: Sequence[str]) -> "GitIgnoreSpec | None":
    """Read the patterns of an option. Raises UsageError that names a bad pattern."""
    if not patterns:
        return None
    from pathspec import GitIgnoreSpec

    for pattern in patterns:
        if _CLASS.search(pattern):
            raise UsageError(f"{option} {pattern!r}: classes such as [:alpha:] are not supported")
        try:
            read = GitIgnoreSpec.from_lines([pattern]).patterns
        except (ValueError, re.error):
            raise UsageError(f"{option} {pattern!r} is not a pattern of gitignore") from None
        if all(part.include is None for part in read):
            why = "it is empty, a comment, or has a [ without ]"
            raise UsageError(f"{option} {pattern!r} matches nothing: {why}")
    return GitIgnoreSpec.from_lines(patterns)


def _changed(path: str, since: int) -> bool:
    """Return whether a file changed since; True if it cannot be read, so that this is reported."""
    try:
        return os.stat(path).st_mtime_ns >= since
    except OSError:
        return True


def names_file(text: str) -> bool:
    """Return whether a --since is neither a span nor a date, so that it names a file."""
    return _moment(text) is None


def read_since(text: str) -> int:
    """Read `7d`, `2026-11-01`, `2026-11-01T22:00` (local time), or a file's name for its mtime.

    A file with a name like a span or a date needs a path, as in ./7d. Raises UsageError.
    """
    moment = _moment(text)
    try:
        return os.stat(text).st_mtime_ns if moment is None else moment
    except (OSError, ValueError):
        raise UsageError(
            f"{text!r} is not a time; write 7d, 12h or 30m, a date such as 2026-11-01 or "
            "2026-11-01T22:00, or the name of a file that was changed then"
        ) from None


def _moment(text: str) -> int | None:
    """Return the time of a span or a date in nanoseconds since 1970; None for other texts."""
    if span := re.fullmatch(r"(\d{1,9})([smhdw])", text, re.ASCII):
        return time.time_ns() - int(span[1]) * _SPAN_SECONDS[span[2]] * 10**9
    from datetime import datetime

    try:
        return int(datetime.fromisoformat(text).timestamp()) * 10**9
    except (ValueError, OverflowError):
        return None
