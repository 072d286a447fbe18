"""`ffprep run` and `ffprep watch`: jobs of ffprep.toml, and options that override them."""

import copy
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import TIMEOUT_MAX
from typing import TYPE_CHECKING, Any

import click

from ffprep.cli.commands.convert import parse_and_run
from ffprep.cli.errors import FINAL, report_error
from ffprep.cli.reporting.text import with_job
from ffprep.core.location import names_url
from ffprep.errors import ExitCode, Interrupted, UsageError
from ffprep.options.command import (
    FILE,
    NOT_OF_A_FILE,
    DocumentedCommand,
    flag,
    key_names,
    option,
    unparsed_options,
)
from ffprep.options.convert import convert_parameters
from ffprep.options.job_file import Settings, find_and_read
from ffprep.options.named_jobs import NamedJob, check_all, named_jobs
from ffprep.options.parse import read_convert
from ffprep.options.types import PATH, SECONDS, completed_by
from ffprep.record import replace
from ffprep.system.files import real_path
from ffprep.system.messages import say
from ffprep.system.shutdown import Signals

if TYPE_CHECKING:
    from ffprep.run.watch import WatchedJob

_GRAVEST_FIRST = (
    ExitCode.BUG,
    ExitCode.ENVIRONMENT,
    ExitCode.USAGE,
    ExitCode.HELD,
    ExitCode.SOME_FAILED,
    ExitCode.OK,
)
"""Exit codes; several jobs end with the first of these that one of them ended with."""


NAMES = click.argument("chosen", nargs=-1, metavar="[NAME]...", shell_complete=completed_by("jobs"))
ALL = flag("--all", "All jobs, in the file's order.", dest="every")
CONFIG_FILE = option(
    "--config",
    PATH,
    f"The file of jobs; ./{FILE} if not given, else the one in the user's configuration folder.",
    dest="file",
)


