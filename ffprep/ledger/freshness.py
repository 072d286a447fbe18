"""What is to be done again: planned names against the ledger, and against the files as they are.

A job is fresh when its source, its Spec and its output are as they were recorded. A failure holds while its
source, its Spec and the terms of the run are the same.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ffprep.core.geometry import Size
from ffprep.core.job import Batch, Failure, FreshCount, Job, Result, Status
from ffprep.core.location import Location
from ffprep.core.policy import Policy, RerunOptions, Retry
from ffprep.core.spec import Spec
from ffprep.errors import Kind, PhotoError
from ffprep.ledger.ledger import AT_ONCE, Entry, Ledger, Proof, Row, keys, name_of
from ffprep.ledger.rows import (
    CONVERTED,
    FAILED,
    NO_HASHES,
    FinishedJob,
    Hashes,
    PendingJob,
    failed_beforehand,
    is_from,
    is_output,
    keeping,
    noted,
    place,
)
from ffprep.storage.protocol import storage_of
from ffprep.storage.stamps import StampReader, stamp_or_none
from ffprep.system.files import FileStamp, is_url, real_folder, real_path

_NOT_THE_PHOTOS = {Kind.IO, Kind.MISSING, Kind.COLLISION}
"""Failures that may be over without a touch of the photo, and that cost little to try again."""


@dataclass(slots=True)
class Triage:
    """A batch, sorted out: fresh jobs, by number unless each is wanted; failures that hold; the rest."""

    count: int = 0
    fresh: list[Result] = field(default_factory=list)
    failed: list[Result] = field(default_factory=list)
    pending: list[PendingJob] = field(default_factory=list)

    @property
    def known(self) -> list[Result | FreshCount]:
        """What takes no work."""
        count = [FreshCount(self.count)] if self.count else []
        return [*count, *self.fresh, *self.failed]


@dataclass(frozen=True, slots=True)
class Freshness:
    """Compares with a ledger, under a Policy. `alike` are the runs whose failures still hold.

    `output` is the output folder.
    """

    ledger: Ledger
    output: Location
    policy: Policy
    renewal: RerunOptions
    alike: frozenset[int]
    sight: StampReader = field(default_factory=StampReader)

    def classify(self, batch: Batch, each: bool) -> Triage:
        """Sort the jobs of a batch, by what is known and by the stamps of their files.

        Of fresh ones, only their number is told unless `each` is wanted.
        """
        sorted_out, only = Triage(), self.renewal.retry is Retry.ONLY
        folder, origin = place(self.output, batch.output_folder), real_folder(batch.folder)
        outputs, sources = keys(batch.outputs), keys(map(origin.__add__, batch.names))
        fresh = self._fresh(folder, batch, outputs, sources)
        if not each and len(fresh) == len(outputs):
            sorted_out.count = 0 if only else len(fresh)
            return sorted_out
        known = self.ledger.recall(folder, outputs)
        makers = {row.name: row for row in known.values() if row.output_bytes is not None}
        met: list[Row] = []
        for index, (output, source, spec) in enumerate(
            zip(outputs, sources, batch.specs, strict=True)
        ):
            row = known.get((output, source))
            if row and (output, source) in fresh:
                if each and not only:
                    sorted_out.fresh.append(_fresh(batch.job(index), row))
                elif not only:
                    sorted_out.count += 1
                continue
            stamp = self.sight.source(batch, index)
            if row and self._still_fails(row, spec, stamp):
                met.append(row)
                sorted_out.failed.append(_failure(batch.job(index), row))
            elif not only or (row and row.status == FAILED):
                maker = makers.get(output)
                # Another photo of which it was made may be this one under its earlier name.
                good = self._is_good(row, spec) if row else not maker or is_from(maker, stamp)
                pending = PendingJob(batch.job(index), folder, output, source, stamp, row, good)
                sorted_out.pending.append(pending)
        self.ledger.meet(folder, met)
        return sorted_out

    def _fresh(
        self,
        folder: str,
        batch: Batch,
        outputs: Sequence[str | bytes],
        sources: Sequence[str | bytes],
    ) -> set[tuple[str | bytes, str | bytes]]:
        """The jobs whose files are as they were proven, by output and source. Most of a library is."""
        if self.renewal.force or self.renewal.checksum:
            return set()
        proven = self.ledger.proven(folder, outputs, self.policy.tolerated)
        seen = proven.intersection(self._seen(batch, outputs, sources))
        return {proof[:2] for proof in seen}

    def _seen(
        self, batch: Batch, outputs: Sequence[str | bytes], sources: Sequence[str | bytes]
    ) -> Iterator[Proof]:
        """The files as they are, where both are there."""
        number, jobs = self.ledger.spec, zip(batch.names, batch.outputs, batch.specs, strict=True)
        if not batch.local:
            ends = zip(batch.specs, self.sight.both(batch), outputs, sources, strict=True)
            for spec, (at, to), output, source in ends:
                if at and to:
                    times = noted(at.modified), noted(to.modified)
                    yield output, source, number(spec), at.bytes, times[0], to.bytes, times[1]
            return
        for (name, made, spec), output, source in zip(jobs, outputs, sources, strict=True):
            try:
                a, b = os.stat(batch.folder + name), os.lstat(batch.output_folder + made)
            except (OSError, ValueError):
                continue
            times = noted(a.st_mtime_ns), noted(b.st_mtime_ns)
            yield output, source, number(spec), a.st_size, times[0], b.st_size, times[1]

    def _is_good(self, row: Row, spec: Spec) -> bool:
        """Whether an output is what is wanted, if it is still as it was made."""
        if row.status != CONVERTED or row.spec != self.ledger.spec(spec):
            return False
        return not row.tolerated or all(self.policy.permits(Kind(k)) for k in row.tolerated.split())

    def _still_fails(self, row: Row, spec: Spec, source: FileStamp | None) -> bool:
        renewal = self.renewal
        if row.status != FAILED or row.kind in _NOT_THE_PHOTOS:
            return False
        if renewal.force or renewal.retry is not Retry.CHANGED or row.run not in self.alike:
            return False
        return is_from(row, source) and row.spec == self.ledger.spec(spec)

    def record(self, done: FinishedJob) -> None:
        """Have the ledger remember it."""
        self.ledger.record([done.entry(self.ledger)])

    def record_early_failure(self, result: Result) -> None:
        """Have it remember what failed before it could be looked at: a collision, an unreadable folder."""
        entry = failed_beforehand(result, self.output, self.ledger.run)
        name, source = entry.row.name, entry.row.source
        known = self.ledger.recall(entry.folder, [name]) if name else {}
        before = known.get((name, source))
        self.ledger.record([replace(entry, row=keeping(entry.row, before))])

    def forget_failures(
        self, roots: tuple[str, ...], named: Iterable[str | os.PathLike[str]]
    ) -> None:
        """Drop failures that a whole run of what is below `roots`, and of files `named`, has not met.

        Their photos are gone, or elsewhere. What was made of an earlier version of the photo stays known.
        """
        ours = {name_of(entry.row.source) for entry in self._not_met() if self._is_ours(entry.row)}
        asked = ours.intersection(map(real_path, named)) if ours else ours
        old: list[Entry] = []
        for entry in self._not_met():
            source = name_of(entry.row.source)
            inside = source.startswith(roots) or source in asked
            if (inside and self._is_ours(entry.row)) or _is_gone(source):
                old.append(entry)
            if len(old) >= AT_ONCE:
                self._forget(old)
                old = []
        self._forget(old)

    def _is_ours(self, row: Row) -> bool:
        """Whether this run would have met it: a failure of its Specs, or from before there was one."""
        return not row.spec or row.spec in self.ledger.specs

    def _not_met(self) -> Iterator[Entry]:
        entries = self.ledger.entries(Status.FAILED)
        return (entry for entry in entries if entry.row.run != self.ledger.run)

    def _forget(self, old: Sequence[Entry]) -> None:
        self.ledger.forget([entry for entry in old if entry.row.output_bytes is None])
        self.ledger.record(
            replace(
                entry, row=entry.row._replace(status=CONVERTED, spec=None, kind=None, message=None)
            )
            for entry in old
            if entry.row.output_bytes is not None
        )


def skip_unchanged(
    renewal: RerunOptions, pending: PendingJob, prove: Callable[[Job], tuple[Size, FileStamp]]
) -> FinishedJob | None:
    """A job that needs no converting although its times say so: by its contents, or adopted.

    Reads files: not for the thread that has the run, and the ledger, in its hands. `prove` verifies an
    output that is there; it raises PhotoError.
    """
    row = pending.row
    if renewal.force or pending.stamp is None:
        return None
    if row and renewal.checksum and pending.good:
        return _compared(pending, row)
    if row is None and renewal.adopt and pending.good:
        return _adopted(pending, prove, renewal.checksum)
    return None


def _compared(pending: PendingJob, row: Row) -> FinishedJob | None:
    """Where no contents were recorded, the times decide, and the contents are from now on."""
    made, found = stamp_or_none(pending.job.output, follow=False), hashes(pending)
    if not made or not found.output:
        return None
    from_it = found.source == row.source_hash if row.source_hash else is_from(row, pending.stamp)
    as_made = found.output == row.output_hash if row.output_hash else is_output(row, made)
    if not (from_it and as_made):
        return None
    return FinishedJob(replace(_fresh(pending.job, row), stamp=made), pending, found)


def _adopted(
    pending: PendingJob, prove: Callable[[Job], tuple[Size, FileStamp]], checksum: bool
) -> FinishedJob | None:
    """An output older than its source was made of another version of it."""
    made = stamp_or_none(pending.job.output, follow=False)
    if not made or not pending.stamp or made.modified < pending.stamp.modified:
        return None
    try:
        size, stamp = prove(pending.job)
    except PhotoError:
        return None
    job, mode = pending.job, _only_mode(pending.job.spec)
    result = Result(job.source, job.output, Status.FRESH, size, stamp=stamp, mode=mode)
    # Sources were not read for this, and not all of a library is to be.
    return FinishedJob(result, pending, hashes(pending) if checksum else NO_HASHES)


def hashes(pending: PendingJob) -> Hashes:
    """The contents of both files, which decide under --checksum. Reads them."""
    job = pending.job
    source = storage_of(job.source).content_hash(job.source)
    now = stamp_or_none(job.source)
    # Of one file on a shared disk, each machine has a device number of its own.
    if not (now and pending.stamp and now.is_as(pending.stamp)):  # it is another one by now
        source = None
    return Hashes(source, storage_of(job.output).content_hash(job.output))


def _is_gone(source: str) -> bool:
    """Whether there is no such file. Of an object that this run has not met, nobody has asked."""
    return not (is_url(source) or os.path.lexists(source))


def _fresh(job: Job, row: Row) -> Result:
    size = Size(row.width, row.height) if row.width and row.height else None
    return Result(job.source, job.output, Status.FRESH, size, mode=_only_mode(job.spec))


def _only_mode(spec: Spec) -> str | None:
    """The mode of an output that is not made again, where it does not depend on the photo."""
    return None if spec.fallback else spec.mode.name


def _failure(job: Job, row: Row) -> Result:
    failure = Failure(Kind(row.kind or ""), name_of(row.message or ""))
    return Result(job.source, job.output, Status.FAILED, failure=failure)
