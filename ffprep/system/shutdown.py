"""How a run ends early: signals, and exits that do not wait for threads."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NoReturn, Self

from ffprep.errors import Interrupted

_cleanups: list[Callable[[], None]] = []
_handling: "list[Signals]" = []
"""The Signals whose blocks have been entered."""


def before_leaving(cleanup: Callable[[], None]) -> None:
    """Register a function that `leave_now` calls first."""
    _cleanups.append(cleanup)


def leave_now(code: int) -> NoReturn:
    """Exit without waiting for threads, or for streams that cannot be written to."""
    for cleanup in _cleanups:
        cleanup()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def interruption() -> Interrupted | None:
    """Return the signal that this process is ending for."""
    numbers = [signals.number for signals in _handling if signals.number is not None]
    return Interrupted(numbers[0]) if numbers else None


class Signals:
    """Handles SIGINT, SIGTERM and SIGHUP during a run.

    The first signal raises Interrupted. After `while_running`, it calls `stop` instead, so that the
    run ends in order and can report what was done. A signal that was ignored stays ignored.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._stop: Callable[[], None] | None = None
        self._previous: dict[int, object] = {}

    def while_running(self, stop: Callable[[], None]) -> None:
        """Call `stop` on a signal from now on."""
        self._stop = stop

    def __enter__(self) -> Self:
        _handling.append(self)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *raised: object) -> None:
        _handling.remove(self)
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.number is not None:
            return  # the run is ending already; do not interrupt its cleanup
        self.number = number
        if self._stop is None:
            raise Interrupted(number)
        self._stop()
