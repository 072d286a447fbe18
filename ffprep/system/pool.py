"""A bounded pool of workers: chunks in, outcomes out as they come.

Threads, because the work is elsewhere: in ffmpeg, and in Pillow's decoders, which let others run.
"""

import math
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, main_thread
from typing import Generic, TypeVar

from ffprep.errors import EnvironmentFault
from ffprep.system.jobserver import Slots, slots

Chunk = TypeVar("Chunk")
Outcome = TypeVar("Outcome")

_PULSE = 0.05
_PATIENCE = 0.7
"""Seconds that work in hand may still take when a run is interrupted."""
_LEAVING = 30.0
"""The same where somebody waits for the end of what was abandoned: no ffmpeg is left, and decoders in this process have an end."""


def processors() -> int:
    """How many processors this process may use: by its affinity, and by its cgroup's quota."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    return max(1, math.ceil(min(len(os.sched_getaffinity(0)), _quota(Path("/")))))


def _quota(root: Path) -> float:
    """Processors' worth of time that the control groups above this process leave it.

    Linux's documentation: cgroup-v2.rst (`cpu.max`: quota and period, or max), and sched-bwc.rst for
    version 1. A container often sees its own group as the root, so that is looked at too.
    """
    quotas = [math.inf]
    for entry in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, group = entry.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        place = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
        for folder in (Path(group), *Path(group).parents):
            here = place / folder.relative_to("/")
            words = _read(here / "cpu.max").split() or [
                word
                for name in ("quota", "period")
                for word in _read(here / f"cpu.cfs_{name}_us").split()
            ]
            if len(words) == 2 and all(word.isdecimal() for word in words):
                quotas.append(int(words[0]) / int(words[1]))
    return min(quotas)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class Immediate(Generic[Outcome]):
    """In place of a chunk: outcomes that take no work. They come out at once."""

    outcomes: Iterable[Outcome]


class RemoteExecutor(Executor):
    """Workers that have no memory in common with this process: a chunk's outcomes come together."""

    @property
    def width(self) -> int:
        """How many chunks they can work on at a time, by now."""
        raise NotImplementedError

    @property
    def room(self) -> int:
        """How many chunks they are to have at a time, those that wait for a worker among them."""
        return 2 * self.width


def run_chunks(
    chunks: Iterable[Chunk | Immediate[Outcome]],
    work: Callable[[Chunk], Iterable[Outcome]],
    workers: int,
    *,
    elsewhere: RemoteExecutor | None = None,
    ordered: bool = False,
    stopped: Callable[[], bool] = lambda: False,
    abandon: Callable[[], None] | None = None,
) -> Generator[Outcome, None, None]:
    """Run `work` over `chunks` on `workers` threads and yield what comes out, as it comes.

    `ordered` yields a chunk's outcomes only when those before it are through. At most two chunks a
    worker are in flight. Once `stopped` says so, no chunk begins, and what is in hand is waited for
    a moment only. So it is when `work` raises, which ends it all; the exception is raised here at last.
    A chunk begins when this process has a slot for it (see `jobserver`). When it is broken off, by an exception
    or by whoever takes no more, `abandon` ends what is in hand, and that is waited for. `elsewhere` is instead of
    the threads: how many chunks are in flight is its to say, and the slots there are none of this process.
    Raises EnvironmentFault where no thread can be started.
    """
    executor = elsewhere or ThreadPoolExecutor(workers)
    process_slots, over, patience = slots(), Event(), _LEAVING if abandon else _PATIENCE
    pending: deque[_Task[Outcome]] = deque()
    come = Event()
    try:
        for chunk in chunks:
            if stopped():
                break
            if isinstance(chunk, Immediate):
                yield from chunk.outcomes
                yield from _take(pending, come, ordered, stopped, patience, at_once=True)
                continue
            task = _Task[Outcome](come, process_slots, lambda: over.is_set() or stopped())
            if elsewhere:
                task.future = elsewhere.submit(work, chunk)
            else:
                task.future = _submitted(executor, task, work, chunk)
            task.future.add_done_callback(lambda _: come.set())
            pending.append(task)
            while len(pending) >= (elsewhere.room if elsewhere else 2 * workers):
                yield from _take(pending, come, ordered, stopped, patience)
        while pending:
            yield from _take(pending, come, ordered, stopped, patience)
    except BaseException:
        over.set()
        if abandon:
            abandon()
            wait([task.future for task in pending if not task.future.cancel()], _LEAVING)
        raise
    finally:
        over.set()
        executor.shutdown(wait=False, cancel_futures=True)


class _Task(Generic[Outcome]):
    """A chunk in work, and what came out of it so far; `come` is set for each outcome."""

    future: "Future[Iterable[Outcome] | None]"

    def __init__(self, come: Event, slots: Slots, stopped: Callable[[], bool]) -> None:
        self._come, self._slots, self._stopped = come, slots, stopped
        self.outcomes: SimpleQueue[Outcome] = SimpleQueue()

    def run(self, work: Callable[[Chunk], Iterable[Outcome]], chunk: Chunk) -> None:
        """Do the work, unless it is to be stopped before there is a slot for it."""
        with self._slots.one(self._stopped) as free:
            for outcome in work(chunk) if free else ():
                self.outcomes.put(outcome)
                self._come.set()

    def take(self) -> Iterator[Outcome]:
        """What came out and was not taken yet; an exception when there is nothing else to come."""
        ended = self.future.done()
        with suppress(Empty):
            while True:
                yield self.outcomes.get_nowait()
        if ended and not self.future.cancelled():
            yield from self.future.result() or ()


def _submitted(
    executor: Executor,
    task: _Task[Outcome],
    work: Callable[[Chunk], Iterable[Outcome]],
    chunk: Chunk,
) -> "Future[Iterable[Outcome] | None]":
    try:
        return executor.submit(task.run, work, chunk)
    except RuntimeError:
        words = "no thread can be started; raise the limit of processes"
        if not main_thread().is_alive():
            words = "the program is ending, and no photo is begun any more"
        raise EnvironmentFault(words) from None


def _take(
    pending: "deque[_Task[Outcome]]",
    come: Event,
    ordered: bool,
    stopped: Callable[[], bool],
    patience: float,
    at_once: bool = False,
) -> Iterator[Outcome]:
    """Wait for something to come, yield it, and drop the tasks that have ended."""
    if not at_once:
        come.wait(_PULSE)
    come.clear()  # before looking, so that nothing that comes meanwhile is missed
    if stopped():
        wait([task.future for task in pending if not task.future.cancel()], timeout=patience)
    for task in list(pending):
        ended = task.future.done() or stopped()
        try:
            yield from task.take()
        except Exception:  # it ends the others too, and what they have done is told first
            pending.remove(task)
            wait([other.future for other in pending if not other.future.cancel()], _PATIENCE)
            for other in pending:
                with suppress(Exception):
                    yield from other.take()
            raise
        if ended:
            pending.remove(task)
        elif ordered:
            break
