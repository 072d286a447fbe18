"""`ffprep watch`: run jobs of ffprep.toml when their sources change."""

import os
import sys
from threading import TIMEOUT_MAX
from typing import Any

import click

from ffprep.cli.commands.jobs import (
    ALL,
    CONFIG_FILE,
    NAMES,
    ConfigOverrideCommand,
    chosen_jobs,
    run_job,
)
from ffprep.core.location import names_url
from ffprep.errors import Interrupted, UsageError
from ffprep.options.command import option
from ffprep.options.named_jobs import NamedJob
from ffprep.options.parse import read_convert
from ffprep.options.types import SECONDS
from ffprep.record import replace
from ffprep.run.watch import Watch, WatchedJob
from ffprep.system.files import real_path
from ffprep.system.messages import say
from ffprep.system.shutdown import Signals

_EXAMPLES = {
    "ffprep watch incoming": "One job of ./ffprep.toml.",
    "ffprep watch --all --config /etc/ffprep/ffprep.toml": "All jobs of another file.",
    "ffprep watch incoming --poll 30": "Folders on a network file system.",
}
_SHORT = "all config settle poll jobs verbose"


@click.command(
    "watch", cls=ConfigOverrideCommand, without=["dry_run"], examples=_EXAMPLES, short=_SHORT
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


def _watched(job: NamedJob, label: str) -> WatchedJob:
    """Return a job as it is watched. Raise UsageError if it cannot be."""
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
