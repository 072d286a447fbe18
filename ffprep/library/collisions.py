"""Find outputs that would be written twice or over a source, before any work is done.

For each file, a CollisionIndex keeps two 64-bit hashes, of its path and of its output's path, so
that a library of any length fits in memory. Names are compared only where hashes are equal, and
only names decide.
"""

import os
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator

from ffprep.core.job import Batch
from ffprep.errors import Kind, PhotoError
from ffprep.library.naming import distinct_names, folded
from ffprep.library.walk import Listing
from ffprep.record import Record, field
from ffprep.system.files import real_folder, real_path

_BUCKETS = 64
"""Hashes are compared a bucket at a time. One set of a million of them would take 100 MB."""

_CHANGED = PhotoError(
    Kind.COLLISION, "files were added or removed while the run was planned; run again"
)


class PlannedPaths(Record):
    """The files that a run reads and writes, as hashes of their paths without links to folders."""

    sources: "array[int]"
    outputs: "array[int]"
    folded: Callable[[str], str]

    def is_source(self, path: str) -> bool:
        """Return whether a file is a source, or what a source links to."""
        return contains(self.sources, hash(path)) or contains(self.sources, hash(self.folded(path)))

    def is_output(self, path: str) -> bool:
        """Return whether the run makes a file."""
        return contains(self.outputs, hash(self.folded(path)))


def _hashes() -> "array[int]":
    return array("q")


