"""Child processes: started, limited, listened to, ended with all they started. The only room that starts any."""

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
"""Pixels from which a picture is large: of those, one at a time is worked on."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may take: `memory` of its own and the size of one `file` that it writes, in bytes."""

    memory: int
    file: int

    def impose(self, pid: int) -> None:
        """Limit a process that has just been started. Linux only; elsewhere there is no such call.

        Not before its start: that would take a fork of this process, threads and all.
        """
        if not hasattr(resource, "prlimit"):
            return
        sizes = {
            resource.RLIMIT_DATA: self.memory,
            resource.RLIMIT_FSIZE: self.file,
            resource.RLIMIT_CORE: 0,
        }
        for what, size in sizes.items():
            # It may have ended already, or live under limits that are tighter.
            with contextlib.suppress(OSError, ValueError, OverflowError):
                resource.prlimit(pid, what, (size, size))


def answer(argv: Sequence[str], seconds: float) -> str:
    """What a program prints. Raises OSError when it cannot be run or does not end in time."""
    try:
        done = subprocess.run(
            argv, capture_output=True, stdin=subprocess.DEVNULL, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"no answer in {seconds:g} s") from None
    return done.stdout.decode(errors="replace")


def lives(pid: int) -> bool:
    """Whether there is a process of this number on this machine; it may be somebody else's by now."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def started(pid: int) -> str:
    """What tells a process from another one of its number: when it began; "" where nobody knows."""
    try:
        with open(f"/proc/{pid}/stat") as file:  # the name, in brackets, may be anything
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError, ValueError):
        return ""


def timer(seconds: float, act: Callable[[], None]) -> threading.Timer:
    """A timer that runs. Raises OSError where no thread can be started."""
    made = threading.Timer(seconds, act)
    try:
        made.start()
    except RuntimeError:
        raise _no_threads() from None
    return made


def _no_threads() -> OSError:
    return OSError(errno.EAGAIN, "no thread can be started; raise the limit of processes")


class Running:
    """A child process in a session of its own. Its stderr is drained; the start of it is kept.

    It reads `data`, or nothing; with `talks`, its `stdin` and `stdout` are left to the caller. `more` is
    added to its environment.
    """

    def __init__(
        self,
        argv: Sequence[str],
        limits: Limits | None = None,
        data: Iterable[bytes] | None = None,
        talks: bool = False,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self._child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL if data is None and not talks else subprocess.PIPE,
            stdout=subprocess.PIPE if talks else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, **more} if more else None,
            start_new_session=True,
        )
        if limits:
            limits.impose(self._child.pid)
        self._log = bytearray()
        self._helpers = [
            threading.Thread(target=_drain, args=(self._child.stderr, self._log), daemon=True)
        ]
        if data is not None:
            feed = threading.Thread(target=_feed, args=(self._child.stdin, data), daemon=True)
            self._helpers.append(feed)
        try:
            for helper in self._helpers:
                helper.start()
        except RuntimeError:
            self._child.kill()
            self._child.wait()
            raise _no_threads() from None

    @property
    def stdin(self) -> IO[bytes]:
        """What a child that talks reads."""
        assert self._child.stdin
        return self._child.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """What a child that talks says."""
        assert self._child.stdout
        return self._child.stdout

    @property
    def log(self) -> str:
        """What it has said so far, up to a limit."""
        return bytes(self._log).decode(errors="replace")

    @property
    def status(self) -> int | None:
        """What it ended with, once somebody has waited for that; minus the number of a signal."""
        return self._child.returncode

    def wait(self, seconds: float) -> bool:
        """Wait a while; True when it has ended. Looks again and again, up to 50 ms apart."""
        try:
            self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait_at_most(self, seconds: float) -> int | None:
        """Wait for the end and return the status; None if it had to be killed after `seconds`.

        By a timer and not by looking: for small photos, that is twice as fast.
        """
        late = threading.Event()

        def end() -> None:
            late.set()
            self.kill()

        overdue = timer(seconds, end)
        try:
            status = self._child.wait()
        finally:  # a Ctrl-C must leave no timer, which would keep a program from its end
            overdue.cancel()
        return None if late.is_set() else status

    def kill(self) -> None:
        """End it with its group, also what it left behind."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)

    def finish(self) -> None:
        """Leave nobody behind, and read the rest of the log."""
        self.kill()
        self._child.wait()
        for helper in self._helpers:
            helper.join(timeout=1)
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe and not self._helpers[1:]:  # else the feeder closes it
                with contextlib.suppress(OSError):
                    pipe.close()


class Processes:
    """The child processes of one run, ended together by `stop`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal's `stop` may come while this thread starts one
        self._large = threading.Lock()
        self._running: set[Running] = set()
        self.stopped = False
        """True once `stop` was called. An attribute, since every run asks very often."""

    def stop(self) -> None:
        """End every child, and let no new one start."""
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
        more: Mapping[str, str] | None = None,
    ) -> Iterator[Running]:
        """A child that is ended, at the latest, with the context.

        Once stopped, what is started ends at once. Raises OSError if it cannot be started.
        """
        with self._lock:
            running = Running(argv, limits, data, talks, more)
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
        """Wait until there is room for a picture: large ones are worked on one at a time."""
        with self._large if pixels >= LARGE else contextlib.nullcontext():
            yield


def _drain(pipe: Any, log: bytearray) -> None:
    """Read to the end, so that the child never waits for us; keep what fits the limit.

    By the pipe's own methods, and not from its descriptor, which gevent's subprocess makes one that does not wait.
    """
    with pipe, contextlib.suppress(ValueError, OSError):
        while chunk := pipe.read1(1 << 16):
            log += chunk[: max(0, _LOG_LIMIT - len(log))]


def _feed(pipe: IO[bytes], data: Iterable[bytes]) -> None:
    with contextlib.suppress(OSError, ValueError), pipe:
        for part in data:
            pipe.write(part)
