"""Throttling: process priority, load limit and time limit.

`--max-load` works like `-l` of GNU make: while the load average is too high, no chunk begins beside
those in work. The load includes this run's own. One chunk may always run, so a run never stands
still.
"""

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

from ffprep.core.policy import ThrottleOptions
from ffprep.system.processes import answer

_POLL_SECONDS = 0.1


def apply_niceness(options: ThrottleOptions) -> Iterator[str]:
    """Lower the priority of this process and its children; yield warnings.

    Call it before any other thread starts: on Linux each thread has its own priority, and inherits
    it.
    """
    wanted = min(_NICENESS + options.nice, 19)
    if options.nice and (missing := wanted - os.getpriority(os.PRIO_PROCESS, 0)) > 0:
        os.nice(missing)
    if options.idle and not _lower_disk_priority():
        yield "--idle: cannot lower the disk priority: ionice is not here, or has no effect"
    if options.max_load < math.inf and _load() is None:
        yield "--max-load: this system does not report its load average; the run ignores the limit"


_NICENESS = os.getpriority(os.PRIO_PROCESS, 0)
"""The niceness at the start, to which `--nice` is relative in every run of this process."""


def _lower_disk_priority() -> bool:
    """Run util-linux's ionice, and return whether it had an effect."""
    pid = str(os.getpid())
    try:
        answer(["ionice", "-c", "3", "-p", pid], seconds=10)
        return answer(["ionice", "-p", pid], seconds=10).startswith("idle")
    except OSError:
        return False


def _load() -> float | None:
    """Return the load average of the last minute; None without /proc."""
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


class Throttle:
    """Decides when a chunk may begin. The time limit counts from the creation of this object.

    `refused` says whether photos were not begun, or not finished, because of the time limit.
    """

    def __init__(self, options: ThrottleOptions) -> None:
        self._options = options
        self._deadline = time.monotonic() + options.max_time
        self._working = 0
        self._chunk_ended = Condition()
        self.refused = False

    def admits(self) -> bool:
        """Return whether there is time to begin a photo."""
        if time.monotonic() < self._deadline:
            return True
        self.refused = True
        return False

    def overdue(self) -> bool:
        """Return whether the grace for photos in work is over too."""
        overdue = time.monotonic() >= self._deadline + self._options.grace
        self.refused = self.refused or overdue
        return overdue

    @contextmanager
    def wait_turn(self, stopped: Callable[[], bool]) -> Iterator[bool]:
        """Wait until a chunk may begin; yield False if it may not begin any more.

        The chunk counts as in work until the context ends.
        """
        with self._chunk_ended:
            while self._must_wait() and not stopped():
                self._chunk_ended.wait(_POLL_SECONDS)
            self._working += 1
        try:
            yield not stopped() and self.admits()
        finally:
            with self._chunk_ended:
                self._working -= 1
                self._chunk_ended.notify()

    def _must_wait(self) -> bool:
        others = self._working > 0 and time.monotonic() < self._deadline
        return others and (_load() or 0.0) >= self._options.max_load
