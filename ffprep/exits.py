"""Words on stderr, and ends that wait for nobody."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import click

from ffprep.errors import ExitCode, FfprepError

_acts: list[Callable[[], None]] = []


def say(text: str) -> None:
    """One line on stderr, with the program's name."""
    click.echo(f"ffprep: {text}", err=True)


def exit_code_of(error: BaseException) -> int:
    """The exit code of a command that ends in `error`."""
    if isinstance(error, FfprepError):
        return error.exit_code
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return 128 + signal.SIGINT
    if isinstance(error, BrokenPipeError):
        return 128 + signal.SIGPIPE
    return ExitCode.ENVIRONMENT if isinstance(error, OSError) else ExitCode.BUG


def before_leaving(act: Callable[[], None]) -> None:
    """Have `leave_now` call this first."""
    _acts.append(act)


def leave_now(code: int) -> NoReturn:
    """End without waiting for threads, or for streams that cannot be written to."""
    for act in _acts:
        act()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
