"""The options of `ffprep convert`, as click declares them, in the sections of its help."""

from typing import TYPE_CHECKING

import click

from ffprep.core.geometry import SHAPES, read_size
from ffprep.core.policy import DryRun, Policy, RerunOptions, Retry, ThrottleOptions
from ffprep.options.config_file import CONFIG, ConfigCommand
from ffprep.options.picture import PICTURES
from ffprep.options.shared import (
    AS_JSON,
    FFMPEG,
    FRAME,
    JOBS,
    LISTS_AND_SELECTION,
    MAX_MEMORY,
    MAX_PIXELS,
    WAIT,
    options,
    section,
)
from ffprep.options.types import (
    PATH,
    PATH_AS_WRITTEN,
    SECONDS,
    OneOf,
    OptionalValue,
    Parsed,
    PathOr,
    Positive,
    Repeatable,
    Whole,
)
from ffprep.system.files import LEDGER

if TYPE_CHECKING:
    from ffprep.core.shard import Shard


def _read_suffixes(text: str) -> tuple[str, ...]:
    from ffprep.options.datasets import read_suffixes

    return read_suffixes(text)


def _read_shard(text: str) -> "Shard":
    from ffprep.core.shard import Shard

    return Shard.parse(text)


SOURCES = click.argument("sources", nargs=-1, type=PATH_AS_WRITTEN, metavar="SOURCE...")
NAMES = click.option(
    "--names",
    default="{stem}",
    metavar="TEMPLATE",
    help="Template for output names: {stem} {suffix} {parent} {date:%Y-%m-%d} {width} {height} "
    "{mode} {ext} {n}.",
)
_FILES = section(
    "Sources and outputs",
    SOURCES,
    click.option(
        "-o",
        "--output",
        type=PATH_AS_WRITTEN,
        metavar="OUT",
        help="A file for one SOURCE file, else a folder, which mirrors the folders of SOURCE; "
        "- is stdout.  [default: beside one SOURCE file, as photo_1280x720.jpg]",
    ),
    NAMES,
    click.option(
        "--root",
        type=PATH_AS_WRITTEN,
        metavar="DIR",
        help="Mirror the folders of all sources, also of single files, from this folder.",
    ),
    click.option(
        "--carry",
        cls=Repeatable,
        multiple=True,
        type=Parsed(".SUFFIX,...", _read_suffixes),
        help="Copy files beside photos, such as captions: photo.txt, or photo.jpg.txt, beside each "
        "output of photo.jpg.",
    ),
    LISTS_AND_SELECTION,
    click.option(
        "--only",
        type=OneOf(SHAPES),
        multiple=True,
        help="Only photos of this shape, once upright; may be given several times.",
    ),
    click.option(
        "--min-size",
        type=Parsed("WxH", read_size),
        help="Only photos that are at least as wide and as high as this, once upright.",
    ),
    click.option(
        "--min-mpx",
        type=Positive(),
        help="Only photos of at least N megapixels.",
    ),
    FRAME,
)

UPSCALE = click.option(
    "--upscale",
    type=OneOf(["allow", "warn", "fail"]),
    default=Policy().upscale,
    help="How to handle photos smaller than the size asked for.",
)
MAX_CUT = click.option(
    "--max-cut",
    type=OneOf(["allow", "warn", "fail"]),
    default=Policy().max_cut,
    help="How to handle photos of which the frame cuts more than half; --mode auto pads them.",
)
DAMAGED = click.option(
    "--damaged",
    type=OneOf(["fail", "keep"]),
    default="fail",
    help="How to handle damaged photos: fail, or keep what can be decoded.",
)
_LIMITS = section(
    "Limits",
    DAMAGED,
    UPSCALE,
    MAX_CUT,
    click.option(
        "--preserve-times",
        is_flag=True,
        help="Give each output the modification time of its photo.",
    ),
    click.option(
        "--timeout",
        type=SECONDS,
        default=Policy().timeout,
        help="Time limit for one photo, in seconds or as 2m.",
    ),
    MAX_PIXELS,
    MAX_MEMORY,
)

_RUNNING = section(
    "Running",
    JOBS,
    click.option(
        "--dry-run",
        cls=OptionalValue,
        implied=DryRun.PLAN.value,
        type=OneOf([each.value for each in DryRun]),
        metavar=DryRun.COMMANDS.value,
        help="Print what would be done, and convert nothing; or the ffmpeg command lines of it.",
    ),
    CONFIG,
)

