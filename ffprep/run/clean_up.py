"""The end of a complete run: report emptied folders, prune outputs, forget old failures."""

import os
from array import array
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

from ffprep.core.geometry import Size
from ffprep.core.job import BATCH, Result, Status
from ffprep.core.location import Location, located, location_of
from ffprep.core.policy import Retry
from ffprep.errors import Kind, PhotoError
from ffprep.ledger.freshness import Freshness
from ffprep.ledger.rows import Entry
from ffprep.ledger.tables import forget_unused, remove_unused
from ffprep.library.collisions import PlannedPaths, contains
from ffprep.library.walk import is_folder
from ffprep.record import Record, field, replace
from ffprep.run.clean import MISSING, OutputRemover
from ffprep.storage.stamps import StampReader, stamp_or_none
from ffprep.system.files import is_url, real_folder, real_path

if TYPE_CHECKING:
    from ffprep.run.runner import Run

_FEW = 1
"""So many photos of a folder may be deleted one by one; more are gone all at once."""


class EmptiedFolder(Record, frozen=False):
    """A folder that had photos, and has none now."""

    path: str
    photos: dict[int, int] = field(default_factory=dict)
    """The last run that converted each, by a hash of its name, size and time."""
    has_outputs: bool = False
    """Whether any of their outputs exists."""

    def result(self, pruned: bool) -> Result:
        """Return the failure to report. `pruned` says whether the run prunes."""
        count = len(self.photos)
        photos = f"all {count} photos of this folder are"
        if count == 1:
            photos = "the only photo of this folder is"
        advice = "--prune --prune-emptied removes their outputs"
        if pruned:
            advice = "their outputs are kept; --prune-emptied removes them"
        problem = f"{photos} gone; if it is on a disk that is not mounted, mount it"
        words = f"{problem}; if they were deleted, {advice}"
        return Result.failed(location_of(self.path), None, PhotoError(Kind.MISSING, words))


