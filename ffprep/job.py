"""Job, Batch, Policy, Result: what is to be done to one file, under which limits, and what became of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ffprep.errors import Kind, PhotoError
from ffprep.spec import Size, Spec


@dataclass(frozen=True, slots=True)
class Job:
    """One source, one output path, one Spec."""

    source: Path
    output: Path
    spec: Spec


BATCH = 512
"""How many jobs a Batch holds at most."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Jobs-to-be of one source folder: names only, since most of a library is fresh and needs no Job.

    `names`, `outputs` and `specs` are parallel, to be looped over with `zip`. `folder + name` is the
    source as the user spelt it, and `output_folder + output` what it becomes; both folders end in a
    separator, or are empty for the working folder. With a template that says so, an output may have
    folders of its own in front ("trip/a.jpg"). Most often the specs are one and the same object.
    """

    folder: str
    output_folder: str
    names: Sequence[str]
    outputs: Sequence[str]
    specs: Sequence[Spec]

    def __len__(self) -> int:
        return len(self.names)

    def job(self, index: int) -> Job:
        """One of them, from 0, as a Job."""
        source, output = self.folder + self.names[index], self.output_folder + self.outputs[index]
        return Job(Path(source), Path(output), self.specs[index])

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
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """What a run permits itself; unlike a Spec it never changes the pixels of a sound photo.

    `upscale` is what becomes of photos with fewer pixels than the frame: `allow`, `warn` or `fail`.
    `keep_damaged` converts what can still be decoded of a damaged photo. `timeout` is in seconds a
    photo. `max_pixels` bounds width x height of what is decoded; FFmpeg's own bound is the default. `max_memory` is in bytes, for one
    photo in work.
    """

    upscale: str = "warn"
    keep_damaged: bool = False
    preserve_times: bool = False
    timeout: float = 120.0
    max_pixels: int = 268_000_000
    max_memory: int = 1_000_000_000


class Status(StrEnum):
    """What became of a Job."""

    CONVERTED = "converted"
    FRESH = "fresh"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a Job failed."""

    kind: Kind
    message: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one Job. `size` is the verified one; `output` is None where none was planned.

    `warnings` say what is not as it might have been expected of an output that is right.
    """

    source: Path
    output: Path | None
    status: Status
    size: Size | None = None
    seconds: float = 0.0
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()

    @classmethod
    def failed(
        cls, source: Path, output: Path | None, error: PhotoError, seconds: float = 0.0
    ) -> "Result":
        """The Result of a Job that ended in `error`."""
        failure = Failure(error.kind, str(error))
        return cls(source, output, Status.FAILED, seconds=seconds, failure=failure)
