"""Outputs of one photo that are made by one ffmpeg, which decodes the photo once.

Imported only for a photo with several outputs that is not part of a stream.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from ffprep.conversion.command import command_for_all
from ffprep.conversion.converter import Outputs, finished, opened
from ffprep.conversion.fed import require_decodable
from ffprep.conversion.transcode import Transcoder
from ffprep.core.decoder_log import DecoderLog
from ffprep.core.image_info import ImageInfo
from ffprep.core.job import Result
from ffprep.errors import Kind, PhotoError
from ffprep.system.own_folder import OwnFolders
from ffprep.system.tempfiles import Temporary, disk_full

if TYPE_CHECKING:
    from ffprep.system.pipes import Piped


def convert_together(steps: Transcoder, outputs: Outputs, folders: OwnFolders) -> Iterator[Result]:
    """Yield a Result for each output; those that are not right are converted again, alone.

    So each failure has an error of its own. Raises EnvironmentFault as `Transcoder.convert` does.
    """
    started, alone = time.perf_counter(), list(outputs)
    with suppress(PhotoError), opened(outputs, folders) as (held, files):
        with steps.processes.room_for(held[0].decoded.weight):
            sound = _encode(steps, held, files)
        alone, seconds = [], time.perf_counter() - started
        for photo, result in finished(steps, (held, files), seconds, sound):
            if result:
                yield result
            else:
                alone.append(photo)
    for photo in alone:
        yield steps.convert(photo, folders)


def _encode(steps: Transcoder, outputs: Outputs, files: tuple[Temporary, ...]) -> bool:
    """Write all outputs; return whether the photo is whole. Raises PhotoError."""
    photo, picture, log = outputs[0], outputs[0].decoded, None
    if photo.reduced:
        with steps.decoders.reduced(photo.source, picture) as pixels:
            return _run(steps, outputs, files, picture, pixels).agrees_with(picture, 0)
    if picture.ffmpeg_reads:
        log = _run(steps, outputs, files, picture)
        if log.agrees_with(picture, 0) and not log.may_be_about_a_later_frame(picture):
            return not steps.decoders.damage(photo.source, picture, log)
    return _encode_by_pillow(steps, outputs, files, log)


def _encode_by_pillow(
    steps: Transcoder, outputs: Outputs, files: tuple[Temporary, ...], log: DecoderLog | None
) -> bool:
    """Do the same with pixels that Pillow decodes. The log is that of an ffmpeg without a frame."""
    photo, picture = outputs[0], outputs[0].picture
    require_decodable(photo, log)
    with steps.decoders.decoded(photo.source, picture, strict=True) as (raw, pixels):
        log = _run(steps, outputs, files, raw, pixels)
    return log.agrees_with(raw, 0) and not steps.decoders.hidden_damage(photo.source, picture)


def _run(
    steps: Transcoder,
    outputs: Outputs,
    files: tuple[Temporary, ...],
    picture: ImageInfo,
    pixels: "Piped | None" = None,
) -> DecoderLog:
    """Run an ffmpeg that writes all outputs; return its log. Raises PhotoError."""
    names = [outputs[0].source, *(file.path for file in files)]
    if any("\n" in str(name) for name in names):
        raise _not_together()
    specs = tuple(photo.spec for photo in outputs)
    argv = command_for_all(steps.binary.path, names[0], picture, specs, names[1:])
    limited = [photo.job.spec for photo in outputs]
    with steps.started(limited, argv, None if pixels is None else [pixels]) as running:
        from ffprep.conversion import ffmpeg_log  # while ffmpeg works

        if running.wait_at_most(steps.policy.timeout) is None:
            raise _not_together()
    log = ffmpeg_log.read(running.log)
    if log.disk_full:
        raise disk_full(outputs[0].job.output)
    if pixels:
        pixels.require_complete()
    return log


def _not_together() -> PhotoError:
    """Return an error that is not reported: the outputs are converted alone."""
    return PhotoError(Kind.INTERNAL, "its outputs cannot be made together")
