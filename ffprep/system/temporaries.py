"""What temporary files are called, by whom they were made, and the sweeping of those whose maker is dead."""

import hashlib
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Container
from contextlib import suppress
from functools import cache

from ffprep.system.files import TEMPORARY_PREFIX
from ffprep.system.processes import lives

_NAME = re.compile(
    re.escape(TEMPORARY_PREFIX) + r"(?P<place>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{8}\.part"
)
_A_DAY = 86400


def temporary_name() -> str:
    """A name that nothing else has; short, so that it fits where the final one fits."""
    return f"{TEMPORARY_PREFIX}{maker()}-{secrets.token_hex(4)}.part"


def maker() -> str:
    """Who makes this process's temporary files: a place and a process number."""
    return f"{machine()}-{os.getpid()}"


@cache
def machine() -> str:
    """Where a process number means the same process: on one machine, in one namespace of processes."""
    try:
        namespace = os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        namespace = 0
    return hashlib.blake2b(f"{os.uname().nodename}/{namespace}".encode(), digest_size=4).hexdigest()


def sweep(folder: str, dead: Container[str] = ()) -> None:
    """Remove what dead runs left unpublished in a folder: files of ffprep's own naming, and nothing else.

    Of what was made on another machine, nobody here can tell whether its maker lives: that goes when a
    day old, or when its maker is among those that are known to be `dead`.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match and not entry.is_symlink() and _is_dead(match, entry, dead):
                with suppress(OSError):
                    shutil.rmtree(entry.path) if entry.is_dir() else os.unlink(entry.path)


def sweep_links() -> None:
    """The same for the folders of links, where temporary files go on this machine."""
    sweep(tempfile.gettempdir())


def _is_dead(name: re.Match[str], entry: os.DirEntry[str], dead: Container[str]) -> bool:
    found = entry.stat(follow_symlinks=False)
    if found.st_uid != os.geteuid():
        return False
    if f"{name['place']}-{name['pid']}" in dead:
        return True
    if name["place"] != machine():
        return time.time() - found.st_mtime > _A_DAY
    return not lives(int(name["pid"]))
