"""What a worker of a cluster is asked by a run: who it is, to do a chunk, to end. It knows nothing of the cluster.

All that comes and goes is pickled by ffprep itself, since a worker of another version may not be able to read it,
and has to be able to say so.
"""

import os
import pickle
import threading
from collections import OrderedDict
from dataclasses import dataclass

from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.job import Result
from ffprep.core.policy import Policy
from ffprep.errors import EnvironmentFault
from ffprep.ledger.rows import Hashes, PendingJob
from ffprep.run.work import Work
from ffprep.system.tempfiles import maker, sweep_links
from ffprep.version import __version__

_KEPT = 4
_lock = threading.Lock()
_converters: "OrderedDict[str, Converter]" = OrderedDict()
"""By run: the newest ones that this process has worked for."""


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """Who a worker is. `missing` are those of the paths it was asked for that it does not see."""

    host: str
    ffprep: str
    ffmpeg: str
    maker: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClusterTask:
    """What is to be done with the chunks of one `run`, a name that no other has.

    `sights` are paths that a worker must see, or it does not have the disk that the photos are on.
    """

    run: str
    work: Work
    policy: Policy
    ffmpeg: str | None
    sights: tuple[str, ...]

    def __call__(self, todo: list[PendingJob]) -> "Answer":
        """Do a chunk; its paths are absolute."""
        made: list[tuple[Result, Hashes]] = []
        try:
            for done in self.work.done(todo, self._converter()):
                made.append((done.result, done.hashes))
        except EnvironmentFault as fault:
            return Answer(made, fault)
        return Answer(made)

    def _converter(self) -> Converter:
        """The one of this process, kept for the run's next chunk. Raises EnvironmentFault."""
        with _lock:
            if self.run not in _converters:
                for path in self.sights:
                    if not can_read(path):
                        raise unreadable(os.uname().nodename, path)
                sweep_links()
                _converters[self.run] = Converter(find(self.ffmpeg), self.policy)
            _converters.move_to_end(self.run)
            while len(_converters) > _KEPT:
                _converters.popitem(last=False)[1].close()
            return _converters[self.run]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a chunk's jobs, as far as it was done, and what kept it from being done."""

    made: list[tuple[Result, Hashes]]
    fault: EnvironmentFault | None = None


def worker_info(ffmpeg: str | None, paths: list[str]) -> tuple[object, ...]:
    """Say who this worker is: the fields of a WorkerInfo, in types that every version can read."""
    missing = tuple(path for path in paths if not can_read(path))
    return os.uname().nodename, __version__, find(ffmpeg).version, maker(), missing


def can_read(path: str) -> bool:
    """Whether a file is there, or a folder with anything in it: on an empty one, nothing may be mounted."""
    try:
        with os.scandir(path) as entries:
            return any(entries)
    except NotADirectoryError:
        return True
    except OSError:
        return os.path.lexists(path) and not os.path.isdir(path)


def perform(version: str, parcel: bytes) -> bytes:
    """Do a pickled chunk of a run with this version of ffprep; the pickled Answer. Raises EnvironmentFault."""
    if version != __version__:
        raise other_version(os.uname().nodename, __version__, version)
    duty, todo = pickle.loads(parcel)
    return pickle.dumps(duty(todo))


def end(run: str) -> None:
    """End what is in hand for a run, and begin nothing of it any more."""
    with _lock:
        converter = _converters.get(run)
    if converter:
        converter.processes.stop()
        converter.close()


def unreadable(host: str, path: str) -> EnvironmentFault:
    """What to say of a worker that does not have the disk."""
    words = f"the worker on {host} does not see {path}"
    return EnvironmentFault(f"{words}; every worker needs the photos and OUT under the same paths")


def other_version(host: str, version: str, wanted: str) -> EnvironmentFault:
    """What to say of a worker that would make something else, or understand something else, than the run's own version."""
    words = f"the worker on {host} has ffprep {version}, and this is {wanted}"
    return EnvironmentFault(f"{words}; install the same version everywhere")
