"""Results: an iterator over what `convert`, `check` and `info` find, as it comes."""

import os
import threading
import weakref
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Self, TypeVar

from ffprep.api.notebook import Seen
from ffprep.core.job import Result
from ffprep.errors import FfprepError, ProgramExiting
from ffprep.run.inspect import Finding

Item = TypeVar("Item", bound=Result | Finding)


class Results(Iterator[Item]):
    """An iterator over results, as they come, and a context manager that closes it.

    Any thread may ask for the next result, one thread at a time. It closes itself when the last
    reference is gone, and when the program ends. `items` yields None first, as soon as it is known
    how many there are. A notebook shows a table of the first results; that takes all of them.
    """

    def __init__(
        self,
        items: Generator[Item | None, None, None],
        stop: Callable[[], None],
        count: Callable[[], int | None],
    ) -> None:
        self._items, self._count = items, count
        self._begun, self._seen = False, Seen()
        # Reentrant: a signal handler may close what its own thread waits for.
        self._turn = threading.RLock()
        self._closed = threading.Event()
        self._close = partial(_close, items, stop, self._turn, self._closed, os.getpid())
        # Not `__del__`: in a cycle, and when a program ends, objects are finalized in any order.
        weakref.finalize(self, self._close)

    def __next__(self) -> Item:
        """Return the next result when it is there. Raise StopIteration as soon as it is closed."""
        with self._turn:
            item = self._next()
            while item is None:
                item = self._next()
            self._seen.add(item)
            return item

    def _next(self) -> Item | None:
        self._begun = True
        try:
            item = next(self._items)
        except FfprepError as error:
            if self._closed.is_set() or _is_abandoned(error):
                raise StopIteration from None
            raise
        if self._closed.is_set():
            self._items.close()
            raise StopIteration
        return item

    def __len__(self) -> int:
        """Return how many results there are together. The work begins, so that they are counted.

        Raises TypeError if that is not known, as for photos in stores.
        """
        with self._turn:
            if not self._begun:
                with suppress(StopIteration):
                    self._next()
            count = self._count()
        if count is None:
            raise TypeError("the number of results is not known")
        return count

    def __bool__(self) -> bool:
        return True

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the results that are left as flat dicts with equal keys, as pandas takes them.

        The keys are those of JSON lines, with `error_kind` and `error_message` in place of `error`.
        Several texts become one. Bytes of names that are not UTF-8 become escapes.
        """
        return [_flat(item.as_dict()) for item in self]

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        for _item in self:
            pass
        return {"text/html": self._seen.html(), "text/plain": repr(self)}

    def close(self) -> None:
        """Stop every ffmpeg, and wait until unfinished files are removed.

        Any thread may call it, repeatedly.
        """
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()


def _close(
    items: Any,
    stop: Callable[[], None],
    turn: threading.RLock,
    closed: threading.Event,
    owner: int,
) -> None:
    """Close Results. A function, because a finalizer must not refer to the object itself."""
    if os.getpid() != owner:
        return  # in a fork, the work belongs to the parent
    closed.set()
    stop()
    with turn:
        if not items.gi_running:  # else this thread runs it, and will see that it is closed
            items.close()


def _is_abandoned(error: FfprepError) -> bool:
    """Return whether an error is due to the exit of the program, in a daemon thread."""
    exiting = isinstance(error, ProgramExiting) or not threading.main_thread().is_alive()
    return exiting and threading.current_thread().daemon


def _flat(content: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON object of a Result or a Finding without objects and lists of texts in it."""
    error = content.pop("error") or {}
    content |= {f"error_{key}": error.get(key, "") for key in ("kind", "message")}
    if "status" in content:
        often_missing = ("warnings", "warning_kinds", "passed_over", "reason")
        content |= {key: content.get(key, "") for key in often_missing}
    content |= {f"recommended_{k}": mode for k, mode in content.pop("recommended", {}).items()}
    return {key: _cell(value) for key, value in content.items()}


def _cell(value: Any) -> Any:
    """Return a value as a table takes it: several texts as one, and all texts as valid UTF-8."""
    if isinstance(value, list) and all(isinstance(text, str) for text in value):
        value = "; ".join(value)
    if isinstance(value, str) and not value.isascii():
        return value.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return value
