"""What is known to be unexpected about an output before its photo is decoded.

Imported only for photos that are enlarged, or cut by more than half, or that have warnings.
"""

from collections.abc import Iterator

from ffprep.core.fitting import Framing, percent, times
from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.job import Caveat, CaveatKind
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from ffprep.errors import Kind, PhotoError


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
    if framing.enlarges:
        _refuse_preview(picture, frame)
        found.append(_enlargement(policy, size, framing, frame))
    # With a fallback, --max-loss says how much may be cut.
    if framing.cuts_much and asked.fallback is None:
        found.append(cut_caveat(policy, size, framing, frame))
    return (*found, *_of_picture(picture))


def _refuse_preview(picture: ImageInfo, frame: Size) -> None:
    if picture.preview:
        small = f"whose embedded preview of {picture.shown} is too small for {frame}"
        raise PhotoError(Kind.UNSUPPORTED, f"is a camera raw {small}; {picture.preview}")


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


def _of_picture(picture: ImageInfo) -> Iterator[Caveat]:
    kind = CaveatKind.PREVIEW if picture.preview else CaveatKind.COLOURS
    return (Caveat(words, kind) for words in picture.warnings)
