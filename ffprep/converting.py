"""`ffprep convert`: options to a run, a run to words and an exit code."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ffprep.errors import EnvironmentFault, PhotoError
from ffprep.exits import leave_now, say
from ffprep.job import Policy
from ffprep.options import CONVERT
from ffprep.settings import FromFile

if TYPE_CHECKING:
    from ffprep.convert import Converter
    from ffprep.library import Plan
    from ffprep.report import Style, Tally
    from ffprep.workers import Signals

# The other rooms are imported where a command needs them: `ffprep --version` and a Makefile's
# thousandth call should not pay for Pillow, tqdm and ffmpeg-python.


@click.command(cls=FromFile)
@CONVERT
def convert(**given: Any) -> None:
    """Convert photos to pictures of exactly one size.

    SOURCE is a file, a folder, or - for a list of them on stdin, one a line.
    """
    from ffprep.workers import Signals

    with Signals() as signals:
        sys.exit(carry_out(given, signals))


def carry_out(given: dict[str, Any], signals: "Signals", job: str = "") -> int:
    """Do what the options of `convert` say; the exit code. `job` signs all that is told."""
    from ffprep import report, run
    from ffprep.convert import Converter
    from ffprep.ffmpeg import find
    from ffprep.library import Plan
    from ffprep.outputs import remove_temporaries
    from ffprep.request import read_request

    request = read_request(given)
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
    style = report.Style(given["as_json"], given["quiet"], given["verbose"], given["log_file"], job)
    if plan.links and not plan.total:
        say(style.signed("nothing was found but links, which are not followed; see --follow-links"))
    if given["dry_run"]:
        _dry_run(plan, converter, tally, style)
        return tally.exit_code
    with report.reporter(style, tally, plan.total) as reporter:
        signals.while_running(converter.processes.stop)
        try:
            for result in run.Run(plan, converter, given["jobs"]).results():
                reporter.tell(result)
        except EnvironmentFault:
            converter.processes.stop()
            reporter.finish("stopped")
            raise
        reporter.finish("interrupted" if signals.number is not None else "")
    if signals.number is not None:
        # A decoder still at work on one photo must not hold up the end.
        remove_temporaries()
        leave_now(128 + signals.number)
    return tally.exit_code


def _dry_run(plan: "Plan", converter: "Converter", tally: "Tally", style: "Style") -> None:
    """Print what would be run, for a shell or as JSON; tell what would fail."""
    from ffprep import report
    from ffprep.job import Result

    made: set[Path] = set()
    spec = plan.request.spec
    if spec.colour == "keep" or spec.metadata != "none" or spec.max_bytes:
        words = "these commands make the pixels; profile, rights and --max-bytes come after them"
        say(style.signed(words))
    for item in plan.jobs():
        if isinstance(item, Result):
            result = item
        else:
            try:
                pipeline = converter.pipeline(item)
                if style.json:
                    names = {"source": str(item.source), "output": str(item.output)}
                    style.print_json(names | {"pipeline": pipeline})
                else:
                    _print_for_shell(pipeline, item.output.parent, made)
                continue
            except PhotoError as error:
                result = Result.failed(item.source, item.output, error)
        tally.add(result)
        say(style.signed(report.line(result)))


def _print_for_shell(pipeline: list[list[str]], folder: Path, made: set[Path]) -> None:
    """Print a pipeline, and before it, once, what makes the folder it writes to."""
    import shlex

    if folder not in made and not os.path.isdir(folder):
        sys.stdout.write(shlex.join(["mkdir", "-p", "--", str(folder)]) + "\n")
    made.add(folder)
    sys.stdout.write(" | ".join(map(shlex.join, pipeline)) + "\n")
