"""`ffprep check` and `ffprep info`: report what is wrong with pictures, or what they contain."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from ffprep.errors import ExitCode
from ffprep.options.check import check_parameters, info_parameters, read_check, read_info
from ffprep.options.command import DocumentedCommand
from ffprep.system.messages import say, write_line
from ffprep.system.shutdown import Signals

if TYPE_CHECKING:
    from ffprep.cli.reporting.inspect_progress import InspectProgress
    from ffprep.run.inspect import Finding, Inspection

_CHECK_EXAMPLES = {
    "ffprep check ready --size 1280x720": "Every picture of a folder has this size.",
    "ffprep check ready --size 1920x1080 --size 320x180": "Each has one of these sizes.",
    "ffprep check frame.jpg --target sora-2/1280x720": "A service accepts the picture.",
}
_CHECK_SHORT = {
    "--size WxH": "Width and height in pixels, such as 1280x720; or more",
    "--target NAME[/SIZE]": "Size and rules of a service: see ffprep targets",
    "--jobs N|AUTO": "How many photos to work on at a time",
    "--json": "Print JSON objects on stdout, one per line",
}
_INFO_EXAMPLES = {
    "ffprep info photo.jpg": "What the file contains.",
    "ffprep info photos --size 1280x720": "What each mode cuts, adds and enlarges.",
    "ffprep info photos --target sora-2 --faces": "Which size suits, and whether there are faces.",
}
_INFO_SHORT = {
    "--size WxH": "Width and height in pixels, such as 1280x720",
    "--target NAME[/SIZE]": "Size and rules of a service: see ffprep targets",
    "--focus POINT": "What cover keeps: center, top, 0.5,0.3, faces, ...",
    "--frame WHEN": "Read films, too: first, last, or seconds",
    "--faces": "Count faces",
    "--json": "Print JSON objects on stdout, one per line",
}


@click.command(
    cls=DocumentedCommand,
    examples=_CHECK_EXAMPLES,
    short=_CHECK_SHORT,
    params=check_parameters.params,
)
def check(**params: Any) -> None:
    """Verify existing pictures; print a line for each broken rule.

    Nothing is written.
    """
    options = read_check(params)
    count, failed = 0, False
    with Signals(), _progress(options.inspection, options.json, "verified") as progress:
        for finding in options.inspection.verify(options.target):
            count, failed = count + 1, failed or bool(finding.broken)
            _report(finding, _faults, options.json, progress)
    if not count:
        paths = ", ".join(map(str, options.inspection.paths))
        say(f"no pictures in {paths}; nothing was verified")
    sys.exit(ExitCode.SOME_FAILED if failed else ExitCode.OK)


@click.command(
    cls=DocumentedCommand, examples=_INFO_EXAMPLES, short=_INFO_SHORT, params=info_parameters.params
)
def info(**params: Any) -> None:
    """Show what photos contain, and how each mode would frame them.

    Format, size upright and as stored, orientation, alpha, profile. With --size or --target also
    what is enlarged, cut or becomes bars, and which mode is recommended.
    """
    from ffprep.run.describe import describe

    options = read_info(params)
    failed = False
    with Signals(), _progress(options.inspection, options.json, "read") as progress:
        for finding in describe(options.inspection, options.content):
            failed = failed or finding.error is not None
            _report(finding, _description, options.json, progress)
    sys.exit(ExitCode.SOME_FAILED if failed else ExitCode.OK)


def _progress(
    inspection: "Inspection", json: bool, good: str
) -> "AbstractContextManager[InspectProgress | None]":
    """Return the progress bar; without a terminal, None."""
    if not sys.stderr.isatty():
        return nullcontext()
    from ffprep.cli.reporting.inspect_progress import inspect_progress

    return inspect_progress(inspection, json, good)


def _faults(finding: "Finding") -> Iterator[str]:
    return (f"{finding.path}: {words}" for words in finding.broken)


def _description(finding: "Finding") -> Iterator[str]:
    first, *others = finding.describe()
    yield f"{finding.path}: {first}"
    yield from (f"    {other}" for other in others)


def _report(
    finding: "Finding",
    lines: "Callable[[Finding], Iterable[str]]",
    json: bool,
    progress: "InspectProgress | None",
) -> None:
    """Print a Finding, as JSON or as `lines` of it, without the progress bar in between."""
    with progress.count(finding) if progress else nullcontext():
        if json:
            from ffprep.cli.reporting.text import print_json

            print_json(finding.as_dict())
            return
        for line in lines(finding):
            write_line(line, err=False)
