"""One run an output folder, or one output of it: who holds it, and waiting for it.

By flock(2) on a file in the folder, which the system lets go of when its holder ends, however it ends. Over
NFS it is as good as the server's locks.
"""

import errno
import fcntl
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from ffprep.core.location import Location, Remote
from ffprep.core.shard import Shard
from ffprep.errors import OutputLocked
from ffprep.system.files import FOLDER

_PULSE = 0.1


def lock_output(
    output: Location,
    wait: float = 0.0,
    shard: Shard | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> AbstractContextManager[None]:
    """Hold an output folder, made if it is not there; wait as many seconds for whoever holds it, or until `stopped`.

    A `shard` shares it with other shards, and holds what is its own.
    Raises OutputLocked when that is not over by then, OSError or EnvironmentFault where nothing can be written or locked.
    """
    if not isinstance(output, Remote):
        return _locked_folder(output, wait, shard, stopped)
    from ffprep.storage.object_lock import object_lock

    return object_lock(output, wait, shard, stopped)


@contextmanager
def held_file(file: Path, wait: float = 0.0) -> Iterator[None]:
    """The same for one output, by a lock in its folder, which is made if it is not there."""
    # A lock's name may not be too long where that of the file is not.
    digest = sha256(os.fsencode(file.name)).hexdigest()[:16]
    place, until = file.parent / FOLDER / f"{digest}.lock", time.monotonic() + wait
    place.parent.mkdir(parents=True, exist_ok=True)
    with _holding(file, place, lambda: time.monotonic() >= until):
        yield


@contextmanager
def _locked_folder(
    output: Path, wait: float, shard: Shard | None, stopped: Callable[[], bool]
) -> Iterator[None]:
    place = output / FOLDER / "lock"
    until = time.monotonic() + wait

    def waited_enough() -> bool:
        return stopped() or time.monotonic() >= until

    place.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(_holding(output, place, waited_enough, shared=shard is not None))
        if shard:
            stack.enter_context(_holding(output, Path(shard.own(place)), waited_enough))
        yield


@contextmanager
def _holding(
    output: Path, place: Path, waited_enough: Callable[[], bool], shared: bool = False
) -> Iterator[None]:
    # Not through a link that somebody has put there: what it leads to would be emptied.
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(place, flags, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, f"{place} is no regular file")
        while not _locked(descriptor, shared):
            if waited_enough():
                raise OutputLocked(
                    f"{output} is held by {_holder(place)}; wait for it with --wait SECONDS"
                )
            time.sleep(_PULSE)
        if shared:  # nobody holds it alone, whoever may have signed it last
            _clear(descriptor)
        else:
            _sign(descriptor)
        try:
            yield
        finally:
            if not shared:
                _clear(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, shared: bool) -> bool:
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _clear(descriptor: int) -> None:
    with suppress(OSError):
        os.ftruncate(descriptor, 0)


def _sign(descriptor: int) -> None:
    """Say who holds it, for those who wait."""
    since = time.strftime("%Y-%m-%d %H:%M:%S %z")
    said = {"pid": os.getpid(), "host": os.uname().nodename, "since": since}
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(said).encode(), 0)


def _holder(place: Path) -> str:
    try:
        said = json.loads(place.read_text())
        return f"another run: process {said['pid']} on {said['host']}, since {said['since']}"
    except (OSError, ValueError, TypeError, KeyError):
        return "another run"
