"""A bounded pool: chunks in, results out as they come; and the signals that end it.

Threads, because the work is elsewhere: in ffmpeg, and in Pillow's decoders, which let others run.
"""

import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from types import FrameType, TracebackType
from typing import Self, TypeVar

from ffprep.errors import Interrupted

Chunk = TypeVar("Chunk")
Outcome = TypeVar("Outcome")

_PATIENCE = 0.7
"""Seconds that work in hand may still take when a run is interrupted."""


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def spread(
    chunks: Iterable[Chunk],
    work: Callable[[Chunk], Iterable[Outcome]],
    workers: int,
    *,
    ordered: bool = False,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Outcome]:
    """Run `work` over `chunks` on `workers` threads and yield what comes out.

    As it comes, or in the order of the chunks. At most two chunks a worker are in flight. Once
    `stopped` says so, no chunk begins, and what is in hand is waited for a moment only. An exception
    of `work` ends it all and is raised here.
    """
    executor: Executor = ThreadPoolExecutor(workers)
    pending: list[Future[list[Outcome]]] = []
    try:
        for chunk in chunks:
            if stopped():
                break
            pending.append(executor.submit(lambda chunk: list(work(chunk)), chunk))
            if len(pending) >= 2 * workers:
                yield from _take(pending, ordered, stopped)
        while pending:
            yield from _take(pending, ordered, stopped)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _take(
    pending: list[Future[list[Outcome]]], ordered: bool, stopped: Callable[[], bool]
) -> Iterator[Outcome]:
    """Take out of `pending` what ends next, and yield its outcomes; all of it when stopped."""
    done: set[Future[list[Outcome]]] = set()
    while not done and not stopped():
        watched = pending[:1] if ordered else pending
        done, _ = wait(watched, timeout=0.1, return_when=FIRST_COMPLETED)
    if stopped():
        done, late = wait(pending, timeout=_PATIENCE)
        done |= {future for future in late if future.cancel()}
        pending[:] = [future for future in pending if future in done]
    for future in [future for future in pending if future in done]:
        pending.remove(future)
        if not future.cancelled():
            yield from future.result()


class Signals:
    """SIGINT, SIGTERM and SIGHUP while a run goes on.

    Before `while_running`, the first one raises Interrupted. After it, `stop` is called instead, so
    that the run ends by itself and can say what was done. A signal that was ignored stays ignored.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._stop: Callable[[], None] | None = None
        self._before: dict[int, object] = {}

    def while_running(self, stop: Callable[[], None]) -> None:
        """From now on, a signal calls `stop`."""
        self._stop = stop

    def __enter__(self) -> Self:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.number is not None:
            return  # it is ending already, and its cleaning up is not to be cut short
        self.number = number
        if self._stop is None:
            raise Interrupted(number)
        self._stop()
