"""A Dask cluster as an executor: chunks go to its workers, and their results come back to this run.

The scheduler holds a few chunks for each worker's thread, never the whole library. If a worker
dies, the scheduler gives its chunk to another one, and counts the death against every chunk that
the worker had. So a chunk at which several workers died is only suspected: its photos are tried one
at a time, with nothing else in flight, and only the photo that kills workers fails.
"""

import pickle
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ffprep.core.job import Job, Result
from ffprep.core.location import absolute
from ffprep.core.policy import ClusterOptions
from ffprep.errors import EnvironmentFault, Killed, Kind
from ffprep.ledger.rows import PendingJob
from ffprep.record import replace
from ffprep.run.chunk_queue import ChunkInFlight, ChunkQueue, Part
from ffprep.run.task import (
    Answer,
    ChunkTask,
    ClusterTask,
    WorkerInfo,
    convert_chunk,
    end_run,
    other_version,
    unreadable,
    worker_info,
)
from ffprep.system.pool import RemoteExecutor
from ffprep.system.tempfiles import sweep_folder
from ffprep.version import __version__

_POLL_SECONDS = 0.05
_REFRESH_SECONDS = 1.0
"""Time between two requests for the list of workers."""
STOP_SECONDS = 0.5
"""How long chunks in work may take to come back when the run is stopped."""
_EMPTY_POLLS = 3
"""How many lists in a row without any worker lead to a warning."""


class _WorkerRegistry:
    """The workers that are there, and what dead ones may have left. The Cluster locks it."""

    def __init__(self) -> None:
        self.threads: dict[str, int] = {}
        self.dead: set[str] = set()
        self.dirs_to_sweep: set[str] = set()
        self.active_dirs: set[str] = set()
        self._info: dict[str, WorkerInfo] = {}
        self.empty_polls = _EMPTY_POLLS - 1  # the first empty list leads to a warning at once

    @property
    def ffmpeg(self) -> str:
        """The workers' versions of FFmpeg; empty while no worker is known."""
        return ", ".join(sorted({worker.ffmpeg for worker in self._info.values()}))

    def update(self, threads: dict[str, int], in_flight: set[str]) -> list[str]:
        """Note the `threads` of each worker; return the workers that have not said who they are.

        Drop those that are gone, and note where they may have left temporary files. That is in all
        folders that any worker wrote to since the last call: another worker may have taken over a
        dead one's chunk since. `in_flight` are the folders that are written to now.
        """
        for address in [known for known in self._info if known not in threads]:
            self.dead.add(self._info.pop(address).owner)
            self.dirs_to_sweep |= self.active_dirs
        self.active_dirs, self.threads = in_flight, threads
        self.empty_polls = 0 if threads else self.empty_polls + 1
        return [address for address in threads if address not in self._info]

    def add(self, address: str, worker: WorkerInfo) -> None:
        """Add a worker. Raises EnvironmentFault if it cannot do the work."""
        if worker.ffprep != __version__:
            raise other_version(worker.host, worker.ffprep, __version__)
        if worker.missing:
            raise unreadable(worker.host, worker.missing[0])
        self._info[address] = worker


