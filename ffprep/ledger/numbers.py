"""The numbers of photos in the names of outputs (`{n}` in --names), as earlier runs gave them."""

import sqlite3
from array import array
from collections.abc import Callable, Iterator, Sequence

from ffprep.core.location import Location
from ffprep.core.shard import Shard, part_of
from ffprep.ledger.outputs import HashedRows, contains, read_ledgers
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
    complete: bool = False
    _by_source: HashedRows | None = None
    """The numbers of sources, by the hashes of these; the newest run's is the last."""

    def begin(self) -> "Allocation":
        """Return the allocation of numbers for one walk."""
        if self._by_source is None:
            self._by_source = HashedRows(read_ledgers(self.ledgers, self._read), 2)
        used = array("q", sorted(self._by_source.columns[1]))
        return Allocation(self, self._by_source, used)

    def _read(self, shard: Shard | None, database: sqlite3.Connection) -> Iterator[tuple[int, int]]:
        if shard == self.shard:
            query = "SELECT 1 FROM runs WHERE outcome = 'done' LIMIT 1"
            self.complete = self.complete or bool(database.execute(query).fetchone())
        for name, source in database.execute("SELECT name, source FROM jobs ORDER BY run"):
            if not (isinstance(name, Name) and isinstance(source, Name)):
                continue  # ffprep writes no such row
            path = decode_name(source)
            number = self.number_of(path, decode_name(name))
            if number is not None:
                yield hash(path), number


class Allocation(Record, frozen=False):
    """Numbers for the photos of one walk."""

    recorded: RecordedNumbers
    by_source: HashedRows
    used: "array[int]"
    """The recorded numbers, in order."""
    _last: dict[int, int] = field(default_factory=dict)
    """The last new number of each shard."""
    _given: set[int] = field(default_factory=set)
    """New numbers that may also be the place of a photo."""

    def __call__(
        self, folder: str, relative: str, names: Sequence[str], first: int
    ) -> Sequence[int]:
        """Return the numbers of the next photos of the walk, the first of which is the `first`.

        `folder` is their real folder, and `relative` its path from the SOURCE.
        """
        numbers = array("q")
        for place, name in enumerate(names, first):
            known = self.by_source.find(hash(folder + name))
            numbers.append(known[-1][0] if known else self._new(relative + name, place))
        return numbers

    def _new(self, name: str, place: int) -> int:
        complete, shard = self.recorded.complete, self.recorded.shard
        if not (complete or place in self._given or contains(self.used, place)):
            return place
        count = shard.count if shard else 1
        part = part_of(name, count) if count > 1 else 0
        above = self._last.get(part, self.used[-1] if self.used else 0)
        number = above + 1 + (part - above - 1) % count
        self._last[part] = number
        if not complete:
            self._given.add(number)
        return number
