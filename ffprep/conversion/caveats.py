"""What is unexpected about an output: it is enlarged, much is cut, or its quality is lower.

Imported only for such photos, and for those that have warnings.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from ffprep.core.fitting import Framing, percent, times
from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.job import Caveat, CaveatKind
from ffprep.core.policy import Policy
from ffprep.core.spec import LOWEST_QUALITY, Spec
from ffprep.errors import Kind, PhotoError
from ffprep.record import replace

if TYPE_CHECKING:
    from ffprep.conversion.transcode import Photo, Transcoder


def known_caveats(
    policy: Policy, picture: ImageInfo, framing: Framing, asked: Spec, cropped: Size, frame: Size
) -> tuple[Caveat, ...]:
    """Return the caveats of a photo, `cropped` to this size, for a `frame` that a Spec `asked` for.

    Raises PhotoError if the policy does not allow one, or a preview would have to be enlarged.
    """
    size = str(cropped)
    if cropped != picture.shown:
        size = f"{cropped}, cropped from {picture.shown},"
    found = list[Caveat]()
    if framing.enlarges and picture.preview:
        small = f"whose embedded preview of {picture.shown} is too small for {frame}"
        raise PhotoError(Kind.UNSUPPORTED, f"is a camera raw {small}; {picture.preview}")
    if framing.enlarges:
        found.append(_enlargement(policy, size, framing, frame))
    # With a fallback, --max-loss says how much may be cut.
    if framing.cuts_much and asked.fallback is None:
        found.append(cut_caveat(policy, size, framing, frame))
    kind = CaveatKind.PREVIEW if picture.preview else CaveatKind.COLOURS
    return (*found, *(Caveat(words, kind) for words in picture.warnings))


def _enlargement(policy: Policy, size: str, framing: Framing, frame: Size) -> Caveat:
    factor = f"enlarged {times(framing.factor)} for {frame}"
    if policy.upscale == "fail":
        advice = "find a larger original, ask for a smaller size, or give --upscale allow"
        raise PhotoError(Kind.UPSCALE, f"{size} would have to be {factor}; {advice}")
    return Caveat(f"{size} {factor}" if policy.upscale == "warn" else "", CaveatKind.UPSCALE)


def cut_caveat(policy: Policy, size: str, framing: Framing, frame: Size) -> Caveat:
    """Return the caveat of a big cut. Raises PhotoError if the policy does not allow it."""
    share = percent(framing.lost)
    if policy.max_cut == "fail":
        advice = "give --mode auto, which pads such photos, or --max-cut allow"
        raise PhotoError(Kind.CUT, f"{size} would be cut by {share} for {frame}; {advice}")
    words = f"{size} cut by {share} for {frame}; --mode auto pads such photos"
    return Caveat(words if policy.max_cut == "warn" else "", CaveatKind.CUT)


def lower_quality(steps: "Transcoder", photo: "Photo", output: Path) -> tuple[Caveat, ...]:
    """Write an output again, at the best quality that fits `max_bytes`; return its caveat.

    Raises PhotoError if none does.
    """
    spec = photo.job.spec
    if not spec.lossy or spec.quality <= LOWEST_QUALITY:
        raise too_many_bytes(spec, output.stat().st_size)
    low, high = LOWEST_QUALITY - 1, spec.quality
    quality = written = LOWEST_QUALITY  # if this does not fit, none does
    while high - low > 1:
        steps.make(_at_quality(photo, quality), output)
        written = quality
        if output.stat().st_size <= (spec.max_bytes or 0):
            low = quality
        elif quality == LOWEST_QUALITY:
            raise too_many_bytes(spec, output.stat().st_size)
        else:
            high = quality
        quality = (low + high) // 2
    if written != low:
        steps.make(_at_quality(photo, low), output)
    words = f"quality lowered to {low} to fit {spec.max_bytes} bytes"
    return (Caveat(words, CaveatKind.QUALITY),)


def _at_quality(photo: "Photo", quality: int) -> "Photo":
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
