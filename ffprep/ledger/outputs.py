"""Which files of an output folder ffprep made: by its ledgers, and by its lists of outputs.

Where the output folder contains a source, or is one, outputs lie among photos, and must not be
taken for photos. A run into such a folder lists the outputs in OUT/.ffprep/outputs before it makes
them. So they are known also if the run is killed, if there is no ledger, and while other shards
run.

The ledgers also have the numbers of photos in the names of outputs (`{n}` in --names).
"""

import os
import re
import sqlite3
import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TypeVar

from ffprep.core.job import Result, Status
from ffprep.core.location import Location
from ffprep.core.shard import Shard, part_of
from ffprep.errors import EnvironmentFault, PhotoError
from ffprep.ledger.rows import Name, PendingJob, decode_name, relative_folder
from ffprep.ledger.shards import LedgerFile
from ffprep.record import Record, field, replace
from ffprep.storage.protocol import storage_of
from ffprep.storage.stamps import StampReader
from ffprep.system.files import FOLDER, is_url, real_folder, refuse_link

_LISTS = f"{FOLDER}/outputs"
"""The folder of the lists, in an output folder."""
_LIST = re.compile(r"[0-9a-f]+(-\d+){3}", re.ASCII)
"""The names of lists."""
_MOST_NAMES, _MOST_BYTES = 1 << 16, 1 << 28
"""The most names of a list, and a length that no list has."""
_MANY = 32
"""From how many lists on they are merged."""
_NOT_MADE = -1
"""The size of an output that was never made, because its photo failed."""

SizeOf = Callable[[str], int | None]
T = TypeVar("T")


def _numbers() -> "array[int]":
    return array("q")


class HashedRows:
    """Rows of whole numbers, to be found by the first one; compact, for a million rows."""

    def __init__(self, rows: Iterable[tuple[int, ...]], width: int) -> None:
        columns = [_numbers() for _ in range(width)]
        for row in rows:
            for column, number in zip(columns, row, strict=True):
                column.append(number)
        # Rows with the same first number stay in their order.
        order = sorted(range(len(columns[0])), key=columns[0].__getitem__)
        self.columns = [array("q", map(column.__getitem__, order)) for column in columns]

    def find(self, first: int) -> list[tuple[int, ...]]:
        """Return the other numbers of all rows with this first one."""
        keys, *others = self.columns
        start = end = bisect_left(keys, first)
        while end < len(keys) and keys[end] == first:
            end += 1
        return list(zip(*(column[start:end] for column in others), strict=True))


def contains(hashes: "array[int]", number: int) -> bool:
    """Return whether a hash is among sorted ones."""
    place = bisect_left(hashes, number)
    return place < len(hashes) and hashes[place] == number


def _rows_of(database: sqlite3.Connection, folder: str) -> Iterator[tuple[int, int, int]]:
    """Yield hashes of output and source, and the size of the output, of each row of a ledger."""
    rows = database.execute("SELECT folder, name, source, output_bytes FROM jobs")
    for below, name, source, size in rows:
        if type(below) is type(name) is type(source) is str:  # quick, and true for most rows
            output = below + name
        elif all(isinstance(each, Name) for each in (below, name, source)):
            output, source = decode_name(below) + decode_name(name), decode_name(source)
        else:
            continue  # ffprep writes no such row
        made = size if isinstance(size, int) else _NOT_MADE
        yield hash(_joined(folder, output)), hash(source), made


