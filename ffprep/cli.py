"""The command line: click options to objects, objects to text."""

import os
import signal
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

import ffprep
from ffprep.errors import (
    EnvironmentFault,
    ExitCode,
    FfprepError,
    Interrupted,
    Kind,
    PhotoError,
    UsageError,
)
from ffprep.formats import OUTPUT_FORMATS
from ffprep.job import Policy
from ffprep.params import (
    AS_JSON,
    BACKGROUND,
    COLOUR,
    FFMPEG,
    FILTERS,
    FOCUS,
    FROM_STDIN,
    JOBS,
    MAX_PIXELS,
    PATH,
    SIZE_OR_TARGET,
    Parsed,
    Seconds,
    read_bytes,
)
from ffprep.spec import Size

if TYPE_CHECKING:
    from ffprep.convert import Converter
    from ffprep.library import Plan
    from ffprep.report import Tally
    from ffprep.workers import Signals

# The other rooms are imported where a command needs them: `ffprep --version` and a Makefile's
# thousandth call should not pay for Pillow, tqdm and ffmpeg-python.

ISSUES = "https://github.com/ffprep/ffprep/issues"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(ffprep.__version__, prog_name="ffprep")
def cli() -> None:
    """Turn photos into pictures of exactly the size asked for, with FFmpeg, and prove it."""


@cli.command()
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@click.option(
    "-o",
    "--output",
    type=str,
    required=True,
    metavar="OUT",
    help="A file for one SOURCE file, else a folder; folders are mirrored in it.",
)
@SIZE_OR_TARGET
@click.option("--mode", default="cover", show_default=True, help="See `ffprep modes`.")
@click.option(
    "--format",
    "format_name",
    type=click.Choice([*OUTPUT_FORMATS, "same"]),
    help="Default: what OUT's suffix says, else jpeg.",
)
@click.option(
    "--quality",
    type=click.IntRange(1, 100),
    default=95,
    show_default=True,
    help="On JPEG's familiar scale.",
)
@click.option(
    "--subsampling",
    type=click.Choice(["auto", "420", "422", "444"]),
    default="auto",
    show_default=True,
    help="JPEG's chroma; auto is 444 from quality 95 up, else 420.",
)
@click.option("--lossless", is_flag=True, help="WebP without loss.")
@click.option(
    "--compression",
    type=click.IntRange(0, 9),
    default=6,
    show_default=True,
    help="How hard PNG and WebP are packed; changes no pixels.",
)
@click.option(
    "--max-bytes",
    type=Parsed("N", read_bytes),
    help="Lower the quality until the file is no larger, such as 300kB or 4MiB.",
)
@COLOUR
@click.option(
    "--metadata",
    type=click.Choice(["none", "keep-rights"]),
    default="none",
    show_default=True,
    help="Keep copyright, artist, description and capture date; never place or serial numbers.",
)
@BACKGROUND
@FOCUS
@click.option(
    "--names",
    default="{stem}",
    show_default=True,
    metavar="TEMPLATE",
    help="Of {stem} {parent} {width} {height} {mode} {ext} {n}.",
)
@click.option(
    "--damaged",
    type=click.Choice(["fail", "keep"]),
    default="fail",
    show_default=True,
    help="What becomes of photos of which a part is missing.",
)
@click.option(
    "--upscale",
    type=click.Choice(["allow", "warn", "fail"]),
    default=Policy().upscale,
    show_default=True,
    help="What becomes of photos smaller than the size asked for.",
)
@click.option("--preserve-times", is_flag=True, help="Give outputs the times of their sources.")
@JOBS
@click.option(
    "--timeout",
    type=Seconds(),
    default=Policy().timeout,
    show_default=True,
    metavar="S",
    help="Seconds a photo may take.",
)
@MAX_PIXELS
@FROM_STDIN
@FILTERS
@FFMPEG
@click.option("--dry-run", is_flag=True, help="Print the ffmpeg command lines; convert nothing.")
@AS_JSON
@click.option("--quiet", is_flag=True, help="No bar and no summary; failures are still told.")
@click.option("-v", "--verbose", is_flag=True, help="A line for every photo.")
@click.option("--log-file", type=PATH, metavar="FILE", help="Append what was done to FILE.")
def convert(**given: Any) -> None:
    """Convert photos to pictures of exactly one size.

    SOURCE is a file, a folder, or - for a list of them on stdin, one a line.
    """
    from ffprep.workers import Signals

    with Signals() as signals:
        sys.exit(_convert(given, signals))


