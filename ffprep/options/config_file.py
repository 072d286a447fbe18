"""Options of `convert` in ffprep.toml: which keys there are, and who gave a bad value."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ffprep.errors import EnvironmentFault
from ffprep.options.command import DocumentedCommand, option
from ffprep.options.types import PATH, with_implied_values

# `job_file`, which reads TOML, is imported only if there is a file to read.

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
            from ffprep.options.job_file import Settings, read

            ctx.obj = Settings.given(given).over(read(Path(file), self).defaults)
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


def keys_of(command: click.Command) -> Mapping[str, click.Parameter]:
    """Return the keys that a file may have: long names of options, and arguments."""
    params = [param for param in command.params if param.name not in NOT_OF_A_FILE]
    return {name: param for param in params for name in key_names(param)}


def key_names(param: click.Parameter) -> list[str]:
    """Return the names of an option in a file; the first one is the usual one."""
    if isinstance(param, click.Argument):
        return [str(param.name)]
    return [name.removeprefix("--") for name in param.opts if name.startswith("--")]
