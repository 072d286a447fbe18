"""`ffprep compare`: one photo in every mode, side by side. And the hidden `frame`: its pixels."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ffprep.core.policy import Policy
from ffprep.errors import ExitCode, Kind, PhotoError
from ffprep.options.compare import COMPARE, read_compare
from ffprep.options.shared import COLOUR, MAX_MEMORY, MAX_PIXELS
from ffprep.options.types import PATH
from ffprep.system.messages import say
from ffprep.system.shutdown import Signals, leave_now


@click.command()
@COMPARE
def compare(**params: Any) -> None:
    """Draw a photo in every mode, side by side, in one picture."""
    from ffprep.cli.reporting import text
    from ffprep.config.sidecars import read_sidecar, sidecar_path
    from ffprep.conversion import contact_sheet as sheet
    from ffprep.conversion.converter import Converter
    from ffprep.conversion.ffmpeg_binary import find

    options = read_compare(params)
    photo, modes = options.photo, options.modes
    converter = Converter(find(options.ffmpeg), options.policy)
    with Signals() as signals:
        signals.while_running(converter.processes.stop)
        try:
            with _told(photo):
                own = read_sidecar(photo) if os.path.lexists(sidecar_path(photo)) else None
                spec = options.overrides.spec(photo, options.spec, own).in_modes(modes[0])
                warnings = sheet.draw(photo, options.output, spec, modes, converter)
        finally:
            if signals.number is not None:
                leave_now(128 + signals.number)
    for warning in warnings:
        say(f"{text.printable_path(photo)}: {text.printable(warning)}")


@click.command(hidden=True)
@click.argument("path", type=PATH)
@MAX_PIXELS
@MAX_MEMORY
@COLOUR
def frame(path: Path, max_pixels: int, max_memory: int, colour: str) -> None:
    """Write a photo's pixels to stdout, for an ffmpeg that cannot read it (see --dry-run)."""
    from ffprep.image.sandbox import DecoderPool
    from ffprep.system.processes import Processes

    policy = Policy(max_pixels=max_pixels, max_memory=max_memory)
    with DecoderPool(Processes(), policy) as viewers, _told(path):
        picture, _ = viewers.probe_colours(path, policy.max_pixels, colour == "keep")
        with viewers.decoded(path, picture) as (_, pixels):
            for part in pixels:
                sys.stdout.buffer.write(part)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what is wrong with a photo, and leave."""
    from ffprep.cli.reporting import text

    try:
        yield
    except PhotoError as error:
        say(f"{text.printable_path(path)}: {error.kind}: {text.printable(str(error))}")
        sys.exit(ExitCode.BUG if error.kind is Kind.INTERNAL else ExitCode.SOME_FAILED)
