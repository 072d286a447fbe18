"""Wait for a state, for as long as a busy machine may need."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], timeout: float = 120, poll: float = 0.02) -> T:
    """Return the first true value of `condition`; fail if there is none within `timeout` seconds."""
    end = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < end, f"still false after {timeout} s: {condition}"
        time.sleep(poll)
    return value
