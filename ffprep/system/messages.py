"""Messages that concern no single photo: on stderr, or in the logger `ffprep` of a program."""

import click

_on_command_line = False


def on_command_line() -> None:
    """Make `warn` write to stderr from now on: this process is the command `ffprep`."""
    global _on_command_line
    _on_command_line = True


def is_command_line() -> bool:
    """Return whether this process is the command `ffprep`."""
    return _on_command_line


def say(text: str) -> None:
    """Write one line to stderr, after the program's name."""
    click.echo(f"ffprep: {text}", err=True)


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
