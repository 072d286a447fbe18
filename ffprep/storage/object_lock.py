"""One run an output folder in a store: an object says who holds it.

It is created where there is none, which stores do for one of several that try at once, and is written again every
minute. Whoever finds it old, or its holder dead, writes over that very version of it.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

from ffprep.core.location import Remote
from ffprep.core.shard import Shard
from ffprep.errors import EnvironmentFault, FfprepError, Kind, OutputLocked, PhotoError, reason
from ffprep.storage.objects import UNGUARDED, Object, store
from ffprep.system.files import FOLDER
from ffprep.system.processes import lives, started
from ffprep.system.tempfiles import machine_id, working_folder

_PULSE, _RENEWAL = 1.0, 60.0
_STALE = 20 * 60.0
"""Seconds. Clocks may differ by 15 minutes at most where S3 is to answer at all (RequestTimeTooSkewed)."""


@contextmanager
def object_lock(
    output: Remote,
    wait: float = 0.0,
    shard: Shard | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[None]:
    """Hold an output folder in a store, or what is a `shard`'s of it; wait as many seconds for whoever holds it, or until `stopped`.

    Raises OutputLocked when that is not over by then, EnvironmentFault where nothing can be written.
    """
    until = time.monotonic() + wait
    with working_folder() as folder:
        place = output / FOLDER / "lock"
        lock = os.fspath(shard.own(place) if shard else place)
        lease = ObjectLock(lock, folder / "lock")
        try:
            while not lease.take():
                if time.monotonic() >= until or stopped():
                    raise OutputLocked(
                        f"{output} is held by {lease.holder}; wait for it with --wait SECONDS"
                    )
                time.sleep(min(_PULSE, max(0.0, until - time.monotonic())))
        except PhotoError as error:
            raise EnvironmentFault(f"{output} cannot be locked: {error}") from None
        except OSError as error:
            words = f"nothing can be written in {folder.parent} ({reason(error)})"
            raise EnvironmentFault(f"{words}; make room, or set TMPDIR, and run again") from None
        ended = Event()
        renewing = Thread(target=lease.renew, args=(ended,), daemon=True)
        renewing.start()
        try:
            yield
        finally:
            ended.set()
            renewing.join(_PULSE)
            lease.give_up()


@dataclass(slots=True)
class ObjectLock:
    """The object `url`, written from the file `path`."""

    url: str
    path: Path
    holder: str = "another run"
    _since: str = field(default_factory=lambda: time.strftime("%Y-%m-%d %H:%M:%S %z"))
    _mine: Object | None = None

    def take(self) -> bool:
        """Whether it is this run's now."""
        place = store(self.url)
        made = place.create(self.url, self._sign())
        if made and not place.guards(self.url, self.path.read_bytes()):
            with suppress(FfprepError):
                place.remove(self.url)
            raise PhotoError(Kind.IO, UNGUARDED)
        found = place.glance(self.url)
        if found is None:
            return False
        said = b"" if made else place.read(self.url)
        # A creation whose answer was lost is tried again, and then comes upon itself.
        if made or said == self.path.read_bytes():
            self._mine = found
        elif self._is_over(found, said):
            self._mine = place.replace(self.path, self.url, found)
        return self._mine is not None

    def renew(self, ended: Event) -> None:
        """Write it again and again. One that cannot be is tried again, until somebody else has it."""
        while self._mine and not ended.wait(_RENEWAL):
            with suppress(FfprepError, OSError):  # where temporary files go, there may be no room
                self._sign()
                self._mine = store(self.url).replace(self.path, self.url, self._mine)

    def give_up(self) -> None:
        """Take it away, if it is still this run's."""
        with suppress(FfprepError):
            place = store(self.url)
            found = place.glance(self.url)
            if found and self._mine and found.stamp == self._mine.stamp:
                place.remove(self.url)

    def _sign(self) -> bytes:
        said = {
            "pid": os.getpid(),
            "started": started(os.getpid()),
            "host": os.uname().nodename,
            "since": self._since,
            "machine": machine_id(),
            "renewed": time.time(),
        }
        self.path.write_text(json.dumps(said))
        return self.path.read_bytes()

    def _is_over(self, found: Object, words: bytes) -> bool:
        """Whether its holder is dead, as far as can be told."""
        try:
            said = json.loads(words)
            by = f"process {said['pid']} on {said['host']}"
            self.holder = f"another run: {by}, since {said['since']}"
            if said["machine_id"] == machine_id() and not _goes_on(
                int(said["pid"]), said.get("started")
            ):
                return True
        except (KeyError, TypeError, ValueError):
            self.holder = f"a lock that does not say whose (if no run goes on, delete {self.url})"
        return found.modified > 0 and time.time() - found.modified / 1e9 > _STALE


def _goes_on(pid: int, since: str | None) -> bool:
    """Whether it is that very process; numbers are given again, and in containers all are 1."""
    return lives(pid) and (not since or since == started(pid))
