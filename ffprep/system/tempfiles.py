"""Temporary files for outputs, temporary folders, and removing those of dead processes.

Other users may write to an output folder, so the temporary files are in an OwnFolder inside it.
"""

import contextlib
import errno
import os
import re
import stat
import sys
import time
import zlib
from collections.abc import Container, Iterator
from functools import cache
from pathlib import Path

from ffprep.errors import EnvironmentFault, Kind, PhotoError, reason
from ffprep.record import Record
from ffprep.system import own_folder
from ffprep.system.files import TEMPORARY_PREFIX, held_path, most_held, photo_error_from
from ffprep.system.own_folder import OwnFolder, OwnFolders, open_own
from ffprep.system.processes import lives
from ffprep.system.shutdown import before_leaving

_TEMPORARY_NAME = re.compile(
    re.escape(TEMPORARY_PREFIX) + r"(?P<machine>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{8}\.part"
)
_DAY_SECONDS = 86400


def temporary_name() -> str:
    """Return a unique name; a short one, so that it fits wherever the final name fits."""
    return f"{TEMPORARY_PREFIX}{owner_id()}-{os.urandom(4).hex()}.part"


def owner_id() -> str:
    """Return the part of temporary names for this process: machine and process number."""
    return f"{machine_id()}-{os.getpid()}"


@cache
def machine_id() -> str:
    """Return an identifier of this machine and its namespace of process numbers."""
    try:
        namespace = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        namespace = 0
    return f"{zlib.crc32(os.fsencode(f'{os.uname().nodename}/{namespace}')):08x}"


def temp_dir() -> str:
    """Return this machine's folder for temporary files, as `tempfile` finds it.

    Importing `tempfile` takes 3 ms, and is spared where the first folder that it tries will do.
    """
    if "tempfile" not in sys.modules:
        named = (os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
        folder = os.path.abspath(next(filter(None, named), "/tmp"))
        if os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):
            return folder
    import tempfile

    return tempfile.gettempdir()


def _remove(path: Path | os.DirEntry[str]) -> None:
    """Remove a file, or a folder with all that is in it, as far as that is possible."""
    with contextlib.suppress(OSError):
        if path.is_dir():
            import shutil

            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)


def sweep_folder(folder: str, dead: Container[str] = ()) -> None:
    """Remove temporary files of dead processes from a folder. Files with other names stay.

    Files of other machines are removed when they are a day old, or if `dead` contains their owner,
    because this machine cannot tell whether the owner is alive.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _TEMPORARY_NAME.fullmatch(entry.name)
            if match and not entry.is_symlink() and _is_dead(match, entry, dead):
                _remove(entry)


def sweep_temp_dir() -> None:
    """Remove temporary folders of dead processes from this machine's folder for temporary files."""
    sweep_folder(temp_dir())


def _is_dead(name: re.Match[str], entry: os.DirEntry[str], dead: Container[str]) -> bool:
    found = entry.stat(follow_symlinks=False)
    if found.st_uid != os.geteuid():
        return False
    if f"{name['machine']}-{name['pid']}" in dead:
        return True
    if name["machine"] != machine_id():
        return time.time() - found.st_mtime > _DAY_SECONDS
    return not lives(int(name["pid"]))


_live: set[Path] = set()
"""Those that an exit removes."""


class Temporary(Record):
    """A temporary file for an output, with its `path` for this process and its children.

    It is held open by a `descriptor`, unless few files may be open.
    """

    output: Path
    path: Path
    descriptor: int | None = None
    _folder: OwnFolder | None = None
    _name: str = ""

    @property
    def file(self) -> int | Path:
        """What system calls take for the file: its descriptor, if it is held open."""
        return self.path if self.descriptor is None else self.descriptor

    def publish(self) -> None:
        """Give the file its final name. Raises OSError."""
        if self._folder is None or self.descriptor is None:
            os.replace(self.path, self.output)
        else:
            self._folder.rename(self._name, self.descriptor, self.output.name)


@contextlib.contextmanager
def temporary_beside(output: Path, folders: OwnFolders | None = None) -> Iterator[Temporary]:
    """Create an empty file on the file system of `output`, in a folder of its own there.

    It is removed at the end. `folders` keeps its folder for the next output. Raises PhotoError if
    the output could not be written, EnvironmentFault on a full disk.
    """
    if not most_held():
        with marker_beside(output) as path:
            yield Temporary(output, path)
        return
    with contextlib.ExitStack() as stack:
        folders = folders or stack.enter_context(contextlib.closing(OwnFolders()))
        name = temporary_name()
        with write_errors(output):  # fail before the work, not after it
            _require_place_for(output)
            folder, descriptor, path = folders.create(output.parent, name)
        try:
            yield Temporary(output, path, descriptor, folder, name)
        finally:
            os.close(descriptor)  # first: some file systems keep open files in the folder
            folder.remove(name)


