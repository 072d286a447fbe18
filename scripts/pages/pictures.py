"""Make the pictures of the pages, in docs/pictures: `make pictures`.

ffprep makes them from one drawn scene. `tests/project/test_site.py` compares the small ones with
what ffprep makes of the scene today.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

import ffprep
from ffprep.config.modes import all_modes
from ffprep.core.geometry import Size
from scripts.pages.recording import record
from scripts.samples import scene

FOLDER = Path("docs/pictures")
_PHOTO, _SMALL, _CELL = Size(1200, 1600), "384x216", "448x252"
_BALLOON = "0.36,0.3"  # where it is in the scene

_SESSION = (
    "ffprep convert photos -o ready --size 1280x720 --mode pad",
    "ffprep convert photos -o ready --size 1280x720 --mode pad",
    "ffprep check ready --size 1280x720",
)
_SCREEN = Size(80, 14)
_PHOTOS, _TORN = 48, 17
_TORN_BYTES = 60_000


def draw(photo: Path) -> None:
    """Draw the photo that all pictures show."""
    scene.draw(_PHOTO).save(photo, quality=92)


def small_pictures(photo: Path) -> Iterator[tuple[str, ffprep.Prepared]]:
    """Yield what each mode, and `cover` with a focus, make of the photo, by file name."""
    framings = {f"mode-{mode.name}": (mode.name, "center") for mode in all_modes()}
    framings["focus-balloon"] = ("cover", _BALLOON)
    for name, (mode, focus) in framings.items():
        yield (
            f"{name}.webp",
            ffprep.prepare(
                photo, size=_SMALL, mode=mode, focus=focus, format="webp", max_cut="allow"
            ),
        )


def _compare(photo: Path) -> None:
    sheet = FOLDER / "compare.webp"
    options: Sequence[str | Path] = (photo, "-o", sheet, "--size", _CELL, "--focus", _BALLOON)
    subprocess.run([sys.executable, "-m", "ffprep", "compare", *options], check=True)


def _record(photo: Path, folder: Path) -> None:
    """Record a session with many photos, of which one is truncated."""
    photos = folder / "photos"
    photos.mkdir()
    for number in range(1, _PHOTOS + 1):
        copyfile(photo, photos / f"img_{number:02}.jpg")
    with open(photos / f"img_{_TORN:02}.jpg", "r+b") as torn:
        torn.truncate(_TORN_BYTES)
    record(_SESSION, folder, _SCREEN, FOLDER.absolute() / "session.svg")


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory() as name:
        photo = Path(name, "scene.jpg")
        draw(photo)
        for file, picture in small_pictures(photo):
            picture.save(FOLDER / file)
        _compare(photo)
        _record(photo, Path(name))


if __name__ == "__main__":
    main()
