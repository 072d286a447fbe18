"""Measure a command with all processes that it starts: wall time, CPU time and memory.

CPU time is what the kernel charged to the command and to all descendants that were waited for.
Memory is the largest sum of the resident sizes (RSS) of the process tree, sampled every 20 ms. A
page that several processes share counts once for each of them, so the sum is an upper bound. The
exact shares (PSS) cost milliseconds a sample, which would slow down the command.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_INTERVAL = 0.02
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Measure:
    """One command: seconds of wall and CPU time, bytes of memory, exit status.

    `peak` is the whole tree's, `own` the high-water mark of the command's own process. Both are 0
    where they were not asked for, and where there is no /proc to ask.
    """

    wall: float
    cpu: float
    peak: int
    own: int
    status: int


def measure(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    memory: bool = True,
) -> Measure:
    """Run a command to its end. What it says goes to the file `log`, or nowhere."""
    with open(log or os.devnull, "ab") as output:
        started = time.perf_counter()
        child = subprocess.Popen(
            argv,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        watch = Watch(child.pid)
        if memory:
            watch.start()
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - started
    watch.stop()
    child.returncode = os.waitstatus_to_exitcode(status)
    cpu = usage.ru_utime + usage.ru_stime
    return Measure(wall, cpu, watch.peak, watch.own, child.returncode)


@dataclass(slots=True)
class Watch:
    """Samples the memory of a process tree from a thread of its own, until told to stop."""

    root: int
    peak: int = 0
    own: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to sample."""
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End sampling."""
        self._ended.set()
        if self._thread:
            self._thread.join()

    def kill(self) -> None:
        """End the tree, each process with its session."""
        for pid in list(_tree(self.root)):
            with suppress(OSError):
                os.killpg(pid, signal.SIGKILL)

    def _sample(self) -> None:
        while True:
            self.peak = max(self.peak, sum(map(_resident, _tree(self.root))))
            self.own = max(self.own, _high_water(self.root))
            if self._ended.wait(_INTERVAL):
                return


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a running process."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _tree(root: int) -> Iterator[int]:
    """A process and all its descendants, also those in sessions of their own."""
    yield root
    with suppress(OSError):
        for task in os.listdir(f"/proc/{root}/task"):
            with suppress(OSError):
                for child in Path(f"/proc/{root}/task/{task}/children").read_text().split():
                    yield from _tree(int(child))


def _resident(pid: int) -> int:
    with suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    return 0


def _high_water(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
