"""The ledgers of an output folder: one for the whole folder, or one for each shard."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from typing import TypeVar

from ffprep.core.location import Location
from ffprep.core.shard import Shard
from ffprep.errors import EnvironmentFault, reason
from ffprep.ledger.history import History
from ffprep.ledger.ledger import Ledger, open_ledger
from ffprep.ledger.remote import ledger_errors
from ffprep.ledger.tables import accept_failures
from ffprep.record import Record
from ffprep.storage.protocol import storage_of
from ffprep.system.files import real_folder

T = TypeVar("T")


class LedgerFile(Record):
    """A ledger that exists, and its shard, if it is that of a shard."""

    path: Location
    shard: Shard | None = None

    @classmethod
    def find_all(cls, whole: Location) -> Iterator["LedgerFile"]:
        """Yield the ledger at the path of a whole folder's, and those of shards beside it."""
        with ledger_errors(whole):
            storage = storage_of(whole)
            exists = storage.stat(whole)
            pages = storage.list(whole.parent, top=True)
            names = [each.name for page in pages for each in page.objects]
        if exists:
            yield cls(whole)
        elif storage.is_local:
            from ffprep.system.refused import dead_link

            if words := dead_link(whole):
                raise EnvironmentFault(f"cannot read the ledger {whole}: {words}")
        for name in names:
            if shard := Shard.of_file(path := whole.parent / name, whole):
                yield cls(path, shard)

    @contextmanager
    def opened(
        self, output: Location, warn: Callable[[str], None], read_only: bool = False
    ) -> Iterator[Ledger]:
        """Open the ledger of a folder. Raises EnvironmentFault, also if it is another folder's."""
        with open_ledger(self.path, warn, read_only=read_only) as ledger:
            ledger.require_own(real_folder(os.fspath(output)).rstrip("/") or "/")
            yield ledger

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """Open the ledger for queries. Raises EnvironmentFault if it is not a ledger."""
        with (
            open_ledger(self.path, lambda words: None, read_only=True) as ledger,
            ledger.transaction() as database,
        ):
            yield database

    @property
    def last_start(self) -> float:
        """The time when its last run began."""
        with self.database() as database:
            query = "SELECT max(started) FROM runs WHERE typeof(started) = 'real'"
            return database.execute(query).fetchone()[0] or 0.0


class Ledgers(Record):
    """The ledgers of an output folder: `current` are those of the last run's division into shards.

    `others` are those of earlier divisions.
    """

    current: tuple[LedgerFile, ...]
    others: tuple[LedgerFile, ...] = ()

    @classmethod
    def of(cls, whole: Location) -> "Ledgers":
        """Find all ledgers by the path of a whole folder's. Raises EnvironmentFault."""
        by_count: dict[int, list[LedgerFile]] = {}
        for file in LedgerFile.find_all(whole):
            by_count.setdefault(file.shard.count if file.shard else 1, []).append(file)
        for files in by_count.values():
            files.sort(key=lambda file: file.shard.number if file.shard else 0)
        counts = list(by_count)
        if len(counts) > 1:
            counts.sort(key=lambda count: -max(file.last_start for file in by_count[count]))
        others = chain.from_iterable(by_count[count] for count in counts[1:])
        return cls(tuple(by_count[counts[0]]) if counts else (), tuple(others))

    @property
    def history(self) -> History:
        """The history of all current ledgers together. There must be one at least."""
        histories = []
        for file in self.current:
            with file.database() as database:
                histories.append(History.of(database, file.shard))
        return histories[0] if len(histories) == 1 else History.merged(histories)

    def photos(self, listed: Callable[[sqlite3.Connection], Iterator[T]]) -> Iterator[T]:
        """Yield the photos that are `listed` of each ledger, one ledger after the other."""
        for file in self.current:
            with file.database() as database:
                yield from listed(database)

    def accept_failures(self, output: Location, warn: Callable[[str], None]) -> int:
        """Note in all ledgers that what fails now is accepted. Return the number of failures.

        Raises OutputLocked, EnvironmentFault.
        """
        count = 0
        with locked(output, self.current, 0.0, lambda: False):
            for file in self.current:
                with file.opened(output, warn) as ledger:
                    count += accept_failures(ledger)
        return count


@contextmanager
def locked(
    output: Location, files: Sequence[LedgerFile], wait: float, stopped: Callable[[], bool]
) -> Iterator[None]:
    """Keep runs out of an output folder that has these ledgers.

    Wait `wait` seconds for a run, unless `stopped`. Raises OutputLocked, EnvironmentFault.
    """
    storage = storage_of(output)
    # In a store, the lock of a folder does not exclude shards.
    shards = () if storage.is_local else (file.shard for file in files)
    with ExitStack() as stack:
        for shard in {None, *shards}:
            try:
                stack.enter_context(storage.lock(output, wait, shard, stopped))
            except OSError as error:
                raise EnvironmentFault(f"cannot lock {output}: {reason(error)}") from None
        yield
