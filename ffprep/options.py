"""The options of `ffprep convert`, by what they are about."""

import click

from ffprep.formats import OUTPUT_FORMATS
from ffprep.job import Policy
from ffprep.params import (
    AS_JSON,
    BACKGROUND,
    COLOUR,
    FFMPEG,
    FILTERS,
    FOCUS,
    FOLLOW_LINKS,
    FROM_STDIN,
    JOBS,
    MAX_MEMORY,
    MAX_PIXELS,
    PATH,
    PATH_AS_WRITTEN,
    SIZE_OR_TARGET,
    Parsed,
    PathOr,
    Seconds,
    options,
    read_bytes,
)
from ffprep.settings import CONFIG

FILES = options(
    click.argument("sources", nargs=-1, type=PATH_AS_WRITTEN, metavar="SOURCE..."),
    click.option(
        "-o",
        "--output",
        type=PATH_AS_WRITTEN,
        required=True,
        metavar="OUT",
        help="A file for one SOURCE file, else a folder; folders are mirrored in it.",
    ),
    click.option(
        "--names",
        default="{stem}",
        show_default=True,
        metavar="TEMPLATE",
        help="Of {stem} {parent} {width} {height} {mode} {ext} {n}.",
    ),
    FROM_STDIN,
    FOLLOW_LINKS,
)
"""What is read, and where to."""

PICTURE = options(
    SIZE_OR_TARGET,
    click.option("--mode", default="cover", show_default=True, help="See `ffprep modes`."),
    FILTERS,
    click.option(
        "--format",
        "format_name",
        type=click.Choice([*OUTPUT_FORMATS, "same"]),
        help="Default: what OUT's suffix says, else jpeg.",
    ),
    click.option(
        "--quality",
        type=click.IntRange(1, 100),
        default=95,
        show_default=True,
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
        type=click.IntRange(0, 9),
        default=6,
        show_default=True,
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
)
"""What an output must be."""

POLICY = options(
    click.option(
        "--damaged",
        type=click.Choice(["fail", "keep"]),
        default="fail",
        show_default=True,
        help="What becomes of photos of which a part is missing.",
    ),
    click.option(
        "--upscale",
        type=click.Choice(["allow", "warn", "fail"]),
        default=Policy().upscale,
        show_default=True,
        help="What becomes of photos smaller than the size asked for.",
    ),
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
"""What a run permits itself."""

WORK = options(
    JOBS,
    FFMPEG,
    click.option(
        "--dry-run", is_flag=True, help="Print the ffmpeg command lines; convert nothing."
    ),
    CONFIG,
)
"""How it is done."""

LEDGER = options(
    click.option(
        "--ledger",
        type=PathOr("none"),
        metavar="PATH|none",
        help="Where is remembered what was done.  [default: OUT/.ffprep/ledger.db]",
    ),
    click.option("--force", is_flag=True, help="Convert also what is fresh."),
    click.option(
        "--checksum", is_flag=True, help="Compare the files' contents instead of their times."
    ),
    click.option(
        "--adopt",
        is_flag=True,
        help="Take outputs that are there, and verify, for done; not those older than their photo.",
    ),
    click.option(
        "--retry",
        type=click.Choice(["changed", "always"]),
        default="changed",
        show_default=True,
        help="Which photos that failed are tried again.",
    ),
    click.option("--retry-failed", is_flag=True, help="Try those that failed, and nothing else."),
    click.option(
        "--prune", is_flag=True, help="Remove unaltered outputs whose photo is gone from SOURCE."
    ),
    click.option(
        "--wait",
        type=Seconds(),
        metavar="S",
        help="Wait for another run that holds OUT.  [default: end at once with 75]",
    ),
    click.option(
        "--fsync",
        is_flag=True,
        help="Have each output on the disk before it counts as done, against loss of power.",
    ),
)
"""What is remembered, and what is done again."""

TELLING = options(
    AS_JSON,
    click.option("--quiet", is_flag=True, help="No bar and no summary; failures are still told."),
    click.option("-v", "--verbose", is_flag=True, help="A line for every photo."),
    click.option("--log-file", type=PATH, metavar="FILE", help="Append what was done to FILE."),
)
"""What is told, and where."""

CONVERT = options(FILES, PICTURE, POLICY, LEDGER, WORK, TELLING)
"""All of them, in the order of the help."""
