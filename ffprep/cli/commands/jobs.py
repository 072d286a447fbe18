"""`ffprep run` and `ffprep config show`: the jobs of a file, with the command line over them."""

import copy
import sys
from typing import Any

import click

from ffprep.cli.commands.convert import convert
from ffprep.errors import UsageError
from ffprep.options.config_file import FILE, NOT_OF_A_FILE, key_names, read, said_in, words_in
from ffprep.options.shared import InSections
from ffprep.options.types import PATH


def _options(*without: str) -> list[click.Parameter]:
    """The options of `convert`, none of them required: the file may say it.

    What the file turns on, `--no-...` turns off.
    """
    found: list[click.Parameter] = []
    for param in convert.params:
        if isinstance(param, click.Option) and param.name not in ("config", *without):
            option = copy.copy(param)
            option.required = False
            if option.is_flag and option.name not in NOT_OF_A_FILE:
                option.secondary_opts = [f"--no-{name}" for name in key_names(option)]
            found.append(option)
    return found


NAMES = click.Argument(["chosen"], nargs=-1, metavar="[NAME]...")
ALL = click.Option(["--all", "every"], is_flag=True, help="All jobs, in the file's order.")
CONFIG = click.Option(
    ["--config", "file"],
    type=PATH,
    metavar="FILE",
    help=f"Default: ./{FILE}, else the one in the user's configuration folder.",
)
TOLD_AS_JSON = click.Option(["--json", "told_as_json"], is_flag=True, help="One object a job.")


class ConfigOverrideCommand(InSections):
    """A command whose command line wins over a file; `ctx.obj` is what it says of `convert`'s options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the words of the command line, besides reading them."""
        known = {param.name for param in convert.params}
        words = words_in(self, ctx, args)
        ctx.obj = said_in({name: words[name] for name in words if name in known})
        return super().parse_args(ctx, args)


@click.command("run", cls=ConfigOverrideCommand, params=[NAMES, ALL, CONFIG, *_options()])
@click.pass_context
def run_jobs(ctx: click.Context, /, chosen: tuple[str, ...], every: bool, **given: Any) -> None:
    """Run named jobs of ffprep.toml.

    Options of `convert` win over what the file says.
    """
    from ffprep.cli.commands.named_jobs import jobs_of, run_in_turn
    from ffprep.system.shutdown import Signals

    with Signals():
        config = read(given["file"], convert)
        if every == bool(chosen):
            there = ", ".join(config.jobs) or "none"
            raise UsageError(f"which job? Name some, or say --all; {config.path} has: {there}")
        code = run_in_turn(list(jobs_of(config, chosen, ctx.obj)))
    sys.exit(code)


@click.group("config")
def configuration() -> None:
    """Tell what ffprep.toml says."""


@configuration.command(
    "show",
    cls=ConfigOverrideCommand,
    params=[NAMES, CONFIG, TOLD_AS_JSON, *_options("as_json", "dry_run")],
)
@click.pass_context
def show(ctx: click.Context, /, chosen: tuple[str, ...], **given: Any) -> None:
    """Print every option of jobs (default: of all) as TOML, with where it was said."""
    from ffprep.cli.commands.named_jobs import as_toml, jobs_of
    from ffprep.cli.reporting.text import print_json

    jobs = list(jobs_of(read(given["file"], convert), chosen, ctx.obj))
    if not given["told_as_json"]:
        click.echo(as_toml(jobs), nl=False)
        return
    for job in jobs:
        options = {told.key: {"value": told.value, "from": told.origin} for told in job.told()}
        print_json({"job": job.name, "options": options})