class CleanUp(Record, frozen=False):
    """Compares the ledger with what a complete run met.

    `folders` are the SOURCEs that are folders, by their real paths, which end in a separator.
    `passed_over` are the outputs that a dry run would not make: the ledger does not know them.
    """

    run: "Run"
    freshness: Freshness
    folders: tuple[str, ...]
    passed_over: frozenset[str]
    _stamps: StampReader = field(default_factory=StampReader)

    @classmethod
    def of(
        cls, run: "Run", freshness: Freshness, passed_over: Iterable[Location] = ()
    ) -> "CleanUp":
        """Return the clean-up of a run."""
        folders = filter(is_folder, run.options.request.sources)
        real = tuple(real_folder(os.fspath(located(folder))) for folder in folders)
        return cls(run, freshness, real, frozenset(map(real_path, passed_over)))

    def results(self) -> Iterator[Result]:
        """Report emptied folders, prune outputs if asked to, and forget failures of gone photos."""
        rerun, dry_run = self.freshness.rerun, self.run.options.reporting.dry_run is not None
        emptied = [] if rerun.prune_emptied else self.emptied()
        for each in emptied:
            yield self.freshness.record_early_failure(each.result(rerun.prune))
        if rerun.prune:
            spared = tuple(each.path for each in emptied)
            yield from Pruning(self, self.run.plan.paths(), spared).results(dry_run)
            if not dry_run:
                list(remove_unused(self.freshness.ledger, self.freshness.output))
        if rerun.retry is not Retry.ONLY and not dry_run and not self.run.stopped:
            self._forget_failures()

    def emptied(self) -> list[EmptiedFolder]:
        """Return the folders that lost all their photos: more than one, or all of a SOURCE.

        A folder whose photos are all in other folders now was moved.
        """
        found: dict[str, EmptiedFolder] = {}
        tops: dict[str, str | None] = {}
        for entry in self.freshness.ledger.outputs():
            folder = os.path.join(os.path.dirname(source := entry.source), "")
            if folder not in tops:
                tops[folder] = self._emptied_top(folder, source)
            if top := tops[folder]:
                emptied = found.setdefault(top, EmptiedFolder(top))
                version, run = _version(entry), entry.row.run
                emptied.photos[version] = max(run, emptied.photos.get(version, run))
                emptied.has_outputs = emptied.has_outputs or self._has_output(entry, top)
        # Of other shards' photos, nothing is known.
        few = 0 if self.run.plan.request.shard else _FEW
        lost = [
            each
            for each in found.values()
            if each.has_outputs and (len(each.photos) > few or each.path in self.folders)
        ]
        moved = self._moved(lost, {folder for folder, top in tops.items() if top})
        return [each for each in lost if not moved.issuperset(each.photos)]

    def _moved(self, lost: list[EmptiedFolder], folders: set[str]) -> set[int]:
        """Return which photos of lost folders were converted later in others than `folders`.

        A copy that was converted before, or in the same run, is none that was moved.
        """
        wanted, moved = dict[int, int](), set[int]()
        for each in lost:
            for version, run in each.photos.items():
                wanted[version] = max(run, wanted.get(version, run))
        for entry in self.freshness.ledger.outputs() if wanted else ():
            version = _version(entry)
            if entry.row.run > wanted.get(version, entry.row.run):
                folder = os.path.join(os.path.dirname(entry.source), "")
                if folder not in folders:
                    moved.add(version)
        return moved

    def _emptied_top(self, folder: str, source: str) -> str | None:
        """Return the topmost folder of a SOURCE above a photo that has no photo now, if any."""
        top = next((top for top in self.folders if folder.startswith(top)), None)
        if top is None or hash(folder) in self.run.plan.occupied or self.is_excluded(source):
            return None
        if not self._stamps.is_gone(source):
            return None
        while folder != top:
            above = folder[: folder.rfind("/", 0, -1) + 1]
            if hash(above) in self.run.plan.occupied:
                break
            folder = above
        return folder

    def _has_output(self, entry: Entry, folder: str) -> bool:
        """Return whether an output exists, or may: if it is in the same folder, it is away too."""
        output = f"{self.freshness.output}/{entry.path}"
        return self._stamps.output(output) is not None or real_path(output).startswith(folder)

    def is_excluded(self, source: str) -> bool:
        """Return whether the run excludes a photo."""
        excludes = self.run.plan.request.selection.excludes
        return any(excludes(source[len(f) :]) for f in self.folders if source.startswith(f))

    def _forget_failures(self) -> None:
        """Delete failures that this run has not met, although it is about their photos.

        Photos that were passed over, and are gone, are deleted too. Outputs of an earlier version
        of such a photo stay in the ledger.
        """
        failures, forgot = self._outdated_failures(), False
        while gone := list(islice(failures, BATCH)):
            self.freshness.ledger.forget(gone)
            forgot = True
        if forgot:
            forget_unused(self.freshness.ledger)

    def _outdated_failures(self) -> Iterator[Entry]:
        """Yield the failures to delete; record those that have an output as converted."""
        ledger, request = self.freshness.ledger, self.run.plan.request
        # A photo that was not selected was not met in this run, but it is not gone.
        complete, files = request.selection.all, set[str]()
        folders = tuple(each for each in self.folders if hash(each) in self.run.plan.occupied)
        for entry in chain(ledger.entries(Status.FAILED), ledger.entries(Status.PASSED_OVER)):
            row, source = entry.row, entry.source
            is_failure = row.status == Status.FAILED
            if is_failure and row.run == ledger.run:
                continue
            # Another run may be about the other Specs. A folder failed itself if it could not be
            # read, or had lost its photos.
            ours = complete and is_failure and (not row.spec or row.spec in ledger.used_specs)
            if ours and not files:
                files.update(map(real_path, request.sources))
            if (ours and (f"{source}/".startswith(folders) or source in files)) or _is_gone(source):
                if row.output_bytes is None:
                    yield entry
                else:
                    row = row._replace(status=Status.CONVERTED, spec=None, kind=None, message=None)
                    ledger.record(replace(entry, row=row))


