"""Words that belong to no photo, on stderr most often; and ends that wait for nobody."""

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

import click

from ffprep.errors import ExitCode, FfprepError, Interrupted, UsageError, reason

ISSUES = "https://github.com/ffprep/ffprep/issues"
FINAL = (click.Abort, BrokenPipeError, Interrupted)
"""What ends a command at once, jobs that are to come and all."""

_acts: list[Callable[[], None]] = []
_on_command_line = False


def on_command_line() -> None:
    """Have `warn` use stderr from now on: the program is ffprep's own."""
    global _on_command_line
    _on_command_line = True


def say(text: str) -> None:
    """One line on stderr, with the program's name."""
    click.echo(f"ffprep: {text}", err=True)


def warn(text: str) -> None:
    """What belongs to no photo: said, or, in a program of somebody else's, to the logger `ffprep`."""
    if _on_command_line:
        say(text)
        return
    import logging

    log = logging.getLogger("ffprep")
    if not log.handlers:  # without one anywhere, Python would print what is logged
        log.addHandler(logging.NullHandler())
    log.warning("%s", text)


def tell(error: Exception, signed: Callable[[str], str] = str) -> int:
    """Say what has ended a command, or one of several jobs, which is `signed`; its exit code.

    Where stderr takes no words, the code has to do.
    """
    with suppress(OSError):
        _say_why(error, signed)
    return exit_code_of(error)


def _say_why(error: Exception, signed: Callable[[str], str]) -> None:
    if isinstance(error, click.ClickException):
        error.show()
    elif isinstance(error, UsageError):
        say(signed(f"{error}\nTry 'ffprep --help' for help."))
    elif isinstance(error, FfprepError):
        say(signed(str(error)))
    elif isinstance(error, OSError):
        place = f": {error.filename}" if error.filename else ""
        say(signed(f"{reason(error)}{place}"))
    else:
        import traceback

        traceback.print_exception(error)
        say(signed(f"this is a bug in ffprep; please report the lines above at {ISSUES}"))


def exit_code_of(error: BaseException) -> int:
    """The exit code of a command that ends in `error`."""
    if isinstance(error, FfprepError | click.ClickException):
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
