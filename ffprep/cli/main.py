"""The command line: the commands together, and the exit code of every way out."""

import gc
import os
import sys
import warnings
from importlib import import_module
from typing import Any, NoReturn

import click

from ffprep.errors import ExitCode, Interrupted, UsageError
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
    "clean": ("clean", "clean"),
    "modes": ("lists", "list_modes"),
    "targets": ("lists", "list_targets"),
    "submit": ("submit", "submit"),
    "frame": ("compare", "frame"),
}
"""Each command's module in `ffprep.cli.commands`, and its name there; imported when it runs."""


class Commands(click.Group):
    """The commands. Replaces click's exit code for a broken pipe, 1, which means failed photos."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is no command of this name."""
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command = getattr(import_module(f"ffprep.cli.commands.{module}"), name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command. Raise UsageError that says what an unknown one probably means."""
        name, *others = args
        if name in _COMMANDS or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        from ffprep.cli.hints import hint, unknown_command

        error = UsageError(unknown_command(name, others, _COMMANDS))
        error.add_note(hint("", ""))
        raise error

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; end silently if the reader of the output has gone."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            leave_now(_exit_code_of(error))
        except UsageError as error:
            from ffprep.cli.hints import hint

            if not hasattr(error, "__notes__"):
                error.add_note(hint(ctx.invoked_subcommand or "", str(error)))
            raise


@click.group(
    cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="ffprep")
def cli() -> None:
    """Resize photos to exactly the dimensions you ask for, with FFmpeg, and check every output."""


for command in _COMMANDS:
    cli.add_command(click.Command(command))  # the name alone, for click's list and suggestions


def main() -> NoReturn:
    """Run the command line, and exit with a code of `ffprep.errors`."""
    _prepare_process()
    on_command_line()
    try:
        code = _run_command()
        sys.stdout.flush()  # a full disk can still be reported here
    except (click.Abort, KeyboardInterrupt, BrokenPipeError, Interrupted) as error:
        leave_now(_exit_code_of(error))  # the user asked for this end, so no message
    except Exception as error:
        from ffprep.cli.exit_codes import report_error

        code = report_error(error)
        if isinstance(error, OSError):
            leave_now(code)  # the error may concern the streams themselves
    try:
        sys.stderr.flush()
    except OSError:
        leave_now(code)  # Python would exit with another code
    gc.freeze()  # else Python looks for garbage among all modules before it exits
    sys.exit(code)


def _exit_code_of(error: BaseException) -> int:
    from ffprep.cli.exit_codes import exit_code_of

    return exit_code_of(error)


def _run_command() -> int:
    """Return the exit code that a command returns, or exits with."""
    try:
        code = cli.main(standalone_mode=False)
    except SystemExit as exit:
        code = exit.code
    return code if isinstance(code, int) else ExitCode.OK


def _prepare_process() -> None:
    # Pillow warns about odd metadata and large pictures, pathspec about later versions of Python.
    # ffprep reports by itself what matters.
    for module in ("PIL", "pathspec"):
        warnings.filterwarnings("ignore", module=module)
    # Streams that the caller has closed must not raise errors.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # Names that are not UTF-8 are written as their original bytes.
        stream.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
