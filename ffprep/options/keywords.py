"""Options as Python keywords: their types, and how click reads them like a command line.

The options themselves, their defaults and the parsing of values are those of the commands.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypedDict

from ffprep.core.geometry import Focus, Size
from ffprep.errors import FfprepError, UsageError
from ffprep.system.messages import is_command_line

if TYPE_CHECKING:
    import click

PathLike = str | os.PathLike[str]
SizeLike = Size | str | tuple[int, int] | list[int]
"""`Size(1280, 720)`, `"1280x720"` or `(1280, 720)`: width and height in pixels."""


class Options(TypedDict, total=False):
    """What an output must be like, and the limits of one photo; names as on the command line.

    `focus` may be two fractions, of width and height; `crop_bounds` four; `background` three or
    four numbers from 0 to 255. `max_bytes` and `max_memory` are in bytes, or texts such as "4MB".
    `timeout` is in seconds, and so is a `frame` of a film. None means not given. `targets` and
    `filters` are earlier names of `targets_file` and `modes_dir`.
    """

    targets_file: PathLike | Iterable[PathLike] | None
    targets: PathLike | Iterable[PathLike] | None
    modes_dir: PathLike | Iterable[PathLike] | None
    filters: PathLike | Iterable[PathLike] | None
    multiple_of: int | None
    names: str | None
    frame: str | float | None
    format: str | None
    quality: int | None
    subsampling: str | None
    depth: int | None
    optimize: bool
    fast: bool
    sharpen: bool
    lossless: bool
    compression: int | None
    max_bytes: int | str | None
    colour: str | None
    metadata: str | None
    date: str | None
    background: str | Sequence[int] | None
    focus: Focus | str | Sequence[float] | None
    crop_bounds: str | Sequence[float] | None
    scene: str | None
    max_loss: float | str | None
    damaged: str | None
    upscale: str | None
    max_cut: str | None
    timeout: float | str | None
    max_pixels: int | None
    max_memory: int | str | None
    ffmpeg: PathLike | None


class RunOptions(Options, total=False):
    """Options for many photos: also which of them to convert, and what to convert again.

    `wait` is in seconds.
    """

    include: str | Iterable[str] | None
    exclude: str | Iterable[str] | None
    since: PathLike | None
    no_default_excludes: bool
    root: PathLike | None
    only: str | Iterable[str] | None
    min_size: SizeLike | None
    min_mpx: float | None
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
    prune_emptied: bool
    wait: float | str | None
    fsync: bool
    preserve_times: bool
    report: PathLike | None
    carry: str | Iterable[str] | None
    manifest: PathLike | None


class CheckOptions(TypedDict, total=False):
    """Command line options of `check`, of the same names; `targets` is that of `targets_file`."""

    targets_file: PathLike | Iterable[PathLike] | None
    targets: PathLike | Iterable[PathLike] | None
    follow_links: bool
    no_default_excludes: bool
    jobs: int | str | None
    max_pixels: int | None
    max_memory: int | str | None


class _FrameOptions(CheckOptions, total=False):
    modes_dir: PathLike | Iterable[PathLike] | None
    filters: PathLike | Iterable[PathLike] | None
    frame: str | float | None
    focus: Focus | str | Sequence[float] | None
    crop_bounds: str | Sequence[float] | None


class InfoOptions(_FrameOptions, total=False):
    """Command line options of `info`, of the same names."""

    faces: bool
    scene: str | None
    max_loss: float | str | None


class CompareOptions(_FrameOptions, total=False):
    """Command line options of `compare`, of the same names; `mode` may be several."""

    mode: str | Iterable[str] | None
    columns: int | None
    background: str | Sequence[int] | None
    ffmpeg: PathLike | None


def several(what: str, paths: PathLike | Iterable[PathLike] | None) -> list[str]:
    """Return one path or many as texts. Raise UsageError, which calls them `what`."""
    if paths is None:
        return []
    if isinstance(paths, str | os.PathLike) or not isinstance(paths, Iterable):
        paths = [paths]
    if isinstance(paths, bytes | bytearray | memoryview):
        raise UsageError(f"{what}: bytes are not a path; a path is text (see os.fsdecode)")
    return [path_text(what, path) for path in paths]


def path_text(what: str, path: object) -> str:
    """Return a path as text. Raise UsageError, which calls it `what`."""
    given = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(given, str):
        problem = f"a path is text or a pathlib.Path, and not {type(given).__name__}"
        raise UsageError(f"{what}: {problem}")
    if "\0" in given:
        raise UsageError(f"{what}: {given!r} contains a NUL, which no path can")
    return str.__str__(given)


def read(command: "click.Command", keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a command whose options and arguments are these keywords.

    Raise UsageError for values that cannot be read, TypeError for unknown keywords.
    """
    import click

    from ffprep.options.command import key_names
    from ffprep.options.types import Repeatable

    params = {key.replace("-", "_"): p for p in command.params for key in key_names(p)}
    if isinstance(params.get("size"), Repeatable):
        params["sizes"] = params["size"]
    values = {}
    for keyword, value in keywords.items():
        if keyword not in params:
            raise TypeError(f"unexpected keyword argument {keyword!r}")
        if value is None:
            continue
        name = str(params[keyword].name)
        if name in values:
            raise UsageError(f"{keyword} is given twice, by two of its names")
        values[name] = _as_text(keyword, params[keyword], value)
    try:
        return command.make_context(command.name, [], default_map=values).params
    except click.BadParameter as error:
        name = key_names(error.param)[0].replace("-", "_") if error.param else ""
        raise UsageError(f"{name}: {error.message or 'nothing is named'}") from None


