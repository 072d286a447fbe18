"""Errors that no code expects: of the installation, of this process's own limits, or a bug."""

from ffprep.errors import Killed, Kind, LimitReached, PhotoError
from ffprep.system.files import read_error
from ffprep.system.installation import installation_fault
from ffprep.system.limits import memory_limit


def photo_error(error: Exception) -> PhotoError:
    """Return an error as that of its photo; a bug is reported as such, and other photos go on.

    Raises EnvironmentFault for a broken installation.
    """
    if isinstance(error, MemoryError):
        limit, words = memory_limit(float("inf")), "there is not enough memory for it"
        return LimitReached(limit, words) if limit else Killed(Kind.IO, f"{words}; run again")
    if fault := installation_fault(error):
        raise fault from None
    if isinstance(error, OSError) and error.errno:
        return read_error(error)
    return PhotoError(Kind.INTERNAL, f"{type(error).__name__}: {error}")
