"""Types of option values: each reads a text, or refuses it and says what to write."""

import copy
import math
import os
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ffprep.core.formats import output_format_of
from ffprep.core.geometry import Size, read_fractions, read_size
from ffprep.core.location import located, names_url
from ffprep.errors import UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class PathOr(click.Path):
    """A path as it is written, or one of a few keywords, such as `none`."""

    def __init__(self, *words: str) -> None:
        super().__init__(readable=False)
        self._words = words

    def names_path(self, text: str) -> bool:
        """Whether a text is a path, and not a keyword."""
        return text not in self._words


class Parsed(click.ParamType[Any]):
    """An option whose text a function reads that raises UsageError."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a text; leave a value that was read before."""
        try:
            return self._parse(value) if isinstance(value, str) else value
        except UsageError as error:
            self.fail(str(error), param, ctx)


def completed_by(kind: str) -> "Callable[..., list[CompletionItem[str]]]":
    """Return what completes the values of an option in a shell; see `complete` for the kinds."""

    def complete(
        ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem[str]]":
        from ffprep.options.complete import values_of

        return values_of(kind, ctx, incomplete)

    return complete


def _files(incomplete: str) -> "list[CompletionItem[str]]":
    """Return what makes a shell complete names of files."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


class LocalPath(click.Path):
    """A local path."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, readable=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse a URL: a path would lose one of its slashes."""
        if names_url(os.fspath(value)):
            advice = "only convert, check, info and status work with URLs"
            if isinstance(param, click.Option):
                advice = f"{param.opts[0]} takes a local path"
            self.fail(f"{value} is a URL; {advice}", param, ctx)
        return super().convert(value, param, ctx)


class AnyLocation(Parsed):
    """A path, or a URL."""

    def __init__(self) -> None:
        super().__init__("PATH", located)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem[str]]":
        """Complete names of files."""
        return _files(incomplete)


PATH = LocalPath()
PATH_AS_WRITTEN = click.Path(readable=False)
"""A path as text: a slash at its end means a folder."""


class ParsedOrPath(Parsed):
    """A Parsed option, some of whose texts are paths."""

    def __init__(
        self, name: str, parse: Callable[[str], Any], names_path: Callable[[str], bool]
    ) -> None:
        super().__init__(name, parse)
        self.names_path = names_path

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem[str]]":
        """Complete names of files."""
        return _files(incomplete)


class Repeatable(click.Option):
    """An option that may be given several times; in a file, one value needs no list."""


class Once(click.Option):
    """An option of one value, of which `convert` takes several; a second one is an error."""

    def __init__(self, param_decls: Sequence[str], **attrs: Any) -> None:
        attrs["multiple"] = True
        super().__init__(param_decls, **attrs)

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """Return the value, or None."""
        values = super().process_value(ctx, value)
        if len(values) > 1:
            words = f"{ctx.command.name} takes one, and not {len(values)}; run it for each"
            raise click.BadParameter(words, ctx, self)
        return values[0] if values else None


class Renamed(click.Option):
    """An option that had other names, which still work: its first name alone is in the help."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the help of the first name."""
        shown = copy.copy(self)
        shown.opts = self.opts[:1]
        return super(Renamed, shown).get_help_record(ctx)


