"""The options of `compare`, and what they are parsed into."""

from collections.abc import Mapping
from typing import Any

import click

from ffprep.config.modes import all_modes, choose_modes
from ffprep.core.formats import WRITABLE_SUFFIXES
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from ffprep.errors import UsageError
from ffprep.options import shared
from ffprep.options.command import option, parameters, picked
from ffprep.options.frame import filter_folders, read_overrides, read_target, suffix_format
from ffprep.options.types import PATH, TEXT, Repeatable, Whole
from ffprep.record import replace
from ffprep.run.sheets import SheetOptions

_MOST_COLUMNS = 20

compare_parameters = parameters(
    "compare",
    click.argument("paths", nargs=-1, required=True, type=PATH, metavar="PHOTO..."),
    option(
        "-o, --output SHEET",
        PATH,
        "A picture file; of several pages, each has a number: sheet-01.jpg.",
        required=True,
    ),
    shared.SIZE_OR_TARGET,
    option(
        "--mode NAME",
        TEXT,
        "Show this mode; or several. Of several photos, each has a cell, or with several "
        "modes a row.  [default: all modes of one photo, cover of several]",
        dest="modes",
        cls=Repeatable,
        complete="modes",
    ),
    option(
        "--columns",
        Whole(1, _MOST_COLUMNS),
        "Pictures in a row.  [default: as many as are large enough]",
    ),
    shared.FRAME,
    shared.BACKGROUND,
    shared.FOCUS,
    shared.CROP_BOUNDS,
    shared.WALK,
    shared.JOBS,
    shared.LIMITS,
    shared.MODES_DIR,
    shared.FFMPEG,
)


def read_compare(params: Mapping[str, Any]) -> SheetOptions:
    """Parse the parameters of `compare`. Raise UsageError, EnvironmentFault."""
    folders = filter_folders(params["modes_dir"])
    size = read_target(params["size"], params["target"], params["targets_file"]).only_size
    limits = picked(params, "max_pixels max_memory")
    read = SheetOptions(
        paths=tuple(params["paths"]),
        size=size,
        specs=(),
        overrides=read_overrides(params),
        policy=Policy(upscale="allow", max_cut="allow", **limits),
        default_excludes=not params["no_default_excludes"],
        **picked(params, "output jobs columns follow_links ffmpeg"),
    )
    names = params["modes"] or (None,)
    modes = [choose_modes(name, None, None, folders) for name in names]
    if read.single and not params["modes"]:
        modes = [(mode, None) for mode in all_modes(folders)]
    if read.columns and len(modes) > 1 and not read.single:
        raise UsageError("--columns is for one --mode: with several, each photo has a row")
    format = suffix_format(params["output"])
    if format is None:
        words = "a sheet is a picture file; its name ends in one of"
        raise UsageError(f"{params['output']}: {words} {WRITABLE_SUFFIXES}")
    framed = Spec(
        size=size,
        mode=modes[0][0],
        format=format,
        bounds=params["crop_bounds"],
        **picked(params, "background focus frame"),
    )
    return replace(read, specs=tuple(framed.in_modes(*each) for each in modes))