def size_words(size: SizeLike | None, sizes: Iterable[SizeLike] | None) -> dict[str, Any]:
    """Return the keyword of `read` for one size or several.

    Raise UsageError if both are given, or if `sizes` is not a list of sizes.
    """
    if sizes is None:
        require_one_size(size, "size takes one size; write sizes=[...] for several")
        return {"size": size}
    if size is not None:
        raise UsageError("size and sizes exclude one another")
    found = [] if isinstance(sizes, str | Size) else list(sizes)
    if not found or any(isinstance(each, int) for each in found):
        raise UsageError('sizes takes a list of sizes, such as ["1280x720", (640, 360)]')
    return {"sizes": found}


def require_one_size(size: object, words: str) -> None:
    """Raise UsageError with `words` for a list of sizes in place of one."""
    parts = size if isinstance(size, tuple | list) else ()
    for part in parts:
        if isinstance(part, tuple | list | Size) or (isinstance(part, str) and not part.isdigit()):
            raise UsageError(words)


def require_known(keywords: Iterable[str], known: type) -> None:
    """Raise TypeError for a keyword that the TypedDict `known` does not have, as Python does."""
    for keyword in keywords:
        if keyword not in known.__annotations__:
            raise TypeError(f"unexpected keyword argument {keyword!r}")


def text_of(keyword: str, value: object) -> str:
    """Return a value as the command line would spell it. Raise UsageError."""
    if isinstance(value, str | os.PathLike):
        return path_text(keyword, value)
    if isinstance(value, tuple | list):
        parts = [text_of(keyword, part) for part in value]
        if keyword == "background":
            return f"rgb{'a' * (len(parts) == 4)}({','.join(parts)})"
        return ("x" if keyword in ("size", "min_size") else ",").join(parts)
    # Click checks texts more strictly than numbers: `max_memory` has a lower bound there.
    if isinstance(value, Integral) and not isinstance(value, bool):
        return str(int(value))
    if isinstance(value, Real) and not isinstance(value, bool):
        return str(float(value))
    raise UsageError(f"{keyword}: {value!r} is not a usable value")


def _as_text(keyword: str, param: "click.Parameter", value: Any) -> Any:
    """Return a keyword's value as click's `default_map` takes it."""
    if getattr(param, "is_flag", False):
        if not isinstance(value, bool):
            raise UsageError(f"{keyword}: {value!r} is not True or False")
        return value
    if keyword == "sizes":
        return [each if isinstance(each, Size) else text_of("size", each) for each in value]
    if keyword == "size" and param.multiple:
        return [value if isinstance(value, Size) else text_of(keyword, value)]
    if param.multiple or param.nargs != 1:
        return several(keyword, value)
    return value if isinstance(value, Size | Focus) else text_of(keyword, value)


@contextmanager
def errors_for_python() -> Iterator[None]:
    """Rewrite errors, which name command line options, to name keywords.

    Not in the command: `ffprep submit` calls the Python functions too.
    """
    try:
        yield
    except FfprepError as error:
        if not is_command_line():
            error.args = tuple(map(options_to_keywords, error.args))
        raise


def options_to_keywords(text: str) -> str:
    """Replace options by keywords: `--max-loss` by `max_loss=`, `-o OUT` by `output=OUT`."""
    text = _OUTPUT.sub("output=", text)
    return _OPTION.sub(lambda match: match[1].replace("-", "_") + "=", text)


_KEYWORDS = ("size", "target", "mode", "ledger", "columns", *RunOptions.__annotations__)
_OUTPUT = re.compile(r"(?<![\w-])-o:? (?=\S)")
_OPTION = re.compile(
    rf"(?<![\w-])--({'|'.join(_KEYWORDS).replace('_', '-')})(?![\w-])"
    "( (?=[A-Z0-9']|auto|allow|none|keep|always|first))?"
)
