"""`ffprep doctor`: check the installation, and print what a bug report needs."""

import os
import sys
from pathlib import Path

import click

from ffprep.cli.errors import ISSUES
from ffprep.cli.reporting.text import print_json
from ffprep.errors import ExitCode
from ffprep.options.command import DocumentedCommand
from ffprep.options.shared import AS_JSON, FFMPEG
from ffprep.options.types import PATH
from ffprep.system.messages import say, write_line
from ffprep.version import __version__

_EXAMPLES = {
    "ffprep doctor": "Check the installation.",
    "ffprep doctor /mnt/nas/ready": "Also whether a share is writable, and has locks.",
}


@click.command("doctor", cls=DocumentedCommand, examples=_EXAMPLES)
@click.argument("folders", nargs=-1, type=PATH, metavar="[OUT]...")
@FFMPEG
@AS_JSON
def doctor(folders: tuple[Path, ...], ffmpeg: str | None, as_json: bool) -> None:
    """Check the installation, and print what a bug report needs.

    Small pictures are converted in a temporary folder. What is missing is needed only for some
    options. The exit code is 3 if there is a fault. The user's home is shown as ~.
    """
    from ffprep.api.health import State, checks

    if not as_json:
        write_line(f"{'ffprep':<16} {__version__}", err=False)
    faulty = False
    for check in checks(folders, ffmpeg):
        faulty = faulty or check.state is State.FAULT
        name, words = _without_home(check.name), _without_home(check.words)
        if as_json:
            print_json({"check": name, "state": check.state.value, "words": words})
        else:
            state = "" if check.state is State.OK else f"{check.state}: "
            write_line(f"{name:<16} {state}{words}", err=False)
    if sys.stderr.isatty() and not as_json:
        say(f"report a bug with these lines at {ISSUES}")
    sys.exit(ExitCode.ENVIRONMENT if faulty else ExitCode.OK)


def _without_home(text: str) -> str:
    home = os.path.expanduser("~")
    return text.replace(home, "~") if len(home) > 1 else text
