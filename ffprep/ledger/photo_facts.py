"""What earlier runs found in photos: headers, and faces. Imported for names and crops with them.

They are those of a photo of this size and time, as this version reads headers and detects faces.
Both tables have photos by their real paths.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from ffprep.core.geometry import Bounds, FaceFocus, Faces
from ffprep.errors import UsageError
from ffprep.ledger.database import OwnTable
from ffprep.ledger.rows import (
    BATCH_SIZE,
    Name,
    PendingJob,
    decode_name,
    encode_name,
    padded,
    stored_stamp,
)
from ffprep.record import replace
from ffprep.storage.stamps import stamp_or_none
from ffprep.system.files import real_path
from ffprep.version import __version__

if TYPE_CHECKING:
    from ffprep.ledger.ledger import Ledger

Value = TypeVar("Value")

_HEADERS = OwnTable(
    "headers",
    """CREATE TABLE headers (
    source NOT NULL, what TEXT NOT NULL,
    source_bytes INTEGER, source_mtime INTEGER, version TEXT,
    value TEXT,
    PRIMARY KEY (source, what)
) WITHOUT ROWID""",
)
_FIND_HEADER = """SELECT value FROM headers WHERE (source, what) = (?, ?)
AND (source_bytes, source_mtime, version) = (?, ?, ?) AND typeof(value) = 'text'"""

_FACES = OwnTable(
    "faces",
    """CREATE TABLE faces (
    source NOT NULL PRIMARY KEY,
    source_bytes INTEGER, source_mtime INTEGER,
    version INTEGER,
    boxes TEXT  -- left,top,right,bottom of each face in fractions of the upright photo, and spaces
) WITHOUT ROWID""",
)
_FIND_FACES = f"SELECT * FROM faces WHERE source IN ({', '.join('?' * BATCH_SIZE)})"
_VERSION = FaceFocus().version


def recorded_header(
    ledger: "Ledger",
    what: str,
    path: str,
    parse: Callable[[str], Value],
    read: Callable[[], Value],
) -> Value:
    """Return `what` of a photo: `parse` returns it from a recorded text, `read` from the photo.

    A value that is read is recorded as a text. Raises as `read` does.
    """
    stamp = stamp_or_none(path)
    if not stamp:
        return read()
    key = encode_name(real_path(path)), what
    version = *stored_stamp(stamp), __version__
    for (text,) in _HEADERS.select(ledger, _FIND_HEADER, (*key, *version)):
        with suppress(ValueError):  # a ledger may have been written by a stranger
            return parse(text)
    value = read()
    if not ledger.read_only:
        _HEADERS.write(ledger, [(*key, *version, "" if value is None else str(value))])
    return value


def with_known_faces(ledger: "Ledger", jobs: Sequence[PendingJob]) -> list[PendingJob]:
    """Return jobs with the faces of their photos, as far as the ledger has them."""
    sources = [job.source for job in jobs if _has_faces(job)]
    known = dict[tuple[Name, int, int], Faces]()
    for start in range(0, len(sources), BATCH_SIZE):
        names = sources[start : start + BATCH_SIZE]
        known |= _parsed(_FACES.select(ledger, _FIND_FACES, padded(names)))
    return [_with_faces(job, known) for job in jobs]


def recorded_faces(ledger: "Ledger") -> dict[str, Faces]:
    """Return all faces by the real paths of their photos, whether these have changed or not."""
    rows = _FACES.select(ledger, "SELECT * FROM faces")
    return {decode_name(source): faces for (source, _, _), faces in _parsed(rows)}


def record_faces(ledger: "Ledger", pending: PendingJob, faces: Faces) -> None:
    """Record the faces of a photo."""
    stamp = pending.stamp
    if stamp is None or faces == pending.job.faces or not _has_faces(pending):
        return
    boxes = " ".join(f"{box.left},{box.top},{box.right},{box.bottom}" for box in faces)
    _FACES.write(ledger, [(pending.source, *stored_stamp(stamp), _VERSION, boxes)])


def _parsed(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[tuple[Name, int, int], Faces]]:
    for source, size, modified, version, boxes in rows:
        if version == _VERSION and isinstance(boxes, str):
            try:
                faces = tuple(Bounds.parse(box) for box in boxes.split())
            except UsageError:
                continue
            yield (source, size, modified), faces


def _with_faces(job: PendingJob, known: dict[tuple[Name, int, int], Faces]) -> PendingJob:
    if job.stamp is None or not _has_faces(job):
        return job
    key = job.source, *stored_stamp(job.stamp)
    return replace(job, job=replace(job.job, faces=known[key])) if key in known else job


def _has_faces(job: PendingJob) -> bool:
    """Return whether the table is about a job's source: each frame of a film has its own faces."""
    return job.job.spec.focuses_on_faces and not job.job.spec.frame


def forget_unused(ledger: "Ledger") -> None:
    """Delete the headers and faces of photos that no row is about."""
    for table in (_HEADERS, _FACES):
        with ledger.transaction() as database:
            if table.exists(database):
                jobs = "SELECT source FROM jobs"
                database.execute(f"DELETE FROM {table.name} WHERE source NOT IN ({jobs})")
