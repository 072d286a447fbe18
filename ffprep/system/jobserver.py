"""The jobserver of GNU make: how many photos may be converted at a time under `make -j`.

GNU make's manual, "POSIX Jobserver Interaction": a process that make starts has one token. For each
further thing that it does at the same time, it reads a byte from the jobserver, and writes the same
byte back afterwards. A token that is lost is lost to all of make, so tokens in use are kept in a
list, and are also given back by an exit that waits for no thread. After SIGKILL they are lost.
"""

import fcntl
import os
import re
import select
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache

from ffprep.record import Record
from ffprep.system.messages import warn
from ffprep.system.shutdown import before_leaving

_POLL_MILLISECONDS = 50

_OPTIONS = ("--jobserver-auth=", "--jobserver-fds=")  # the second one before make 4.2

_UNREACHABLE = (
    "make -j{most} does not share its jobs with this rule, so ffprep converts one photo at a time; "
    "begin the recipe line with +, as in: +ffprep convert ..."
)


@lru_cache
def find_jobserver() -> "Jobserver | None":
    """Return the jobserver of the make that started this process; None if nothing is limited.

    That is so under `make -j` without a number, and under a make without -j.
    """
    flags = _flags(os.environ.get("MAKEFLAGS", ""))
    numbers = [int(flag[2:]) for flag in flags if re.fullmatch(r"-j[0-9]{1,4}", flag)]
    places = [flag.partition("=")[2] for flag in flags if flag.startswith(_OPTIONS)]
    # If the + comes out of a variable, make 4.4 passes its pipe on, and adds -2,-2 after its name.
    places = [place for place in places if not place.startswith("-")] or places
    if not places:
        # MAKEFLAGS=-j8 may be set in a shell's profile; make itself always names the jobserver.
        alone = numbers[-1:] == [1] and "MAKELEVEL" in os.environ
        return Jobserver(None, 1) if alone else None
    pipe, most = _open_pipe(places[-1]), numbers[-1] if numbers else None
    return Jobserver(pipe, most, "" if pipe else _UNREACHABLE.format(most=most or ""))


def _flags(text: str) -> list[str]:
    """Return the words of MAKEFLAGS before the variables. A backslash precedes blanks in words."""
    words = [re.sub(r"\\(.)", r"\1", word) for word in re.findall(r"(?:\\.|\S)+", text)]
    return words[: words.index("--")] if "--" in words else words


class _TokenPipe(Record):
    """A pipe of tokens: descriptors to read them without waiting, and to write them back."""

    reader: int
    writer: int


def _open_pipe(place: str) -> _TokenPipe | None:
    """Open the pipe that make names, `R,W` or `fifo:PATH` (make 4.4); None if unreachable.

    The read end is opened anew and set to not wait. To set that on make's own descriptor would
    break the other processes that use it.
    """
    try:
        if place.startswith("fifo:"):
            path = place.removeprefix("fifo:")
            if not stat.S_ISFIFO(os.stat(path).st_mode):
                return None
            reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            return _TokenPipe(reader, os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        ends = re.fullmatch(r"([0-9]+),([0-9]+)", place)
        if not ends or not _is_pipe(int(ends[1]), int(ends[2])):
            return None
        reader = os.open(f"/proc/self/fd/{ends[1]}", os.O_RDONLY | os.O_NONBLOCK)
        return _TokenPipe(reader, int(ends[2]))
    except (OSError, ValueError):
        return None


def _is_pipe(reader: int, writer: int) -> bool:
    """Return whether two descriptors are the ends of one pipe.

    Make closes them for recipes without a +. Then the numbers are free, or belong to other files.
    Raises OSError if they are free.
    """
    ends = [os.fstat(number) for number in (reader, writer)]
    modes = [fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE for number in (reader, writer)]
    return (
        stat.S_ISFIFO(ends[0].st_mode)
        and os.path.samestat(*ends)
        and modes[0] != os.O_WRONLY
        and modes[1] != os.O_RDONLY
    )


class Jobserver:
    """The process's own token, and those that make has to give. Safe to use from several threads.

    The own token lies in a pipe too, so that waiting for either is the same. `most` is the number
    after -j, if known. `complaint` is a warning for the first thread that finds no token.
    """

    def __init__(self, pipe: _TokenPipe | None, most: int | None, complaint: str = "") -> None:
        own = _TokenPipe(*os.pipe())
        os.set_blocking(own.reader, False)
        os.write(own.writer, b"+")
        self.most = most
        self._pipes = [own, pipe] if pipe else [own]
        self._complaint = complaint
        self._lock = threading.Lock()
        self._in_use: list[tuple[_TokenPipe, bytes]] = []
        self._closed = False
        before_leaving(self.close)

    @contextmanager
    def slot(self, stopped: Callable[[], bool]) -> Iterator[bool]:
        """Hold a token during the context. Yield False if `stopped` before there was one."""
        token = self._wait_for_token(lambda: self._closed or stopped())
        try:
            yield token is not None
        finally:
            if token:
                self._give_back(token)

    def close(self) -> None:
        """Give all tokens back, and take no more."""
        with self._lock:
            self._closed = True
            while self._in_use:
                _write(self._in_use.pop())

    def _wait_for_token(self, stopped: Callable[[], bool]) -> tuple[_TokenPipe, bytes] | None:
        poll = select.poll()
        for pipe in self._pipes:
            poll.register(pipe.reader, select.POLLIN)
        while not stopped():
            if token := self._take():
                return token
            self._warn_once()
            poll.poll(_POLL_MILLISECONDS)  # another process may be quicker to read the token
        return None

    def _take(self) -> tuple[_TokenPipe, bytes] | None:
        with self._lock:
            for pipe in () if self._closed else self._pipes:
                with suppress(BlockingIOError):
                    token = pipe, os.read(pipe.reader, 1)
                    self._in_use.append(token)
                    return token
        return None

    def _give_back(self, token: tuple[_TokenPipe, bytes]) -> None:
        with self._lock:
            if token in self._in_use:
                self._in_use.remove(token)
                _write(token)

    def _warn_once(self) -> None:
        with self._lock:
            complaint, self._complaint = self._complaint, ""
        if complaint:
            warn(complaint)


def _write(token: tuple[_TokenPipe, bytes]) -> None:
    pipe, byte = token
    with suppress(OSError):  # make has ended
        os.write(pipe.writer, byte)