class CollisionIndex(Record, frozen=False):
    """Finds collisions among batches, in four steps.

    `count` every batch; then `close`. If `close` returns True, `add_names` of every batch. Then
    `collisions_in` gives the errors of a batch. Paths are compared with the links of their folders
    resolved, so that no spelling hides a collision. On a `case_blind` disk for the outputs, case
    and Unicode composition are ignored too. `subfolder` is the beginning of templates for --names
    that errors suggest.
    """

    case_blind: bool = False
    subfolder: str = ""
    _sources: "array[int]" = field(default_factory=_hashes)
    _outputs: "array[int]" = field(default_factory=_hashes)
    _protected: "array[int]" = field(default_factory=_hashes)
    """Other files that must not be overwritten: the targets of links, and sources without case."""
    _batches: "array[int]" = field(default_factory=_hashes)
    """The hash of each batch; in order after `close`."""
    _repeated: set[int] = field(default_factory=set)
    """Outputs of a source that was named several times."""
    _shared_outputs: set[int] = field(default_factory=set)
    """Outputs of several sources."""
    _hits_source: set[int] = field(default_factory=set)
    """Outputs that are also a source, or another file that must not be overwritten."""
    _claims: dict[str, dict[str, str]] = field(default_factory=dict)
    """By output: its sources, and how the user wrote their paths."""
    _sources_hit: set[str] = field(default_factory=set)
    _unique: int = 0
    _sorted: "tuple[array[int], array[int]] | None" = None
    """Made when the first batch differs from what was counted."""

    @property
    def total(self) -> int:
        """The number of jobs, including those that collide."""
        return self._unique + len(self._repeated) + sum(map(len, self._claims.values()))

    @property
    def counted(self) -> int:
        """The same, including sources that were named again."""
        return len(self._outputs)

    def paths(self) -> "PlannedPaths":
        """Return the counted sources and outputs, for lookups."""
        files = array("q", sorted((*self._sources, *self._protected)))
        return PlannedPaths(files, array("q", sorted(self._outputs)), self._folded)

    @property
    def overwrites_source(self) -> bool:
        """Whether an output is also a source, by the names that were added."""
        return bool(self._sources_hit)

    def count(self, batch: Batch, listing: Listing) -> None:
        """Add the hashes of a batch."""
        self._batches.append(_hash_of(batch))
        sources = _sources(batch, listing)
        self._sources.extend(map(hash, sources))
        self._outputs.extend(map(hash, self._output_keys(batch)))
        if listing.linked or self.case_blind:
            self._protected.extend(map(hash, self._protected_files(batch, listing)))

    def close(self) -> bool:
        """End the count. Return whether hashes are equal, so that names have to be compared."""
        duplicates: set[int] = set()
        columns = map(_buckets, (self._outputs, self._sources, self._protected))
        for outputs, sources, protected in zip(*columns, strict=True):
            distinct = set(outputs)
            if len(distinct) < len(outputs):
                duplicates.update(_duplicates(outputs))
            self._hits_source.update(
                distinct.intersection(sources), distinct.intersection(protected)
            )
        self._shared_outputs = self._with_several_sources(duplicates) if duplicates else set()
        self._repeated = duplicates - self._shared_outputs
        self._unique = len(self._outputs) - (
            sum(map(duplicates.__contains__, self._outputs)) if duplicates else 0
        )
        self._batches = array("q", sorted(self._batches))
        return bool(self._shared_outputs or self._hits_source)

    def add_names(self, batch: Batch, listing: Listing) -> None:
        """Keep the names in a batch whose hashes collide."""
        keys, sources = self._output_keys(batch), _sources(batch, listing)
        for key, source, name in zip(keys, sources, batch.names, strict=True):
            if hash(key) in self._shared_outputs:
                self._claims.setdefault(key, {}).setdefault(source, batch.folder + name)
        for path in (*map(self._folded, sources), *self._protected_files(batch, listing)):
            if hash(path) in self._hits_source:
                self._sources_hit.add(path)

    def is_clear(self, batch: Batch) -> bool:
        """Return whether a batch is as it was counted and collides with nothing."""
        if not contains(self._batches, _hash_of(batch)):
            return False
        suspects = self._repeated, self._shared_outputs, self._hits_source
        if not any(suspects):
            return True
        outputs = list(map(hash, self._output_keys(batch)))
        return all(each.isdisjoint(outputs) for each in suspects)

    def collisions_in(
        self, batch: Batch, listing: Listing, reported: set[int]
    ) -> Iterator[tuple[int, PhotoError | None]]:
        """Yield the index of each job of a batch, with its error or None.

        Jobs that an earlier call yielded are left out; `reported` keeps track of them. So are jobs
        that were not there to be counted.
        """
        counted = None if contains(self._batches, _hash_of(batch)) else self._counted()
        rows = zip(_sources(batch, listing), self._output_keys(batch), strict=True)
        for index, (source, key) in enumerate(rows):
            output = hash(key)
            pair = hash((hash(source), output))
            if counted and not contains(counted[1], pair):
                if contains(counted[0], hash(source)):
                    yield index, _CHANGED
                continue
            if output in self._repeated or output in self._shared_outputs:
                mark = output if output in self._repeated else pair
                if mark in reported:
                    continue
                reported.add(mark)
            yield index, self._collision(source, key, batch.output_folder + batch.outputs[index])

    def _counted(self) -> "tuple[array[int], array[int]]":
        """Return sources, and pairs of source and output, sorted for lookups."""
        if self._sorted is None:
            pairs = map(hash, zip(self._sources, self._outputs, strict=True))
            self._sorted = array("q", sorted(self._sources)), array("q", sorted(pairs))
        return self._sorted

    def _collision(self, source: str, key: str, output: str) -> PhotoError | None:
        claims = self._claims.get(key, {})
        other = next((path for claimant, path in claims.items() if claimant != source), None)
        if other is not None:
            template = self.subfolder + distinct_names(claims.get(source, source), other)
            return PhotoError(
                Kind.COLLISION,
                f"would be written to {output}, and so would {other}; give them different names, "
                f"for example with --names '{template}'",
            )
        if key not in self._sources_hit:
            return None
        return PhotoError(
            Kind.COLLISION,
            f"the output {output} is one of the sources, and sources are never overwritten; choose "
            "another output folder, or other names with --names",
        )

    def _with_several_sources(self, duplicates: set[int]) -> set[int]:
        first: dict[int, int] = {}
        return {
            output
            for source, output in zip(self._sources, self._outputs, strict=True)
            if output in duplicates and first.setdefault(output, source) != source
        }

    def _output_keys(self, batch: Batch) -> list[str]:
        """Return the paths of the outputs; those that are one file on their disk are equal."""
        folder = batch.output_folder
        if "/" in "".join(batch.outputs):
            return [self._folded(real_path(folder + name)) for name in batch.outputs]
        keys = list(map(real_folder(folder).__add__, batch.outputs))
        return list(map(folded, keys)) if self.case_blind else keys

    def _protected_files(self, batch: Batch, listing: Listing) -> Iterable[str]:
        files = _link_targets(batch, listing)
        if self.case_blind:
            files += _sources(batch, listing)
        return map(self._folded, files)

    def _folded(self, path: str) -> str:
        return folded(path) if self.case_blind else path


def _buckets(hashes: "array[int]") -> "list[array[int]]":
    """Divide hashes so that equal ones are in the same bucket."""
    buckets = [_hashes() for _ in range(_BUCKETS)]
    into = [bucket.append for bucket in buckets]
    for number in hashes:
        into[number % _BUCKETS](number)
    return buckets


def _duplicates(hashes: Iterable[int]) -> Iterator[int]:
    """Yield each hash that came before."""
    seen: set[int] = set()
    for number in hashes:
        if number in seen:
            yield number
        seen.add(number)


def _sources(batch: Batch, listing: Listing) -> list[str]:
    return list(map(listing.real.__add__, batch.names))


def _link_targets(batch: Batch, listing: Listing) -> list[str]:
    linked = listing.linked.intersection(batch.names) if listing.linked else ()
    return [os.path.realpath(listing.folder + name) for name in linked]


def _hash_of(batch: Batch) -> int:
    return hash((batch.folder, batch.output_folder, tuple(batch.names), tuple(batch.outputs)))


def contains(hashes: "array[int]", number: int) -> bool:
    """Return whether a hash is among sorted ones."""
    place = bisect_left(hashes, number)
    return place < len(hashes) and hashes[place] == number
