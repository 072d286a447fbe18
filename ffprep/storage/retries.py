"""Repeat requests that failed for a while, and keep the main thread open to signals."""

import random
import time
from collections.abc import Callable
from threading import current_thread, main_thread
from typing import TypeVar

from ffprep.record import Record
from ffprep.storage.errors import is_transient
from ffprep.system.pool import call_in_thread

Answer = TypeVar("Answer")

_LONGEST_PAUSE = 5.0
_SECONDS = 60.0
"""How long after the first attempt another one begins."""


class Retries(Record):
    """How often a request is made at most."""

    attempts: int = 25

    def __call__(self, request: Callable[[], Answer]) -> Answer:
        """Return what `request` returns; raise what it raises last."""
        return in_thread(lambda: self._repeated(request))

    def _repeated(self, request: Callable[[], Answer]) -> Answer:
        until, attempt, pause = time.monotonic() + _SECONDS, 1, 0.1
        while True:
            try:
                return request()
            except Exception as error:
                late = time.monotonic() + pause > until
                if attempt >= self.attempts or late or not is_transient(error):
                    raise
            # With jitter, so that clients which were refused together do not return together.
            time.sleep(pause * random.uniform(0.5, 1))
            attempt, pause = attempt + 1, min(2 * pause, _LONGEST_PAUSE)


def in_thread(call: Callable[[], Answer]) -> Answer:
    """Return what `call` returns. In the main thread, wait for another thread that calls it.

    Python runs signal handlers in the main thread only, and not while it waits inside obstore.
    """
    return call_in_thread(call) if current_thread() is main_thread() else call()
