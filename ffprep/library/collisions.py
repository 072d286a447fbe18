"""Which outputs would be written twice, or over a source: counted before any work.

Of each file two 64-bit numbers are kept, its own and its output's, so that a library of any length
can be counted. Only of what seems to collide are names gathered, and only they decide.
"""

import os
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ffprep.core.job import Batch
from ffprep.core.location import Location, Remote
from ffprep.errors import Kind, PhotoError
from ffprep.library.listing import Listing
from ffprep.system.files import real_folder, real_path
from ffprep.system.tempfiles import temporary_name

_BUCKETS = 64
"""Numbers are compared a bucket at a time: as one set, a million of them would take 100 MB."""

_CHANGED = PhotoError(
    Kind.COLLISION, "files came or went while the run was planned, and names with them; run again"
)


def _numbers() -> "array[int]":
    return array("q")


@dataclass(frozen=True, slots=True)
class _Known:
    """What was counted, sorted, to be looked up file by file."""

    sources: "array[int]"
    pairs: "array[int]"

    @classmethod
    def of(cls, sources: "array[int]", outputs: "array[int]") -> "_Known":
        pairs = map(hash, zip(sources, outputs, strict=True))
        return cls(array("q", sorted(sources)), array("q", sorted(pairs)))


@dataclass(slots=True)
class CollisionIndex:
    """Counts batches (`count`), looks for trouble (`close`), takes names (`name`), and judges (`judge`).

    Paths are compared with their folders' links resolved, so that no spelling hides a collision; on a
    `case_blind` disk of the outputs, also without regard to case and composition.
    """

    case_blind: bool = False
    _sources: "array[int]" = field(default_factory=_numbers)
    _outputs: "array[int]" = field(default_factory=_numbers)
    _targets: "array[int]" = field(default_factory=_numbers)
    """What else must not be overwritten: what links lead to; sources, as a case-blind disk takes them."""
    _batches: "array[int]" = field(default_factory=_numbers)
    """A batch's own number, and where it begins among the outputs, in turns."""
    _clear: "array[int]" = field(default_factory=_numbers)
    _troubled: "array[int]" = field(default_factory=_numbers)
    _repeated: set[int] = field(default_factory=set)
    _contested: set[int] = field(default_factory=set)
    _menaced: set[int] = field(default_factory=set)
    _takers: dict[str, dict[str, str]] = field(default_factory=dict)
    _guarded: set[str] = field(default_factory=set)
    _alone: int = 0
    _known: "_Known | None" = None
    """Made when a folder is no more what it was."""

    @property
    def total(self) -> int:
        """How many jobs there are, those that collide among them."""
        return self._alone + len(self._repeated) + sum(map(len, self._takers.values()))

    @property
    def counted(self) -> int:
        """The same, with those that came again and again."""
        return len(self._outputs)

    def count(self, batch: Batch, listing: Listing) -> None:
        """Take a batch of a listing into account."""
        self._batches.extend((_number(batch), len(self._outputs)))
        sources = _sources(batch, listing)
        self._sources.extend(map(hash, sources))
        self._outputs.extend(map(hash, self._keys(batch)))
        if listing.linked or self.case_blind:
            self._targets.extend(map(hash, self._targets_of(batch, listing)))

    def close(self) -> bool:
        """End the count; whether something has to be settled by names, with `name` for every batch."""
        doubled: set[int] = set()
        columns = map(_buckets, (self._outputs, self._sources, self._targets))
        for outputs, sources, targets in zip(*columns, strict=True):
            once = set(outputs)
            if len(once) < len(outputs):
                doubled.update(_again(outputs))
            self._menaced.update(once.intersection(sources), once.intersection(targets))
        self._contested = self._with_several_sources(doubled) if doubled else set()
        self._repeated = doubled - self._contested
        self._alone = len(self._outputs) - (
            sum(map(doubled.__contains__, self._outputs)) if doubled else 0
        )
        self._sort_batches(doubled | self._menaced)
        return bool(self._contested or self._menaced)

    def name(self, batch: Batch, listing: Listing) -> None:
        """Take down names in a batch that collide, as far as their numbers say."""
        keys, sources = self._keys(batch), _sources(batch, listing)
        for key, source, name in zip(keys, sources, batch.names, strict=True):
            if hash(key) in self._contested:
                self._takers.setdefault(key, {}).setdefault(source, batch.folder + name)
        for target in (*map(self._folded, sources), *self._targets_of(batch, listing)):
            if hash(target) in self._menaced:
                self._guarded.add(target)

    def is_clear(self, batch: Batch) -> bool:
        """Whether all of a batch is as it was counted, and has nothing to do with any other."""
        return _has(self._clear, _number(batch))

    def judge(
        self, batch: Batch, listing: Listing, told: set[int]
    ) -> Iterator[tuple[int, PhotoError | None]]:
        """The indexes of a batch's jobs, each with what is wrong with it.

        Left out are those that were judged before, for which `told` is kept from call to call, and
        those that were not there to be counted.
        """
        known = None if _has(self._troubled, _number(batch)) else self._lookup()
        rows = zip(_sources(batch, listing), self._keys(batch), strict=True)
        for index, (source, key) in enumerate(rows):
            output = hash(key)
            pair = hash((hash(source), output))
            if known and not _has(known.pairs, pair):
                if _has(known.sources, hash(source)):
                    yield index, _CHANGED
                continue
            if output in self._repeated or output in self._contested:
                mark = output if output in self._repeated else pair
                if mark in told:
                    continue
                told.add(mark)
            yield index, self._collision(source, key, batch.output_folder + batch.outputs[index])

    def _lookup(self) -> _Known:
        if self._known is None:
            self._known = _Known.of(self._sources, self._outputs)
        return self._known

    def _collision(self, source: str, key: str, output: str) -> PhotoError | None:
        takers = self._takers.get(key, {})
        other = next((path for taker, path in takers.items() if taker != source), None)
        if other is not None:
            return PhotoError(
                Kind.COLLISION,
                f"would be written to {output}, and so would {other}; give them different names with "
                "--names, such as '{parent}-{stem}' or '{stem}-{n}'",
            )
        if key in self._guarded:
            return PhotoError(
                Kind.COLLISION,
                f"{output} is one of the sources, and sources are never overwritten; choose another "
                "output folder, or --names",
            )
        return None

    def _with_several_sources(self, doubled: set[int]) -> set[int]:
        first: dict[int, int] = {}
        return {
            output
            for source, output in zip(self._sources, self._outputs, strict=True)
            if output in doubled and first.setdefault(output, source) != source
        }

    def _sort_batches(self, suspects: set[int]) -> None:
        """Tell the batches without trouble from the others."""
        numbers, starts = self._batches[::2], self._batches[1::2]
        self._batches = _numbers()
        starts.append(len(self._outputs))
        for number, start, end in zip(numbers, starts[:-1], starts[1:], strict=True):
            clear = suspects.isdisjoint(self._outputs[start:end])
            (self._clear if clear else self._troubled).append(number)
        self._clear = array("q", sorted(self._clear))
        self._troubled = array("q", sorted(self._troubled))

    def _keys(self, batch: Batch) -> list[str]:
        """What the disk of the outputs takes for one name is the same."""
        folder = batch.output_folder
        if "/" in "".join(batch.outputs):
            return [self._folded(real_path(folder + name)) for name in batch.outputs]
        keys = list(map(real_folder(folder).__add__, batch.outputs))
        return list(map(self._folded, keys)) if self.case_blind else keys

    def _targets_of(self, batch: Batch, listing: Listing) -> Iterable[str]:
        linked = listing.linked.intersection(batch.names)
        targets = [os.path.realpath(listing.folder + name) for name in linked]
        if self.case_blind:
            targets += _sources(batch, listing)
        return map(self._folded, targets)

    def _folded(self, path: str) -> str:
        return unicodedata.normalize("NFC", path).casefold() if self.case_blind else path


