"""Open files safely, know them by path and stamp, and translate system errors to PhotoErrors."""

import errno
import os
import resource
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, lru_cache
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, cast

from ffprep.errors import EnvironmentFault, Kind, LimitReached, PhotoError, ReadError, reason
from ffprep.record import Record
from ffprep.system.messages import is_command_line

FOLDER = ".ffprep"
"""The folder for ledger and lock in an output folder. Hidden, so that no walk enters it."""

LEDGER = f"{FOLDER}/ledger.db"
"""The path of the ledger in an output folder."""

SIDECAR = ".ffprep.toml"
"""The suffix of a sidecar file, behind the whole name of its photo."""

TEMPORARY_PREFIX = ".ffprep-"
"""The begin of temporary files' names. Hidden, so that no walk takes them for photos."""

HASH_BYTES = 16
"""The bytes of a hash of a file's content, by blake2b."""

_PIECE = 1 << 20
_FEW, _ENOUGH = 256, 1 << 16
_CHECK_DISK = "check its disk or network share, and run again"


def cache_folder() -> str:
    """Return the folder of ffprep in the user's cache, which may not be there yet.

    For a user without a home, it is one that cannot be made.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # the XDG standard says to ignore it
        base = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base if os.path.isabs(base) else os.devnull, "ffprep")


def write_cached(path: str | Path, content: bytes) -> None:
    """Write a file whole or not at all: another run may be reading it, or the power may fail.

    Only this user may read it. Raises OSError.
    """
    import tempfile

    descriptor, name = tempfile.mkstemp(dir=os.path.dirname(path))
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.replace(name, path)
    except BaseException:  # a full disk, for example
        os.unlink(name)
        raise


def make_own_folder(folder: Path) -> None:
    """Make the folder of an output folder for ledger and lock. Raises OSError.

    Raises EnvironmentFault if it is a link.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        refuse_link(folder, "remove it")
        from ffprep.system.refused import dead_link

        words = "Not a folder" if isinstance(error, FileExistsError) else error.strerror
        raise OSError(error.errno, dead_link(folder) or words) from None
    refuse_link(folder, "remove it")


def refuse_link(path: Path, advice: str) -> None:
    """Raise EnvironmentFault if FOLDER is a link, or a file in it, for they are in others' reach.

    A user may link all other folders, and a ledger that --ledger names.
    """
    within = path.parent.name == FOLDER
    for each in (path.parent, path) if within else (path,) if path.name == FOLDER else ():
        if os.path.islink(each):
            raise EnvironmentFault(f"{each} is a link, which ffprep does not follow; {advice}")


@contextmanager
def open_regular(path: Path, place: str = "") -> Iterator[BinaryIO]:
    """Open a regular file for reading. Anything else is not opened: to open a FIFO would hang.

    `place` is where links may lead: to this real path, or into this real folder if it ends in a
    separator; an empty one allows any. Raises PhotoError: `missing`, `io`, `unsupported`.
    """
    follow = not place or place.endswith(os.sep)
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW)
    with _system_errors():
        _require_regular(os.stat(path, follow_symlinks=follow))
        # A FIFO or a terminal may have replaced the file since.
        try:
            descriptor = os.open(path, flags)
        except OSError as error:
            if error.errno == errno.ELOOP and not follow:
                raise replaced_by_link() from None
            raise
        with open(descriptor, "rb") as file:
            _require_regular(os.fstat(descriptor))
            if place:
                _require_place(descriptor, path, place)
            yield file


def _require_place(descriptor: int, path: Path, place: str) -> None:
    """Raise PhotoError if an open file, or a folder above it, was reached through another link."""
    try:
        real = os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:  # not on this system
        real = ""
    if _is_in(real, place):
        return
    # One file may have several real paths: by letter case, by mounts.
    real = os.path.realpath(path)
    if not _is_in(real, place):
        raise replaced_by_link()
    if not os.path.samestat(os.lstat(real), os.fstat(descriptor)):
        raise changed()


