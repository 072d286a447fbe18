"""One task in a thread, without a pool: the work of a command that has one photo.

The pool's executors come with `logging`, which takes as long to import as to decode a small photo.
"""

from collections.abc import Callable, Iterable, Iterator
from threading import Event, Thread
from typing import TypeVar

from ffprep.record import Record
from ffprep.system.processes import start_thread

Outcome = TypeVar("Outcome")

POLL_SECONDS = 0.05
STOP_SECONDS = 0.7
"""How long a stopped pool waits for the chunks in work."""
ABANDON_SECONDS = 30.0
"""The same with `abandon`, which kills every ffmpeg; decoders in this process have time limits."""


class StopRules(Record):
    """When a pool stops early, and how the chunks in work end.

    When `requested` returns True, no chunk begins any more, and the pool waits a moment for those
    in work. `abandon` is called when the pool is left by an exception or closed early: it kills the
    work, and the pool waits until that is over. Without `abandon`, the pool does not wait.
    """

    requested: Callable[[], bool] = lambda: False
    abandon: Callable[[], None] | None = None

    @property
    def patience(self) -> float:
        """How many seconds to wait for the chunks in work."""
        return ABANDON_SECONDS if self.abandon else STOP_SECONDS


def run_single(work: Callable[[], Iterable[Outcome]], stop: StopRules) -> Iterator[Outcome]:
    """Run `work` in a thread and yield its outcomes once it has ended, as a pool would.

    An exception of `work` is raised here, after its outcomes. Raises EnvironmentFault if no thread
    can be started.
    """
    outcomes, errors, ended = list[Outcome](), list[Exception](), Event()

    def run() -> None:
        try:
            outcomes.extend(work())
        except Exception as error:
            errors.append(error)
        ended.set()

    start_thread(Thread(target=run, daemon=True))
    try:
        while not ended.wait(POLL_SECONDS):
            if stop.requested():
                ended.wait(stop.patience)
                break
    except BaseException:
        if stop.abandon:
            stop.abandon()
            ended.wait(ABANDON_SECONDS)
        raise
    yield from list(outcomes)
    if errors:
        raise errors[0]
