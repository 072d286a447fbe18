"""Whether a photo that has an output meets the filter of this run. Imported if there is one."""

from ffprep.conversion.converter import Converter
from ffprep.core.job import LocalJob, Result
from ffprep.errors import FilteredOut, PhotoError
from ffprep.ledger.rows import FinishedJob, PendingJob
from ffprep.record import replace


def filtered(pending: PendingJob, converter: Converter) -> FinishedJob | PendingJob:
    """Return a job as finished if its photo does not meet the filter.

    A photo that cannot be probed, or that is in a store, is to be converted whatever its output is.
    """
    job = pending.job
    if isinstance(job, LocalJob):
        try:
            converter.transcoder.probe(job)
            return pending
        except FilteredOut as error:
            return FinishedJob(Result.failed(job.source, job.output, error), pending)
        except PhotoError:
            pass
    return replace(pending, known=None, good=False)
