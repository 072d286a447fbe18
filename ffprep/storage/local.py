"""Files of this machine, and the lock of an output folder.

The lock is flock(2) on a file in the folder. The system releases it when its holder ends, in any
way. Over NFS it is as good as the server's locks.
"""

import errno
import fcntl
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ffprep.errors import EnvironmentFault, OutputLocked, PhotoError
from ffprep.storage.protocol import Object, Page, Place, Stopped, never
from ffprep.system.files import (
    FOLDER,
    FileStamp,
    make_own_folder,
    open_regular,
    photo_error_from,
    read_whole,
)
from ffprep.system.tempfiles import marker_beside, replace_file, temporary_name

if TYPE_CHECKING:
    from ffprep.core.shard import Shard

_POLL = 0.1
"""Seconds between two attempts to lock."""
LONGEST_HOLDER = 1000
"""How many bytes of a lock are read."""
_HOLDER_WORD = re.compile(r"[A-Za-z0-9_.:+ -]{1,100}")


class LocalStorage:
    """Paths of this machine. Walks of large folders have their own code, in `library.walk`."""

    is_local = True

    def is_folder(self, place: Place) -> bool:
        """As Storage's."""
        return os.path.isdir(place)

    def list(self, folder: Place, top: bool = False) -> Iterator[Page]:
        """As Storage's; one page."""
        objects, folders = [], []
        with _photo_errors(), suppress(FileNotFoundError, NotADirectoryError):
            for entry in os.scandir(folder):
                if entry.is_dir():
                    folders.append(entry.name)
                else:
                    objects.append(_object(entry.name, entry.stat(follow_symlinks=False)))
        yield Page(sorted(objects, key=lambda each: each.name), sorted(folders))

    def stat(self, place: Place) -> Object | None:
        """As Storage's; links are followed."""
        with _photo_errors():
            try:
                return _object(os.path.basename(place), os.stat(place))
            except (FileNotFoundError, NotADirectoryError):
                return None

    def read(self, place: Place, most: int | None = None) -> bytes:
        """As Storage's."""
        with open_regular(Path(place)) as file:
            return file.read(-1 if most is None else most)

    def fetch(self, place: Place, path: Path, expected: FileStamp | None = None) -> Object:
        """As Storage's."""
        with _photo_errors():
            if Path(place) != path:
                shutil.copyfile(place, path)
            return _object(path.name, os.stat(place))

    def put(self, path: Path, place: Place) -> FileStamp:
        """As Storage's."""
        target = Path(place)
        if target != path:
            with replace_file(target) as temporary:
                shutil.copyfile(path, temporary)
        return FileStamp.of(target)

    def create(self, place: Place, data: bytes) -> bool:
        """As Storage's."""
        with _photo_errors():
            Path(place).parent.mkdir(parents=True, exist_ok=True)
            try:
                with open(place, "xb") as file:
                    file.write(data)
            except FileExistsError:
                return False
        return True

    def replace(self, path: Path, place: Place, before: Object | None) -> Object | None:
        """As Storage's. Hold the folder's lock: the comparison and the rename are two steps."""
        if self.stat(place) != before:
            return None
        self.put(path, place)
        return self.stat(place)

    def remove(self, place: Place, top: Place | None = None) -> None:
        """As Storage's. With `top`, only a regular file is removed, and no link is followed."""
        with _photo_errors():
            if top is None:
                os.unlink(place)
            else:
                _remove_below(os.fspath(top), os.path.relpath(place, top).split(os.sep))

    def content_hash(self, place: Place) -> bytes | None:
        """As Storage's."""
        path = Path(place)
        try:
            return read_whole(path, FileStamp.of(path))
        except PhotoError:
            return None

    def ignores_case(self, folder: Place) -> bool:
        """As Storage's; the folder may not be there yet."""
        path = Path(folder)
        there = next(p for p in (path, *path.absolute().parents) if os.path.isdir(p))
        with (
            suppress(PhotoError, EnvironmentFault),
            marker_beside(there / temporary_name()) as probe,
        ):
            return probe.with_name(probe.name.upper()).exists()
        return False

    @contextmanager
    def lock(
        self,
        folder: Place,
        wait: float = 0.0,
        shard: "Shard | None" = None,
        stopped: Stopped = never,
    ) -> Iterator[None]:
        """As Storage's. The folder is made if it is missing; a `shard` shares it with others."""
        output, until = Path(folder), time.monotonic() + wait
        place = output / FOLDER / "lock"
        make_own_folder(place.parent)
        with ExitStack() as stack:
            stack.enter_context(_flock(output, place, until, stopped, shared=shard is not None))
            if shard:
                own = Path(shard.path_for(place))
                stack.enter_context(_flock(output, own, until, stopped))
            yield


LOCAL = LocalStorage()


