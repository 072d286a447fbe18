"""The options of `compare`, and what they are parsed into."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ffprep.config.modes import all_modes
from ffprep.config.sidecars import PhotoOverrides
from ffprep.core.formats import WRITABLE_SUFFIXES, OutputFormat
from ffprep.core.mode import Mode
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from ffprep.errors import UsageError
from ffprep.options.frame import filter_folders, read_overrides, read_target, suffix_format
from ffprep.options.shared import (
    BACKGROUND,
    CROP_BOUNDS,
    FFMPEG,
    FOCUS,
    FRAME,
    MAX_MEMORY,
    MAX_PIXELS,
    MODES_DIR,
    SIZE_OR_TARGET,
    options,
)
from ffprep.options.types import PATH
from ffprep.record import Record

COMPARE = options(
    click.argument("photo", type=PATH),
    click.option(
        "-o", "--output", type=PATH, required=True, metavar="SHEET", help="A picture file."
    ),
    SIZE_OR_TARGET,
    FRAME,
    BACKGROUND,
    FOCUS,
    CROP_BOUNDS,
    MAX_PIXELS,
    MAX_MEMORY,
    MODES_DIR,
    FFMPEG,
)


class CompareOptions(Record):
    """All options of `compare`.

    `spec` is that of each picture on the sheet, in the first of `modes`.
    """

    photo: Path
    output: Path
    spec: Spec
    modes: list[Mode]
    overrides: PhotoOverrides
    policy: Policy
    ffmpeg: str | None = None


def read_compare(params: Mapping[str, Any]) -> CompareOptions:
    """Parse the parameters of `compare`. Raise UsageError, EnvironmentFault."""
    modes = list(all_modes(filter_folders(params["modes_dir"])))
    photo, output = params["photo"], params["output"]
    spec = Spec(
        mode=modes[0],
        format=_sheet_format(photo, output),
        size=read_target(params["size"], params["target"], params["targets_file"]).only_size,
        background=params["background"],
        focus=params["focus"],
        bounds=params["crop_bounds"],
        frame=params["frame"],
    )
    limits = {"max_pixels": params["max_pixels"], "max_memory": params["max_memory"]}
    policy = Policy(upscale="allow", max_cut="allow", **limits)
    return CompareOptions(
        photo, output, spec, modes, read_overrides(params), policy, params["ffmpeg"]
    )


def _sheet_format(photo: Path, output: Path) -> OutputFormat:
    format = suffix_format(output)
    if format is None:
        words = "a sheet is a picture file; its name ends in one of"
        raise UsageError(f"{output}: {words} {WRITABLE_SUFFIXES}")
    if os.path.exists(output) and os.path.exists(photo) and os.path.samefile(photo, output):
        raise UsageError(f"{output} is the photo itself, and sources are never overwritten")
    return format
