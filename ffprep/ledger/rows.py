"""Rows of the ledger: their names, jobs before and after conversion, and how results become rows.

A ledger may have been written by a stranger: rows that ffprep does not write are ignored.
"""

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ffprep.core.geometry import Size
from ffprep.core.job import BATCH, Job, Result, Status
from ffprep.core.location import Location
from ffprep.core.policy import TOLERABLE
from ffprep.errors import Kind
from ffprep.record import Record
from ffprep.system.files import FOLDER, FileStamp

if TYPE_CHECKING:
    from ffprep.ledger.ledger import Ledger

AMONG = f"IN ({', '.join('?' * BATCH)})"
"""The condition of a query for names that are `padded`."""
_HALF = 2**63

Name = str | bytes
"""A name as SQLite stores it: see `encode_name`."""


class Row(NamedTuple):
    """What the ledger knows about one job. A tuple, because a run over a library makes millions.

    `name` is the output's, `source` the whole path. `kind` is that of a failure, or the kinds of
    warnings.
    """

    name: Name
    source: Name
    status: str
    run: int
    spec: int | None = None
    source_bytes: int | None = None
    source_mtime: int | None = None
    output_bytes: int | None = None
    output_mtime: int | None = None
    source_hash: bytes | None = None
    output_hash: bytes | None = None
    tolerated: str = ""
    width: int | None = None
    height: int | None = None
    kind: str | None = None
    message: Name | None = None

    @property
    def size(self) -> Size | None:
        """The size of the output, if there is one."""
        return Size(self.width, self.height) if self.width and self.height else None

    def has_source(self, stamp: FileStamp | None) -> bool:
        """Return whether the source had this size and this time."""
        at = self.source_bytes, self.source_mtime
        return stamp is not None and at == stored_stamp(stamp)

    def has_output(self, stamp: FileStamp) -> bool:
        """Return whether the output is as recorded."""
        return (self.output_bytes, self.output_mtime) == stored_stamp(stamp)

    def with_output_of(self, before: "Row | None") -> "Row":
        """Return a failure's row with the output that was made before, if any: it still exists."""
        if before is None:
            return self
        return self._replace(**{column: getattr(before, column) for column in OUTPUT_COLUMNS})


Fingerprint = tuple[Name, Name, int, int, int, int, int]
"""Output, source, number of the Spec, bytes and mtime of source and output."""


class Entry(Record):
    """A job's row, and the folder of its output, relative to the output folder."""

    folder: str
    row: Row
    seconds: float = 0.0

    @property
    def path(self) -> str:
        """The path of the output from the output folder."""
        return self.folder + decode_name(self.row.name)

    @property
    def source(self) -> str:
        """The path of the photo."""
        return decode_name(self.row.source)


