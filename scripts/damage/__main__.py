"""Compare how ffprep and Pillow detect damage, and decide by the pixels which of them is right.

    python -m scripts.damage [--photos FOLDER] [--only NAME]

Damages every sound photo of FFPREP_PHOTOS, and drawn photos of every format: truncates them, and
flips bytes of the picture data. ffprep judges with `ffprep convert FOLDER --json`, where one
decoder reads many photos; Pillow judges by loading strictly. If they disagree, the pixels decide: a
picture with the original pixels is sound, any other is damaged. Truncated photos are compared even
if neither tool reports damage. The exit code is 1 if ffprep converted a truncated photo with
different pixels without a warning.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import pillow_heif
from PIL import Image, ImageChops

from ffprep.config.modes import find_mode
from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.formats import FORMATS, OUTPUT_FORMATS
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob, Status
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from scripts.damage.files import Damaged, Photo, damages, drawn, photos_in

warnings.filterwarnings("ignore", module="PIL")


ROUNDING = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """What both say of a damaged photo; `whole` is whether its pixels are those of the sound one.

    `whole` is asked of whoever found it sound, of ffprep if both did; None where neither did.
    """

    damaged: Damaged
    ffprep: bool
    pillow: bool
    whole: bool | None
    said: str

    @property
    def missed_cut(self) -> bool:
        """The worst: a cut photo, converted without a word."""
        return self.damaged.is_cut and self.ffprep and not self.whole


def by_pillow(data: bytes) -> Image.Image | None:
    """A file's (first) picture by Pillow, strictly; None where it refuses."""
    try:
        with Image.open(BytesIO(data)) as image:
            image.load()
            return image.convert("RGBA")
    except Exception:  # its parsers raise whatever they stumble over
        return None


@lru_cache(maxsize=4)
def undamaged(photo: Photo) -> Image.Image | None:
    """What Pillow makes of the photo as it was."""
    return by_pillow(photo.data)


def by_ffprep(folder: Path, output: Path) -> dict[str, tuple[bool, str]]:
    """Whether each file of a folder is converted without a word about damage, and what is said."""
    argv = [sys.executable, "-m", "ffprep", "convert", str(folder), "-o", str(output), "--json"]
    argv += ["--size", "64x64", "--upscale", "allow", "--max-cut", "allow"]
    ran = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    found = {}
    for line in ran.stdout.splitlines():
        if "source" in (told := json.loads(line)):
            words = (
                [told["error"]["kind"] + ": " + told["error"]["message"]] if told["error"] else []
            )
            words += [said for said in told.get("warnings", ()) if "missing" in said]
            found[Path(told["source"]).name] = (not words, "; ".join(words))
    return found


def same_through_ffprep(damaged: Damaged, folder: Path) -> bool:
    """Whether ffprep makes the same of a photo before and after the damage, pixel for pixel.

    But for rounding: alpha is laid on by other ways where it is Pillow that decodes.
    """
    sound = undamaged(damaged.photo)
    if sound is None:
        return False
    spec = Spec(Size(*sound.size), find_mode("stretch"), OUTPUT_FORMATS["png"])
    converter, made = Converter(find(), Policy(upscale="allow", max_cut="allow"), streams=False), []
    for name, data in (("sound", damaged.photo.data), ("damaged", damaged.data)):
        source, output = folder / name, folder / f"{name}.png"
        source.write_bytes(data)
        (result,) = converter.convert([LocalJob(source, output, spec)])
        if result.status is not Status.CONVERTED:
            return False
        made.append(Image.open(output).convert("RGBA"))
    extrema = ImageChops.difference(*made).getextrema()
    return max(highest for _, highest in extrema) <= ROUNDING  # type: ignore[misc]


def judge(
    photo: Photo, told: dict[str, tuple[bool, str]], names: dict[str, Damaged]
) -> list[Verdict]:
    """Both verdicts on every damage done to one photo."""
    verdicts = []
    for name, damaged in names.items():
        ffprep, said = told[name]
        picture = by_pillow(damaged.data)
        whole = None
        if ffprep and (damaged.is_cut or picture is None):
            with tempfile.TemporaryDirectory() as folder:
                whole = same_through_ffprep(damaged, Path(folder))
        elif picture is not None:
            whole = picture == undamaged(photo)
        verdicts.append(Verdict(damaged, ffprep, picture is not None, whole, said))
    return verdicts


