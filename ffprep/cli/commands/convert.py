"""`ffprep convert`: parse the options, run them, report the results."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

from ffprep.cli.reporting.progress import Console, ConvertReporter
from ffprep.core.job import PassedOver, Result, Status
from ffprep.core.location import located
from ffprep.errors import Interrupted, UsageError
from ffprep.options.command import ConfigCommand
from ffprep.options.convert import convert_parameters
from ffprep.record import replace
from ffprep.run.summary import RunSummary, counted_results, ending
from ffprep.system.shutdown import Signals, leave_now

if TYPE_CHECKING:
    from ffprep.run.convert_options import ConvertOptions
    from ffprep.run.runner import Run

# Other modules are imported where they are needed: a Makefile calls ffprep for every photo, and
# should not pay for what one call does not use.


_EXAMPLES = {
    "ffprep convert photo.jpg -o frame.jpg --size 1280x720": "One photo.",
    "ffprep convert photos -o ready --size 1280x720 --mode pad": "A folder, with its subfolders.",
    "ffprep convert photos -o ready --target sora-2/1280x720": "By the rules of a service.",
    "ffprep convert photos -o ready --size 1920x1080 --size 320x180": "Two pictures of each photo.",
    "find photos -name '*.heic' -print0 | ffprep convert -0 - -o ready --size 1280x720": (
        "A list of photos."
    ),
}
_SHORT = (
    "output size target mode format quality background focus upscale names force prune dry-run "
    "verbose"
)


@click.command(
    cls=ConfigCommand, examples=_EXAMPLES, short=_SHORT, params=convert_parameters.params
)
def convert(**params: Any) -> None:
    """Resize photos to exactly the dimensions you ask for.

    SOURCE is a file, a folder, a URL such as s3://photos/2024, or - for a list of them on stdin,
    one per line.
    """
    with Signals() as signals:
        sys.exit(parse_and_run(params, signals))


def parse_and_run(params: Mapping[str, Any], signals: Signals, job: str = "") -> int:
    """Parse the parameters of `convert` and run it; return the exit code.

    Notifications report also options that contradict one another, and an interrupt while a list of
    sources is read. `job` is the name in front of messages, if several jobs run.
    """
    from ffprep.options.parse import read_convert, read_notify, read_reporting

    reporting = read_reporting(params)
    output = located(params["output"]) if params["output"] else None
    summary = RunSummary(output, only_new=reporting.only_new_failures)
    with ExitStack() as stack:
        if not reporting.dry_run:
            if notify := read_notify(params):
                from ffprep.cli.reporting.notify import notifying

                stack.enter_context(notifying(notify, summary, signals))
            stack.enter_context(_interruption_reported(Console(reporting, job), summary))
        options = read_convert(params)
        summary.output = options.request.output
        if reporting.to_stdout:
            options = stack.enter_context(_written_to_stdout(options))
        run_convert(options, signals, summary, job)
    if signals.number is not None:
        # A decoder still at work on one photo must not hold up the end.
        leave_now(128 + signals.number)
    return summary.exit_code


def run_convert(
    options: "ConvertOptions", signals: Signals, summary: RunSummary, job: str = ""
) -> None:
    """Convert, and report progress on the terminal, in the log and in `summary`."""
    from ffprep.conversion.converter import Converter
    from ffprep.conversion.ffmpeg_binary import find
    from ffprep.run.runner import open_run

    console = Console(options.reporting, job)
    converter = Converter(find(options.workers.ffmpeg), options.policy)
    summary.ffmpeg = converter.binary.version
    with open_run(options, converter, summary, console.say) as run:
        if run.plan.passed_over[PassedOver.LINK] and not run.plan.total:
            console.say("found only links, which are not followed; see --follow-links")
        if options.reporting.dry_run:
            from ffprep.cli.reporting.dry_run import dry_run

            dry_run(run, summary, console)
            return
        if run.cluster and options.reporting.verbose:
            console.say(run.cluster.describe())
        signals.while_running(converter.processes.stop)
        _report(run, console, summary, signals)
        if options.depfile and summary.complete and signals.number is None:
            from ffprep.cli.reporting.text import printable_path

            for path in options.depfile.write(run.plan):
                problem = f"--depfile: make cannot express {printable_path(path)}; it is left out"
                console.say(problem)


def _report(run: "Run", console: Console, summary: RunSummary, signals: Signals) -> None:
    def interrupted() -> bool:
        return signals.number is not None

    # The command line does not name outputs beside their photo.
    is_named = run.options.request.beside and console.is_chatty
    status_command = run.options.reporting.status_command if run.freshness else ""
    with ending(run, summary), ConvertReporter(console, summary, status_command) as reporter:
        each = reporter.each or run.options.report is not None
        results = counted_results(run, summary, interrupted, each=each)
        if run.options.report:
            from ffprep.report.of_run import reported

            results = reported(run.options.report, run, summary, results)
        for result in results:
            reporter.report(result)
            if is_named and isinstance(result, Result) and result.status is Status.CONVERTED:
                from ffprep.cli.reporting.text import printable_path

                reporter.say(f"{printable_path(result.source)} -> {printable_path(result.output)}")


@contextmanager
def _written_to_stdout(options: "ConvertOptions") -> "Iterator[ConvertOptions]":
    """Yield options by which the picture is made in a temporary folder; then write it to stdout.

    Nothing is written if there is no verified picture. Raise UsageError if stdout is a terminal.
    """
    import shutil

    from ffprep.system.tempfiles import temporary_folder

    if sys.stdout.isatty():
        raise UsageError("-o - writes a picture, and stdout is a terminal; add > picture.jpg")
    with temporary_folder() as folder:
        output = folder / "picture"
        yield replace(options, request=replace(options.request, output=output))
        if output.exists():
            with output.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()


@contextmanager
def _interruption_reported(console: Console, summary: RunSummary) -> Iterator[None]:
    """Print and log the summary of a run that is interrupted before its first photo."""
    try:
        yield
    except Interrupted:
        with ConvertReporter(console, summary):
            raise