class ConfigOverrideCommand(DocumentedCommand):
    """A command whose options win over a file; `ctx.obj` has the options of `convert` it sets.

    It has all of these but `without`. `--no-...` turns off what the file turns on.
    """

    def __init__(self, *args: Any, without: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for param in convert_parameters.params:
            if isinstance(param, click.Option) and param.name not in ("config", *without):
                override = copy.copy(param)
                if override.is_flag and override.name not in NOT_OF_A_FILE:
                    override.secondary_opts = [f"--no-{name}" for name in key_names(override)]
                    override.show_default = False
                self.params.append(override)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line, and keep its words."""
        known = {param.name for param in convert_parameters.params}
        given = unparsed_options(self, ctx, args)
        ctx.obj = Settings.given({name: given[name] for name in given if name in known})
        return super().parse_args(ctx, args)


_RUN_EXAMPLES = {
    "ffprep run nightly": "One job of ./ffprep.toml.",
    "ffprep run --all --config /etc/ffprep/ffprep.toml": "All jobs of another file.",
    "ffprep run nightly --dry-run": "See what would be done.",
}
_RUN_SHORT = "all config dry-run force jobs verbose"


@click.command("run", cls=ConfigOverrideCommand, examples=_RUN_EXAMPLES, short=_RUN_SHORT)
@NAMES
@ALL
@CONFIG_FILE
@click.pass_context
def run_jobs(ctx: click.Context, /, chosen: tuple[str, ...], every: bool, **params: Any) -> None:
    """Run named jobs of ffprep.toml.

    `ffprep config init` writes such a file. Options of `convert` win over what it says.
    """
    with Signals():
        jobs = chosen_jobs(chosen, every, params["file"], ctx.obj)
        # The messages of several jobs begin with their names.
        codes = [run_job(job, job.name if len(jobs) > 1 else "") for job in jobs]
    sys.exit(min(codes, key=_GRAVEST_FIRST.index))


def chosen_jobs(
    chosen: Sequence[str], every: bool, file: Path | None, overrides: Settings
) -> list[NamedJob]:
    """Return the jobs of these names, or `every` job of the file. Raise as `check_all` does."""
    config = find_and_read(file, convert_parameters)
    if every == bool(chosen):
        what = "both names and --all are given" if every else "no job is given"
        names = ", ".join(config.jobs) or "none"
        raise UsageError(f"{what}; name jobs, or use --all; {config.path} has: {names}")
    jobs = named_jobs(config, chosen, overrides)
    check_all(jobs)
    return jobs


def run_job(job: NamedJob, label: str) -> int:
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


_WATCH_EXAMPLES = {
    "ffprep watch incoming": "One job of ./ffprep.toml.",
    "ffprep watch --all --config /etc/ffprep/ffprep.toml": "All jobs of another file.",
    "ffprep watch incoming --poll 30": "Folders on a network file system.",
}
_WATCH_SHORT = "all config settle poll jobs verbose"


@click.command(
    "watch",
    cls=ConfigOverrideCommand,
    without=["dry_run"],
    examples=_WATCH_EXAMPLES,
    short=_WATCH_SHORT,
)
@NAMES
@ALL
@CONFIG_FILE
@option("--settle", SECONDS, "Convert a photo when it has not changed for S seconds.", default=2)
@option(
    "--poll",
    SECONDS,
    "Compare files every S seconds, for network file systems.  [default: the system reports "
    "changes]",
)
@click.pass_context
def watch_jobs(ctx: click.Context, /, chosen: tuple[str, ...], every: bool, **params: Any) -> None:
    """Run named jobs of ffprep.toml now, and again whenever their sources change.

    A photo is converted when it has not changed for a moment. Failures are reported when they are
    new. An error of one run does not end the command. Options of `convert` win over what the file
    says.
    """
    from ffprep.run.watch import Watch

    with Signals() as signals:
        jobs = chosen_jobs(chosen, every, params["file"], ctx.obj)
        watched = [_watched(job, job.name if len(jobs) > 1 else "") for job in jobs]
        signals.while_running(lambda: None)
        if sys.stderr.isatty() and not any(job.params["quiet"] for job in jobs):
            sources = sorted({source for job in watched for source in job.sources})
            say(f"watching {', '.join(sources)}; Ctrl-C ends it")
        Watch(watched, params["settle"], params["poll"], lambda: signals.number is not None).run()
    if signals.number is not None:
        raise Interrupted(signals.number)


def _watched(job: NamedJob, label: str) -> "WatchedJob":
    """Return a job as it is watched. Raise UsageError if it cannot be."""
    from ffprep.run.watch import WatchedJob

    if job.params["sources_from"]:
        raise _unwatchable(job, "--sources-from is not watched; name files and folders as sources")
    if job.params["ledger"] == "none":
        raise _unwatchable(job, "without a ledger, every change would convert all photos again")
    options = read_convert(job.params)
    sources = [os.fspath(source) for source in options.request.sources]
    for source in filter(names_url, sources):
        raise _unwatchable(job, f"{source} is not watched; run this job by a timer")
    words: dict[str, Any] = {"wait": job.params["wait"] or TIMEOUT_MAX}
    if options.rerun.ledger and "failures" not in job.settings.options:
        words["failures"] = "new"
    written = ("log_file", "summary_file", "metrics_file", "depfile", "report", "manifest")
    own = frozenset(real_path(job.params[name]) for name in written if job.params[name])

    def run(unsettled: frozenset[str]) -> None:
        run_job(replace(job, params={**job.params, **words, "unsettled": unsettled}), label)

    output = os.path.realpath(options.request.output)
    real = tuple(map(os.path.realpath, sources))
    return WatchedJob(real, output, own, run, options.request.carry)


def _unwatchable(job: NamedJob, problem: str) -> UsageError:
    return UsageError(f"{job.settings.place}: job {job.name}: {problem}")
