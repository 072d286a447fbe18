"""What is yielded photo by photo to a program, which may want no more of it at any time, from any thread."""

import os
import threading
import weakref
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any, Self, TypeVar

from ffprep.errors import FfprepError

Answer = TypeVar("Answer")


class Results(Iterator[Answer]):
    """An iterator over what becomes of each photo, as it comes; a context manager that closes it.

    Any thread may ask for the next one, one at a time. Whoever drops it, or ends the program, closes it.
    """

    def __init__(self, answers: Generator[Answer, None, None], stop: Callable[[], None]) -> None:
        self._answers = answers
        self._turn = (
            threading.RLock()
        )  # a signal's handler may close what its thread is waiting for
        self._over = threading.Event()
        self._end = partial(_end, answers, stop, self._turn, self._over, os.getpid())
        # Not by `__del__`: of what is dropped in a circle, and at the end of a program, the parts are finalized in any order.
        weakref.finalize(self, self._end)

    def __next__(self) -> Answer:
        """The next one, when it is there; StopIteration as soon as it is closed, whoever does it."""
        with self._turn:
            try:
                answer = next(self._answers)
            except FfprepError:
                if self._over.is_set() or _left_behind():
                    raise StopIteration from None  # nobody waits for it
                raise
            if self._over.is_set():
                self._answers.close()
                raise StopIteration
            return answer

    def close(self) -> None:
        """End every ffmpeg, and wait until all is tidied up. From any thread, at any time, as often as you like."""
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: Any) -> None:
        self.close()


def _end(
    answers: Any,
    stop: Callable[[], None],
    turn: threading.RLock,
    over: threading.Event,
    owner: int,
) -> None:
    """What `close` does, and what is done where nobody calls it."""
    if os.getpid() != owner:
        return  # a fork's copy: the work is its parent's
    over.set()
    stop()
    with turn:
        if not answers.gi_running:  # else it is this thread that is in it, and will find out
            answers.close()


def _left_behind() -> bool:
    """Whether this is a daemon thread of a program that is ending."""
    return threading.current_thread().daemon and not threading.main_thread().is_alive()
