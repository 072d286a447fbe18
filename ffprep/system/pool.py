"""A bounded pool of workers: chunks in, outcomes out as they come."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext, suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread, main_thread
from typing import Generic, TypeVar

from ffprep.errors import ProgramExiting
from ffprep.record import Record
from ffprep.system.machine import find_jobserver
from ffprep.system.processes import no_threads, start_thread
from ffprep.system.single import ABANDON_SECONDS, POLL_SECONDS, STOP_SECONDS, StopRules

Chunk = TypeVar("Chunk")
Outcome = TypeVar("Outcome")


class Immediate(Record, Generic[Outcome]):
    """Outcomes that need no work, in place of a chunk. They are yielded at once."""

    outcomes: Iterable[Outcome]


class RemoteExecutor(Executor):
    """Workers on other machines. The outcomes of a chunk come back together, in its future."""

    @property
    def room(self) -> int:
        """The number of chunks to send at most, in work and waiting for a worker."""
        raise NotImplementedError


def run_chunks(
    chunks: Iterable[Chunk | Immediate[Outcome]],
    work: Callable[[Chunk], Iterable[Outcome]],
    workers: int | RemoteExecutor,
    *,
    ordered: bool = False,
    stop: StopRules = StopRules(),
) -> Generator[Outcome, None, None]:
    """Run `work` over `chunks` and yield the outcomes as they come.

    `workers` is a number of threads, or an executor on other machines. With `ordered`, the outcomes
    of a chunk come after those of the chunks before it. An exception of `work` stops the pool and
    is raised here, after the outcomes of the chunks that were in work. Raises EnvironmentFault if
    no thread can be started.
    """
    pool = _Pool[Chunk, Outcome](work, workers, stop, ordered)
    try:
        for chunk in chunks:
            if stop.requested():
                break
            if isinstance(chunk, Immediate):
                yield from chunk.outcomes
                yield from pool.collect()
                continue
            pool.submit(chunk)
            while pool.full:
                yield from pool.wait_and_collect()
        while pool.tasks:
            yield from pool.wait_and_collect()
    except BaseException:
        pool.abandon()
        raise
    finally:
        pool.close()


class _Task(Generic[Outcome]):
    """A chunk in work, and its outcomes that are not taken yet."""

    future: "Future[Iterable[Outcome] | None]"

    def __init__(self) -> None:
        self.outcomes: SimpleQueue[Outcome] = SimpleQueue()

    def take(self) -> Iterator[Outcome]:
        """Yield the new outcomes; after the last one, raise the exception of the work, if any."""
        ended = self.future.done()
        with suppress(Empty):
            while True:
                yield self.outcomes.get_nowait()
        if ended and not self.future.cancelled():
            yield from self.future.result() or ()


class _Pool(Generic[Chunk, Outcome]):
    """The tasks in flight, on threads or a RemoteExecutor, and the collection of their outcomes.

    Threads suffice, because the work is done elsewhere: in ffmpeg, and in Pillow's decoders, which
    release the interpreter lock. In a thread, each chunk waits for a slot of make's jobserver.
    """

    def __init__(
        self,
        work: Callable[[Chunk], Iterable[Outcome]],
        workers: int | RemoteExecutor,
        stop: StopRules,
        ordered: bool,
    ) -> None:
        self.tasks: deque[_Task[Outcome]] = deque()
        self._work, self._workers, self._stop, self._ordered = work, workers, stop, ordered
        self._executor = ThreadPoolExecutor(workers) if isinstance(workers, int) else workers
        self._jobserver = find_jobserver()
        self._arrived, self._closed = Event(), Event()

    @property
    def full(self) -> bool:
        """Whether no further chunk may be in flight. A thread has two, so that it never waits."""
        workers = self._workers
        return len(self.tasks) >= (2 * workers if isinstance(workers, int) else workers.room)

    def submit(self, chunk: Chunk) -> None:
        """Send a chunk to the workers."""
        task = _Task[Outcome]()
        if isinstance(self._workers, int):
            task.future = self._start_in_thread(task, chunk)
        else:
            task.future = self._executor.submit(self._work, chunk)
        task.future.add_done_callback(lambda _: self._arrived.set())
        self.tasks.append(task)

    def _start_in_thread(
        self, task: _Task[Outcome], chunk: Chunk
    ) -> "Future[Iterable[Outcome] | None]":
        try:
            return self._executor.submit(self._run, task, chunk)
        except RuntimeError as error:
            # Python refuses threads a little before the main thread counts as ended.
            if "interpreter shutdown" in str(error) or not main_thread().is_alive():
                raise ProgramExiting("the program is exiting; no further photo begins") from None
            raise no_threads() from None

    def _run(self, task: _Task[Outcome], chunk: Chunk) -> None:
        slot = self._jobserver.slot(self._stopped) if self._jobserver else nullcontext(True)
        with slot as free:
            for outcome in self._work(chunk) if free else ():
                task.outcomes.put(outcome)
                self._arrived.set()

    def _stopped(self) -> bool:
        return self._closed.is_set() or self._stop.requested()

    def wait_and_collect(self) -> Iterator[Outcome]:
        """Wait for an outcome, then yield all that have come."""
        self._arrived.wait(POLL_SECONDS)
        yield from self.collect()

    def collect(self) -> Iterator[Outcome]:
        """Yield the outcomes that have come, and drop the tasks that have ended."""
        self._arrived.clear()  # before looking at the tasks, so that no outcome is missed
        stopping = self._stop.requested()
        if stopping:
            self._wait_for_all(self._stop.patience)
        for task in list(self.tasks):
            ended = task.future.done() or stopping
            try:
                yield from task.take()
            except Exception:
                self.tasks.remove(task)
                yield from self._collect_last()
                raise
            if ended:
                self.tasks.remove(task)
            elif self._ordered:
                break

    def _collect_last(self) -> Iterator[Outcome]:
        """Yield what the other tasks have done, before the exception of one ends them all."""
        self._wait_for_all(STOP_SECONDS)
        for task in self.tasks:
            with suppress(Exception):
                yield from task.take()

    def _wait_for_all(self, seconds: float) -> None:
        wait([task.future for task in self.tasks if not task.future.cancel()], seconds)

    def abandon(self) -> None:
        """Kill the chunks in work, if `StopRules.abandon` is set, and wait for their end."""
        self._closed.set()
        if self._stop.abandon:
            self._stop.abandon()
            self._wait_for_all(ABANDON_SECONDS)

    def close(self) -> None:
        """Begin no further chunk, and leave the workers."""
        self._closed.set()
        self._executor.shutdown(wait=False, cancel_futures=True)


def call_in_thread(call: Callable[[], Outcome], seconds: float | None = None) -> Outcome:
    """Return what `call` returns in a thread of its own; raise what it raises.

    Raise TimeoutError after `seconds`, and leave the call alone.
    """
    future = Future[Outcome]()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    start_thread(Thread(target=run, daemon=True))
    return future.result(seconds)
