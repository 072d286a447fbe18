"""Options of `convert` in ffprep.toml: which keys, where the file is, and who gave a bad value."""

import os
import stat
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ffprep.errors import EnvironmentFault, reason
from ffprep.options.command import DocumentedCommand, option
from ffprep.options.types import PATH, Parsed, PathOr, Repeatable, with_implied_values
from ffprep.system.messages import say

if TYPE_CHECKING:
    from ffprep.config.job_file import Config, Key, Settings
    from ffprep.config.toml import Reader

# The modules that read TOML are imported only if there is a file to read.

FILE = "ffprep.toml"
COMMAND_LINE = "command line"
NOT_OF_A_FILE = ("config", "dry_run")
"""Options that a file must not set."""

CONFIG = option(
    "--config", PATH, "Read options from [defaults] in this ffprep.toml; the command line wins."
)


class ConfigCommand(DocumentedCommand):
    """A command that reads options from a file too: that of `--config`, or `ctx.obj`, Settings."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line, with the file as its defaults."""
        given = unparsed_options(self, ctx, args)
        file = given.get("config")
        if file and not ctx.resilient_parsing:  # as for completion in a shell
            ctx.obj = as_settings(given).over(read(Path(file), self).defaults)
            ctx.default_map = ctx.obj.values
        ctx.params["photos"] = ctx.obj.photos if ctx.obj else {}
        try:
            return super().parse_args(ctx, args)
        except click.BadParameter as error:
            param = error.param
            setting = ctx.obj.options.get(param.name) if ctx.obj and param else None
            if param and setting and setting.origin != COMMAND_LINE:
                words = f"{setting.origin}: {key_names(param)[0]}: {error.message}"
                raise EnvironmentFault(words) from None
            raise


def unparsed_options(command: click.Command, ctx: click.Context, args: list[str]) -> dict[str, Any]:
    """Return the options of a command line, unparsed."""
    found, _, _ = command.make_parser(ctx).parse_args(with_implied_values(command, args))
    names = [str(p.name) for p in command.params if isinstance(p, click.Option)]
    return {name: found[name] for name in names if name in found}


def as_settings(options: Mapping[str, Any]) -> "Settings":
    """Return the options of a command line as Settings."""
    from ffprep.config.job_file import Setting, Settings

    return Settings("", {name: Setting(value, COMMAND_LINE) for name, value in options.items()})


def read(path: Path | None, command: click.Command) -> "Config":
    """Read the file of that name, else the one in this folder, else in the user's configuration.

    A file that cannot be read is skipped if the other one can be. Raise EnvironmentFault if there
    is none, or for a mistake in it.
    """
    from ffprep.config import job_file as config

    own = Path(click.get_app_dir("ffprep")) / FILE
    places = [path] if path else [Path(FILE), own]
    readable = [each for each in places if os.path.isfile(each) and os.access(each, os.R_OK)]
    if path or readable:
        chosen = path or readable[0]
        if chosen == own and os.path.exists(FILE):
            say(f"{FILE} in this folder cannot be read; {own} is used instead")
        return config.read(chosen, keys_of(command))
    problems = "; ".join(filter(None, map(_problem, places)))
    words = problems or f"there is no {FILE} here, and no {own}"
    raise EnvironmentFault(f"{words}; name one with --config")


def _problem(place: Path) -> str:
    """Return why a file cannot be read; "" if it does not exist."""
    try:
        is_file = stat.S_ISREG(os.stat(place).st_mode)
        return f"{place} {'cannot be read; check its permissions' if is_file else 'is not a file'}"
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        folder = os.path.abspath(place.parent)
        return f"cannot look for {FILE} in {folder}: {reason(error)}"


def keys_of(command: click.Command) -> Mapping[str, "Key"]:
    """Return the keys that a file may have: long names of options, and arguments."""
    return {
        name: _key(param)
        for param in command.params
        if param.name not in NOT_OF_A_FILE
        for name in key_names(param)
    }


def key_names(param: click.Parameter) -> list[str]:
    """Return the names of an option in a file; the first one is the usual one."""
    if isinstance(param, click.Argument):
        return [str(param.name)]
    return [name.removeprefix("--") for name in param.opts if name.startswith("--")]


def _key(param: click.Parameter) -> "Key":
    from ffprep.config.job_file import Key

    return Key(
        str(param.name),
        _reader(param),
        many=param.multiple or param.nargs != 1,
        lone=isinstance(param, Repeatable),
        of_picture=getattr(param, "heading", "") == "Pictures" or param.name == "names",
        names_path=partial(_names_path, param.type),
    )


def _names_path(type: click.ParamType[Any], text: str) -> bool:
    if isinstance(type, PathOr | Parsed) and type.names_path:
        return type.names_path(text)
    return isinstance(type, click.Path)


def _reader(param: click.Parameter) -> "Reader":
    from ffprep.config import toml

    if isinstance(param, click.Option) and param.is_flag and param.is_bool_flag:
        return toml.flag
    if isinstance(param.type, (type(click.INT), type(click.FLOAT))):
        return toml.number
    if isinstance(param.type, (click.Path, type(click.STRING))):
        return toml.text
    return toml.text_or_number
