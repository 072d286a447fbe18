"""The lock of an output folder in a store: an object that says who holds it.

It is created where there is none, which a store does for one of several that try at once, and it is
written again every minute. A run that finds the lock old, or its holder dead, writes over exactly
that version of it.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Protocol

from ffprep.core.location import Remote
from ffprep.core.shard import Shard
from ffprep.errors import EnvironmentFault, FfprepError, Kind, PhotoError, reason
from ffprep.record import Record, field
from ffprep.storage.errors import NO_CONDITIONS
from ffprep.storage.local import LONGEST_HOLDER, described_holder, wait_for_holder
from ffprep.storage.protocol import Object, Place, Stopped, Storage
from ffprep.system.files import FOLDER
from ffprep.system.processes import lives, started
from ffprep.system.tempfiles import machine_id, temporary_folder

_POLL, _RENEWAL = 1.0, 60.0
_STALE = 20 * 60.0
"""Seconds. Clocks differ by 15 minutes at most where S3 answers (RequestTimeTooSkewed)."""


class LockableStorage(Storage, Protocol):
    """A Storage that can tell whether conditions work."""

    def honours_conditions(self, place: Place, data: bytes) -> bool:
        """Return whether the store refuses what it has to refuse. An object is at `place`."""


@contextmanager
def object_lock(
    storage: LockableStorage, folder: Place, wait: float, shard: Shard | None, stopped: Stopped
) -> Iterator[None]:
    """Lock an output folder in a store, or a shard of it, as `Storage.lock` says."""
    until, output = time.monotonic() + wait, Remote(os.fspath(folder))
    with temporary_folder() as temporary:
        place = output / FOLDER / "lock"
        url = os.fspath(shard.path_for(place) if shard else place)
        lock = ObjectLock(storage, url, temporary / "lock")
        try:
            while not lock.take():
                wait_for_holder(output, lambda: lock.holder, until, stopped, _POLL)
        except PhotoError as error:
            raise EnvironmentFault(f"{output} cannot be locked: {error}") from None
        except OSError as error:
            words = f"cannot write in {temporary.parent}: {reason(error)}"
            raise EnvironmentFault(f"{words}; make room, or set TMPDIR, and run again") from None
        ended = Event()
        renewing = Thread(target=lock.renew, args=(ended,), daemon=True)
        renewing.start()
        try:
            yield
        finally:
            ended.set()
            renewing.join(_POLL)
            lock.release()


class ObjectLock(Record, frozen=False):
    """The object `url`, written from the file `path`."""

    storage: LockableStorage
    url: str
    path: Path
    holder: str = "another run"
    _since: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M:%S %z"))
    _mine: Object | None = None

    def take(self) -> bool:
        """Return whether this run holds the lock now."""
        storage = self.storage
        made = storage.create(self.url, self._write())
        if made and not storage.honours_conditions(self.url, self.path.read_bytes()):
            with suppress(FfprepError):
                storage.remove(self.url)
            raise PhotoError(Kind.IO, NO_CONDITIONS)
        found = storage.stat(self.url)
        if found is None:
            return False
        content = b"" if made else storage.read(self.url, LONGEST_HOLDER)
        # A creation whose answer was lost is repeated, and then finds its own object.
        if made or content == self.path.read_bytes():
            self._mine = found
        elif self._is_over(found, content):
            self._mine = storage.replace(self.path, self.url, found)
        return self._mine is not None

    def renew(self, ended: Event) -> None:
        """Write it again and again, until another run has it. A failure is tried again."""
        while self._mine and not ended.wait(_RENEWAL):
            with suppress(FfprepError, OSError):  # there may be no room for temporary files
                self._write()
                self._mine = self.storage.replace(self.path, self.url, self._mine)

    def release(self) -> None:
        """Remove the object, if it is still this run's."""
        with suppress(FfprepError):
            found = self.storage.stat(self.url)
            if found and self._mine and found.stamp == self._mine.stamp:
                self.storage.remove(self.url)

    def _write(self) -> bytes:
        holder = {
            "pid": os.getpid(),
            "started": started(os.getpid()),
            "host": os.uname().nodename,
            "since": self._since,
            "machine": machine_id(),
            "renewed": time.time(),
        }
        self.path.write_text(json.dumps(holder))
        return self.path.read_bytes()

    def _is_over(self, found: Object, content: bytes) -> bool:
        """Return whether the holder is dead, as far as this machine can say."""
        try:
            holder = json.loads(content)
            self.holder = described_holder(holder)
            is_here = holder["machine"] == machine_id()
            if is_here and not _is_running(int(holder["pid"]), holder.get("started")):
                return True
        except (KeyError, TypeError, ValueError, RecursionError):
            words = f"if no run is using it, delete {self.url}"
            self.holder = f"a lock that does not name its holder ({words})"
        return found.modified > 0 and time.time() - found.modified / 1e9 > _STALE


def _is_running(pid: int, since: str | None) -> bool:
    """Return whether it is that very process; numbers come again, and in containers all are 1."""
    return lives(pid) and (not since or since == started(pid))
