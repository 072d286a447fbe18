"""A dry run: what would be done, as command lines for a shell or as JSON."""

import os
import sys
from typing import TYPE_CHECKING

from ffprep.errors import PhotoError

if TYPE_CHECKING:
    from ffprep.cli.reporting.progress import Console
    from ffprep.core.job import Job, Result
    from ffprep.core.location import Location
    from ffprep.run.runner import Run
    from ffprep.run.summary import RunSummary


def dry_run(run: "Run", tally: "RunSummary", console: "Console") -> None:
    """Print what would be run; tell what would fail."""
    from ffprep.cli.reporting import text
    from ffprep.core.job import FreshCount, Job, Status

    made: set[Location] = set()
    spec = run.options.request.spec
    if spec.colour == "keep" or spec.metadata != "none" or spec.max_bytes:
        words = "these commands make the pixels; profile, rights and --max-bytes come after them"
        console.say(words)
    for item in run.dry_run():
        if isinstance(item, FreshCount):
            tally.count(item)
            continue
        result = _print_pipeline(run, item, made, console) if isinstance(item, Job) else item
        if result and result.status is Status.PRUNED:
            _print_removal(result, console)
        if result:
            tally.add(result)
            if result.failure:
                console.say(text.result_line(result))


def _print_pipeline(
    run: "Run", job: "Job", made: "set[Location]", console: "Console"
) -> "Result | None":
    """Print how a Job would be done; the Result that can be told beforehand."""
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
    import shlex

    from ffprep.cli.reporting import text
    from ffprep.storage.protocol import storage_of

    if console.options.json:
        console.print_json(text.result_as_dict(result))
    elif result.output and not storage_of(result.output).is_local:
        sys.stdout.write(f"# remove {text.printable_path(result.output)}\n")
    else:
        sys.stdout.write(shlex.join(["rm", "--", str(result.output)]) + "\n")


def _print_for_shell(pipeline: list[list[str]], folder: "Location", made: "set[Location]") -> None:
    """Print a pipeline, and before it, once, what makes the folder it writes to."""
    import shlex

    if folder not in made and not os.path.isdir(folder):
        sys.stdout.write(shlex.join(["mkdir", "-p", "--", str(folder)]) + "\n")
    made.add(folder)
    sys.stdout.write(" | ".join(map(shlex.join, pipeline)) + "\n")
