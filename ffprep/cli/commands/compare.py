"""`ffprep compare`: contact sheets. And the hidden `frame`: the pixels of a photo."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ffprep.cli.reporting.progress import Console, ConvertReporter
from ffprep.core.geometry import Size
from ffprep.core.policy import Policy
from ffprep.errors import ExitCode, Kind, PhotoError
from ffprep.options.command import DocumentedCommand, option
from ffprep.options.compare import compare_parameters, read_compare
from ffprep.options.shared import COLOUR, LIMITS
from ffprep.options.types import PATH, Parsed
from ffprep.record import replace
from ffprep.run.summary import RunSummary
from ffprep.system.messages import say
from ffprep.system.shutdown import Signals, leave_now

if TYPE_CHECKING:
    from ffprep.conversion.converter import Converter
    from ffprep.run.sheets import ContactSheets

_EXAMPLES = {
    "ffprep compare photo.jpg -o sheet.png --size 1280x720": "A sheet with the photo in each mode.",
    "ffprep compare photos -o sheet.jpg --size 1280x720": "Pages that show how cover cuts each.",
    "ffprep compare photos -o sheet.jpg --size 1280x720 --mode cover --mode pad": "A row each.",
    "ffprep compare photo.jpg -o sheet.png --size 1280x720 --focus faces": "With faces kept.",
}
_SHORT = "output size target mode columns background focus frame"


@click.command(
    cls=DocumentedCommand, examples=_EXAMPLES, short=_SHORT, params=compare_parameters.params
)
def compare(**params: Any) -> None:
    """Show photos as pictures of the size, side by side on a contact sheet.

    One photo is shown in every mode. Several photos, and those of folders, have a cell each; with
    several modes, a row each. The sheet has as many pages as needed.
    """
    from ffprep.conversion.converter import Converter
    from ffprep.conversion.ffmpeg_binary import find

    options = read_compare(params)
    sheets = options.contact_sheets()
    converter = Converter(find(options.ffmpeg), options.policy)
    code: int = ExitCode.OK
    with Signals() as signals, closing(converter):
        signals.while_running(converter.processes.stop)
        try:
            if options.single:
                _draw_single(sheets, converter)
            else:
                code = _draw(sheets, converter)
        finally:
            if signals.number is not None:
                leave_now(128 + signals.number)
    sys.exit(code)


def _draw_single(sheets: "ContactSheets", converter: "Converter") -> None:
    """Draw the sheet of one photo, print its warnings once, and exit if it fails."""
    photo = sheets.options.paths[0]
    with _exit_on_photo_error(photo):
        results = list(sheets.draw(converter))
    for warning in dict.fromkeys(words for result in results for words in result.warnings):
        say(f"{photo}: {warning}")


def _draw(sheets: "ContactSheets", converter: "Converter") -> int:
    """Draw all pages, report failures and warnings as `convert` does; return the exit code."""
    options, console = sheets.options, Console()
    summary = RunSummary(options.output, len(sheets.photos) * len(options.specs))
    advice = "`ffprep compare` of one photo"
    with ConvertReporter(console, summary, advice=advice) as reporter:
        for result in sheets.draw(converter):
            summary.count(result)
            reporter.report(result)
    pages = [path for path, _ in sheets.pages()]
    if console.is_chatty and len(pages) > 1:
        console.say(f"{len(pages)} pages: {pages[0]} to {pages[-1]}")
    return summary.exit_code


@click.command(hidden=True)
@click.argument("path", type=PATH)
@LIMITS
@COLOUR
@option("--reduced", Parsed("WIDTHxHEIGHT", Size.parse), "")
def frame(path: Path, max_pixels: int, max_memory: int, colour: str, reduced: Size | None) -> None:
    """Write a photo's pixels to stdout, for ffmpeg commands of --dry-run that cannot read it."""
    from ffprep.conversion.ffmpeg_binary import decoder_pool
    from ffprep.system.processes import Processes

    policy = Policy(max_pixels=max_pixels, max_memory=max_memory)
    with decoder_pool(Processes(), policy) as decoders, _exit_on_photo_error(path):
        picture = decoders.probe_colours(path, colour == "keep")
        with ExitStack() as stack:
            if reduced:
                wanted = replace(picture, stored=reduced, raw=picture.planes)
                pixels = stack.enter_context(decoders.reduced(path, wanted))
            else:
                _, pixels = stack.enter_context(decoders.decoded(path, picture))
            for part in pixels:
                sys.stdout.buffer.write(part)


@contextmanager
def _exit_on_photo_error(path: Path) -> Iterator[None]:
    """Print the error of a photo, and exit."""
    try:
        yield
    except PhotoError as error:
        say(f"{path}: {error.kind}: {error}")
        sys.exit(ExitCode.BUG if error.kind is Kind.INTERNAL else ExitCode.SOME_FAILED)
