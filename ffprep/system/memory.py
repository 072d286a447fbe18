"""The memory of this machine, and the large pictures that have room in it.

Imported at the first large picture.
"""

import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from ffprep.system.pool import group_folders, read_text

# A decoder takes 4 to 8 bytes a pixel, and that of WebP 15.
_BYTES_A_PIXEL = 16

_changed = threading.Condition()
_taken: dict[int, int] = {}
"""The pixels of each thread that has room."""


@contextmanager
def room_for_large(pixels: int) -> Iterator[None]:
    """Wait until there is memory for a large picture.

    A thread that has room already works on the same picture.
    """
    thread = threading.get_ident()
    if thread in _taken:
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
    """Return how many pixels fit in half of the memory that was available at first."""
    return available_memory() // (2 * _BYTES_A_PIXEL)


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
