"""The loop of a run, the same for the command `convert` and for the Python function.

Use as::

    with started(options, converter, summary, warn) as run, ending(run, summary):
        for result in counted_results(run, summary, interrupted):
            ...
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager

from ffprep.conversion.converter import Converter
from ffprep.core.job import FreshCount, Result
from ffprep.run.convert_options import ConvertOptions
from ffprep.run.runner import Run, open_run
from ffprep.run.summary import RunEnd, RunSummary


@contextmanager
def started(
    options: ConvertOptions,
    converter: Converter,
    summary: RunSummary,
    warn: Callable[[str], None],
) -> Iterator[Run]:
    """Prepare a run, and note in `summary` what is known before the first photo.

    Raises as `open_run` does.
    """
    with open_run(options, converter, warn) as run:
        summary.total, summary.ffmpeg = run.plan.total, run.ffmpeg
        summary.passed_over, summary.links = run.plan.passed_over, run.plan.links
        if run.cluster:
            summary.cluster = run.cluster.info
        yield run


@contextmanager
def ending(run: Run, summary: RunSummary) -> Iterator[None]:
    """Kill all processes at the end of the block; record the end in `summary` and the ledger."""
    try:
        yield
    except BaseException as error:
        summary.break_off(error)
        raise
    finally:
        run.converter.processes.stop()
        run.end(summary.ended.value, summary.summary())


def counted_results(
    run: Run,
    summary: RunSummary,
    interrupted: Callable[[], bool],
    *,
    each: bool = True,
    abandon: Callable[[], None] | None = None,
) -> Generator[Result | FreshCount, None, None]:
    """Yield the results of a run, counted in `summary`; after the last one, note how the run ended.

    `each` and `abandon` are those of `Run.results`. `interrupted` says whether the run was stopped
    from outside, by a signal or by another thread.
    """
    with closing(run.results(each, abandon)) as results:
        for result in results:
            summary.count(result)
            yield result
    if interrupted():
        summary.ended = RunEnd.INTERRUPTED
    elif run.out_of_time and summary.unseen != 0:
        summary.ended = RunEnd.TIME
