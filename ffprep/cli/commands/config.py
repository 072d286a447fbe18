"""`ffprep config show` and `ffprep config init`: what ffprep.toml says, and a first one."""

import math
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from ffprep.cli.commands.jobs import CONFIG_FILE, NAMES, ConfigOverrideCommand
from ffprep.cli.reporting.text import print_json
from ffprep.errors import EnvironmentFault, UsageError, reason
from ffprep.options.command import FILE, DocumentedCommand, WithExamples, flag, option
from ffprep.options.convert import convert_parameters
from ffprep.options.job_file import find_and_read, new_job_file
from ffprep.options.named_jobs import EffectiveOption, NamedJob, named_jobs
from ffprep.options.types import PATH, PATH_AS_WRITTEN
from ffprep.system.messages import printable, say

_GROUP_EXAMPLES = {
    "ffprep config init photos": "Write ffprep.toml with a job for a folder.",
    "ffprep config show": "Print what is set, and where.",
}
_SHOW_EXAMPLES = {
    "ffprep config show": "What all jobs of ./ffprep.toml set.",
    "ffprep config show nightly --all": "Every option of a job.",
}
_SHOW_SHORT = "all config json"
_INIT_EXAMPLES = {
    "ffprep config init photos": "A job for a folder, in ./ffprep.toml.",
    "ffprep config init /srv/photos /srv/products --config /etc/ffprep/ffprep.toml": (
        "Two jobs, in another file."
    ),
}


class _Group(WithExamples, click.Group):
    """A group of commands, with examples."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a usage error says which help to read."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            from ffprep.cli.errors import hint

            error.add_note(hint(f"{ctx.info_name} {ctx.invoked_subcommand}", str(error)))
            raise


@click.group("config", cls=_Group, examples=_GROUP_EXAMPLES)
def configuration() -> None:
    """Write a first ffprep.toml, or show what it says."""


@configuration.command(
    "show",
    cls=ConfigOverrideCommand,
    without=["as_json", "dry_run"],
    examples=_SHOW_EXAMPLES,
    short=_SHOW_SHORT,
)
@NAMES
@flag("--all", "Print options that have their defaults, too.", dest="every")
@CONFIG_FILE
@flag("--json", "Print JSON objects on stdout, one per job, with all options.", dest="show_json")
@click.pass_context
def show(ctx: click.Context, /, chosen: tuple[str, ...], **params: Any) -> None:
    """Print the options of jobs as TOML, with where each was set.

    Without names, those of all jobs. Options of `convert` are shown as they would win over the
    file.
    """
    jobs = named_jobs(find_and_read(params["file"], convert_parameters), chosen, ctx.obj)
    if params["show_json"]:
        for job in jobs:
            pictures = [_as_json(options) for options in job.picture_options()]
            own = {"pictures": pictures} if pictures else {}
            print_json({"job": job.name, "options": _as_json(list(job.effective_options()))} | own)
        return
    click.echo(_as_toml(jobs, params["every"]), nl=False)


def _as_json(options: Sequence[EffectiveOption]) -> dict[str, Any]:
    """Return options for JSON, which has no number for infinity: no limit is null."""
    values = {each.key: None if each.value == math.inf else each.value for each in options}
    return {each.key: {"value": values[each.key], "from": each.origin} for each in options}


def _as_toml(jobs: Sequence[NamedJob], every: bool) -> str:
    """Return a file that sets the options of these jobs; comments say where each was set."""
    import tomlkit

    tables = tomlkit.table(is_super_table=True)
    for job in jobs:
        options = job.effective_options()
        table = _as_table(each for each in options if every or each.is_set)
        if pictures := job.picture_options():
            table.append("picture", tomlkit.aot())
            for own in pictures:
                table["picture"].append(_as_table(own))
        tables.append(job.name, table)
    rest = "" if every else "\n# All other options have their defaults: see them with --all\n"
    return tomlkit.dumps({"job": tables}) + rest


def _as_table(options: Iterable[EffectiveOption]) -> Any:
    import tomlkit

    table = tomlkit.table()
    for each in options:
        if each.value is None:
            table.add(tomlkit.comment(f"{each.key}: not set"))
        else:
            table.add(each.key, tomlkit.item(each.value).comment(printable(each.origin)))
    return table


@configuration.command("init", cls=DocumentedCommand, examples=_INIT_EXAMPLES)
@click.argument("sources", nargs=-1, type=PATH_AS_WRITTEN, metavar="[SOURCE]...")
@option("--config", PATH, "The file to write.", dest="file", default=FILE)
def init(sources: tuple[str, ...], file: Path) -> None:
    """Write a commented ffprep.toml, with a job for each SOURCE.

    An existing file is never overwritten.
    """
    text = new_job_file(sources, file.parent)
    try:
        with open(file, "x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        if file.is_dir():
            raise UsageError(f"--config: {file} is a folder; name a file") from None
        words = "exists and is not overwritten; edit it, or name another one with --config"
        raise UsageError(f"{file} {words}") from None
    except OSError as error:
        raise EnvironmentFault(f"{file}: cannot be written: {reason(error)}") from None
    if sys.stderr.isatty():
        config = "" if file == Path(FILE) else f" --config {shlex.quote(str(file))}"
        say(f"wrote {file}; edit it, then: ffprep run --all --dry-run{config}")
