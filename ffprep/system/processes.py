"""Child processes: start, limit and kill them. No other module starts any."""

import contextlib
import errno
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

_LOG_LIMIT = 1 << 20

LARGE = 40_000_000
"""The number of pixels from which a picture is large. Large ones are decoded one at a time."""

# What children get of this process's environment: how to find programs, folders and ffprep, and the
# language of messages. Not what changes how FFmpeg logs (AV_LOG_FORCE_COLOR, FFREPORT) or what is
# loaded into it (LD_PRELOAD), and no keys, proxies or passwords. SECURITY.md has this list.
_PASSED = frozenset(
    "PATH HOME USER LOGNAME TMPDIR TMP TEMP XDG_CACHE_HOME TZ LANG LANGUAGE "
    "PYTHONPATH PYTHONHOME PYTHONPLATLIBDIR PYTHONUSERBASE PYTHONNOUSERSITE "
    "PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX "
    "SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT USERPROFILE APPDATA LOCALAPPDATA "
    "__CF_USER_TEXT_ENCODING".split()
)


def child_environment() -> dict[str, str]:
    """Return the environment of child processes: the few variables that they need."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED or name.startswith("LC_")
    }


@dataclass(frozen=True, slots=True)
class Limits:
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
            # The process may have ended, or have lower limits already.
            with contextlib.suppress(OSError, ValueError, OverflowError):
                resource.prlimit(pid, what, (size, size))


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
        with open(f"/proc/{pid}/stat") as file:  # the name, in parentheses, may contain anything
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError, ValueError):
        return ""


def timer(seconds: float, act: Callable[[], None]) -> threading.Timer:
    """Start a timer. Raises OSError if no thread can be started."""
    made = threading.Timer(seconds, act)
    try:
        made.start()
    except RuntimeError:
        raise _no_threads() from None
    return made


def _no_threads() -> OSError:
    return OSError(errno.EAGAIN, "cannot start a thread; raise the limit of processes (ulimit -u)")


class Running:
    """A child process in a session of its own. The begin of its stderr is kept as `log`.

    Its stdin is `data`, or empty; with `talks`, the caller uses its `stdin` and `stdout`. Its
    `environment` is `child_environment()` unless one is given.
    """

    def __init__(
        self,
        argv: Sequence[str],
        limits: Limits | None = None,
        data: Iterable[bytes] | None = None,
        talks: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL if data is None and not talks else subprocess.PIPE,
            stdout=subprocess.PIPE if talks else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=child_environment() if environment is None else environment,
            start_new_session=True,
        )
        if limits:
            limits.impose(self._child.pid)
        self._log = bytearray()
        self._pipe_threads = [
            threading.Thread(target=_drain, args=(self._child.stderr, self._log), daemon=True)
        ]
        if data is not None:
            feed = threading.Thread(target=_feed, args=(self._child.stdin, data), daemon=True)
            self._pipe_threads.append(feed)
        try:
            for thread in self._pipe_threads:
                thread.start()
        except RuntimeError:
            self._child.kill()
            self._child.wait()
            raise _no_threads() from None

    @property
    def stdin(self) -> IO[bytes]:
        """The stdin of a child that talks."""
        assert self._child.stdin
        return self._child.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """The stdout of a child that talks."""
        assert self._child.stdout
        return self._child.stdout

    @property
    def log(self) -> str:
        """What it has written to stderr so far, up to a limit."""
        return bytes(self._log).decode(errors="replace")

    @property
    def status(self) -> int | None:
        """Its exit status after a wait; for a signal, minus its number."""
        return self._child.returncode

    def wait(self, seconds: float) -> bool:
        """Wait for its end; return whether it has ended. Polls, up to 50 ms apart."""
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait_at_most(self, seconds: float) -> int | None:
        """Wait for its end and return the status; None if it was killed after `seconds`.

        Uses a timer instead of polling, which is twice as fast for small photos.
        """
        late = threading.Event()

        def end() -> None:
            late.set()
            self.kill()

        overdue = timer(seconds, end)
        try:
            status = self._child.wait()
        finally:  # after Ctrl-C, a timer that is left would delay the end of the program
            overdue.cancel()
        return None if late.is_set() else status

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


class Processes:
    """The child processes of one run. `stop` kills all of them."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal may call `stop` while this thread starts a child
        self._large = threading.Lock()
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
        data: Iterable[bytes] | None = None,
        talks: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> Iterator[Running]:
        """Start a child, and kill it at the end of the context. Raises OSError."""
        with self._lock:
            running = Running(argv, limits, data, talks, environment)
            self._running.add(running)
            if self.stopped:
                running.kill()
        try:
            yield running
        finally:
            running.finish()
            with self._lock:
                self._running.discard(running)

    @contextlib.contextmanager
    def room_for(self, pixels: int) -> Iterator[None]:
        """Wait until a picture may be decoded: large ones are decoded one at a time."""
        with self._large if pixels >= LARGE else contextlib.nullcontext():
            yield


def _drain(pipe: Any, log: bytearray) -> None:
    """Read a pipe to its end, so that the child never blocks; keep what fits the limit.

    Uses the pipe's methods: gevent's subprocess makes the descriptor one that does not wait.
    """
    with pipe, contextlib.suppress(ValueError, OSError):
        while chunk := pipe.read1(1 << 16):
            log += chunk[: max(0, _LOG_LIMIT - len(log))]


def _feed(pipe: IO[bytes], data: Iterable[bytes]) -> None:
    with contextlib.suppress(OSError, ValueError), pipe:
        for part in data:
            pipe.write(part)