def _is_in(real: str, place: str) -> bool:
    return real == place or (place.endswith(os.sep) and real.startswith(place))


def replaced_by_link() -> PhotoError:
    """Return the error of a file that is a link by now, or in a folder that is."""
    words = "was replaced by a link while the run went on, and such links are not followed"
    return PhotoError(Kind.IO, f"{words}; see --follow-links")


def most_held() -> int:
    """Return how many photos a thread may hold open, with their outputs and folders; 0 for none.

    The command `ffprep` raises its limit of open files, as far as the system allows; a program that
    imports ffprep may use select(2), which knows few files.
    """
    if _unseen.is_set():
        return 0
    soft = _open_files()
    threads = max(2 * (os.cpu_count() or 1), threading.active_count())
    if 0 < soft < max(_FEW, 16 * threads):
        return 0
    return max(1, (soft - 64) // (4 * threads)) if soft > 0 else _ENOUGH


def hold_nothing() -> None:
    """Give children the names of files from now on: an ffmpeg in a container sees no other /proc.

    `most_held` is 0 then.
    """
    _unseen.set()


_unseen = threading.Event()


@cache
def _open_files() -> int:
    """Return the limit of open files after it was raised; -1 for none."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if is_command_line() and 0 < soft < _ENOUGH:
        with suppress(OSError, ValueError):
            most = _ENOUGH if hard < 0 else min(hard, _ENOUGH)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            return most
    return soft


@cache
def _descriptors(pid: int) -> str | None:
    """Return the folder of a process's descriptors, if its children can open them."""
    folder = f"/proc/{pid}/fd"
    with suppress(OSError):
        if os.stat(folder).st_uid == os.geteuid():
            return folder
    return None


def held_path(descriptor: int, path: Path) -> Path:
    """Return a path to what is open, for this process and its children; `path` without /proc."""
    folder = _descriptors(os.getpid())
    return Path(folder, str(descriptor)) if folder else path


@contextmanager
def hold_open(path: Path, place: str, seen: "FileStamp") -> Iterator[Path]:
    """Hold a file open; yield a path by which this process and its children read the same file.

    Where few files may be open, that is its own path.

    Raises PhotoError as `open_regular` does; `io` if the file is not the one that was `seen`.
    """
    with ExitStack() as stack:
        file = stack.enter_context(open_regular(path, place))
        _require_same(file, seen)
        if most_held():
            yield held_path(file.fileno(), path)
        else:
            stack.close()
            yield path


def read_whole(
    path: Path,
    seen: "FileStamp",
    hashed: bool = True,
    place: str = "",
    sink: Callable[[memoryview], object] | None = None,
) -> bytes | None:
    """Read a file to its end; return the hash of its content if it is to be `hashed`.

    Each piece is handed to `sink`, which keeps no reference to it. Raises PhotoError as
    `open_regular` does. It is `io` if reading fails, if fewer bytes than the file's size can be
    read, or if the file is not the one that was `seen`.
    """
    digest = None
    if hashed:
        from hashlib import blake2b

        digest = blake2b(digest_size=HASH_BYTES)
    buffer = memoryview(bytearray(min(seen.bytes + 1, _PIECE)))
    with open_regular(path, place) as file:
        _require_same(file, seen)
        total, raw = 0, cast(BufferedReader, file).raw
        while count := raw.readinto(buffer):
            total += count
            if digest:
                digest.update(buffer[:count])
            if sink:
                sink(buffer[:count])
        _require_same(file, seen)
    if total < seen.bytes:
        problem = f"only {total} of its {seen.bytes} bytes can be read"
        raise ReadError(Kind.IO, f"{problem}; {_CHECK_DISK}")
    return digest.digest() if digest else None


def content_hash(content: bytes) -> bytes:
    """Return the hash of a file's content, as `read_whole` does."""
    from hashlib import blake2b

    return blake2b(content, digest_size=HASH_BYTES).digest()


def _require_same(file: BinaryIO, seen: "FileStamp") -> None:
    if FileStamp.seen(os.fstat(file.fileno())) != seen:
        raise changed()


def changed() -> PhotoError:
    """Return the error of a file that is another version by now."""
    return PhotoError(Kind.IO, "was changed while it was read; run again")


@contextmanager
def _system_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise read_error(error) from None
    except ValueError:  # a NUL in the name
        raise PhotoError(Kind.MISSING, "a file name cannot contain a NUL character") from None


def _require_regular(found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise replaced_by_link()
    if not stat.S_ISREG(found.st_mode):
        raise PhotoError(Kind.UNSUPPORTED, "is not a regular file")


def is_url(path: str) -> bool:
    """Return whether a path is a URL. Local paths do not contain `://`, as pathlib spells them."""
    return "://" in path


def takes_files(folder: str | os.PathLike[str]) -> bool:
    """Return whether files can be created in a folder, as far as one sees without trying.

    File systems without blocks, such as /proc, may have none but their own files.
    """
    return os.access(folder, os.W_OK | os.X_OK) and os.statvfs(folder).f_blocks > 0


@contextmanager
def opened(folder: str) -> Iterator[int]:
    """Yield a descriptor of a folder, in which names are found sooner than by whole paths."""
    descriptor = os.open(folder or os.curdir, _SEARCH)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


_SEARCH = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY
"""How to open a folder. Without O_PATH, the folder must be readable."""


@lru_cache(maxsize=1024)
def real_folder(folder: str) -> str:
    """Return a folder with links resolved and a separator at its end; "" is the working folder."""
    return os.path.join(folder if is_url(folder) else os.path.realpath(folder), "")


def real_path(path: str | os.PathLike[str]) -> str:
    """Return a file's own name in its real folder: the path that identifies it in the ledger."""
    folder, name = os.path.split(os.fspath(path))
    return real_folder(folder) + name


class FileStamp(Record):
    """Tells one version of a file from another."""

    device: int
    number: int
    bytes: int
    modified: int

    @classmethod
    def of(cls, path: Path, place: str = "") -> "FileStamp":
        """Return the stamp of a regular file. Raises PhotoError as `open_regular` does."""
        if place:
            with open_regular(path, place) as file:
                return cls.seen(os.fstat(file.fileno()))
        with _system_errors():
            found = os.stat(path)
        _require_regular(found)
        return cls.seen(found)

    def is_as(self, other: "FileStamp") -> bool:
        """Return whether size and time are the same; device numbers differ between machines."""
        return (self.bytes, self.modified) == (other.bytes, other.modified)

    @classmethod
    def seen(cls, found: os.stat_result) -> "FileStamp":
        """Return the stamp from a stat result."""
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def read_error(error: OSError) -> PhotoError:
    """Return a system error of reading as a PhotoError."""
    found = photo_error_from(error)
    if str(found) == reason(error):
        return ReadError(found.kind, f"cannot be read: {found}; {_CHECK_DISK}")
    return found


def photo_error_from(error: OSError) -> PhotoError:
    """Return a system error as a PhotoError."""
    if isinstance(error, FileNotFoundError):
        return PhotoError(Kind.MISSING, "there is no such file (any more)")
    if isinstance(error, PermissionError):
        return PhotoError(
            Kind.IO, "permission denied; check the permissions of the file and its folders"
        )
    if error.errno in (errno.EMFILE, errno.EFBIG):
        from ffprep.system.limits import limit_behind

        if limit := limit_behind(error):
            return LimitReached(limit, reason(error))
    if error.errno == errno.ENAMETOOLONG:
        return PhotoError(Kind.IO, "the name is too long for this file system; use --names")
    return PhotoError(Kind.IO, reason(error))
