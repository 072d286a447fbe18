"""`ffprep convert`: options to a run, a run to words and an exit code."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ffprep.errors import EnvironmentFault, ExitCode, PhotoError, UsageError
from ffprep.exits import leave_now, say
from ffprep.job import Policy
from ffprep.options import CONVERT

if TYPE_CHECKING:
    from ffprep.convert import Converter
    from ffprep.depfile import Depfile
    from ffprep.library import Plan
    from ffprep.report import Tally
    from ffprep.workers import Signals

# The other rooms are imported where a command needs them: `ffprep --version` and a Makefile's
# thousandth call should not pay for Pillow, tqdm and ffmpeg-python.


@click.command()
@CONVERT
def convert(**given: Any) -> None:
    """Convert photos to pictures of exactly one size.

    SOURCE is a file, a folder, or - for a list of them on stdin, one a line.
    """
    from ffprep.workers import Signals

    with Signals() as signals:
        sys.exit(carry_out(given, signals))


def carry_out(given: dict[str, Any], signals: "Signals") -> int:
    """Do what the options of `convert` say; the exit code."""
    from ffprep import report, run
    from ffprep.convert import Converter
    from ffprep.ffmpeg import find
    from ffprep.library import Plan
    from ffprep.outputs import remove_temporaries
    from ffprep.request import read_request

    request = read_request(given)
    depfile = _depfile(given)
    policy = Policy(
        upscale=given["upscale"],
        keep_damaged=given["damaged"] == "keep",
        preserve_times=given["preserve_times"],
        timeout=given["timeout"],
        max_pixels=given["max_pixels"],
        max_memory=given["max_memory"],
    )
    converter = Converter(find(given["ffmpeg"]), policy)
    tally = report.Tally()
    plan = Plan.of(request)
    tally.passed_over, tally.links = plan.passed_over, plan.links
    if plan.links and not plan.total:
        say("nothing was found but links, which are not followed; see --follow-links")
    style = report.Style(given["as_json"], given["quiet"], given["verbose"], given["log_file"])
    if given["dry_run"]:
        _dry_run(plan, converter, tally, given["as_json"])
        return tally.exit_code
    with report.reporter(style, tally, plan.total) as reporter:
        signals.while_running(converter.processes.stop)
        try:
            for result in run.Run(plan, converter, given["jobs"]).results():
                reporter.tell(result)
        except EnvironmentFault:
            reporter.finish("stopped")
            raise
        finally:
            converter.processes.stop()  # no ffmpeg is left running, whatever ended this
        reporter.finish("interrupted" if signals.number is not None else "")
    if signals.number is not None:
        # A decoder still at work on one photo must not hold up the end.
        remove_temporaries()
        leave_now(128 + signals.number)
    if depfile and tally.exit_code == ExitCode.OK:
        for path in depfile.write(plan):
            say(f"--depfile: make has no word for {report.shown(path)}, and it is left out")
    return tally.exit_code


def _depfile(given: dict[str, Any]) -> "Depfile | None":
    """The depfile that is asked for. Raises UsageError."""
    if not given["depfile"]:
        if given["depfile_target"]:
            raise UsageError("--depfile-target is for a --depfile; name its FILE")
        return None
    from ffprep.depfile import Depfile

    return Depfile(given["depfile"], given["depfile_target"] or given["output"])


def _dry_run(plan: "Plan", converter: "Converter", tally: "Tally", as_json: bool) -> None:
    """Print what would be run, for a shell or as JSON; tell what would fail."""
    from ffprep import report
    from ffprep.job import Result

    made: set[Path] = set()
    spec = plan.request.spec
    if spec.colour == "keep" or spec.metadata != "none" or spec.max_bytes:
        say("these commands make the pixels; profile, rights and --max-bytes come after them")
    for item in plan.jobs():
        if isinstance(item, Result):
            result = item
        else:
            try:
                pipeline = converter.pipeline(item)
                if as_json:
                    names = {"source": str(item.source), "output": str(item.output)}
                    report.print_json(names | {"pipeline": pipeline})
                else:
                    _print_for_shell(pipeline, item.output.parent, made)
                continue
            except PhotoError as error:
                result = Result.failed(item.source, item.output, error)
        tally.add(result)
        say(report.line(result))


def _print_for_shell(pipeline: list[list[str]], folder: Path, made: set[Path]) -> None:
    """Print a pipeline, and before it, once, what makes the folder it writes to."""
    import shlex

    if folder not in made and not os.path.isdir(folder):
        sys.stdout.write(shlex.join(["mkdir", "-p", "--", str(folder)]) + "\n")
    made.add(folder)
    sys.stdout.write(" | ".join(map(shlex.join, pipeline)) + "\n")