def _convert(given: dict[str, Any], signals: "Signals") -> int:
    from ffprep import report, run
    from ffprep.convert import Converter
    from ffprep.ffmpeg import find
    from ffprep.library import Plan
    from ffprep.outputs import remove_temporaries
    from ffprep.request import read_request

    request = read_request(given)
    policy = Policy(
        upscale=given["upscale"],
        keep_damaged=given["damaged"] == "keep",
        preserve_times=given["preserve_times"],
        timeout=given["timeout"],
        max_pixels=given["max_pixels"],
    )
    converter = Converter(find(given["ffmpeg"]), policy)
    tally = report.Tally()
    plan = Plan.of(request)
    tally.passed_over = plan.passed_over
    style = report.Style(given["as_json"], given["quiet"], given["verbose"], given["log_file"])
    if given["dry_run"]:
        _dry_run(plan, converter, tally, given["as_json"])
        return tally.exit_code
    with report.reporter(style, tally, plan.total) as reporter:
        signals.while_running(converter.processes.stop)
        try:
            for result in run.Run(plan, converter, given["jobs"]).results():
                reporter.tell(result)
        except EnvironmentFault:
            converter.processes.stop()
            reporter.finish("stopped")
            raise
        reporter.finish("interrupted" if signals.number is not None else "")
    if signals.number is not None:
        # A decoder still at work on one photo must not hold up the end.
        remove_temporaries()
        _leave_now(128 + signals.number)
    return tally.exit_code


def _dry_run(plan: "Plan", converter: "Converter", tally: "Tally", as_json: bool) -> None:
    """Print what would be run, for a shell or as JSON; tell what would fail."""
    from ffprep import report
    from ffprep.job import Result

    made: set[Path] = set()
    for item in plan.jobs():
        if isinstance(item, Result):
            result = item
        else:
            try:
                pipeline = converter.pipeline(item)
                if as_json:
                    names = {"source": str(item.source), "output": str(item.output)}
                    report.print_json(names | {"pipeline": pipeline})
                else:
                    _print_for_shell(pipeline, item.output.parent, made)
                continue
            except PhotoError as error:
                result = Result.failed(item.source, item.output, error)
        tally.add(result)
        _say(report.line(result))


def _print_for_shell(pipeline: list[list[str]], folder: Path, made: set[Path]) -> None:
    """Print a pipeline, and before it, once, what makes the folder it writes to."""
    import shlex

    if folder not in made and not os.path.isdir(folder):
        sys.stdout.write(shlex.join(["mkdir", "-p", "--", str(folder)]) + "\n")
    made.add(folder)
    sys.stdout.write(" | ".join(map(shlex.join, pipeline)) + "\n")


@cli.command()
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="PATH...")
@SIZE_OR_TARGET
@JOBS
@MAX_PIXELS
@AS_JSON
def check(paths: tuple[Path, ...], **given: Any) -> None:
    """Verify pictures that exist; one line for each that falls short. Writes nothing."""
    from ffprep import report, survey
    from ffprep.request import read_target

    target = read_target(given["size"], given["target"])
    short = False
    for finding in survey.verify(paths, target, given["max_pixels"], given["jobs"]):
        short = short or bool(finding.broken)
        if given["as_json"]:
            report.print_json(finding.as_dict())
        elif finding.broken:
            click.echo(
                f"{report.shown(finding.path)}: {report.printable('; '.join(finding.broken))}"
            )
    sys.exit(ExitCode.SOME_FAILED if short else ExitCode.OK)


@cli.command()
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="PATH...")
@SIZE_OR_TARGET
@FILTERS
@JOBS
@MAX_PIXELS
@AS_JSON
def info(paths: tuple[Path, ...], **given: Any) -> None:
    """Tell what files hold: format, size as shown and as stored, orientation, alpha, profile.

    With --size or --target, also what each mode would make of them: what is enlarged, cut, set in bars.
    """
    from ffprep import report, survey
    from ffprep.modes import all_modes
    from ffprep.request import filter_folders, read_target

    sizes: list[Size] = []
    if given["size"] or given["target"]:
        sizes = [size for _, size in read_target(given["size"], given["target"]).sizes]
    modes = all_modes(filter_folders(given["filters"])) if sizes else []
    frames = [(size, mode) for size in sizes for mode in modes]
    failed = False
    for finding in survey.describe(paths, frames, given["max_pixels"], given["jobs"]):
        failed = failed or finding.error is not None
        if given["as_json"]:
            report.print_json(finding.as_dict())
        else:
            lines = map(report.printable, finding.describe().splitlines())
            click.echo(f"{report.shown(finding.path)}: " + "\n".join(lines))
    sys.exit(ExitCode.SOME_FAILED if failed else ExitCode.OK)