class OptionalValue(click.Option):
    """An option that stands for `implied` without a value: `--dry-run`, `--dry-run=commands`.

    The next word is never its value.
    """

    def __init__(self, *args: Any, implied: str, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.implied = implied

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option as it is written."""
        record = super().get_help_record(ctx)
        return record and (record[0].replace(" ", "[=", 1) + "]", record[1])


def with_implied_values(command: click.Command, words: list[str]) -> list[str]:
    """Return a command line on which each OptionalValue has a value."""
    options = [param for param in command.params if isinstance(param, OptionalValue)]
    implied = {name: f"{name}={option.implied}" for option in options for name in option.opts}
    end = words.index("--") if "--" in words else len(words)
    return [implied.get(word, word) for word in words[:end]] + words[end:]


class Whole(click.IntRange):
    """A whole number within bounds."""

    name = "whole number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a number; say what the bounds are if it is none, or outside of them."""
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            bounds = f"from {self.min} to {self.max}" if self.max else f"of at least {self.min}"
            self.fail(f"{str(value)!r} is not a whole number {bounds}", param, ctx)


class OneOf(click.Choice[Any]):
    """One of a few words, in any case."""

    def __init__(self, words: Sequence[Any]) -> None:
        super().__init__(words, case_sensitive=False)

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Return what the words are, and which was probably meant."""
        from ffprep.core.known_names import nearest

        words = list(map(str, self.choices))
        near = nearest(str(value), words)
        hint = f"; did you mean {near}?" if near else ""
        return f"{value!r} is not one of {', '.join(words)}{hint}"


class FormatName(OneOf):
    """The name of a format, or a suffix of its files: `jpg`, `.JPEG`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name of the format."""
        format = output_format_of(f".{str(value).removeprefix('.')}")
        return super().convert(format.name if format else value, param, ctx)


def read_frame_size(text: str) -> Size:
    """Read a size in pixels, or its name. Raise UsageError, also for the name of a target."""
    try:
        return read_size(text)
    except UsageError as error:
        from ffprep.config.targets import all_targets
        from ffprep.core.known_names import known_as

        name = known_as(text.partition("/")[0], (target.name for target in all_targets()))
        if name is None:
            raise
        raise UsageError(f"{text!r} is a target; write --target {text}") from error


class Automatic(int):
    """A number of workers that was chosen by ffprep, for this machine."""


class Jobs(click.ParamType[int]):
    """A number of workers, or `auto`."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a number; `auto` is the number of usable processors, or the N of `make -jN`."""
        if str(value).lower() == "auto":
            from ffprep.system.machine import default_jobs

            return Automatic(default_jobs())
        if not str(value).isdecimal() or not 1 <= int(value) <= 1024:
            self.fail(f"{value!r} is neither auto nor a number from 1 to 1024", param, ctx)
        return value if isinstance(value, Automatic) else int(value)


_TIMES = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Positive(click.FloatRange):
    """A number above 0."""

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a number; nan is refused too."""
        try:
            number = float(value)
        except ValueError:
            number = 0
        if not number > 0:
            self.fail(f"{str(value)!r} is not a number above 0", param, ctx)
        return number


class Seconds(click.ParamType[float]):
    """A duration in seconds: `90`, `90s`, `15m`, `6h`, `1d`."""

    name = "S"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a duration above 0; infinity is the longest that Python can wait."""
        text = str(value).lower()
        unit = _TIMES.get(text[-1:])
        try:
            seconds = float(text[:-1]) * unit if unit else float(text)
        except ValueError:
            seconds = 0
        if not seconds > 0:
            problem = f"{value!r} is not a duration above 0; write 90, 15m or 6h"
            self.fail(problem, param, ctx)
        return min(seconds, threading.TIMEOUT_MAX)


_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


def read_bytes(text: str) -> int:
    """Return the bytes of `300000`, `300kB`, `4MB` (powers of 1000) or `4MiB` (of 1024).

    Raise UsageError.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?i?)b?\s*", text.lower(), re.ASCII)
    if (
        not match
        or match[2] not in _UNITS
        or (count := round(float(match[1]) * _UNITS[match[2]])) < 1
    ):
        raise UsageError(f"{text!r} is not a number of bytes; write 300000, 300kB or 4MiB")
    return count


def read_memory(text: str) -> int:
    """Return the bytes of a memory limit, at least 100 MB: decoders need that. Raise UsageError."""
    count = read_bytes(text)
    if not 10**8 <= count < 2**62:
        raise UsageError(f"{text!r} is too little memory for photos; write at least 100MB")
    return count


def read_share(text: str) -> float:
    """Return a fraction from 0 to 1. Raise UsageError."""
    try:
        (share,) = read_fractions(text)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise UsageError(f"{text!r} is not a fraction from 0 to 1; write for example 0.3")
    return share
