"""`convert` and `check` as Python functions: iterators over one result per photo."""

import os
import threading
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar, Unpack

from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.job import FreshCount, Result
from ffprep.core.target import Target
from ffprep.errors import FfprepError, ProgramExiting, UsageError
from ffprep.options import keywords
from ffprep.options.check import check_parameters, read_check
from ffprep.options.convert import convert_parameters
from ffprep.options.keywords import CheckOptions, PathLike, RunOptions, SizeLike
from ffprep.options.parse import read_convert
from ffprep.record import replace
from ffprep.run.convert_options import ConvertOptions
from ffprep.run.inspect import Finding, Inspection
from ffprep.run.runner import Run
from ffprep.run.summary import RunSummary, counted_results, ending, started
from ffprep.system.messages import warn

Item = TypeVar("Item")


class Results(Iterator[Item]):
    """An iterator over results, as they come, and a context manager that closes it.

    Any thread may ask for the next result, one thread at a time. It closes itself when the last
    reference is gone, and when the program ends.
    """

    def __init__(self, items: Generator[Item, None, None], stop: Callable[[], None]) -> None:
        self._items = items
        # Reentrant: a signal handler may close what its own thread waits for.
        self._turn = threading.RLock()
        self._closed = threading.Event()
        self._close = partial(_close, items, stop, self._turn, self._closed, os.getpid())
        # Not `__del__`: in a cycle, and when a program ends, objects are finalized in any order.
        weakref.finalize(self, self._close)

    def __next__(self) -> Item:
        """Return the next result when it is there. Raise StopIteration as soon as it is closed."""
        with self._turn:
            try:
                item = next(self._items)
            except FfprepError as error:
                if self._closed.is_set() or _is_abandoned(error):
                    raise StopIteration from None
                raise
            if self._closed.is_set():
                self._items.close()
                raise StopIteration
            return item

    def close(self) -> None:
        """Stop every ffmpeg, and wait until unfinished files are removed.

        Any thread may call it, repeatedly.
        """
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()


def _close(
    items: Any,
    stop: Callable[[], None],
    turn: threading.RLock,
    closed: threading.Event,
    owner: int,
) -> None:
    """Close Results. A function, because a finalizer must not refer to the object itself."""
    if os.getpid() != owner:
        return  # in a fork, the work belongs to the parent
    closed.set()
    stop()
    with turn:
        if not items.gi_running:  # else this thread runs it, and will see that it is closed
            items.close()


def _is_abandoned(error: FfprepError) -> bool:
    """Return whether an error is due to the exit of the program, in a daemon thread."""
    exiting = isinstance(error, ProgramExiting) or not threading.main_thread().is_alive()
    return exiting and threading.current_thread().daemon


def convert(
    sources: PathLike | Iterable[PathLike],
    output: PathLike | None = None,
    size: SizeLike | None = None,
    mode: str | None = None,
    *,
    sizes: Iterable[SizeLike] | None = None,
    target: str | Iterable[str] | None = None,
    ledger: bool | PathLike = True,
    **options: Unpack[RunOptions],
) -> Results[Result]:
    """Convert photos, and folders of photos, as `ffprep convert` does. Yield a Result for each.

    For several `sizes`, or a list of targets, each photo has a Result for every one of them.

    `output` is a file for one photo if it has the suffix of a picture, else a folder. Without it,
    the picture of one photo lies beside it, as `photo_1280x720.jpg`. The ledger is in the folder,
    or at the path `ledger`: what is up to date is `fresh` in the next call. With `ledger=False`,
    everything is converted. A photo that fails is a Result with a `failure`, and the others go on.
    To stop early, close the iterator, or drop it: every ffmpeg ends, and no unfinished file is
    left. The options are those of `ffprep.options.keywords.RunOptions`.

    Raises UsageError (a ValueError) at once, for options that contradict one another. While it goes
    on, raises OutputLocked if another run has the output folder, and EnvironmentFault if nothing
    can be converted.
    """
    keywords.require_known(options, RunOptions)
    ledger_option = {True: None, False: "none"}[ledger] if isinstance(ledger, bool) else ledger
    given: dict[str, Any] = {**options, "target": target, "mode": mode}
    with keywords.errors_for_python():
        given |= keywords.size_words(size, sizes)
        given |= {"sources": _paths("sources", sources), "ledger": ledger_option}
        given |= {"output": output if output is None else _no_stream(output)}
        parsed = read_convert(keywords.read(convert_parameters, given))
        converter = Converter(find(parsed.workers.ffmpeg), parsed.policy)
    return Results(_results(parsed, converter), converter.processes.stop)


def _results(options: ConvertOptions, converter: Converter) -> Generator[Result, None, None]:
    summary = RunSummary(options.request.output)
    with (
        keywords.errors_for_python(),
        closing(converter),
        started(options, converter, summary, _warn) as run,
        ending(run, summary),
        closing(_reported(run, summary)) as results,
    ):
        for result in results:
            if isinstance(result, Result):  # not a FreshCount
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
        given = {**options, "target": target, "paths": _paths("paths", paths)}
        given |= keywords.size_words(size, sizes)
        parsed = read_check(keywords.read(check_parameters, given))
    inspection = parsed.inspection()
    return Results(_findings(inspection, parsed.target), inspection.processes.stop)


def _findings(inspection: Inspection, target: Target) -> Generator[Finding, None, None]:
    with closing(inspection.verify(target)) as findings:
        for finding in findings:
            yield replace(finding, broken=tuple(map(keywords.options_to_keywords, finding.broken)))


def _paths(keyword: str, paths: PathLike | Iterable[PathLike]) -> list[str]:
    """Return paths as texts. Raise UsageError if there are none."""
    names = keywords.several(keyword, paths)
    if not names:
        raise UsageError(f"{keyword}: name a file or a folder")
    return [os.fspath(_no_stream(name)) for name in names]


def _no_stream(path: PathLike) -> PathLike:
    """Return a path; "-" is a file of that name."""
    return os.path.join(".", "-") if path in ("-", Path("-")) else path
