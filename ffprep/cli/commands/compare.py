"""`ffprep compare`: one photo in every mode, side by side. And the hidden `frame`: its pixels."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ffprep.core.policy import Policy
from ffprep.errors import ExitCode, Kind, PhotoError
from ffprep.options.types import (
    BACKGROUND,
    COLOUR,
    CROP_BOUNDS,
    FFMPEG,
    FILTERS,
    FOCUS,
    MAX_MEMORY,
    MAX_PIXELS,
    PATH,
    SIZE_OR_TARGET,
)
from ffprep.system.messages import say
from ffprep.system.shutdown import Signals, leave_now


@click.command()
@click.argument("photo", type=PATH)
@click.option("-o", "--output", type=PATH, required=True, metavar="SHEET", help="A picture file.")
@SIZE_OR_TARGET
@BACKGROUND
@FOCUS
@CROP_BOUNDS
@MAX_PIXELS
@MAX_MEMORY
@FILTERS
@FFMPEG
def compare(photo: Path, output: Path, **given: Any) -> None:
    """Draw a photo in every mode, side by side, in one picture."""
    from ffprep.cli.reporting import text
    from ffprep.config.modes import all_modes
    from ffprep.config.sidecars import sidecar, sidecar_of
    from ffprep.conversion import contact_sheet as sheet
    from ffprep.conversion.converter import Converter
    from ffprep.conversion.ffmpeg_binary import find
    from ffprep.options.parse import filter_folders, read_aims, read_sheet

    modes = all_modes(filter_folders(given["filters"]))
    spec = read_sheet(photo, output, modes[0], given)
    policy = replace(_limits(given), upscale="allow")
    converter = Converter(find(given["ffmpeg"]), policy)
    with Signals() as signals:
        signals.while_running(converter.processes.stop)
        try:
            with _told(photo):
                own = os.path.lexists(sidecar_of(photo))
                spec = (
                    read_aims(given)
                    .spec(photo, spec, sidecar(photo) if own else None)
                    .in_modes(modes[0])
                )
                warnings = sheet.draw(photo, output, spec, modes, converter)
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
def frame(path: Path, **given: Any) -> None:
    """Write a photo's pixels to stdout, for an ffmpeg that cannot read it (see --dry-run)."""
    from ffprep.image.sandbox import DecoderPool
    from ffprep.system.processes import Processes

    policy = _limits(given)
    with DecoderPool(Processes(), policy) as viewers, _told(path):
        picture, _ = viewers.look(path, policy.max_pixels, given["colour"] == "keep")
        with viewers.decoded(path, picture) as (_, pixels):
            for part in pixels:
                sys.stdout.buffer.write(part)


def _limits(given: Mapping[str, Any]) -> Policy:
    return Policy(max_pixels=given["max_pixels"], max_memory=given["max_memory"])


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what is wrong with a photo, and leave."""
    from ffprep.cli.reporting import text

    try:
        yield
    except PhotoError as error:
        say(f"{text.printable_path(path)}: {error.kind}: {text.printable(str(error))}")
        sys.exit(ExitCode.BUG if error.kind is Kind.INTERNAL else ExitCode.SOME_FAILED)
