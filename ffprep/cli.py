"""The command line: the commands together, and the exit code of every way out."""

import os
import sys
import warnings
from typing import NoReturn

import click

import ffprep
from ffprep.converting import convert
from ffprep.errors import (
    ExitCode,
    FfprepError,
    Interrupted,
    UsageError,
)
from ffprep.exits import exit_code_of, leave_now, say
from ffprep.queries import check, compare, frame, info, list_modes, list_targets, status

ISSUES = "https://github.com/ffprep/ffprep/issues"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(ffprep.__version__, prog_name="ffprep")
def cli() -> None:
    """Turn photos into pictures of exactly the size asked for, with FFmpeg, and prove it."""


for command in (convert, check, info, compare, status, list_modes, list_targets, frame):
    cli.add_command(command)


def main() -> NoReturn:
    """Run the command line; every way out is an exit code of `ffprep.errors`."""
    _prepare_process()
    try:
        code = _run_command()
        sys.stdout.flush()  # here, where a full disk can still be told
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt, BrokenPipeError, Interrupted) as error:
        leave_now(exit_code_of(error))  # whoever asked for it, or wants no more, needs no word
    except UsageError as error:
        say(f"{error}\nTry 'ffprep --help' for help.")
        sys.exit(error.exit_code)
    except FfprepError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        say(f"{error.strerror or error}" + (f": {error.filename}" if error.filename else ""))
        leave_now(exit_code_of(error))
    except Exception as error:
        import traceback

        traceback.print_exc()
        say(f"this is a bug in ffprep; please report the lines above at {ISSUES}")
        sys.exit(exit_code_of(error))
    sys.exit(code)


def _run_command() -> int:
    """The exit code of a command, which it returns to click or exits with."""
    try:
        code = cli.main(standalone_mode=False)
    except SystemExit as exit:
        code = exit.code
    return code if isinstance(code, int) else ExitCode.OK


def _prepare_process() -> None:
    # Pillow warns of odd metadata and large pictures; ffprep tells what matters itself.
    warnings.filterwarnings("ignore", module="PIL")
    # Whoever closed them wants nothing from them.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # A name that is not UTF-8 comes out as the bytes it is made of.
        stream.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]
