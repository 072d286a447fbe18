"""`ffprep submit`: parse the options, submit the photos, exit."""

import sys
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from ffprep.options import shared
from ffprep.options.command import DocumentedCommand, flag, option, options, section
from ffprep.options.convert import DAMAGED, MAX_CUT, NAMES, SOURCES, UPSCALE
from ffprep.options.types import PATH_AS_WRITTEN, SECONDS, TEXT, OneOf, Whole
from ffprep.system.shutdown import Signals, leave_now

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ffprep.cli.reporting.submit_progress import SubmitReporter
    from ffprep.submit.parse import SubmitOptions
    from ffprep.submit.store import SubmissionStore
    from ffprep.submit.submission import Outcome, Submission

# Other modules are imported where they are needed, as in `convert`; the openai SDK at the first
# request.

_CLIP = section(
    "Clips",
    option("--prompt TEXT", TEXT, "What the clip shows."),
    option(
        "--model NAME",
        TEXT,
        "The server's name of the model; a target of this name gives the rules.  "
        "[default: the target's name, else the server's choice]",
    ),
    option(
        "--seconds", Whole(min=1), "The clip's length.  [default: 4, else what the target allows]"
    ),
    option(
        "--last-frame PHOTO",
        PATH_AS_WRITTEN,
        "A photo that the clips end with (vllm-omni), made to fit like SOURCE.",
    ),
    option("--extra KEY=JSON", TEXT, "One more field of the request.", multiple=True),
    option(
        "-o, --output OUT",
        PATH_AS_WRITTEN,
        "The clip of one photo, else a folder; folders are mirrored in it.  "
        "[default: the photo's name with .mp4]",
    ),
)
_SERVER = section(
    "Server",
    option(
        "--base-url URL",
        TEXT,
        "The server, such as http://localhost:8000/v1.  [default: OPENAI_BASE_URL, else OpenAI's]",
    ),
    option(
        "--protocol",
        OneOf(["videos", "vllm-omni", "azure-v1"]),
        "OpenAI's /v1/videos, the same with vLLM-Omni's fields, or Azure's older jobs API.",
        default="videos",
    ),
    option(
        "--clips-from ORIGIN",
        TEXT,
        "Also download clips that the server keeps there, such as https://clips.example.com.",
        multiple=True,
    ),
    flag("--send-crop-bounds", "Send the whole photo, and let the server crop it (azure-v1)."),
    option(
        "--poll",
        SECONDS,
        "Seconds between questions about a job.  [default: as the server says, else 5]",
    ),
    option(
        "--timeout",
        SECONDS,
        "Longest wait for one clip; after it, the job continues and can be resumed.",
        default="30m",
    ),
    option("--resume ID", TEXT, "Download the clip of a job that was submitted before."),
    flag(
        "--resubmit", "Submit failed and uncertain requests again; the server may bill them twice."
    ),
    flag("--again", "Make another take of one existing clip, and replace it."),
    option("--jobs", Whole(1, 64), "How many photos to work on at a time.", default=2),
    shared.WAIT,
)
_WORK = section(
    "Work and reports",
    UPSCALE,
    MAX_CUT,
    DAMAGED,
    shared.LIMITS,
    shared.FFMPEG,
    flag("--dry-run", "Print the requests and send nothing; the key is left out."),
    shared.AS_JSON,
    flag("-q, --quiet", "No progress bar; failures are still reported."),
    flag("-v, --verbose", "A line for every photo."),
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
_SHORT = (
    "prompt size target model seconds output mode focus base-url jobs resume resubmit dry-run "
    "verbose"
)


@click.command("submit", cls=DocumentedCommand, examples=_EXAMPLES, short=_SHORT)
@options(
    section("Sources", SOURCES, NAMES, shared.LISTS_AND_SELECTION),
    _CLIP,
    shared.PICTURE,
    _SERVER,
    _WORK,
)
def submit(**given: Any) -> None:
    """Send photos to a video API, and download the clips it makes.

    Photos are the first frames of clips. Each is prepared as `ffprep convert` does it, checked, and
    uploaded once. The key is read from OPENAI_API_KEY.
    """
    from ffprep.cli.reporting.submit_progress import SubmitReporter, SubmitSummary
    from ffprep.submit.parse import read_options

    summary = SubmitSummary()
    with Signals() as signals:
        options = read_options(given)
        with options.open_store() as store:
            plan = options.plan()
            with SubmitReporter(options, summary, plan.total if plan else 1) as reporter:
                for note in options.notes:
                    reporter.say(note)
                submissions = options.submissions(plan)
                if options.reporting.dry_run:
                    _dry_run(options, submissions, reporter, store)
                else:
                    _submit_all(options, submissions, reporter, store, signals)
        if signals.number is not None:
            leave_now(128 + signals.number)
    sys.exit(summary.exit_code)


def _submit_all(
    options: "SubmitOptions",
    submissions: "Iterable[Submission]",
    reporter: "SubmitReporter",
    store: "SubmissionStore",
    signals: Signals,
) -> None:
    from ffprep.submit.polling import RateLimiter, SubmissionPool

    stopped = Event()
    signals.while_running(stopped.set)
    limiter = RateLimiter(stopped)

    def run(submission: "Submission") -> "Outcome":
        return submission.run(options.clip, store, limiter, reporter.on_submitted)

    pool = SubmissionPool(run, options.jobs, stopped, reporter.on_progress, reporter.on_wait)
    try:
        for outcome in pool.outcomes(submissions):
            reporter.report(outcome)
    finally:
        reporter.report_unfinished(pool.unfinished, pool.fault)


def _dry_run(
    options: "SubmitOptions",
    submissions: "Iterable[Submission]",
    reporter: "SubmitReporter",
    store: "SubmissionStore",
) -> None:
    """Print the requests that would be sent, and report what would fail."""
    for submission in submissions:
        if outcome := submission.dry_run(options.clip, store, reporter.show_request):
            reporter.report(outcome)
