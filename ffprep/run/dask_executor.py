"""A Dask cluster as an executor: chunks go to its workers, what became of them comes back to this run.

The scheduler holds a few chunks for each worker's thread, never the library. It gives the chunk of a worker that
dies to another one, and counts the death against all that the worker had been given. So a chunk at which several have
died is only suspected: its photos are tried one at a time, with nothing else at the workers, so that one photo costs itself.
"""

import os
import pickle
import threading
import time
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ffprep.core.job import Job, Result
from ffprep.core.location import Location
from ffprep.core.policy import ClusterOptions
from ffprep.errors import EnvironmentFault, Kind, PhotoError
from ffprep.ledger.rows import NO_HASHES, FinishedJob, Hashes, PendingJob
from ffprep.run.task import (
    Answer,
    ClusterTask,
    WorkerInfo,
    end,
    other_version,
    perform,
    unreadable,
    worker_info,
)
from ffprep.run.work import Work
from ffprep.system.pool import RemoteExecutor
from ffprep.system.tempfiles import sweep
from ffprep.version import __version__

_PULSE = 0.05
_ROUND = 1.0
"""Seconds between two looks at who is in the cluster."""
PATIENCE = 0.5
"""Seconds that chunks in hand have to come back when the run is stopped."""
_LOOKS = 3
"""How many of them in a row find nobody before that is told."""


@dataclass(slots=True)
class _Flight:
    """A chunk under way, in one part or in several. `todo` has its jobs by the absolute paths of their outputs."""

    todo: dict[Location, PendingJob]
    parts: int = 1
    made: list[FinishedJob] = field(default_factory=list)
    future: "Future[Iterable[FinishedJob]]" = field(default_factory=Future)

    @property
    def folders(self) -> set[str]:
        """Where its outputs go."""
        return {os.path.dirname(path) for path in self.todo if isinstance(path, Path)}

    def take(self, made: Iterable[tuple[Result, Hashes]]) -> None:
        """Results of it, as the run knows its jobs."""
        for result, hashes in made:
            assert result.output
            pending = self.todo[result.output]
            result = replace(result, source=pending.job.source, output=pending.job.output)
            self.made.append(FinishedJob(result, pending, hashes))

    def land(self, error: Exception | None = None) -> None:
        """No more comes of it."""
        if not self.future.done():
            self.future.set_result(_then_raise(self.made, error))


def _deadly(pending: PendingJob, deaths: int) -> tuple[Result, Hashes]:
    """What becomes of a photo that had the workers to itself while so many of them died."""
    words = f"all {deaths} workers that had it in work have died; look into their logs"
    error = PhotoError(Kind.DAMAGED, f"{words}, and try it again with --retry always")
    return Result.failed(pending.job.source, pending.job.output, error), NO_HASHES


def _then_raise(made: Iterable[FinishedJob], error: Exception | None) -> Iterator[FinishedJob]:
    yield from made
    if error:
        raise error


