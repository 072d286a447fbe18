"""Options that several commands share, and sections of options in the help."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ffprep.core.geometry import Bounds, read_focus
from ffprep.core.mode import MAX_LOSS
from ffprep.core.policy import Policy
from ffprep.core.spec import Color
from ffprep.library.selection import names_file, read_since
from ffprep.options.types import (
    PATH,
    PATH_AS_WRITTEN,
    SECONDS,
    Once,
    OneOf,
    Parsed,
    Renamed,
    Repeatable,
    Whole,
    completed_by,
    read_frame_size,
    read_jobs,
    read_memory,
    read_share,
    with_implied_values,
)

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ffprep.core.film import FilmFrame

Value = TypeVar("Value")


def options(*decorators: Callable[[Any], Any]) -> Callable[[Value], Value]:
    """Return several click options as one decorator."""

    def decorate(function: Any) -> Any:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def section(heading: str, *decorators: Callable[[Any], Any]) -> Callable[[Value], Value]:
    """Return several click options as one decorator, under a heading in the help."""

    def decorate(function: Any) -> Any:
        before = len(getattr(function, "__click_params__", ()))
        function = options(*decorators)(function)
        for param in function.__click_params__[before:]:
            param.heading = heading
        return function

    return decorate


class WithExamples(click.Command):
    """A command whose help has examples first: `examples` maps command lines to what they do."""

    def __init__(
        self, *args: Any, examples: Mapping[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples or {}

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the first sentence of the help, whole: it may take two lines in a list."""
        return (self.help or "").partition("\n")[0]

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the command does, and the examples."""
        from ffprep.options.help import write_examples

        super().format_help_text(ctx, formatter)
        write_examples(formatter, self.examples)


class DocumentedCommand(WithExamples):
    """A command whose help lists the options in sections.

    With `short`, a few options with a line for each, `-h` prints one screen: the first examples and
    these options.
    """

    def __init__(self, *args: Any, short: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.short = short or {}

    def get_help_option_names(self, ctx: click.Context) -> list[str]:
        """Return the names of the option that prints everything."""
        names = super().get_help_option_names(ctx)
        return [name for name in names if not self.short or name.startswith("--")]

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters, with `-h` if it differs from `--help`."""
        params = super().get_params(ctx)
        return [*params, _SHORT_HELP] if self.short else params

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem[str]]":
        """Complete names of options, but not earlier names of an option."""
        earlier = {name for p in self.params if isinstance(p, Renamed) for name in p.opts[1:]}
        found = super().shell_complete(ctx, incomplete)
        return [item for item in found if item.value not in earlier]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse a command line. Some options may omit their value."""
        return super().parse_args(ctx, with_implied_values(self, args))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under their headings, and the others under `Options`."""
        from ffprep.options.help import sections

        for heading, records in sections(self, ctx).items():
            with formatter.section(heading):
                formatter.write_dl(records)


def _print_short_help(ctx: click.Context, _param: click.Parameter, given: bool) -> None:
    if given and not ctx.resilient_parsing:
        from ffprep.options.help import short_help

        click.echo(short_help(ctx))
        ctx.exit()


