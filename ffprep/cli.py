"""The command line: click options to objects, objects to text."""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

import ffprep
from ffprep.errors import EnvironmentFault, ExitCode, FfprepError, Interrupted, UsageError
from ffprep.formats import OUTPUT_FORMATS, OutputFormat, output_format_of
from ffprep.job import Policy
from ffprep.spec import Color, Focus, Size, Spec

if TYPE_CHECKING:
    from ffprep.convert import Converter
    from ffprep.library import Plan, Request
    from ffprep.report import Tally
    from ffprep.targets import Target
    from ffprep.workers import Signals

# The other rooms are imported where a command needs them: `ffprep --version` and a Makefile's
# thousandth call should not pay for Pillow, tqdm and ffmpeg-python.

ISSUES = "https://github.com/ffprep/ffprep/issues"

Value = TypeVar("Value")
_PATH = click.Path(path_type=Path, readable=False)


class Parsed(click.ParamType[Any]):
    """An option whose text one of ffprep's own `parse` functions reads."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a text; what is no text has been read already."""
        try:
            return self._parse(value) if isinstance(value, str) else value
        except UsageError as error:
            self.fail(str(error), param, ctx)


class Jobs(click.ParamType[int]):
    """A number of workers, or `auto`."""

    name = "N|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """`auto` is what this process may use."""
        if value == "auto":
            from ffprep.workers import processors

            return processors()
        if not str(value).isdecimal() or not 1 <= int(value) <= 1024:
            self.fail(f"{value!r} is neither auto nor a number from 1 to 1024", param, ctx)
        return int(value)


class Seconds(click.ParamType[float]):
    """A time limit, of any length that can be waited for."""

    name = "S"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Refuse what is no time; infinity is as long as can be."""
        try:
            seconds = float(value)
        except ValueError:
            seconds = 0
        if not seconds > 0:
            self.fail(f"{value!r} is no number of seconds above 0", param, ctx)
        return min(seconds, threading.TIMEOUT_MAX)


def options(*decorators: Callable[[Any], Any]) -> Callable[[Value], Value]:
    """Several click options as one decorator, for commands that share them."""

    def decorate(function: Any) -> Any:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


