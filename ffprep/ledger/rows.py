"""What became of jobs, as the ledger's rows."""

import os
from dataclasses import dataclass
from typing import NamedTuple

from ffprep.core.job import Job, Result, Status
from ffprep.core.location import Location
from ffprep.ledger.ledger import Entry, Ledger, Row, key
from ffprep.system.files import FileStamp, real_path

_HALF = 2**63
CONVERTED, FAILED = Status.CONVERTED.value, Status.FAILED.value


class Hashes(NamedTuple):
    """The contents of a job's two files, None where they were not looked at."""

    source: bytes | None = None
    output: bytes | None = None


NO_HASHES = Hashes()

OF_OUTPUT = ("output_bytes", "output_mtime", "output_hash", "width", "height")
"""The columns that still hold when a photo fails: what was made of an earlier version is still there."""


@dataclass(frozen=True, slots=True)
class PendingJob:
    """A job that is not known to be fresh: its place in the ledger, and what stands there.

    `stamp` is the source's, from before anything of it was read, so that a change meanwhile is seen by the
    next run. None where it could not be had. `good` says that the output, if it still is as in the row, is what
    is wanted; without a row, that the ledger knows it as nobody else's.
    """

    job: Job
    folder: str
    name: str | bytes
    source: str | bytes
    stamp: FileStamp | None
    row: Row | None
    good: bool = False

    @classmethod
    def unknown(cls, job: Job) -> "PendingJob":
        """Where nothing is recorded."""
        return cls(job, "", "", "", None, None)


@dataclass(frozen=True, slots=True)
class FinishedJob:
    """What became of a PendingJob, for the ledger."""

    result: Result
    pending: PendingJob
    hashes: Hashes = NO_HASHES

    def entry(self, ledger: Ledger) -> Entry:
        """The job's new row."""
        result, pending = self.result, self.pending
        failure, origin, made = result.failure, pending.stamp, result.stamp
        if failure and failure.transient:
            origin = None  # it holds for no version of the photo
        known = {caveat.kind.value for caveat in result.caveats if caveat.kind}
        if pending.row and result.status is Status.FRESH:
            known = set(pending.row.tolerated.split())
        row = Row(
            name=pending.name,
            source=pending.source,
            source_bytes=origin.bytes if origin else None,
            source_mtime=noted(origin.modified) if origin else None,
            spec=ledger.spec(pending.job.spec),
            output_bytes=made.bytes if made else None,
            output_mtime=noted(made.modified) if made else None,
            status=FAILED if failure else CONVERTED,
            run=ledger.run,
            source_hash=self.hashes.source,
            output_hash=self.hashes.output if made else None,
            tolerated=" ".join(sorted(known)),
            width=result.size.width if result.size else None,
            height=result.size.height if result.size else None,
            kind=failure.kind.value if failure else None,
            message=key(failure.message) if failure else None,
        )
        return Entry(pending.folder, row if made else keeping(row, pending.row), result.seconds)


def keeping(row: Row, before: Row | None) -> Row:
    """A failure's row, with what is known of an output that was made before."""
    return row._replace(**{word: getattr(before, word) for word in OF_OUTPUT}) if before else row


def failed_beforehand(result: Result, output: Location, run: int) -> Entry:
    """The row of what failed before it could be looked at: a collision, a folder that cannot be read."""
    assert result.failure
    folder = name = ""
    if result.output:
        folder, name = place(output, os.path.join(result.output.parent, "")), result.output.name
    source = key(real_path(result.source))
    kind, message = result.failure.kind.value, key(result.failure.message)
    return Entry(folder, Row(key(name), source, FAILED, run, kind=kind, message=message))


def place(output: Location, folder: str) -> str:
    """A folder of outputs as the ledger knows it: relative to the output folder, empty or with a separator behind."""
    return folder.removeprefix(os.path.join(output, "")).removeprefix("./")


def is_from(row: Row, source: FileStamp | None) -> bool:
    """Whether a row's source was as large and as old as this one."""
    known = (row.source_bytes, row.source_mtime)
    return source is not None and known == (source.bytes, noted(source.modified))


def is_output(row: Row, output: FileStamp) -> bool:
    """Whether this is the output as it was made."""
    return (row.output_bytes, row.output_mtime) == (output.bytes, noted(output.modified))


def noted(time: int) -> int:
    """A time in nanoseconds as the ledger has it: in 64 bits, which begin again in the year 2262."""
    return time if -_HALF <= time < _HALF else (time + _HALF) % (2 * _HALF) - _HALF
