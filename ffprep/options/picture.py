"""The options that say which picture is made of a photo, as click declares them."""

import click

from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.options.shared import (
    BACKGROUND,
    COLOUR,
    CROP_BOUNDS,
    FOCUS,
    MODES_DIR,
    MULTIPLE_OF,
    SCENE,
    SIZE_OR_TARGET,
    SIZES_OR_TARGETS,
    options,
    section,
)
from ffprep.options.types import FormatName, OneOf, Parsed, Whole, completed_by, read_bytes

_HOW = options(
    click.option(
        "--mode",
        metavar="NAME",
        shell_complete=completed_by("modes"),
        help="How to fit a photo into the frame: see `ffprep modes`. auto is cover, "
        "or pad if cover would cut too much; fit computes the size.  [default: cover]",
    ),
    MULTIPLE_OF,
    SCENE,
    MODES_DIR,
    click.option(
        "--format",
        "format_name",
        type=FormatName([*OUTPUT_FORMATS, "same"]),
        help="Output format (jxl is jpegxl); same is that of the photo.  [default: by suffix of "
        "OUT, else jpeg]",
    ),
    click.option(
        "--quality",
        type=Whole(1, 100),
        default=95,
        help="Quality of JPEG, WebP, AVIF and JPEG XL, on the usual scale of JPEG.",
    ),
    click.option(
        "--subsampling",
        type=OneOf(["auto", "420", "422", "444"]),
        default="auto",
        help="Chroma subsampling of JPEG and AVIF; auto is 444 from quality 95, else 420.",
    ),
    click.option(
        "--depth",
        type=OneOf([8, 10]),
        default=8,
        help="Bits of a channel in AVIF; 10 avoids visible steps in skies and shadows.",
    ),
    click.option(
        "--optimize",
        is_flag=True,
        help="Make JPEGs 2 to 7 % smaller with the same pixels; takes more time.",
    ),
    click.option(
        "--fast",
        is_flag=True,
        help="Decode JPEGs at half of their size or less where outputs are smaller still; loses a "
        "little sharpness. Needs TurboJPEG.",
    ),
    click.option(
        "--sharpen", is_flag=True, help="Sharpen outputs a little, after scaling, without halos."
    ),
    click.option("--lossless", is_flag=True, help="Write lossless WebP, AVIF or JPEG XL."),
    click.option(
        "--compression",
        type=Whole(0, 9),
        default=6,
        help="Compression effort of all formats but JPEG: smaller files, more time.",
    ),
    click.option(
        "--max-bytes",
        type=Parsed("N", read_bytes),
        help="Lower the quality until the file fits, for example 300kB or 4MiB.",
    ),
    COLOUR,
    click.option(
        "--metadata",
        type=OneOf(["none", "keep-rights", "keep-no-place", "keep"]),
        default="none",
        help="keep-rights: copyright, artist, description and capture date. keep-no-place: also "
        "camera, exposure and keywords, never places or serial numbers. keep: all EXIF, XMP, IPTC.",
    ),
    click.option(
        "--date",
        type=OneOf(["auto", "keep"]),
        default="auto",
        help="keep: write the capture date into outputs, whatever --metadata is; --preserve-times "
        "is for the times of files.",
    ),
    BACKGROUND,
    FOCUS,
    CROP_BOUNDS,
)
PICTURE = section("Pictures", SIZE_OR_TARGET, _HOW)
"""All of them, for one picture of a photo."""
PICTURES = section("Pictures", SIZES_OR_TARGETS, _HOW)
"""The same with several sizes or targets."""
