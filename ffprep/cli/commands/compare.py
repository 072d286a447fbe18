"""`ffprep compare`: a photo in every mode. And the hidden `frame`: the pixels of a photo."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from ffprep.core.geometry import Size
from ffprep.core.policy import Policy
from ffprep.errors import ExitCode, Kind, PhotoError
from ffprep.options.compare import COMPARE, read_compare
from ffprep.options.shared import COLOUR, MAX_MEMORY, MAX_PIXELS, DocumentedCommand
from ffprep.options.types import PATH, Parsed
from ffprep.record import replace
from ffprep.system.messages import say
from ffprep.system.shutdown import Signals, leave_now

_EXAMPLES = {
    "ffprep compare photo.jpg -o sheet.png --size 1280x720": "A sheet with the photo in each mode.",
    "ffprep compare photo.jpg -o sheet.png --size 1280x720 --focus faces": "With faces kept.",
}
_SHORT = {
    "-o, --output SHEET": "A picture file",
    "--size WxH": "Width and height in pixels, such as 1280x720",
    "--target NAME[/SIZE]": "Size and rules of a service: see ffprep targets",
    "--background COLOR": "Color of bars and behind transparency",
    "--focus POINT": "What cover keeps: center, top, 0.5,0.3, faces, ...",
    "--frame WHEN": "Read a film: first, last, or seconds",
}


@click.command(cls=DocumentedCommand, examples=_EXAMPLES, short=_SHORT)
@COMPARE
def compare(**params: Any) -> None:
    """Make one picture that shows a photo in every mode, side by side."""
    from ffprep.config.sidecars import read_sidecar
    from ffprep.conversion import contact_sheet
    from ffprep.conversion.converter import Converter
    from ffprep.conversion.ffmpeg_binary import find
    from ffprep.library.walk import has_sidecar

    options = read_compare(params)
    photo, modes = options.photo, options.modes
    converter = Converter(find(options.ffmpeg), options.policy)
    with Signals() as signals:
        signals.while_running(converter.processes.stop)
        try:
            with _exit_on_photo_error(photo):
                real = os.path.join(os.path.realpath(photo.parent), "")
                override = read_sidecar(photo, real) if has_sidecar(str(photo), real) else None
                spec = options.overrides.spec(photo, options.spec, override).in_modes(modes[0])
                warnings = contact_sheet.draw(photo, options.output, spec, modes, converter)
        finally:
            if signals.number is not None:
                leave_now(128 + signals.number)
    for warning in warnings:
        say(f"{photo}: {warning}")


@click.command(hidden=True)
@click.argument("path", type=PATH)
@MAX_PIXELS
@MAX_MEMORY
@COLOUR
@click.option("--reduced", type=Parsed("WIDTHxHEIGHT", Size.parse))
def frame(path: Path, max_pixels: int, max_memory: int, colour: str, reduced: Size | None) -> None:
    """Write a photo's pixels to stdout, for ffmpeg commands of --dry-run that cannot read it."""
    from ffprep.conversion.stand_in import decoder_pool
    from ffprep.system.processes import Processes

    policy = Policy(max_pixels=max_pixels, max_memory=max_memory)
    with decoder_pool(Processes(), policy) as decoders, _exit_on_photo_error(path):
        picture, _ = decoders.probe_colours(path, policy.max_pixels, colour == "keep")
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
