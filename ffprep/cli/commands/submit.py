"""`ffprep submit`: parse the options, submit the photos, exit."""

import sys
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from ffprep.options import shared
from ffprep.options.convert import (
    DAMAGED,
    MAX_CUT,
    NAMES,
    SOURCES,
    UPSCALE,
)
from ffprep.options.picture import PICTURE
from ffprep.options.shared import (
    AS_JSON,
    FFMPEG,
    LISTS_AND_SELECTION,
    MAX_MEMORY,
    MAX_PIXELS,
    WAIT,
    DocumentedCommand,
    section,
)
from ffprep.options.types import PATH_AS_WRITTEN, SECONDS, OneOf, Whole
from ffprep.system.shutdown import Signals, leave_now

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ffprep.cli.reporting.submit_progress import SubmitReporter
    from ffprep.submit.outcome import Outcome
    from ffprep.submit.parse import SubmitOptions
    from ffprep.submit.store import SubmissionStore
    from ffprep.submit.submission import Submission

# Other modules are imported where they are needed, as in `convert`; the openai SDK at the first
# request.

_CLIP = section(
    "Clips",
    click.option("--prompt", metavar="TEXT", help="What the clip shows."),
    click.option(
        "--model",
        metavar="NAME",
        help="The server's name of the model; a target of this name gives the rules.  "
        "[default: the target's name, else the server's choice]",
    ),
    click.option(
        "--seconds",
        type=Whole(min=1),
        help="The clip's length.  [default: 4, else what the target allows]",
    ),
    click.option(
        "--last-frame",
        type=PATH_AS_WRITTEN,
        metavar="PHOTO",
        help="A photo that the clips end with (vllm-omni), made to fit like SOURCE.",
    ),
    click.option(
        "--extra", multiple=True, metavar="KEY=JSON", help="One more field of the request."
    ),
    click.option(
        "-o",
        "--output",
        type=PATH_AS_WRITTEN,
        metavar="OUT",
        help="The clip of one photo, else a folder; folders are mirrored in it.  "
        "[default: the photo's name with .mp4]",
    ),
)
_SERVER = section(
    "Server",
    click.option(
        "--base-url",
        metavar="URL",
        help="For example http://localhost:8000/v1.  [default: OPENAI_BASE_URL, else OpenAI's]",
    ),
    click.option(
        "--protocol",
        type=OneOf(["videos", "vllm-omni", "azure-v1"]),
        default="videos",
        help="OpenAI's /v1/videos, the same with vLLM-Omni's fields, or Azure's older jobs API.",
    ),
    click.option(
        "--clips-from",
        multiple=True,
        metavar="ORIGIN",
        help="Also download clips that the server keeps there, such as https://clips.example.com.",
    ),
    click.option(
        "--send-crop-bounds",
        is_flag=True,
        help="Send the whole photo, and let the server crop it (azure-v1).",
    ),
    click.option(
        "--poll",
        type=SECONDS,
        help="Seconds between questions about a job.  [default: as the server says, else 5]",
    ),
    click.option(
        "--timeout",
        type=SECONDS,
        default="30m",
        help="Longest wait for one clip; after it, the job continues and can be resumed.",
    ),
    click.option(
        "--resume", metavar="ID", help="Download the clip of a job that was submitted before."
    ),
    click.option(
        "--resubmit",
        is_flag=True,
        help="Submit failed and uncertain requests again; the server may bill them twice.",
    ),
    click.option(
        "--again", is_flag=True, help="Make another take of one existing clip, and replace it."
    ),
    click.option(
        "--jobs",
        type=Whole(1, 64),
        default=2,
        help="How many photos to work on at a time.",
    ),
    WAIT,
)
_WORK = section(
    "Work and reports",
    UPSCALE,
    MAX_CUT,
    DAMAGED,
    MAX_PIXELS,
    MAX_MEMORY,
    FFMPEG,
    click.option(
        "--dry-run", is_flag=True, help="Print the requests, without the key; send nothing."
    ),
    AS_JSON,
    click.option(
        "-q", "--quiet", is_flag=True, help="No progress bar; failures are still reported."
    ),
    click.option("-v", "--verbose", is_flag=True, help="A line for every photo."),
)


