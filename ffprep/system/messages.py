"""Messages on stderr, or in the logger `ffprep` of a program, and text that is safe for terminals.

File names, and the words of servers and of other programs, may contain anything. `printable` is the
only place that makes them safe; all that is written for people goes through it.
"""

import os
from collections.abc import Callable

Paint = Callable[[str, str], str]
"""Returns a text in a colour; as it is without a colour, or where no terminal shows colours."""

_on_command_line = False


def on_command_line() -> None:
    """Make `warn` write to stderr from now on: this process is the command `ffprep`."""
    global _on_command_line
    _on_command_line = True


def is_command_line() -> bool:
    """Return whether this process is the command `ffprep`."""
    return _on_command_line


def plain(text: str, colour: str) -> str:
    """Return a text without a colour; a Paint."""
    return text


def say(text: str) -> None:
    """Write one line to stderr, after the program's name."""
    write_line(f"ffprep: {text}")


def write_line(text: str, err: bool = True, painted: bool = False) -> None:
    """Write one line to stderr or stdout: as `printable` text, unless it was made so and `painted`.

    Colours are left out where no terminal shows them.
    """
    import click  # not in the processes that decode

    click.echo(text if painted else printable(text), err=err)


def printable(text: str) -> str:
    """Return a text with control characters and undecodable bytes as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    raw = os.fsencode(character) if "\udc80" <= character <= "\udcff" else b""
    return f"\\x{raw[0]:02x}" if raw else character.encode("unicode_escape").decode()


def warn(text: str) -> None:
    """Write a warning to stderr, or to the logger `ffprep` in a program that imports ffprep."""
    if _on_command_line:
        say(text)
        return
    import logging

    log = logging.getLogger("ffprep")
    if not log.handlers:  # without any handler, Python would print the warning
        log.addHandler(logging.NullHandler())
    log.warning("%s", text)
