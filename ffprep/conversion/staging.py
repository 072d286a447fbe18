"""Converting wherever the photos are: LocalJobs go to the converter as they are, what is in a store by a ferry."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ffprep.conversion.converter import Converter
from ffprep.core.geometry import Size
from ffprep.core.job import Job, LocalJob, Result
from ffprep.errors import Kind, PhotoError
from ffprep.system.files import FileStamp

# What stores take is imported when there is something in one.


@dataclass(frozen=True, slots=True)
class RemoteConverter:
    """Converts chunks as its Converter does, wherever the photos are."""

    converter: Converter

    def convert(self, errands: Iterable[Job]) -> Iterator[Result]:
        """Yield one Result a Job, as they come; stop early when the processes are stopped.

        Raises EnvironmentFault when none can succeed.
        """
        jobs, others = list[LocalJob](), list[Job]()
        for errand in errands:
            if isinstance(errand, LocalJob):
                jobs.append(errand)
            else:
                others.append(errand)
        if jobs:
            yield from self.converter.convert(jobs)
        if others:
            from ffprep.conversion.remote import transfer

            with transfer(self.converter) as crossing:
                yield from crossing.results(others)

    def prove(self, errand: Job) -> tuple[Size, FileStamp]:
        """As the Converter's. Raises PhotoError for an object, which is not read for this."""
        if isinstance(errand, LocalJob):
            return self.converter.verify_existing(errand)
        raise PhotoError(Kind.UNSUPPORTED, "an object in a store is not proven again")

    def pipeline(self, errand: Job) -> list[list[str]]:
        """As the Converter's; empty where an object is fetched or put, for which there is no command line."""
        return self.converter.command_lines(errand) if isinstance(errand, LocalJob) else []
