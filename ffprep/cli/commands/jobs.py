"""`ffprep run` and `ffprep config show`: jobs of ffprep.toml, and options that override them."""

import copy
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

from ffprep.cli.commands.convert import parse_and_run
from ffprep.cli.exit_codes import FINAL, report_error
from ffprep.cli.reporting.text import print_json, with_job
from ffprep.errors import ExitCode, Interrupted, UsageError
from ffprep.options.config_file import (
    FILE,
    NOT_OF_A_FILE,
    as_settings,
    key_names,
    read,
    unparsed_options,
)
from ffprep.options.convert import convert_parameters
from ffprep.options.named_jobs import EffectiveOption, NamedJob, check_all, named_jobs
from ffprep.options.shared import InSections
from ffprep.options.types import PATH
from ffprep.system.messages import printable
from ffprep.system.shutdown import Signals

_GRAVEST_FIRST = (
    ExitCode.BUG,
    ExitCode.ENVIRONMENT,
    ExitCode.USAGE,
    ExitCode.HELD,
    ExitCode.SOME_FAILED,
    ExitCode.OK,
)
"""Exit codes; several jobs end with the first of these that one of them ended with."""


def _options(*without: str) -> list[click.Parameter]:
    """Return the options of `convert`; the file may set them too.

    `--no-...` turns off what the file turns on.
    """
    found: list[click.Parameter] = []
    for param in convert_parameters.params:
        if isinstance(param, click.Option) and param.name not in ("config", *without):
            option = copy.copy(param)
            if option.is_flag and option.name not in NOT_OF_A_FILE:
                option.secondary_opts = [f"--no-{name}" for name in key_names(option)]
            found.append(option)
    return found


_NAMES = click.Argument(["chosen"], nargs=-1, metavar="[NAME]...")
_ALL = click.Option(["--all", "every"], is_flag=True, help="All jobs, in the file's order.")
_CONFIG = click.Option(
    ["--config", "file"],
    type=PATH,
    metavar="FILE",
    help=f"Default: ./{FILE}, else the one in the user's configuration folder.",
)
_SHOW_JSON = click.Option(
    ["--json", "show_json"], is_flag=True, help="Print JSON objects on stdout, one per job."
)


class ConfigOverrideCommand(InSections):
    """A command whose options win over a file; `ctx.obj` has the options of `convert` it sets."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line, and keep its words."""
        known = {param.name for param in convert_parameters.params}
        given = unparsed_options(self, ctx, args)
        ctx.obj = as_settings({name: given[name] for name in given if name in known})
        return super().parse_args(ctx, args)


@click.command("run", cls=ConfigOverrideCommand, params=[_NAMES, _ALL, _CONFIG, *_options()])
@click.pass_context
def run_jobs(ctx: click.Context, /, chosen: tuple[str, ...], every: bool, **params: Any) -> None:
    """Run named jobs of ffprep.toml.

    Options of `convert` win over what the file says.
    """
    with Signals():
        config = read(params["file"], convert_parameters)
        if every == bool(chosen):
            what = "both names and --all are given" if every else "no job is given"
            names = ", ".join(config.jobs) or "none"
            raise UsageError(f"{what}; name jobs, or use --all; {config.path} has: {names}")
        jobs = named_jobs(config, chosen, ctx.obj)
        check_all(jobs)
        code = _run_in_turn(jobs)
    sys.exit(code)


def _run_in_turn(jobs: Sequence[NamedJob]) -> int:
    """Run all; return the gravest of their exit codes.

    If they are several, their messages begin with their names.
    """
    codes = [_run(job, job.name if len(jobs) > 1 else "") for job in jobs]
    return min(codes, key=_GRAVEST_FIRST.index)


def _run(job: NamedJob, label: str) -> int:
    """Run a job; an error ends this job only. Raise Interrupted after a signal."""
    try:
        with Signals() as signals:
            code = parse_and_run(job.params, signals, label)
    except FINAL:
        raise
    except Exception as error:
        code = report_error(error, lambda text: with_job(text, label))
    if signals.number is not None:
        raise Interrupted(signals.number)
    return code


@click.group("config")
def configuration() -> None:
    """Show what ffprep.toml says."""


@configuration.command(
    "show",
    cls=ConfigOverrideCommand,
    params=[_NAMES, _CONFIG, _SHOW_JSON, *_options("as_json", "dry_run")],
)
@click.pass_context
def show(ctx: click.Context, /, chosen: tuple[str, ...], **params: Any) -> None:
    """Print every option of jobs (default: of all) as TOML, with where it was set."""
    jobs = named_jobs(read(params["file"], convert_parameters), chosen, ctx.obj)
    if not params["show_json"]:
        click.echo(_as_toml(jobs), nl=False)
        return
    for job in jobs:
        pictures = [_as_json(options) for options in job.picture_options()]
        own = {"pictures": pictures} if pictures else {}
        print_json({"job": job.name, "options": _as_json(job.effective_options())} | own)


def _as_json(options: Iterable[EffectiveOption]) -> dict[str, Any]:
    return {option.key: {"value": option.value, "from": option.origin} for option in options}


def _as_toml(jobs: Sequence[NamedJob]) -> str:
    """Return a file that sets all options of these jobs; comments say where each was set."""
    import tomlkit

    tables = tomlkit.table(is_super_table=True)
    for job in jobs:
        table = _as_table(job.effective_options())
        if pictures := job.picture_options():
            table.append("picture", tomlkit.aot())
            for options in pictures:
                table["picture"].append(_as_table(options))
        tables.append(job.name, table)
    return tomlkit.dumps({"job": tables})


def _as_table(options: Iterable[EffectiveOption]) -> Any:
    import tomlkit

    table = tomlkit.table()
    for option in options:
        if option.value is None:
            table.add(tomlkit.comment(f"{option.key}: not set"))
        else:
            item = tomlkit.item(option.value).comment(printable(option.origin))
            table.add(option.key, item)
    return table
