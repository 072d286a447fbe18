"""Photos whose pixels a decoder sends to ffmpeg: Pillow, or TurboJPEG at a fraction of their size.

Imported only for such photos.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ffprep.conversion.transcode import Outputs, Transcoder, is_whole
from ffprep.core.decoder_log import INCOMPLETE, DecoderLog
from ffprep.core.image_info import ImageInfo
from ffprep.errors import Kind, PhotoError
from ffprep.system.tempfiles import require_writable

if TYPE_CHECKING:
    from ffprep.system.pipes import Piped


def encode_by_pillow(
    steps: Transcoder, outputs: Outputs, files: Sequence[Path], log: DecoderLog | None
) -> str | None:
    """Decode with Pillow, encode with ffmpeg; return what shows that a part is missing, if any.

    The log is that of an ffmpeg which made nothing of the photo. Raises PhotoError.
    """
    photo, picture = outputs[0], outputs[0].picture
    photo.require_unchanged()
    # Pillow would fill in what is missing of it.
    if log and picture.format.forgiving and log.shows_damage_to(picture):
        words = "the whole picture cannot be decoded; restore it from a backup"
        raise PhotoError(Kind.DAMAGED, words)
    try:
        _feed(steps, outputs, files, strict=True)
    except PhotoError as error:
        if error.kind is not Kind.DAMAGED or not steps.policy.keep_damaged:
            raise
        _feed(steps, outputs, files, strict=False)
        return INCOMPLETE
    return steps.decoders.hidden_damage(photo.source, picture)


def _feed(steps: Transcoder, outputs: Outputs, files: Sequence[Path], strict: bool) -> None:
    """Encode the pixels that Pillow has decoded."""
    with steps.decoders.decoded(outputs[0].source, outputs[0].picture, strict) as (raw, pixels):
        encode_fed(steps, outputs, raw, files, pixels)


def encode_fed(
    steps: Transcoder, outputs: Outputs, raw: ImageInfo, files: Sequence[Path], pixels: "Piped"
) -> None:
    """Encode pixels that a decoder sends. Raises PhotoError."""
    log = steps.transcode(outputs, raw, files, pixels)
    pixels.require_complete()
    if not is_whole(log, raw, files):
        require_writable(files[0], outputs[0].job.output)
        last = log.errors[-1] if log.errors else "it logged no error"
        raise PhotoError(Kind.INTERNAL, f"ffmpeg made no output of the decoded pixels: {last}")
