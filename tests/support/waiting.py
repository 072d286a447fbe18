"""Wait for a state instead of a time. The deadlines are generous, for busy machines."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], timeout: float = 120, poll: float = 0.02) -> T:
    """Wait until `condition` is true and return its value; fail after `timeout` seconds."""
    end = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < end, f"still false after {timeout} s: {condition}"
        time.sleep(poll)
    return value
