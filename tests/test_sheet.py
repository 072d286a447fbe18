"""The contact sheet of `compare`."""

from pathlib import Path

import pytest
from conftest import opened, psnr, ramp
from PIL import Image


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
    # Nothing but paper at the edges; labels in nearly black.
    edges = [sheet.getpixel((x, y)) for x in (0, sheet.width - 1) for y in (0, sheet.height - 1)]
    assert all(is_paper(pixel) for pixel in edges)  # type: ignore[arg-type]
    assert sheet.convert("L").getextrema()[0] < 40  # type: ignore[operator]


def test_the_pictures_on_the_sheet_are_what_convert_makes(ffprep, tmp_path: Path) -> None:
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


def test_what_cannot_be_drawn_is_told(ffprep, tmp_path: Path) -> None:
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


def test_alpha_is_seen_on_the_sheet(ffprep, tmp_path: Path) -> None:
    photo = Image.new("RGBA", (300, 200), (255, 0, 0, 0))
    photo.save(tmp_path / "clear.png")
    sheet = tmp_path / "sheet.png"
    ffprep("compare", tmp_path / "clear.png", "-o", sheet, "--size", "300x200")
    corner = opened(sheet).getpixel((24 + 150, 24 + 100))
    assert is_paper(corner)  # type: ignore[arg-type]
