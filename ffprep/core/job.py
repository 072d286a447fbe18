"""Jobs and their results: one source, one output, one Spec, and what happened."""

import os
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from ffprep.core.geometry import Faces, Size
from ffprep.core.location import Location, Remote, location_of
from ffprep.core.spec import Spec
from ffprep.errors import FilteredOut, Killed, Kind, LimitReached, PhotoError
from ffprep.record import Record, field, replace
from ffprep.system.files import FileStamp, is_url


class Thumbnail(Record):
    """Where a small picture of a photo is written, too: `always`, or if its output has caveats."""

    path: Path
    always: bool


class Job(Record):
    """One source, one output, one Spec; each may be a local file or an object in a store.

    `place` is where a link in place of the source may lead, as `open_regular` takes it. `faces` are
    those of the photo, if they are known. The `thumbnail` has no Result.
    """

    source: Location
    output: Location
    spec: Spec
    place: str = ""
    faces: Faces | None = None
    thumbnail: Thumbnail | None = None


class LocalJob(Job):
    """A Job whose source and output are files on this machine."""

    source: Path
    output: Path


class Places(Record):
    """Where the files of a folder may be when they are opened, by what its listing said.

    `real` is the folder without links. `linked` are the names that were links, and `top` is the
    real folder that these must not lead out of, if any. Both folders end in a separator.
    """

    real: str
    linked: frozenset[str] = frozenset()
    top: str = ""

    def of(self, name: str) -> str:
        """Return the place of a file, as `open_regular` takes it."""
        return self.top if name in self.linked else self.real + name

    @property
    def of_sidecars(self) -> str:
        """The place of sidecars, whose links may lead to files of the same SOURCE."""
        return self.top or self.real


BATCH = 512
"""The most jobs of a Batch, and how many outputs a query of a ledger looks for."""


class Batch(Record):
    """Jobs of one source folder, as names only: most photos of a library are up to date.

    `names`, `outputs` and `specs` are parallel, for `zip`. `folder + name` is the source as the
    user wrote it, and `output_folder + output` is its output; both folders end in a separator, or
    are empty for the working folder. An output may begin with folders ("trip/a.jpg") if the name
    template has any. Usually all specs are the same object. `stamps` are those of the sources, from
    their listing, if they are objects in a store; else it is empty. Without `places`, all links are
    followed. `rendition` says which of the pictures of every photo these are, from 0.
    """

    folder: str
    output_folder: str
    names: Sequence[str]
    outputs: Sequence[str]
    specs: Sequence[Spec]
    stamps: Sequence[FileStamp] = ()
    places: Places | None = None
    rendition: int = 0

    def __len__(self) -> int:
        return len(self.names)

    @property
    def local(self) -> bool:
        """Whether all sources and outputs are on this machine."""
        return not (self.stamps or is_url(self.output_folder))

    def job(self, index: int) -> Job:
        """Return a job by its index; a LocalJob if the batch is local."""
        source, output = self.folder + self.names[index], self.output_folder + self.outputs[index]
        if self.local:
            return LocalJob(Path(source), Path(output), self.specs[index], self._place(index))
        at = Remote(source, self.stamps[index]) if self.stamps else Path(source)
        return Job(at, location_of(output), self.specs[index], self._place(index))

    def _place(self, index: int) -> str:
        return self.places.of(self.names[index]) if self.places else ""

    def jobs(self) -> Iterator[Job]:
        """Return all jobs."""
        return map(self.job, range(len(self)))

    def part(self, indexes: Iterable[int]) -> "Batch":
        """Return some of the jobs as a Batch, in the order of `indexes`."""
        kept = list(indexes)
        return replace(
            self,
            names=[self.names[index] for index in kept],
            outputs=[self.outputs[index] for index in kept],
            specs=[self.specs[index] for index in kept],
            stamps=[self.stamps[index] for index in kept] if self.stamps else (),
        )


class Status(StrEnum):
    """How a job ended."""

    CONVERTED = "converted"
    FRESH = "fresh"
    FAILED = "failed"
    PRUNED = "pruned"
    PASSED_OVER = "passed_over"


class PassedOver(StrEnum):
    """Why a file is not converted, although nothing is wrong with it.

    A raw lies beside a picture of the same name. A link is not followed. A photo is filtered that
    does not meet the conditions of the run.
    """

    RAW = "raw"
    FILM = "film"
    LINK = "link"
    OTHER = "other"
    FILTERED = "filtered"


