"""The options of `ffprep convert`, as click declares them, in the sections of its help."""

from typing import TYPE_CHECKING

import click

from ffprep.core.geometry import SHAPES, read_size
from ffprep.core.policy import DryRun, Policy, RerunOptions, Retry, ThrottleOptions
from ffprep.options import shared
from ffprep.options.command import ConfigCommand, flag, option, parameters, section
from ffprep.options.types import (
    PATH,
    PATH_AS_WRITTEN,
    SECONDS,
    TEXT,
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
    from ffprep.options.written_files import read_suffixes

    return read_suffixes(text)


def _read_shard(text: str) -> "Shard":
    from ffprep.core.shard import Shard

    return Shard.parse(text)


SOURCES = click.argument("sources", nargs=-1, type=PATH_AS_WRITTEN, metavar="SOURCE...")
NAMES = option(
    "--names TEMPLATE",
    TEXT,
    "Output names, such as {stem}-{width}; of {stem} {suffix} {parent} {date:%Y-%m-%d} {width} "
    "{height} {mode} {ext} {n}.",
    default="{stem}",
)
_FILES = section(
    "Sources and outputs",
    SOURCES,
    option(
        "-o, --output OUT",
        PATH_AS_WRITTEN,
        "A file for one SOURCE file, else a folder; it mirrors the folders of SOURCE. - is "
        "stdout.  [default: beside one SOURCE file, as photo_1280x720.jpg]",
    ),
    NAMES,
    option(
        "--root DIR",
        PATH_AS_WRITTEN,
        "Mirror the folders of all sources, also of single files, from this folder.",
    ),
    option(
        "--carry",
        Parsed(".SUFFIX,...", _read_suffixes),
        "Copy files beside photos, such as captions: photo.txt, or photo.jpg.txt, beside each "
        "output of photo.jpg.",
        cls=Repeatable,
    ),
    shared.LISTS_AND_SELECTION,
    option(
        "--only",
        OneOf(SHAPES),
        "Only photos of this shape, once upright; may be given several times.",
        multiple=True,
    ),
    option(
        "--min-size",
        Parsed("WxH", read_size),
        "Only photos that are at least as wide and as high as this, once upright.",
    ),
    option("--min-mpx", Positive(), "Only photos of at least N megapixels."),
    shared.FRAME,
)

UPSCALE = option(
    "--upscale",
    OneOf(["allow", "warn", "fail"]),
    "For photos smaller than the size: allow, warn or fail.",
    default=Policy().upscale,
)
MAX_CUT = option(
    "--max-cut",
    OneOf(["allow", "warn", "fail"]),
    "How to handle photos of which the frame cuts more than half; --mode auto pads them.",
    default=Policy().max_cut,
)
DAMAGED = option(
    "--damaged",
    OneOf(["fail", "keep"]),
    "How to handle damaged photos: fail, or keep what can be decoded.",
    default="fail",
)
_LIMITS = section(
    "Limits",
    DAMAGED,
    UPSCALE,
    MAX_CUT,
    flag("--preserve-times", "Give each output the modification time of its photo."),
    option(
        "--timeout",
        SECONDS,
        "Time limit for one photo, in seconds or as 2m.",
        default=Policy().timeout,
    ),
    shared.LIMITS,
)

_RUNNING = section(
    "Running",
    shared.JOBS,
    option(
        "--dry-run commands",
        OneOf([each.value for each in DryRun]),
        "Print what would be done, and convert nothing; or the ffmpeg command lines of it.",
        cls=OptionalValue,
        implied=DryRun.PLAN.value,
    ),
    option(
        "--config", PATH, "Read options from [defaults] in this ffprep.toml; the command line wins."
    ),
)

_RERUNS = section(
    "Repeated runs",
    option(
        "--ledger PATH|none",
        PathOr("none"),
        f"File or URL of the ledger, which records finished work.  [default: OUT/{LEDGER}]",
    ),
    flag("--force", "Convert everything again, also if up to date."),
    flag("--checksum", "Compare the contents of files instead of their times."),
    flag(
        "--adopt",
        "Accept existing outputs as up to date if they verify and are not older than their photo.",
    ),
    option(
        "--retry",
        OneOf([Retry.CHANGED.value, Retry.ALWAYS.value]),
        "Which failed photos to try again: those that changed, or all.",
        default=RerunOptions().retry.value,
    ),
    flag("--retry-failed", "Try only the photos that failed."),
    flag(
        "--prune",
        "Remove outputs whose photo was deleted; also if it is excluded now, or if the output has "
        "another name now. Modified outputs stay.",
    ),
    flag(
        "--prune-emptied",
        "With --prune: also outputs of a SOURCE, or a folder in it, that lost all its photos.",
    ),
    shared.WAIT,
    flag("--fsync", "Sync each output to disk before the ledger records it, against power loss."),
)

_REPORTS = section(
    "Output and logs",
    shared.AS_JSON,
    flag("-q, --quiet", "Print no progress bar and no summary, only problems."),
    flag("-v, --verbose", "Print a line for every photo."),
    option(
        "--failures",
        OneOf(["all", "new"]),
        "Which failures are reported and decide the exit code: all, or those that are new "
        "since the last run and were not accepted in `ffprep status`.",
        default="all",
    ),
    option(
        "--report FILE.html",
        PATH,
        "Write an HTML page that shows what was made of each photo, when the run ends.",
    ),
    option(
        "--manifest FILE.jsonl",
        PATH,
        "List all pictures of OUT as JSON lines when the run ends, with size and caption.",
    ),
    option(
        "--log-file",
        PATH,
        "Append one line per photo to FILE, which may be rotated during the run.",
    ),
    option(
        "--log-format",
        OneOf(["text", "json"]),
        "Format of the log: text, or JSON objects as with --json.",
        default="text",
    ),
    option("--summary-file", PATH, "Write the result of the run as JSON when it ends."),
    option(
        "--metrics-file FILE.prom",
        PATH,
        "Write the result for the textfile collector of node_exporter; use a different file "
        "for each OUT.",
    ),
    option(
        "--on-finish COMMAND",
        TEXT,
        "Run a shell command when the run ends; FFPREP_SUMMARY is the path of the summary.",
    ),
)

_ADVANCED = section(
    "Advanced",
    shared.FFMPEG,
    option(
        "--nice",
        Whole(0, 19),
        "Lower the CPU priority: add N to the niceness.",
        default=ThrottleOptions().nice,
        show_default=False,
    ),
    flag("--idle", "Use the disk only when it is idle (idle class of ionice)."),
    option(
        "--max-time",
        SECONDS,
        "Start no photo after this time, such as 6h; the next run continues.",
        default=ThrottleOptions().max_time,
        show_default=False,
    ),
    option(
        "--max-load F",
        Positive(),
        "Convert one chunk at a time while the load average is F or more.",
        default=ThrottleOptions().max_load,
        show_default=False,
    ),
    option(
        "--cluster ADDRESS",
        TEXT,
        "Convert on a Dask cluster; address of its scheduler, such as tcp://scheduler:8786.",
    ),
    option(
        "--shard",
        Parsed("N/COUNT", _read_shard),
        "Convert part N of COUNT, from 1, while other runs into OUT convert the others.",
    ),
    option(
        "--depfile",
        PATH,
        "Write the dependencies of the outputs, for `include` in a Makefile, if all succeed.",
    ),
    option(
        "--depfile-target NAME",
        TEXT,
        "Target of the rule in the depfile, such as a stamp file.  [default: OUT]",
    ),
)

convert_parameters = parameters(
    "convert",
    _FILES,
    shared.PICTURES,
    _LIMITS,
    _RERUNS,
    _RUNNING,
    _REPORTS,
    _ADVANCED,
    cls=ConfigCommand,
)
"""All of them, in the order of the help."""
