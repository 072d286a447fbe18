"""Closer looks at a ledger that is not as ffprep made it. Imported only if one is found."""

import contextlib
import fcntl
import os
import sqlite3
from pathlib import Path

from ffprep.errors import EnvironmentFault, reason
from ffprep.ledger.database import Layout, LedgerUnusable, normalized
from ffprep.system.tempfiles import temporary_name

_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")


def require_harmless(database: sqlite3.Connection, path: Path, layout: Layout) -> None:
    """Raise EnvironmentFault unless a schema has all its statements, and otherwise only tables."""
    left = layout.statements
    for name, sql in database.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"):
        text = normalized(sql)
        if text in left:
            left.discard(text)
        elif not text.upper().startswith("CREATE TABLE "):
            words = text.split()[1:2]
            what = words[0].lower() if words and words[0].isalpha() else "object"
            raise EnvironmentFault(
                f"the ledger {path} contains the {what} {str(name)[:60]!r}, which ffprep did not "
                f"make; {layout.advice}"
            )
    if left:
        raise EnvironmentFault(f"{path} lacks tables that a ledger has; {layout.advice}")


def require_own_journal(journal: str, advice: str) -> None:
    """Raise EnvironmentFault for a journal that names a file, which SQLite would delete.

    SQLite does that for transactions over several databases, and ffprep has none.
    """
    with open(journal, "rb", opener=_open_regular) as file, contextlib.suppress(OSError):
        file.seek(-len(_JOURNAL_MAGIC), os.SEEK_END)
        if file.read() == _JOURNAL_MAGIC:
            words = "was not written by ffprep, and names another file"
            raise EnvironmentFault(f"{journal} {words}; {advice}")


def _open_regular(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def require_locks(path: Path, advice: str) -> None:
    """Raise LedgerUnusable if the file system refuses locks on parts of files, as SQLite uses.

    They are tried on an empty file beside the ledger.
    """
    tried = path.parent / temporary_name()
    try:
        descriptor = os.open(tried, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError:
        return
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1)
    except OSError as error:
        words = f"its file system refuses locks on parts of files ({reason(error)})"
        raise LedgerUnusable(path, words, advice) from None
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            os.unlink(tried)