def judged(photos: Iterable[Photo]) -> Iterator[list[Verdict]]:
    """The verdicts on a batch of photos that went through ffprep together."""
    batch = list(photos)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "in")
        folder.mkdir()
        by_photo: list[dict[str, Damaged]] = []
        for number, photo in enumerate(batch):
            suffix = Path(photo.name).suffix.lower()
            all_damages = enumerate(damages(photo))
            by_photo.append({f"{number}-{kind}{suffix}": made for kind, made in all_damages})
            for name, damaged in by_photo[-1].items():
                (folder / name).write_bytes(damaged.data)
            (folder / f"{number}-sound{suffix}").write_bytes(photo.data)
        told = by_ffprep(folder, Path(place, "out"))
    for number, photo in enumerate(batch):
        fine, said = told[f"{number}-sound{Path(photo.name).suffix.lower()}"]
        if not fine:
            print(f"SOUND, AND FAILS: {photo.name}: {said}")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(
            lambda pair: judge(pair[0], told, pair[1]), zip(batch, by_photo, strict=True)
        )


def batches(photos: Iterable[Photo], most: int = 40_000_000) -> Iterator[list[Photo]]:
    """Photos in lists of not too many bytes, so that what is damaged fits on the disk."""
    batch: list[Photo] = []
    for photo in photos:
        batch.append(photo)
        if sum(len(each.data) for each in batch) > most:
            yield batch
            batch = []
    if batch:
        yield batch


def column(verdict: Verdict) -> str:
    """Where in the table a verdict is counted."""
    if verdict.ffprep == verdict.pillow:
        return "both sound" if verdict.ffprep else "both damaged"
    return "ffprep sound, Pillow damaged" if verdict.ffprep else "ffprep damaged, Pillow sound"


COLUMNS = (
    "both damaged",
    "both sound",
    "ffprep sound, Pillow damaged",
    "ffprep damaged, Pillow sound",
)


def table(verdicts: list[Verdict]) -> Iterator[str]:
    """The table, a line at a time; damages of which a format tells the same share one."""
    yield "| format | damage | files | " + " | ".join(COLUMNS) + " |"
    yield "|---" * (3 + len(COLUMNS)) + "|"
    rows: defaultdict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        rows[verdict.damaged.photo.format, verdict.damaged.damage].append(verdict)
    order = [format.name for format in FORMATS]
    alike: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for (format, damage), row in sorted(rows.items(), key=lambda item: order.index(item[0][0])):
        cells = [cell([v for v in row if column(v) == name]) for name in COLUMNS]
        alike[format, f"{len(row)} | " + " | ".join(cells)].append(damage)
    for (format, line), done in alike.items():
        yield f"| {format} | {', '.join(done)} | {line} |"


def cell(verdicts: list[Verdict]) -> str:
    """How many, and in how many of them the pixels are as they were."""
    whole = sum(bool(verdict.whole) for verdict in verdicts)
    return f"{len(verdicts)} ({whole} whole)" if whole else str(len(verdicts) or "")


def disagreements(verdicts: list[Verdict]) -> Iterator[str]:
    """The disagreements, and who is right: a picture as it was is sound, any other damaged."""
    alike: defaultdict[tuple[str, str, bool], list[Verdict]] = defaultdict(list)
    for v in verdicts:
        if v.ffprep != v.pillow:
            alike[v.damaged.photo.format, column(v), bool(v.whole)].append(v)
    for (format, said, whole), found in sorted(alike.items()):
        right = "ffprep" if found[0].ffprep == whole else "Pillow"
        pixels = "as they were" if whole else "other ones"
        verdict = f"{said}; pixels {pixels}, **{right} is right** ({len(found)})"
        yield f"- {format}: {verdict}: {names(found)}"


def names(verdicts: list[Verdict]) -> str:
    """Photos, each with what was done to it."""
    damages: defaultdict[str, list[str]] = defaultdict(list)
    for verdict in verdicts:
        damages[verdict.damaged.photo.name].append(verdict.damaged.damage)
    return "; ".join(f"{name} ({', '.join(done)})" for name, done in damages.items())


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=Path, default=os.environ.get("FFPREP_PHOTOS"))
    parser.add_argument("--only", default="", help="photos whose name has this in it")
    options = parser.parse_args()
    pillow_heif.register_heif_opener()
    with tempfile.TemporaryDirectory() as folder:
        photos = list(drawn(Path(folder)))
    if options.photos:
        photos += photos_in(options.photos)
    readable = [photo for photo in photos if by_pillow(photo.data)]
    verdicts: list[Verdict] = []
    for batch in batches(photo for photo in readable if options.only in photo.name):
        for found in judged(batch):
            verdicts += found
    print(*table(verdicts), "", *disagreements(verdicts), sep="\n")
    others = [photo.name for photo in photos if photo not in readable]
    print(f"\nLeft out, since Pillow cannot read it undamaged: {', '.join(others) or 'none'}")
    missed = [v for v in verdicts if v.missed_cut]
    print(f"{len(verdicts)} files; cut, other pixels, and converted without a word: {len(missed)}")
    for v in missed:
        print(f"- {v.damaged.photo.name}, {v.damaged.damage}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
