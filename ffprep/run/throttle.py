"""ThrottleOptions on a machine that others use too: niceness, and when to begin no more.

`--max-load` works like GNU make's `-l`: while the load is too high, nothing new begins beside what is in
work already. What this run adds to the load itself is in it, and one chunk always runs, so it never stands still.
"""

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

from ffprep.core.policy import ThrottleOptions
from ffprep.system.processes import answer

_PULSE = 0.1


def apply_niceness(manners: ThrottleOptions) -> Iterator[str]:
    """Make this process and its children to come nice and idle; yield in sentences what cannot be done.

    Before any other thread starts: Linux keeps both for each thread, and hands them down.
    """
    if manners.nice and (more := min(_NICENESS + manners.nice, 19) - _niceness()) > 0:
        os.nice(more)
    if manners.idle and not _become_idle():
        yield "--idle: the disk cannot be left to others here (ionice does not do it)"
    if manners.max_load < math.inf and _load() is None:
        yield "--max-load: this machine does not tell its load; the run does not heed it"


def _niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0)


_NICENESS = _niceness()
"""What the process was started with: it counts from there however many runs it makes."""


def _become_idle() -> bool:
    """Ask util-linux's ionice, and ask again whether it was done."""
    pid = str(os.getpid())
    try:
        answer(["ionice", "-c", "3", "-p", pid], seconds=10)
        return answer(["ionice", "-p", pid], seconds=10).startswith("idle")
    except OSError:
        return False


def _load() -> float | None:
    """The load average of the last minute, where it can be had: without /proc it cannot."""
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


class Throttle:
    """Where a chunk of work waits before it begins. Its time runs from when it is made."""

    def __init__(self, manners: ThrottleOptions) -> None:
        self._manners = manners
        self._ends = time.monotonic() + manners.max_time
        self._working = 0
        self._left = Condition()
        self.refused = False
        """Whether something was not begun, or not finished, because the time was over."""

    def admits(self) -> bool:
        """Whether there is time to begin anything."""
        if time.monotonic() < self._ends:
            return True
        self.refused = True
        return False

    def overdue(self) -> bool:
        """Whether what has begun in time has had its grace too."""
        late = time.monotonic() >= self._ends + self._manners.grace
        self.refused = self.refused or late
        return late

    @contextmanager
    def passed(self, stopped: Callable[[], bool]) -> Iterator[bool]:
        """Wait until a chunk may begin; False when it may not any more. It counts as in work until the end."""
        with self._left:
            while self._must_wait() and not stopped():
                self._left.wait(_PULSE)
            self._working += 1
        try:
            yield not stopped() and self.admits()
        finally:
            with self._left:
                self._working -= 1
                self._left.notify()

    def _must_wait(self) -> bool:
        crowded = self._working > 0 and time.monotonic() < self._ends
        return crowded and (_load() or 0.0) >= self._manners.max_load