def encode_name(name: str) -> Name:
    """Return a name, or a message with one in it, as the ledger stores it: text if it is UTF-8.

    A file has the same name in the ledger under every locale.
    """
    try:
        data = os.fsencode(name)
    except UnicodeEncodeError:  # a key in a store, or a message
        data = name.encode(errors="replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def encode_names(names: Iterable[str]) -> list[Name]:
    """Encode many names. Most are ASCII, which is quick to see."""
    return [name if name.isascii() else encode_name(name) for name in names]


def padded(names: Sequence[Name]) -> list[Name]:
    """Return as many names as a query asks for. The added ones are the name of no file."""
    return [*names, *["/"] * (BATCH - len(names))]


def decode_name(value: object) -> str:
    """Return a stored name as a string. A stranger's ledger may have a number in its place."""
    return os.fsdecode(value if isinstance(value, bytes) else str(value).encode())


_TYPES: tuple[Any, ...] = tuple(Row.__annotations__.values())
_KINDS = {kind.value for kind in Kind}


def valid_row(values: Sequence[Any]) -> Row | None:
    """Return a row that was read; None if ffprep does not write such rows: then it is ignored."""
    if not all(map(isinstance, values, _TYPES)):
        return None
    row = Row._make(values)
    if (row.status == Status.FAILED and row.kind not in _KINDS) or (row.width or 1) < 1:
        return None
    return row if _KINDS.issuperset(row.tolerated.split()) and (row.height or 1) > 0 else None


def valid_entry(folder: Any, values: Sequence[Any]) -> Entry | None:
    """Return an entry that was read; None unless its output is a file in the output folder."""
    row = valid_row(values) if isinstance(folder, Name) else None
    if row is None:
        return None
    folder, name = decode_name(folder), decode_name(row.name)
    inside = not folder or (folder.endswith("/") and not folder.startswith("/"))
    # With folders in --names, a name has some, too.
    *folders, file = name.split("/")
    is_name = not name.startswith("/") and file != "." and (file or row.output_bytes is None)
    odd = {"..", FOLDER}.intersection([*folder.split("/"), *folders, file]) or "\0" in folder + name
    return Entry(folder, row) if inside and is_name and not odd else None


OUTPUT_COLUMNS = ("output_bytes", "output_mtime", "output_hash", "width", "height")
"""The columns that stay when a photo fails: the output of its earlier version still exists."""


class PendingJob(Record):
    """A job that is not up to date by its stamps: its key in the ledger, and its row there.

    Without a ledger, there is only the `job`.

    `stamp` is the source's stamp from before it was read, so that the next run sees a change
    meanwhile; None if it could not be read. `good` says that the output is what this run wants,
    provided that it is as recorded; without a row, that no other photo owns the output. `known` is
    the row that may describe the output: the job's, or with --adopt that of a photo that is gone.
    `refusal` says why the job is not to be done, unless its output turns out to be up to date.
    `pixels` are its share of those of its photo, if it was probed ahead.
    """

    job: Job
    folder: str = ""
    name: Name = ""
    source: Name = ""
    stamp: FileStamp | None = None
    row: Row | None = None
    good: bool = False
    known: Row | None = None
    refusal: str = ""
    pixels: int = 0


class FinishedJob(Record):
    """A PendingJob with its result, to be recorded."""

    result: Result
    pending: PendingJob

    def entry(self, ledger: "Ledger") -> Entry:
        """Return the job's new row."""
        result, pending = self.result, self.pending
        failure, source, output = result.failure, pending.stamp, result.stamp
        if failure and failure.transient:
            source = None  # the failure holds for no version of the photo
        tolerated = {caveat.kind.value for caveat in result.caveats}.intersection(TOLERABLE)
        message = failure.message if failure else result.reason or "; ".join(result.warnings)
        kinds = failure.kind.value if failure else " ".join(result.warning_kinds)
        if (known := pending.known) and result.status is Status.FRESH:
            tolerated = set(known.tolerated.split())
            is_good = known.status == Status.CONVERTED
            message = decode_name(known.message or "") if is_good else ""
            kinds = known.kind or "" if is_good else ""
        row = Row(
            name=pending.name,
            source=pending.source,
            source_bytes=source.bytes if source else None,
            source_mtime=stored_time(source.modified) if source else None,
            spec=ledger.spec_number(pending.job.spec),
            output_bytes=output.bytes if output else None,
            output_mtime=stored_time(output.modified) if output else None,
            status=Status.CONVERTED if result.status is Status.FRESH else result.status.value,
            run=ledger.run,
            source_hash=result.source_hash,
            output_hash=result.output_hash if output else None,
            tolerated=" ".join(sorted(tolerated)),
            width=result.size.width if result.size else None,
            height=result.size.height if result.size else None,
            kind=kinds or None,
            message=encode_name(message) or None,
        )
        row = row if output else row.with_output_of(pending.row)
        return Entry(pending.folder, row, result.seconds)


def relative_folder(output: Location, folder: str) -> str:
    """Return a folder relative to the output folder: empty, or with a separator at its end."""
    return folder.removeprefix(os.path.join(output, "")).removeprefix("./")


def stored_stamp(stamp: FileStamp) -> tuple[int, int]:
    """Return the size and the time of a file as the ledger stores them."""
    return stamp.bytes, stored_time(stamp.modified)


def stored_time(time: int) -> int:
    """Return a time in nanoseconds in the ledger's 64 bits, which wrap in the year 2262."""
    return time if -_HALF <= time < _HALF else (time + _HALF) % (2 * _HALF) - _HALF
