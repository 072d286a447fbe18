"""What the headers of photos say, as earlier runs read them. Imported only for names with it.

A header is that of a photo of this size and time, as this version reads it.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from ffprep.ledger.database import OwnTable
from ffprep.ledger.rows import encode_name, stored_stamp
from ffprep.storage.stamps import stamp_or_none
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
AND (source_bytes, source_mtime, version) = (?, ?, ?) AND typeof(value) = 'text'"""


def recorded_header(
    ledger: "Ledger",
    what: str,
    path: str,
    parse: Callable[[str], Value],
    read: Callable[[], Value],
) -> Value:
    """Return `what` of a photo: `parse` returns it from a recorded text, `read` from the photo.

    A value that is read is recorded as a text. Raises as `read` does.
    """
    stamp = stamp_or_none(path)
    if not stamp:
        return read()
    key = encode_name(real_path(path)), what
    version = *stored_stamp(stamp), __version__
    for (text,) in TABLE.select(ledger, _FIND, (*key, *version)):
        with suppress(ValueError):  # a ledger may have been written by a stranger
            return parse(text)
    value = read()
    if not ledger.read_only:
        TABLE.write(ledger, [(*key, *version, "" if value is None else str(value))])
    return value
