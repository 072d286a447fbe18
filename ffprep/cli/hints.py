"""Answers to mistakes on the command line: click's errors in words of ffprep, where to read on."""

import os
import re
from collections.abc import Iterable, Sequence

import click

from ffprep.core.formats import SUFFIXES
from ffprep.core.known_names import known_as, nearest
from ffprep.core.location import names_url

_GUIDE, _OPERATIONS = "docs/guide", "docs/operations"
_PLACES = {
    "'ffprep modes'": "mode scene modes-dir filters",
    "'ffprep targets'": "target targets-file targets",
    f"{_GUIDE}/framing.md": "focus crop-bounds max-loss max-cut",
    f"{_GUIDE}/output-formats.md": "format quality subsampling depth lossless compression",
    f"{_GUIDE}/colour.md": "optimize colour color metadata date",
    f"{_GUIDE}/films.md": "frame",
    f"{_GUIDE}/options.md": "names root include exclude only min-size fast multiple-of",
    f"{_OPERATIONS}/cron.md": "config max-time max-load nice idle",
    f"{_OPERATIONS}/ledger.md": "ledger adopt checksum retry retry-failed failures force prune",
    f"{_OPERATIONS}/cluster.md": "cluster shard",
    f"{_OPERATIONS}/make.md": "depfile depfile-target",
    f"{_OPERATIONS}/output-and-logs.md": "json log-file summary-file metrics-file on-finish",
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


def hint(command: str, message: str) -> str:
    """Return where to read on after a usage error of a command, by the first option it names."""
    found = (PLACES.get(option) for option in _OPTION.findall(message))
    place = next(filter(None, found), "")
    return f"See 'ffprep {f'{command} ' if command else ''}--help'{place and f', {place}'}."


def unknown_command(name: str, arguments: Sequence[str], commands: Iterable[str]) -> str:
    """Return the error for a command that does not exist: what was probably meant."""
    if os.path.exists(name) or os.path.splitext(name)[1].lower() in SUFFIXES or names_url(name):
        from ffprep.cli.reporting.text import shell_command

        line = shell_command(["ffprep", "convert", name, *arguments])
        return f"{name!r} is not a command; did you mean: {line}"
    known = known_as(name, commands) or _CALLED.get(name.casefold()) or nearest(name, commands)
    return f"unknown command {name!r}" + (f"; did you mean 'ffprep {known}'?" if known else "")


def describe(error: click.ClickException) -> str:
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
