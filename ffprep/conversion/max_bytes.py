"""Outputs of a limited number of bytes. Imported only for an output that is too large."""

from pathlib import Path

from ffprep.conversion.transcode import Photo, Transcoder, fits, size_of
from ffprep.core.job import Caveat, CaveatKind
from ffprep.core.spec import LOWEST_QUALITY, Spec
from ffprep.errors import Kind, PhotoError
from ffprep.record import replace


def lower_quality(steps: Transcoder, photo: Photo, output: Path) -> tuple[Caveat, ...]:
    """Write an output again, at the best quality that fits `max_bytes`; return its caveat.

    Raises PhotoError if none does.
    """
    spec = photo.job.spec
    if not spec.lossy or spec.quality <= LOWEST_QUALITY:
        raise too_many_bytes(spec, size_of(output))
    low, high = LOWEST_QUALITY - 1, spec.quality
    quality = written = LOWEST_QUALITY  # if this does not fit, none does
    while high - low > 1:
        steps.make(_at_quality(photo, quality), output)
        written = quality
        if fits(spec, output):
            low = quality
        elif quality == LOWEST_QUALITY:
            raise too_many_bytes(spec, size_of(output))
        else:
            high = quality
        quality = (low + high) // 2
    if written != low:
        steps.make(_at_quality(photo, low), output)
    words = f"quality lowered to {low} to fit {spec.max_bytes} bytes"
    return (Caveat(words, CaveatKind.QUALITY),)


def _at_quality(photo: Photo, quality: int) -> Photo:
    """Return the same photo for an output of another quality, with as few bytes as it takes."""
    spec = replace(photo.job.spec, quality=quality, optimize=True)
    return replace(photo, job=replace(photo.job, spec=spec))


def too_many_bytes(spec: Spec, found: int) -> PhotoError:
    """Return the error of an output that does not fit."""
    words = f"{found} bytes are more than {spec.max_bytes}"
    if not spec.lossy:
        other = "drop --lossless" if spec.lossless else "write jpeg or webp"
        words += f", and lossless {spec.format.name} has no quality to lower; {other}"
    elif spec.quality > LOWEST_QUALITY:
        words += f" even at quality {LOWEST_QUALITY}"
    return PhotoError(Kind.TOO_LARGE, f"{words}; ask for a smaller size or allow more bytes")