class Cluster(RemoteExecutor):
    """An executor over a Dask client. One thread watches who is there, and whether the run is `stopped`."""

    def __init__(
        self, client: Any, venue: ClusterOptions, duty: ClusterTask, tell: Callable[[str], None]
    ) -> None:
        self._client, self._venue, self._duty, self._warn = client, venue, duty, tell
        self._lock = threading.RLock()
        self._out: dict[Any, tuple[_Flight, list[PendingJob]]] = {}
        self._held: deque[tuple[_Flight, list[PendingJob]]] = deque()
        self._suspects: deque[tuple[_Flight, list[PendingJob]]] = deque()
        self._tried: Any = None
        self._met: dict[str, WorkerInfo] = {}
        self._threads: dict[str, int] = {}
        self._dead: set[str] = set()
        self._recent: set[str] = set()
        self._littered: set[str] = set()
        self._deserted = _LOOKS - 1  # at the start, it is told at once
        self._over = threading.Event()
        self._fault: EnvironmentFault | None = None
        self.team: dict[str, Any] = {}
        """What is known of the workers, for the summary; kept up to date."""

    @property
    def width(self) -> int:
        """How many threads its workers have."""
        return max(1, sum(self._threads.values()))

    @property
    def deserted(self) -> bool:
        """Whether it has no workers."""
        return not self._threads

    @property
    def room(self) -> int:
        """How many chunks may be under way."""
        return self._venue.most or super().room

    @property
    def ffmpeg(self) -> str:
        """The versions that its workers have of FFmpeg; empty where none has come yet."""
        return ", ".join(sorted({worker.ffmpeg for worker in self._met.values()}))

    @property
    def sentence(self) -> str:
        """Who is there, for people."""
        team = self.team
        return f"{team['workers']} workers with {team['threads']} threads, ffprep {__version__}, FFmpeg {self.ffmpeg or 'unknown yet'}"

    def duty(self, work: Work) -> Callable[[list[PendingJob]], Iterable[FinishedJob]]:
        """What is done there with a chunk."""
        self._duty = replace(self._duty, work=work)
        return self._duty  # type: ignore[return-value]

    def submit(self, fn: Any, /, *args: Any, **_: Any) -> Any:
        """Send a chunk; a future of its outcomes, an iterator that raises at its end what has ended it."""
        (todo,) = args
        absolute = [replace(pending, job=_absolute(pending.job)) for pending in todo]
        known = zip(absolute, todo, strict=True)
        flight = _Flight({there.job.output: here for there, here in known})
        flight.future.set_running_or_notify_cancel()
        with self._lock:
            self._held.append((flight, absolute))
            self._go_on()
        return flight.future

    def _go_on(self) -> None:
        """Send all there is; but a suspect only when nothing else is out, and nothing beside it. Called with the lock."""
        if self._suspects:
            if not self._out:
                self._tried = self._send(*self._suspects.popleft())
        elif self._tried not in self._out:
            while self._held:
                self._send(*self._held.popleft())

    def _send(self, flight: _Flight, part: list[PendingJob]) -> Any:
        if self._fault or self._over.is_set():
            return flight.land(self._fault)
        parcel = pickle.dumps((self._duty, part))
        try:
            sent = self._client.submit(perform, __version__, parcel, pure=False)
        except Exception as error:  # the client has closed itself
            flight.land(fault := lost(self._venue, error))
            return self._fail(fault)
        self._out[sent] = flight, part
        self._recent |= flight.folders
        sent.add_done_callback(self._landed)
        return sent

    def _landed(self, sent: Any) -> None:
        """Take what came of a part of a flight. Called in one thread of Dask's, for one after the other."""
        with self._lock:
            flight, part = self._out.get(sent, (None, []))
        if flight is None:  # it was dropped
            return None
        from distributed import KilledWorker

        error: Exception | None = None
        try:
            if sent.status == "cancelled":
                return self._fail(lost(self._venue))
            answer: Answer = pickle.loads(sent.result())
            flight.take(answer.made)
            error = answer.fault
        except KilledWorker as killed:
            if sent is self._tried:
                flight.take([_deadly(part[0], killed.allowed_failures + 1)])
            else:
                self._suspect(flight, part)
        except Exception as other:
            error = _unreadable(self._venue, other) or other
        with self._lock:
            self._out.pop(sent, None)
            flight.parts -= 1
            if error or not flight.parts:
                flight.land(error)
            self._go_on()
        return None

    def _suspect(self, flight: _Flight, part: list[PendingJob]) -> None:
        """Have the photos of a part at which workers died, or at others beside it, tried one by one."""
        with self._lock:
            flight.parts += len(part)
            self._suspects.extend((flight, [pending]) for pending in part)

    def _fail(self, fault: EnvironmentFault) -> None:
        """End it all."""
        with self._lock:
            self._fault = self._fault or fault
            self._drop()

    def _drop(self) -> list[Any]:
        """Land all that is under way, and be told no more of it; what the workers still have."""
        with self._lock:
            left = list(self._out)
            flights = [flight for flight, _ in (*self._out.values(), *self._suspects, *self._held)]
            for those in (self._out, self._suspects, self._held):
                those.clear()
        for flight in flights:
            flight.land(self._fault)
        return left

    def look_around(self) -> None:
        """Meet workers that are new, and note those that are gone. Raises EnvironmentFault for one that cannot do it."""
        there = self._client.nthreads(callback_timeout=30)
        self._bury(there)
        if new := list(there.keys() - self._met.keys()):
            self._meet(new)
        self._threads = there
        self._deserted = 0 if there else self._deserted + 1
        if self._deserted == _LOOKS:
            words = f"{self._venue.address} has no workers"
            self._warn(f"{words}; the run goes on when there are some")
        self.team |= {
            "workers": len(there),
            "threads": sum(there.values()),
            "ffprep": __version__,
        }

    def _bury(self, there: Container[str]) -> None:
        """Note which workers are gone, and where they may have left something: where any have worked since the last look.

        What one of them had in hand may be done by another one since.
        """
        with self._lock:
            for address in [one for one in self._met if one not in there]:
                self._dead.add(self._met.pop(address).maker)
                self._littered |= self._recent
            self._recent = set().union(*(flight.folders for flight, _ in self._out.values()))

    def _meet(self, addresses: list[str]) -> None:
        asked = self._duty.ffmpeg, list(self._duty.sights)
        answers = self._client.run(
            worker_info, *asked, workers=addresses, on_error="return", callback_timeout=60
        )
        before = self.ffmpeg
        for address, answer in answers.items():
            if isinstance(answer, Exception):
                if isinstance(answer, ImportError | AttributeError | EnvironmentFault):
                    words = f"the worker {address} is of no use ({answer})"
                    raise EnvironmentFault(f"{words}; install the same ffprep[dask] everywhere")
                continue  # it is gone again, or busy, and is met in the next round
            worker = WorkerInfo(*answer)
            if worker.ffprep != __version__:
                raise other_version(worker.host, worker.ffprep, __version__)
            if worker.missing:
                raise unreadable(worker.host, worker.missing[0])
            self._met[address] = worker
        self.team["ffmpeg"] = self.ffmpeg
        if "," in self.ffmpeg and self.ffmpeg != before:
            self._warn(f"the workers have different versions of FFmpeg: {self.ffmpeg}")

    def watch(self, stopped: Callable[[], bool]) -> None:
        """Look around until it is over, and end it when the run is stopped. In a thread of its own."""
        due = time.monotonic() + _ROUND
        while not self._over.wait(_PULSE):
            if stopped():
                return self._halt()
            if time.monotonic() < due:
                continue
            try:
                self.look_around()
            except EnvironmentFault as fault:
                self._fail(fault)
            except Exception:  # what is lost for good is told by what was under way
                if self._client.status == "closed":
                    self._fail(lost(self._venue))
            due = time.monotonic() + _ROUND
        return None

    def _halt(self) -> None:
        """Have the workers end what they have in hand; what comes back of it soon is taken."""
        with suppress(Exception):
            self._client.run(end, self._duty.run, on_error="ignore", callback_timeout=PATIENCE)
        until = time.monotonic() + PATIENCE
        while self._out and time.monotonic() < until:
            time.sleep(_PULSE)
        self.shutdown()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Drop what is still under way."""
        self._over.set()
        left = self._drop()
        with suppress(Exception):
            self._client.cancel(left)

    def leave(self) -> None:
        """Have the workers forget the run, and remove what dead ones have left unpublished."""
        self.shutdown()
        with suppress(Exception):
            self._client.run(end, self._duty.run, on_error="ignore", callback_timeout=PATIENCE)
        with suppress(Exception):
            self._bury(self._client.nthreads(callback_timeout=PATIENCE))
        for folder in self._littered:
            sweep(folder, self._dead)


def _absolute(job: Job) -> Job:
    """As every machine knows it."""
    return replace(job, source=from_anywhere(job.source), output=from_anywhere(job.output))


def from_anywhere(place: Location) -> Location:
    """A place as every machine knows it."""
    return Path(os.path.abspath(place)) if isinstance(place, Path) else place


def lost(venue: ClusterOptions, error: BaseException | None = None) -> EnvironmentFault:
    """What to say when there is no scheduler any more."""
    words = f"the Dask scheduler at {venue.address} is lost"
    why = f" ({first_line(error)})" if error and str(error) else ""
    return EnvironmentFault(f"{words}{why}; what was done is remembered, so run again")


def _unreadable(venue: ClusterOptions, error: BaseException) -> EnvironmentFault | None:
    """What to say where the scheduler, which looks into what it hands on, or a worker has another ffprep, or none."""
    cause: BaseException | None = error
    while cause and not isinstance(cause, ImportError | pickle.UnpicklingError):
        cause = cause.__cause__
    if cause is None:
        return None
    words = f"scheduler or workers of {venue.address} cannot read what they are to do ({cause})"
    return EnvironmentFault(
        f"{words}; install the same ffprep[dask] on all of them, with one Python"
    )


def first_line(error: BaseException) -> str:
    """Of what an error says."""
    return (str(error) or type(error).__name__).partition("\n")[0]
