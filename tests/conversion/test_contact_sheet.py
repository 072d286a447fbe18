"""The contact sheet of `compare`."""

from pathlib import Path

import pytest
from PIL import Image

from tests.support.pictures import opened, psnr, ramp

pytestmark = pytest.mark.slow


def is_paper(pixel: tuple[int, ...]) -> bool:
    return all(abs(value - 0xE8) < 3 for value in pixel)


@pytest.mark.parametrize("size", ["1280x720", "720x1280", "33x21", "4000x90"])
def test_a_sheet_shows_the_photo_and_every_mode(ffprep, tmp_path: Path, size: str) -> None:
    ramp(900, 600).save(tmp_path / "photo.png")
    ran = ffprep("compare", tmp_path / "photo.png", "-o", tmp_path / "sheet.png", "--size", size)
    assert (ran.code, ran.err, ran.out) == (0, "", b"")
    sheet = opened(tmp_path / "sheet.png")
    assert sheet.width <= 1920
    assert sheet.height <= 1080
    # Only paper at the edges; labels in nearly black.
    edges = [sheet.getpixel((x, y)) for x in (0, sheet.width - 1) for y in (0, sheet.height - 1)]
    assert all(is_paper(pixel) for pixel in edges)  # type: ignore[arg-type]
    assert sheet.convert("L").getextrema()[0] < 40  # type: ignore[operator]


def test_the_pictures_on_the_sheet_equal_those_of_convert(ffprep, tmp_path: Path) -> None:
    ramp(900, 600).save(tmp_path / "photo.png")
    arguments = ("--size", "400x300", "--background", "#ff0080")
    ffprep("compare", tmp_path / "photo.png", "-o", tmp_path / "sheet.png", *arguments)
    sheet = opened(tmp_path / "sheet.png")
    for mode in ("blur", "cover", "pad", "stretch"):
        ffprep(
            "convert", tmp_path / "photo.png", "-o", tmp_path / "o.png", "--mode", mode, *arguments
        )
        shown = opened(tmp_path / "o.png")
        best = max(
            psnr(sheet.crop((x, y, x + 400, y + 300)), shown)
            for x in range(24, sheet.width - 400, 1)
            for y in (24, 24 + 300 + 74 + 24)
            if y + 300 <= sheet.height
            and not is_paper(sheet.getpixel((x, y)))  # type: ignore[arg-type]
            and is_paper(sheet.getpixel((x - 1, y)))  # type: ignore[arg-type]
        )
        assert best > 50, mode


def test_errors_of_compare_are_reported(ffprep, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_text("no picture")
    size = ("--size", "64x64")
    ran = ffprep("compare", tmp_path / "bad.jpg", "-o", tmp_path / "sheet.png", *size)
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "bad.jpg: unsupported" in ran.err
    ramp(64, 64).save(tmp_path / "a.png")
    assert ffprep("compare", tmp_path / "a.png", "-o", tmp_path / "sheet.txt", *size).code == 2
    assert ffprep("compare", tmp_path / "a.png", "-o", tmp_path / "a.png", *size).code == 2
    assert ffprep("compare", tmp_path / "a.png", "-o", tmp_path / "no/x.png", *size).code == 0
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "home") == [
        "a.png",
        "bad.jpg",
        "no",
    ]


@pytest.mark.parametrize("background", ["#ff0080", "transparent"])
def test_transparent_pictures_lie_on_the_background(
    ffprep, tmp_path: Path, background: str
) -> None:
    Image.new("RGBA", (300, 200), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    sheet = tmp_path / "sheet.png"
    size = ("--size", "300x200", "--background", background)
    ffprep("compare", tmp_path / "clear.png", "-o", sheet, *size)
    shown = opened(sheet).crop((24, 24, 324, 224))
    counted = sorted(colour for _, colour in shown.getcolors())  # type: ignore[union-attr]
    squares = [(187, 187, 187), (255, 255, 255)]
    assert counted == ([(255, 0, 128)] if background == "#ff0080" else squares)


def test_labels_of_any_length_stay_in_their_cell(ffprep, tmp_path: Path) -> None:
    mode = '[[step]]\nfilter = "scale"\nw = "{width}"\nh = "{height}"\n'
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text(f'summary = "{"very long words " * 30}"\n{mode}')
    ramp(300, 200).save(tmp_path / "p.png")
    sheet = tmp_path / "sheet.png"
    ffprep("compare", tmp_path / "p.png", "-o", sheet, "--size", "300x200", "--filters", tmp_path)
    drawn = opened(sheet)
    gaps = [drawn.crop((x, 0, x + 10, drawn.height)) for x in range(7, drawn.width, 300 + 24)]
    assert all(is_paper(low[:1] * 3) for gap in gaps for low in gap.getextrema())  # type: ignore[index]
