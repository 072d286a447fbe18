"""Temporary files: their names, files beside an output, folders, and removing those of dead runs."""

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Container, Iterator
from functools import cache
from pathlib import Path

from ffprep.errors import EnvironmentFault, Kind, PhotoError, reason
from ffprep.system.files import TEMPORARY_PREFIX, photo_error_from
from ffprep.system.processes import lives

_NAME = re.compile(
    re.escape(TEMPORARY_PREFIX) + r"(?P<place>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{8}\.part"
)
_A_DAY = 86400


def temporary_name() -> str:
    """A name that nothing else has; short, so that it fits where the final one fits."""
    return f"{TEMPORARY_PREFIX}{owner_id()}-{secrets.token_hex(4)}.part"


def owner_id() -> str:
    """Who makes this process's temporary files: a place and a process number."""
    return f"{machine_id()}-{os.getpid()}"


@cache
def machine_id() -> str:
    """Where a process number means the same process: on one machine, in one namespace of processes."""
    try:
        namespace = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        namespace = 0
    return hashlib.blake2b(f"{os.uname().nodename}/{namespace}".encode(), digest_size=4).hexdigest()


def sweep_folder(folder: str, dead: Container[str] = ()) -> None:
    """Remove what dead runs left unpublished in a folder: files of ffprep's own naming, and nothing else.

    Of what was made on another machine, nobody here can tell whether its maker lives: that goes when a
    day old, or when its maker is among those that are known to be `dead`.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match and not entry.is_symlink() and _is_dead(match, entry, dead):
                with contextlib.suppress(OSError):
                    shutil.rmtree(entry.path) if entry.is_dir() else os.unlink(entry.path)


def sweep_temp_dir() -> None:
    """The same for the folders of links, where temporary files go on this machine."""
    sweep_folder(tempfile.gettempdir())


def _is_dead(name: re.Match[str], entry: os.DirEntry[str], dead: Container[str]) -> bool:
    found = entry.stat(follow_symlinks=False)
    if found.st_uid != os.geteuid():
        return False
    if f"{name['place']}-{name['pid']}" in dead:
        return True
    if name["place"] != machine_id():
        return time.time() - found.st_mtime > _A_DAY
    return not lives(int(name["pid"]))


_live: set[Path] = set()


@contextlib.contextmanager
def temporary_beside(output: Path) -> Iterator[Path]:
    """An empty file beside `output` under a name that nothing else has, gone in the end.

    The name is hidden, so that no walk takes it. Raises PhotoError where the output could not be written,
    EnvironmentFault on a full disk.
    """
    folder = output.parent
    temporary = folder / temporary_name()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.path.isdir(output):
            raise IsADirectoryError(errno.EISDIR, "a folder has this name already")
        temporary.touch(exist_ok=False)  # what cannot be written is told before the work is done
    except OSError as error:
        raise _write_error(output, error) from None
    _live.add(temporary)
    try:
        yield temporary
    finally:
        _live.discard(temporary)
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder where temporary files go on this machine, gone in the end. Raises OSError."""
    folder = Path(tempfile.gettempdir(), temporary_name())
    folder.mkdir(mode=0o700)
    _live.add(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _live.discard(folder)


@contextlib.contextmanager
def working_folder() -> Iterator[Path]:
    """The same, for what cannot be done without one. Raises EnvironmentFault."""
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(temporary_folder())
        except OSError as error:
            words = f"no temporary folder can be made ({reason(error)}); set TMPDIR"
            raise EnvironmentFault(words) from None
        yield folder


@contextlib.contextmanager
def without_line_breaks(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """Names of these files for ffmpeg, whose log repeats them: links, where a line break is in a name.

    A line of a stranger's making could say there that the disk is full. Raises PhotoError.
    """
    if not any("\n" in os.fspath(path) for path in paths):
        yield paths
        return
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(temporary_folder())
            links = tuple(folder / str(number) for number in range(len(paths)))
            for link, path in zip(links, paths, strict=True):
                link.symlink_to(os.path.abspath(path))
        except OSError as error:
            words = f"has a line break in its name, and cannot be given another: {error.strerror}"
            raise PhotoError(Kind.IO, words) from None
        yield links


def remove_temporaries() -> None:
    """Remove what is unpublished, for a process that ends without waiting for its threads."""
    for temporary in list(_live):
        with contextlib.suppress(OSError):
            shutil.rmtree(temporary) if temporary.is_dir() else temporary.unlink()


@contextlib.contextmanager
def write_errors(output: Path) -> Iterator[None]:
    """Tell what goes wrong with writing as `temporary_beside` does."""
    try:
        yield
    except OSError as error:
        raise _write_error(output, error) from None


@contextlib.contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """A temporary file that takes the place of `path`, whole, when all has gone well with it.

    Raises as `temporary_beside` does.
    """
    with temporary_beside(path) as temporary, write_errors(path):
        yield temporary
        os.replace(temporary, path)


@contextlib.contextmanager
def errors_named_after(option: str) -> Iterator[None]:
    """Have what goes wrong with a file told by the option that named it, as EnvironmentFault."""
    try:
        yield
    except (PhotoError, EnvironmentFault) as error:
        raise EnvironmentFault(f"{option}: {error}") from None


def require_writable(temporary: Path, output: Path) -> None:
    """Raise as `temporary_beside` does where a temporary has gone since, or its disk was shut."""
    with write_errors(output), temporary.open("r+b"):
        pass


def _write_error(output: Path, error: OSError) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(output)
    if isinstance(error, FileNotFoundError) and not output.parent.is_dir():
        return PhotoError(
            Kind.IO, f"cannot write {output}: its folder is not there, and cannot be made"
        )
    return PhotoError(Kind.IO, f"cannot write {output}: {photo_error_from(error)}")


def disk_full(output: Path) -> EnvironmentFault:
    """What to say when there is no room for an output."""
    return EnvironmentFault(f"no space left in {output.parent}; make room and run again")