def _require_place_for(output: Path) -> None:
    """Make the folder of an output. Raises OSError, also if the output exists and is not a file."""
    output.parent.mkdir(parents=True, exist_ok=True)
    try:
        mode = os.stat(output).st_mode
    except (OSError, ValueError):
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "a folder has this name")
    if not stat.S_ISREG(mode):
        raise FileExistsError(errno.EEXIST, "a device, pipe or socket has this name; remove it")


@contextlib.contextmanager
def marker_beside(output: Path) -> Iterator[Path]:
    """Create an empty file beside `output` that other users can see; remove it at the end.

    Raises as `temporary_beside` does.
    """
    marker = output.parent / temporary_name()
    try:
        with write_errors(output), own_folder.making:
            _require_place_for(output)
            _live.add(marker)
            marker.touch(exist_ok=False)
        yield marker
    finally:
        _remove(marker)
        _live.discard(marker)


@contextlib.contextmanager
def temporary_folder(held: bool = False) -> Iterator[Path]:
    """Create a temporary folder; remove it at the end. Raises EnvironmentFault.

    With `held`, its path is one through a descriptor, for this process and its children.
    """
    folder = Path(temp_dir(), temporary_name())
    with contextlib.ExitStack() as stack:
        try:
            stack.callback(_live.discard, folder)
            stack.callback(_remove, folder)
            with own_folder.making:
                _live.add(folder)
                folder.mkdir(mode=0o700)
            if held := held and most_held() > 0:
                descriptor = open_own(os.fspath(folder))
                stack.callback(os.close, descriptor)
        except OSError as error:
            problem = f"cannot create a temporary folder: {reason(error)}"
            raise EnvironmentFault(f"{problem}; set TMPDIR to another folder") from None
        yield held_path(descriptor, folder) if held else folder


@contextlib.contextmanager
def without_line_breaks(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """Yield paths for ffmpeg, whose log repeats them: links, if one of them has a line break.

    Otherwise a file name could forge a line of the log, such as "no space left". Raises PhotoError.
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
        except (OSError, EnvironmentFault) as error:
            problem = "has a line break in its name, and no link to it can be made"
            raise PhotoError(Kind.IO, f"{problem}: {reason(error)}") from None
        yield links


def remove_temporaries() -> None:
    """Remove this process's temporary files, for an exit that does not wait for threads."""
    own_folder.making.acquire(timeout=1)  # threads make no more; one may hang in a dead share
    for temporary in list(_live):
        _remove(temporary)
    for folder in list(own_folder.live):
        folder.empty()


before_leaving(remove_temporaries)


@contextlib.contextmanager
def write_errors(output: Path) -> Iterator[None]:
    """Translate errors of writing an output as `temporary_beside` does."""
    try:
        yield
    except OSError as error:
        raise _write_error(output, error) from None


@contextlib.contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yield a temporary file, which replaces `path` if the context ends without an error.

    Raises as `temporary_beside` does.
    """
    with temporary_beside(path) as temporary, write_errors(path):
        yield temporary.path
        temporary.publish()


@contextlib.contextmanager
def errors_named_after(option: str) -> Iterator[None]:
    """Raise errors as EnvironmentFault, with the option that named the file in front."""
    try:
        yield
    except (PhotoError, EnvironmentFault) as error:
        raise EnvironmentFault(f"{option}: {error}") from None


def require_writable(temporary: Path, output: Path) -> None:
    """Raise as `temporary_beside` does if a temporary file is gone, or the disk read-only."""
    with write_errors(output), temporary.open("r+b") as file:
        if not os.fstat(file.fileno()).st_nlink:
            raise FileNotFoundError(errno.ENOENT, "Its temporary file was removed")


def _write_error(output: Path, error: OSError) -> Exception:
    from ffprep.system.refused import dead_link, refused_name

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(output)
    if words := dead_link(output.parent) or refused_name(output, error):
        return PhotoError(Kind.IO, f"cannot write {output}: {words}")
    words = str(photo_error_from(error))
    if isinstance(error, FileNotFoundError):
        words = f"{reason(error)}; run again"
        if not output.parent.is_dir():
            words = "its folder does not exist, and cannot be created"
    elif isinstance(error, FileExistsError | NotADirectoryError):
        file = next((each for each in output.parents if each.exists() and not each.is_dir()), None)
        words = f"{file} is a file, and not a folder" if file else words
    return PhotoError(Kind.IO, f"cannot write {output}: {words}")


def disk_full(output: Path) -> EnvironmentFault:
    """Return the error for a full disk."""
    return EnvironmentFault(f"no space left in {output.parent}; make room and run again")