def _buckets(numbers: "array[int]") -> "list[array[int]]":
    """Numbers so divided that what is equal comes together."""
    buckets = [_numbers() for _ in range(_BUCKETS)]
    into = [bucket.append for bucket in buckets]
    for number in numbers:
        into[number % _BUCKETS](number)
    return buckets


def _again(numbers: Iterable[int]) -> Iterator[int]:
    """Those that are there a second time."""
    seen: set[int] = set()
    for number in numbers:
        if number in seen:
            yield number
        seen.add(number)


def _sources(batch: Batch, listing: Listing) -> list[str]:
    return list(map(listing.real.__add__, batch.names))


def _number(batch: Batch) -> int:
    return hash((batch.folder, batch.output_folder, tuple(batch.names), tuple(batch.outputs)))


def _has(numbers: "array[int]", number: int) -> bool:
    """Whether a number is among sorted ones."""
    place = bisect_left(numbers, number)
    return place < len(numbers) and numbers[place] == number


def is_case_blind(path: Location) -> bool:
    """Whether the disk that holds `path`, or will, takes `A.jpg` and `a.jpg` for one name.

    Stores do not.
    """
    if isinstance(path, Remote):
        return False
    try:
        folder = next(p for p in (path, *path.absolute().parents) if os.path.isdir(p))
        probe = folder / temporary_name()
        probe.touch()
        try:
            return probe.with_name(probe.name.upper()).exists()
        finally:
            probe.unlink()
    except OSError:
        return False
