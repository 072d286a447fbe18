"""Options of `convert` that a file says: its keys, where it is looked for, whose fault a bad value is."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ffprep.errors import EnvironmentFault
from ffprep.options.shared import InSections
from ffprep.options.types import PATH, ParsedOrPath, PathOr

if TYPE_CHECKING:
    from ffprep.config.job_file import Config, Key, Settings, ValueKind

# What reads files is imported where there is one to be read.

FILE = "ffprep.toml"
COMMAND_LINE = "command line"
NOT_OF_A_FILE = ("config", "dry_run")
"""A file names no other file, and does what it says."""

CONFIG = click.option(
    "--config",
    type=PATH,
    metavar="FILE",
    help="Take the options of [defaults] in this ffprep.toml, where the command line says nothing.",
)


class ConfigCommand(InSections):
    """A command whose options may come from a file too: from `--config`, or as `ctx.obj`, Settings."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line, over what the file says."""
        words = words_in(self, ctx, args)
        if file := words.get("config"):
            ctx.obj = said_in(words).over(read(Path(file), self).defaults)
            ctx.default_map = ctx.obj.values
        ctx.params["photos"] = ctx.obj.photos if ctx.obj else {}
        try:
            return super().parse_args(ctx, args)
        except click.BadParameter as error:
            if ctx.obj is not None:
                _blame_the_file(ctx.obj, error)
            raise


def words_in(command: click.Command, ctx: click.Context, args: list[str]) -> dict[str, Any]:
    """The options that a command line says, as it says them."""
    found, _, _ = command.make_parser(ctx).parse_args(list(args))
    names = [str(p.name) for p in command.params if isinstance(p, click.Option)]
    return {name: found[name] for name in names if name in found}


def said_in(words: Mapping[str, Any]) -> "Settings":
    """The words of a command line as Settings."""
    from ffprep.config.job_file import Setting, Settings

    return Settings("", {name: Setting(word, COMMAND_LINE) for name, word in words.items()})


def read(path: Path | None, command: click.Command) -> "Config":
    """The file of that name, else the one in this folder, else the one in the user's configuration.

    Raises EnvironmentFault where there is none, or where it is bad.
    """
    from ffprep.config import job_file as config

    own = Path(click.get_app_dir("ffprep")) / FILE
    for place in [path] if path else [Path(FILE), own]:
        if path or place.exists():
            return config.read(place, keys_of(command))
    raise EnvironmentFault(f"there is no {FILE} here, and no {own}; name one with --config")


def keys_of(command: click.Command) -> Mapping[str, "Key"]:
    """The keys that a file may hold: the long names of a command's options, and its arguments."""
    return {
        name: _key(param)
        for param in command.params
        if param.name not in NOT_OF_A_FILE
        for name in key_names(param)
    }


def key_names(param: click.Parameter) -> list[str]:
    """What an option is called in a file; the first name is the usual one."""
    if isinstance(param, click.Argument):
        return [str(param.name)]
    return [name.removeprefix("--") for name in param.opts if name.startswith("--")]


def _key(param: click.Parameter) -> "Key":
    from ffprep.config.job_file import Key

    many = param.multiple or param.nargs != 1
    return Key(str(param.name), _wants(param), many, partial(_names_path, param.type))


def _names_path(type: click.ParamType[Any], text: str) -> bool:
    if isinstance(type, PathOr | ParsedOrPath):
        return type.names_path(text)
    return isinstance(type, click.Path)


def _wants(param: click.Parameter) -> "ValueKind":
    from ffprep.config.job_file import ValueKind

    if isinstance(param, click.Option) and param.is_flag and param.is_bool_flag:
        return ValueKind.FLAG
    if isinstance(param.type, (type(click.INT), type(click.FLOAT))):
        return ValueKind.NUMBER
    if isinstance(param.type, (click.Path, type(click.STRING))):
        return ValueKind.TEXT
    return ValueKind.TEXT_OR_NUMBER


def _blame_the_file(settings: "Settings", error: click.BadParameter) -> None:
    """Raise EnvironmentFault where it was a file that said a bad value, or should have said one."""
    param = error.param
    if param is None or param.name is None:
        return
    key = key_names(param)[0]
    if isinstance(error, click.MissingParameter) and settings.place:
        raise EnvironmentFault(f'{settings.place}: "{key}" is missing') from None
    setting = settings.options.get(param.name)
    if setting and setting.origin != COMMAND_LINE:
        raise EnvironmentFault(f"{setting.origin}: {key}: {error.message}") from None


def default_of(option: click.Parameter) -> Any:
    """What an option is where nobody says it, in the command line's words; None for nothing."""
    value = option.default
    return value if isinstance(value, int | float | str | tuple) else None
