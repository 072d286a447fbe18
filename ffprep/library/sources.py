"""What is to be converted, as it was named: on the command line, and in lists."""

import os
import re
import sys
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from ffprep.core.location import names_url
from ffprep.errors import UsageError, reason

STDIN = "-"


@dataclass(frozen=True, slots=True)
class NameList:
    """File names as they stood in a list, each ended by `separator`; what is empty is skipped.

    A plan goes through them more than once, and a list may come from a pipe, so it is held: as the
    bytes it came in, since a million strings would take three times their room.
    """

    content: bytes
    separator: bytes

    def __iter__(self) -> Iterator[str]:
        for name in re.finditer(b"[^" + self.separator + b"]+", self.content):
            yield os.fsdecode(name[0])


@dataclass(frozen=True, slots=True)
class Sources:
    """The names of files and folders, to be gone through as often as need be."""

    parts: tuple[Iterable[str], ...]

    @classmethod
    def read(cls, arguments: Sequence[str], lists: Sequence[str], from_null: bool) -> "Sources":
        """The SOURCE arguments, and what is in the files `lists`; `-` stands for the list on stdin.

        Without any list, `from_null` says that there is one on stdin. Raises UsageError.
        """
        if from_null and STDIN not in arguments and not lists:
            lists = [STDIN]
        if not arguments and not lists:
            raise UsageError(
                "no SOURCE; name files or folders, or - for a list of them on stdin, or --sources-from"
            )
        if "" in arguments:
            raise UsageError("a SOURCE is empty; name a file or a folder")
        separator = b"\0" if from_null else b"\n"
        named = ((name,) if name != STDIN else _list(name, separator) for name in arguments)
        return cls((*named, *(_list(name, separator) for name in lists)))

    @property
    def only(self) -> str | None:
        """The one SOURCE there is, where it was not named in a list."""
        match self.parts:
            case ((str(name),),):
                return name
        return None

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self.parts)


def _list(name: str, separator: bytes) -> NameList:
    content = _stdin() if name == STDIN else _content(name)
    if separator != b"\0" and b"\0" in content:
        place = "on stdin" if name == STDIN else f"in {name}"
        raise UsageError(f"the list {place} is separated by NUL; read it with -0")
    return NameList(content if separator == b"\0" else _as_unix(content), separator)


def _as_unix(text: bytes) -> bytes:
    """A list as Windows writes it, without its mark and its line ends; one odd name makes no such list."""
    text = text.removeprefix(BOM_UTF8)
    lines = text.count(b"\n")
    return text.replace(b"\r\n", b"\n") if lines and lines == text.count(b"\r\n") else text


def _stdin() -> bytes:
    if sys.stdin is None:
        raise UsageError("there is no stdin to read the list of sources from")
    return sys.stdin.buffer.read()


def _content(name: str) -> bytes:
    if names_url(name):
        raise UsageError(f"--sources-from {name}: is in a store; a list is a file of this machine")
    try:
        with open(name, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise UsageError(f"--sources-from {name}: {reason(error)}") from None
