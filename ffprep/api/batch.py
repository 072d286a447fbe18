"""`convert`, `check` and `info` as Python functions: iterators over one result per photo."""

import os
from collections.abc import Generator, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Unpack

from ffprep.api.notebook import progress_bar
from ffprep.api.results import Results
from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.job import FreshCount, Result
from ffprep.errors import UsageError
from ffprep.options import keywords
from ffprep.options.check import check_parameters, info_parameters, read_check, read_info
from ffprep.options.convert import convert_parameters
from ffprep.options.keywords import CheckOptions, InfoOptions, PathLike, RunOptions, SizeLike
from ffprep.options.parse import read_convert
from ffprep.record import replace
from ffprep.run.convert_options import ConvertOptions
from ffprep.run.describe import describe
from ffprep.run.inspect import Finding, Inspection
from ffprep.run.runner import Run
from ffprep.run.summary import RunSummary, counted_results, ending, started
from ffprep.system.messages import warn


def convert(
    sources: PathLike | Iterable[PathLike],
    output: PathLike | None = None,
    size: SizeLike | None = None,
    mode: str | None = None,
    *,
    sizes: Iterable[SizeLike] | None = None,
    target: str | Iterable[str] | None = None,
    ledger: bool | PathLike = True,
    progress: bool | None = None,
    **options: Unpack[RunOptions],
) -> Results[Result]:
    """Convert photos, and folders of photos, as `ffprep convert` does. Yield a Result for each.

    For several `sizes`, or a list of targets, each photo has a Result for every one of them.

    `output` is a file for one photo if it has the suffix of a picture, else a folder. Without it,
    the picture of one photo lies beside it, as `photo_1280x720.jpg`. The ledger is in the folder,
    or at the path `ledger`: what is up to date is `fresh` in the next call. With `ledger=False`,
    everything is converted. A photo that fails is a Result with a `failure`, and the others go on.
    To stop early, close the iterator, or drop it: every ffmpeg ends, and no unfinished file is
    left. With `progress`, a bar is shown; None means in notebooks only. The options are those of
    `ffprep.options.keywords.RunOptions`.

    Raises UsageError (a ValueError) at once, for options that contradict one another. While it goes
    on, raises OutputLocked if another run has the output folder, and EnvironmentFault if nothing
    can be converted.
    """
    keywords.require_known(options, RunOptions)
    ledger_option = {True: None, False: "none"}[ledger] if isinstance(ledger, bool) else ledger
    given: dict[str, Any] = {**options, "target": target, "mode": mode}
    with keywords.errors_for_python():
        given |= keywords.size_words(size, sizes)
        given |= {"sources": paths_of("sources", sources), "ledger": ledger_option}
        given |= {"output": output if output is None else _no_stream(output)}
        parsed = read_convert(keywords.read(convert_parameters, given))
        converter = Converter(find(parsed.workers.ffmpeg), parsed.policy)
    summary = RunSummary(parsed.request.output)
    results = _results(parsed, converter, summary, progress)
    return Results(results, converter.processes.stop, lambda: summary.total)


def _results(
    options: ConvertOptions, converter: Converter, summary: RunSummary, progress: bool | None
) -> Generator[Result | None, None, None]:
    """Yield None when the photos are counted, then the Results."""
    with (
        keywords.errors_for_python(),
        closing(converter),
        started(options, converter, summary, _warn) as run,
        ending(run, summary),
        closing(_reported(run, summary)) as results,
        progress_bar(summary.total, progress) as advance,
    ):
        yield None
        for result in results:
            if isinstance(result, Result):  # not a FreshCount
                advance()
                yield _for_python(result)


def _reported(run: Run, summary: RunSummary) -> Generator[Result | FreshCount, None, None]:
    """Yield the results of a run, and write its report, if one is asked for."""
    processes, report = run.converter.processes, run.options.report
    results = counted_results(run, summary, lambda: processes.stopped, abandon=processes.stop)
    if report is None:
        return results
    from ffprep.report.of_run import reported

    return reported(report, run, summary, results)


def _warn(text: str) -> None:
    warn(keywords.options_to_keywords(text))


def _for_python(result: Result) -> Result:
    """Return a Result whose failure advises in keywords."""
    if not result.failure:
        return result
    message = keywords.options_to_keywords(result.failure.message)
    return replace(result, failure=replace(result.failure, message=message))


def check(
    paths: PathLike | Iterable[PathLike],
    size: SizeLike | None = None,
    *,
    sizes: Iterable[SizeLike] | None = None,
    target: str | None = None,
    **options: Unpack[CheckOptions],
) -> Results[Finding]:
    """Decode every picture of these files and folders. Yield a Finding for each, in order.

    Its `broken` has a sentence for each rule of `target` that the picture breaks, or for its size
    if that is not `size` or one of `sizes`; it is empty if the picture is right. Nothing is
    written. The options are those of `ffprep.options.keywords.CheckOptions`.

    Raises UsageError (a ValueError) at once, for options that contradict one another.
    """
    keywords.require_known(options, CheckOptions)
    with keywords.errors_for_python():
        given = {**options, "target": target, "paths": paths_of("paths", paths)}
        given |= keywords.size_words(size, sizes)
        parsed = read_check(keywords.read(check_parameters, given))
    return _findings(parsed.inspection, parsed.inspection.verify(parsed.target))


def info(
    paths: PathLike | Iterable[PathLike],
    size: SizeLike | None = None,
    *,
    sizes: Iterable[SizeLike] | None = None,
    target: str | Iterable[str] | None = None,
    **options: Unpack[InfoOptions],
) -> Results[Finding]:
    """Read what these photos, and those of folders, contain. Yield a Finding for each, in order.

    With a size or `target`, its `framings` say what each mode cuts, adds and enlarges. A photo that
    cannot be read has an `error`. The options are those of `ffprep.options.keywords.InfoOptions`.

    Raises UsageError (a ValueError) at once, for options that contradict one another.
    """
    keywords.require_known(options, InfoOptions)
    with keywords.errors_for_python():
        given = {**options, "target": target, "paths": paths_of("paths", paths)}
        given |= keywords.size_words(size, sizes)
        parsed = read_info(keywords.read(info_parameters, given))
    return _findings(parsed.inspection, describe(parsed.inspection, parsed.content))


def _findings(inspection: Inspection, found: Generator[Finding, None, None]) -> Results[Finding]:
    """Return Findings whose sentences advise in keywords."""

    def findings() -> Generator[Finding | None, None, None]:
        yield None
        with closing(found):
            for finding in found:
                broken = tuple(map(keywords.options_to_keywords, finding.broken))
                yield replace(finding, broken=broken)

    return Results(findings(), inspection.processes.stop, inspection.count)


def paths_of(keyword: str, paths: PathLike | Iterable[PathLike]) -> list[str]:
    """Return paths as texts. Raise UsageError if there are none."""
    names = keywords.several(keyword, paths)
    if not names:
        raise UsageError(f"{keyword}: name a file or a folder")
    return [os.fspath(_no_stream(name)) for name in names]


def _no_stream(path: PathLike) -> PathLike:
    """Return a path; "-" is a file of that name."""
    return os.path.join(".", "-") if path in ("-", Path("-")) else path
