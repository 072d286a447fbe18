"""Child processes: start, limit and kill them. No other module starts any."""

import contextlib
import math
import os
import resource
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import IO, TYPE_CHECKING, Any, cast

from ffprep.errors import EnvironmentFault
from ffprep.record import Record

if TYPE_CHECKING:
    from ffprep.system.pipes import Data

_LOG_LIMIT = 1 << 20

# The stack of a thread, and what it allocates when it begins.
_STACK, _THREAD_ROOM = 1 << 20, 4 << 20

# By default, glibc reserves 64 MB for each of up to eight threads a processor.
_POOLS_OF_MEMORY = 2

# A child that has used a smaller share of its time on a CPU has not worked on its photo.
_WORKING = 0.1

# glibc reserves a heap for every thread of FFmpeg, and returns each frame's memory to the system,
# which clears it for the next frame. One heap that is kept needs no more memory at its peak.
_MALLOC = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "2147483647"}

# What children get of this process's environment: how to find programs, folders and ffprep, and the
# language of messages. Not what changes how FFmpeg logs (AV_LOG_FORCE_COLOR, FFREPORT) or what is
# loaded into it (LD_PRELOAD), and no keys, proxies or passwords. SECURITY.md has this list.
_PASSED = frozenset(
    "PATH HOME USER LOGNAME TMPDIR TMP TEMP XDG_CACHE_HOME TZ LANG LANGUAGE "
    "PYTHONPATH PYTHONHOME PYTHONPLATLIBDIR PYTHONUSERBASE PYTHONNOUSERSITE "
    "PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX __CF_USER_TEXT_ENCODING".split()
)


def child_environment() -> dict[str, str]:
    """Return the environment of child processes: the few variables that they need."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED or name.startswith("LC_")
    }
    if _memory_is_limited():
        passed["MALLOC_ARENA_MAX"] = str(_POOLS_OF_MEMORY)
    return passed


def ffmpeg_environment() -> dict[str, str]:
    """Return the environment of FFmpeg, which has frames of the same size again and again."""
    return child_environment() | _MALLOC


class Limits(Record):
    """The limits of a child in bytes: its `memory`, and the size of each `file` that it writes."""

    memory: int
    file: int

    def impose(self, pid: int) -> None:
        """Limit a process that has just been started. Only Linux has this system call.

        A limit before the start would need a fork of this process with all its threads.
        """
        if not hasattr(resource, "prlimit"):
            return
        sizes = {
            resource.RLIMIT_DATA: self.memory,
            resource.RLIMIT_FSIZE: self.file,
            resource.RLIMIT_CORE: 0,
        }
        for what, size in sizes.items():
            # The process may have ended. A lower limit that it has inherited stays.
            with contextlib.suppress(OSError, ValueError, OverflowError):
                hard = resource.getrlimit(what)[1]
                least = size if hard == resource.RLIM_INFINITY else min(size, hard)
                resource.prlimit(pid, what, (least, least))


def answer(argv: Sequence[str], seconds: float) -> str:
    """Return what a program prints. Raises OSError if it cannot be run, or does not end in time."""
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
            env=child_environment(),
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"no answer within {seconds:g} s") from None
    return done.stdout.decode(errors="replace")


def lives(pid: int) -> bool:
    """Return whether a process has this number; it may be another process than before."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def started(pid: int) -> str:
    """Return the start time of a process, which tells it from a later one; "" if unknown."""
    try:
        return _stat_fields(pid)[19]
    except (OSError, IndexError):
        return ""


def _stat_fields(pid: int) -> list[str]:
    """Return what the kernel says of a process behind its name, which may contain anything."""
    with open(f"/proc/{pid}/stat", errors="replace") as file:
        return file.read().rpartition(")")[2].split()