@cli.command()
@click.argument("photo", type=PATH)
@click.option("-o", "--output", type=PATH, required=True, metavar="SHEET", help="A picture file.")
@SIZE_OR_TARGET
@BACKGROUND
@FOCUS
@MAX_PIXELS
@FILTERS
@FFMPEG
def compare(photo: Path, output: Path, **given: Any) -> None:
    """Draw a photo and what every mode makes of it, side by side, in one picture."""
    from ffprep import report, sheet
    from ffprep.convert import Converter
    from ffprep.ffmpeg import find
    from ffprep.modes import all_modes
    from ffprep.request import filter_folders, read_sheet
    from ffprep.workers import Signals

    modes = all_modes(filter_folders(given["filters"]))
    spec = read_sheet(photo, output, modes[0], given)
    policy = Policy(upscale="allow", max_pixels=given["max_pixels"])
    converter = Converter(find(given["ffmpeg"]), policy)
    with Signals() as signals:
        signals.while_running(converter.processes.stop)
        try:
            sheet.draw(photo, output, spec, modes, converter)
        except PhotoError as error:
            _say(f"{report.shown(photo)}: {error.kind}: {report.printable(str(error))}")
            sys.exit(ExitCode.BUG if error.kind is Kind.INTERNAL else ExitCode.SOME_FAILED)


@cli.command(hidden=True)
@click.argument("path", type=PATH)
@MAX_PIXELS
@COLOUR
def frame(path: Path, max_pixels: int, colour: str) -> None:
    """Write a photo's pixels to stdout, for an ffmpeg that cannot read it (see --dry-run)."""
    from ffprep.colour import to_srgb
    from ffprep.probe import decode, probe

    picture, _ = to_srgb(probe(path, max_pixels), keep=colour == "keep")
    _, pixels = decode(path, picture)
    sys.stdout.buffer.write(pixels)


@cli.command("modes")
@FILTERS
@AS_JSON
def list_modes(filters: tuple[Path, ...], as_json: bool) -> None:
    """List the modes: what each keeps and loses, and the pictures it suits."""
    from ffprep import report
    from ffprep.modes import all_modes
    from ffprep.request import filter_folders

    for mode in all_modes(filter_folders(filters)):
        words = {"keeps": mode.keeps, "loses": mode.loses, "suits": list(mode.suits)}
        if as_json:
            report.print_json({"name": mode.name, "summary": mode.summary} | words)
        else:
            words["suits"] = ", ".join(mode.suits)
            click.echo(f"{mode.name}: {mode.summary}")
            click.echo(
                "".join(f"    {key} {text}\n" for key, text in words.items() if text), nl=False
            )


@cli.command("targets")
@AS_JSON
def list_targets(as_json: bool) -> None:
    """List the named destinations: their sizes, formats and state."""
    from ffprep import report
    from ffprep.targets import all_targets

    for target in all_targets():
        sizes = {label: str(size) for label, size in target.sizes}
        if as_json:
            words = {"title": target.title, "status": target.status, "source": target.source}
            report.print_json(
                {"name": target.name, "sizes": sizes, "formats": list(target.formats)} | words
            )
        else:
            click.echo(f"{target.name}: {target.title}")
            click.echo(f"    sizes {', '.join(f'{s} ({label})' for label, s in sizes.items())}")
            click.echo(f"    formats {', '.join(target.formats)}")
            click.echo(f"    {target.status}")


def main() -> NoReturn:
    """Run the command line; every way out is an exit code of `ffprep.errors`."""
    _prepare_process()
    try:
        code = _run_command()
        sys.stdout.flush()  # here, where a full disk can still be told
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _leave_now(128 + signal.SIGINT)
    except BrokenPipeError:
        _leave_now(128 + signal.SIGPIPE)  # whoever read the output wants no more of it
    except Interrupted as error:
        _leave_now(error.exit_code)
    except UsageError as error:
        _say(f"{error}\nTry 'ffprep --help' for help.")
        sys.exit(error.exit_code)
    except FfprepError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        _say(f"{error.strerror or error}" + (f": {error.filename}" if error.filename else ""))
        _leave_now(ExitCode.ENVIRONMENT)
    except Exception:
        import traceback

        traceback.print_exc()
        _say(f"this is a bug in ffprep; please report the lines above at {ISSUES}")
        sys.exit(ExitCode.BUG)
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


def _leave_now(code: int) -> NoReturn:
    """End without waiting for threads, or for streams that cannot be written to."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _say(text: str) -> None:
    click.echo(f"ffprep: {text}", err=True)
