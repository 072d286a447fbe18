"""Convert all cases, and compare each result with the right picture."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ffprep.config.modes import find_mode
from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.job import LocalJob, Result
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from scripts.cases.all_cases import CASES
from scripts.cases.case import Case, Verdict


@dataclass(frozen=True)
class Made:
    """What one photo became: warnings and error in one text, and the picture if there is one."""

    words: str
    picture: Image.Image | None

    @classmethod
    def of(cls, result: Result) -> "Made":
        """Return the warnings, the error and the output of a Result."""
        if result.failure:
            return cls(f"{result.failure.kind}: {result.failure.message}", None)
        with Image.open(str(result.output)) as picture:
            picture.load()
        return cls("; ".join(result.warnings), picture)


def write_all(folder: Path, cases: Iterable[Case]) -> None:
    """Write the files of cases."""
    for case in cases:
        (folder / case.file_name).write_bytes(case.make())


def converted(folder: Path, out: Path, streams: bool) -> dict[str, Made]:
    """Convert the files of all cases to PNG; return what each became, by file name."""
    jobs = []
    for case in CASES:
        spec = Spec(case.size, find_mode("stretch"), OUTPUT_FORMATS["png"])
        jobs.append(LocalJob(folder / case.file_name, out / f"{case.file_name}.png", spec))
    converter = Converter(find(), Policy(), streams=streams)
    return {result.source.name: Made.of(result) for result in converter.convert(jobs)}


def fault(case: Case, made: Made) -> str:
    """Return what is wrong about one photo; empty if it is right."""
    if case.verdict is Verdict.UNSUPPORTED:
        refused = made.words.startswith("unsupported: ") and case.words in made.words
        return "" if refused else f"not refused: {made.words or made.picture}"
    if made.picture is None:
        return made.words
    if (case.words not in made.words) if case.verdict is Verdict.WARNED else made.words:
        return f"warnings: {made.words or None}"
    if made.picture.size != (case.size.width, case.size.height):
        return f"size {made.picture.size}"
    picture = made.picture.convert("RGBA")
    pairs = [(place, right, picture.getpixel(place)) for place, right in case.pixels]
    return "; ".join(
        f"{found} at {place}, not {right}"
        for place, right, found in pairs
        if not _alike(right, found, case.within)  # type: ignore[arg-type]
    )


def _alike(right: tuple[int, ...], found: tuple[int, ...], within: int) -> bool:
    if right[3:] == (0,):  # the colour of what is transparent does not matter
        return found[3] == 0
    if right[3:] in ((), (255,)) and found[3] != 255:
        return False
    return all(abs(a - b) <= within for a, b in zip((*right, 255), found, strict=False))
