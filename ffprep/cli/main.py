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
from ffprep.version import __version__, embedded_ffmpeg

EXAMPLES = {
    "ffprep convert photo.jpg -o frame.jpg --size 1280x720": "One photo.",
    "ffprep convert photos -o ready --size 1280x720": "All photos of a folder.",
    "ffprep convert -h": "The options to know.",
}
_COMMANDS = {
    "convert": ("convert", "convert"),
    "check": ("check", "check"),
    "info": ("check", "info"),
    "compare": ("compare", "compare"),
    "status": ("status", "status"),
    "report": ("report", "report"),
    "clean": ("clean", "clean"),
    "modes": ("lists", "list_modes"),
    "targets": ("lists", "list_targets"),
    "run": ("jobs", "run_jobs"),
    "watch": ("jobs", "watch_jobs"),
    "config": ("config", "configuration"),
    "submit": ("submit", "submit"),
    "doctor": ("doctor", "doctor"),
    "completion": ("completion", "completion"),
    "frame": ("compare", "frame"),
}
"""Each command's module in `ffprep.cli.commands`, and its name there; imported when it runs.

In the order of the help.
"""


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
        from ffprep.cli.errors import hint, unknown_command

        error = UsageError(unknown_command(name, others, _COMMANDS))
        error.add_note(hint("", ""))
        raise error

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the table: those for every day first."""
        return list(_COMMANDS)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what ffprep does, and examples."""
        from ffprep.options.command import write_examples

        super().format_help_text(ctx, formatter)
        write_examples(formatter, EXAMPLES)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; end silently if the reader of the output has gone."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            leave_now(_exit_code_of(error))
        except UsageError as error:
            from ffprep.cli.errors import hint

            if not hasattr(error, "__notes__"):
                error.add_note(hint(ctx.invoked_subcommand or "", str(error)))
            raise


def _print_version(ctx: click.Context, _param: click.Parameter, given: bool) -> None:
    """Print the versions. No program is run for it, and of Pillow only `__init__`."""
    if given and not ctx.resilient_parsing:
        system = os.uname()
        click.echo(f"ffprep {__version__}")
        click.echo(f"ffmpeg {_ffmpeg()}")
        click.echo(f"Pillow {_pillow()}")
        click.echo(f"Python {sys.version.split()[0]}")
        click.echo(f"{system.sysname} {system.release} {system.machine}")
        ctx.exit()


def _ffmpeg() -> str:
    """Return the version of the embedded ffmpeg, or the path of another one, which is not run."""
    if named := os.environ.get("FFPREP_FFMPEG"):
        return f"of FFPREP_FFMPEG: {named}"
    found = embedded_ffmpeg()
    return f"{found[1]} (embedded)" if found else "of the system: see ffprep doctor"


def _pillow() -> str:
    try:
        import PIL

        return PIL.__version__
    except Exception:  # a broken installation is reported by the commands that need it
        return "is not installed properly: see ffprep doctor"


@click.group(
    cls=Commands,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "show_default": True,
    },
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the versions of ffprep and what it works with, and exit.",
)
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
        from ffprep.cli.errors import report_error

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
    from ffprep.cli.errors import exit_code_of

    return exit_code_of(error)


def _run_command() -> int:
    """Return the exit code that a command returns, or exits with."""
    if "_FFPREP_COMPLETE" in os.environ:
        import_module("ffprep.cli.commands.completion")  # has a class that click is to use
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
