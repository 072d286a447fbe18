"""Words on stderr, and ends that wait for nobody."""

import os
import sys
from contextlib import suppress
from typing import NoReturn

import click


def say(text: str) -> None:
    """One line on stderr, with the program's name."""
    click.echo(f"ffprep: {text}", err=True)


def leave_now(code: int) -> NoReturn:
    """End without waiting for threads, or for streams that cannot be written to."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
