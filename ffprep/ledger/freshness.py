"""Which jobs are up to date: planned jobs are compared with the ledger, and with their files.

A job is up to date (`fresh`) if its source, its Spec and its output are as recorded. A failure
holds while the source, the Spec and the conditions of the run are the same.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ffprep.core.geometry import Size
from ffprep.core.job import Batch, Failure, FreshCount, Job, Result, Status
from ffprep.core.location import Location
from ffprep.core.policy import Policy, RerunOptions, Retry
from ffprep.core.spec import Spec
from ffprep.errors import Kind, PhotoError
from ffprep.ledger.rows import (
    Entry,
    Fingerprint,
    FinishedJob,
    Name,
    PendingJob,
    Row,
    decode_name,
    encode_name,
    encode_names,
    relative_folder,
    stored_stamp,
    stored_time,
)
from ffprep.record import Record, field, replace
from ffprep.storage.protocol import storage_of
from ffprep.storage.stamps import StampReader, stamp_or_none
from ffprep.system.files import FileStamp, opened, real_folder, real_path

if TYPE_CHECKING:
    from ffprep.ledger.ledger import Ledger

_RETRIED_KINDS = {Kind.IO, Kind.MISSING, Kind.COLLISION, Kind.INTERNAL}
"""Failures that may be over although the photo is the same."""

Key = tuple[Name, Name]
"""Output and source of a job, as rows have them."""


class Triage(Record, frozen=False):
    """A classified batch: results that need no work (`listed`), and jobs to do (`pending`).

    `fresh` is the number of up-to-date jobs that are not listed, and `filtered` that of photos that
    do not meet the filter. If `others_follow`, the next batch has other outputs of the same photos.
    """

    fresh: int = 0
    filtered: int = 0
    listed: list[Result] = field(default_factory=list)
    pending: list[PendingJob] = field(default_factory=list)
    others_follow: bool = False

    @property
    def known(self) -> list[Result | FreshCount]:
        """The outcomes that need no work."""
        counted = self.fresh or self.filtered
        return [*([FreshCount(self.fresh, self.filtered)] if counted else []), *self.listed]


class Freshness(Record):
    """Compares jobs with a ledger. The failures of `valid_runs` still hold.

    `output` is the output folder.
    """

    ledger: "Ledger"
    output: Location
    policy: Policy
    rerun: RerunOptions
    valid_runs: frozenset[int]
    stamps: StampReader = field(default_factory=StampReader)

    def classify(self, batch: Batch, list_fresh: bool) -> Triage:
        """Classify the jobs of a batch by the ledger and by the stamps of their files.

        Without `list_fresh`, up-to-date jobs are only counted.
        """
        triage, only_failed = Triage(), self.rerun.retry is Retry.ONLY
        folder = relative_folder(self.output, batch.output_folder)
        source_folder = real_folder(batch.folder)
        outputs = encode_names(batch.outputs)
        sources = encode_names(map(source_folder.__add__, batch.names))
        same = self._unchanged(folder, batch, outputs, sources)
        if not list_fresh and len(same) == len(outputs) and not self.policy.filter:
            triage.fresh = 0 if only_failed else len(same)
            return triage
        rows = self.ledger.rows(folder, outputs)
        fresh = self._meeting_filter({fingerprint[:2] for fingerprint in same}, rows)
        owners = {row.name: row for row in rows.values() if row.output_bytes is not None}
        met: list[Row] = []
        for index, (output, source, spec) in enumerate(
            zip(outputs, sources, batch.specs, strict=True)
        ):
            row = rows.get((output, source))
            if row and (output, source) in fresh:
                if list_fresh and not only_failed:
                    triage.listed.append(_fresh_result(batch.job(index), row.size))
                elif not only_failed:
                    triage.fresh += 1
                continue
            stamp = self.stamps.source(batch, index)
            if row and self.is_filtered(row, stamp):
                triage.listed += [_filtered_result(batch.job(index), row)] if list_fresh else []
                triage.filtered += not list_fresh
            elif row and self._still_fails(row, spec, stamp):
                met.append(row)
                result = _failed_result(batch.job(index), row)
                triage.listed.append(self._compared(result, row, row))
            elif not only_failed or (row and row.status == Status.FAILED):
                known = row or self._owner(owners.get(output), stamp)
                free = row is None and output not in owners
                good = self._is_good(known, spec) if known else free
                triage.pending.append(
                    PendingJob(batch.job(index), folder, output, source, stamp, row, good, known)
                )
        if met:
            self.ledger.mark_met(folder, met)
        triage.pending = self._with_faces(self._settled(triage.pending))
        return triage

    def _settled(self, jobs: list[PendingJob]) -> list[PendingJob]:
        """Return jobs without those of photos that are still being written."""
        unsettled = self.rerun.unsettled
        return [j for j in jobs if decode_name(j.source) not in unsettled] if unsettled else jobs

    def _with_faces(self, jobs: list[PendingJob]) -> list[PendingJob]:
        """Return jobs with the faces of their photos, if they are cut at faces that are known."""
        if self.rerun.force or not any(job.job.spec.focuses_on_faces for job in jobs):
            return jobs
        from ffprep.ledger.tables import with_known_faces

        return with_known_faces(self.ledger, jobs)

    def _owner(self, owner: Row | None, source: FileStamp | None) -> Row | None:
        """Return the row of an output's other photo if this one may be it, moved or renamed."""
        if not owner or not self.rerun.adopt:
            return None
        is_same = owner.has_source(source)
        return owner if is_same or self.stamps.is_gone(decode_name(owner.source)) else None

    def _unchanged(
        self, folder: str, batch: Batch, outputs: Sequence[Name], sources: Sequence[Name]
    ) -> set[Fingerprint]:
        """Return the Fingerprints of the up-to-date jobs. In most runs, most jobs are."""
        if self.rerun.force or self.rerun.checksum:
            return set()
        recorded = self.ledger.fingerprints(folder, outputs, self.policy.allowed_caveats)
        return recorded.intersection(self._fingerprints(batch, outputs, sources))

    def _fingerprints(
        self, batch: Batch, outputs: Sequence[Name], sources: Sequence[Name]
    ) -> Iterator[Fingerprint]:
        """Yield the Fingerprints of the files as they are now, if source and output exist."""
        number = self.ledger.spec_number
        if not batch.local:
            stamps = zip(batch.specs, self.stamps.both(batch), outputs, sources, strict=True)
            for spec, (at, to), output, source in stamps:
                if at and to:
                    yield output, source, number(spec), *stored_stamp(at), *stored_stamp(to)
            return
        jobs = zip(batch.names, batch.outputs, batch.specs, outputs, sources, strict=True)
        with suppress(OSError), opened(batch.folder) as here, opened(batch.output_folder) as there:
            for name, made, spec, output, source in jobs:
                try:
                    a, b = os.stat(name, dir_fd=here), os.lstat(made, dir_fd=there)
                except (OSError, ValueError):
                    continue
                times = stored_time(a.st_mtime_ns), stored_time(b.st_mtime_ns)
                yield output, source, number(spec), a.st_size, times[0], b.st_size, times[1]

    def _is_good(self, row: Row, spec: Spec) -> bool:
        """Return whether this run wants an output, provided that its file is as recorded."""
        if row.status != Status.CONVERTED or row.spec != self.ledger.spec_number(spec):
            return False
        return not row.tolerated or all(self.policy.permits(Kind(k)) for k in row.tolerated.split())

    def _still_fails(self, row: Row, spec: Spec, source: FileStamp | None) -> bool:
        rerun = self.rerun
        if row.status != Status.FAILED or row.kind in _RETRIED_KINDS:
            return False
        if rerun.force or rerun.retry is not Retry.CHANGED or row.run not in self.valid_runs:
            return False
        return row.has_source(source) and row.spec == self.ledger.spec_number(spec)

    def _meeting_filter(self, keys: set[Key], rows: Mapping[Key, Row]) -> set[Key]:
        """Return the jobs of which a run recorded that they meet the filter of this run."""
        runs = {*self.valid_runs, self.ledger.run} if self.policy.filter else set()
        return {key for key in keys if key in rows and rows[key].run in runs} if runs else keys

    def is_filtered(self, row: Row, source: FileStamp | None) -> bool:
        """Return whether a run recorded that a photo does not meet the filter of this run."""
        if row.status != Status.PASSED_OVER or not self.policy.filter:
            return False
        known = row.run in self.valid_runs and not self.rerun.force
        return (known or row.run == self.ledger.run) and row.has_source(source)

    def record(self, finished: FinishedJob) -> Result:
        """Record a finished job in the ledger. Return its result; a failure may be `known`."""
        entry = finished.entry(self.ledger)
        result = self._compared(finished.result, entry.row, finished.pending.row)
        self.ledger.record(entry)
        if result.faces is not None:
            from ffprep.ledger.tables import record_faces

            record_faces(self.ledger, finished.pending, result.faces)
        return result

    def record_early_failure(self, result: Result) -> Result:
        """Record a failure without a PendingJob: a collision, or a folder that cannot be read.

        Return the result; its failure may be `known`.
        """
        assert result.failure
        folder, name, source = "", encode_name(""), encode_name(real_path(result.source))
        if result.output:
            folder = relative_folder(self.output, os.path.join(result.output.parent, ""))
            name = encode_name(result.output.name)
        kind, message = result.failure.kind.value, encode_name(result.failure.message)
        row = Row(name, source, Status.FAILED, self.ledger.run, kind=kind, message=message)
        before = self.ledger.rows(folder, [name]).get((name, source))
        if not self.ledger.read_only:
            self.ledger.record(Entry(folder, row.with_output_of(before)))
        return self._compared(result, row, before)

    def _compared(self, result: Result, row: Row, before: Row | None) -> Result:
        """Return a result whose failure says whether it is `known`, by its row, now and before."""
        if result.failure is None:
            return result
        from ffprep.ledger.tables import is_known

        known = is_known(self.ledger, row, before)
        return replace(result, failure=replace(result.failure, known=known)) if known else result


