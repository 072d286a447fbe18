"""Sources to jobs: walk folders, mirror the tree, name the outputs, find collisions.

A plan walks twice: once to count and to find what would collide, before any work; once more to hand
out the jobs. So a library of any length is a stream, and what is held of a file is two numbers.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from ffprep.config.sidecars import MOST_BYTES, SIDECAR, PhotoOverride, PhotoOverrides, said, sidecar
from ffprep.core.formats import OutputFormat, output_format_of
from ffprep.core.job import BATCH, Batch, Job, Result
from ffprep.core.location import Location, location_of
from ffprep.core.shard import Shard
from ffprep.core.spec import Spec
from ffprep.errors import Kind, PhotoError, UsageError
from ffprep.library.collisions import CollisionIndex, is_case_blind
from ffprep.library.listing import Listing
from ffprep.library.naming import Names
from ffprep.library.selection import Selection
from ffprep.library.walk import Walk, output_format, spelt_folder, written_as
from ffprep.system.files import FileStamp, is_url


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be converted, and to where.

    `sources` can be gone through again and again. `output` is a file when `single`, else a folder.
    Of a `shard`, everything is looked at, so that all collisions are seen, and its part is converted. With `same_format`, each output has its source's format where ffprep writes it, else PNG for the
    lossless formats and JPEG for the others.
    """

    sources: Iterable[str | os.PathLike[str]]
    output: Location
    spec: Spec
    single: bool = False
    names: Names = field(default_factory=Names)
    same_format: bool = False
    follow_links: bool = False
    selection: Selection = field(default_factory=Selection)
    aims: PhotoOverrides = field(default_factory=PhotoOverrides)
    shard: Shard | None = None

    @property
    def walk(self) -> Walk:
        """How its sources are walked."""
        own = None if self.single else self.output
        return Walk(self.sources, own, self.follow_links, self.selection)

    def has_photo(self, folder: str | os.PathLike[str]) -> bool:
        """Whether there is any in a SOURCE folder, selected or not."""
        walk = replace(self.walk, sources=(folder,), selection=Selection())
        return any(listing.names for listing in walk.listings())


