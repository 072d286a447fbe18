"""Photos whose pixels a decoder sends to ffmpeg: Pillow, or TurboJPEG at a fraction of their size.

Imported only for such photos.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from ffprep.conversion.transcode import Photo, Transcoder, is_whole
from ffprep.core.decoder_log import INCOMPLETE, DecoderLog
from ffprep.core.image_info import ImageInfo
from ffprep.errors import Kind, PhotoError
from ffprep.system.tempfiles import require_writable

if TYPE_CHECKING:
    from ffprep.system.pipes import Piped


def encode_by_pillow(
    steps: Transcoder, photo: Photo, output: Path, log: DecoderLog | None
) -> str | None:
    """Decode with Pillow, encode with ffmpeg; return what shows that a part is missing, if any.

    The log is that of an ffmpeg which made nothing of the photo. Raises PhotoError.
    """
    require_decodable(photo, log)
    try:
        _feed(steps, photo, output, strict=True)
    except PhotoError as error:
        if error.kind is not Kind.DAMAGED or not steps.policy.keep_damaged:
            raise
        _feed(steps, photo, output, strict=False)
        return INCOMPLETE
    return steps.decoders.hidden_damage(photo.source, photo.picture)


def require_decodable(photo: Photo, log: DecoderLog | None) -> None:
    """Raise PhotoError if Pillow would fill in what is missing of a photo, or if it has changed."""
    photo.require_unchanged()
    if log and photo.picture.format.forgiving and log.shows_damage_to(photo.picture):
        words = "the whole picture cannot be decoded; restore it from a backup"
        raise PhotoError(Kind.DAMAGED, words)


def _feed(steps: Transcoder, photo: Photo, output: Path, strict: bool) -> None:
    """Encode the pixels that Pillow has decoded."""
    with steps.decoders.decoded(photo.source, photo.picture, strict) as (raw, pixels):
        encode_fed(steps, photo, raw, output, pixels)


def encode_fed(
    steps: Transcoder, photo: Photo, raw: ImageInfo, output: Path, pixels: "Piped"
) -> None:
    """Encode pixels that a decoder sends. Raises PhotoError."""
    log = steps.transcode(photo, raw, output, pixels)
    pixels.require_complete()
    if not is_whole(log, 0, raw, output):
        require_writable(output, photo.job.output)
        last = log.errors[-1] if log.errors else "it logged no error"
        raise PhotoError(Kind.INTERNAL, f"ffmpeg made no output of the decoded pixels: {last}")
