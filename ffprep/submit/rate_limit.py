"""Waiting: pauses that an interrupt ends at once, a limit on the rate of creates, call timeouts."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Event, Lock, Thread
from typing import TypeVar

Answer = TypeVar("Answer")
_FIRST_INTERVAL = 0.05
"""Seconds between looks for the answer to the first create."""
_THROTTLED_INTERVAL = 1.0
"""Seconds between creates at a server that has throttled one."""


class RunStopped(Exception):
    """The run was asked to stop."""


def call_with_timeout(seconds: float, call: Callable[[], Answer]) -> Answer:
    """Return the result of `call`. Raises TimeoutError after `seconds`, and leaves the call alone.

    The HTTP client's own timeouts limit each read, so a slow server could exceed any total.
    """
    future: Future[Answer] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future.result(max(seconds, 0.0))


class RateLimiter:
    """Pauses, and the rate of creates, of all submissions of a run, until `stopped` is set.

    The first create is sent alone, since its answer may concern all of them.
    """

    def __init__(self, stopped: Event) -> None:
        self._stopped, self._lock = stopped, Lock()
        self._next_create, self._interval = 0.0, 0.0
        self._first_is_out, self._answered, self._closed = False, False, False

    def sleep(self, seconds: float) -> None:
        """Wait. Raises RunStopped at once when the run is asked to stop."""
        if self._stopped.wait(max(seconds, 0.0)):
            raise RunStopped

    def wait_for_turn(self) -> None:
        """Wait until the next create may be sent. Raises RunStopped, also after `close`."""
        while True:
            with self._lock:
                if self._closed:
                    raise RunStopped
                now = time.monotonic()
                wait = self._next_create - now
                if self._first_is_out and not self._answered:
                    wait = max(wait, _FIRST_INTERVAL)
                if wait <= 0:
                    self._next_create, self._first_is_out = now + self._interval, True
                    break
            self.sleep(wait)
        self.sleep(0)

    def answered(self) -> None:
        """Allow more creates, since the first one was answered, or will not be."""
        self._answered = True

    def close(self) -> None:
        """Allow no more creates, since the server would refuse them all."""
        with self._lock:
            self._closed = True

    def back_off(self, seconds: float) -> None:
        """Send no create for `seconds`, and from then on one per second."""
        with self._lock:
            self._interval, self._first_is_out = _THROTTLED_INTERVAL, False
            self._next_create = max(self._next_create, time.monotonic() + seconds)