_SHORT_HELP = click.Option(
    ["-h"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_short_help,
    help="Show the options to know, on one screen, and exit.",
)


TARGETS_FILE = click.option(
    "--targets-file",
    "--targets",
    "targets_file",
    cls=Renamed,
    type=PATH,
    multiple=True,
    help="A TOML file with more targets.",
)
_WXH = Parsed("WxH", read_frame_size)
_WIDTH_AND_HEIGHT = (
    "Width and height in pixels, such as 1280x720, or by name: 720p (1280x720), 1080p (1920x1080), "
    "4k (3840x2160), portrait_720p (720x1280), square_1080p (1080x1080)"
)
_NAME: dict[str, Any] = {"metavar": "NAME[/SIZE]", "shell_complete": completed_by("targets")}
_NAMED = "The size and rules of a named destination: see `ffprep targets`"


def _sizes(several: str) -> Callable[[Any], Any]:
    """Return the option for several sizes; the help says what several do."""
    words = f"{_WIDTH_AND_HEIGHT}; {several}."
    return click.option("--size", cls=Repeatable, multiple=True, type=_WXH, help=words)


_SIZE = click.option("--size", cls=Once, type=_WXH, help=f"{_WIDTH_AND_HEIGHT}.")
_TARGET = click.option("--target", cls=Once, **_NAME, help=f"{_NAMED}.")
_TARGET_NAMES = click.option(
    "--target", cls=Repeatable, multiple=True, **_NAME, help=f"{_NAMED}; or several."
)
SIZE_OR_TARGET = options(_SIZE, _TARGET, TARGETS_FILE)
SIZES_OR_TARGET = options(
    _sizes("or several, of which each picture has one"), _TARGET, TARGETS_FILE
)
SIZES_OR_TARGETS = options(
    _sizes("several make a picture of each size, in a folder of its own"),
    _TARGET_NAMES,
    TARGETS_FILE,
)
FRAMES = options(_sizes("or several"), _TARGET_NAMES, TARGETS_FILE)
BACKGROUND = click.option(
    "--background",
    type=Parsed("COLOR", Color.parse),
    default="black",
    help="Color of bars and behind transparency: a CSS name, #rrggbb[aa], or transparent.",
)
FOCUS = click.option(
    "--focus",
    type=Parsed("POINT", read_focus),
    shell_complete=completed_by("focus"),
    default="center",
    help="What cover keeps in the frame, and where pad and blur place the photo: center, top, "
    "bottom-left, north, ... or X,Y as fractions; or faces, which cover keeps.",
)
CROP_BOUNDS = click.option(
    "--crop-bounds",
    type=Parsed("L,T,R,B", Bounds.parse),
    default="0,0,1,1",
    help="Crop the upright photo first, to these edges: left, top, right, bottom, as fractions.",
)
MULTIPLE_OF = click.option(
    "--multiple-of",
    type=Whole(1),
    help="With --mode fit: make both sides multiples of N.  [default: 1]",
)
SCENE = options(
    click.option(
        "--scene",
        metavar="NAME",
        shell_complete=completed_by("scenes"),
        help="Use the mode recommended for portrait, landscape, product, art or ui.",
    ),
    click.option(
        "--max-loss",
        type=Parsed("F", read_share),
        help="How much of a photo's area `--mode auto` and `--scene landscape` may cut before they "
        "pad instead.  "
        f"[default: {MAX_LOSS}]",
    ),
)
FFMPEG = click.option(
    "--ffmpeg",
    metavar="PATH",
    help="Path of the ffmpeg to use.  [default: FFPREP_FFMPEG, else the embedded one]",
)
AS_JSON = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON objects on stdout, one per line."
)
WAIT = click.option(
    "--wait",
    type=SECONDS,
    help="Wait up to S for another run into OUT.  [default: exit at once with code 75]",
)
MODES_DIR = click.option(
    "--modes-dir",
    "--filters",
    "modes_dir",
    cls=Renamed,
    type=PATH,
    metavar="DIR",
    multiple=True,
    help="A folder with more modes.",
)
JOBS = click.option(
    "--jobs",
    type=Parsed("N|AUTO", read_jobs),
    default="auto",
    help="How many photos to work on at a time.",
)
MAX_MEMORY = click.option(
    "--max-memory",
    type=Parsed("N", read_memory),
    default=str(Policy().max_memory),
    help="Memory limit for one photo, such as 800MB.",
)
MAX_PIXELS = click.option(
    "--max-pixels",
    type=Whole(min=1),
    default=Policy().max_pixels,
    help="Refuse photos with more pixels than this.",
)
COLOUR = click.option(
    "--colour",
    "--color",
    "colour",
    type=OneOf(["srgb", "keep"]),
    default="srgb",
    help="Convert to sRGB, or keep pixel values and ICC profile.",
)
FOLLOW_LINKS = click.option(
    "--follow-links",
    is_flag=True,
    help="In folders, follow links to folders and links that lead outside.",
)


def _read_frame(text: str) -> "FilmFrame":
    from ffprep.core.film import FilmFrame

    return FilmFrame.parse(text)


FRAME = click.option(
    "--frame",
    type=Parsed("FRAME", _read_frame),
    metavar="first|last|SECONDS",
    shell_complete=completed_by("frames"),
    help="Read films, too: this frame of MP4, MOV, MKV, WebM, AVI and GIF.",
)
FROM_NULL = click.option(
    "-0",
    "--null",
    "from_null",
    is_flag=True,
    help="Lists are separated by NUL, as `find -print0` writes them; without a list, read one "
    "from stdin.",
)
NO_DEFAULT_EXCLUDES = click.option(
    "--no-default-excludes",
    is_flag=True,
    help="Enter also folders that NAS systems and photo programs leave, such as @eaDir/.",
)
LISTS_AND_SELECTION = options(
    click.option(
        "--sources-from",
        type=PATH_AS_WRITTEN,
        multiple=True,
        metavar="FILE|-",
        help="Read more sources from a list, one per line; - is stdin.",
    ),
    FROM_NULL,
    click.option(
        "--include",
        multiple=True,
        metavar="GLOB",
        help="Convert only files that match, such as '*.heic' or '2024/', as in .gitignore.",
    ),
    click.option(
        "--exclude",
        multiple=True,
        metavar="GLOB",
        help="Skip files that match, such as 'Trash/'; this wins over --include.",
    ),
    click.option(
        "--since",
        type=Parsed("WHEN", read_since, names_file),
        help="Only files modified since: 7d, 12h, 2026-11-01, 2026-11-01T22:00, "
        "or since the modification of a FILE.",
    ),
    NO_DEFAULT_EXCLUDES,
    FOLLOW_LINKS,
)
