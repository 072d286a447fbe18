"""Failures that are not new: an earlier run reported them, or `ffprep status --accept` noted them.

Imported only if a photo fails.
"""

import sqlite3
from typing import TYPE_CHECKING

from ffprep.core.job import Status
from ffprep.ledger.database import OwnTable
from ffprep.ledger.rows import Row

if TYPE_CHECKING:
    from ffprep.ledger.ledger import Ledger

_TABLE = OwnTable(
    "accepted",
    """CREATE TABLE accepted (
    source NOT NULL, kind TEXT NOT NULL,
    source_bytes INTEGER, source_mtime INTEGER,  -- nothing where they do not decide
    PRIMARY KEY (source, kind, source_bytes, source_mtime)
)""",
)
_COLUMNS = "source, kind, source_bytes, source_mtime"
_ACCEPTED = (
    "EXISTS (SELECT 1 FROM accepted WHERE (source, kind) = ({0}source, {0}kind) "
    "AND source_bytes IS {0}source_bytes AND source_mtime IS {0}source_mtime)"
)


def is_known(ledger: "Ledger", row: Row, before: Row | None) -> bool:
    """Return whether a failure is not new, by its row and the row that the job had before.

    Runs that were killed have not reported what they met.
    """
    with ledger.transaction() as database:
        ended = "SELECT 1 FROM runs WHERE id = ? AND ended IS NOT NULL"
        if before and _is_same(row, before) and database.execute(ended, (before.run,)).fetchone():
            return True
        if not _TABLE.exists(database):
            return False
        values = {name: getattr(row, name) for name in _COLUMNS.split(", ")}
        return bool(database.execute(f"SELECT {_ACCEPTED.format(':')}", values).fetchone()[0])
    return False


def _is_same(row: Row, before: Row) -> bool:
    """Return whether a photo, or the same version of it, has failed before in the same way."""
    names = ("status", "kind", "spec", "source_bytes", "source_mtime")
    return all(getattr(row, name) == getattr(before, name) for name in names)


def accept_failures(ledger: "Ledger") -> int:
    """Note all failures in the ledger as accepted, in place of earlier ones. Return how many."""
    with ledger.transaction() as database:
        _TABLE.ensure(database)
        database.execute("DELETE FROM accepted")
        failed = f"FROM jobs WHERE status = '{Status.FAILED}' AND kind IS NOT NULL"
        database.execute(f"INSERT INTO accepted SELECT DISTINCT {_COLUMNS} {failed}")
        found: tuple[int] = database.execute(f"SELECT count(*) {failed}").fetchone()
        return found[0]
    return 0


def accepted_condition(database: sqlite3.Connection) -> str:
    """Return the condition that the failure of a row in `jobs` is accepted, in SQL."""
    return _ACCEPTED.format("jobs.") if _TABLE.exists(database) else "0"
