"""Limits that this process inherited, and ends of child processes that are no photo's fault.

A shell (ulimit), systemd or a batch system sets limits, and children inherit them. Imported only
after a failure.
"""

import errno
import resource
import signal

from ffprep.errors import EnvironmentFault, Killed, Kind, LimitReached, PhotoError
from ffprep.system.processes import Limits

# Signals that a program sends to itself, or the processor for it. Others come from outside.
_OWN = frozenset(
    getattr(signal, f"SIG{name}") for name in ("SEGV", "ABRT", "BUS", "ILL", "FPE", "TRAP")
)


def memory_limit(needed: float) -> str:
    """Return the inherited limit below the memory that a child may need, as `ulimit` names it.

    "" if there is none. Address space is more than memory in use: any limit of it may be too low.
    """
    return _limit("AS", "v", 1024) or _limit("DATA", "d", 1024, needed)


def thread_limit() -> str:
    """Return the inherited limit that prevents a thread: of memory if there is one."""
    return memory_limit(float("inf")) or _limit("NPROC", "u", 1) or "ulimit -u"


def limit_behind(error: OSError) -> str:
    """Return the inherited limit for which the system may have refused something; "" if none."""
    if error.errno == errno.EAGAIN:
        return thread_limit()
    if error.errno == errno.ENOMEM:
        return memory_limit(float("inf"))
    if error.errno == errno.EMFILE:
        return _limit("NOFILE", "n", 1)
    return _limit("FSIZE", "f", 1024, soft=True) if error.errno == errno.EFBIG else ""


def advice(error: OSError) -> str:
    """Return what to do about a refusal to start a process: "; raise the limit ulimit -u 20"."""
    limit = limit_behind(error)
    return f"; raise the limit {limit}" if limit else ""


def met(limit: str, error: PhotoError) -> LimitReached:
    """Return the error of a photo that failed with `error` for a limit of memory."""
    cause, _, _advice = str(error).partition(";")
    lacking = error.kind is Kind.TOO_LARGE
    return LimitReached(limit, "too little memory for it" if lacking else f"it failed ({cause})")


def too_low(limit: str) -> EnvironmentFault:
    """Return the error of a limit under which not even a small picture can be converted."""
    return EnvironmentFault(
        f"no picture can be converted under the limit {limit}, which this process has inherited; "
        "raise it and run again"
    )


def _limit(
    name: str, option: str, unit: int, needed: float = float("inf"), soft: bool = False
) -> str:
    """Return a limit below `needed`. A child's own limits replace the soft ones where they can."""
    limits = resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))
    limit = limits[1 if name in ("DATA", "FSIZE") and not soft else 0]
    if limit == resource.RLIM_INFINITY or limit >= needed:
        return ""
    return f"ulimit -{option} {limit // unit}"


def ended_from_outside(program: str, number: int, own: Limits) -> Killed | None:
    """Return the error of a child that a signal ended; None if a photo may have caused that.

    `own` are the limits that ffprep set.
    """
    if number in _OWN:
        return None
    limit = ""
    if number == signal.SIGXFSZ:
        limit = _limit("FSIZE", "f", 1024, own.file)
    elif number in (signal.SIGKILL, signal.SIGXCPU):
        limit = _limit("CPU", "t", 1)
    if limit:
        return LimitReached(limit, f"{program} was ended (signal {number})")
    cause = ", perhaps for lack of memory" if number == signal.SIGKILL else ""
    words = f"{program} was ended from outside (signal {number}{cause}); run again"
    return Killed(Kind.IO, words)
