"""The block at the end of a run: sums of warnings, and the first failures.

Failures stand last, so that they are on the screen when the run has ended. Imported only if there
is something to report.
"""

from collections.abc import Iterator, Sequence

from ffprep.cli.reporting.text import printable_path
from ffprep.core.job import CaveatKind
from ffprep.run.summary import Mention, Mentions
from ffprep.system.messages import Paint, plain, printable

_SUMS = {
    CaveatKind.DAMAGED: "converted although a part of the picture is missing",
    CaveatKind.UPSCALE: "enlarged",
    CaveatKind.CUT: "lost more than half; --mode auto pads those",
    CaveatKind.QUALITY: "of a lower quality, to fit --max-bytes",
    CaveatKind.FACES: "with faces that do not fit in the frame",
    CaveatKind.NO_FACE: "without a face that was found, cut around the centre",
    CaveatKind.PREVIEW: "camera raws converted from their embedded preview",
    CaveatKind.COLOURS: "with colours that could not be converted exactly",
    CaveatKind.INTERLACED: "frames of interlaced films",
}
"""What is said of many photos, after their number."""

SHORT = {CaveatKind.DAMAGED: "damaged", CaveatKind.UPSCALE: "enlarged", CaveatKind.CUT: "cut"}
"""The same in the progress bar, of what most users want to know while a run goes on."""


def warning_lines(warnings: dict[CaveatKind, Mentions], places: Sequence[str]) -> Iterator[str]:
    """Yield the warnings of a kind if they are few, else their number; and the `places` of all."""
    are_summed = False
    for kind in filter(warnings.__contains__, CaveatKind):
        mentions = warnings[kind]
        if mentions.more:
            are_summed = True
            yield f"{mentions.total} {_SUMS[kind]}"
        else:
            yield from map(_line, mentions.first)
    if are_summed:
        yield f"to see which: {', or '.join(places)}"


def failure_lines(failures: Mentions, paint: Paint) -> Iterator[tuple[str, str]]:
    """Yield the first failures: the name of a photo, and the rest of the line."""
    return (_parts(each, paint) for each in failures.first)


def rest_line(failures: Mentions, places: Sequence[str], always: bool) -> Iterator[str]:
    """Yield how many failures there are besides the first, and the `places` of all, if any.

    `always` names the places also if there are no more.
    """
    if failures.more:
        yield f"and {failures.more} more that failed: see {', or '.join(places or ['above'])}"
    elif failures.first and places and always:
        yield f"to see them again: {', or '.join(places)}"


def _line(mention: Mention) -> str:
    return "".join(_parts(mention))


def _parts(mention: Mention, paint: Paint = plain) -> tuple[str, str]:
    source, failure = printable_path(mention.result.source), mention.result.failure
    kind = f"{paint(failure.kind, 'red')}: " if failure else ""
    several = f" ({mention.pictures} pictures)" * (mention.pictures > 1)
    return source, f": {kind}{printable(mention.words)}{several}"
