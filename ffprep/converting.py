"""`ffprep convert`: options to a run, a run to words and an exit code."""

import sys
from typing import TYPE_CHECKING, Any

import click

from ffprep.errors import EnvironmentFault
from ffprep.exits import leave_now, say
from ffprep.options import CONVERT
from ffprep.rehearsal import rehearse
from ffprep.settings import FromFile

if TYPE_CHECKING:
    from ffprep.report import Style, Tally
    from ffprep.run import Run
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
    from ffprep import report
    from ffprep.convert import Converter
    from ffprep.ffmpeg import find
    from ffprep.outputs import remove_temporaries
    from ffprep.request import read_order
    from ffprep.run import prepared

    order = read_order(given)
    converter = Converter(find(order.ffmpeg), order.policy)
    style = report.Style(given["as_json"], given["quiet"], given["verbose"], given["log_file"], job)
    tally = report.Tally()
    with prepared(order, converter, lambda text: say(style.signed(text))) as run:
        tally.passed_over, tally.links = run.plan.passed_over, run.plan.links
        if run.plan.links and not run.plan.total:
            words = "nothing was found but links, which are not followed; see --follow-links"
            say(style.signed(words))
        if order.dry_run:
            rehearse(run, tally, style)
            return tally.exit_code
        signals.while_running(converter.processes.stop)
        _tell(run, style, tally, signals)
    if signals.number is not None:
        # A decoder still at work on one photo must not hold up the end.
        remove_temporaries()
        leave_now(128 + signals.number)
    return tally.exit_code


def _tell(run: "Run", style: "Style", tally: "Tally", signals: "Signals") -> None:
    from ffprep import report

    outcome = "stopped"
    with report.reporter(style, tally, run.plan.total) as reporter:
        try:
            for result in run.results(reporter.each):
                reporter.tell(result)
            outcome = "done" if signals.number is None else "interrupted"
        except EnvironmentFault:
            run.converter.processes.stop()
            raise
        finally:
            reporter.finish("" if outcome == "done" else outcome)
            run.end(outcome, tally.summary())
