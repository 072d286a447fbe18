"""Options that several commands share, and headings for options in the help."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ffprep.core.geometry import Bounds, Focus, Size
from ffprep.core.mode import Fallback
from ffprep.core.policy import Policy
from ffprep.core.spec import Color
from ffprep.options.types import PATH, Jobs, Parsed, Whole, read_memory, read_share

Value = TypeVar("Value")


def options(*decorators: Callable[[Any], Any]) -> Callable[[Value], Value]:
    """Several click options as one decorator, for commands that share them."""

    def decorate(function: Any) -> Any:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def section(heading: str, *decorators: Callable[[Any], Any]) -> Callable[[Value], Value]:
    """The same, together under a heading in the help of a command `InSections`."""

    def decorate(function: Any) -> Any:
        before = len(getattr(function, "__click_params__", ()))
        function = options(*decorators)(function)
        for param in function.__click_params__[before:]:
            param.heading = heading
        return function

    return decorate


class InSections(click.Command):
    """A command with more options than one list could be searched for one."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under their headings, and under `Options` those that have none."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record:
                sections.setdefault(getattr(param, "heading", "Options"), []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


TARGETS = click.option(
    "--targets", type=PATH, metavar="FILE", multiple=True, help="A file with targets of your own."
)
SIZE_OR_TARGET = options(
    click.option(
        "--size", type=Parsed("WxH", Size.parse), metavar="WxH", help="Width x height in pixels."
    ),
    click.option(
        "--target", metavar="NAME[/SIZE]", help="A named destination: see `ffprep targets`."
    ),
    TARGETS,
)
BACKGROUND = click.option(
    "--background",
    type=Parsed("COLOR", Color.parse),
    default="black",
    show_default=True,
    help="For bars, and under transparency: a CSS name, #rrggbb[aa], or transparent.",
)
FOCUS = click.option(
    "--focus",
    type=Parsed("POINT", Focus.parse),
    default="center",
    show_default=True,
    help="The point that `cover` keeps: center, top, bottom-left, ... or X,Y in fractions.",
)
CROP_BOUNDS = click.option(
    "--crop-bounds",
    type=Parsed("L,T,R,B", Bounds.parse),
    default="0,0,1,1",
    show_default=True,
    help="Cut the upright photo first: left, top, right, bottom edge in fractions.",
)
SCENE = options(
    click.option(
        "--scene",
        metavar="NAME",
        help="Take the mode recommended for it: portrait, landscape, product, art, ui.",
    ),
    click.option(
        "--max-loss",
        type=Parsed("F", read_share),
        help="What `--mode auto` and `--scene landscape` may cut of a photo's area; else they pad.  "
        f"[default: {Fallback.__dataclass_fields__['max_loss'].default}]",
    ),
)
FFMPEG = click.option(
    "--ffmpeg", metavar="PATH", help="Instead of FFPREP_FFMPEG and the embedded one."
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout.")
FILTERS = click.option(
    "--filters", type=PATH, metavar="DIR", multiple=True, help="A folder with modes of your own."
)
JOBS = click.option(
    "--jobs", type=Jobs(), default="auto", show_default=True, help="How many photos at a time."
)
MAX_MEMORY = click.option(
    "--max-memory",
    type=Parsed("N", read_memory),
    default=str(Policy().max_memory),
    show_default=True,
    help="What one photo may take, such as 800MB.",
)
MAX_PIXELS = click.option(
    "--max-pixels",
    type=Whole(min=1),
    default=Policy().max_pixels,
    show_default=True,
    metavar="N",
    help="Refuse photos of more than this many pixels.",
)
COLOUR = click.option(
    "--colour",
    "--color",
    "colour",
    type=click.Choice(["srgb", "keep"]),
    default="srgb",
    show_default=True,
    help="Convert to sRGB, or keep the pixels' values and carry their ICC profile.",
)
FOLLOW_LINKS = click.option(
    "--follow-links",
    is_flag=True,
    help="In folders, follow links to folders, and links that lead out of them.",
)
FROM_NULL = click.option(
    "-0",
    "--null",
    "from_null",
    is_flag=True,
    help="Names in lists end in NUL, as `find -print0` writes them; where no list is named, it is stdin.",
)
