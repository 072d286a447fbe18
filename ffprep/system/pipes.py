"""Bytes on their way from the pipe of one child process to that of another."""

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from typing import IO, TypeAlias

_PIECE = 1 << 20


class Piped:
    """Bytes that a child writes to its stdout, `size` of them.

    `left` are not read yet; `failure` returns the error if they do not come. `unwanted` says that
    the child they were poured to has ended, or closed its stdin.
    """

    def __init__(self, pipe: IO[bytes], size: int, failure: Callable[[], Exception]) -> None:
        self._pipe, self._failure = pipe, failure
        self.size, self.left = size, size
        self.unwanted = False

    def __iter__(self) -> Iterator[bytes]:
        while part := self._pipe.read(min(self.left, _PIECE)):
            self.left -= len(part)
            yield part

    def pour(self, target: IO[bytes]) -> None:
        """Write them to another pipe. Raises BrokenPipeError if nothing reads it."""
        try:
            self._pour(target)
        except BrokenPipeError:
            self.unwanted = True
            raise

    def _pour(self, target: IO[bytes]) -> None:
        """Linux moves them to the other pipe without a copy."""
        source = self._pipe
        # gevent's pipes have another type, and descriptors that do not wait.
        if not (hasattr(os, "splice") and type(source) is io.BufferedReader):
            for part in self:
                target.write(part)
            return
        begin = source.read(min(self.left, len(source.peek(1))))  # what is in memory already
        self.left -= len(begin)
        target.write(begin)
        target.flush()
        for pipe in (source, target):
            _widen(pipe)
        while self.left and (moved := os.splice(source.fileno(), target.fileno(), self.left)):
            self.left -= moved

    def require_complete(self) -> None:
        """Raise the failure if some are missing that were wanted."""
        if self.left and not self.unwanted:
            raise self._failure()


Data: TypeAlias = bytes | Piped
"""A part of what a child reads from its stdin."""


def _widen(pipe: IO[bytes]) -> None:
    """Let a pipe hold as much as Linux allows any user, so that its ends wait for it less often."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIECE)
