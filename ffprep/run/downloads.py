"""Photos in stores, downloaded for `check` and `info` while others are inspected."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from ffprep.config.sidecars import sidecar_path
from ffprep.core.location import listed_stamp
from ffprep.errors import PhotoError
from ffprep.library.walk import FoundPhoto, LocalPhoto
from ffprep.record import Record, field
from ffprep.storage.protocol import fetch_photo, storage_of
from ffprep.system.files import SIDECAR
from ffprep.system.tempfiles import working_folder

_CONNECTIONS = 8
_AHEAD, _AHEAD_BYTES = 16, 64 << 20
"""At most so many photos, and so many bytes unless it is one photo, are downloaded ahead."""


class Downloads(Record, frozen=False):
    """A temporary folder, and the threads that download into it."""

    folder: Path
    threads: ThreadPoolExecutor
    max_pixels: int
    _running: "dict[int, Future[LocalPhoto]]" = field(default_factory=dict)
    _count: int = 0

    def ahead(self, photos: Iterable[FoundPhoto]) -> Iterator[FoundPhoto]:
        """Yield the same photos; the downloads of those that come next are running already."""
        window, size = deque[tuple[FoundPhoto, int]](), 0
        for photo in photos:
            stamp = listed_stamp(photo.path)
            bytes = stamp.bytes if stamp else 0
            while window and (len(window) >= _AHEAD or size + bytes > _AHEAD_BYTES):
                first, its_size = window.popleft()
                size -= its_size
                yield first
            if not isinstance(photo, LocalPhoto) and not photo.error:
                self._count += 1
                local = self.folder / f"{self._count}{photo.path.suffix}"
                future = self.threads.submit(self._download, photo, local)
                self._running[id(photo)] = future
            window.append((photo, bytes))
            size += bytes
        for photo, _ in window:
            yield photo

    def _download(self, photo: FoundPhoto, path: Path) -> LocalPhoto:
        try:
            fetch_photo(photo.path, path, self.max_pixels)
            if photo.has_sidecar:
                beside = photo.path.parent / (photo.path.name + SIDECAR)
                storage_of(beside).fetch(beside, sidecar_path(path))
        except PhotoError as error:
            return LocalPhoto(path, error)
        return LocalPhoto(path, has_sidecar=photo.has_sidecar)

    @contextmanager
    def local(self, photo: FoundPhoto) -> Iterator[LocalPhoto]:
        """Yield the downloaded photo, and remove it afterwards; the error if it has one."""
        if photo.error:
            yield LocalPhoto(self.folder, photo.error)
            return
        found = self._running.pop(id(photo)).result()
        try:
            yield found
        finally:
            for path in (found.path, sidecar_path(found.path)):
                with suppress(OSError):
                    path.unlink()


@contextmanager
def downloads(max_pixels: int) -> Iterator[Downloads]:
    """Yield Downloads; running ones are not awaited at the end."""
    threads = ThreadPoolExecutor(_CONNECTIONS, "ffprep-store")
    try:
        with working_folder() as folder:
            yield Downloads(folder, threads, max_pixels)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
