"""A dry run: print what a run would do, as command lines for a shell or as JSON."""

import os
import sys
from typing import TYPE_CHECKING

from ffprep.errors import PhotoError

if TYPE_CHECKING:
    from ffprep.cli.reporting.progress import Console
    from ffprep.core.job import Job, Result
    from ffprep.core.location import Location
    from ffprep.core.spec import Spec
    from ffprep.run.runner import Run
    from ffprep.run.summary import RunSummary


def dry_run(run: "Run", summary: "RunSummary", console: "Console") -> None:
    """Print the pipelines that a run would start, and report what would fail."""
    from ffprep.cli.reporting import text
    from ffprep.core.job import FreshCount, Job, Status

    made: set[Location] = set()
    if any(map(_needs_more_than_ffmpeg, run.options.request.specs)):
        console.say(
            "these commands make the pixels; "
            "ffprep embeds profile and metadata, and applies --max-bytes, after them"
        )
    for item in run.dry_run():
        if isinstance(item, FreshCount):
            summary.count(item)
            continue
        result = _print_pipeline(run, item, made, console) if isinstance(item, Job) else item
        if result and result.status is Status.PRUNED:
            _print_removal(result, console)
        if result:
            summary.add(result)
            if result.failure and summary.reports(result.failure):
                console.say(text.result_line(result))


def _needs_more_than_ffmpeg(spec: "Spec") -> bool:
    return spec.colour == "keep" or spec.kept_metadata != "none" or spec.max_bytes is not None


def _print_pipeline(
    run: "Run", job: "Job", made: "set[Location]", console: "Console"
) -> "Result | None":
    """Print the pipeline of a Job. Return a Result if it is known without running it."""
    from ffprep.cli.reporting import text
    from ffprep.core.job import Result

    try:
        pipeline = run.remote_converter.pipeline(job)
    except PhotoError as error:
        return Result.failed(job.source, job.output, error)
    if console.options.json:
        names = {"source": str(job.source), "output": str(job.output)}
        console.print_json(names | {"pipeline": pipeline})
    elif not pipeline:
        sys.stdout.write(
            f"# {text.printable_path(job.source)} -> {text.printable_path(job.output)}\n"
        )
    else:
        _print_for_shell(pipeline, job.output.parent, made)
    return None


def _print_removal(result: "Result", console: "Console") -> None:
    from ffprep.cli.reporting import text

    if console.options.json:
        console.print_json(text.result_as_dict(result))
    elif result.output:
        sys.stdout.write(f"{text.removal_command(result.output)}\n")


def _print_for_shell(pipeline: list[list[str]], folder: "Location", made: "set[Location]") -> None:
    """Print a pipeline, after the command that makes its output folder, once per folder."""
    from ffprep.cli.reporting.text import shell_command

    if folder not in made and not os.path.isdir(folder):
        sys.stdout.write(shell_command(["mkdir", "-p", "--", str(folder)]) + "\n")
    made.add(folder)
    sys.stdout.write(" | ".join(map(shell_command, pipeline)) + "\n")
