"""Which ledgers an output folder has: one of its own, or one of each shard; and what they tell together."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain

from ffprep.core.location import Location
from ffprep.core.shard import Shard
from ffprep.ledger.database import database_errors, open_to_read
from ffprep.ledger.history import Failed, History, failures
from ffprep.ledger.remote import ledger_errors, local_copy
from ffprep.storage.protocol import storage_of


@dataclass(frozen=True, slots=True)
class LedgerFile:
    """A ledger that is there, and the shard that it is of."""

    path: Location
    shard: Shard | None = None

    @classmethod
    def beside(cls, whole: Location) -> Iterator["LedgerFile"]:
        """Yield the one of a whole folder, at this place, and those of its shards."""
        with ledger_errors(whole):
            storage = storage_of(whole)
            there = storage.stat(whole)
            pages = storage.list(whole.parent, top=True)
            names = [each.name for page in pages for each in page.objects]
        if there:
            yield cls(whole)
        for name in names:
            if shard := Shard.owner(path := whole.parent / name, whole):
                yield cls(path, shard)

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """The ledger, to be read. Raises EnvironmentFault for what is none."""
        with (
            local_copy(self.path) as path,
            database_errors(path),
            closing(open_to_read(path)) as database,
        ):
            yield database

    @property
    def last_start(self) -> float:
        """When its last run began."""
        with self.opened() as database:
            return database.execute("SELECT max(started) FROM runs").fetchone()[0] or 0.0


@dataclass(frozen=True, slots=True)
class Ledgers:
    """Those of an output folder: of its last run's split into shards, if any, and of `others` that were before."""

    kept: tuple[LedgerFile, ...]
    others: tuple[LedgerFile, ...] = ()

    @classmethod
    def of(cls, whole: Location) -> "Ledgers":
        """All that there are, by the place of the one for a whole folder. Raises EnvironmentFault."""
        splits: dict[int, list[LedgerFile]] = {}
        for kept in LedgerFile.beside(whole):
            splits.setdefault(kept.shard.count if kept.shard else 1, []).append(kept)
        for of_one in splits.values():
            of_one.sort(key=lambda kept: kept.shard.number if kept.shard else 0)
        order = list(splits)
        if len(order) > 1:
            order.sort(key=lambda count: -max(kept.last_start for kept in splits[count]))
        others = chain.from_iterable(splits[count] for count in order[1:])
        return cls(tuple(splits[order[0]]) if order else (), tuple(others))

    @property
    def history(self) -> History:
        """What they tell. There has to be one."""
        histories = []
        for kept in self.kept:
            with kept.opened() as database:
                histories.append(History.of(database, kept.shard))
        return histories[0] if len(histories) == 1 else History.together(histories)

    def failures(self) -> Iterator[Failed]:
        """Every photo that failed, one ledger after the other."""
        for kept in self.kept:
            with kept.opened() as database:
                yield from failures(database)
