"""What this process may use of the machine: processors, and memory for large pictures."""

import math
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ffprep.system.jobserver import Jobserver

# A decoder takes 4 to 8 bytes a pixel, and that of WebP 15.
_BYTES_A_PIXEL = 16

# A camera photo of 46 megapixels for each processor. Larger ones wait for one another, so that two
# photos that take --max-memory each are seldom in work at a time.
_BYTES_A_PROCESSOR = 750_000_000

LARGE = 40_000_000
"""The number of pixels from which a picture is large. Large ones wait for memory."""

_changed = threading.Condition()
_taken: dict[int, int] = {}
"""The pixels of each thread that has room."""


@contextmanager
def room_for(pixels: int) -> Iterator[None]:
    """Wait until there is memory for a picture, if it is large.

    A thread that has room already works on the same picture.
    """
    thread = threading.get_ident()
    if pixels < LARGE or thread in _taken:
        yield
        return
    with _changed:
        _changed.wait_for(lambda: not _taken or sum(_taken.values()) + pixels <= _most_pixels())
        _taken[thread] = pixels
    try:
        yield
    finally:
        with _changed:
            del _taken[thread]
            _changed.notify_all()


@cache
def _most_pixels() -> int:
    """Return how many pixels fit in half of the memory that was available at first.

    They are at most what all processors together should have in work.
    """
    most = min(available_memory() // 2, processors() * _BYTES_A_PROCESSOR)
    return most // _BYTES_A_PIXEL


def available_memory(root: Path = Path("/")) -> int:
    """Return the bytes that are available, at most the limit of this process's control groups.

    Sources, Linux's documentation: proc.rst (`MemAvailable`), cgroup-v2.rst (`memory.max`) and
    memory.rst of version 1. 0 if the system says nothing.
    """
    found = re.search(r"MemAvailable: *(\d+) kB", read_text(root / "proc/meminfo"))
    sizes = [int(found[1]) << 10 if found else _physical_memory()]
    for folder in group_folders(root, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limit = read_text(folder / name).strip()
            sizes += [int(limit)] if limit.isdecimal() else []
    return min(sizes)


def _physical_memory() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 0


def default_jobs() -> int:
    """Return the number of threads for `--jobs auto`: make's limit, or the processors."""
    jobserver = find_jobserver()
    return (jobserver.most if jobserver else None) or processors()


def find_jobserver() -> "Jobserver | None":
    """Return the jobserver of the make that started this process, if any."""
    if "MAKEFLAGS" not in os.environ:
        return None
    from ffprep.system import jobserver

    return jobserver.find_jobserver()


def processors() -> int:
    """Return how many processors this process may use, by its affinity and its cgroup's quota."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    return max(1, math.ceil(min(len(os.sched_getaffinity(0)), _quota(Path("/")))))


def _quota(root: Path) -> float:
    """Return the CPU quota of this process's control groups, in processors; inf without a quota.

    Sources, Linux's documentation: cgroup-v2.rst (`cpu.max`: quota and period, or `max`), and
    sched-bwc.rst for version 1. A container often sees its own group as the root, so the root
    counts.
    """
    quotas = [math.inf]
    for folder in group_folders(root, "cpu"):
        words = read_text(folder / "cpu.max").split() or [
            word
            for name in ("quota", "period")
            for word in read_text(folder / f"cpu.cfs_{name}_us").split()
        ]
        if len(words) == 2 and all(word.isdecimal() for word in words):
            quotas.append(int(words[0]) / int(words[1]))
    return min(quotas)


def group_folders(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the control groups that this process is in, for one controller."""
    for entry in read_text(root / "proc/self/cgroup").splitlines():
        _, controllers, group = entry.split(":", 2)
        if not controllers or controller in controllers.split(","):
            mount = root / "sys/fs/cgroup" / (controller if controllers else "")
            for folder in (Path(group), *Path(group).parents):
                yield mount / folder.relative_to("/")


def read_text(path: Path) -> str:
    """Return the text of a file of the kernel; "" if it is not there."""
    try:
        return path.read_text()
    except OSError:
        return ""
