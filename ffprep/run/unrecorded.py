"""Runs that go on although their folder cannot be locked, or their ledger cannot be used."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ffprep.core.location import Location
from ffprep.core.policy import Retry
from ffprep.errors import EnvironmentFault, reason
from ffprep.ledger.database import LedgerUnusable
from ffprep.run.convert_options import ConvertOptions
from ffprep.storage.local import LocksRefused
from ffprep.system.files import FOLDER, is_url, takes_files
from ffprep.system.refused import accepts, dead_link


def continue_without_lock(
    options: ConvertOptions, error: OSError, warn: Callable[[str], None]
) -> bool:
    """Warn that the output folder is not locked. Return whether it may be written to.

    Raises EnvironmentFault if the folder does not exist, if nothing in it can be written, or if its
    ledger must be written.
    """
    output = options.request.output
    if isinstance(error, LocksRefused):
        warn(_cannot_lock(options, f"its file system refuses locks ({reason(error)})"))
        return True
    if not os.path.isdir(output):
        words = _obstacle(_existing(output)) or reason(error)
        raise EnvironmentFault(f"cannot create the output folder {output}: {words}") from None
    if not _can_write(output):
        words = _obstacle(output) or reason(error)
        raise EnvironmentFault(f"cannot write to {output}: {words}") from None
    _without_ledger(options, reason(error), warn)
    return False


def require_writable(folder: Location) -> None:
    """Raise EnvironmentFault if a folder, or the one in which it would be made, is not writable."""
    existing = _existing(folder)
    if not is_url(os.fspath(folder)) and (words := _obstacle(existing)):
        raise EnvironmentFault(f"cannot write to {existing}: {words}")


def _existing(folder: Location) -> Location:
    """Return the nearest parent of a folder that exists, or the folder itself."""
    return next((each for each in (folder, *folder.parents) if os.path.lexists(each)), folder)


def _obstacle(folder: Location) -> str | None:
    """Return why no files can be made in a folder, and what to do."""
    advice = "name another place: -o OUT"
    if not os.path.isdir(folder):
        return f"{dead_link(folder) or f'{folder.name} is a file'}; {advice}"
    if not os.access(folder, os.W_OK | os.X_OK):
        read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
        words = os.strerror(errno.EROFS if read_only else errno.EACCES).lower()
        return f"{words}; allow ffprep to write there, or {advice}"
    if not (takes_files(folder) or accepts(Path(folder))):
        return f"its file system accepts no files; {advice}"
    return None


def _can_write(output: Location) -> bool:
    """Return whether files can be made in a folder, or in a folder in it."""
    writable = os.W_OK | os.X_OK
    if os.access(output, writable):
        return takes_files(output) or accepts(Path(output))
    with suppress(OSError), os.scandir(output) as entries:
        return any(each.is_dir() and os.access(each, writable) for each in entries)
    return False


def continue_without_ledger(
    options: ConvertOptions, error: OSError | LedgerUnusable, warn: Callable[[str], None]
) -> None:
    """Warn that the ledger in the output folder cannot be used.

    Raises `error` if the ledger lies elsewhere, else EnvironmentFault with --retry-failed.
    """
    output, ledger = options.request.output, options.rerun.ledger
    if not os.path.isdir(output) or (ledger and output not in ledger.parents):
        raise error
    cause = error.cause if isinstance(error, LedgerUnusable) else reason(error)
    _without_ledger(options, cause, warn)


def _without_ledger(options: ConvertOptions, cause: str, warn: Callable[[str], None]) -> None:
    output, ledger = options.request.output, options.rerun.ledger
    if ledger is None:
        warn(_cannot_lock(options, cause))
        return
    if output not in ledger.parents:
        raise EnvironmentFault(f"cannot lock {output}: {cause}; allow ffprep to write there")
    action = "read" if options.reporting.dry_run else "write"
    problem = f"cannot {action} the ledger {output / FOLDER}: {cause}"
    if options.rerun.retry is Retry.ONLY:
        raise EnvironmentFault(f"{problem}; --retry-failed needs the ledger")
    words = "the next run will convert everything again"
    warn(f"{problem}; {words}, unless --ledger names a file on a local disk")


def _cannot_lock(options: ConvertOptions, cause: str) -> str:
    words = "another run may write there at the same time"
    return f"cannot lock {options.request.output}: {cause}; {words}"
