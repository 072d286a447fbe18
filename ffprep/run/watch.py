"""Run jobs again when their sources change, for `ffprep watch`.

The system reports changes (`watchfiles`), or files are compared every few seconds. A photo is
converted when it has not changed for a moment: it may be copied at that time.
"""

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from types import SimpleNamespace

from ffprep.core.formats import FILMS, SUFFIXES
from ffprep.errors import EnvironmentFault, reason
from ffprep.record import Record, field, replace
from ffprep.storage.stamps import stamp_or_none
from ffprep.system.files import SIDECAR, FileStamp, real_path

_TICK = 1.0
"""Seconds between two looks at sources that may be gone, or back."""
_LONGEST_REST = 60.0
"""Seconds between two runs of a job at most. Else it rests as long as the run before took."""
_MODIFIED = 2
"""The number that `watchfiles` has for it."""
_LIMIT = "raise the limit fs.inotify.max_user_watches, or use --poll 30"


class WatchedJob(Record):
    """A job, and which files concern it. All paths are real ones.

    `own` are files that the job writes. `run` converts all photos but those that it is given,
    which are still being written.
    """

    sources: tuple[str, ...]
    output: str
    own: frozenset[str]
    run: Callable[[frozenset[str]], None]
    carried: tuple[str, ...] = ()
    """The suffixes of files that are copied beside outputs."""

    def concerns(self, path: str) -> bool:
        """Return whether a change of a file or a folder may change what the job makes."""
        if path in self.sources:
            return True
        if path in self.own or self._is_output(path):
            return False
        source = next((each for each in self.sources if _is_below(path, each)), None)
        if source is None or "/." in path[len(source.rstrip("/")) :]:
            return False  # a walk passes over hidden files
        suffix = os.path.splitext(path)[1].lower()
        known = suffix in SUFFIXES or suffix in FILMS or path.endswith((SIDECAR, *self.carried))
        return known or not os.path.isfile(path)

    def _is_output(self, path: str) -> bool:
        """Return whether a path is in OUT, unless photos are there too."""
        beside = any(each == self.output or _is_below(each, self.output) for each in self.sources)
        return path == self.output or (not beside and _is_below(path, self.output))


class _Due(Record, frozen=False):
    """A job that is to run as soon as its rest is over, if a change has settled."""

    job: WatchedJob
    rest_until: float
    changed: bool = True


class Watch(Record, frozen=False):
    """Runs jobs until `stopped`: each once, and again when files that concern it have changed.

    A photo that has changed in the last `settle` seconds is not converted. With `poll`, files are
    compared every so many seconds.
    """

    jobs: Sequence[WatchedJob]
    settle: float
    poll: float | None
    stopped: Callable[[], bool]
    _unsettled: dict[str, float] = field(default_factory=dict)
    """When each path changed that changed a moment ago."""

    def run(self) -> None:
        """Run until `stopped`. Raises EnvironmentFault if the sources cannot be watched."""
        settle = max(self.settle, 2 * self.poll + _TICK) if self.poll else self.settle
        begin = time.monotonic() + settle
        queue = [_Due(job, begin) for job in self.jobs]
        sources = sorted({source for job in self.jobs for source in job.sources})
        for paths in _changes(sources, self.poll, self.stopped):
            self._note(paths, queue, settle)
            for due in queue:
                if due.changed and time.monotonic() >= due.rest_until and not self.stopped():
                    self._run(due, settle)

    def _note(self, paths: Iterable[str], queue: Iterable[_Due], settle: float) -> None:
        """Note paths that have changed, and which jobs those concern that have settled."""
        now = time.monotonic()
        for path in paths:
            if any(due.job.concerns(path) for due in queue):
                self._unsettled[path] = now
        settled = [path for path, at in self._unsettled.items() if now - at >= settle]
        for path in settled:
            del self._unsettled[path]
        for due in queue:
            due.changed = due.changed or any(map(due.job.concerns, settled))

    def _run(self, due: _Due, settle: float) -> None:
        began, due.changed = time.monotonic(), False
        due.job.run(frozenset(map(real_path, self._unsettled)))
        ended = time.monotonic()
        due.rest_until = ended + min(max(settle, ended - began), _LONGEST_REST)


def _changes(
    sources: Sequence[str], poll: float | None, stopped: Callable[[], bool]
) -> Iterator[set[str]]:
    """Yield the paths that changed, every second or more often; empty sets if none did.

    A source that is mounted, removed or replaced has changed, and is watched again.
    """
    known = {source: _identity(source) for source in sources}
    while not stopped():
        folders = [source for source in sources if os.path.isdir(source)]
        with closing(_reported(folders, poll, stopped)) as reported:
            for paths in reported:
                now = {source: _identity(source) for source in sources}
                replaced = {source for source in sources if now[source] != known[source]}
                known = now
                yield paths | replaced
                if replaced.intersection(folders) or any(map(os.path.isdir, replaced)):
                    break


def _reported(
    folders: Sequence[str], poll: float | None, stopped: Callable[[], bool]
) -> Generator[set[str], None, None]:
    """Yield the paths below folders that changed, as `watchfiles` reports them.

    Where a name is not UTF-8, only the folders are named, and the iterator ends. When files are
    compared, a folder is modified by whatever appears in it, also by what the job writes there: the
    names of that are reported too, so the folder is not.
    """
    try:
        from watchfiles import watch
    except ImportError:
        problem = "ffprep watch needs another Python package, watchfiles"
        raise EnvironmentFault(f"{problem}; run: pip install 'ffprep[watch]'") from None
    if not folders:
        while not stopped():
            time.sleep(_TICK)
            yield set()
        return
    try:
        for changes in watch(
            *folders,
            watch_filter=None,
            debounce=400,
            step=100,
            stop_event=SimpleNamespace(is_set=stopped),
            rust_timeout=int(_TICK * 1000),
            yield_on_timeout=True,
            raise_interrupt=False,
            force_polling=poll is not None,
            poll_delay_ms=int((poll or _TICK) * 1000),
            ignore_permission_denied=True,
        ):
            yield {
                path
                for change, path in changes
                if poll is None or change != _MODIFIED or not os.path.isdir(path)
            }
    except FileNotFoundError:
        yield set()  # removed a moment ago
    except RuntimeError:
        time.sleep(_TICK)
        yield set(folders)
    except (OSError, UnicodeError) as error:
        advice = _LIMIT if isinstance(error, OSError) else "rename it"
        where = ", ".join(folders)
        raise EnvironmentFault(f"cannot watch {where}: {reason(error)}; {advice}") from None


def _identity(source: str) -> FileStamp | None:
    """Return what tells a folder from another one in its place, and a version of a file."""
    stamp = stamp_or_none(source)
    return replace(stamp, bytes=0, modified=0) if stamp and os.path.isdir(source) else stamp


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(os.path.join(folder, ""))
