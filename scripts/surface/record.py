"""The public surface of ffprep, from its own tables and from real runs."""

import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from ffprep.cli.commands.convert import convert
from ffprep.cli.main import cli
from ffprep.config import modes, sidecars, targets
from ffprep.core.job import CaveatKind, Status
from ffprep.errors import ExitCode, Kind
from ffprep.options.command import keys_of
from ffprep.options.job_file import is_of_picture
from scripts.surface import python, runs

ROOT = Path(__file__).parents[2]
FILE = ROOT / "tests/project/surface.txt"
_NO = re.compile(r" /--no-\S+")
_NONE: frozenset[str] = frozenset()
HEAD = """\
# What is stable from 1.0 on: docs/operations/compatibility.md.
# Written by `python -m scripts.surface`; lines may be added, and none may change or go.
"""


def surface(run: Callable[[list[str], Path], str]) -> Iterator[str]:
    """Yield the lines of the record. `run` calls ffprep in a folder and returns its stdout."""
    yield from HEAD.splitlines()
    known = frozenset(
        line
        for param in convert.params
        if isinstance(param, click.Option) and not _is_hidden(param)
        for line in _param(param, click.Context(convert))
    )
    with tempfile.TemporaryDirectory() as folder:
        measured = {*runs.lines(run, Path(folder))}
    for title, lines in {
        "Commands and options": _commands(cli, "ffprep", known),
        "Words": _words(),
        "Keys of TOML files": _toml_keys(),
        "Python": python.lines(),
        "Real runs": iter(sorted(measured)),
    }.items():
        yield from ("", f"# {title}")
        yield from lines


def _commands(command: click.Command, name: str, known: frozenset[str]) -> Iterator[str]:
    """Yield a line for each command, argument, option and choice; hidden ones are not public.

    `known` are the lines of convert's options: commands that share most of them name the others.
    """
    context = click.Context(command)
    yield name
    # click adds the option --help to a command when it is called.
    shown = [each for each in command.params if not _is_hidden(each) and each.name != "help"]
    lines = {line for param in shown for line in _param(param, context)}
    shared = {line for line in lines if _NO.sub("", line) in known}
    if len(shared) > len(known) * 0.9:
        missing = known - {_NO.sub("", line) for line in shared}
        names = sorted({line.split()[0] for line in missing})
        yield f"{name} options of ffprep convert, without: {' '.join(names) or 'none'}"
        lines -= shared
    yield from (f"{name} {line}" for line in sorted(lines))
    if isinstance(command, click.Group):
        for each in sorted(command.list_commands(context)):
            sub = command.get_command(context, each)
            if sub and not sub.hidden:
                yield from _commands(sub, f"{name} {each}", known if each != "convert" else _NONE)


def _is_hidden(param: click.Parameter) -> bool:
    return isinstance(param, click.Option) and param.hidden


def _param(param: click.Parameter, context: click.Context) -> Iterator[str]:
    facts = param.to_info_dict()
    names = [*param.opts, *(f"/{off}" for off in param.secondary_opts)]
    metavar = param.make_metavar(context)
    choices = param.type.choices if isinstance(param.type, click.Choice) else ()
    if isinstance(param, click.Argument):
        names = [metavar]
    elif not facts["is_flag"] and not choices:
        names.append(metavar)
    marks = [mark for mark in ("multiple", "required") if facts[mark]]
    if facts["default"] not in (None, False, ()):
        marks.append(f"default {facts['default']}")
    yield " ".join([*names, *(f"({mark})" for mark in marks)])
    long = next((name for name in names if name.startswith("--")), names[0])
    yield from (f"{long} {choice}" for choice in choices)


def _words() -> Iterator[str]:
    yield from (f"exit code {code.value} {code.name}" for code in ExitCode)
    yield from (f"kind of failure {kind}" for kind in Kind)
    yield from (f"kind of warning {kind}" for kind in CaveatKind)
    yield from (f"status {status}" for status in Status)
    yield from (f"mode {mode.name}" for mode in modes.all_modes())
    yield from (f"mode {name} = {mode}" for name, mode in sorted(modes.ALIASES.items()))
    yield from (f"target {target.name}" for target in targets.all_targets())
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "ffprep").rglob("*.py")]
    names = {name for text in sources for name in re.findall(r'environ.*"(FFPREP_[A-Z]+)"', text)}
    yield from (f"environment variable {name}" for name in sorted(names))


def _toml_keys() -> Iterator[str]:
    """Yield the keys of ffprep.toml, sidecars, modes and targets, from the readers of each."""
    for name, param in keys_of(convert).items():
        picture = " [[job.NAME.picture]]" if is_of_picture(param) else ""
        yield f"ffprep.toml [defaults] [job.NAME]{picture} {name}"
    yield from (f"sidecar, ffprep.toml [[photo]] {name}" for name in sidecars._READERS)
    yield from (f"mode file {name}" for name in modes._READERS)
    yield from (f"mode file [[step]] {name}" for name in modes._STEP_READERS)
    yield from (f"target file [NAME] {name}" for name in targets._READERS)
