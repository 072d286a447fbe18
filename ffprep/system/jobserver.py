"""How many may be at work at a time: all who ask, or as many as make has tokens for.

GNU make's manual, "POSIX Jobserver Interaction": a process that make starts has one token without
asking. For each further thing that it does at a time it reads a byte from the jobserver, and writes
the same byte back when that is done. A token that is lost is lost to all of make, so those in hand are
written down here, and are given back also by an end that waits for nobody. SIGKILL leaves no time for it.
"""

import os
import re
import select
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import lru_cache

from ffprep.system.messages import warn
from ffprep.system.shutdown import before_leaving

_PULSE = 50
"""Milliseconds between two looks at whether those who wait are to stop."""

_PLACES = ("--jobserver-auth=", "--jobserver-fds=")  # the second one before make 4.2

_UNREACHABLE = (
    "make -j{most} does not share its jobs with this rule, so one photo is converted at a time; begin the "
    "recipe line with +, as in: +ffprep convert ..."
)


class Slots:
    """Slots to work in. Here, one for each who asks; `most` is None where there is no bound."""

    most: int | None = None

    def one(self, stopped: Callable[[], bool]) -> AbstractContextManager[bool]:
        """A slot for as long as the context lasts; False where `stopped` says so before there is one."""
        return nullcontext(True)


@lru_cache
def slots() -> Slots:
    """Those of this process: the jobserver of the make that started it, if one did.

    Under `make -j`, without a number, and under a make without -j there is none, and no bound.
    """
    flags = _flags(os.environ.get("MAKEFLAGS", ""))
    numbers = [int(flag[2:]) for flag in flags if re.fullmatch(r"-j[0-9]{1,4}", flag)]
    places = [flag.partition("=")[2] for flag in flags if flag.startswith(_PLACES)]
    # Where the + comes out of a variable, 4.4 hands its pipe on, and puts -2,-2 behind the name of it.
    places = [place for place in places if not place.startswith("-")] or places
    if not places:
        # MAKEFLAGS=-j8 may stand in a shell's profile; make itself never leaves out the jobserver.
        alone = numbers[-1:] == [1] and "MAKELEVEL" in os.environ
        return Jobserver(None, 1) if alone else Slots()
    pool, most = _connected(places[-1]), numbers[-1] if numbers else None
    return Jobserver(pool, most, "" if pool else _UNREACHABLE.format(most=most or ""))


def _flags(text: str) -> list[str]:
    """The words of MAKEFLAGS, up to the variables. Blanks in them stand behind backslashes."""
    words = [re.sub(r"\\(.)", r"\1", word) for word in re.findall(r"(?:\\.|\S)+", text)]
    return words[: words.index("--")] if "--" in words else words


@dataclass(frozen=True, slots=True)
class _Pool:
    """Where tokens lie: descriptors to read them from, without waiting, and to write them to."""

    reader: int
    writer: int


def _connected(place: str) -> _Pool | None:
    """The pool that make names: `R,W`, or `fifo:PATH` (make 4.4); None where it cannot be reached.

    The read end is opened anew, so that it need not wait while make's own end does: to set that on
    a descriptor that others hold too would break them.
    """
    try:
        if place.startswith("fifo:"):
            path = place.removeprefix("fifo:")
            if not stat.S_ISFIFO(os.stat(path).st_mode):
                return None
            reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            return _Pool(reader, os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        ends = re.fullmatch(r"([0-9]+),([0-9]+)", place)
        if not ends or not _is_pipe(int(ends[1]), int(ends[2])):
            return None
        return _Pool(os.open(f"/proc/self/fd/{ends[1]}", os.O_RDONLY | os.O_NONBLOCK), int(ends[2]))
    except (OSError, ValueError):
        return None


def _is_pipe(reader: int, writer: int) -> bool:
    """Whether these are two ends of one pipe. Make closes them for recipes without a +.

    Then the numbers are free, or somebody else's. Raises OSError where they are free.
    """
    ends = [os.fstat(number) for number in (reader, writer)]
    modes = [_access(number) for number in (reader, writer)]
    return (
        all(stat.S_ISFIFO(end.st_mode) for end in ends)
        and (ends[0].st_dev, ends[0].st_ino) == (ends[1].st_dev, ends[1].st_ino)
        and modes[0] != os.O_WRONLY
        and modes[1] != os.O_RDONLY
    )


def _access(descriptor: int) -> int:
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE


class Jobserver(Slots):
    """One token of this process's own, and those that make has to give. Safe to use from several threads.

    Its own lies in a pipe too, so that one waits for either in one way. Where there is nothing but
    it, `complaint` says why, as soon as somebody wants more.
    """

    def __init__(self, pool: _Pool | None, most: int | None, complaint: str = "") -> None:
        own = _Pool(*os.pipe())
        os.set_blocking(own.reader, False)
        os.write(own.writer, b"+")
        self.most = most
        self._pools = [own, pool] if pool else [own]
        self._complaint = complaint
        self._lock = threading.Lock()
        self._taken: list[tuple[_Pool, bytes]] = []
        self._closed = False
        before_leaving(self.close)

    @contextmanager
    def one(self, stopped: Callable[[], bool]) -> Iterator[bool]:
        """Hold a token."""
        token = self._waited_for(lambda: self._closed or stopped())
        try:
            yield token is not None
        finally:
            if token:
                self._give_back(token)

    def close(self) -> None:
        """Give back what is held, and take no more: for an end that waits for nobody."""
        with self._lock:
            self._closed = True
            while self._taken:
                _put(self._taken.pop())

    def _waited_for(self, stopped: Callable[[], bool]) -> tuple[_Pool, bytes] | None:
        poll = select.poll()
        for pool in self._pools:
            poll.register(pool.reader, select.POLLIN)
        while not stopped():
            if token := self._take():
                return token
            self._complain()
            poll.poll(_PULSE)  # and then another one may be quicker
        return None

    def _take(self) -> tuple[_Pool, bytes] | None:
        with self._lock:
            for pool in () if self._closed else self._pools:
                with suppress(BlockingIOError):
                    token = pool, os.read(pool.reader, 1)
                    self._taken.append(token)
                    return token
        return None

    def _give_back(self, token: tuple[_Pool, bytes]) -> None:
        with self._lock:
            if token in self._taken:
                self._taken.remove(token)
                _put(token)

    def _complain(self) -> None:
        with self._lock:
            complaint, self._complaint = self._complaint, ""
        if complaint:
            warn(complaint)


def _put(token: tuple[_Pool, bytes]) -> None:
    pool, byte = token
    with suppress(OSError):  # make is gone
        os.write(pool.writer, byte)
