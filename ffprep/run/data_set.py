"""What a run makes for data sets when its pictures are made: copies beside them, and a manifest."""

from collections.abc import Callable, Iterator

from ffprep.core.job import Result
from ffprep.run.runner import Run


def complete_data_set(run: Run, stopped: Callable[[], bool]) -> Iterator[Result]:
    """Copy files beside outputs; then write the manifest. Yield a Result for each failure.

    Raises EnvironmentFault if the manifest cannot be written.
    """
    options, freshness = run.options, run.freshness
    if options.request.carry:
        from ffprep.run.carry import Carry

        ledger = freshness.ledger if freshness else None
        yield from Carry(run.plan, ledger, options.rerun.prune, stopped).results(run.warn)
    if options.manifest and freshness and not stopped():
        from ffprep.run.manifest import write_manifest

        write_manifest(options.manifest, options, freshness, run.warn)