class Timer(threading.Thread):
    """Calls `act` after `seconds`, unless it is cancelled before. It has `acted` then.

    Time in which this process did not run, stopped or on a frozen machine, does not count: a child
    has often not run either.
    """

    def __init__(self, seconds: float, act: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._steps = max(4, math.ceil(seconds))
        self._step, self._act = seconds / self._steps, act
        self._cancelled = threading.Event()
        self.acted = False
        start_thread(self)

    def run(self) -> None:
        """Wait in steps: while this process is stopped, only one of them passes."""
        for _ in range(self._steps):
            if self._cancelled.wait(self._step):
                return
        self.acted = True
        self._act()

    def cancel(self) -> None:
        """Do not call `act` any more."""
        self._cancelled.set()


def start_thread(thread: threading.Thread) -> None:
    """Start a thread. Raises EnvironmentFault if the system refuses it."""
    _require_room_for_thread()
    try:
        thread.start()
    except RuntimeError:
        raise no_threads() from None


def _require_room_for_thread() -> None:
    """Raise EnvironmentFault if a limit leaves no memory for one more thread.

    Python waits for ever for a thread that gets no memory when it begins.
    """
    if not _memory_is_limited():
        return
    import mmap

    try:
        mmap.mmap(-1, _THREAD_ROOM).close()
    except (OSError, MemoryError):
        raise no_threads() from None


@cache
def _memory_is_limited() -> bool:
    """Return whether this process inherited a limit; if so, let threads reserve less memory."""
    which = (resource.RLIMIT_AS, resource.RLIMIT_DATA)
    limited = any(resource.getrlimit(each)[0] != resource.RLIM_INFINITY for each in which)
    if limited:
        import ctypes

        threading.stack_size(_STACK)
        with contextlib.suppress(AttributeError, OSError):  # another C library
            ctypes.CDLL(None).mallopt(-8, _POOLS_OF_MEMORY)  # M_ARENA_MAX
    return limited


def no_threads() -> EnvironmentFault:
    """Return the error for a thread that the system refuses."""
    from ffprep.system.limits import thread_limit

    return EnvironmentFault(f"cannot start a thread; raise the limit {thread_limit()}")


class Running:
    """A child process, whose stdin gets the `data`. The begin of its stderr is kept as `log`.

    The caller uses the `stdin` and `stdout` of a child that talks.
    """

    def __init__(self, child: "subprocess.Popen[bytes]", data: "Iterable[Data] | None") -> None:
        self._child = child
        self.stdin, self.stdout = cast(IO[bytes], child.stdin), cast(IO[bytes], child.stdout)
        self.waited = False
        """Whether it had used little of its time, when that was over: it was stopped, or waited."""
        self._log = bytearray()
        self._pipe_threads = [
            threading.Thread(target=_drain, args=(child.stderr, self._log), daemon=True)
        ]
        if data is not None:
            feed = threading.Thread(target=_feed, args=(child.stdin, data), daemon=True)
            self._pipe_threads.append(feed)
        try:
            for thread in self._pipe_threads:
                start_thread(thread)
        except EnvironmentFault:
            child.kill()
            child.wait()
            raise

    @property
    def log(self) -> str:
        """What it has written to stderr so far, up to a limit."""
        return bytes(self._log).decode(errors="replace")

    @property
    def status(self) -> int | None:
        """Its exit status after a wait; for a signal, minus its number."""
        return self._child.returncode

    def wait(self, seconds: float) -> bool:
        """Wait for its end; return whether it has ended.

        Its end closes its stderr, so nothing polls until then.
        """
        drain = self._pipe_threads[0]
        drain.join(seconds)
        if drain.is_alive():
            return self._child.poll() is not None
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait_at_most(self, seconds: float) -> int | None:
        """Wait for its end and return the status; None if it was killed after `seconds`.

        Uses a timer instead of polling, which is twice as fast for small photos.
        """
        overdue = self.kill_after(seconds)
        try:
            status = self._child.wait()
        finally:  # after Ctrl-C, a timer that is left would delay the end of the program
            overdue.cancel()
        return None if overdue.acted and status == -signal.SIGKILL else status

    def kill_after(self, seconds: float) -> Timer:
        """Start a timer that kills it, and notes before whether it has only waited."""
        before = _cpu_seconds(self._child.pid)

        def end() -> None:
            self.waited = _cpu_seconds(self._child.pid) - before < seconds * _WORKING
            self.kill()

        return Timer(seconds, end)

    def kill(self) -> None:
        """Kill it and its process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)

    def finish(self) -> None:
        """Kill it and its process group, and read the rest of the log."""
        self.kill()
        self._child.wait()
        for thread in self._pipe_threads:
            thread.join(timeout=1)
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe and not self._pipe_threads[1:]:  # else the feeder closes it
                with contextlib.suppress(OSError):
                    pipe.close()


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and of its children that have ended; infinite if unknown."""
    try:
        return sum(map(int, _stat_fields(pid)[11:15])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return math.inf


class Processes:
    """The child processes of one run. `stop` kills all of them."""

    def __init__(self) -> None:
        _require_room_for_thread()  # before the pool starts its own
        self._lock = threading.RLock()  # a signal may call `stop` while this thread starts a child
        self._running: set[Running] = set()
        self.stopped = False
        """Whether `stop` was called. Not an Event: a signal may call `stop` inside `Event.set`."""

    def stop(self) -> None:
        """Kill every child; a child that starts later is killed at once."""
        with self._lock:
            self.stopped = True
            for running in self._running:
                running.kill()

    @contextlib.contextmanager
    def start(
        self,
        argv: Sequence[str],
        limits: Limits | None = None,
        data: "Iterable[Data] | None" = None,
        talks: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> Iterator[Running]:
        """Start a child in a session of its own; kill it at the end of the context.

        Its stdin is `data`, or empty; with `talks`, the caller uses its `stdin` and `stdout`. Its
        `environment` is `child_environment()` unless one is given. Raises OSError.
        """
        with self._lock:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL if data is None and not talks else subprocess.PIPE,
                stdout=subprocess.PIPE if talks else subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=child_environment() if environment is None else environment,
                start_new_session=True,
            )
            if limits:
                limits.impose(child.pid)
            running = Running(child, data)
            self._running.add(running)
            if self.stopped:
                running.kill()
        try:
            yield running
        finally:
            running.finish()
            with self._lock:
                self._running.discard(running)


def _drain(pipe: Any, log: bytearray) -> None:
    """Read a pipe to its end, so that the child never blocks; keep what fits the limit.

    Uses the pipe's methods: gevent's subprocess makes the descriptor one that does not wait.
    """
    with pipe, contextlib.suppress(ValueError, OSError):
        while chunk := pipe.read1(1 << 16):
            log += chunk[: max(0, _LOG_LIMIT - len(log))]


def _feed(pipe: IO[bytes], data: "Iterable[Data]") -> None:
    with contextlib.suppress(OSError, ValueError), pipe:
        for part in data:
            if isinstance(part, bytes):
                pipe.write(part)
            else:
                part.pour(pipe)
