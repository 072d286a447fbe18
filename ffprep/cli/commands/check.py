"""`ffprep check` and `ffprep info`: report what is wrong with pictures, or what they contain."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from ffprep.errors import ExitCode
from ffprep.options.check import check_parameters, info_parameters, read_check, read_info
from ffprep.options.command import DocumentedCommand
from ffprep.system.messages import say, write_line
from ffprep.system.shutdown import Signals

if TYPE_CHECKING:
    from ffprep.run.inspect import Finding, Inspection

_CHECK_EXAMPLES = {
    "ffprep check ready --size 1280x720": "Every picture of a folder has this size.",
    "ffprep check ready --size 1920x1080 --size 320x180": "Each has one of these sizes.",
    "ffprep check frame.jpg --target sora-2/1280x720": "A service accepts the picture.",
}
_CHECK_SHORT = "size target jobs json"
_INFO_EXAMPLES = {
    "ffprep info photo.jpg": "What the file contains.",
    "ffprep info photos --size 1280x720": "What each mode cuts, adds and enlarges.",
    "ffprep info photos --target sora-2 --faces": "Which size suits, and whether there are faces.",
}
_INFO_SHORT = "size target focus frame faces json"


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
    inspection, target = read_check(params)
    counts = _print_all(
        inspection.verify(target), _faults, inspection, params["as_json"], "verified"
    )
    if not counts:
        paths = ", ".join(map(str, inspection.paths))
        say(f"no pictures in {paths}; nothing was verified")
    sys.exit(ExitCode.SOME_FAILED if counts[False] else ExitCode.OK)


@click.command(
    cls=DocumentedCommand, examples=_INFO_EXAMPLES, short=_INFO_SHORT, params=info_parameters.params
)
def info(**params: Any) -> None:
    """Show what photos contain, and how each mode would frame them.

    Format, size upright and as stored, orientation, alpha, profile. With --size or --target also
    what is enlarged, cut or becomes bars, and which mode is recommended.
    """
    from ffprep.run.describe import describe

    inspection, content = read_info(params)
    findings = describe(inspection, content)
    counts = _print_all(findings, _description, inspection, params["as_json"], "read")
    sys.exit(ExitCode.SOME_FAILED if counts[False] else ExitCode.OK)


def _faults(finding: "Finding") -> Iterator[str]:
    return (f"{finding.path}: {words}" for words in finding.broken)


def _description(finding: "Finding") -> Iterator[str]:
    first, *others = finding.describe()
    yield f"{finding.path}: {first}"
    yield from (f"    {other}" for other in others)


def _print_all(
    findings: "Iterable[Finding]",
    lines: "Callable[[Finding], Iterable[str]]",
    inspection: "Inspection",
    as_json: bool,
    good: str,
) -> Counter[bool]:
    """Print Findings as JSON, or as `lines` of each, and on a terminal a bar and the counts.

    `good` is the word for pictures without a fault. Return how many have none, and how many have.
    """
    counts = Counter[bool]()
    with Signals(), _progress(inspection, as_json, good, counts) as without_bar:
        for finding in findings:
            counts[not (finding.broken or finding.error)] += 1
            with without_bar():
                if as_json:
                    from ffprep.cli.reporting.text import print_json

                    print_json(finding.as_dict())
                    continue
                for line in lines(finding):
                    write_line(line, err=False)
    return counts


@contextmanager
def _progress(
    inspection: "Inspection", as_json: bool, good: str, counts: Counter[bool]
) -> Iterator[Callable[[], AbstractContextManager[object]]]:
    """Show a bar while pictures are inspected, and the `counts` at the end, on a terminal only.

    Yield what moves the bar by one, and returns a block in which lines are written without it.
    """
    if not sys.stderr.isatty():
        yield nullcontext
        return
    from ffprep.cli.reporting.progress import Console, is_piped
    from ffprep.run.convert_options import ReportOptions

    console = Console(ReportOptions(json=as_json))
    bar = None if is_piped() else console.open_bar(inspection.count())

    def failed() -> list[str]:
        return [console.paint(f"{counts[False]} failed", "red")] if counts[False] else []

    def without_bar() -> AbstractContextManager[object]:
        if bar is None:
            return nullcontext()
        bar.set_postfix_str(", ".join(failed()), refresh=False)
        bar.update()
        hidden: AbstractContextManager[object] = bar.external_write_mode(sys.stdout)
        return hidden if sys.stdout.isatty() else nullcontext()

    try:
        yield without_bar
    finally:
        if bar is not None:
            bar.close()
        if counts.total():
            words = [console.paint(f"{counts[True]} {good}", "green"), *failed()]
            console.say(", ".join(words), painted=True)
