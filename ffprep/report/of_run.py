"""The report of a run, made of its results while they come."""

import os
import shlex
import sys
from collections.abc import Generator
from contextlib import closing
from itertools import islice

from ffprep.core.job import FreshCount, Result, Status
from ffprep.core.location import Location
from ffprep.record import replace
from ffprep.report.document import Document, absolute
from ffprep.report.entries import SAMPLE, Entries, Entry
from ffprep.report.page import Asked, Content, Counts
from ffprep.run.convert_options import ReportFile
from ffprep.run.runner import Run
from ffprep.run.summary import RunEnd, RunSummary
from ffprep.run.task import Thumbnails
from ffprep.system.messages import is_command_line
from ffprep.version import __version__

Outcome = Result | FreshCount

_MOST_SOURCES = 100
"""A list of sources may be long."""


def reported(
    report: ReportFile,
    run: Run,
    summary: RunSummary,
    results: Generator[Outcome, None, None],
) -> Generator[Outcome, None, None]:
    """Yield the results of a run, all of them; after the last one, write the report.

    There is none of a run that is interrupted or ends by an error. Raises EnvironmentFault before
    the first photo if it cannot be written.
    """
    path, options = report.path.resolve(), run.options
    opened = Document.opened("--report", path, run.converter, options.workers.jobs)
    with closing(results), opened as document:
        pictures = len(options.request.renditions)
        entries = Entries(document.photo_size, pictures)
        if not run.cluster:
            share = SAMPLE * pictures / max(run.plan.total, 1)
            run.thumbnails = Thumbnails(document.folder, share)
        for result in results:
            if isinstance(result, Result) and result.status in _SHOWN:
                entries.add(_entry(result, options.request.folder))
            yield result
        if summary.ended in (RunEnd.DONE, RunEnd.TIME):
            overrides = options.request.overrides
            document = replace(document, tables=overrides.tables, filters=overrides.filters)
            document.write(_content(report, run, summary), entries, lambda: None)


_SHOWN = (Status.CONVERTED, Status.FRESH, Status.FAILED)


def _entry(result: Result, folder: Location) -> Entry:
    output, failure = result.output, result.failure
    return Entry(
        result.source,
        output,
        os.path.relpath(output, folder) if output else None,
        result.status,
        failure.kind.value if failure else None,
        failure.message if failure else "",
        tuple(zip(map(str, result.warning_kinds), result.warnings, strict=True)),
        result.spec,
        result.size,
        result.photo,
        result.faces,
    )


def _content(report: ReportFile, run: Run, summary: RunSummary) -> Content:
    counts, ffmpeg = summary.summary(), run.cluster.ffmpeg if run.cluster else ""
    return Content(
        output=absolute(run.options.request.output),
        versions=(("ffprep", __version__), ("FFmpeg", ffmpeg or summary.ffmpeg)),
        counts=Counts(*(counts[name] for name in Counts._fields)),
        asked=_asked(report, run),
        seconds=counts["seconds"],
    )


def _asked(report: ReportFile, run: Run) -> Asked:
    words = ["ffprep", *sys.argv[1:]]
    command = shlex.join(words) if is_command_line() and not run.options.notify else None
    named = islice(run.options.request.sources, _MOST_SOURCES)
    sources = tuple(os.fspath(each) for each in named)
    config = os.path.abspath(report.config) if report.config else None
    return Asked(sources, report.options, command, config)