SIZE_OR_TARGET = options(
    click.option("--size", type=Parsed("WxH", Size.parse), help="Width x height in pixels."),
    click.option(
        "--target", metavar="NAME[/SIZE]", help="A named destination: see `ffprep targets`."
    ),
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout.")
FILTERS = click.option(
    "--filters", type=_PATH, metavar="DIR", multiple=True, help="A folder with modes of your own."
)
JOBS = click.option(
    "--jobs", type=Jobs(), default="auto", show_default=True, help="How many photos at a time."
)
MAX_PIXELS = click.option(
    "--max-pixels",
    type=click.IntRange(min=1),
    default=Policy().max_pixels,
    show_default=True,
    help="Refuse photos of more than this many pixels.",
)
FROM_STDIN = click.option(
    "-0",
    "--null",
    "from_null",
    is_flag=True,
    help="Read sources from stdin, separated by NUL, as `find -print0` writes them.",
)


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
    "--background",
    type=Parsed("COLOR", Color.parse),
    default="black",
    show_default=True,
    help="For bars, and under transparency: a CSS name, #rrggbb[aa], or transparent.",
)
@click.option(
    "--focus",
    type=Parsed("POINT", Focus.parse),
    default="center",
    show_default=True,
    help="What `cover` keeps: center, top, bottom-left, ... or X,Y in fractions.",
)
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
@click.option("--ffmpeg", metavar="PATH", help="Instead of FFPREP_FFMPEG and the embedded one.")
@click.option("--dry-run", is_flag=True, help="Print the ffmpeg command lines; convert nothing.")
@AS_JSON
@click.option("--quiet", is_flag=True, help="No bar and no summary; failures are still told.")
@click.option("-v", "--verbose", is_flag=True, help="A line for every photo.")
@click.option("--log-file", type=_PATH, metavar="FILE", help="Append what was done to FILE.")
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

    request = _request(given)
    policy = Policy(
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


def _request(given: dict[str, Any]) -> "Request":
    from ffprep.library import Names, Request
    from ffprep.modes import find_mode

    sources = _sources(given["sources"], given["from_null"])
    if not given["output"]:
        raise UsageError("-o: OUT is empty; name a file or a folder")
    output = Path(given["output"])
    listed = given["from_null"] or "-" in given["sources"]
    is_folder = given["output"].endswith(("/", os.sep)) or os.path.isdir(output)
    single = len(sources) == 1 and not (listed or is_folder or os.path.isdir(sources[0]))
    single = single and output.suffix != ""
    if os.path.exists(output) and not is_folder and not single:
        raise UsageError(f"{output} is a file; several sources, or a folder, need an output folder")
    named = _format_of(output) if single else None
    single = named is not None
    spec = Spec(
        size=_one_size(given["size"], given["target"]),
        mode=find_mode(given["mode"], _filter_folders(given["filters"])),
        format=_format(given["format_name"], named, output),
        quality=given["quality"],
        background=given["background"],
        focus=given["focus"],
    )
    same_format = given["format_name"] == "same" and not single
    return Request(sources, output, spec, single, Names(given["names"]), same_format)


def _sources(arguments: tuple[str, ...], from_null: bool) -> tuple[Path, ...]:
    """The sources, with `-` replaced by the list on stdin."""
    if from_null and "-" not in arguments:
        arguments = (*arguments, "-")
    if not arguments:
        raise UsageError("no SOURCE; name files or folders, or - for a list of them on stdin")
    found: list[str] = []
    for argument in arguments:
        found += _listed(b"\0" if from_null else b"\n") if argument == "-" else [argument]
    if "" in found:
        raise UsageError("a SOURCE is empty; name a file or a folder")
    return tuple(map(Path, found))


def _listed(separator: bytes) -> list[str]:
    if sys.stdin is None:
        raise UsageError("there is no stdin to read the list of sources from")
    names = sys.stdin.buffer.read().split(separator)
    if any(b"\0" in name for name in names):
        raise UsageError("the list on stdin is separated by NUL; read it with -0")
    return [os.fsdecode(name) for name in names if name]


def _format_of(output: Path) -> OutputFormat | None:
    """The format that OUT's suffix asks for; None where the suffix is none of a picture's."""
    from ffprep.formats import SUFFIXES

    format = output_format_of(output.suffix)
    if format is None and output.suffix.lower() in SUFFIXES:
        known = ", ".join(suffix for f in OUTPUT_FORMATS.values() for suffix in f.suffixes)
        raise UsageError(f"{output}: ffprep does not write {output.suffix}; it writes {known}")
    return format


def _format(name: str | None, named: OutputFormat | None, output: Path) -> OutputFormat:
    if name == "same":
        return named or OUTPUT_FORMATS["png"]  # of all formats, the one that contradicts nothing
    if name is None:
        return named or OUTPUT_FORMATS["jpeg"]
    format = OUTPUT_FORMATS[name]
    if named and named != format:
        raise UsageError(f"{output} is named like {named.name}, and --format says {name}")
    return format


def _one_size(size: Size | None, target_name: str | None) -> Size:
    target = _target(size, target_name)
    if len(target.sizes) > 1:
        known = ", ".join(f"{target.name}/{size}" for _, size in target.sizes)
        raise UsageError(f"{target.name} has several sizes; say which one: {known}")
    return target.sizes[0][1]


def _target(size: Size | None, name: str | None) -> "Target":
    from ffprep.targets import Target, find_target

    if size is not None and name is not None:
        raise UsageError("--size and --target exclude one another; write --target NAME/WxH")
    if size is not None:
        return Target.of_size(size)
    if name is None:
        raise UsageError("which size? Say --size 1280x720, or --target NAME/SIZE")
    return find_target(name)


def _filter_folders(given: tuple[Path, ...]) -> list[Path]:
    """The user's own folder, where there is one, and the folders named on the command line."""
    for folder in given:
        if not os.path.isdir(folder):
            raise UsageError(f"--filters {folder}: there is no such folder")
    own = Path(click.get_app_dir("ffprep")) / "filters"
    return [folder for folder in (own, *given) if os.path.isdir(folder)]


def _dry_run(plan: "Plan", converter: "Converter", tally: "Tally", as_json: bool) -> None:
    """Print what would be run, for a shell or as JSON; tell what would fail."""
    from ffprep import report
    from ffprep.errors import PhotoError
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
@click.argument("paths", nargs=-1, required=True, type=_PATH, metavar="PATH...")
@SIZE_OR_TARGET
@JOBS
@MAX_PIXELS
@AS_JSON
def check(paths: tuple[Path, ...], **given: Any) -> None:
    """Verify pictures that exist; one line for each that falls short. Writes nothing."""
    from ffprep import report, survey

    target = _target(given["size"], given["target"])
    short = False
    for finding in survey.verify(paths, target, given["max_pixels"], given["jobs"]):
        short = short or bool(finding.broken)
        if given["as_json"]:
            report.print_json(finding.as_dict())
        elif finding.broken:
            click.echo(f"{report.shown(finding.path)}: {'; '.join(finding.broken)}")
    sys.exit(ExitCode.SOME_FAILED if short else ExitCode.OK)


@cli.command()
@click.argument("paths", nargs=-1, required=True, type=_PATH, metavar="PATH...")
@JOBS
@MAX_PIXELS
@AS_JSON
def info(paths: tuple[Path, ...], jobs: int, max_pixels: int, as_json: bool) -> None:
    """Tell what files hold: format, size as shown and as stored, orientation, alpha, profile."""
    from ffprep import report, survey

    failed = False
    for finding in survey.describe(paths, max_pixels, jobs):
        failed = failed or finding.error is not None
        if as_json:
            report.print_json(finding.as_dict())
        else:
            click.echo(f"{report.shown(finding.path)}: {report.printable(finding.describe())}")
    sys.exit(ExitCode.SOME_FAILED if failed else ExitCode.OK)


@cli.command(hidden=True)
@click.argument("path", type=_PATH)
@MAX_PIXELS
def frame(path: Path, max_pixels: int) -> None:
    """Write a photo's pixels to stdout, for an ffmpeg that cannot read it (see --dry-run)."""
    from ffprep.probe import decode, probe

    _, pixels = decode(path, probe(path, max_pixels))
    sys.stdout.buffer.write(pixels)


@cli.command("modes")
@FILTERS
@AS_JSON
def list_modes(filters: tuple[Path, ...], as_json: bool) -> None:
    """List the modes: what each keeps and loses, and the pictures it suits."""
    from ffprep import report
    from ffprep.modes import all_modes

    for mode in all_modes(_filter_folders(filters)):
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