_RERUNS = section(
    "Repeated runs",
    click.option(
        "--ledger",
        type=PathOr("none"),
        metavar="PATH|none",
        help=f"File or URL of the ledger, which records finished work.  [default: OUT/{LEDGER}]",
    ),
    click.option("--force", is_flag=True, help="Convert everything again, also if up to date."),
    click.option(
        "--checksum", is_flag=True, help="Compare the contents of files instead of their times."
    ),
    click.option(
        "--adopt",
        is_flag=True,
        help="Accept existing outputs as up to date if they verify and are not older than "
        "their photo.",
    ),
    click.option(
        "--retry",
        type=OneOf([Retry.CHANGED.value, Retry.ALWAYS.value]),
        default=RerunOptions().retry.value,
        help="Which failed photos to try again: those that changed, or all.",
    ),
    click.option("--retry-failed", is_flag=True, help="Try only the photos that failed."),
    click.option(
        "--prune",
        is_flag=True,
        help="Remove outputs whose photo was deleted or excluded, or that have other names now, "
        "unless they were modified.",
    ),
    click.option(
        "--prune-emptied",
        is_flag=True,
        help="With --prune: also outputs of a SOURCE, or a folder in it, that lost all its photos.",
    ),
    WAIT,
    click.option(
        "--fsync",
        is_flag=True,
        help="Sync each output to disk before the ledger records it, against power loss.",
    ),
)

_REPORTS = section(
    "Output and logs",
    AS_JSON,
    click.option(
        "-q", "--quiet", is_flag=True, help="Print no progress bar and no summary, only problems."
    ),
    click.option("-v", "--verbose", is_flag=True, help="Print a line for every photo."),
    click.option(
        "--failures",
        type=OneOf(["all", "new"]),
        default="all",
        help="Which failures are reported and decide the exit code: all, or those that are new "
        "since the last run and were not accepted in `ffprep status`.",
    ),
    click.option(
        "--report",
        type=PATH,
        metavar="FILE.html",
        help="Write an HTML page that shows what was made of each photo, when the run ends.",
    ),
    click.option(
        "--manifest",
        type=PATH,
        metavar="FILE.jsonl",
        help="List all pictures of OUT as JSON lines when the run ends, with size and caption.",
    ),
    click.option(
        "--log-file",
        type=PATH,
        help="Append one line per photo to FILE, which may be rotated during the run.",
    ),
    click.option(
        "--log-format",
        type=OneOf(["text", "json"]),
        default="text",
        help="Format of the log: text, or JSON objects as with --json.",
    ),
    click.option(
        "--summary-file",
        type=PATH,
        help="Write the result of the run as JSON when it ends.",
    ),
    click.option(
        "--metrics-file",
        type=PATH,
        metavar="FILE.prom",
        help="Write the result for the textfile collector of node_exporter; use a different file "
        "for each OUT.",
    ),
    click.option(
        "--on-finish",
        metavar="COMMAND",
        help="Run a shell command when the run ends; FFPREP_SUMMARY is the path of the summary.",
    ),
)

_ADVANCED = section(
    "Advanced",
    FFMPEG,
    click.option(
        "--nice",
        type=Whole(0, 19),
        default=ThrottleOptions().nice,
        show_default=False,
        help="Lower the CPU priority: add N to the niceness.",
    ),
    click.option(
        "--idle", is_flag=True, help="Use the disk only when it is idle (idle class of ionice)."
    ),
    click.option(
        "--max-time",
        type=SECONDS,
        default=ThrottleOptions().max_time,
        show_default=False,
        help="Start no photo after this time, such as 6h; the next run continues.",
    ),
    click.option(
        "--max-load",
        type=Positive(),
        default=ThrottleOptions().max_load,
        show_default=False,
        metavar="F",
        help="Convert one chunk at a time while the load average is F or more.",
    ),
    click.option(
        "--cluster",
        metavar="ADDRESS",
        help="Convert on a Dask cluster; address of its scheduler, such as tcp://scheduler:8786.",
    ),
    click.option(
        "--shard",
        type=Parsed("N/COUNT", _read_shard),
        help="Convert part N of COUNT, from 1, while other runs into OUT convert the others.",
    ),
    click.option(
        "--depfile",
        type=PATH,
        help="Write the dependencies of the outputs, for `include` in a Makefile, if all succeed.",
    ),
    click.option(
        "--depfile-target",
        metavar="NAME",
        help="Target of the rule in the depfile, such as a stamp file.  [default: OUT]",
    ),
)

CONVERT = options(_FILES, PICTURES, _LIMITS, _RERUNS, _RUNNING, _REPORTS, _ADVANCED)
"""All of them, in the order of the help."""


@click.command("convert", cls=ConfigCommand)
@CONVERT
def convert_parameters(**_: object) -> None:
    """Declare the options of `convert`, for the Python functions and named jobs."""
