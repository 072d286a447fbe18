"""`convert`, `check`, `info` and `compare` as Python functions: a result for each photo."""

import os
from collections.abc import Generator, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Unpack

from ffprep.api.results import Results, picture_html, progress_bar
from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.job import FreshCount, Result
from ffprep.errors import PhotoError, UsageError
from ffprep.options import keywords
from ffprep.options.check import check_parameters, info_parameters, read_check, read_info
from ffprep.options.convert import convert_parameters
from ffprep.options.keywords import (
    CheckOptions,
    CompareOptions,
    InfoOptions,
    PathLike,
    RunOptions,
    SizeLike,
)
from ffprep.options.parse import read_convert
from ffprep.record import Record, field, replace
from ffprep.run.convert_options import ConvertOptions
from ffprep.run.describe import describe
from ffprep.run.inspect import Finding, Inspection
from ffprep.run.runner import Run, open_run
from ffprep.run.summary import RunSummary, counted_results, ending
from ffprep.system.messages import warn

_SHOWN, _SIDE = 4, 1280
"""How many pages a notebook shows, and the longest side of each in pixels."""


class ContactSheet(Record):
    """The `pages` of a contact sheet, and a Result for each picture. Notebooks show the pages."""

    pages: tuple[Path, ...]
    results: tuple[Result, ...] = field(repr=False)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        shown = [picture_html(p.read_bytes(), str(p), side=_SIDE) for p in self.pages[:_SHOWN]]
        more = len(self.pages) - len(shown)
        words = f"<p>{more} more pages</p>" * bool(more)
        return {"text/html": "".join(shown) + words, "text/plain": repr(self)}


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
        given |= {"sources": _paths_of("sources", sources), "ledger": ledger_option}
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
        open_run(options, converter, summary, _warn) as run,
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
        given = {**options, "target": target, "paths": _paths_of("paths", paths)}
        given |= keywords.size_words(size, sizes)
        inspection, rules = read_check(keywords.read(check_parameters, given))
    return _findings(inspection, inspection.verify(rules))


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
        given = {**options, "target": target, "paths": _paths_of("paths", paths)}
        given |= keywords.size_words(size, sizes)
        inspection, content = read_info(keywords.read(info_parameters, given))
    return _findings(inspection, describe(inspection, content))


def _findings(inspection: Inspection, found: Generator[Finding, None, None]) -> Results[Finding]:
    """Return Findings whose sentences advise in keywords."""

    def findings() -> Generator[Finding | None, None, None]:
        yield None
        with closing(found):
            for finding in found:
                broken = tuple(map(keywords.options_to_keywords, finding.broken))
                yield replace(finding, broken=broken)

    return Results(findings(), inspection.processes.stop, inspection.count)


def compare(
    photos: PathLike | Iterable[PathLike],
    output: PathLike,
    size: SizeLike | None = None,
    *,
    target: str | None = None,
    **options: Unpack[CompareOptions],
) -> ContactSheet:
    """Draw photos, and those of folders, on a contact sheet, as `ffprep compare` does.

    The sheet is written to `output`, or to several pages beside it. One photo is shown in every
    mode; of several, each has a cell, or with several modes a row. The options are those of
    `ffprep.options.keywords.CompareOptions`.

    Raises UsageError (a ValueError) for options that contradict one another, PhotoError if the only
    photo cannot be shown, EnvironmentFault if none can. Of several photos, those that fail have a
    Result with a `failure`, and a cell that says so.
    """
    from ffprep.options.compare import compare_parameters, read_compare  # with what draws sheets

    keywords.require_known(options, CompareOptions)
    with keywords.errors_for_python():
        given = {**options, "target": target, "paths": _paths_of("photos", photos), "size": size}
        keywords.require_one_size(size, "size takes one size: that of all pictures")
        given["output"] = keywords.path_text("output", output)
        parsed = read_compare(keywords.read(compare_parameters, given))
        sheets = parsed.contact_sheets()
        with (
            closing(Converter(find(parsed.ffmpeg), parsed.policy)) as converter,
            closing(sheets.draw(converter)) as results,
        ):
            try:
                found = tuple(results)
            except PhotoError as error:
                raise PhotoError(error.kind, f"{parsed.paths[0]}: {error}") from None
    return ContactSheet(tuple(page for page, _ in sheets.pages()), found)


def _paths_of(keyword: str, paths: PathLike | Iterable[PathLike]) -> list[str]:
    """Return paths as texts. Raise UsageError if there are none."""
    names = keywords.several(keyword, paths)
    if not names:
        raise UsageError(f"{keyword}: name a file or a folder")
    return [os.fspath(_no_stream(name)) for name in names]


def _no_stream(path: PathLike) -> PathLike:
    """Return a path; "-" is a file of that name."""
    return os.path.join(".", "-") if path in ("-", Path("-")) else path