def _remove_below(top: str, parts: list[str]) -> None:
    """Remove a regular file by the parts of its path from `top`, and folders that are empty then.

    Raises OSError.
    """
    *folders, name = parts
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    with ExitStack() as stack:
        opened = [os.open(top, flags)]
        stack.callback(os.close, opened[0])
        for folder in folders:
            if folder == os.pardir:
                raise OSError(errno.EINVAL, f"lies outside of {top}")
            opened.append(os.open(folder, flags | os.O_NOFOLLOW, dir_fd=opened[-1]))
            stack.callback(os.close, opened[-1])
        found = os.stat(name, dir_fd=opened[-1], follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "is not a regular file")
        os.unlink(name, dir_fd=opened[-1])
        with suppress(OSError):
            for folder, above in zip(reversed(folders), reversed(opened[:-1]), strict=True):
                os.rmdir(folder, dir_fd=above)


def _object(name: str, found: os.stat_result) -> Object:
    return Object(name, FileStamp.seen(found), found.st_mtime_ns)


@contextmanager
def _photo_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise photo_error_from(error) from None


@contextmanager
def lock_file(file: Path, wait: float = 0.0) -> Iterator[None]:
    """Lock one output, by a lock file in its folder, which is made if it is missing.

    Wait `wait` seconds. Raise OutputLocked if another process still has it.
    """
    # The name of a lock must not be too long where that of the file is not.
    digest = sha256(os.fsencode(file.name)).hexdigest()[:16]
    place, until = file.parent / FOLDER / f"{digest}.lock", time.monotonic() + wait
    make_own_folder(place.parent)
    with _flock(file, place, until):
        yield


class LocksRefused(OSError):
    """The file system does not have locks, or its server refuses them."""


@contextmanager
def _flock(
    output: Path, place: Path, until: float, stopped: Stopped = never, shared: bool = False
) -> Iterator[None]:
    descriptor = _open_lock(place)
    try:
        while not _try_flock(descriptor, shared):
            wait_for_holder(output, lambda: _holder(descriptor), until, stopped, _POLL)
        if shared:  # a name that an exclusive holder left is not the holder's now
            _clear(descriptor)
        else:
            _write_holder(descriptor)
        try:
            yield
        finally:
            if not shared:
                _clear(descriptor)
    finally:
        os.close(descriptor)


def wait_for_holder(
    output: Place, holder: Callable[[], str], until: float, stopped: Stopped, seconds: float
) -> None:
    """Wait some seconds, until `until` at most. Raise OutputLocked then, or if `stopped`."""
    left = until - time.monotonic()
    if left <= 0 or stopped():
        words = "try again later, or wait longer with --wait S"
        raise OutputLocked(f"{output} is held by {holder()}; {words}")
    time.sleep(min(seconds, left))


def _open_lock(place: Path) -> int:
    # Do not follow a link at this path: the file it names would be emptied.
    careful = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY | careful)
    try:
        descriptor = os.open(place.name, os.O_RDWR | os.O_CREAT | careful, 0o666, dir_fd=folder)
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, f"{place} is not a regular file")
    return descriptor


def require_locks(folder: Path) -> None:
    """Write and lock a file in a folder, which is gone afterwards. Raise OSError if that fails."""
    from tempfile import TemporaryFile

    with TemporaryFile(dir=folder) as file:
        _try_flock(file.fileno(), shared=False)


def _try_flock(descriptor: int, shared: bool) -> bool:
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise LocksRefused(error.errno, error.strerror) from None
    return True


def _clear(descriptor: int) -> None:
    """Remove the content of a lock. A file with other content is only locked.

    It may be a hard link to another file.
    """
    with suppress(OSError):
        content = os.pread(descriptor, LONGEST_HOLDER + 1, 0)
        if content.startswith(b'{"pid"') and len(content) <= LONGEST_HOLDER:
            os.ftruncate(descriptor, 0)


def _write_holder(descriptor: int) -> None:
    """Write who holds the lock, for the message of runs that wait."""
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    holder = {"pid": os.getpid(), "host": os.uname().nodename, "since": since}
    _clear(descriptor)
    with suppress(OSError):
        if not os.fstat(descriptor).st_size:
            os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _holder(descriptor: int) -> str:
    """Return who holds a lock. The words are those of its file, which others may write."""
    try:
        return described_holder(json.loads(os.pread(descriptor, LONGEST_HOLDER, 0)))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return "another run"


def described_holder(holder: Any) -> str:
    """Return the content of a lock in words. Raises ValueError, TypeError or KeyError for others.

    Anyone who can write to the folder can write it.
    """
    pid, host, since = int(holder["pid"]), holder["host"], holder["since"]
    for word in (str(pid), host, since):
        if not _HOLDER_WORD.fullmatch(word):
            raise ValueError("not a word of ffprep's")
    return f"another run: process {pid} on {host}, since {since}"
