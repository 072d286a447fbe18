"""Errors that end a command: the message on stderr, and the exit code."""

import errno
import signal
from collections.abc import Callable
from contextlib import suppress

import click
from click.exceptions import NoArgsIsHelpError

from ffprep.errors import EnvironmentFault, ExitCode, FfprepError, Interrupted, reason
from ffprep.system.messages import say, write_line

ISSUES = "https://github.com/ffprep/ffprep/issues"
FINAL = (click.Abort, BrokenPipeError, Interrupted)
"""Errors that end `ffprep run` at once; the jobs that follow are not started."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def report_error(error: Exception, signed: Callable[[str], str] = str) -> int:
    """Report the error that ended a command, and return its exit code.

    `signed` adds the name of a job to the message. A stderr that cannot be written to is ignored.
    """
    error = _environment_fault(error) or error
    with suppress(OSError):
        _print_error(error, signed)
    return exit_code_of(error)


def _environment_fault(error: Exception) -> EnvironmentFault | None:
    """Return the fault of the installation or the memory that an unexpected error shows, if any."""
    if isinstance(error, FfprepError | click.ClickException | OSError):
        return None
    from ffprep.system.installation import installation_fault

    return installation_fault(error)


def _print_error(error: Exception, signed: Callable[[str], str]) -> None:
    if isinstance(error, NoArgsIsHelpError):
        error.show()  # the help, which is not a message of one line
    elif isinstance(error, click.ClickException):
        _show(error)
    elif isinstance(error, FfprepError):
        say(signed(str(error)))
        for note in getattr(error, "__notes__", ()):  # where to read on
            write_line(note)
    elif isinstance(error, OSError):
        from ffprep.system.limits import advice

        path = f": {error.filename}" if error.filename else ""
        # A file that cannot be written is named, by other errors; the standard output has no name.
        is_stdout = not path and error.errno in _FULL
        stdout = "cannot write to the standard output: " if is_stdout else ""
        say(signed(f"{stdout}{reason(error)}{path}{advice(error)}"))
    else:
        import traceback

        for lines in traceback.format_exception(error):
            is_frame = lines.startswith(("  File ", "Traceback "))
            for line in lines.rstrip("\n").split("\n") if is_frame else [lines.rstrip("\n")]:
                write_line(line)
        words = f"please report the lines above at {ISSUES}, with those of `ffprep doctor`"
        say(signed(f"this is a bug in ffprep; {words}"))


def _show(error: click.ClickException) -> None:
    """Print click's own error, and where to read on."""
    from ffprep.cli.hints import describe, hint

    message = describe(error)
    say(message)
    if isinstance(error, click.UsageError):
        write_line(hint(_command_of(error.ctx), message))


def _command_of(context: click.Context | None) -> str:
    """Return the names of a command and of the groups that contain it, without the program's."""
    names = list[str]()
    while context and context.parent:
        names.insert(0, context.info_name or "")
        context = context.parent
    return " ".join(names)


def exit_code_of(error: BaseException) -> int:
    """Return the exit code of a command that ends in `error`."""
    if isinstance(error, FfprepError | click.ClickException):
        return error.exit_code
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return 128 + signal.SIGINT
    if isinstance(error, BrokenPipeError):
        return 128 + signal.SIGPIPE
    return ExitCode.ENVIRONMENT if isinstance(error, OSError) else ExitCode.BUG
