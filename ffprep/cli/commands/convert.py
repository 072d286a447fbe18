"""`ffprep convert`: options to a run, a run to words and an exit code."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from ffprep.cli.reporting.dry_run import dry_run
from ffprep.errors import ExitCode, Interrupted
from ffprep.options.config_file import ConfigCommand
from ffprep.options.convert import CONVERT
from ffprep.system.messages import say
from ffprep.system.shutdown import Signals, leave_now

if TYPE_CHECKING:
    from ffprep.cli.reporting.progress import Style
    from ffprep.run.runner import ConvertOptions, Run
    from ffprep.run.summary import RunSummary

# The other rooms are imported where a command needs them: `ffprep --version` and a Makefile's
# thousandth call should not pay for Pillow, tqdm and ffmpeg-python.


@click.command(cls=ConfigCommand)
@CONVERT
def convert(**given: Any) -> None:
    """Convert photos to pictures of exactly one size.

    SOURCE is a file, a folder, a URL such as s3://photos/2024, or - for a list of them on stdin, one a line.
    """
    with Signals() as signals:
        sys.exit(run_convert(given, signals))


def run_convert(given: dict[str, Any], signals: Signals, job: str = "") -> int:
    """Do what the options of `convert` say, and tell those who wait for its end; the exit code.

    `job` signs all that is told, where several run.
    """
    from ffprep.cli.reporting.notify import notifying
    from ffprep.core.location import located
    from ffprep.run.summary import RunSummary
    from ffprep.system.tempfiles import remove_temporaries

    tally = RunSummary(located(given["output"]))
    with notifying(given, tally, signals), _told_if_interrupted(given, tally, job):
        _carry_out(given, signals, tally, job)
    if signals.number is not None:
        # A decoder still at work on one photo must not hold up the end.
        remove_temporaries()
        leave_now(128 + signals.number)
    return tally.exit_code


def _carry_out(given: dict[str, Any], signals: Signals, tally: "RunSummary", job: str) -> None:
    from ffprep.cli.reporting.text import printable_path
    from ffprep.conversion.converter import Converter
    from ffprep.conversion.ffmpeg_binary import find
    from ffprep.options.parse import read_order
    from ffprep.run.runner import prepared

    order = read_order(given)
    style = replace(_style(given, job), status_command=_status_command(given, order))
    converter = Converter(find(order.ffmpeg), order.policy)
    tally.ffmpeg = converter.binary.version
    with prepared(order, converter, lambda text: say(style.signed(text))) as run:
        tally.total, tally.ffmpeg = run.plan.total, run.ffmpeg
        tally.passed_over, tally.links = run.plan.passed_over, run.plan.links
        if run.plan.links and not run.plan.total:
            words = "nothing was found but links, which are not followed; see --follow-links"
            say(style.signed(words))
        if run.freshness is None:
            style = replace(style, status_command="")  # nothing was remembered
        if order.dry_run:
            dry_run(run, tally, style)
            return
        if run.crew:
            tally.team = run.crew.team
            if style.verbose:
                say(style.signed(run.crew.sentence))
        signals.while_running(converter.processes.stop)
        _tell(run, style, tally, signals)
        if order.depfile and tally.exit_code == ExitCode.OK and signals.number is None:
            for path in order.depfile.write(run.plan):
                words = (
                    f"--depfile: make has no word for {printable_path(path)}, and it is left out"
                )
                say(style.signed(words))


@contextmanager
def _told_if_interrupted(given: dict[str, Any], tally: "RunSummary", job: str) -> Iterator[None]:
    """The summary of a run that is ended while it is prepared and planned."""
    try:
        yield
    except Interrupted:
        if given["dry_run"]:
            raise
        from ffprep.cli.reporting.progress import reporter

        with reporter(_style(given, job), tally):
            raise


def _status_command(given: dict[str, Any], order: "ConvertOptions") -> str:
    """The command that shows what failed, where a ledger remembers it."""
    import shlex

    asked = ["ffprep", "status", str(order.request.output), "--failed"]
    asked += ["--ledger", given["ledger"]] if given["ledger"] else []
    return shlex.join(asked) if order.ledger else ""


def _style(given: dict[str, Any], job: str) -> "Style":
    from ffprep.cli.reporting.progress import Style

    return Style(
        json=given["as_json"],
        quiet=given["quiet"],
        verbose=given["verbose"],
        log_file=given["log_file"],
        log_format=given["log_format"],
        job=job,
    )


def _tell(run: "Run", style: "Style", tally: "RunSummary", signals: Signals) -> None:
    from ffprep.cli.reporting.progress import reporter
    from ffprep.run.summary import RunEnd

    try:
        with reporter(style, tally) as telling:
            for result in run.results(telling.each):
                telling.tell(result)
            if signals.number is not None:
                tally.ended = RunEnd.INTERRUPTED
            elif run.gate.refused and tally.unseen != 0:
                tally.ended = RunEnd.TIME
    finally:
        run.converter.processes.stop()  # no ffmpeg is left running, whatever ended this
        run.end(tally.ended.value, tally.summary())
