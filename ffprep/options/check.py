"""The options of `check` and `info`, and what they are parsed into."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from ffprep.core.location import Location
from ffprep.core.policy import Policy
from ffprep.core.target import Target
from ffprep.options import shared
from ffprep.options.command import flag, options
from ffprep.options.frame import filter_folders, read_frames, read_overrides, read_target
from ffprep.options.types import LOCATION
from ffprep.record import Record

if TYPE_CHECKING:
    from ffprep.run.describe import InfoContent
    from ffprep.run.inspect import Inspection

_PATHS = click.argument("paths", nargs=-1, required=True, type=LOCATION, metavar="PATH...")
CHECK = options(
    _PATHS,
    shared.SIZES_OR_TARGET,
    shared.NO_DEFAULT_EXCLUDES,
    shared.FOLLOW_LINKS,
    shared.JOBS,
    shared.MAX_PIXELS,
    shared.MAX_MEMORY,
    shared.AS_JSON,
)
INFO = options(
    _PATHS,
    shared.FRAMES,
    shared.FRAME,
    shared.NO_DEFAULT_EXCLUDES,
    shared.FOLLOW_LINKS,
    shared.SCENE,
    shared.FOCUS,
    shared.CROP_BOUNDS,
    shared.MODES_DIR,
    flag("--faces", "Count faces, and warn if the target refuses pictures of people."),
    shared.JOBS,
    shared.MAX_PIXELS,
    shared.MAX_MEMORY,
    shared.AS_JSON,
)


@click.command("check")
@CHECK
def check_parameters(**_: object) -> None:
    """Declare the options of `check`, for the Python function of that name."""


@click.command("info")
@INFO
def info_parameters(**_: object) -> None:
    """Declare the options of `info`, for the Python function of that name."""


class InspectOptions(Record):
    """Which pictures to read: those among `paths` and in folders below, by `jobs` threads.

    `policy` has the limits of one picture. `json` is the form of the report. With `films`, films in
    folders are read, too.
    """

    paths: tuple[Location, ...]
    follow_links: bool
    default_excludes: bool
    policy: Policy
    jobs: int
    json: bool
    films: bool

    def inspection(self) -> "Inspection":
        """Return the inspection of the pictures."""
        from ffprep.run.inspect import Inspection

        walked = self.paths, self.follow_links, self.policy, self.jobs, self.default_excludes
        return Inspection(*walked, self.films)


class CheckOptions(InspectOptions):
    """All options of `check`; `target` has the rules that pictures must keep."""

    target: Target


class InfoOptions(InspectOptions):
    """All options of `info`; `content` is what it shows of each photo."""

    content: "InfoContent"


def read_check(params: Mapping[str, Any]) -> CheckOptions:
    """Parse the parameters of `check`. Raise UsageError, EnvironmentFault."""
    sizes, name = params["size"], params["target"]
    target = Target.of_sizes(sizes)
    if len(sizes) < 2 or name is not None:
        target = read_target(sizes[0] if sizes else None, name, params["targets_file"])
    return CheckOptions(**_shared(params), target=target)


def read_info(params: Mapping[str, Any]) -> InfoOptions:
    """Parse the parameters of `info`. Raise UsageError, EnvironmentFault."""
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
    return InfoOptions(**_shared(params), content=content)


def _shared(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of InspectOptions."""
    return {
        "paths": tuple(params["paths"]),
        "follow_links": params["follow_links"],
        "default_excludes": not params["no_default_excludes"],
        "policy": Policy(max_pixels=params["max_pixels"], max_memory=params["max_memory"]),
        "jobs": params["jobs"],
        "json": params["as_json"],
        "films": params.get("frame") is not None,
    }
