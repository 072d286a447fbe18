"""What notebooks show: a picture with its size and mode, a table of results, a progress bar.

Everything is small: previews have a limited size, tables a limited number of rows.
"""

import base64
import io
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from html import escape
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ffprep.core.formats import HEAD_BYTES, sniff
from ffprep.core.job import Result
from ffprep.errors import PhotoError
from ffprep.image.pillow import opened_as
from ffprep.record import Record, field
from ffprep.run.inspect import Finding

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
