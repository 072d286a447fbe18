"""`convert` and `check`, as functions: many photos, one answer each, as they come."""

import os
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import replace
from typing import Any, Unpack

from ffprep.api.results import Results
from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.job import Result
from ffprep.core.target import Target
from ffprep.errors import UsageError
from ffprep.options import keywords
from ffprep.options.check import check_parameters as check_command
from ffprep.options.check import read_check
from ffprep.options.convert import convert_parameters as convert_command
from ffprep.options.keywords import CheckOptions, PathLike, RunOptions, SizeLike
from ffprep.options.parse import read_convert
from ffprep.run.convert_options import ConvertOptions
from ffprep.run.inspect import Finding, Inspection
from ffprep.run.loop import counted_results, ending, started
from ffprep.run.summary import RunSummary
from ffprep.system.messages import warn


def convert(
    sources: PathLike | Iterable[PathLike],
    output: PathLike,
    size: SizeLike | None = None,
    mode: str | None = None,
    *,
    target: str | None = None,
    ledger: bool | PathLike = True,
    **options: Unpack[RunOptions],
) -> Results[Result]:
    """Convert photos, and folders of them, as `ffprep convert` does; a Result for each, as they come.

    `output` is a file for one photo, if it has the suffix of a picture, else a folder. The ledger lies in it, or where `ledger` says, so what is
    done already is `fresh` the next time; with False there is none, and all is done again. A photo that fails is a Result
    with a `failure`, and the others go on. Whoever stops early closes the iterator, from whatever thread, or drops it: every ffmpeg
    ends, and no unfinished file is left. The options are those of `ffprep.options.keywords.RunOptions`.

    Raises UsageError (a ValueError) for options that make no sense, at once; while it goes on, OutputLocked where another run has the
    output folder, and EnvironmentFault where nothing can be converted.
    """
    keywords.require_known(options, RunOptions)
    where = {True: None, False: "none"}[ledger] if isinstance(ledger, bool) else ledger
    words: dict[str, Any] = {**options, "size": size, "target": target, "mode": mode}
    with keywords.errors_for_python():
        words |= {"sources": _named("sources", sources), "output": output, "ledger": where}
        parsed = read_convert(keywords.read(convert_command, words))
        converter = Converter(find(parsed.workers.ffmpeg), parsed.policy)
    return Results(_results(parsed, converter), converter.processes.stop)


def _results(options: ConvertOptions, converter: Converter) -> Generator[Result, None, None]:
    summary, processes = RunSummary(options.request.output), converter.processes
    with (
        keywords.errors_for_python(),
        closing(converter),
        started(options, converter, summary, _warn) as run,
        ending(run, summary),
        closing(
            counted_results(run, summary, lambda: processes.stopped, abandon=processes.stop)
        ) as results,
    ):
        for result in results:
            if isinstance(result, Result):  # and not a count of photos that are up to date
                yield _spoken(result)


def _warn(text: str) -> None:
    warn(keywords.options_to_keywords(text))


def _spoken(result: Result) -> Result:
    if not result.failure:
        return result
    message = keywords.options_to_keywords(result.failure.message)
    return replace(result, failure=replace(result.failure, message=message))


def check(
    paths: PathLike | Iterable[PathLike],
    size: SizeLike | None = None,
    *,
    target: str | None = None,
    **options: Unpack[CheckOptions],
) -> Results[Finding]:
    """Decode every picture among these files and in these folders; a Finding for each, in order.

    Its `broken` says, a sentence each, what it breaks of the rules of `target`, or that it is not of this `size`; it is empty for what
    is right. Nothing is written. The options are those of `ffprep.options.keywords.CheckOptions`. Raises UsageError (a ValueError) at once for options that make no sense.
    """
    keywords.require_known(options, CheckOptions)
    with keywords.errors_for_python():
        words = {**options, "size": size, "target": target, "paths": _named("paths", paths)}
        parsed = read_check(keywords.read(check_command, words))
    inspection = Inspection(parsed.paths, parsed.follow_links, parsed.policy, parsed.jobs)
    return Results(_findings(inspection, parsed.target), inspection.processes.stop)


def _findings(inspection: Inspection, target: Target) -> Generator[Finding, None, None]:
    with closing(inspection.verify(target)) as findings:
        for finding in findings:
            yield replace(finding, broken=tuple(map(keywords.options_to_keywords, finding.broken)))


def _named(what: str, sources: PathLike | Iterable[PathLike]) -> list[str]:
    """Paths as texts; here a hyphen is a file's name, and not standard input. Raises UsageError where there are none."""
    names = keywords.several(what, sources)
    if not names:
        raise UsageError(f"{what}: no file and no folder is named")
    return [os.path.join(".", name) if name == "-" else name for name in names]