def skip_unchanged(
    rerun: RerunOptions, pending: PendingJob, verify: Callable[[Job], tuple[Size, FileStamp]]
) -> FinishedJob | None:
    """Return a job as up to date although its stamps differ: by its contents, or adopted.

    Or its stamps are the same, and it had to be found out whether the photo meets a filter. None if
    it must be converted. This reads files, so call it in a worker's thread. `verify`
    decodes an existing output, and raises PhotoError.
    """
    row = pending.row
    if rerun.force or pending.stamp is None:
        return None
    if row and pending.good and (unchanged := _if_unchanged(pending, row, rerun.checksum)):
        return unchanged
    if rerun.adopt and (pending.known or pending.good):
        return _if_adoptable(pending, verify, rerun.checksum)
    return None


def _if_unchanged(pending: PendingJob, row: Row, checksum: bool) -> FinishedJob | None:
    """Compare the stamps of source and output; with `checksum`, the hashes that are recorded."""
    made = stamp_or_none(pending.job.output, follow=False)
    source_hash, output_hash = row.source_hash, row.output_hash
    if checksum:
        source_hash, output_hash = _hashes(pending)
    if not made or (checksum and not output_hash):
        return None
    if checksum and row.source_hash:
        same_source = source_hash == row.source_hash
    else:
        same_source = row.has_source(pending.stamp)
    if checksum and row.output_hash:
        same_output = output_hash == row.output_hash
    else:
        same_output = row.has_output(made)
    if not (same_source and same_output):
        return None
    result = _fresh_result(pending.job, row.size, made)
    return FinishedJob(replace(result, source_hash=source_hash, output_hash=output_hash), pending)