@dataclass(slots=True)
class Plan:
    """The jobs of a Request: how many they are, and the jobs themselves, as often as asked for.

    `links` are those among the `passed_over` that are not followed.
    """

    request: Request
    _census: CollisionIndex
    passed_over: int = 0
    links: int = 0
    _failed: int = 0
    _of_shard: int | None = None

    @classmethod
    def of(cls, request: Request) -> "Plan":
        """Walk the sources once; raises nothing for a file, since that is told by `batches`."""
        plan, of_shard = cls(request, CollisionIndex(is_case_blind(request.output))), 0
        for listing, items in plan._listed():
            plan.passed_over += listing.passed
            plan.links += listing.links
            for item in items:
                if isinstance(item, Result):
                    plan._failed += 1
                else:
                    plan._census.count(item, listing)
                of_shard += sum(map(_length, plan._own(item, listing)))
        if plan._census.close():
            for listing, items in plan._listed():
                for item in items:
                    if isinstance(item, Batch):
                        plan._census.name(item, listing)
        if request.shard:
            clear = plan._census.total == plan._census.counted
            plan._of_shard = of_shard if clear else sum(map(_length, plan.batches()))
        return plan

    @property
    def total(self) -> int:
        """How many jobs there are, those among them that can be told to fail."""
        if self._of_shard is not None:
            return self._of_shard
        return self._failed + self._census.total

    def batches(self) -> Iterator[Batch | Result]:
        """Every job once, in a Batch; a Result for what can be told to fail before any work."""
        told: set[int] = set()
        for listing, items in self._listed():
            for item in items:
                for part in self._judged(item, listing, told):
                    for own in self._own(part, listing):
                        yield from [own] if isinstance(own, Result) else self._aimed(own, listing)

    def jobs(self) -> Iterator[Job | Result]:
        """The same, one by one."""
        for item in self.batches():
            if isinstance(item, Result):
                yield item
            else:
                yield from item.jobs()

    def _own(self, item: Batch | Result, listing: Listing) -> Iterable[Batch | Result]:
        """What of it is for this run: all, or what is in its shard."""
        shard, below = self.request.shard, listing.below
        if shard is None:
            return (item,)
        if isinstance(item, Result):
            place = os.fspath(item.source) if listing.error else below + item.source.name
            return (item,) if shard.has(place) else ()
        kept = [index for index, name in enumerate(item.names) if shard.has(below + name)]
        return (item.part(kept),) if kept else ()

    def _judged(
        self, batch: Batch | Result, listing: Listing, told: set[int]
    ) -> Iterator[Batch | Result]:
        """A batch without the photos that collide, and Results of these."""
        if isinstance(batch, Result) or self._census.is_clear(batch):
            yield batch
            return
        verdicts = self._census.judge(batch, listing, told)
        for error, group in groupby(verdicts, itemgetter(1)):
            part = batch.part(index for index, _ in group)
            if error is None:
                yield part
            else:
                failed = (Result.failed(job.source, job.output, error) for job in part.jobs())
                yield from failed

    def _aimed(self, batch: Batch, listing: Listing) -> Iterator[Batch | Result]:
        """A batch with the Specs of photos that have words of their own; Results where these make no sense."""
        own = self.request.aims.among(listing.real, batch.names, listing.sidecars)
        if not own:
            yield batch
            return
        specs, kept = list(batch.specs), list[int]()
        for index, name in enumerate(batch.names):
            try:
                if name in own:
                    specs[index] = self._own_spec(batch.job(index), name in listing.sidecars)
                kept.append(index)
            except PhotoError as error:
                job = batch.job(index)
                yield Result.failed(job.source, job.output, error)
        if kept:
            yield replace(batch, specs=specs).part(kept)

    def _own_spec(self, job: Job, has_sidecar: bool) -> Spec:
        own = _sidecar(job.source) if has_sidecar else None
        spec = self.request.aims.spec(job.source, job.spec, own)
        tells_mode = not self.request.single and "mode" in self.request.names.fields
        if tells_mode and spec.modes != job.spec.modes:
            words = "has a mode of its own, and --names {mode} can tell only that of all photos"
            raise PhotoError(Kind.UNSUPPORTED, words)
        return spec

    def _listed(self) -> Iterator[tuple[Listing, Iterator[Batch | Result]]]:
        number = 1
        for listing in self.request.walk.listings():
            yield listing, self._drafts(listing, number)
            number += len(listing.names)

    def _drafts(self, listing: Listing, number: int) -> Iterator[Batch | Result]:
        """A listing's files with the names of their outputs, the first being the `number`th of all."""
        if listing.error:
            yield Result.failed(location_of(listing.folder), None, listing.error)
        for start in range(0, len(listing.names), BATCH):
            part = slice(start, start + BATCH)
            names, stamps = listing.names[part], listing.stamps[part]
            yield from self._draft(listing, names, stamps, number + start)

    def _draft(
        self, listing: Listing, names: Sequence[str], stamps: Sequence[FileStamp], number: int
    ) -> Iterator[Batch | Result]:
        try:
            yield self._batch(listing, names, stamps, number)
        except UsageError as error:  # a name or a size that only one photo gives
            if len(names) == 1:
                failed = PhotoError(Kind.IO, str(error))
                yield Result.failed(location_of(listing.folder + names[0]), None, failed)
                return
            for index, name in enumerate(names):
                yield from self._draft(listing, [name], stamps[index : index + 1], number + index)

    def _batch(
        self, listing: Listing, names: Sequence[str], stamps: Sequence[FileStamp], number: int
    ) -> Batch:
        request, spec, folder = self.request, self.request.spec, listing.folder
        if request.single:
            output = spelt_folder(os.fspath(request.output.parent))
            return Batch(folder, output, names, [request.output.name], [spec], stamps)
        output = spelt_folder(os.fspath(request.output)) + listing.below
        if request.same_format:
            formats = [_same_format(folder + name, spec) for name in names]
            suffixes = [_suffix(name, f) for name, f in zip(names, formats, strict=True)]
            specs = [_with_format(spec, format) for format in formats]
        else:
            suffixes = [spec.format.suffixes[0]] * len(names)
            specs = [spec] * len(names)
        outputs = request.names.render(folder, names, suffixes, spec, number)
        return Batch(folder, output, names, outputs, specs, stamps)


def _sidecar(photo: Location) -> PhotoOverride:
    """What a photo's sidecar says. Raises PhotoError."""
    if isinstance(photo, Path):
        return sidecar(photo)
    from ffprep.storage.objects import store

    url = photo.url + SIDECAR
    return said(Path(photo.name + SIDECAR), store(url).read(url, MOST_BYTES + 1))


def _length(item: Batch | Result) -> int:
    return 1 if isinstance(item, Result) else len(item)


def _same_format(path: str, spec: Spec) -> OutputFormat:
    suffix = os.path.splitext(path)[1]
    if is_url(path):  # it is not opened for this
        return written_as(suffix) or spec.format
    return output_format(Path(path)) or output_format_of(suffix) or spec.format


def _suffix(name: str, format: OutputFormat) -> str:
    """The suffix of an output of this format: its source's, where that fits."""
    suffix = os.path.splitext(name)[1]
    return suffix if suffix.lower() in format.suffixes else format.suffixes[0]


@lru_cache(maxsize=32)
def _with_format(spec: Spec, format: OutputFormat) -> Spec:
    return replace(spec, format=format)
