"""The Storage protocol, what a listing returns, and the function that picks a storage."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias

from ffprep.core.location import Location, listed_stamp
from ffprep.errors import Kind, PhotoError
from ffprep.record import Record
from ffprep.system.files import FileStamp, is_url

if TYPE_CHECKING:
    from ffprep.core.shard import Shard

Place: TypeAlias = str | os.PathLike[str]
"""A path, or the URL of an object or of a folder of objects."""

Stopped: TypeAlias = Callable[[], bool]

_BYTES_A_PIXEL, _HEADER = 8, 1 << 24


def never() -> bool:
    """Return False: for callers that cannot be stopped."""
    return False


class Object(Record):
    """What a listing says about an object, or a file.

    `modified` is in nanoseconds since the epoch, 0 if it is unknown. `version` is the ETag, if any,
    and `generation` what Google's conditions compare. Where there is a version, `stamp.modified` is
    a number derived from it: two such numbers can be compared for equality only.
    """

    name: str
    stamp: FileStamp
    modified: int = 0
    version: str = ""
    generation: str = ""


class Page(Record):
    """A part of a folder: its objects, and the names of the folders in it."""

    objects: list[Object]
    folders: list[str]


def stored_object(
    name: str, size: int, version: str = "", seconds: float = 0, generation: str = ""
) -> Object:
    """Return what is known about an object; `seconds` is when it was modified, since the epoch."""
    # To the microsecond: in listings it may be a float.
    modified = stamped = round(seconds * 10**6) * 1000
    if version:
        import hashlib

        digest = hashlib.blake2b(version.strip('"').encode(), digest_size=8).digest()
        stamped = int.from_bytes(digest, signed=True)
    return Object(name, FileStamp(0, 0, size, stamped), modified, version, generation)


class Storage(Protocol):
    """Where files or objects are. Safe to use from several threads.

    Methods raise PhotoError for one object, and EnvironmentFault if nothing in the storage works.
    """

    @property
    def is_local(self) -> bool:
        """Whether locations are paths of this machine, which need no transfer."""

    def is_folder(self, place: Place) -> bool:
        """Return whether there is a folder at `place`. Raise EnvironmentFault if unknown."""

    def list(self, folder: Place, top: bool = False) -> Iterator[Page]:
        """Yield a folder's contents, a page at a time, usually sorted; nothing if it is missing.

        With `top`, raise EnvironmentFault instead of PhotoError.
        """

    def stat(self, place: Place) -> Object | None:
        """Return the object at `place`, or None if it is missing."""

    def read(self, place: Place, most: int | None = None) -> bytes:
        """Return an object's bytes, at most the first `most`."""

    def fetch(self, place: Place, path: Path, expected: FileStamp | None = None) -> Object:
        """Copy an object to `path`, unless it is that file; raise PhotoError unless `expected`."""

    def put(self, path: Path, place: Place) -> FileStamp:
        """Store a file at `place`, all of it or nothing; return the new FileStamp."""

    def create(self, place: Place, data: bytes) -> bool:
        """Store `data` at `place` unless something is there; return whether it was stored."""

    def replace(self, path: Path, place: Place, before: Object | None) -> Object | None:
        """Put a file only over the version `before` (None: only if missing); None if it is not."""

    def remove(self, place: Place, top: Place | None = None) -> None:
        """Remove an object, and the folders up to `top` that are empty then."""

    def content_hash(self, place: Place) -> bytes | None:
        """Return a hash of the content; None if it cannot be read, or costs a download."""

    def ignores_case(self, folder: Place) -> bool:
        """Return whether `A.jpg` and `a.jpg` are one file in `folder`."""

    def lock(
        self,
        folder: Place,
        wait: float = 0.0,
        shard: "Shard | None" = None,
        stopped: Stopped = never,
    ) -> AbstractContextManager[None]:
        """Lock an output folder, or a shard of it, for one run.

        Wait `wait` seconds for another run, or until `stopped`. Raise OutputLocked if another run
        still has it, OSError or EnvironmentFault if nothing can be written or locked there.
        """


def storage_of(place: Place) -> Storage:
    """Return the storage that holds `place`. Raise UsageError, EnvironmentFault."""
    url = os.fspath(place)
    if not is_url(url):
        from ffprep.storage.local import LOCAL

        return LOCAL
    # obstore is imported when the first URL is met.
    from ffprep.storage.stores import object_storage

    return object_storage(url)


def local_path(place: Place, folder: Path, name: str) -> Path:
    """Return the path to work with: a local file itself, otherwise `name` in `folder`."""
    return folder / name if is_url(os.fspath(place)) else Path(place)


def fetch_photo(source: Location, path: Path, max_pixels: int) -> Object:
    """Copy the version of a photo that was listed to `path`. Raise PhotoError.

    An object that is too large to be a photo is not downloaded.
    """
    stamp = listed_stamp(source)
    if stamp and stamp.bytes > _BYTES_A_PIXEL * max_pixels + _HEADER:
        words = f"{stamp.bytes} bytes are more than a photo of {max_pixels} pixels has"
        raise PhotoError(Kind.TOO_LARGE, f"{words}; raise --max-pixels if it is one")
    return storage_of(source).fetch(source, path, stamp)