def _if_adoptable(
    pending: PendingJob, verify: Callable[[Job], tuple[Size, FileStamp]], checksum: bool
) -> FinishedJob | None:
    """Verify an output that the ledger does not know, or whose row no longer fits."""
    made = stamp_or_none(pending.job.output, follow=False)
    if not made or not pending.stamp or not _may_be_made_of(pending, pending.stamp, made):
        return None
    try:
        size, stamp = verify(pending.job)
    except PhotoError:
        return None
    result = _fresh_result(pending.job, size, stamp)
    if checksum:  # otherwise, no source is read to adopt its output
        source_hash, output_hash = _hashes(pending)
        result = replace(result, source_hash=source_hash, output_hash=output_hash)
    return FinishedJob(result, pending)


def _may_be_made_of(pending: PendingJob, source: FileStamp, made: FileStamp) -> bool:
    """Return whether an output may be adopted, as far as times and the ledger say.

    If the ledger has this very file, it was made of the content that is recorded. Another file must
    be no older than the photo: an older one was made of an earlier version.
    """
    row, job = pending.known, pending.job
    if row is None or not _is_recorded(row, made, job.output):
        return made.modified >= source.modified
    if not pending.good or not row.source_hash:
        return (
            pending.good and row.source_bytes == source.bytes and made.modified >= source.modified
        )
    return storage_of(job.source).content_hash(job.source) == row.source_hash


def _is_recorded(row: Row, made: FileStamp, output: Location) -> bool:
    if row.output_bytes != made.bytes:
        return False
    same = row.has_output(made)
    return same or (
        row.output_hash is not None and storage_of(output).content_hash(output) == row.output_hash
    )


def _hashes(pending: PendingJob) -> tuple[bytes | None, bytes | None]:
    """Read both files of a job; return their hashes, for later runs with --checksum."""
    job = pending.job
    source, output = (storage_of(each).content_hash(each) for each in (job.source, job.output))
    return source if _is_as_read(pending) else None, output


def without_stale_hash(pending: PendingJob, result: Result) -> Result:
    """Return a result, without the hash of a source that has changed since it was read."""
    is_stale = result.source_hash and not _is_as_read(pending)
    return replace(result, source_hash=None) if is_stale else result


def _is_as_read(pending: PendingJob) -> bool:
    now = stamp_or_none(pending.job.source)
    # `is_as` ignores the device: each machine has another number for a shared disk.
    return bool(now and pending.stamp and now.is_as(pending.stamp))


def _fresh_result(job: Job, size: Size | None, stamp: FileStamp | None = None) -> Result:
    mode = None if job.spec.fallback else job.spec.mode.name  # it may depend on the photo
    return Result(job.source, job.output, Status.FRESH, size, stamp=stamp, mode=mode, spec=job.spec)


def _filtered_result(job: Job, row: Row) -> Result:
    return Result.filtered(job.source, job.output, decode_name(row.message or ""))


def _failed_result(job: Job, row: Row) -> Result:
    failure = Failure(Kind(row.kind or ""), decode_name(row.message or ""))
    return Result(job.source, job.output, Status.FAILED, failure=failure, spec=job.spec)
