"""`ffprep check` and `ffprep info`: report what is wrong with pictures, or what they contain."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ffprep.core.policy import Policy
from ffprep.errors import ExitCode
from ffprep.options.types import (
    AS_JSON,
    CROP_BOUNDS,
    FILTERS,
    FOCUS,
    FOLLOW_LINKS,
    JOBS,
    MAX_MEMORY,
    MAX_PIXELS,
    PATH,
    SCENE,
    SIZE_OR_TARGET,
)
from ffprep.system.messages import say
from ffprep.system.shutdown import Signals


@click.command()
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="PATH...")
@SIZE_OR_TARGET
@FOLLOW_LINKS
@JOBS
@MAX_PIXELS
@MAX_MEMORY
@AS_JSON
def check(paths: tuple[Path, ...], **given: Any) -> None:
    """Verify pictures that exist; one line for each rule that one of them breaks. Writes nothing."""
    from ffprep.cli.reporting import text
    from ffprep.options.parse import read_target
    from ffprep.run.inspect import Survey

    target = read_target(given["size"], given["target"], given["targets"])
    count, short = 0, False
    policy = _limits(given)
    survey = Survey(paths, given["follow_links"], policy, given["jobs"])
    with Signals():
        for finding in survey.verify(target):
            count, short = count + 1, short or bool(finding.broken)
            if given["as_json"]:
                text.print_json(finding.as_dict())
                continue
            for words in map(text.printable, finding.broken):
                click.echo(f"{text.printable_path(finding.path)}: {words}")
    if not count:
        say(f"no picture in {', '.join(map(text.printable_path, paths))}: nothing was verified")
    sys.exit(ExitCode.SOME_FAILED if short else ExitCode.OK)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="PATH...")
@SIZE_OR_TARGET
@FOLLOW_LINKS
@SCENE
@FOCUS
@CROP_BOUNDS
@FILTERS
@JOBS
@MAX_PIXELS
@MAX_MEMORY
@AS_JSON
def info(paths: tuple[Path, ...], **given: Any) -> None:
    """Tell what files hold, and what each mode would make of them.

    Format, size as shown and as stored, orientation, alpha, profile; with --size or --target, also what
    is enlarged, cut, set in bars, and which mode is recommended.
    """
    from ffprep.cli.reporting import text
    from ffprep.config.modes import all_modes
    from ffprep.options.parse import filter_folders, read_aims, read_frames
    from ffprep.run.inspect import Survey

    frames = read_frames(given)
    modes = all_modes(filter_folders(given["filters"])) if frames else []
    failed = False
    policy = _limits(given)
    survey = Survey(paths, given["follow_links"], policy, given["jobs"])
    with Signals():
        for finding in survey.describe(frames, modes, read_aims(given)):
            failed = failed or finding.error is not None
            if given["as_json"]:
                text.print_json(finding.as_dict())
            else:
                lines = map(text.printable, finding.describe().splitlines())
                click.echo(f"{text.printable_path(finding.path)}: " + "\n".join(lines))
    sys.exit(ExitCode.SOME_FAILED if failed else ExitCode.OK)


def _limits(given: Mapping[str, Any]) -> Policy:
    return Policy(max_pixels=given["max_pixels"], max_memory=given["max_memory"])
