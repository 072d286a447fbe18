"""The values that a shell completes: names of modes, targets, scenes and jobs.

Imported when a shell asks. A file or folder that cannot be read completes nothing of its own.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import click
from click.shell_completion import CompletionItem

from ffprep.config.modes import all_modes, auto_summary
from ffprep.config.targets import all_targets
from ffprep.core.mode import Mode
from ffprep.core.target import Target
from ffprep.errors import FfprepError
from ffprep.options.frame import filter_folders, target_files


def values_of(kind: str, ctx: click.Context, incomplete: str) -> "list[CompletionItem[str]]":
    """Return the values of one kind that begin like the incomplete word."""
    found: list[CompletionItem[str]] = []  # a type for checkers only: click 8.4 has no generic one
    with suppress(FfprepError, OSError):
        for value, help in _VALUES[kind](ctx):
            if value.startswith(incomplete):
                found.append(CompletionItem(value, help=help))
    return found


def _known_modes(ctx: click.Context) -> list[Mode]:
    with suppress(FfprepError, OSError):
        return all_modes(filter_folders(ctx.params.get("modes_dir") or ()))
    return all_modes()


def _modes(ctx: click.Context) -> Iterator[tuple[str, str]]:
    for mode in (auto_summary(), *_known_modes(ctx)):
        yield mode.name, mode.summary


def _scenes(ctx: click.Context) -> Iterator[tuple[str, str]]:
    for scene in sorted({scene for mode in _known_modes(ctx) for scene in mode.scenes}):
        yield scene, ""


def _known_targets(ctx: click.Context) -> list[Target]:
    with suppress(FfprepError, OSError):
        return all_targets(target_files(ctx.params.get("targets_file") or ()))
    return all_targets()


def _targets(ctx: click.Context) -> Iterator[tuple[str, str]]:
    """Yield the names of targets, and those with a size."""
    for target in _known_targets(ctx):
        yield target.name, target.title
        for label, size in target.sizes:
            yield f"{target.name}/{label}", "" if label == str(size) else str(size)


def _words(words: str) -> Callable[[click.Context], Iterable[tuple[str, str]]]:
    return lambda _: ((word, "") for word in words.split())


def _jobs(ctx: click.Context) -> Iterable[tuple[str, str]]:
    from ffprep.options.convert import convert_parameters
    from ffprep.options.job_file import find_and_read

    given = ctx.params.get("chosen") or ()
    jobs = find_and_read(ctx.params.get("file"), convert_parameters).jobs
    return ((name, "") for name in jobs if name not in given)


_VALUES = {
    "modes": _modes,
    "scenes": _scenes,
    "targets": _targets,
    "focus": _words(
        "faces center top bottom left right top-left top-right bottom-left bottom-right"
    ),
    "frames": _words("first last"),
    "jobs": _jobs,
}