_EXAMPLES = {
    "ffprep submit photo.jpg --prompt 'Waves roll in' --target sora-2/1280x720": "One clip.",
    "ffprep submit photos -o clips --prompt 'Zoom' --size 1280x720 --model NAME": (
        "A clip of each photo of a folder."
    ),
    "ffprep submit photos -o clips --prompt 'Zoom' --size 1280x720 --dry-run": (
        "See the requests; send nothing."
    ),
}
_SHORT = {
    "--prompt TEXT": "What the clip shows",
    "--size WxH": "Width and height in pixels, such as 1280x720",
    "--target NAME[/SIZE]": "Size and rules of a service: see ffprep targets",
    "--model NAME": "The server's name of the model",
    "--seconds N": "The clip's length; 4 if not given",
    "-o, --output OUT": "The clip of one photo, else a folder",
    "--mode NAME": "cover, pad, blur, auto, ...: see ffprep modes",
    "--focus POINT": "What cover keeps: center, top, 0.5,0.3, faces, ...",
    "--base-url URL": "The server, such as http://localhost:8000/v1",
    "--jobs N": "How many photos to work on at a time; 2 if not given",
    "--resume ID": "Download the clip of a job that was submitted before",
    "--resubmit": "Submit failed and uncertain requests again",
    "--dry-run": "Print the requests; send nothing",
    "-v, --verbose": "Print a line for every photo",
}


@click.command("submit", cls=DocumentedCommand, examples=_EXAMPLES, short=_SHORT)
@shared.options(
    section("Sources", SOURCES, NAMES, LISTS_AND_SELECTION), _CLIP, PICTURE, _SERVER, _WORK
)
def submit(**given: Any) -> None:
    """Send photos to a video API, and download the clips it makes.

    Photos are the first frames of clips. Each is prepared as `ffprep convert` does it, checked, and
    uploaded once. The key is read from OPENAI_API_KEY.
    """
    from ffprep.submit.parse import read_options

    with Signals() as signals:
        code = run_submit(read_options(given), signals)
        if signals.number is not None:
            leave_now(128 + signals.number)
    sys.exit(code)


def run_submit(options: "SubmitOptions", signals: Signals) -> int:
    """Submit all photos, and return the exit code."""
    from ffprep.cli.reporting.submit_progress import SubmitSummary, submit_reporter

    summary = SubmitSummary()
    with options.open_store() as store:
        plan = options.plan()
        with submit_reporter(options, summary, plan.total if plan else 1) as reporter:
            for note in options.notes:
                reporter.say(note)
            submissions = options.submissions(plan)
            if options.reporting.dry_run:
                _dry_run(options, submissions, reporter, store)
            else:
                _submit_all(options, submissions, reporter, store, signals)
    return summary.exit_code


def _submit_all(
    options: "SubmitOptions",
    submissions: "Iterable[Submission | Outcome]",
    reporter: "SubmitReporter",
    store: "SubmissionStore",
    signals: Signals,
) -> None:
    from ffprep.submit.pool import SubmissionPool
    from ffprep.submit.rate_limit import RateLimiter

    stopped = Event()
    signals.while_running(stopped.set)
    limiter = RateLimiter(stopped)

    def run(submission: "Submission") -> "Outcome":
        return submission.run(options.clip, options.api, store, limiter, reporter.on_submitted)

    on_progress = reporter.on_progress if reporter.has_bar else None
    pool = SubmissionPool(run, options.jobs, stopped, on_progress, reporter.on_wait)
    try:
        for outcome in pool.outcomes(submissions):
            reporter.report(outcome)
    finally:
        reporter.report_unfinished(pool.unfinished, pool.fault)


def _dry_run(
    options: "SubmitOptions",
    submissions: "Iterable[Submission | Outcome]",
    reporter: "SubmitReporter",
    store: "SubmissionStore",
) -> None:
    """Print the requests that would be sent, and report what would fail."""
    from ffprep.submit.submission import Submission

    for submission in submissions:
        if isinstance(submission, Submission):
            outcome = submission.dry_run(options.clip, options.api, store, reporter.show_request)
        else:
            outcome = submission
        if outcome:
            reporter.report(outcome)
