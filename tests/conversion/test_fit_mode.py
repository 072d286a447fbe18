"""The mode `fit`: the whole photo, in a size that follows from it."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageOps

import ffprep as library
from ffprep.core.constraints import SizeConstraints
from ffprep.core.fitting import inside_size
from ffprep.core.geometry import Size
from tests.support.command_line import Ran
from tests.support.pictures import coordinates, opened, psnr, ramp

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("photo", "frame", "multiple", "size"),
    [
        ("4000x3000", "1280x1280", 1, "1280x960"),
        ("3000x4000", "1280x1280", 1, "960x1280"),
        ("3000x2000", "1280x720", 1, "1080x720"),
        ("3000x2000", "1280x1280", 1, "1280x853"),
        ("3000x2000", "1280x1280", 64, "1280x832"),
        ("100x100", "640x360", 8, "360x360"),
        ("8000x100", "640x640", 64, "640x64"),
        ("1x30000", "100x100", 1, "1x100"),
        ("1280x720", "1280x720", 1, "1280x720"),
        ("3000x2000", "1279x720", 2, "1080x720"),
    ],
)
def test_a_photo_is_scaled_to_fit_in_the_frame(
    photo: str, frame: str, multiple: int, size: str
) -> None:
    limits = SizeConstraints(multiple_of=multiple)
    assert inside_size(Size.parse(photo), Size.parse(frame), limits) == Size.parse(size)


def test_the_whole_photo_is_shown_upright(tmp_path: Path) -> None:
    stored, exif = coordinates(300, 200), Image.Exif()
    exif[0x0112] = 6
    stored.save(tmp_path / "turned.png", exif=exif)
    picture = library.prepare(tmp_path / "turned.png", "120x120", "fit", format="png")
    assert picture.size == library.Size(80, 120)
    shown = Image.open(BytesIO(picture.data)).convert("RGB")
    assert shown.size == (80, 120)
    upright = ImageOps.exif_transpose(Image.open(tmp_path / "turned.png")).convert("RGB")
    assert psnr(shown, upright.resize((80, 120), Image.Resampling.LANCZOS)) > 40


def test_a_folder_of_photos_in_sizes_of_their_own(
    tmp_path: Path, ffprep: Callable[..., Ran]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, size in {"wide": (301, 101), "tall": (99, 280), "tiny": (7, 5)}.items():
        ramp(*size).save(photos / f"{name}.png")
    (photos / "tall.png.ffprep.toml").write_text('mode = "cover"\n')
    command = ("convert", photos, "-o", tmp_path / "out", "--size", "96x64", "--mode", "fit")
    ran = ffprep(*command, "--multiple-of", "8", "--json")
    assert ran.code == 0, ran.err
    sizes = {path.stem: opened(path).size for path in (tmp_path / "out").glob("*.jpg")}
    assert sizes == {"wide": (96, 32), "tall": (96, 64), "tiny": (88, 64)}
    told = {name.partition(".")[0]: (d["width"], d["height"]) for name, d in ran.results.items()}
    assert told == sizes
    again = ffprep(*command, "--multiple-of", "8", "--json")
    assert {d["status"] for d in again.results.values()} == {"fresh"}


def test_names_have_the_computed_size(tmp_path: Path, ffprep: Callable[..., Ran]) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    ramp(301, 101).save(photos / "wide.png")
    ramp(99, 280).save(photos / "tall.png")
    ramp(10, 10).save(photos / "own.png")
    (photos / "own.png.ffprep.toml").write_text('mode = "cover"\n')
    (photos / "bad.png").write_bytes(b"no picture")
    command = ("convert", photos, "-o", tmp_path / "out", "--size", "96x64", "--mode", "fit")
    command += ("--names", "{stem}-{width}x{height}", "--json")
    ran = ffprep(*command)
    assert ran.kinds() == {"own.png": "unsupported", "bad.png": "unsupported"}
    sizes = {path.name: opened(path).size for path in (tmp_path / "out").glob("*.jpg")}
    assert sizes == {"wide-96x32.jpg": (96, 32), "tall-23x64.jpg": (23, 64)}
    again = ffprep(*command)
    assert sum(d["status"] == "fresh" for d in again.results.values()) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--size 64x64 --multiple-of 8", "--multiple-of is for --mode fit"),
        ("--size 64x8 --mode fit --multiple-of 16", "64x8 has no side of 16 pixels"),
        ("--target sora-2/1280x720 --mode fit", "needs --size"),
        ("--target kling --mode fit", "needs --size"),
    ],
)
def test_contradictions_are_named(
    tmp_path: Path, ffprep: Callable[..., Ran], options: str, words: str
) -> None:
    ramp(20, 10).save(tmp_path / "a.png")
    ran = ffprep("convert", tmp_path / "a.png", "-o", tmp_path / "out", *options.split())
    assert ran.code == 2
    assert words in ran.err
