"""How files are opened for reading, and how the operating system's refusals are told."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from ffprep.errors import Kind, PhotoError, reason

FOLDER = ".ffprep"
"""What an output folder keeps of its own: the ledger, the lock. Hidden, so that no walk takes it for photos."""

LEDGER = f"{FOLDER}/ledger.db"
"""Where the ledger lies in it."""

SIDECAR = ".ffprep.toml"
"""The suffix of a sidecar file, behind the whole name of its photo."""

TEMPORARY_PREFIX = ".ffprep-"
"""What ffprep's own files are called; hidden, so that no walk takes them for photos."""


@contextmanager
def open_regular(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading; anything else is refused unopened, since a FIFO would hang.

    Raises PhotoError: `missing`, `io`, `unsupported`.
    """
    with _os_trouble_as_kinds():
        _require_regular(os.stat(path))
        # Between the look and the opening, a FIFO or a terminal may have taken the file's place.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        with open(descriptor, "rb") as file:
            _require_regular(os.fstat(descriptor))
            yield file


@contextmanager
def _os_trouble_as_kinds() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise photo_error_from(error) from None
    except ValueError:  # a NUL in the name
        raise PhotoError(Kind.MISSING, "no file can have this name") from None


def _require_regular(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise PhotoError(Kind.UNSUPPORTED, "is no regular file")


def is_url(path: str) -> bool:
    """Whether a path leads off this machine. As pathlib spells it, no local one has two slashes there."""
    return "://" in path


@lru_cache(maxsize=1024)
def real_folder(folder: str) -> str:
    """A folder without links on the way, ending in a separator; the working one where it is empty."""
    return os.path.join(folder if is_url(folder) else os.path.realpath(folder), "")


def real_path(path: str | os.PathLike[str]) -> str:
    """A file by its own name, in its real folder: by this it is known, whatever way led to it."""
    folder, name = os.path.split(os.fspath(path))
    return real_folder(folder) + name


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What tells one version of a file from another."""

    device: int
    number: int
    bytes: int
    modified: int

    @classmethod
    def of(cls, path: Path) -> "FileStamp":
        """Look at a regular file. Raises PhotoError as `open_regular` does."""
        with _os_trouble_as_kinds():
            found = os.stat(path)
        _require_regular(found)
        return cls.seen(found)

    def is_as(self, other: "FileStamp") -> bool:
        """Whether a file is as large and as old as another one, maybe seen from another machine."""
        return (self.bytes, self.modified) == (other.bytes, other.modified)

    @classmethod
    def seen(cls, found: os.stat_result) -> "FileStamp":
        """Of a file that was looked at already."""
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def photo_error_from(error: OSError) -> PhotoError:
    """The operating system's refusal, in the words of a Result."""
    if isinstance(error, FileNotFoundError):
        return PhotoError(Kind.MISSING, "there is no such file (any more)")
    if isinstance(error, PermissionError):
        return PhotoError(Kind.IO, "permission denied; check the file's and its folders' rights")
    if error.errno == errno.ENAMETOOLONG:
        return PhotoError(Kind.IO, "the name is too long for this file system; use --names")
    return PhotoError(Kind.IO, reason(error))
