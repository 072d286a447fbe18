"""Plan a run: walk the sources, name the outputs, find collisions, hand out jobs.

A plan walks twice: once to count and to find collisions, before any work; then again to hand out
the jobs. So a library of any length is a stream, and two hashes a file are kept. A single photo is
kept itself, and walked once.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, islice, starmap
from operator import itemgetter
from typing import TYPE_CHECKING

from ffprep.core.formats import RAW
from ffprep.core.job import BATCH, Batch, Job, PassedOver, Result, Status
from ffprep.core.location import location_of
from ffprep.errors import Kind, PhotoError, UsageError
from ffprep.library.naming import folded
from ffprep.library.request import Request
from ffprep.library.walk import Listing, as_prefix
from ffprep.record import Record, field, replace
from ffprep.storage.protocol import storage_of
from ffprep.system.files import real_path

if TYPE_CHECKING:
    from ffprep.library.collisions import CollisionIndex, PlannedPaths

_Item = Batch | Result

_RAWS = frozenset(RAW.suffixes) | {suffix.upper() for suffix in RAW.suffixes}
"""The suffixes of raws as they are most often written."""


class Plan(Record, frozen=False):
    """The jobs of a Request: their number, and the jobs themselves, as often as asked for.

    `passed_over` counts files that are not converted, by the reason.
    `occupied` are the hashes of the real folders that contain photos at any depth, selected or not.
    """

    request: Request
    passed_over: Counter[PassedOver] = field(default_factory=Counter)
    total: int = 0
    """The number of jobs, including those that are known to fail."""
    occupied: set[int] = field(default_factory=set)
    _index: "CollisionIndex | None" = None
    """None if there is one photo at most, and its output is another file."""
    _only: tuple[tuple[Listing, _Item], ...] = ()
    """That photo."""
    _seen: list[Listing] = field(default_factory=list)
    """The listings, if there is one photo at most."""

    @classmethod
    def of(cls, request: Request) -> "Plan":
        """Walk the sources once. Errors of single files are not raised; `batches` yields them."""
        plan = cls(request)
        items = plan._count_listings()
        first = tuple(islice(items, 2))
        if len(first) > 1 or any(starmap(_needs_index, first)):
            plan._count(chain(first, items))
        else:
            plan._only = first
            plan.total = sum(len(plan._in_shard(item, listing)) for listing, item in first)
        return plan

    def _count_listings(self) -> Iterator[tuple[Listing, _Item]]:
        for listing, items in self._listings():
            self.passed_over.update(kind for _, kind in listing.passed_over(self.request.carry))
            if self._index is None:
                self._seen.append(listing)
            if listing.occupied:
                self._add_occupied(listing.real)
            yield from ((listing, item) for item in items)

    def _add_occupied(self, folder: str) -> None:
        """Add a folder and those that contain it."""
        while folder and hash(folder) not in self.occupied:
            self.occupied.add(hash(folder))
            folder = folder[: folder.rfind("/", 0, -1) + 1]

    def paths(self) -> "PlannedPaths":
        """Return the files that the run reads and writes, for lookups."""
        return (self._index or self._count(self._only)).paths()

    @property
    def overwrites_source(self) -> bool:
        """Whether an output would be written over a source."""
        return self._index is not None and self._index.overwrites_source

    def _count(self, items: Iterable[tuple[Listing, _Item]]) -> "CollisionIndex":
        """Fill the index of collisions, and count the jobs."""
        from ffprep.library.collisions import CollisionIndex  # not needed for a single photo

        output = self.request.output
        # --names replaces the folders of several sizes, so a template has to name them.
        subfolder = "{width}x{height}/" if len(self.request.renditions) > 1 else ""
        self._index = index = CollisionIndex(storage_of(output).ignores_case(output), subfolder)
        self._seen, self._only = [], ()
        failed = in_shard = 0
        for listing, item in items:
            if isinstance(item, Result):
                failed += 1
            else:
                index.count(item, listing)
            in_shard += sum(map(_length, self._in_shard(item, listing)))
        if index.close():
            for listing, batches in self._listings():
                for item in batches:
                    if isinstance(item, Batch):
                        index.add_names(item, listing)
        if self.request.shard is None:
            self.total = failed + index.total
        elif index.total == index.counted:
            self.total = in_shard
        else:
            self.total = sum(map(_length, self.batches()))
        return index

    def batches(self, passed_over: bool = False) -> Iterator[_Item]:
        """Yield every job once, in a Batch; and a Result for each that fails before any work.

        With `passed_over`, yield also a Result for each file that is passed over.
        """
        reported: set[int] = set()
        for listing, item in self._items(passed_over):
            for part in self._without_collisions(item, listing, reported):
                for selected in self._in_shard(part, listing):
                    if isinstance(selected, Result):
                        yield selected
                    else:
                        yield from self._with_overrides(selected, listing)

    def jobs(self) -> Iterator[Job | Result]:
        """Yield the same, one by one."""
        for item in self.batches():
            if isinstance(item, Result):
                yield item
            else:
                yield from item.jobs()

    def _items(self, passed_over: bool) -> Iterator[tuple[Listing, _Item]]:
        walk = self._listings() if self._index else ((each, ()) for each in self._seen)
        for listing, items in walk:
            for name, kind in listing.passed_over(self.request.carry) if passed_over else ():
                source = location_of(listing.folder + name)
                yield listing, Result(source, None, Status.PASSED_OVER, passed_over=kind)
            for item in items:
                yield listing, item
        yield from self._only

    def _in_shard(self, item: _Item, listing: Listing) -> tuple[_Item, ...]:
        """Return the part of a batch that this run converts: all of it, or what is in its shard."""
        shard, relative = self.request.shard, listing.relative
        if shard is None:
            return (item,)
        if isinstance(item, Result):
            place = os.fspath(item.source) if listing.error else relative + item.source.name
            return (item,) if shard.contains(place) else ()
        kept = [index for index, name in enumerate(item.names) if shard.contains(relative + name)]
        return (item.part(kept),) if kept else ()

    def _without_collisions(
        self, batch: _Item, listing: Listing, reported: set[int]
    ) -> Iterator[_Item]:
        """Yield a batch without the photos that collide, and a Result for each of these."""
        if isinstance(batch, Result) or self._index is None or self._index.is_clear(batch):
            yield batch
            return
        errors = self._index.collisions_in(batch, listing, reported)
        for error, group in groupby(errors, itemgetter(1)):
            part = batch.part(index for index, _ in group)
            if error is None:
                yield part
            else:
                for index in range(len(part)):
                    yield failed(part, error, index)

    def _with_overrides(self, batch: Batch, listing: Listing) -> Iterable[_Item]:
        if not (self.request.overrides.tables or listing.sidecars):
            return (batch,)
        from ffprep.library.per_photo import with_overrides

        return with_overrides(self.request, batch, listing)

    def _listings(self) -> Iterator[tuple[Listing, Iterator[_Item]]]:
        request, number = self.request, 1
        allocate = request.numbering() if request.numbering and request.numbered else None
        by_stem = any({"n", "suffix"}.isdisjoint(each.names.fields) for each in request.renditions)
        for listing in request.walk.listings():
            if by_stem and any(name[name.rfind(".") :] in _RAWS for name in listing.names):
                from ffprep.library.per_photo import without_paired_raws

                listing = without_paired_raws(listing)
            names = listing.names
            numbers: Sequence[int] = range(number, number + len(names))
            if allocate:
                numbers = allocate(listing.real, listing.relative, names, number)
            yield listing, self._batches_of(listing, numbers)
            number += len(names)

    def _batches_of(self, listing: Listing, numbers: Sequence[int]) -> Iterator[_Item]:
        """Yield the files of a listing, which have `numbers`, with their outputs' names."""
        if listing.error:
            yield Result.failed(location_of(listing.folder), None, listing.error)
        for start in range(0, len(listing.names), BATCH):
            part = slice(start, start + BATCH)
            for rendition in range(len(self.request.renditions)):
                yield from self._batch_or_failures(rendition, _part(listing, part), numbers[part])

    def _batch_or_failures(
        self, rendition: int, listing: Listing, numbers: Sequence[int]
    ) -> Iterator[_Item]:
        names = listing.names
        try:
            yield self._batch(rendition, listing, numbers)
        except (UsageError, PhotoError) as error:  # a name or a size that only one photo has
            if len(names) == 1:
                failed = error if isinstance(error, PhotoError) else PhotoError(Kind.IO, str(error))
                yield Result.failed(location_of(listing.folder + names[0]), None, failed)
                return
            for index in range(len(names)):
                this = slice(index, index + 1)
                yield from self._batch_or_failures(rendition, _part(listing, this), numbers[this])

    def _batch(self, index: int, listing: Listing, numbers: Sequence[int]) -> Batch:
        request, folder, names = self.request, listing.folder, listing.names
        spec = (rendition := request.renditions[index]).spec
        into = as_prefix(os.fspath(request.output.parent if request.is_named else request.output))
        output = into + rendition.folder + listing.relative
        if rendition.same_format:
            from ffprep.library.per_photo import suffixes_and_specs

            suffixes, specs = suffixes_and_specs(folder, names, spec, rendition.formats)
        else:
            suffixes, specs = [spec.format.suffixes[0]] * len(names), [spec] * len(names)
        if request.is_named:
            outputs = [request.output.name]
        elif spec.choice and rendition.names.tells_size:
            from ffprep.library.per_photo import render_sized

            outputs = render_sized(request, rendition, listing, suffixes, numbers)
        else:
            outputs = rendition.names.render(
                folder, names, suffixes, spec, numbers, request.date_of
            )
        if spec.frame and not request.is_named:
            from ffprep.library.per_photo import without_frames_of_photos

            specs = without_frames_of_photos(names, specs)
        return Batch(folder, output, names, outputs, specs, listing.stamps, listing.places, index)


def _needs_index(listing: Listing, batch: _Item) -> bool:
    """Return whether a batch has several photos, or one that its output may overwrite."""
    if isinstance(batch, Result):
        return False
    name, output = batch.names[0], folded(real_path(batch.output_folder + batch.outputs[0]))
    is_linked = name in listing.linked and folded(os.path.realpath(listing.folder + name)) == output
    return len(batch) > 1 or is_linked or folded(listing.real + name) == output


def _part(listing: Listing, part: slice) -> Listing:
    return replace(listing, names=listing.names[part], stamps=listing.stamps[part])


def failed(batch: Batch, error: PhotoError, index: int = 0) -> Result:
    """Return the Result of a job of a batch that ended in `error`."""
    job = batch.job(index)
    return Result.failed(job.source, job.output, error)


def _length(item: _Item) -> int:
    return 1 if isinstance(item, Result) else len(item)
