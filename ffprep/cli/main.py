"""The command line: the commands together, and the exit code of every way out."""

import os
import sys
import warnings
from importlib import import_module
from typing import Any, NoReturn

import click

from ffprep.cli.exit_codes import exit_code_of, report_error
from ffprep.errors import ExitCode, Interrupted
from ffprep.system.messages import on_command_line
from ffprep.system.shutdown import leave_now
from ffprep.version import __version__

_COMMANDS = {
    "convert": ("convert", "convert"),
    "run": ("jobs", "run_jobs"),
    "config": ("jobs", "configuration"),
    "check": ("check", "check"),
    "info": ("check", "info"),
    "compare": ("compare", "compare"),
    "status": ("status", "status"),
    "modes": ("lists", "list_modes"),
    "targets": ("lists", "list_targets"),
    "submit": ("submit", "submit"),
    "frame": ("compare", "frame"),
}
"""Each command's module in `ffprep.cli.commands`, and its name there. Only the one that runs is imported."""


class Commands(click.Group):
    """The commands; click makes exit code 1 of a broken pipe, which here means failed photos."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is no command of this name."""
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command = getattr(import_module(f"ffprep.cli.commands.{module}"), name)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; nobody needs a word who no longer reads."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            leave_now(exit_code_of(error))


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="ffprep")
def cli() -> None:
    """Turn photos into pictures of exactly the size asked for, with FFmpeg, and prove it."""


for command in _COMMANDS:
    cli.add_command(click.Command(command))  # the name alone, for click's list and suggestions


def main() -> NoReturn:
    """Run the command line; every way out is an exit code of `ffprep.errors`."""
    _prepare_process()
    on_command_line()
    try:
        code = _run_command()
        sys.stdout.flush()  # here, where a full disk can still be told
    except (click.Abort, KeyboardInterrupt, BrokenPipeError, Interrupted) as error:
        leave_now(exit_code_of(error))  # whoever asked for it, or wants no more, needs no word
    except Exception as error:
        code = report_error(error)
        if isinstance(error, OSError):
            leave_now(code)  # the streams may be what cannot be written to
    try:
        sys.stderr.flush()
    except OSError:
        leave_now(code)  # Python would end with a code of its own
    sys.exit(code)


def _run_command() -> int:
    """The exit code of a command, which it returns to click or exits with."""
    try:
        code = cli.main(standalone_mode=False)
    except SystemExit as exit:
        code = exit.code
    return code if isinstance(code, int) else ExitCode.OK


def _prepare_process() -> None:
    # Pillow warns of odd metadata and large pictures, pathspec of what a pattern may mean in Pythons
    # to come; ffprep tells what matters itself.
    for module in ("PIL", "pathspec"):
        warnings.filterwarnings("ignore", module=module)
    # Whoever closed them wants nothing from them.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # A name that is not UTF-8 comes out as the bytes it is made of.
        stream.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
