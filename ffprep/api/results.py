"""Results: an iterator over what `convert`, `check` and `info` find, as it comes.

Notebooks show a table of results, a picture with its size and mode, and a progress bar. All of it
is small: previews have a limited size, tables a limited number of rows.
"""

import base64
import io
import os
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from html import escape
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self, TypeVar

from ffprep.core.formats import HEAD_BYTES, sniff
from ffprep.core.job import Result
from ffprep.errors import FfprepError, PhotoError, ProgramExiting
from ffprep.image.pillow import opened_as
from ffprep.record import Record, field
from ffprep.run.inspect import Finding

Item = TypeVar("Item", bound=Result | Finding)

_PREVIEW, _THUMBNAIL = 640, 96
"""The longest side in pixels of the picture of a `Prepared`, and of one in a table."""
_ROWS = 20
"""At most so many failures, and so many others, are rows of a table."""


class Seen(Record, frozen=False):
    """What was yielded so far: how many items of each status, and the first ones."""

    counts: Counter[str] = field(default_factory=Counter)
    failed: list[Any] = field(default_factory=list)
    others: list[Any] = field(default_factory=list)

    def add(self, item: Any) -> None:
        """Count a Result or a Finding."""
        status, is_bad = _status(item)
        self.counts[status] += 1
        kept = self.failed if is_bad else self.others
        if len(kept) < _ROWS:
            kept.append(item)

    def html(self) -> str:
        """Return a table of the first failures and others, and the counts."""
        shown = [*self.failed, *self.others]
        counts = ", ".join(f"{count} {status}" for status, count in self.counts.items())
        more = self.counts.total() - len(shown)
        words = (counts or "no photos") + f"; {more} are not shown" * bool(more)
        rows = ("".join(f"<td>{cell}</td>" for cell in _row(item)) for item in shown)
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table><caption>{words}</caption><tbody>{body}</tbody></table>"


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


def _status(item: Any) -> tuple[str, bool]:
    """Return a word for an item, and whether it is bad."""
    if isinstance(item, Result):
        return item.status.value, item.failure is not None
    if isinstance(item, Finding) and item.error:
        return "failed", True
    return ("broken", True) if item.broken else ("right", False)


def _row(item: Any) -> list[str]:
    """Return the cells of a Result or a Finding, as HTML."""
    if isinstance(item, Finding):
        return [_escaped(item.path), _lines(item.broken or item.describe())]
    failure = item.failure
    said = [f"{failure.kind}: {failure.message}"] if failure else [*item.warnings, item.reason]
    size = " ".join(str(part) for part in (item.size, item.mode) if part)
    picture = "" if failure else thumbnail(item.output)
    return [picture, _escaped(item.source), item.status.value, _escaped(size), _lines(said)]


def _lines(texts: Iterable[str]) -> str:
    return "<br>".join(map(_escaped, filter(None, texts)))


def _escaped(text: object) -> str:
    """Return a text as HTML. Undecodable bytes of names become question marks."""
    return escape(str(text).encode(errors="replace").decode())


def thumbnail(path: Any) -> str:
    """Return a small picture of a file on this machine, as HTML; nothing if it is unreadable."""
    if not isinstance(path, Path):
        return ""
    try:
        return image(path.read_bytes(), _THUMBNAIL)
    except OSError:
        return ""


def image(data: bytes, side: int, words: str = "") -> str:
    """Return a picture as HTML, at most `side` pixels long; nothing if Pillow cannot read it."""
    format = sniff(data[:HEAD_BYTES])
    if format is None:
        return ""
    try:
        with opened_as(format, io.BytesIO(data)) as picture:
            picture.thumbnail((side, side))
            shown = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    except PhotoError:
        return ""
    form = "png" if shown.mode == "RGBA" else "jpeg"
    file = io.BytesIO()
    shown.save(file, form, **({"quality": 80} if form == "jpeg" else {}))
    code = base64.b64encode(file.getvalue()).decode()
    style = "max-width: 100%; height: auto"
    return f'<img alt="{_escaped(words)}" style="{style}" src="data:image/{form};base64,{code}">'


def picture_html(
    data: bytes, caption: str, warnings: Iterable[str] = (), side: int = _PREVIEW
) -> str:
    """Return a picture with a caption and warnings, as HTML."""
    text = _lines((caption, *warnings))
    return f"<figure>{image(data, side, caption)}<figcaption>{text}</figcaption></figure>"


@contextmanager
def progress_bar(total: int | None, wanted: bool | None) -> Iterator[Callable[[], object]]:
    """Show a bar, by default in notebooks only; yield what moves it by one picture."""
    if wanted is None:  # is this program the kernel of a notebook?
        ipython = sys.modules.get("IPython")
        wanted = hasattr(ipython.get_ipython() if ipython else None, "kernel")
    if not wanted:
        yield lambda: None
        return
    # Without ipywidgets, tqdm.auto would print a warning above a bar of text.
    module = import_module("tqdm.auto" if find_spec("ipywidgets") else "tqdm")
    with module.tqdm(total=total, unit="picture") as bar:
        yield bar.update
