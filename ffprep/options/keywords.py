"""Options as Python's keywords: what there is, and its way to what the command line would have given.

The options themselves, their defaults and the reading of their values are the commands'; nothing of it is said
here again.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypedDict

from ffprep.core.geometry import Focus, Size
from ffprep.errors import FfprepError, UsageError

if TYPE_CHECKING:
    import click

PathLike = str | os.PathLike[str]
SizeLike = Size | str | tuple[int, int] | list[int]
"""`Size(1280, 720)`, `"1280x720"` or `(1280, 720)`: width and height in pixels."""


class Options(TypedDict, total=False):
    """What an output must be, and what its making may take; as the command line's options of these names.

    `focus` may be two fractions, of width and height, `crop_bounds` four; `background` three or four numbers from 0 to 255. `max_bytes` and
    `max_memory` are in bytes, or texts such as "4MB"; `timeout` is in seconds a photo. What is None counts as not given.
    """

    targets: PathLike | Iterable[PathLike] | None
    filters: PathLike | Iterable[PathLike] | None
    names: str | None
    format: str | None
    quality: int | None
    subsampling: str | None
    lossless: bool
    compression: int | None
    max_bytes: int | str | None
    colour: str | None
    metadata: str | None
    background: str | Sequence[int] | None
    focus: Focus | str | Sequence[float] | None
    crop_bounds: str | Sequence[float] | None
    scene: str | None
    max_loss: float | str | None
    damaged: str | None
    upscale: str | None
    timeout: float | str | None
    max_pixels: int | None
    max_memory: int | str | None
    ffmpeg: PathLike | None


class RunOptions(Options, total=False):
    """The same for many photos, with which of them take part, and what is done again; `wait` is in seconds."""

    include: str | Iterable[str] | None
    exclude: str | Iterable[str] | None
    since: PathLike | None
    follow_links: bool
    jobs: int | str | None
    cluster: str | None
    shard: str | None
    force: bool
    checksum: bool
    adopt: bool
    retry: str | None
    retry_failed: bool
    prune: bool
    wait: float | str | None
    fsync: bool
    preserve_times: bool


class CheckOptions(TypedDict, total=False):
    """What `check` goes by: the command's options of these names."""

    targets: PathLike | Iterable[PathLike] | None
    follow_links: bool
    jobs: int | str | None
    max_pixels: int | None
    max_memory: int | str | None


def several(what: str, paths: PathLike | Iterable[PathLike] | None) -> list[str]:
    """One path or many, as texts. Raises UsageError, in which they are called `what`."""
    if paths is None:
        return []
    if isinstance(paths, str | os.PathLike) or not isinstance(paths, Iterable):
        paths = [paths]
    if isinstance(paths, bytes | bytearray | memoryview):
        raise UsageError(f"{what}: bytes are no path; a path is text (see os.fsdecode)")
    return [path_text(what, path) for path in paths]


def path_text(what: str, path: object) -> str:
    """A path as text. Raises UsageError, in which it is called `what`."""
    given = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(given, str):
        words = f"a path is text or a pathlib.Path, and not {type(given).__name__}"
        raise UsageError(f"{what}: {words}")
    if "\0" in given:
        raise UsageError(f"{what}: {given!r} has a NUL in it, and no path has")
    return str.__str__(given)


def read(command: "click.Command", words: Mapping[str, Any]) -> dict[str, Any]:
    """What a command is given where its options and arguments are these keywords.

    Raises UsageError for values that make no sense, TypeError for unknown keywords.
    """
    import click

    from ffprep.options.config_file import key_names

    params = {key.replace("-", "_"): p for p in command.params for key in key_names(p)}
    said = {}
    for word, value in words.items():
        if word not in params:
            raise TypeError(f"unexpected keyword argument {word!r}")
        if value is not None:
            said[str(params[word].name)] = _as_given(word, params[word], value)
    try:
        return command.make_context(command.name, [], default_map=said).params
    except click.BadParameter as error:
        name = key_names(error.param)[0].replace("-", "_") if error.param else ""
        raise UsageError(f"{name}: {error.message or 'nothing is named'}") from None


def require_known(words: Iterable[str], known: type) -> None:
    """Raise TypeError for a keyword that is none of these, as Python itself does."""
    for word in words:
        if word not in known.__annotations__:
            raise TypeError(f"unexpected keyword argument {word!r}")


def text_of(word: str, value: object) -> str:
    """A value as the command line, or a file, would say it; `word` is its keyword. Raises UsageError."""
    if isinstance(value, str | os.PathLike):
        return path_text(word, value)
    if isinstance(value, tuple | list):
        parts = [text_of(word, part) for part in value]
        if word == "background":
            return f"rgb{'a' * (len(parts) == 4)}({','.join(parts)})"
        return ("x" if word == "size" else ",").join(parts)
    # Texts are read more closely than numbers: `max_memory` has a lower bound there.
    if isinstance(value, Integral) and not isinstance(value, bool):
        return str(int(value))
    if isinstance(value, Real) and not isinstance(value, bool):
        return str(float(value))
    raise UsageError(f"{word}: {value!r} is of no use here")


def _as_given(word: str, param: "click.Parameter", value: Any) -> Any:
    if getattr(param, "is_flag", False):
        if not isinstance(value, bool):
            raise UsageError(f"{word}: {value!r} is neither True nor False")
        return value
    if param.multiple or param.nargs != 1:
        return several(word, value)
    return value if isinstance(value, Size | Focus) else text_of(word, value)


@contextmanager
def errors_for_python() -> Iterator[None]:
    """Have errors speak of keywords, where they were written for a command line."""
    try:
        yield
    except FfprepError as error:
        error.args = tuple(map(options_to_keywords, error.args))
        raise


def options_to_keywords(text: str) -> str:
    """A sentence with keywords for options: `max_loss=` for `--max-loss`, `mode=auto` for `--mode auto`."""
    return _OPTION.sub(lambda match: match[1].replace("-", "_") + "=", text)


_WORDS = ("size", "target", "mode", "ledger", *RunOptions.__annotations__)
_OPTION = re.compile(
    rf"(?<![\w-])--({'|'.join(_WORDS).replace('_', '-')})(?![\w-])( (?=[A-Z0-9']|auto|allow|none))?"
)
