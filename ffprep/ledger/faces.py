"""The faces of photos, as earlier runs found them. Imported only for `--focus faces`.

They are those of a photo of this size and time, and of this version of detection.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ffprep.core.geometry import Bounds, FaceFocus, Faces
from ffprep.errors import UsageError
from ffprep.ledger.database import OwnTable
from ffprep.ledger.rows import BATCH_SIZE, Name, PendingJob, decode_name, padded, stored_stamp
from ffprep.record import replace

if TYPE_CHECKING:
    from ffprep.ledger.ledger import Ledger

TABLE = OwnTable(
    "faces",
    """CREATE TABLE faces (
    source NOT NULL PRIMARY KEY,
    source_bytes INTEGER, source_mtime INTEGER,
    version INTEGER,
    boxes TEXT  -- left,top,right,bottom of each face in fractions of the upright photo, and spaces
) WITHOUT ROWID""",
)
"""Those of photos, by their real paths."""
_FIND = f"SELECT * FROM faces WHERE source IN ({', '.join('?' * BATCH_SIZE)})"
_VERSION = FaceFocus().version


def with_known_faces(ledger: "Ledger", jobs: Sequence[PendingJob]) -> list[PendingJob]:
    """Return jobs with the faces of their photos, as far as the ledger has them."""
    sources = [job.source for job in jobs if _has_faces(job)]
    known = dict[tuple[Name, int, int], Faces]()
    for start in range(0, len(sources), BATCH_SIZE):
        names = sources[start : start + BATCH_SIZE]
        known |= _parsed(TABLE.select(ledger, _FIND, padded(names)))
    return [_with_faces(job, known) for job in jobs]


def recorded_faces(ledger: "Ledger") -> dict[str, Faces]:
    """Return all faces by the real paths of their photos, whether these have changed or not."""
    rows = TABLE.select(ledger, "SELECT * FROM faces")
    return {decode_name(source): faces for (source, _, _), faces in _parsed(rows)}


def record_faces(ledger: "Ledger", pending: PendingJob, faces: Faces) -> None:
    """Record the faces of a photo."""
    stamp = pending.stamp
    if stamp is None or faces == pending.job.faces or not _has_faces(pending):
        return
    boxes = " ".join(f"{box.left},{box.top},{box.right},{box.bottom}" for box in faces)
    TABLE.write(ledger, [(pending.source, *stored_stamp(stamp), _VERSION, boxes)])


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