class Pruning(Record, frozen=False):
    """Removes outputs of photos in SOURCEs that this run does not make, until it is stopped.

    Such an output is that of a photo that is gone, unless it lies in one of the `spared` folders;
    of a photo that is excluded; or of one that has another output by the names of this run, which
    exists. All folders end in a separator.
    """

    clean_up: CleanUp
    planned: PlannedPaths
    spared: tuple[str, ...]
    _replaced: "array[int] | None" = None
    """Hashes of the photos that have an output by the names of this run, in order."""

    def results(self, dry_run: bool) -> Iterator[Result]:
        """Yield a Result for every output that is pruned, or that cannot be removed.

        In a `dry_run`, nothing is removed.
        """
        clean_up, freshness, forgot = self.clean_up, self.clean_up.freshness, False
        gone = list[Entry]()
        remover = OutputRemover(
            freshness.output,
            freshness.ledger,
            freshness.rerun.checksum,
            dry_run,
            self.planned.is_source,
        )
        for entry in freshness.ledger.outputs():
            if clean_up.run.stopped:
                break
            source = entry.source
            if not source.startswith(clean_up.folders) or source.startswith(self.spared):
                continue
            if not (remover.stamps.is_gone(source) or self._is_superseded(source, entry)):
                continue
            photo, output = location_of(source), remover.output / entry.path
            try:
                reason = remover.remove(entry)
            except PhotoError as error:
                problem = f"{output} cannot be removed: {error}"
                yield Result.failed(photo, output, PhotoError(Kind.IO, problem))
                continue
            if reason in (None, MISSING) and not dry_run:
                gone.append(entry)
                forgot = True
            if len(gone) == BATCH:
                freshness.ledger.forget(gone)
                gone.clear()
            if reason is None:
                yield Result(photo, output, Status.PRUNED, entry.row.size or Size(1, 1))
        if forgot:
            freshness.ledger.forget(gone)
            forget_unused(freshness.ledger)

    def _is_superseded(self, source: str, entry: Entry) -> bool:
        """Return whether an output of a photo is superseded, or the photo is passed over now.

        It is superseded by an output under another name, or by none if the photo is excluded now.
        An output of another size is not: it may be that of another job. Nor is that of a photo
        whose other output was not made, because the photo failed or was not tried.
        """
        is_source, path = self.planned.is_source(source), self._real_path(entry)
        if is_source and path in self.clean_up.passed_over:
            return True
        if is_source and entry.row.status == Status.PASSED_OVER:
            stamp = stamp_or_none(location_of(source))
            if self.clean_up.freshness.is_filtered(entry.row, stamp):
                return True
        if not (is_source or self.clean_up.is_excluded(source)) or self.planned.is_output(path):
            return False
        size, ledger = entry.row.size or Size(1, 1), self.clean_up.freshness.ledger
        if not any(s.choice.may_be(size) if s.choice else s.size == size for s in ledger.specs):
            return False
        # A dry run has made nothing, and shows what a run without failures removes.
        if not is_source or ledger.read_only:
            return True
        if self._replaced is None:
            self._replaced = array("q", sorted(self._replaced_sources()))
        return contains(self._replaced, hash(source))

    def _replaced_sources(self) -> Iterator[int]:
        stamps = self.clean_up.freshness.stamps
        for entry in self.clean_up.freshness.ledger.entries(Status.CONVERTED):
            path = self._real_path(entry)
            if self.planned.is_output(path) and stamps.output(path) is not None:
                yield hash(entry.source)

    def _real_path(self, entry: Entry) -> str:
        return real_path(f"{self.clean_up.freshness.output}/{entry.path}")


def _is_gone(source: str) -> bool:
    """Return whether a file does not exist. An object is not asked for, and counts as there."""
    return not (is_url(source) or os.path.lexists(source))


def _version(entry: Entry) -> int:
    """Return a number that tells a version of a photo from others, wherever it is."""
    row = entry.row
    name = os.path.basename(entry.source)
    return hash((name, row.source_bytes, row.source_mtime))
