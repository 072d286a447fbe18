"""The numbers of photos in the names of outputs (`{n}` in --names), as earlier runs gave them."""

import sqlite3
from array import array
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Protocol

from ffprep.core.location import Location
from ffprep.core.shard import Shard, part_of
from ffprep.ledger.outputs import read_ledgers
from ffprep.ledger.rows import Name, decode_name
from ffprep.record import Record, field


class RecordedNumbers(Record, frozen=False):
    """The numbers in the ledgers of an output folder, for names that a template made.

    A photo keeps its number. A new photo gets its place in the walk, if no other photo has that
    number and no run was complete yet; else a number above all others. Those of a shard differ from
    those of other shards, which may run at the same time.

    `number_of` returns the number in the name of an output, by source and output; None if the
    template does not give that name.
    """

    ledgers: tuple[Location, ...]
    number_of: Callable[[str, str], int | None]
    shard: Shard | None = None
    _sources: "array[int]" = field(default_factory=lambda: array("q"))
    """Hashes of sources, in order."""
    _numbers: "array[int]" = field(default_factory=lambda: array("q"))
    """Their numbers."""
    _used: "array[int]" = field(default_factory=lambda: array("q"))
    """All numbers, in order."""
    complete: bool = False
    _is_read: bool = False

    def begin(self) -> Callable[["Photos", int], Sequence[int]]:
        """Return the allocation of numbers for one walk."""
        if not self._is_read:
            self._read()
        return Allocation(self)

    def number(self, source: str) -> int | None:
        """Return the number of a source."""
        key = hash(source)
        place = bisect_left(self._sources, key)
        if place < len(self._sources) and self._sources[place] == key:
            return self._numbers[place]
        return None

    def is_free(self, number: int) -> bool:
        """Return whether a new photo may have a number, which is its place in the walk."""
        place = bisect_left(self._used, number)
        taken = place < len(self._used) and self._used[place] == number
        return not (self.complete or taken)

    @property
    def highest(self) -> int:
        """The highest number of all."""
        return self._used[-1] if self._used else 0

    def _read(self) -> None:
        sources, numbers = array("q"), array("q")

        def read(shard: Shard | None, database: sqlite3.Connection) -> None:
            if shard == self.shard:
                self.complete = self.complete or _has_complete_run(database)
            for name, source in database.execute("SELECT name, source FROM jobs ORDER BY run"):
                if not (isinstance(name, Name) and isinstance(source, Name)):
                    continue  # ffprep writes no such row
                path = decode_name(source)
                number = self.number_of(path, decode_name(name))
                if number is not None:
                    sources.append(hash(path))
                    numbers.append(number)

        read_ledgers(self.ledgers, read)
        # Of several rows of a source, that of the newest run is the last.
        order = array("q", sorted(range(len(sources)), key=sources.__getitem__))
        for place, index in enumerate(order, 1):
            if place == len(order) or sources[order[place]] != sources[index]:
                self._sources.append(sources[index])
                self._numbers.append(numbers[index])
        self._used = array("q", sorted(numbers))
        self._is_read = True


class Photos(Protocol):
    """Photos of a folder, as a walk lists them: `relative` is the path from their SOURCE."""

    @property
    def real(self) -> str:
        """The real path of the folder, with a separator at its end."""

    @property
    def relative(self) -> str:
        """Its path from the SOURCE."""

    @property
    def names(self) -> Sequence[str]:
        """The names of the photos."""


class Allocation(Record, frozen=False):
    """Numbers for the photos of one walk."""

    recorded: RecordedNumbers
    _last: dict[int, int] = field(default_factory=dict)
    """The last new number of each shard."""
    _given: set[int] = field(default_factory=set)
    """New numbers that may also be the place of a photo."""

    def __call__(self, photos: Photos, first: int) -> Sequence[int]:
        """Return the numbers of the next photos of the walk, the first of which is the `first`."""
        numbers = array("q")
        for place, name in enumerate(photos.names, first):
            known = self.recorded.number(photos.real + name)
            numbers.append(self._new(photos.relative + name, place) if known is None else known)
        return numbers

    def _new(self, name: str, place: int) -> int:
        recorded = self.recorded
        if recorded.is_free(place) and place not in self._given:
            return place
        count = recorded.shard.count if recorded.shard else 1
        part = part_of(name, count) if count > 1 else 0
        above = self._last.get(part, recorded.highest)
        number = above + 1 + (part - above - 1) % count
        self._last[part] = number
        if not recorded.complete:
            self._given.add(number)
        return number


def _has_complete_run(database: sqlite3.Connection) -> bool:
    return bool(database.execute("SELECT 1 FROM runs WHERE outcome = 'done' LIMIT 1").fetchone())
