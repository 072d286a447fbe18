"""The sources as the user named them: on the command line, and in lists."""

import os
import re
import sys
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from ffprep.core.formats import HEAD_BYTES, sniff
from ffprep.core.location import names_url
from ffprep.errors import UsageError, reason
from ffprep.record import Record

STDIN = "-"


class NameList(Record):
    """File names of a list, each ended by `separator`; empty ones are skipped.

    A plan reads them more than once, and a list may come from a pipe, so it is kept; as bytes,
    since a million strings would take three times the memory.
    """

    content: bytes
    separator: bytes

    def __iter__(self) -> Iterator[str]:
        for name in re.finditer(b"[^" + self.separator + b"]+", self.content):
            yield os.fsdecode(name[0])


class Sources(Record):
    """The names of files and folders, to be iterated as often as needed."""

    parts: tuple[Iterable[str], ...]

    @classmethod
    def read(cls, arguments: Sequence[str], lists: Sequence[str], from_null: bool) -> "Sources":
        """Read the SOURCE arguments and the files `lists`; `-` is the list on standard input.

        Without any list, `from_null` reads one from standard input. Raises UsageError.
        """
        if from_null and STDIN not in arguments and not lists:
            lists = [STDIN]
        if not arguments and not lists:
            raise UsageError(
                "no SOURCE; name files or folders, - for a list of them on standard input, or use "
                "--sources-from"
            )
        if "" in arguments:
            raise UsageError("a SOURCE is empty; name a file or a folder")
        separator = b"\0" if from_null else b"\n"
        named = ((name,) if name != STDIN else _list(name, separator) for name in arguments)
        return cls((*named, *(_list(name, separator) for name in lists)))

    @property
    def only(self) -> str | None:
        """The only SOURCE, unless it comes from a list."""
        match self.parts:
            case ((str(name),),):
                return name
        return None

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self.parts)


def _list(name: str, separator: bytes) -> NameList:
    content = _stdin() if name == STDIN else _content(name)
    _require_names(name, content[:HEAD_BYTES])
    if separator != b"\0" and b"\0" in content:
        place = "on standard input" if name == STDIN else f"in {name}"
        raise UsageError(f"the list {place} is separated by NUL; read it with -0")
    return NameList(content if separator == b"\0" else _as_unix(content), separator)


def _require_names(name: str, head: bytes) -> None:
    """Raise UsageError if a list begins like a picture, and not like names."""
    format = sniff(head)
    # The first name may be BM.jpg, or GIF89a.gif.
    control = any(byte < 0x20 and byte not in b"\0\t\n\r" for byte in head)
    if format is None or (format.name in ("bmp", "gif") and not control):
        return
    what = f"is a picture ({format.name}), and not a list of names"
    if name != STDIN:
        raise UsageError(f"--sources-from {name} {what}; write it as a SOURCE")
    raise UsageError(f"standard input {what}; save it in a file, and name that: photo.jpg")


def _as_unix(text: bytes) -> bytes:
    """Return a list from Windows with Unix line ends and without a byte order mark.

    A list is from Windows if every line ends that way: a name may end in a carriage return.
    """
    text = text.removeprefix(BOM_UTF8)
    lines = text.count(b"\n")
    return text.replace(b"\r\n", b"\n") if lines and lines == text.count(b"\r\n") else text


def _stdin() -> bytes:
    if sys.stdin is None:
        raise UsageError("standard input is closed, so no list of sources can be read from it")
    return sys.stdin.buffer.read()


def _content(name: str) -> bytes:
    if names_url(name):
        raise UsageError(f"--sources-from {name} is a URL; name a file of this machine")
    try:
        with open(name, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        raise UsageError(f"--sources-from {name}: {reason(error)}") from None
