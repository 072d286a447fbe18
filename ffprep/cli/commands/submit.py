"""`ffprep submit`: options to a SubmitOrder, and its carrying out."""

import sys
from contextlib import ExitStack
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from ffprep.options.convert import (
    DAMAGED,
    LISTS_AND_SELECTION,
    NAMES,
    PICTURE,
    SOURCES,
    UPSCALE,
    WAIT,
)
from ffprep.options.shared import (
    AS_JSON,
    FFMPEG,
    MAX_MEMORY,
    MAX_PIXELS,
    InSections,
    options,
    section,
)
from ffprep.options.types import PATH_AS_WRITTEN, Seconds

if TYPE_CHECKING:
    from ffprep.cli.reporting.submit_progress import Style, Teller
    from ffprep.submit.parse import SubmitOrder
    from ffprep.system.shutdown import Signals

# The other rooms are imported where they are needed, as in converting; the openai SDK when a request is made.

_CLIP = section(
    "Clips",
    click.option("--prompt", metavar="TEXT", help="What is to be seen."),
    click.option(
        "--model",
        metavar="NAME",
        help="As the server calls it; a target of this name gives the rules.  [default: the target's name, else the server's choice]",
    ),
    click.option(
        "--seconds",
        type=click.IntRange(min=1),
        default=4,
        show_default=True,
        metavar="N",
        help="How long it is to be.",
    ),
    click.option(
        "--extra", multiple=True, metavar="KEY=JSON", help="One more field of the request."
    ),
    click.option(
        "-o",
        "--output",
        type=PATH_AS_WRITTEN,
        metavar="OUT",
        help="The clip of one photo, else a folder; folders are mirrored in it.  [default: the photo's name with .mp4]",
    ),
)
_SERVER = section(
    "Server",
    click.option(
        "--base-url",
        metavar="URL",
        help="Such as http://localhost:8000/v1.  [default: OPENAI_BASE_URL, else OpenAI's]",
    ),
    click.option(
        "--protocol",
        type=click.Choice(["videos", "azure-v1"]),
        default="videos",
        show_default=True,
        help="OpenAI's /v1/videos, or Azure's older jobs API.",
    ),
    click.option(
        "--send-crop-bounds",
        is_flag=True,
        help="Send the whole photo, and have the server cut it (azure-v1).",
    ),
    click.option(
        "--poll",
        type=Seconds(),
        metavar="S",
        help="Ask so often how a job stands.  [default: as the server says, else 5]",
    ),
    click.option(
        "--timeout",
        type=Seconds(),
        default="30m",
        show_default=True,
        metavar="S",
        help="Wait no longer for one clip; its job goes on, and can be resumed.",
    ),
    click.option(
        "--resume", metavar="ID", help="Fetch the clip of a job that was submitted before."
    ),
    click.option(
        "--resubmit",
        is_flag=True,
        help="Submit again what has failed, or may have been lost on the way; it may be billed twice.",
    ),
    click.option(
        "--again", is_flag=True, help="Another take of one clip that is there; it replaces it."
    ),
    click.option(
        "--jobs",
        type=click.IntRange(1, 64),
        default=2,
        show_default=True,
        metavar="N",
        help="How many photos at a time.",
    ),
    WAIT,
)
_WORK = section(
    "Work and reports",
    UPSCALE,
    DAMAGED,
    MAX_PIXELS,
    MAX_MEMORY,
    FFMPEG,
    click.option("--dry-run", is_flag=True, help="Print the requests, without the key; send none."),
    AS_JSON,
    click.option("--quiet", is_flag=True, help="No bar; failures are still told."),
    click.option("-v", "--verbose", is_flag=True, help="A line for every photo."),
)


@click.command("submit", cls=InSections)
@options(section("Sources", SOURCES, NAMES, LISTS_AND_SELECTION), _CLIP, PICTURE, _SERVER, _WORK)
def submit(**given: Any) -> None:
    """Have a server make clips of photos, which become their first frames.

    Each photo is prepared as `ffprep convert` does it, checked, uploaded once, and its clip fetched. The key is read from
    OPENAI_API_KEY.
    """
    from ffprep.cli.reporting.submit_progress import Style
    from ffprep.submit.parse import read_order
    from ffprep.system.shutdown import Signals, leave_now
    from ffprep.system.tempfiles import remove_temporaries

    with Signals() as signals:
        order = read_order(given)
        style = Style(given["as_json"], given["quiet"], given["verbose"], given["base_url"])
        code = _carry_out(order, style, signals)
        if signals.number is not None:
            remove_temporaries()
            leave_now(128 + signals.number)
    sys.exit(code)


def _carry_out(order: "SubmitOrder", style: "Style", signals: "Signals") -> int:
    from ffprep.cli.reporting.submit_progress import teller
    from ffprep.library.plan import Plan

    with ExitStack() as stack:
        memory = stack.enter_context(order.memory())
        plan = Plan.of(order.request) if order.request else None
        total = plan.total if plan else 1
        telling = stack.enter_context(teller(style, order.terms.access, total, order.single))
        if order.dry_run:
            _rehearse(order, plan, telling, memory)
            return telling.exit_code
        stopped = Event()
        signals.while_running(stopped.set)
        _run(order, plan, telling, memory, stopped)
        return telling.exit_code


def _run(order: "SubmitOrder", plan: Any, telling: "Teller", memory: Any, stopped: Event) -> None:
    from ffprep.submit.pool import SubmissionPool
    from ffprep.submit.rate_limit import RateLimiter
    from ffprep.submit.submission import Outcome, Submission

    pace = RateLimiter(stopped)

    def run(course: Submission) -> Outcome:
        return course.run(order.terms, order.speaker, memory, pace, telling.note)

    crowd = SubmissionPool(run, order.jobs, stopped, telling.look, telling.waits)
    try:
        for outcome in crowd.outcomes(order.courses(plan)):
            telling.tell(outcome)
    finally:
        telling.left(crowd.unfinished, crowd.fault)


def _rehearse(order: "SubmitOrder", plan: Any, telling: "Teller", memory: Any) -> None:
    """Show the requests that would be sent, and tell what would fail."""
    from ffprep.submit.submission import Outcome

    for course in order.courses(plan):
        outcome = (
            course
            if isinstance(course, Outcome)
            else course.rehearse(order.terms, order.speaker, memory, telling.show)
        )
        if outcome:
            telling.tell(outcome)
