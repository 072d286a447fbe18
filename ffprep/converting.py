"""`ffprep convert`: options to a run, a run to words and an exit code."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ffprep.errors import EnvironmentFault, PhotoError
from ffprep.exits import leave_now, say
from ffprep.formats import OUTPUT_FORMATS
from ffprep.job import Policy
from ffprep.params import (
    AS_JSON,
    BACKGROUND,
    COLOUR,
    FFMPEG,
    FILTERS,
    FOCUS,
    FOLLOW_LINKS,
    FROM_STDIN,
    JOBS,
    MAX_MEMORY,
    MAX_PIXELS,
    PATH,
    SIZE_OR_TARGET,
    Parsed,
    Seconds,
    read_bytes,
)

if TYPE_CHECKING:
    from ffprep.convert import Converter
    from ffprep.library import Plan
    from ffprep.report import Tally
    from ffprep.workers import Signals

# The other rooms are imported where a command needs them: `ffprep --version` and a Makefile's
# thousandth call should not pay for Pillow, tqdm and ffmpeg-python.


@click.command()
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@click.option(
    "-o",
    "--output",
    type=str,
    required=True,
    metavar="OUT",
    help="A file for one SOURCE file, else a folder; folders are mirrored in it.",
)
@SIZE_OR_TARGET
@click.option("--mode", default="cover", show_default=True, help="See `ffprep modes`.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice([*OUTPUT_FORMATS, "same"]),
    help="Default: what OUT's suffix says, else jpeg.",
)
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=95,
    show_default=True,
    help="On JPEG's familiar scale.",
)
@click.option(
    "--subsampling",
    type=click.Choice(["auto", "420", "422", "444"]),
    default="auto",
    show_default=True,
    help="JPEG's chroma; auto is 444 from quality 95 up, else 420.",
)
@click.option("--lossless", is_flag=True, help="WebP without loss.")
@click.option(
    "--compression",
    type=click.IntRange(0, 9),
    default=6,
    show_default=True,
    help="How hard PNG and WebP are packed; changes no pixels.",
)
@click.option(
    "--max-bytes",
    type=Parsed("N", read_bytes),
    help="Lower the quality until the file is no larger, such as 300kB or 4MiB.",
)
@COLOUR
@click.option(
    "--metadata",
    type=click.Choice(["none", "keep-rights"]),
    default="none",
    show_default=True,
    help="Keep copyright, artist, description and capture date; never place or serial numbers.",
)
@BACKGROUND
@FOCUS
@click.option(
    "--names",
    default="{stem}",
    show_default=True,
    metavar="TEMPLATE",
    help="Of {stem} {parent} {width} {height} {mode} {ext} {n}.",
)
@click.option(
    "--damaged",
    type=click.Choice(["fail", "keep"]),
    default="fail",
    show_default=True,
    help="What becomes of photos of which a part is missing.",
)
@click.option(
    "--upscale",
    type=click.Choice(["allow", "warn", "fail"]),
    default=Policy().upscale,
    show_default=True,
    help="What becomes of photos smaller than the size asked for.",
)
@click.option("--preserve-times", is_flag=True, help="Give outputs the times of their sources.")
@JOBS
@click.option(
    "--timeout",
    type=Seconds(),
    default=Policy().timeout,
    show_default=True,
    metavar="S",
    help="Seconds a photo may take.",
)
@MAX_PIXELS
@MAX_MEMORY
@FROM_STDIN
@FOLLOW_LINKS
@FILTERS
@FFMPEG
@click.option("--dry-run", is_flag=True, help="Print the ffmpeg command lines; convert nothing.")
@AS_JSON
@click.option("--quiet", is_flag=True, help="No bar and no summary; failures are still told.")
@click.option("-v", "--verbose", is_flag=True, help="A line for every photo.")
@click.option("--log-file", type=PATH, metavar="FILE", help="Append what was done to FILE.")
def convert(**given: Any) -> None:
    """Convert photos to pictures of exactly one size.

    SOURCE is a file, a folder, or - for a list of them on stdin, one a line.
    """
    from ffprep.workers import Signals

    with Signals() as signals:
        sys.exit(_convert(given, signals))


def _convert(given: dict[str, Any], signals: "Signals") -> int:
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
            converter.processes.stop()
            reporter.finish("stopped")
            raise
        reporter.finish("interrupted" if signals.number is not None else "")
    if signals.number is not None:
        # A decoder still at work on one photo must not hold up the end.
        remove_temporaries()
        leave_now(128 + signals.number)
    return tally.exit_code


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
