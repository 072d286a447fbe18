"""What a walk finds: a folder's pictures, by name."""

from collections.abc import Sequence
from dataclasses import dataclass

from ffprep.core.formats import SUFFIXES
from ffprep.errors import PhotoError
from ffprep.system.files import FileStamp

PICTURES = frozenset(SUFFIXES) | {suffix.upper() for suffix in SUFFIXES}
"""Suffixes as they are most often written: one look, and no copy of a name."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The pictures of one folder, in the order of their names; or files of one that are named themselves.

    `folder` is as the user spelt it, `real` without links; both end in a separator, but a `folder`
    that is empty is the working one. `below` is its way from the SOURCE folder, empty for that itself
    and for files that are named. `linked` are those of the `names` that are links, and photos with
    `sidecars` have words of their own beside them (`aims`), which count as no files. `passed` counts
    what is no picture, or one of the `links` that are not followed. Where there is an `error`,
    `folder` is the folder or file that could not be looked at. `stamps` are there for objects in a
    store, one a name.
    """

    folder: str
    real: str = ""
    below: str = ""
    names: Sequence[str] = ()
    linked: frozenset[str] = frozenset()
    sidecars: frozenset[str] = frozenset()
    passed: int = 0
    links: int = 0
    error: PhotoError | None = None
    stamps: Sequence[FileStamp] = ()
