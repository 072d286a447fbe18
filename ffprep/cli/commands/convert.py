"""`ffprep convert`: options to a run, a run to words and an exit code."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import click

from ffprep.errors import ExitCode, Interrupted
from ffprep.options.config_file import ConfigCommand
from ffprep.options.convert import CONVERT
from ffprep.system.files import LEDGER
from ffprep.system.shutdown import Signals, leave_now

if TYPE_CHECKING:
    from ffprep.cli.reporting.progress import Console
    from ffprep.run.convert_options import ConvertOptions, ReportOptions
    from ffprep.run.depfile import Depfile
    from ffprep.run.runner import Run
    from ffprep.run.summary import RunSummary

# The other rooms are imported where a command needs them: `ffprep --version` and a Makefile's
# thousandth call should not pay for Pillow, tqdm and ffmpeg-python.


@click.command(cls=ConfigCommand)
@CONVERT
def convert(**params: Any) -> None:
    """Convert photos to pictures of exactly one size.

    SOURCE is a file, a folder, a URL such as s3://photos/2024, or - for a list of them on stdin, one a line.
    """
    with Signals() as signals:
        sys.exit(parse_and_run(params, signals))


def parse_and_run(params: Mapping[str, Any], signals: Signals, job: str = "") -> int:
    """Run `convert` with the parameters that click has read; return the exit code.

    Options that make no sense, or that cannot be read to the end, end the run as any other error
    does: with a summary, and notifications. `job` is the name in front of messages, if several jobs run.
    """
    from ffprep.core.location import located
    from ffprep.options.parse import read_convert, read_notify, read_reporting
    from ffprep.run.summary import RunSummary
    from ffprep.system.tempfiles import remove_temporaries

    reporting = read_reporting(params)
    summary = RunSummary(located(params["output"]))
    with ExitStack() as stack:
        if not reporting.dry_run and (notify := read_notify(params)):
            from ffprep.cli.reporting.notify import notifying

            stack.enter_context(notifying(notify, summary, signals))
        stack.enter_context(_interruption_reported(reporting, summary, job))
        run_convert(read_convert(params), signals, summary, job)
    if signals.number is not None:
        # A decoder still at work on one photo must not hold up the end.
        remove_temporaries()
        leave_now(128 + signals.number)
    return summary.exit_code


def run_convert(
    options: "ConvertOptions", signals: Signals, summary: "RunSummary", job: str = ""
) -> None:
    """Carry out `options`, and report in `summary`, on the terminal and in the log how it goes."""
    from ffprep.cli.reporting.progress import Console
    from ffprep.conversion.converter import Converter
    from ffprep.conversion.ffmpeg_binary import find
    from ffprep.run.loop import started

    console = Console(options.reporting, job)
    converter = Converter(find(options.workers.ffmpeg), options.policy)
    summary.ffmpeg = converter.binary.version
    with started(options, converter, summary, console.say) as run:
        if run.plan.links and not run.plan.total:
            words = "nothing was found but links, which are not followed; see --follow-links"
            console.say(words)
        if options.dry_run:
            from ffprep.cli.reporting.dry_run import dry_run

            dry_run(run, summary, console)
            return
        if run.cluster and options.reporting.verbose:
            console.say(run.cluster.describe())
        signals.while_running(converter.processes.stop)
        _report(run, console, summary, signals)
        if options.depfile and summary.exit_code == ExitCode.OK and signals.number is None:
            _write_depfile(options.depfile, run, console)


def _report(run: "Run", console: "Console", summary: "RunSummary", signals: Signals) -> None:
    from ffprep.cli.reporting.progress import convert_reporter
    from ffprep.run.loop import counted_results, ending

    def interrupted() -> bool:
        return signals.number is not None

    status_command = _status_command(run.options) if run.freshness else ""
    with ending(run, summary), convert_reporter(console, summary, status_command) as reporter:
        for result in counted_results(run, summary, interrupted, each=reporter.each):
            reporter.report(result)


def _write_depfile(depfile: "Depfile", run: "Run", console: "Console") -> None:
    from ffprep.cli.reporting.text import printable_path

    for path in depfile.write(run.plan):
        words = f"--depfile: make has no word for {printable_path(path)}, and it is left out"
        console.say(words)


@contextmanager
def _interruption_reported(
    reporting: "ReportOptions", summary: "RunSummary", job: str
) -> Iterator[None]:
    """Print and log the summary of a run that is interrupted before its first photo."""
    try:
        yield
    except Interrupted:
        if reporting.dry_run:
            raise
        from ffprep.cli.reporting.progress import Console, convert_reporter

        with convert_reporter(Console(reporting, job), summary):
            raise


def _status_command(options: "ConvertOptions") -> str:
    """Return the command that shows what failed."""
    import shlex

    output, ledger = options.request.output, options.rerun.ledger
    command = ["ffprep", "status", str(output), "--failed"]
    if ledger != output / LEDGER:
        command += ["--ledger", str(ledger)]
    return shlex.join(command)
