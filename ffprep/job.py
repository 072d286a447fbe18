"""Job, Policy, Manners, Result: what is to be done to one file, under which limits, and what became of it."""

import math
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


@dataclass(frozen=True, slots=True)
class Manners:
    """What a run leaves to others on the same machine.

    `nice` is added to the niceness it was started with; `idle` takes the disk only when nobody else does. No
    photo begins after `max_time` seconds, and what has begun is given `grace` seconds more. While the
    load average is `max_load` or more, one chunk of photos at a time is worked on.
    """

    nice: int = 0
    idle: bool = False
    max_time: float = math.inf
    max_load: float = math.inf
    grace: float = 0.0


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
