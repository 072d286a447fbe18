"""Converting wherever the photos are: Jobs go to the converter as they are, what is in a store by a ferry."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ffprep.conversion.converter import Converter
from ffprep.core.job import Errand, Job, Result
from ffprep.core.spec import Size
from ffprep.errors import Kind, PhotoError
from ffprep.system.files import Stamp

# What stores take is imported when there is something in one.


@dataclass(frozen=True, slots=True)
class Staging:
    """Converts chunks as its Converter does, wherever the photos are."""

    converter: Converter

    def convert(self, errands: Iterable[Errand]) -> Iterator[Result]:
        """Yield one Result an Errand, as they come; stop early when the processes are stopped.

        Raises EnvironmentFault when none can succeed.
        """
        jobs, others = list[Job](), list[Errand]()
        for errand in errands:
            if isinstance(errand, Job):
                jobs.append(errand)
            else:
                others.append(errand)
        if jobs:
            yield from self.converter.convert(jobs)
        if others:
            from ffprep.conversion.remote import ferry

            with ferry(self.converter) as crossing:
                yield from crossing.results(others)

    def prove(self, errand: Errand) -> tuple[Size, Stamp]:
        """As the Converter's. Raises PhotoError for an object, which is not read for this."""
        if isinstance(errand, Job):
            return self.converter.prove(errand)
        raise PhotoError(Kind.UNSUPPORTED, "an object in a store is not proven again")

    def pipeline(self, errand: Errand) -> list[list[str]]:
        """As the Converter's; empty where an object is fetched or put, for which there is no command line."""
        return self.converter.pipeline(errand) if isinstance(errand, Job) else []
