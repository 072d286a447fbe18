"""What a run makes for data sets when its pictures are made: copies beside them, and a manifest."""

from collections.abc import Callable, Iterator

from ffprep.core.job import Result
from ffprep.run.runner import Run


def with_data_set(
    run: Run, cleaning: Iterator[Result], stopped: Callable[[], bool]
) -> Iterator[Result]:
    """Copy files beside outputs, clean up, and write the manifest. Yield all Results.

    Raises EnvironmentFault if the manifest cannot be written.
    """
    options, freshness = run.options, run.freshness
    if options.request.carry and not stopped():
        from ffprep.run.carry import Carry

        ledger = freshness.ledger if freshness else None
        for result in Carry(run.plan, ledger, options.rerun.prune, stopped).results(run.warn):
            yield freshness.record_early_failure(result) if freshness else result
    yield from cleaning
    if options.manifest and freshness and not stopped():
        from ffprep.run.manifest import write_manifest

        write_manifest(options.manifest, options, freshness, run.warn)