class RecordedOutputs(Record, frozen=False):
    """The outputs that earlier runs made in the folder `output`.

    `ledgers` are the paths of ledgers of the whole folder; those of shards are found beside them.
    Nothing is read before it is asked for.
    """

    output: Location
    ledgers: tuple[Location, ...]
    shard: Shard | None = None
    has_ledger: bool = True
    """Whether this run records its failures."""
    _stamps: StampReader = field(default_factory=StampReader)
    _rows: HashedRows | None = None
    _listed: "array[int]" = field(default_factory=_numbers)
    """Hashes of the outputs in the lists, in order."""
    _new: set[int] = field(default_factory=set)
    """Those that were added since."""
    _lists: dict[str, None] = field(default_factory=dict)
    """The names of the lists that were read."""
    _written: int = 0
    _discarded: set[int] = field(default_factory=set)

    def without(self, folder: str, names: list[str], size_of: SizeOf | None = None) -> list[str]:
        """Return the files of a real folder that are photos, and not outputs.

        A file is an output if a ledger has it. If its photo is not in the same folder, it must have
        its recorded size, or it is another file, put there since.
        """
        rows = self._read()
        (outputs, sources, sizes), end = rows.columns, len(rows.columns[0])
        paths = [hash(folder + name) for name in names]
        present = set(paths)
        photos = []
        for name, path in zip(names, paths, strict=True):
            place = bisect_left(outputs, path)
            if place == end or outputs[place] != path:
                is_output = self._is_listed(path)
            elif sizes[place] != _NOT_MADE and path != sources[place] in present:
                is_output = True
            else:
                made = {source: size for source, size in rows.find(path) if size != _NOT_MADE}
                is_output = bool(made) and (
                    not present.isdisjoint(made.keys() - {path})
                    or (size_of(name) if size_of else self._size(folder + name)) in made.values()
                )
            if not is_output:
                photos.append(name)
        return photos

    def _size(self, path: str) -> int | None:
        stamp = self._stamps.output(path)
        return stamp.bytes if stamp else None

    def refuse_others(self, pending: list[PendingJob]) -> list[PendingJob]:
        """Return jobs, refused if they would replace a file that ffprep did not make.

        Such a file may be a photo that is not selected. Raise EnvironmentFault.
        """
        return [
            replace(each, refusal=_not_made(each.job.output)) if self._is_others(each) else each
            for each in pending
        ]

    def _is_others(self, pending: PendingJob) -> bool:
        output = pending.job.output
        path = self._hash(output)
        sizes = [size for _, size in self._read().find(path)]
        is_made = max(sizes) != _NOT_MADE if sizes else self._is_listed(path)
        return not is_made and bool(self._stamps.output(output))

    def list_new(self, pending: Iterable[PendingJob]) -> None:
        """Write the outputs of jobs that are to be done into a new list.

        Raise EnvironmentFault if that is impossible.
        """
        rows, new = self._read(), list[str]()
        for output in (each.job.output for each in pending if not each.refusal):
            path = self._hash(output)
            if not self._is_listed(path) and all(size < 0 for _, size in rows.find(path)):
                self._new.add(path)
                new.append(relative_folder(self.output, os.fspath(output)))
        if new:
            self._write(new)

    def take(self, result: Result) -> None:
        """Note an output that does not exist now, so that a file of its name is a photo."""
        not_made = result.failure or result.passed_over
        gone = result.status is Status.PRUNED or (not_made and not self.has_ledger)
        if result.output and gone:
            self.discard(result.output)

    def discard(self, output: Location) -> None:
        """Take an output from the lists at the end of the run: it was removed, or not made."""
        self._discarded.add(self._hash(output))

    def _hash(self, output: Location) -> int:
        return hash(_joined(self._real, relative_folder(self.output, os.fspath(output))))

    def close(self) -> None:
        """Merge the lists if they are many, or if outputs were discarded. Shards do not."""
        if self._discarded:
            self._read()
        many = len(self._lists) > _MANY + len(self._listed) // _MOST_NAMES
        if self.shard or not self._lists or not (self._discarded or many):
            return
        storage, lists = storage_of(self.output), list(self._lists)
        names = (
            name
            for each in lists
            for name in self._names_in(each)
            if hash(_joined(self._real, name)) not in self._discarded
        )
        while part := list(islice(names, _MOST_NAMES)):
            self._write(part)
        for each in lists:
            with suppress(PhotoError):  # a list that stays does no harm
                storage.remove(self.output / f"{_LISTS}/{each}", self.output)
        self._discarded.clear()

    @property
    def _real(self) -> str:
        return real_folder(os.fspath(self.output))

    def _read(self) -> HashedRows:
        """Read the ledgers once, and the lists; those of other shards whenever there are new ones.

        Raise EnvironmentFault.
        """
        if self._rows is None:
            real = self._real
            found = read_ledgers(self.ledgers, lambda _, database: _rows_of(database, real))
            self._rows = HashedRows(found, 3)
            self._listed = array("q", sorted(self._read_lists()))
        elif self.shard:
            self._new.update(self._read_lists())
        return self._rows

    def _is_listed(self, output: int) -> bool:
        return contains(self._listed, output) or output in self._new

    def _read_lists(self) -> Iterator[int]:
        """Yield the hashes of the outputs in lists that were not read yet."""
        folder = self.output / _LISTS
        self._refuse_link()
        try:
            pages = storage_of(folder).list(folder, top=True)
            names = [each.name for page in pages for each in page.objects]
        except PhotoError as error:
            raise EnvironmentFault(f"cannot read {folder}: {error}") from None
        for name in names:
            if name not in self._lists and _LIST.fullmatch(name):
                self._lists[name] = None
                for each in self._names_in(name):
                    yield hash(_joined(self._real, each))

    def _names_in(self, name: str) -> Iterator[str]:
        place = self.output / f"{_LISTS}/{name}"
        try:
            content = storage_of(place).read(place, _MOST_BYTES + 1)
        except PhotoError as error:
            raise EnvironmentFault(f"cannot read {place}: {error}") from None
        if len(content) > _MOST_BYTES:
            raise EnvironmentFault(f"{place} is too long for a list of outputs; remove it")
        return (os.fsdecode(each) for each in content.split(b"\0") if each)

    def _refuse_link(self) -> None:
        """Raise EnvironmentFault if the lists are not in OUT itself."""
        if storage_of(self.output).is_local:
            refuse_link(Path(self.output / _LISTS), "remove it")

    def _write(self, outputs: Iterable[str]) -> None:
        # No other run gives this name to a list.
        self._written += 1
        shard = self.shard.number if self.shard else 0
        name = f"{time.time_ns():x}-{os.getpid()}-{shard}-{self._written}"
        place = self.output / f"{_LISTS}/{name}"
        self._refuse_link()
        try:
            storage_of(place).create(place, b"\0".join(map(os.fsencode, outputs)))
        except PhotoError as error:
            problem = f"cannot list the outputs in {place}, which tells them from photos: {error}"
            raise EnvironmentFault(problem) from None
        self._lists[name] = None


def read_ledgers(
    ledgers: Iterable[Location], read: Callable[[Shard | None, sqlite3.Connection], Iterable[T]]
) -> Iterator[T]:
    """Yield what `read` finds in the ledgers of whole folders, and those of shards beside them.

    Raise EnvironmentFault for a ledger that cannot be read.
    """
    for path in ledgers:
        for file in LedgerFile.find_all(path):
            with file.database() as database:
                yield from read(file.shard, database)


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


def _not_made(output: Location) -> str:
    return (
        f"{output} exists, and {FOLDER} does not have it as an output; move it, choose other names "
        "with --names, or use --adopt if ffprep made it"
    )


def _joined(folder: str, below: str) -> str:
    """Return a real folder and a path below it as the path that a walk finds."""
    if ("./" in below or "//" in below) and not is_url(folder):
        return os.path.normpath(folder + below)
    return folder + below
