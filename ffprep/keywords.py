"""Options as Python's keywords: what there is, and its way to what the command line would have given.

The options themselves, their defaults and the reading of their values are the commands'; nothing of it is said
here again.
"""

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from ffprep.errors import UsageError
from ffprep.spec import Focus, Size

if TYPE_CHECKING:
    import click

PathLike = str | os.PathLike[str]
SizeLike = Size | str | tuple[int, int]
"""`Size(1280, 720)`, `"1280x720"` or `(1280, 720)`: width and height in pixels."""


class Options(TypedDict, total=False):
    """What an output must be, and what its making may take; as the command line's options of these names.

    `focus` may be two fractions, of width and height, `crop_bounds` four. `max_bytes` and
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
    background: str | None
    focus: Focus | str | tuple[float, float] | None
    crop_bounds: str | tuple[float, float, float, float] | None
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


def several(paths: PathLike | Iterable[PathLike] | None) -> list[str]:
    """One path or many, as texts."""
    if paths is None:
        return []
    return [os.fspath(p) for p in ([paths] if isinstance(paths, str | os.PathLike) else paths)]


def read(command: "click.Command", words: Mapping[str, Any]) -> dict[str, Any]:
    """What a command is given where its options and arguments are these keywords.

    Raises UsageError for values that make no sense, TypeError for unknown keywords.
    """
    import click

    from ffprep.settings import key_names

    params = {key.replace("-", "_"): p for p in command.params for key in key_names(p)}
    said = {}
    for word, value in words.items():
        if word not in params:
            raise TypeError(f"unexpected keyword argument {word!r}")
        if value is not None:
            said[str(params[word].name)] = _as_given(params[word], value)
    try:
        return command.make_context(command.name, [], default_map=said).params
    except click.BadParameter as error:
        name = key_names(error.param)[0].replace("-", "_") if error.param else ""
        raise UsageError(f"{name}: {error.message}") from None


def require_known(words: Iterable[str], known: type) -> None:
    """Raise TypeError for a keyword that is none of these, as Python itself does."""
    for word in words:
        if word not in known.__annotations__:
            raise TypeError(f"unexpected keyword argument {word!r}")


def _as_given(param: "click.Parameter", value: Any) -> Any:
    """A value as the command line, or a file, would say it."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if param.multiple or param.nargs != 1:
        values = [value] if isinstance(value, str) else value
        return [os.fspath(item) for item in values]
    if isinstance(value, tuple):  # of numbers: a size, a point, edges
        return ("x" if param.name == "size" else ",").join(map(str, value))
    # Texts are read more closely than numbers: `max_memory` has a lower bound there.
    return value if isinstance(value, bool | Size | Focus) else str(value)
