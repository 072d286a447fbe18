"""When to go on: pauses that end at once when somebody asks for the end, and creates held up while a server takes no more."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Event, Lock, Thread
from typing import TypeVar

Answer = TypeVar("Answer")
_GAP = 1.0
"""Seconds between creates at a server that has said that they are too many."""


class RunStopped(Exception):
    """Somebody has asked for the end of it all."""


def within(seconds: float, ask: Callable[[], Answer]) -> Answer:
    """An answer, however a server draws it out: limits of its own are for each part of one. Raises TimeoutError."""
    future: Future[Answer] = Future()

    def run() -> None:
        try:
            future.set_result(ask())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future.result(max(seconds, 0.0))


class RateLimiter:
    """The pace of all courses of a run, until it is `stopped`."""

    def __init__(self, stopped: Event) -> None:
        self._stopped, self._lock = stopped, Lock()
        self._next, self._gap = 0.0, 0.0

    def pause(self, seconds: float) -> None:
        """Raises RunStopped."""
        if self._stopped.wait(max(seconds, 0.0)):
            raise RunStopped

    def turn(self) -> None:
        """Wait until the next create may be sent. Raises RunStopped."""
        while True:
            with self._lock:
                now = time.monotonic()
                wait = self._next - now
                if wait <= 0:
                    self._next = now + self._gap
                    break
            self.pause(wait)
        self.pause(0)

    def hold_up(self, seconds: float) -> None:
        """No create for so long, since the server takes no more; then one at a time."""
        with self._lock:
            self._gap = _GAP
            self._next = max(self._next, time.monotonic() + seconds)
