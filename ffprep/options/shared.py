"""Options that several commands share, and sections of options in the help."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.geometry import Bounds, read_focus
from ffprep.core.mode import MAX_LOSS
from ffprep.core.policy import Policy
from ffprep.core.spec import Color
from ffprep.library.selection import names_file, read_since
from ffprep.options.command import flag, option, options, section
from ffprep.options.types import (
    PATH,
    PATH_AS_WRITTEN,
    SECONDS,
    TEXT,
    FormatName,
    Once,
    OneOf,
    Parsed,
    Renamed,
    Repeatable,
    Whole,
    read_bytes,
    read_frame_size,
    read_jobs,
    read_memory,
    read_share,
)

if TYPE_CHECKING:
    from ffprep.core.film import FilmFrame

TARGETS_FILE = option(
    "--targets-file, --targets",
    PATH,
    "A TOML file with more targets.",
    dest="targets_file",
    cls=Renamed,
    multiple=True,
)
_WXH = Parsed("WxH", read_frame_size)
_WIDTH_AND_HEIGHT = (
    "Width and height in pixels, such as 1280x720; or by name: 720p (1280x720), 1080p (1920x1080), "
    "4k (3840x2160), portrait_720p (720x1280), square_1080p (1080x1080)"
)


def _frame(sizes: str = "", targets: str = "") -> Callable[[Any], Any]:
    """Return the options for a size or a target; the help says what several do, if they may be."""
    return options(
        option("--size", _WXH, f"{_WIDTH_AND_HEIGHT}{sizes}.", cls=Repeatable if sizes else Once),
        option(
            "--target NAME[/SIZE]",
            TEXT,
            f"Size and rules of a service (see `ffprep targets`){targets}.",
            complete="targets",
            cls=Repeatable if targets else Once,
        ),
        TARGETS_FILE,
    )


SIZE_OR_TARGET = _frame()
SIZES_OR_TARGET = _frame("; or several, of which each picture has one")
SIZES_OR_TARGETS = _frame(
    "; several make a picture of each size, in a folder of its own", "; or several"
)
FRAMES = _frame("; or several", "; or several")
BACKGROUND = option(
    "--background",
    Parsed("COLOR", Color.parse),
    "Color of bars and behind transparency; a CSS name, #rrggbb[aa], or transparent.",
    default="black",
)
FOCUS = option(
    "--focus",
    Parsed("POINT", read_focus),
    "What cover keeps: center, top, faces, X,Y, ...; also bottom-left, north, ... X,Y are "
    "fractions. Pad and blur place the photo there.",
    complete="focus",
    default="center",
)
CROP_BOUNDS = option(
    "--crop-bounds",
    Parsed("L,T,R,B", Bounds.parse),
    "Crop the upright photo first, to these edges: left, top, right, bottom, as fractions.",
    default="0,0,1,1",
)
MULTIPLE_OF = option(
    "--multiple-of", Whole(1), "With --mode fit: make both sides multiples of N.  [default: 1]"
)
SCENE = options(
    option(
        "--scene NAME",
        TEXT,
        "Use the mode recommended for portrait, landscape, product, art or ui.",
        complete="scenes",
    ),
    option(
        "--max-loss",
        Parsed("F", read_share),
        "How much of a photo's area `--mode auto` and `--scene landscape` may cut before they "
        "pad instead.  "
        f"[default: {MAX_LOSS}]",
    ),
)
FFMPEG = option(
    "--ffmpeg PATH",
    TEXT,
    "Path of the ffmpeg to use.  [default: FFPREP_FFMPEG, else the embedded one]",
)
AS_JSON = flag("--json", "Print JSON objects on stdout, one per line.", dest="as_json")
WAIT = option(
    "--wait",
    SECONDS,
    "Wait up to S for another run into OUT.  [default: exit at once with code 75]",
)
MODES_DIR = option(
    "--modes-dir, --filters DIR",
    PATH,
    "A folder with more modes.",
    dest="modes_dir",
    cls=Renamed,
    multiple=True,
)
JOBS = option(
    "--jobs", Parsed("N|AUTO", read_jobs), "How many photos to work on at a time.", default="auto"
)
MAX_MEMORY = option(
    "--max-memory",
    Parsed("N", read_memory),
    "Memory limit for one photo, such as 800MB.",
    default=str(Policy().max_memory),
)
MAX_PIXELS = option(
    "--max-pixels",
    Whole(min=1),
    "Refuse photos with more pixels than this.",
    default=Policy().max_pixels,
)
COLOUR = option(
    "--colour, --color",
    OneOf(["srgb", "keep"]),
    "Convert to sRGB, or keep pixel values and ICC profile.",
    dest="colour",
    default="srgb",
)
FOLLOW_LINKS = flag(
    "--follow-links", "In folders, follow links to folders and links that lead outside."
)


def _read_frame(text: str) -> "FilmFrame":
    from ffprep.core.film import FilmFrame

    return FilmFrame.parse(text)


FRAME = option(
    "--frame first|last|SECONDS",
    Parsed("FRAME", _read_frame),
    "Read films, too; this frame of MP4, MOV, MKV, WebM, AVI and GIF.",
    complete="frames",
)
FROM_NULL = flag(
    "-0, --null",
    "Lists are separated by NUL, as `find -print0` writes them; without a list, read one "
    "from stdin.",
    dest="from_null",
)
NO_DEFAULT_EXCLUDES = flag(
    "--no-default-excludes",
    "Enter also folders that NAS systems and photo programs leave, such as @eaDir/.",
)
WALK = options(NO_DEFAULT_EXCLUDES, FOLLOW_LINKS)
LIMITS = options(MAX_PIXELS, MAX_MEMORY)
LISTS_AND_SELECTION = options(
    option(
        "--sources-from FILE|-",
        PATH_AS_WRITTEN,
        "Read more sources from a list, one per line; - is stdin.",
        multiple=True,
    ),
    FROM_NULL,
    option(
        "--include GLOB",
        TEXT,
        "Convert only files that match, such as '*.heic' or '2024/', as in .gitignore.",
        multiple=True,
    ),
    option(
        "--exclude GLOB",
        TEXT,
        "Skip files that match, such as 'Trash/'; this wins over --include.",
        multiple=True,
    ),
    option(
        "--since",
        Parsed("WHEN", read_since, names_file),
        "Only files modified since: 7d, 12h, 2026-11-01, 2026-11-01T22:00, "
        "or since the modification of a FILE.",
    ),
    WALK,
)
_PICTURES = options(
    option(
        "--mode NAME",
        TEXT,
        "How photos fit the frame: cover, pad, blur, auto, ...; see `ffprep modes`. auto is "
        "cover, or pad if cover would cut too much; fit computes the size.  [default: cover]",
        complete="modes",
    ),
    MULTIPLE_OF,
    SCENE,
    MODES_DIR,
    option(
        "--format",
        FormatName([*OUTPUT_FORMATS, "same"]),
        "jpeg, png, webp, avif, jxl, or same as the photo.  [default: by suffix of OUT, else jpeg]",
        dest="format_name",
    ),
    option(
        "--quality",
        Whole(1, 100),
        "Quality of JPEG, WebP, AVIF and JPEG XL; on the usual scale of JPEG.",
        default=95,
    ),
    option(
        "--subsampling",
        OneOf(["auto", "420", "422", "444"]),
        "Chroma subsampling of JPEG and AVIF; auto is 444 from quality 95, else 420.",
        default="auto",
    ),
    option(
        "--depth",
        OneOf([8, 10]),
        "Bits of a channel in AVIF; 10 avoids visible steps in skies and shadows.",
        default=8,
    ),
    flag("--optimize", "Make JPEGs 2 to 7 % smaller with the same pixels; takes more time."),
    flag(
        "--fast",
        "Decode JPEGs at half of their size or less where outputs are smaller still; loses a "
        "little sharpness. Needs TurboJPEG.",
    ),
    flag("--sharpen", "Sharpen outputs a little, after scaling, without halos."),
    flag("--lossless", "Write lossless WebP, AVIF or JPEG XL."),
    option(
        "--compression",
        Whole(0, 9),
        "Compression effort of all formats but JPEG: smaller files, more time.",
        default=6,
    ),
    option(
        "--max-bytes",
        Parsed("N", read_bytes),
        "Lower the quality until the file fits, for example 300kB or 4MiB.",
    ),
    COLOUR,
    option(
        "--metadata",
        OneOf(["none", "keep-rights", "keep-no-place", "keep"]),
        "keep-rights: copyright, artist, description and capture date. keep-no-place: also "
        "camera, exposure and keywords, never places or serial numbers. keep: all EXIF, XMP, IPTC.",
        default="none",
    ),
    option(
        "--date",
        OneOf(["auto", "keep"]),
        "keep: write the capture date into outputs, whatever --metadata is; --preserve-times "
        "is for the times of files.",
        default="auto",
    ),
    BACKGROUND,
    FOCUS,
    CROP_BOUNDS,
)
PICTURE = section("Pictures", SIZE_OR_TARGET, _PICTURES)
"""All of them, for one picture of a photo."""
PICTURES = section("Pictures", SIZES_OR_TARGETS, _PICTURES)
"""The same with several sizes or targets."""