class Cluster(RemoteExecutor):
    """An executor over a Dask client. One thread watches the workers, and stops them."""

    def __init__(
        self,
        client: Any,
        options: ClusterOptions,
        task: ClusterTask,
        warn: Callable[[str], None],
    ) -> None:
        self._client, self._options, self._task, self._warn = client, options, task, warn
        self._lock = threading.RLock()
        self._queue, self._workers = ChunkQueue(), _WorkerRegistry()
        self._closed = threading.Event()
        self._fault: EnvironmentFault | None = None
        self.info: dict[str, Any] = {}
        """What the summary says about the workers; kept up to date."""

    @property
    def width(self) -> int:
        """The number of threads of all workers."""
        return max(1, sum(self._workers.threads.values()))

    @property
    def empty(self) -> bool:
        """Whether there are no workers."""
        return not self._workers.threads

    @property
    def room(self) -> int:
        """The number of chunks to send at most."""
        return self._options.most or 2 * self.width

    @property
    def ffmpeg(self) -> str:
        """The workers' versions of FFmpeg; empty while no worker is known."""
        return self._workers.ffmpeg

    def describe(self) -> str:
        """Return who works, in one line for people."""
        workers = f"{self.info['workers']} workers with {self.info['threads']} threads"
        return f"{workers}, ffprep {__version__}, FFmpeg {self.ffmpeg or 'unknown yet'}"

    def set_task(self, task: ChunkTask) -> None:
        """Set what the workers do with the chunks that are submitted from now on."""
        self._task = replace(self._task, task=task)

    def submit(self, fn: Any, /, *args: Any, **_: Any) -> Any:
        """Send a chunk to be converted as `set_task` says; `fn` is for threads of this process.

        The future's result is an iterator of FinishedJobs, which raises what ended the chunk early.
        """
        (jobs,) = args
        absolute = [replace(pending, job=_absolute(pending.job)) for pending in jobs]
        by_output = zip((pending.job.output for pending in absolute), jobs, strict=True)
        chunk = ChunkInFlight(dict(by_output))
        chunk.future.set_running_or_notify_cancel()
        with self._lock:
            self._queue.add(Part(chunk, absolute))
            self._send_waiting()
        return chunk.future

    def _send_waiting(self) -> None:
        """Send what may be sent. Call with the lock."""
        while part := self._queue.next_part():
            if self._fault or self._closed.is_set():
                part.chunk.end(self._fault)
                continue
            pickled = pickle.dumps((self._task, part.jobs))
            try:
                future = self._client.submit(convert_chunk, __version__, pickled, pure=False)
            except Exception as error:  # the client has closed itself
                self._fail(lost(self._options, error))
                part.chunk.end(self._fault)
                continue
            self._queue.sent[future] = part
            self._workers.active_dirs |= part.folders
            future.add_done_callback(self._receive)

    def _receive(self, future: Any) -> None:
        """Take the results of a part. A thread of Dask calls this for one future at a time."""
        with self._lock:
            part = self._queue.sent.get(future)
        if part is None:  # it was dropped
            return
        from distributed import KilledWorker

        error: Exception | None = None
        try:
            if future.status == "cancelled":
                self._fail(lost(self._options))
                return
            answer: Answer = pickle.loads(future.result())
            results, error = answer
            part.chunk.add(results)
        except KilledWorker as killed:
            if part.alone:
                part.chunk.add([_deadly(part.jobs[0], killed.allowed_failures + 1)])
            else:
                with self._lock:
                    self._queue.suspect(part)
        except Exception as other:
            error = _unpicklable(self._options, other) or other
        with self._lock:
            self._queue.sent.pop(future, None)
            part.chunk.parts -= 1
            if error or not part.chunk.parts:
                part.chunk.end(error)
            self._send_waiting()

    def _fail(self, fault: EnvironmentFault) -> None:
        """End every chunk with an error."""
        with self._lock:
            self._fault = self._fault or fault
            self._drop_all()

    def _drop_all(self) -> list[Any]:
        """End every chunk as it is; return the Dask futures that the workers still have."""
        with self._lock:
            futures, chunks = self._queue.clear()
        for chunk in chunks:
            chunk.end(self._fault)
        return futures

    def refresh_workers(self) -> None:
        """Ask new workers who they are, and note those that are gone.

        Raises EnvironmentFault for a worker that cannot do the work.
        """
        alive = self._client.nthreads(callback_timeout=30)
        with self._lock:
            new = self._workers.update(alive, self._queue.folders)
        if new:
            self._ask(new)
        if self._workers.empty_polls == _EMPTY_POLLS:
            self._warn(f"{self._options.address} has no workers; the run waits for some")
        threads = sum(alive.values())
        self.info |= {"workers": len(alive), "threads": threads, "ffprep": __version__}

    def _ask(self, addresses: list[str]) -> None:
        """Ask workers who they are. One that does not answer is asked again in the next round."""
        answers = self._client.run(
            worker_info,
            self._task.ffmpeg,
            list(self._task.required_paths),
            workers=addresses,
            on_error="return",
            callback_timeout=60,
        )
        before = self.ffmpeg
        for address, answer in answers.items():
            if isinstance(answer, ImportError | AttributeError | EnvironmentFault):
                problem = f"the worker {address} cannot convert ({answer})"
                raise EnvironmentFault(f"{problem}; install the same ffprep[dask] everywhere")
            if not isinstance(answer, Exception):
                self._workers.add(address, WorkerInfo(*answer))
        self.info["ffmpeg"] = self.ffmpeg
        if "," in self.ffmpeg and self.ffmpeg != before:
            self._warn(f"the workers have different versions of FFmpeg: {self.ffmpeg}")

    def watch(self, stopped: Callable[[], bool]) -> None:
        """Refresh the workers until the cluster is closed, and stop them with the run."""
        due = time.monotonic() + _REFRESH_SECONDS
        while not self._closed.wait(_POLL_SECONDS):
            if stopped():
                self._stop()
                return
            if time.monotonic() < due:
                continue
            try:
                self.refresh_workers()
            except EnvironmentFault as fault:
                self._fail(fault)
            except Exception:  # the chunks in flight report a scheduler that is lost
                if self._client.status == "closed":
                    self._fail(lost(self._options))
            due = time.monotonic() + _REFRESH_SECONDS

    def _stop(self) -> None:
        """Have the workers end what they have in work, and take what comes back soon."""
        self._end_run()
        until = time.monotonic() + STOP_SECONDS
        while self._queue.sent and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
        self.shutdown()

    def _end_run(self) -> None:
        with suppress(Exception):
            self._client.run(
                end_run, self._task.run, on_error="ignore", callback_timeout=STOP_SECONDS
            )

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Drop what is in flight."""
        self._closed.set()
        futures = self._drop_all()
        with suppress(Exception):
            self._client.cancel(futures)

    def close(self) -> None:
        """Have the workers forget the run, and remove the temporary files of dead ones."""
        self.shutdown()
        self._end_run()
        with suppress(Exception):
            alive = self._client.nthreads(callback_timeout=STOP_SECONDS)
            with self._lock:
                self._workers.update(alive, self._queue.folders)
        for folder in self._workers.dirs_to_sweep:
            sweep_folder(folder, self._workers.dead)


def _deadly(pending: PendingJob, deaths: int) -> Result:
    """Return the failure of a photo that was tried alone while `deaths` workers died."""
    problem = f"all {deaths} workers that converted it died"
    error = Killed(Kind.IO, f"{problem}; look into their logs, and run again")
    return Result.failed(pending.job.source, pending.job.output, error)


def _absolute(job: Job) -> Job:
    # A worker's links to the same photos may be others.
    return replace(job, source=absolute(job.source), output=absolute(job.output), place="")


def lost(options: ClusterOptions, error: BaseException | None = None) -> EnvironmentFault:
    """Return the error for a scheduler that does not answer any more."""
    problem = f"the Dask scheduler at {options.address} is lost"
    cause = f" ({first_line(error)})" if error and str(error) else ""
    return EnvironmentFault(f"{problem}{cause}; the ledger has what was done, so run again")


def _unpicklable(options: ClusterOptions, error: BaseException) -> EnvironmentFault | None:
    """Return the error for a scheduler or worker without the same ffprep; None for others.

    The scheduler unpickles functions that it hands on, so it needs ffprep too.
    """
    cause: BaseException | None = error
    while cause and not isinstance(cause, ImportError | pickle.UnpicklingError):
        cause = cause.__cause__
    if cause is None:
        return None
    problem = f"the scheduler or the workers of {options.address} cannot read their tasks ({cause})"
    advice = "install the same ffprep[dask] on all of them, with one version of Python"
    return EnvironmentFault(f"{problem}; {advice}")


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return (str(error) or type(error).__name__).partition("\n")[0]
