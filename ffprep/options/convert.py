"""The options of `ffprep convert`, by what they are about."""

import click

from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.policy import Policy, RerunOptions, Retry, ThrottleOptions
from ffprep.core.shard import Shard
from ffprep.library.selection import names_file, read_since
from ffprep.options.config_file import CONFIG, ConfigCommand
from ffprep.options.shared import (
    AS_JSON,
    BACKGROUND,
    COLOUR,
    CROP_BOUNDS,
    FFMPEG,
    FILTERS,
    FOCUS,
    FOLLOW_LINKS,
    FROM_NULL,
    JOBS,
    MAX_MEMORY,
    MAX_PIXELS,
    SCENE,
    SIZE_OR_TARGET,
    options,
    section,
)
from ffprep.options.types import (
    PATH,
    PATH_AS_WRITTEN,
    FormatName,
    Parsed,
    ParsedOrPath,
    PathOr,
    Seconds,
    Whole,
    read_bytes,
)
from ffprep.system.files import LEDGER

SOURCES = click.argument("sources", nargs=-1, type=PATH_AS_WRITTEN, metavar="SOURCE...")
NAMES = click.option(
    "--names",
    default="{stem}",
    show_default=True,
    metavar="TEMPLATE",
    help="Of {stem} {parent} {width} {height} {mode} {ext} {n}.",
)
LISTS_AND_SELECTION = options(
    click.option(
        "--sources-from",
        type=PATH_AS_WRITTEN,
        multiple=True,
        metavar="FILE|-",
        help="Sources from a list as well, one a line; - is stdin.",
    ),
    FROM_NULL,
    click.option(
        "--include",
        multiple=True,
        metavar="GLOB",
        help="Take only what matches one of these, such as '*.heic' or '2024/', as in .gitignore.",
    ),
    click.option(
        "--exclude",
        multiple=True,
        metavar="GLOB",
        help="Leave out what matches one of these, such as 'Trash/'; it outweighs --include.",
    ),
    click.option(
        "--since",
        type=ParsedOrPath("WHEN", read_since, names_file),
        help="Only what was changed since: 7d, 12h, 2026-11-01, 2026-11-01T22:00, or since a FILE was.",
    ),
    FOLLOW_LINKS,
)
FILES = section(
    "Sources and outputs",
    SOURCES,
    click.option(
        "-o",
        "--output",
        type=PATH_AS_WRITTEN,
        required=True,
        metavar="OUT",
        help="A file for one SOURCE file, else a folder; folders are mirrored in it.",
    ),
    NAMES,
    LISTS_AND_SELECTION,
)

PICTURE = section(
    "Pictures",
    SIZE_OR_TARGET,
    click.option(
        "--mode",
        metavar="NAME",
        help="How a photo is made to fit: see `ffprep modes`; auto is cover, or pad where that cuts much.  [default: cover]",
    ),
    SCENE,
    FILTERS,
    click.option(
        "--format",
        "format_name",
        type=FormatName([*OUTPUT_FORMATS, "same"]),
        help="What to write.  [default: what OUT's suffix says, else jpeg]",
    ),
    click.option(
        "--quality",
        type=Whole(1, 100),
        default=95,
        show_default=True,
        metavar="N",
        help="On JPEG's familiar scale.",
    ),
    click.option(
        "--subsampling",
        type=click.Choice(["auto", "420", "422", "444"]),
        default="auto",
        show_default=True,
        help="JPEG's chroma; auto is 444 from quality 95 up, else 420.",
    ),
    click.option("--lossless", is_flag=True, help="WebP without loss."),
    click.option(
        "--compression",
        type=Whole(0, 9),
        default=6,
        show_default=True,
        metavar="N",
        help="How hard PNG and WebP are packed; changes no pixels.",
    ),
    click.option(
        "--max-bytes",
        type=Parsed("N", read_bytes),
        help="Lower the quality until the file is no larger, such as 300kB or 4MiB.",
    ),
    COLOUR,
    click.option(
        "--metadata",
        type=click.Choice(["none", "keep-rights"]),
        default="none",
        show_default=True,
        help="Keep copyright, artist, description and capture date; never place or serial numbers.",
    ),
    BACKGROUND,
    FOCUS,
    CROP_BOUNDS,
)

UPSCALE = click.option(
    "--upscale",
    type=click.Choice(["allow", "warn", "fail"]),
    default=Policy().upscale,
    show_default=True,
    help="What becomes of photos smaller than the size asked for.",
)
DAMAGED = click.option(
    "--damaged",
    type=click.Choice(["fail", "keep"]),
    default="fail",
    show_default=True,
    help="What becomes of photos of which a part is missing.",
)
POLICY = section(
    "Limits and leniency",
    DAMAGED,
    UPSCALE,
    click.option("--preserve-times", is_flag=True, help="Give outputs the times of their sources."),
    click.option(
        "--timeout",
        type=Seconds(),
        default=Policy().timeout,
        show_default=True,
        metavar="S",
        help="Seconds a photo may take.",
    ),
    MAX_PIXELS,
    MAX_MEMORY,
)

