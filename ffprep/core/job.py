"""Jobs and their results: one source, one output, one Spec, and how it ended."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ffprep.core.geometry import Size
from ffprep.core.location import Location, Remote, location_of
from ffprep.core.spec import Spec
from ffprep.errors import Killed, Kind, PhotoError
from ffprep.system.files import FileStamp, is_url


@dataclass(frozen=True, slots=True)
class Job:
    """One source, one output, one Spec; wherever they are."""

    source: Location
    output: Location
    spec: Spec


@dataclass(frozen=True, slots=True)
class LocalJob(Job):
    """A Job on this machine, of which both ends are paths."""

    source: Path
    output: Path
    spec: Spec


BATCH = 512
"""How many jobs a Batch holds at most."""


@dataclass(frozen=True, slots=True)
class Batch:
    """LocalJobs-to-be of one source folder: names only, since most of a library is fresh and needs no LocalJob.

    `names`, `outputs` and `specs` are parallel, to be looped over with `zip`. `folder + name` is the
    source as the user spelt it, and `output_folder + output` what it becomes; both folders end in a
    separator, or are empty for the working folder. With a template that says so, an output may have
    folders of its own in front ("trip/a.jpg"). Most often the specs are one and the same object. Where the
    sources are objects in a store, `stamps` are theirs, from their listing; else it is empty.
    """

    folder: str
    output_folder: str
    names: Sequence[str]
    outputs: Sequence[str]
    specs: Sequence[Spec]
    stamps: Sequence[FileStamp] = ()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def local(self) -> bool:
        """Whether all of it is on this machine."""
        return not (self.stamps or is_url(self.output_folder))

    def job(self, index: int) -> Job:
        """One of them, from 0; a LocalJob where the batch is local."""
        source, output = self.folder + self.names[index], self.output_folder + self.outputs[index]
        if self.local:
            return LocalJob(Path(source), Path(output), self.specs[index])
        at = Remote(source, self.stamps[index]) if self.stamps else Path(source)
        return Job(at, location_of(output), self.specs[index])

    def jobs(self) -> Iterator[Job]:
        """All of them."""
        return map(self.job, range(len(self)))

    def part(self, indexes: Iterable[int]) -> "Batch":
        """Some of them, in the order of `indexes`."""
        kept = list(indexes)
        return Batch(
            self.folder,
            self.output_folder,
            [self.names[index] for index in kept],
            [self.outputs[index] for index in kept],
            [self.specs[index] for index in kept],
            [self.stamps[index] for index in kept] if self.stamps else (),
        )


class Status(StrEnum):
    """What became of a LocalJob."""

    CONVERTED = "converted"
    FRESH = "fresh"
    FAILED = "failed"
    PRUNED = "pruned"


@dataclass(frozen=True, slots=True)
class FreshCount:
    """So many jobs of which nothing had to be done."""

    count: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a LocalJob failed. A `passing` one may be over without a touch of the photo."""

    kind: Kind
    message: str
    passing: bool = False


@dataclass(frozen=True, slots=True)
class Caveat:
    """What is not as it might have been expected of an output that is right.

    `kind` is what a stricter Policy would have made of it. Without `words`, it is not to be told.
    """

    words: str
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one LocalJob. `size` is the verified one; `output` is None where none was planned.

    `mode` names the one that was taken; None for what failed, and for what is fresh where it depends on the photo.
    `stamp` is the output's, as it was when it was verified.
    """

    source: Location
    output: Location | None
    status: Status
    size: Size | None = None
    seconds: float = 0.0
    failure: Failure | None = None
    caveats: tuple[Caveat, ...] = ()
    stamp: FileStamp | None = None
    mode: str | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """The words of the caveats that are to be told."""
        return tuple(caveat.words for caveat in self.caveats if caveat.words)

    @classmethod
    def failed(
        cls,
        source: Location,
        output: Location | None,
        error: PhotoError,
        seconds: float = 0.0,
    ) -> "Result":
        """The Result of a Job that ended in `error`."""
        failure = Failure(error.kind, str(error), isinstance(error, Killed))
        return cls(source, output, Status.FAILED, seconds=seconds, failure=failure)
