"""Folders that only this user may enter, inside folders that others may write to.

Such a folder and the files in it are held open, and reached through their descriptors (see
`held_path`): whatever is put in their place by name is neither written to nor published.
"""

import contextlib
import errno
import os
import stat
from pathlib import Path
from threading import RLock

from ffprep.system.files import held_path

FULL = (errno.ENOSPC, errno.EDQUOT)
_PATH_ONLY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_MOST_IDLE = 16

live: "set[OwnFolder]" = set()

making = RLock()
"""Held while a temporary file or folder is made; an exit that removes them keeps it."""


class OwnFolder:
    """A folder of this user's own inside `parent`, both open; `path` is its path by name.

    `files` are the names of those that were created, and not renamed or removed. Where no such
    folder can be made, they are in `parent`. Raises OSError.
    """

    def __init__(self, parent: Path, name: str) -> None:
        self.parent, self.path = parent, parent
        self.files: set[str] = set()
        self._folder = self._parent = os.open(parent, _PATH_ONLY)
        with making:
            try:
                self._make(name)
            except OSError:
                os.close(self._parent)
                raise
            live.add(self)

    def _make(self, name: str) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=self._parent)
        except OSError as error:
            if error.errno in FULL:
                raise
            return
        self._folder, self.path = open_own(name, self._parent), self.parent / name

    def create(self, name: str) -> tuple[int, Path]:
        """Create a file; return its descriptor, and its path for this process and its children."""
        with making:
            descriptor = os.open(name, _NEW, 0o666, dir_fd=self._folder)
            self.files.add(name)
        return descriptor, held_path(descriptor, self.path / name)

    def rename(self, name: str, descriptor: int, output: str) -> None:
        """Give an open file of this folder its final name in the parent.

        An NFS server whose answer was lost is asked twice, and finds no file the second time; that
        is no error.
        """
        there = os.stat(name, dir_fd=self._folder, follow_symlinks=False)
        if not os.path.samestat(there, os.fstat(descriptor)):
            raise OSError(errno.ESTALE, "Its temporary file was replaced by another program")
        try:
            os.rename(name, output, src_dir_fd=self._folder, dst_dir_fd=self._parent)
        except OSError as error:
            if error.errno == errno.EXDEV and self._folder != self._parent:
                self._copy(name, descriptor, output)
            elif not self._is_published(descriptor, output):
                raise
        else:
            self.files.discard(name)

    def _is_published(self, descriptor: int, output: str) -> bool:
        with contextlib.suppress(OSError):
            there = os.stat(output, dir_fd=self._parent, follow_symlinks=False)
            return os.path.samestat(there, os.fstat(descriptor))
        return False

    def _copy(self, name: str, descriptor: int, output: str) -> None:
        """Publish a file where the file system renames nothing across its folders (some unions)."""
        import shutil

        found = os.fstat(descriptor)
        name = f"{name[:-13]}{os.urandom(4).hex()}.part"
        copy = os.open(name, _NEW, stat.S_IMODE(found.st_mode), dir_fd=self._parent)
        try:
            with open(copy, "wb") as target, open(os.dup(descriptor), "rb") as source:
                source.seek(0)
                shutil.copyfileobj(source, target)
                target.flush()
                os.fchmod(copy, stat.S_IMODE(found.st_mode))
                os.utime(copy, ns=(found.st_atime_ns, found.st_mtime_ns))
            os.rename(name, output, src_dir_fd=self._parent, dst_dir_fd=self._parent)
        except OSError:
            os.unlink(name, dir_fd=self._parent)
            raise

    def remove(self, name: str) -> None:
        """Remove a file that was not renamed."""
        if name in self.files:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=self._folder)
            self.files.discard(name)

    def empty(self) -> None:
        """Remove it with its files, for an exit that does not wait for threads."""
        for name in list(self.files):
            self.remove(name)
        if self._folder != self._parent:
            with contextlib.suppress(OSError):
                os.rmdir(self.path.name, dir_fd=self._parent)
        live.discard(self)  # last: an exit meanwhile removes what is left

    def close(self) -> None:
        """Remove it with its files, and close it."""
        self.empty()
        if self._folder != self._parent:
            os.close(self._folder)
        os.close(self._parent)


def open_own(name: str, parent: int | None = None) -> int:
    """Open a folder that was just made in another one; raise OSError if it is not that one."""
    descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        found = os.fstat(descriptor)
        if found.st_uid == os.geteuid() and not found.st_mode & 0o077:
            return descriptor
        # On file systems without owners and modes (FAT, some shares), files have the same ones.
        probe = os.open("probe", _NEW, 0o600, dir_fd=descriptor)
        made = os.fstat(probe)
        os.close(probe)
        os.unlink("probe", dir_fd=descriptor)
        if made.st_uid == found.st_uid and (made.st_mode & 0o077 or not found.st_mode & 0o077):
            return descriptor
        raise OSError(errno.ESTALE, "Its temporary folder was replaced by another program")
    except OSError:
        os.close(descriptor)
        raise


class OwnFolders:
    """The OwnFolders of some photos, one in each output folder."""

    def __init__(self) -> None:
        self._by_parent: dict[Path, OwnFolder] = {}

    def close(self) -> None:
        """Remove and close all."""
        for folder in self._by_parent.values():
            folder.close()
        self._by_parent.clear()

    def create(self, parent: Path, name: str) -> tuple[OwnFolder, int, Path]:
        """Create a file in a folder inside `parent`; return folder, descriptor and path.

        `name` is that of the file, and of the folder if one has to be made.
        """
        folder = self._by_parent.get(parent)
        if folder:
            with contextlib.suppress(FileNotFoundError):  # removed by another program
                return folder, *folder.create(name)
            if folder.files:
                raise FileNotFoundError(errno.ENOENT, "its temporary folder was removed")
            self._close(folder)
        idle = [each for each in self._by_parent.values() if not each.files]
        for each in idle[: max(0, len(idle) + 1 - _MOST_IDLE)]:
            self._close(each)
        folder = self._by_parent[parent] = OwnFolder(parent, name)
        return folder, *folder.create(name)

    def _close(self, folder: OwnFolder) -> None:
        del self._by_parent[folder.parent]
        folder.close()
