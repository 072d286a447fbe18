"""What the headers of photos say, as earlier runs read them. Imported only for names with it.

A header is that of a photo of this size and time, as this version reads it.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from ffprep.ledger.database import OwnTable
from ffprep.ledger.rows import encode_name, stored_time
from ffprep.record import Record
from ffprep.system.files import real_path
from ffprep.version import __version__

if TYPE_CHECKING:
    from ffprep.ledger.ledger import Ledger

Value = TypeVar("Value")

TABLE = OwnTable(
    "headers",
    """CREATE TABLE headers (
    source NOT NULL, what TEXT NOT NULL,
    source_bytes INTEGER, source_mtime INTEGER, version TEXT,
    value TEXT,
    PRIMARY KEY (source, what)
) WITHOUT ROWID""",
)
"""Those of photos, by their real paths."""
_FIND = """SELECT value FROM headers WHERE (source, what) = (?, ?)
AND (source_bytes, source_mtime, version) = (?, ?, ?)"""


class RecordedHeaders(Record):
    """The headers in a ledger."""

    ledger: "Ledger"

    def value(
        self, what: str, path: str, parse: Callable[[str], Value], read: Callable[[], Value]
    ) -> Value:
        """Return `what` of a photo: `parse` returns it from a recorded text, `read` from the photo.

        A value that is read is recorded as a text. Raises as `read` does.
        """
        try:
            stamp = os.stat(path)
        except (OSError, ValueError):
            return read()
        key = encode_name(real_path(path)), what
        version = stamp.st_size, stored_time(stamp.st_mtime_ns), __version__
        with suppress(ValueError):  # a ledger may have been written by a stranger
            if (text := self._find((*key, *version))) is not None:
                return parse(text)
        value = read()
        self._record((*key, *version, "" if value is None else str(value)))
        return value

    def _find(self, key: tuple[Any, ...]) -> str | None:
        found = None
        with self.ledger.transaction() as database:
            if TABLE.exists(database):
                found = database.execute(_FIND, key).fetchone()
        return found[0] if found and isinstance(found[0], str) else None

    def _record(self, row: tuple[Any, ...]) -> None:
        if self.ledger.read_only:
            return
        with self.ledger.transaction() as database:
            TABLE.ensure(database)
            database.execute("INSERT OR REPLACE INTO headers VALUES (?, ?, ?, ?, ?, ?)", row)
