"""A chunk of Jobs whose photos or outputs are in a store: fetched, converted as files of this machine, put.

All of it happens in the chunk itself, so that a chunk may run wherever there are ffprep and the store. What is
on the way lies in a folder of its own where temporary files go, at most two windows of photos at a time.
"""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ffprep.conversion.converter import Converter
from ffprep.core.job import Job, LocalJob, Result
from ffprep.core.location import Remote
from ffprep.errors import Kind, PhotoError
from ffprep.storage.objects import md5, stamp_of, store
from ffprep.system.tempfiles import working_folder

_TOGETHER, _BYTES = 32, 64 << 20
"""What makes a window at most: so many photos, of so many bytes; or one."""
_AT_ONCE = 8
"""How many objects of a chunk are on the way at a time."""
_PULSE = 0.05
_MOMENT = 0.5
"""Seconds for what is put when a run is interrupted: else it is there, and put again. `workers` waits no longer."""
_BYTES_A_PIXEL, _ROOM = 8, 1 << 24


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A Job, and the LocalJob that it is when its photo is here."""

    errand: Job
    job: LocalJob
    fetched: "Future[None]"


@dataclass(slots=True)
class Transfer:
    """One chunk's folder and threads."""

    converter: Converter
    folder: Path
    threads: ThreadPoolExecutor
    _puts: "set[Future[Result]]" = field(default_factory=set)
    _count: int = 0

    def results(self, errands: list[Job]) -> Iterator[Result]:
        """Each window is fetched while the one before it is converted, and what is done is put."""
        yield from self._carried(errands)
        yield from self._awaited()

    def _carried(self, errands: list[Job]) -> Iterator[Result]:
        windows = list(_windows(errands))
        ahead = self._fetch(windows[0])
        for following in [*windows[1:], []]:
            here, ahead = ahead, self._fetch(following)
            ready = dict[Path, _Waiting]()
            for waiting in here:
                try:
                    self._await([waiting.fetched])
                    if self._stopped:
                        return
                    waiting.fetched.result()
                    ready[waiting.job.output] = waiting
                except PhotoError as error:
                    yield Result.failed(waiting.errand.source, waiting.errand.output, error)
            yield from self._converted(ready)

    def _converted(self, ready: dict[Path, _Waiting]) -> Iterator[Result]:
        for result in self.converter.convert(waiting.job for waiting in ready.values()):
            assert isinstance(result.output, Path)
            waiting = ready[result.output]
            errand = waiting.errand
            result = replace(result, source=errand.source, output=errand.output)
            if result.failure or not isinstance(errand.output, Remote):
                yield result
            else:
                self._puts.add(self.threads.submit(_put, waiting, result))
            yield from self._taken()
        for waiting in ready.values():
            if isinstance(waiting.errand.source, Remote):
                waiting.job.source.unlink(missing_ok=True)

    def _taken(self) -> Iterator[Result]:
        """What was put meanwhile."""
        done = {put for put in self._puts if put.done()}
        self._puts -= done
        for put in done:
            yield put.result()

    def _awaited(self) -> Iterator[Result]:
        """What is still put; when the run is to end, only what is there in a moment."""
        while self._puts and not self._stopped:
            self._await(self._puts)
            yield from self._taken()
        wait(self._puts, _MOMENT)
        yield from self._taken()

    def _await(self, futures: "Iterable[Future[Any]]") -> None:
        """Wait for one of them, or for the end of the run."""
        pending = set(futures)
        while not self._stopped:
            if wait(pending, _PULSE, FIRST_COMPLETED).done:
                return

    @property
    def _stopped(self) -> bool:
        return self.converter.processes.stopped

    def _fetch(self, window: list[Job]) -> list[_Waiting]:
        """Begin to fetch what is not here."""
        return [self._begun(errand) for errand in window]

    def _begun(self, errand: Job) -> _Waiting:
        self._count += 1
        source, output = errand.source, errand.output
        if isinstance(source, Remote):
            source = self.folder / f"{self._count}{source.suffix}"
        if isinstance(output, Remote):
            output = self.folder / f"{self._count}-made{output.suffix}"
        job = LocalJob(source, output, errand.spec)
        return _Waiting(errand, job, self.threads.submit(_fetched, errand, job, self.converter))


@contextmanager
def transfer(converter: Converter) -> Iterator[Transfer]:
    """A folder and threads, gone in the end; what is on the way then is not waited for."""
    threads = ThreadPoolExecutor(_AT_ONCE, "ffprep-store")
    try:
        with working_folder() as folder:
            yield Transfer(converter, folder, threads)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def _windows(errands: list[Job]) -> Iterator[list[Job]]:
    """The first ones are short, since nothing converts until the first is there."""
    window, size, most = list[Job](), 0, _AT_ONCE
    for errand in errands:
        stamp = errand.source.stamp if isinstance(errand.source, Remote) else None
        bytes = stamp.bytes if stamp else 0
        if window and (len(window) >= most or size + bytes > _BYTES):
            yield window
            window, size, most = [], 0, min(2 * most, _TOGETHER)
        window.append(errand)
        size += bytes
    yield window


def _fetched(errand: Job, job: LocalJob, converter: Converter) -> None:
    """Have a Job's photo here, if it is in a store. Raises PhotoError."""
    source = errand.source
    if not isinstance(source, Remote) or converter.processes.stopped:
        return
    policy, stamp = converter.policy, source.stamp
    if stamp and stamp.bytes > _BYTES_A_PIXEL * policy.max_pixels + _ROOM:
        words = f"{stamp.bytes} bytes are more than a photo of {policy.max_pixels} pixels has"
        raise PhotoError(Kind.TOO_LARGE, f"{words}; raise --max-pixels if it is one")
    store(source.url).fetch(source.url, job.source)
    _require_whole(source, job.source)
    if policy.preserve_times:
        modified = store(source.url).look(source.url).modified
        os.utime(job.source, ns=(modified, modified))


def _require_whole(source: Remote, path: Path) -> None:
    """Raise PhotoError where what was fetched is not what the listing told of.

    Most ETags are the MD5 of the content. Where one is not, the store is asked again.
    """
    listed = source.stamp
    if listed is None or (
        path.stat().st_size == listed.bytes and stamp_of(listed.bytes, md5(path)) == listed
    ):
        return
    now = store(source.url).look(source.url)
    if now.stamp != listed:
        raise PhotoError(Kind.IO, "was changed while it was read; run again")
    if path.stat().st_size != listed.bytes:
        words = f"only {path.stat().st_size} of {listed.bytes} bytes came; run again"
        raise PhotoError(Kind.IO, words)


def _put(waiting: _Waiting, result: Result) -> Result:
    """Put what was made, and tell of it."""
    output = waiting.errand.output
    assert isinstance(output, Remote)
    try:
        stamp = store(output.url).put(waiting.job.output, output.url)
    except PhotoError as error:
        told = PhotoError(Kind.IO, f"cannot write {output}: {error}")
        return Result.failed(result.source, output, told, result.seconds)
    finally:
        with suppress(OSError):
            waiting.job.output.unlink()
    return replace(result, stamp=stamp)
