"""A second attempt at a photo that failed: its own bytes are at fault only if both fail alike.

A disk or network share that fails for a moment makes any decoder call a sound photo damaged, and
decoders in other processes do not say why they could not read on. So this process reads the whole
file, and the photo is tried once more.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ffprep.errors import Kind, PhotoError
from ffprep.system.files import FileStamp, read_whole

T = TypeVar("T")


def second_reading(path: Path, place: str, first: PhotoError, attempt: Callable[[], T]) -> T:
    """Return the result of a second `attempt` at a photo whose first one raised `first`.

    `place` is where its links may lead, as `open_regular` takes it. Raises `first` if it fails in
    the same way, while its content stays the same. Raises PhotoError `io` if the file cannot be
    read, or if the readings differ.
    """
    seen = FileStamp.of(path, place)
    content = read_whole(path, seen, place=place)
    try:
        return attempt()
    except PhotoError as second:
        if not second.needs_second_attempt or second.kind is Kind.IO:
            raise
        if second.kind is not first.kind:
            raise _differ(f"it was {first.kind}, and then {second.kind}") from None
    if read_whole(path, seen, place=place) != content:
        raise _differ("its content was another one each time")
    raise first


def _differ(how: str) -> PhotoError:
    advice = "check its disk or network share, and run again"
    return PhotoError(Kind.IO, f"two readings of it differ: {how}; {advice}")