class FreshCount(Record):
    """A number of jobs that were up to date; and of photos that were filtered before."""

    count: int
    filtered: int = 0


class Failure(Record):
    """Why a job failed. A `transient` failure may not happen again with the same photo.

    `limit` is the inherited limit that the job met, such as `ulimit -v 250000`, if it met one. A
    `known` failure is not new: the run before reported the same, or it was accepted.
    """

    kind: Kind
    message: str
    transient: bool = False
    limit: str = ""
    known: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the content of a JSON object; only a failure that is not new has `known`."""
        content: dict[str, Any] = {"kind": self.kind.value, "message": self.message}
        return content | ({"known": True} if self.known else {})


class CaveatKind(StrEnum):
    """What a caveat is about: the word in JSON. TOLERABLE ones are failures in a stricter run."""

    DAMAGED = Kind.DAMAGED.value
    UPSCALE = Kind.UPSCALE.value
    CUT = Kind.CUT.value
    QUALITY = "quality"
    FACES = "faces"
    NO_FACE = "no-face"
    PREVIEW = "preview"
    COLOURS = "colours"
    INTERLACED = "interlaced"


class Caveat(Record):
    """What may be unexpected about a verified output. Without `words`, no warning is shown."""

    words: str
    kind: CaveatKind


class Result(Record):
    """The result of one job. `size` is the verified one; `output` is None if none was planned.

    `mode` is the name of the mode used; None if the job failed, or if it was up to date and its
    mode depends on the photo. `stamp` is that of the verified output. `source_hash` is that of the
    content that was converted, and `output_hash` that of the verified output, if they were to be
    hashed. `passed_over` says why the file is not converted, if its status is PASSED_OVER, and
    `reason` the same in words. `faces` are those of the photo, if they were looked for. `spec` is
    what was asked for, and `photo` the size of the upright photo, if they are known.
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
    source_hash: bytes | None = field(default=None, repr=False)
    output_hash: bytes | None = field(default=None, repr=False)
    passed_over: PassedOver | None = None
    reason: str = ""
    faces: Faces | None = None
    spec: Spec | None = field(default=None, repr=False)
    photo: Size | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """The sentences of the caveats that have one."""
        return tuple(caveat.words for caveat in self.caveats if caveat.words)

    @property
    def warning_kinds(self) -> tuple[CaveatKind, ...]:
        """The kind of each of `warnings`."""
        return tuple(caveat.kind for caveat in self.caveats if caveat.words)

    def as_dict(self) -> dict[str, Any]:
        """Return the content of a JSON line.

        The keys `warnings`, `warning_kinds`, `passed_over` and `reason` are missing if there is
        nothing to say.
        """
        content: dict[str, Any] = {
            "source": os.fspath(self.source),
            "output": None if self.output is None else os.fspath(self.output),
            "status": self.status.value,
            "width": self.size.width if self.size else None,
            "height": self.size.height if self.size else None,
            "mode": self.mode,
            "seconds": round(self.seconds, 3),
            "error": self.failure.as_dict() if self.failure else None,
        }
        if self.passed_over:
            content["passed_over"] = self.passed_over.value
            content |= {"reason": self.reason} if self.reason else {}
        if self.warnings:
            content["warnings"] = list(self.warnings)
            content["warning_kinds"] = list(self.warning_kinds)
        return content

    @classmethod
    def failed(
        cls,
        source: Location,
        output: Location | None,
        error: PhotoError,
        seconds: float = 0.0,
    ) -> "Result":
        """Return the Result of a job that ended in `error`; a FilteredOut is not a failure."""
        if isinstance(error, FilteredOut):
            return cls.filtered(source, output, str(error), seconds)
        limit = error.limit if isinstance(error, LimitReached) else ""
        failure = Failure(error.kind, str(error), isinstance(error, Killed), limit)
        return cls(source, output, Status.FAILED, seconds=seconds, failure=failure)

    @classmethod
    def filtered(
        cls, source: Location, output: Location | None, reason: str, seconds: float = 0.0
    ) -> "Result":
        """Return the Result of a photo that does not meet the conditions of the run."""
        status, kind = Status.PASSED_OVER, PassedOver.FILTERED
        return cls(source, output, status, None, seconds, passed_over=kind, reason=reason)
