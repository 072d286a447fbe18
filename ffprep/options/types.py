"""Types of option values: each reads the text of an option, or refuses it and says what to write."""

import math
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ffprep.core.formats import output_format_of
from ffprep.core.geometry import read_fractions
from ffprep.core.location import located, names_url
from ffprep.errors import UsageError


class PathOr(click.Path):
    """A path as it is written, or one of a few words that are none."""

    def __init__(self, *words: str) -> None:
        super().__init__(readable=False)
        self._words = words

    def names_path(self, text: str) -> bool:
        """Whether a text is none of the words."""
        return text not in self._words


class Parsed(click.ParamType[Any]):
    """An option whose text one of ffprep's own `parse` functions reads."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a text; what is no text has been read already."""
        try:
            return self._parse(value) if isinstance(value, str) else value
        except UsageError as error:
            self.fail(str(error), param, ctx)


class LocalPath(click.Path):
    """A path of this machine."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, readable=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse a URL, which a path would make something else of."""
        if names_url(os.fspath(value)):
            words = "only convert and status work there"
            if isinstance(param, click.Option):
                words = f"{param.opts[0]} takes a path of this machine"
            self.fail(f"{value} is in a store; {words}", param, ctx)
        return super().convert(value, param, ctx)


class AnyLocation(Parsed):
    """A path, or a URL."""

    def __init__(self) -> None:
        super().__init__("PATH", located)


PATH = LocalPath()
PATH_AS_WRITTEN = click.Path(readable=False)
"""A text, since a slash at its end means a folder."""


class ParsedOrPath(Parsed):
    """The same, where some texts are the names of files."""

    def __init__(
        self, name: str, parse: Callable[[str], Any], names_path: Callable[[str], bool]
    ) -> None:
        super().__init__(name, parse)
        self.names_path = names_path


class Whole(click.IntRange):
    """A whole number within bounds."""

    name = "whole number"


class FormatName(click.Choice[str]):
    """The name of a format, or what a file's suffix calls it: `jpg`, `JPEG`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read it by the suffixes there are."""
        format = output_format_of(f".{value}")
        return super().convert(format.name if format else value, param, ctx)


class Automatic(int):
    """A number of workers that nobody has said: as many as there is room for here."""


class Jobs(click.ParamType[int]):
    """A number of workers, or `auto`."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """`auto` is what this process may use, or what `make -jN` may do at a time."""
        if value == "auto":
            from ffprep.system.jobserver import slots
            from ffprep.system.pool import processors

            return Automatic(slots().most or processors())
        if not str(value).isdecimal() or not 1 <= int(value) <= 1024:
            self.fail(f"{value!r} is neither auto nor a number from 1 to 1024", param, ctx)
        return value if isinstance(value, Automatic) else int(value)


_TIMES = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Seconds(click.ParamType[float]):
    """A time limit, of any length that can be waited for: `90`, `90s`, `15m`, `6h`, `1d`."""

    name = "S"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Refuse what is no time; infinity is as long as can be."""
        text = str(value).lower()
        unit = _TIMES.get(text[-1:])
        try:
            seconds = float(text[:-1]) * unit if unit else float(text)
        except ValueError:
            seconds = 0
        if not seconds > 0:
            words = f"{value!r} is no number of seconds above 0; write 90, 15m or 6h"
            self.fail(words, param, ctx)
        return min(seconds, threading.TIMEOUT_MAX)


_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def read_bytes(text: str) -> int:
    """Read `300000`, `300kB`, `4MB` (thousands), `4MiB` (1024). Raises UsageError."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?i?)b?\s*", text.lower(), re.ASCII)
    if (
        not match
        or match[2] not in _UNITS
        or (count := round(float(match[1]) * _UNITS[match[2]])) < 1
    ):
        raise UsageError(f"{text!r} is no number of bytes; write 300000, 300kB or 4MiB")
    return count


def read_memory(text: str) -> int:
    """The same, of at least 100 MB: less, and nothing can be decoded. Raises UsageError."""
    count = read_bytes(text)
    if not 10**8 <= count < 2**62:
        raise UsageError(f"{text!r} is no room for photos; write at least 100MB")
    return count


def read_share(text: str) -> float:
    """Read a fraction from 0 to 1. Raises UsageError."""
    try:
        (share,) = read_fractions(text)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise UsageError(f"{text!r} is no share; write a fraction from 0 to 1, such as 0.3")
    return share
