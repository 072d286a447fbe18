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
    """An option whose text a function reads that raises UsageError.

    `names_path` decides which texts are paths, if some are: a shell completes names of files.
    """

    def __init__(
        self,
        name: str,
        parse: Callable[[str], Any],
        names_path: Callable[[str], bool] | None = None,
    ) -> None:
        self.name, self._parse, self.names_path = name, parse, names_path

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return the name as it is written."""
        return self.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a text; leave a value that was read before."""
        try:
            return self._parse(value) if isinstance(value, str) else value
        except UsageError as error:
            self.fail(str(error), param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem[str]]":
        """Complete names of files."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="file")] if self.names_path else []


def completed_by(kind: str) -> "Callable[..., list[CompletionItem[str]]]":
    """Return what completes the values of an option in a shell; see `complete` for the kinds."""

    def complete(
        ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> "list[CompletionItem[str]]":
        from ffprep.options.complete import values_of

        return values_of(kind, ctx, incomplete)

    return complete


class LocalPath(click.Path):
    """A local path."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, readable=False)
        self.name = "FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse a URL: a path would lose one of its slashes."""
        if names_url(os.fspath(value)):
            advice = "only convert, check, info and status work with URLs"
            if isinstance(param, click.Option):
                advice = f"{param.opts[0]} takes a local path"
            self.fail(f"{value} is a URL; {advice}", param, ctx)
        return super().convert(value, param, ctx)


TEXT = click.STRING
PATH = LocalPath()
PATH_AS_WRITTEN = click.Path(readable=False)
"""A path as text: a slash at its end means a folder."""
LOCATION = Parsed("PATH", located, lambda _: True)
"""A path, or a URL."""


class Repeatable(click.Option):
    """An option that may be given several times; in a file, one value needs no list."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes | {"multiple": True})


class Once(Repeatable):
    """An option of one value, of which `convert` takes several; a second one is an error."""

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

    name = "N"

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


def read_jobs(text: str) -> int:
    """Return a number of workers; that of usable processors, or N of `make -jN`, for `auto`.

    Raise UsageError.
    """
    if text.lower() == "auto":
        from ffprep.system.machine import default_jobs

        return Automatic(default_jobs())
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise UsageError(f"{text!r} is neither auto nor a number from 1 to 1024")
    return int(text)


class Positive(click.FloatRange):
    """A number above 0."""

    name = "N"

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


_TIMES = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _read_seconds(text: str) -> float:
    """Return the seconds of `90`, `90s`, `15m`, `6h` or `1d`; at most what Python can wait.

    Raise UsageError.
    """
    unit = _TIMES.get(text[-1:].lower())
    try:
        seconds = float(text[:-1]) * unit if unit else float(text)
    except ValueError:
        seconds = 0
    if not seconds > 0:
        raise UsageError(f"{text!r} is not a duration above 0; write 90, 15m or 6h")
    return min(seconds, threading.TIMEOUT_MAX)


SECONDS = Parsed("S", _read_seconds)

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
