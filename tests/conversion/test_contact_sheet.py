"""The contact sheet of `compare`."""

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from ffprep.conversion.label_fonts import Lettering, _drawn, _file_for, drawable
from tests.support.pictures import opened, psnr, ramp
from tests.support.shims import need

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


FOLDER_SIZE = ("--size", "400x300")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five photos, one of which is none, and one lies in a folder."""
    (tmp_path / "photos/trip").mkdir(parents=True)
    for name, size in (("a", (900, 600)), ("b", (600, 900)), ("trip/c", (800, 300))):
        ramp(*size).save(tmp_path / f"photos/{name}.png")
    (tmp_path / "photos/bad.jpg").write_text("no picture")
    shutil.copy(tmp_path / "photos/a.png", tmp_path / "photos/z.png")
    return tmp_path / "photos"


def test_a_folder_has_a_cell_for_each_photo_on_numbered_pages(
    ffprep, folder: Path, tmp_path: Path
) -> None:
    sheet = tmp_path / "new/sheet.png"
    ran = ffprep("compare", folder, "-o", sheet, *FOLDER_SIZE, "--columns", "2", "--mode", "pad")
    assert (ran.code, ran.out) == (1, b"")
    assert "photos/bad.jpg: unsupported: " in ran.err
    assert "4 converted, 1 failed" in ran.err
    pages = sorted(path.name for path in sheet.parent.iterdir())
    assert pages == ["sheet-01.png", "sheet-02.png"]
    ffprep(
        "convert", folder, "-o", tmp_path / "made", *FOLDER_SIZE, "--mode", "pad", "--format=png"
    )
    first, second = (opened(sheet.parent / name) for name in pages)
    corners = ((first, 24, 24), (first, 448, 24), (first, 24, 422), (first, 448, 422))
    names = ("a", "b", None, "z")  # the folder `trip` comes after the files
    for name, (page, x, y) in zip(names, corners, strict=True):
        shown = page.crop((x, y, x + 400, y + 300))
        if name:
            assert psnr(shown, opened(tmp_path / f"made/{name}.png")) > 50
        else:
            assert shown.getpixel((2, 2)) == (0xD2, 0xD2, 0xD2)
            assert len(shown.getcolors(1 << 20)) > 10  # type: ignore[arg-type]  # the reason
    shown = second.crop((24, 24, 424, 324))
    assert psnr(shown, opened(tmp_path / "made/trip/c.png")) > 50


def test_a_page_shows_more_pictures_than_one_ffmpeg_lays(ffprep, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    colours = {(9 * number, 255 - 9 * number, 60) for number in range(25)}
    for colour in colours:
        Image.new("RGB", (20, 20), colour).save(tmp_path / f"photos/{colour[0]:03}.png")
    sheet = tmp_path / "sheet.png"
    ran = ffprep("compare", tmp_path / "photos", "-o", sheet, "--size", "20x20")
    assert (ran.code, ran.err) == (0, "")
    areas = dict(map(reversed, opened(sheet).getcolors(1 << 20)))  # type: ignore[call-overload]
    assert {colour: areas.get(colour) for colour in colours} == dict.fromkeys(colours, 400)


def test_several_modes_of_several_photos_are_in_rows(ffprep, folder: Path, tmp_path: Path) -> None:
    photos, sheet = (folder / "a.png", folder / "b.png"), tmp_path / "sheet.png"
    modes = ("--mode", "cover", "--mode", "stretch")
    (folder / "b.png.ffprep.toml").write_text('focus = "top"\nmode = "pad"\n')
    ran = ffprep("compare", *photos, "-o", sheet, *FOLDER_SIZE, *modes)
    assert (ran.code, ran.err) == (0, "")
    drawn = opened(sheet)
    for row, photo in enumerate(photos):
        y = 24 + row * (300 + 74 + 24)
        # The sidecar's focus applies, and its mode does not: these two are compared.
        for column, options in enumerate((("cover", "--focus", "top"), ("stretch",)), 1):
            made, x = tmp_path / "made.png", 24 + column * 424
            focus = options[1:] if row else ()
            table = tmp_path / "copy.png"
            shutil.copy(photo, table)
            ffprep("convert", table, "-o", made, *FOLDER_SIZE, "--mode", options[0], *focus)
            assert psnr(drawn.crop((x, y, x + 400, y + 300)), opened(made)) > 50
        uncut = drawn.crop((24, y, 424, y + 300))
        assert is_paper(uncut.getpixel((200, 2) if row == 0 else (2, 150)))  # type: ignore[arg-type]


def test_a_sheet_overwrites_no_photo_and_does_not_become_one(
    ffprep, folder: Path, tmp_path: Path
) -> None:
    def refused(*arguments: object) -> str:
        ran = ffprep("compare", *arguments, *FOLDER_SIZE)
        assert ran.code == 2
        return ran.err

    before = set(folder.rglob("*"))
    assert "write it to another folder" in refused(folder, "-o", folder / "trip/sheet.png")
    os.link(folder / "b.png", tmp_path / "link.png")
    assert "is one of the photos" in refused(
        folder / "a.png", folder / "b.png", "-o", tmp_path / "link.png"
    )
    modes = ("--mode", "cover", "--mode", "pad")
    assert "--columns" in refused(folder, "-o", tmp_path / "s.png", "--columns", "3", *modes)
    (tmp_path / "empty").mkdir()
    assert "no photos" in refused(tmp_path / "empty", "-o", tmp_path / "s.png")
    assert before == set(folder.rglob("*"))
    assert not (tmp_path / "s.png").exists()


def test_labels_are_in_any_script_for_which_there_is_a_font() -> None:
    letters, shown = Lettering(), dict[str, bytes]()
    need("fonts-dejavu-core", _file_for("Ж"))
    for text in ("Ж", "Щ", "λ", "é", "e"):
        drawn = Image.new("L", (60, 40))
        letters.draw(ImageDraw.Draw(drawn), 30, 5, text, 20, "white")
        shown[text] = drawn.tobytes()
    assert letters.complaint == ""
    assert len(set(shown.values())) == len(shown)  # a box would be the same for all


def test_labels_without_a_font_say_so(ffprep, tmp_path: Path) -> None:
    ramp(60, 40).save(tmp_path / "Жар.png")
    ramp(60, 40).save(tmp_path / "plain.png")
    photos = tmp_path / "Жар.png", tmp_path / "plain.png"
    fonts = {"XDG_DATA_DIRS": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    command = ("compare", *photos, "-o", tmp_path / "s.png", "--size", "60x40")
    ran = ffprep(*command, env=os.environ | fonts)
    assert ran.code == 0
    assert ran.err == (
        "ffprep: no installed font has Ж а р, shown as ? in labels; install fonts such as Noto "
        "Sans or Noto Sans CJK\n"
    )


def test_spaces_and_joiners_are_drawn_in_the_font_around_them() -> None:
    files = dict.fromkeys("Жа", "a.ttf") | dict.fromkeys("b\\x1", "") | {"漢": None}
    parts = list(_drawn(drawable("Ж\u200c\u3000а b\u202f漢\x1b"), files))
    assert parts[:4] == [("a.ttf", each) for each in "Ж\u200c\u3000а"]
    assert "".join(each for _, each in parts[4:]) == " b ?\\x1b"