WORK = section(
    "Work",
    JOBS,
    click.option(
        "--cluster",
        metavar="ADDRESS",
        help="Have a Dask cluster do it: its scheduler's address, such as tcp://scheduler:8786.",
    ),
    click.option(
        "--shard",
        type=Parsed("N/COUNT", Shard.parse),
        help="Convert one of COUNT parts of the photos, from 1; other runs into OUT convert the others.",
    ),
    FFMPEG,
    click.option(
        "--dry-run", is_flag=True, help="Print the ffmpeg command lines; convert nothing."
    ),
    click.option(
        "--depfile",
        type=PATH,
        metavar="FILE",
        help="Write what the outputs depend on, for make's `include`, once all are made.",
    ),
    click.option(
        "--depfile-target",
        metavar="NAME",
        help="What the depfile's rule is for, such as a stamp.  [default: OUT]",
    ),
    CONFIG,
)

WAIT = click.option(
    "--wait",
    type=Seconds(),
    metavar="S",
    help="Wait for another run that holds OUT.  [default: end at once, with exit code 75]",
)
RENEWAL = section(
    "Repeated runs",
    click.option(
        "--ledger",
        type=PathOr("none"),
        metavar="PATH|none",
        help=f"Where to keep what was done.  [default: OUT/{LEDGER}]",
    ),
    click.option("--force", is_flag=True, help="Convert everything, also what is fresh."),
    click.option(
        "--checksum", is_flag=True, help="Compare the files' contents instead of their times."
    ),
    click.option(
        "--adopt",
        is_flag=True,
        help="Take outputs that are there for done, if they verify and are no older than their photo.",
    ),
    click.option(
        "--retry",
        type=click.Choice([Retry.CHANGED.value, Retry.ALWAYS.value]),
        default=RerunOptions().retry.value,
        show_default=True,
        help="Which photos that failed are tried again.",
    ),
    click.option("--retry-failed", is_flag=True, help="Try those that failed, and nothing else."),
    click.option(
        "--prune", is_flag=True, help="Remove unaltered outputs whose photo is gone from SOURCE."
    ),
    WAIT,
    click.option(
        "--fsync",
        is_flag=True,
        help="Have each output on the disk before it counts as done, against loss of power.",
    ),
)

TELLING = section(
    "Reports",
    AS_JSON,
    click.option("--quiet", is_flag=True, help="No bar and no summary; failures are still told."),
    click.option("-v", "--verbose", is_flag=True, help="A line for every photo."),
    click.option(
        "--log-file",
        type=PATH,
        metavar="FILE",
        help="Append a line a photo to FILE, which may be renamed meanwhile.",
    ),
    click.option(
        "--log-format",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Lines for people, or JSON objects like those of --json.",
    ),
    click.option(
        "--summary-file", type=PATH, metavar="FILE", help="Write how the run ended, as JSON."
    ),
    click.option(
        "--metrics-file",
        type=PATH,
        metavar="FILE.prom",
        help="Write the same for node_exporter's textfile collector; a file of its own for each OUT.",
    ),
    click.option(
        "--on-finish",
        metavar="COMMAND",
        help="Run COMMAND in a shell when the run has ended; FFPREP_SUMMARY names the summary.",
    ),
)

NIGHT = section(
    "Leaving room for others",
    click.option(
        "--nice",
        type=Whole(0, 19),
        default=ThrottleOptions().nice,
        metavar="N",
        help="Leave others the processor: add N to the niceness.",
    ),
    click.option("--idle", is_flag=True, help="Leave others the disk (ionice's idle class)."),
    click.option(
        "--max-time",
        type=Seconds(),
        default=ThrottleOptions().max_time,
        metavar="S",
        help="Begin no photo later than this, such as 6h; the next run goes on.",
    ),
    click.option(
        "--max-load",
        type=click.FloatRange(min=0, min_open=True),
        default=ThrottleOptions().max_load,
        metavar="F",
        help="While the load average is F or more, work on one chunk at a time.",
    ),
)

CONVERT = options(FILES, PICTURE, POLICY, RENEWAL, WORK, NIGHT, TELLING)
"""All of them, in the order of the help."""


@click.command("convert", cls=ConfigCommand)
@CONVERT
def convert_parameters(**_: object) -> None:
    """The options of `convert` by themselves, for whoever reads keywords by them."""
