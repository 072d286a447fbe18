"""Errors that end a command: in words of ffprep on stderr, where to read on, and the exit code."""

import errno
import os
import re
import signal
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import click
from click.exceptions import NoArgsIsHelpError

from ffprep.core.formats import SUFFIXES
from ffprep.core.known_names import known_as, nearest
from ffprep.core.location import names_url
from ffprep.errors import EnvironmentFault, ExitCode, FfprepError, Interrupted, reason
from ffprep.system.messages import say, write_line
from ffprep.version import page

ISSUES = "https://github.com/ffprep/ffprep/issues"
FINAL = (click.Abort, BrokenPipeError, Interrupted)
"""Errors that end `ffprep run` at once; the jobs that follow are not started."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_PLACES = {
    "'ffprep modes'": "mode scene modes-dir filters",
    "'ffprep targets'": "target targets-file targets",
    page("guide/framing"): "focus crop-bounds max-loss max-cut",
    page("guide/output-formats"): "format quality subsampling depth lossless compression",
    page("guide/colour"): "optimize colour color metadata date",
    page("guide/films"): "frame",
    page("guide/options"): "names root include exclude only min-size fast multiple-of",
    page("operations/cron"): "config max-time max-load nice idle",
    page("operations/ledger"): "ledger adopt checksum retry retry-failed failures force prune",
    page("operations/cluster"): "cluster shard",
    page("operations/make"): "depfile depfile-target",
    page("operations/output-and-logs"): "json log-file summary-file metrics-file on-finish",
}
PLACES = {option: place for place, options in _PLACES.items() for option in options.split()}
"""The page or the command that describes an option, besides the help."""

_OPTION = re.compile(r"(?:(?<![\w-])--|unknown (?=mode|scene|target))([a-z][a-z-]*)")
_CALLED = {
    "resize": "convert",
    "prepare": "convert",
    "verify": "check",
    "identify": "info",
    "show": "info",
    "help": "--help",
    "version": "--version",
}
"""What other programs call a command."""

_MEANT = {
    "--width": "--size WIDTHxHEIGHT",
    "--height": "--size WIDTHxHEIGHT",
    "--resize": "--size WIDTHxHEIGHT",
    "-s": "--size WIDTHxHEIGHT",
    "--out": "-o OUT",
    "--outdir": "-o OUT",
    "--out-dir": "-o OUT",
    "--output-dir": "-o OUT",
    "--crop": "--mode cover",
    "--pad": "--mode pad",
    "--fit": "--mode fit",
}
"""What other programs call an option."""


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
    message = _describe(error)
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


def hint(command: str, message: str) -> str:
    """Return where to read on after a usage error of a command, by the first option it names."""
    found = (PLACES.get(option) for option in _OPTION.findall(message))
    place = next(filter(None, found), "")
    help_of = f"See 'ffprep {f'{command} ' if command else ''}--help'"
    return f"{help_of}, {place}" if names_url(place) else f"{help_of}{place and f', {place}'}."


def unknown_command(name: str, arguments: Sequence[str], commands: Iterable[str]) -> str:
    """Return the error for a command that does not exist: what was probably meant."""
    if os.path.exists(name) or os.path.splitext(name)[1].lower() in SUFFIXES or names_url(name):
        from ffprep.cli.reporting.text import shell_command

        line = shell_command(["ffprep", "convert", name, *arguments])
        return f"{name!r} is not a command; did you mean: {line}"
    known = known_as(name, commands) or _CALLED.get(name.casefold()) or nearest(name, commands)
    return f"unknown command {name!r}" + (f"; did you mean 'ffprep {known}'?" if known else "")


def _describe(error: click.ClickException) -> str:
    """Return an error of click as one sentence, in the words of ffprep."""
    if isinstance(error, click.MissingParameter):
        return f"no {_name(error)} is given"
    if isinstance(error, click.BadParameter):
        return f"{_name(error)}: {error.message}"
    if isinstance(error, click.NoSuchOption):
        name, near = error.option_name, error.possibilities or []
        begun = " or ".join(option for option in near[:2] if option.startswith(name))
        meant = _MEANT.get(name.casefold()) or begun or nearest(name, near)
        return f"unknown option {name}" + (f"; did you mean {meant}?" if meant else "")
    if isinstance(error, click.NoSuchCommand):
        meant = "".join((error.possibilities or [])[:1])
        answer = f"; did you mean {meant!r}?" if meant else ""
        return f"unknown command {error.command_name!r}{answer}"
    message = error.format_message()
    return message[:1].lower() + message[1:]


def _name(error: click.BadParameter) -> str:
    """Return how the parameter of an error is written."""
    if isinstance(error.param, click.Option):
        return next((name for name in error.param.opts if name.startswith("--")), "")
    return (error.param.metavar or error.param.name or "").strip(".") if error.param else ""
