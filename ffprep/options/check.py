"""The options of `check` and `info`, and what is made of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from ffprep.core.policy import Policy
from ffprep.core.target import Target
from ffprep.options import shared
from ffprep.options.command import flag, parameters, picked
from ffprep.options.frame import filter_folders, read_frames, read_overrides, read_target
from ffprep.options.types import LOCATION
from ffprep.run.inspect import Inspection

if TYPE_CHECKING:
    from ffprep.run.describe import InfoContent

_PATHS = click.argument("paths", nargs=-1, required=True, type=LOCATION, metavar="PATH...")
check_parameters = parameters(
    "check", _PATHS, shared.SIZES_OR_TARGET, shared.WALK, shared.JOBS, shared.LIMITS, shared.AS_JSON
)
info_parameters = parameters(
    "info",
    _PATHS,
    shared.FRAMES,
    shared.FRAME,
    shared.WALK,
    shared.SCENE,
    shared.FOCUS,
    shared.CROP_BOUNDS,
    shared.MODES_DIR,
    flag("--faces", "Count faces; warn if the target refuses pictures of people."),
    shared.JOBS,
    shared.LIMITS,
    shared.AS_JSON,
)


def read_check(params: Mapping[str, Any]) -> tuple[Inspection, Target]:
    """Return which pictures to check, and the rules. Raise UsageError, EnvironmentFault."""
    sizes, name = params["size"], params["target"]
    target = Target.of(*sizes)
    if len(sizes) < 2 or name is not None:
        target = read_target(sizes[0] if sizes else None, name, params["targets_file"])
    return _inspection(params), target


def read_info(params: Mapping[str, Any]) -> "tuple[Inspection, InfoContent]":
    """Return which pictures to read, and what to show. Raise UsageError, EnvironmentFault."""
    from ffprep.config.modes import all_modes
    from ffprep.core.mode import Fit
    from ffprep.run.describe import InfoContent

    frames = read_frames(params)
    modes = list(all_modes(filter_folders(params["modes_dir"]))) if frames else []
    if params["target"]:  # which decides the size
        modes = [mode for mode in modes if mode.fit is not Fit.INSIDE]
    names = params["target"] if params["faces"] else ()
    targets = [read_target(None, name, params["targets_file"]) for name in names]
    content = InfoContent(
        frames=frames,
        modes=modes,
        overrides=read_overrides(params),
        film_frame=params["frame"],
        faces=params["faces"],
        refusals=tuple(filter(None, (target.refusal_of_faces for target in targets))),
    )
    return _inspection(params), content


def _inspection(params: Mapping[str, Any]) -> Inspection:
    return Inspection(
        paths=tuple(params["paths"]),
        follow_links=params["follow_links"],
        policy=Policy(**picked(params, "max_pixels max_memory")),
        workers=params["jobs"],
        default_excludes=not params["no_default_excludes"],
        films=params.get("frame") is not None,
    )
