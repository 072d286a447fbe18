"""What a run is asked to convert, to which pictures, and how their files are named.

Sources are named on the command line, and in lists.
"""

import os
import re
import sys
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias

from ffprep.config.sidecars import PhotoOverrides
from ffprep.core.formats import HEAD_BYTES, OUTPUT_FORMATS, sniff
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob
from ffprep.core.location import Location, names_url
from ffprep.core.spec import Spec
from ffprep.errors import UsageError, reason
from ffprep.library.naming import Names
from ffprep.library.selection import MadeFiles, Selection
from ffprep.library.walk import Walk
from ffprep.record import Record, field

if TYPE_CHECKING:
    from ffprep.core.shard import Shard
    from ffprep.image.capture_date import CaptureDate


_STDIN = "-"

Allocation: TypeAlias = Callable[[str, str, Sequence[str], int], Sequence[int]]
"""Returns the numbers of photos of a folder: by its real path, its path from the SOURCE, and their
names, the first of which is the `number`th of all. It is for one walk, called for each folder."""


class Rendition(Record):
    """One of the pictures that are made of every photo: what it is, and how its file is named.

    With `same_format`, each output has the format of its source if it is one of `formats`, else PNG
    for lossless formats and JPEG for the others. `folder` is the folder in the output folder that
    holds the outputs; it ends in a separator, or is empty.
    """

    spec: Spec
    names: Names = field(default_factory=Names)
    same_format: bool = False
    folder: str = ""
    formats: tuple[str, ...] = tuple(OUTPUT_FORMATS)


class Request(Record):
    """What to convert, and where to.

    `sources` can be iterated more than once. `output` is a file if `single`, else a folder; with
    `single` and `beside`, that of the only photo. Every photo becomes a picture of each of
    `renditions`. With a `shard`, all sources are walked, so that all collisions are found, but only
    its part is converted. `made` are pictures that earlier runs made, and that are not sources.
    `numbering` is called for each walk. What it returns is called for every listing in turn, with
    the place of its first photo among all, and returns the numbers of its photos for `{n}` in
    names. With a `root`, outputs are mirrored from that folder. `size_of` and `date_of` return the
    size of a job's output and the date of a photo, for names that contain what the photo decides.
    `carry` are suffixes of files beside photos that are copied beside outputs.
    """

    sources: Iterable[str | os.PathLike[str]]
    output: Location
    renditions: tuple[Rendition, ...]
    single: bool = False
    follow_links: bool = False
    selection: Selection = field(default_factory=Selection)
    overrides: PhotoOverrides = field(default_factory=PhotoOverrides)
    shard: "Shard | None" = None
    made: MadeFiles | None = None
    numbering: Callable[[], Allocation] | None = None
    root: str = ""
    size_of: Callable[[LocalJob], Size] | None = None
    date_of: "Callable[[str], CaptureDate] | None" = None
    beside: bool = False
    carry: tuple[str, ...] = ()

    @property
    def walk(self) -> Walk:
        """The walk over the sources."""
        output = None if self.single else self.output
        return Walk(
            self.sources,
            output,
            self.follow_links,
            self.selection,
            self.made,
            self.root,
            films=any(spec.frame for spec in self.specs),
        )

    @property
    def is_named(self) -> bool:
        """Whether `output` is the name of the only output."""
        return self.single and not self.beside

    @property
    def folder(self) -> Location:
        """The folder in or below which all outputs are."""
        return self.output.parent if self.is_named else self.output

    @property
    def keeps_apart(self) -> bool:
        """Whether no output has the name of its photo, whatever its suffix."""
        return all(each.folder or each.names.keeps_apart for each in self.renditions)

    @property
    def specs(self) -> tuple[Spec, ...]:
        """The Specs of all renditions."""
        return tuple(rendition.spec for rendition in self.renditions)

    @property
    def numbered(self) -> tuple[Names, ...]:
        """The templates for names that contain the number of the photo."""
        names = (rendition.names for rendition in self.renditions)
        return tuple(each for each in names if "n" in each.fields)

    @property
    def named_by_headers(self) -> bool:
        """Whether names of outputs contain what the header of each photo says."""
        return any(
            "date" in rendition.names.fields
            or (rendition.spec.choice and rendition.names.tells_size)
            for rendition in self.renditions
        )


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
        if from_null and _STDIN not in arguments and not lists:
            lists = [_STDIN]
        if not arguments and not lists:
            raise UsageError(
                "no SOURCE; name files or folders, - for a list of them on standard input, or use "
                "--sources-from"
            )
        if "" in arguments:
            raise UsageError("a SOURCE is empty; name a file or a folder")
        separator = b"\0" if from_null else b"\n"
        named = ((name,) if name != _STDIN else _list(name, separator) for name in arguments)
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
    content = _stdin() if name == _STDIN else _content(name)
    _require_names(name, content[:HEAD_BYTES])
    if separator != b"\0" and b"\0" in content:
        place = "on standard input" if name == _STDIN else f"in {name}"
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
    if name != _STDIN:
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
