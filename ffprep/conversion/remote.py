"""Converting wherever the photos are: objects are downloaded, converted as files, and uploaded.

All of it happens in one chunk, so a chunk can run on any machine that reaches the store. Objects in
work are in a folder of their own below TMPDIR, at most two windows of photos at a time.
"""

import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from ffprep.conversion.converter import Converter
from ffprep.core.job import Job, LocalJob, Result
from ffprep.core.location import Location, listed_stamp
from ffprep.errors import Kind, PhotoError
from ffprep.record import Record, field, replace
from ffprep.storage.protocol import fetch_photo, local_path, storage_of
from ffprep.system.tempfiles import temporary_folder

_FIRST_WINDOW, _WINDOW, _WINDOW_BYTES = 16, 64, 64 << 20
"""A window of photos has at most so many photos, and so many bytes unless it has one photo."""
_CONNECTIONS = 8
"""How many objects of a chunk are transferred at a time."""
_POLL = 0.05
_GRACE = 0.5
"""Seconds for running uploads after an interrupt; `system.pool` waits no longer. The next run
repeats later ones."""


class _Pending(Record):
    """A Job, the LocalJob that it becomes when its photo is downloaded, and the download."""

    job: Job
    local: LocalJob
    download: "Future[None]"


class _Transfer(Record, frozen=False):
    """The folder and the threads of one chunk."""

    converter: Converter
    folder: Path
    threads: ThreadPoolExecutor
    _uploads: "set[Future[Result]]" = field(default_factory=set)
    _count: int = 0

    def results(self, jobs: list[Job]) -> Iterator[Result]:
        """Download each window while the one before it is converted; upload what is converted."""
        windows = list(_windows(jobs))
        next_window = self._start(windows[0])
        for following in [*windows[1:], []]:
            window, next_window = next_window, self._start(following)
            ready = dict[Path, _Pending]()
            for pending in window:
                while not (self._stopped or pending.download.done()):
                    wait([pending.download], _POLL)
                if self._stopped:
                    break
                try:
                    pending.download.result()
                    ready[pending.local.output] = pending
                except PhotoError as error:
                    yield Result.failed(pending.job.source, pending.job.output, error)
            if self._stopped:
                break
            yield from self._convert(ready)
        yield from self._last_uploads()

    def _convert(self, ready: dict[Path, _Pending]) -> Iterator[Result]:
        for result in self.converter.convert(pending.local for pending in ready.values()):
            assert isinstance(result.output, Path)
            pending = ready[result.output]
            job = pending.job
            downloaded = pending.local.source != job.source
            uploaded = pending.local.output != job.output
            result = replace(
                result,
                source=job.source,
                output=job.output,
                # Objects have no hashes: the ledger could not compare them without a download.
                source_hash=None if downloaded else result.source_hash,
                output_hash=None if uploaded else result.output_hash,
            )
            if result.failure or result.passed_over or not uploaded:
                yield result
            else:
                self._uploads.add(self.threads.submit(_upload, pending, result))
            yield from self._finished_uploads()
        for pending in ready.values():
            if pending.local.source != pending.job.source:
                pending.local.source.unlink(missing_ok=True)

    def _finished_uploads(self, seconds: float = 0.0) -> Iterator[Result]:
        """Yield the Results of uploads that have ended; wait for one at most some seconds."""
        done, self._uploads = wait(self._uploads, seconds, FIRST_COMPLETED)
        for upload in done:
            yield upload.result()

    def _last_uploads(self) -> Iterator[Result]:
        """Wait for all uploads; for a moment only, if the run is to end."""
        while self._uploads and not self._stopped:
            yield from self._finished_uploads(_POLL)
        wait(self._uploads, _GRACE)
        yield from self._finished_uploads()

    @property
    def _stopped(self) -> bool:
        return self.converter.processes.stopped

    def _start(self, window: list[Job]) -> list[_Pending]:
        """Start the downloads of a window, one for all jobs of a photo."""
        started = list[_Pending]()
        for source, jobs in groupby(window, attrgetter("source")):
            self._count += 1
            photo = local_path(source, self.folder, f"{self._count}{source.suffix}")
            download = self.threads.submit(_download, source, photo, self.converter)
            for number, job in enumerate(jobs):
                name = f"{self._count}-made-{number}{job.output.suffix}"
                made = local_path(job.output, self.folder, name)
                local = LocalJob(photo, made, job.spec, faces=job.faces, thumbnail=job.thumbnail)
                started.append(_Pending(job, local, download))
        return started


def converted(converter: Converter, jobs: list[Job]) -> Iterator[Result]:
    """Convert a chunk of jobs. Its folder and threads end with it; transfers are not awaited."""
    threads = ThreadPoolExecutor(_CONNECTIONS, "ffprep-store")
    try:
        with temporary_folder() as folder:
            yield from _Transfer(converter, folder, threads).results(jobs)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)


def _windows(jobs: list[Job]) -> Iterator[list[Job]]:
    """The first window is short, since nothing converts until it is downloaded.

    The second one is long: each window costs a start of ffmpeg. The jobs of a photo are in one.
    """
    window, size, most = list[Job](), 0, _FIRST_WINDOW
    for source, photo in groupby(jobs, attrgetter("source")):
        bytes = stamp.bytes if (stamp := listed_stamp(source)) else 0
        if window and (len(window) >= most or size + bytes > _WINDOW_BYTES):
            yield window
            window, size, most = [], 0, _WINDOW
        window += photo
        size += bytes
    yield window


def _download(source: Location, path: Path, converter: Converter) -> None:
    """Download a photo, unless it is a file. Raise PhotoError."""
    if source == path or converter.processes.stopped:
        return
    policy = converter.policy
    found = fetch_photo(source, path, policy.max_pixels)
    if policy.preserve_times:
        os.utime(path, ns=(found.modified, found.modified))


def _upload(pending: _Pending, result: Result) -> Result:
    """Upload an output; return its Result."""
    output = pending.job.output
    try:
        stamp = storage_of(output).put(pending.local.output, output)
    except PhotoError as error:
        failure = PhotoError(Kind.IO, f"cannot write {output}: {error}")
        return Result.failed(result.source, output, failure, result.seconds)
    finally:
        with suppress(OSError):
            pending.local.output.unlink()
    return replace(result, stamp=stamp)
