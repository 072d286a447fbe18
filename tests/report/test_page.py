"""Reports of real runs in a real browser: looked at, corrected, saved, and converted again."""

import re
import shlex
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image

import ffprep
from tests.support.browser import DESKTOP, PHONE, opened_page
from tests.support.command_line import Ran
from tests.support.pictures import coordinates, opened

Ffprep = Callable[..., Ran]

SIZE = "320x180"


def _run(ffprep: Ffprep, folder: Path, *options: str) -> Path:
    """Convert the photos of a folder, and return the report."""
    ran = ffprep(
        *("convert", "photos", "-o", "out", "--size", SIZE, "--report", "report.html", *options),
        cwd=folder,
    )
    assert ran.code in (0, 1), ran.err
    return folder / "report.html"


def _correct(page: Any, name: str) -> None:
    page.get_by_role("button", name=f"Correct {name}", exact=True).click()


def _choose(page: Any, mode: str) -> None:
    page.get_by_role("radio", name=re.compile(f"^{mode} ")).check()


def _drag(page: Any, down: float) -> None:
    """Drag the frame down with the mouse, by pixels of the screen."""
    box = page.locator("#editor .scene").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 3, y + down / 2)
    page.mouse.move(x, y + down)
    page.mouse.up()


def _drag_by_touch(page: Any, down: float) -> None:
    """Drag the frame down with a finger."""
    box = page.locator("#editor .scene").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": x, "y": y + down}]),
        ("touchEnd", []),
    ):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def _saved(page: Any, button: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    path = folder / str(download.value.suggested_filename)
    download.value.save_as(path)
    return path


def _next_run(page: Any) -> list[str]:
    """Return the arguments of the command that the page tells to run."""
    command = re.search(r"Then run: ffprep (.*)", page.locator("#next").inner_text())
    assert command
    return shlex.split(command[1])


def _draw(folder: Path) -> Path:
    """Draw photos. With SIZE, a.png and b.png are cut without being scaled."""
    photos = folder / "photos" / "trip"
    photos.mkdir(parents=True)
    coordinates(320, 301).save(photos / "a.png")
    coordinates(401, 180).save(photos / "b.png")
    coordinates(90, 160).save(photos / "c.png")
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return _draw(tmp_path)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a report that is only looked at."""
    folder = _draw(tmp_path_factory.mktemp("report"))
    file = folder / "report.html"
    list(ffprep.convert(folder / "photos", folder / "out", size=SIZE, report=file))
    return file


def test_a_frame_that_was_dragged_is_cut_there_to_the_pixel(
    ffprep: Ffprep, browser: Any, library: Path
) -> None:
    report = _run(ffprep, library, "--format", "png")
    with opened_page(browser, report, DESKTOP) as page:
        _correct(page, "a.png")
        scale = 301 / page.locator("#editor .original").bounding_box()["height"]
        _drag(page, 24)
        for _ in range(3):
            page.keyboard.press("Shift+ArrowUp")
        _correct_next(page, "ArrowRight")
        assert page.locator("#changed").inner_text() == "2 photos changed"
        page.keyboard.press("Escape")
        tables = _saved(page, "Save tables", library / "photos" / "trip")
        again = _next_run(page)
    assert tables.name == "ffprep.toml"
    ran = ffprep(*again, "--json", cwd=library)
    assert (ran.summary["converted"], ran.summary["fresh"]) == (2, 1), ran.err
    top = 60 + round(24 * scale) - 3  # 60 is in the middle
    made = opened(library / "out" / "trip" / "a.png")
    assert made.tobytes() == coordinates(320, 301).crop((0, top, 320, top + 180)).tobytes()
    made = opened(library / "out" / "trip" / "b.png")
    assert made.tobytes() == coordinates(401, 180).crop((81, 0, 401, 180)).tobytes()


def test_a_photo_that_mode_fit_made_is_corrected_in_the_frame_that_was_asked_for(
    ffprep: Ffprep, browser: Any, library: Path
) -> None:
    report = _run(ffprep, library, "--format", "png", "--mode", "fit")
    with opened_page(browser, report, DESKTOP) as page:
        _correct(page, "a.png")
        assert page.locator("#position").inner_text() == "320×301 → 191×180 · mode fit"
        _choose(page, "cover")
        page.get_by_label("From the top").press("End")
        page.get_by_role("button", name="Close").click()
        sidecars = _saved(page, "Save sidecars", library)
        again = _next_run(page)
    with zipfile.ZipFile(sidecars) as archive:
        archive.extractall(library / "photos" / "trip")
    ffprep(*again, cwd=library)
    made = opened(library / "out" / "trip" / "a.png")
    assert made.tobytes() == coordinates(320, 301).crop((0, 121, 320, 301)).tobytes()


def _correct_next(page: Any, key: str) -> None:
    """Go on to the next photo, and move its frame to the end with a key of a slider."""
    page.get_by_role("button", name="Next photo").click()
    page.get_by_label("From the left").press("End")
    assert page.get_by_label("From the top").is_disabled()


def test_sidecars_from_a_phone_frame_what_crop_bounds_leave(
    ffprep: Ffprep, browser: Any, library: Path
) -> None:
    coordinates(400, 400).save(library / "photos" / "trip" / "a.png")
    report = _run(ffprep, library, "--format", "png", "--crop-bounds", "0.1,0.25,0.9,1")
    with opened_page(browser, report, PHONE, has_touch=True, is_mobile=True) as page:
        _correct(page, "a.png")
        scale = 400 / page.locator("#editor .original").bounding_box()["height"]
        _drag_by_touch(page, -30)
        page.get_by_role("button", name="Close").click()
        _correct(page, "c.png")
        _choose(page, "pad")
        page.get_by_role("button", name="Close").click()
        sidecars = _saved(page, "Save sidecars", library)
        again = _next_run(page)
    with zipfile.ZipFile(sidecars) as archive:
        assert archive.testzip() is None
        archive.extractall(library / "photos" / "trip")
    ran = ffprep(*again, "--json", cwd=library)
    assert (ran.summary["converted"], ran.summary["fresh"]) == (2, 1), ran.err
    top = 100 + 60 - round(30 * scale)
    made = opened(library / "out" / "trip" / "a.png")
    assert made.tobytes() == coordinates(400, 400).crop((40, top, 360, top + 180)).tobytes()
    assert opened(library / "out" / "trip" / "c.png").getpixel((0, 0)) == (0, 0, 0)
    with opened_page(browser, report, PHONE) as page:  # which this run has written
        _correct(page, "c.png")
        note = page.locator("#override").inner_text()
        assert 'c.png.ffprep.toml frames this photo already: mode = "pad"' in note
        _choose(page, "cover")
        page.get_by_role("button", name="Close").click()
        _saved(page, "Save tables", library)
        assert "Remove the sidecars of c.png" in page.locator("#next").inner_text()


HOSTILE = (
    "<img src=x onerror=alert(1)>.png",
    "<script>alert(2)<",
    "script>.png",
    "<!--.png",
    "--><b>.png",
    "\"quotes\" 'and' \\back\\slashes.png",
    "\u202egnp.exe\u2066.png",
    "new\nline\rand\ttab\x07\x7f.png",
    "${alert(3)}`.png",
    "&lt;&amp;.png",
    "~.png",
    "#?%41.png",
    "日本語 👩‍👩‍👧 e\u0301.png",
    "]]> {{script}} {{thumbnails}}.png",
)


def test_hostile_names_are_shown_and_saved_and_do_nothing(
    ffprep: Ffprep, browser: Any, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    (photos / "<").mkdir(parents=True)
    # The last two are in the folder `<`.
    for name in (*HOSTILE, "</script>.png", "</x.png"):
        coordinates(40, 30).save(photos / name, "png")
    with open(bytes(photos) + b"/not-utf8-\xff.png", "wb") as file:
        Image.new("RGB", (40, 30)).save(file, "png")
    report = _run(ffprep, tmp_path)
    number = len(HOSTILE) + 2
    with opened_page(browser, report, DESKTOP) as page:
        assert page.locator(".card").count() == number + 1
        shown = page.locator(".card h3").all_text_contents()
        assert {"<img src=x onerror=alert(1)>.png", "<!--.png", "&lt;&amp;.png"} < {*shown}
        assert "<202E>gnp.exe<2066>.png" in shown
        assert "new␊line␍and␉tab␇<7F>.png" in shown
        assert page.locator("main :is(b, img[src=x], script)").count() == 0
        page.locator("#cards button").first.click()
        for index in range(number):
            _choose(page, "pad")
            if index < number - 1:
                page.get_by_role("button", name="Next photo").click()
        assert page.get_by_role("button", name="Next photo").is_disabled()
        page.get_by_role("button", name="Close").click()
        page.get_by_text("Changed photos").click()
        # The browser fills an opened list a moment later.
        page.locator(f"#changed-photos li:nth-child({number}):last-child").wait_for()
        _saved(page, "Save tables", tmp_path)
        sidecars = _saved(page, "Save sidecars", tmp_path)
    ran = ffprep("convert", "photos", "-o", "out", "--size", SIZE, "--json", cwd=tmp_path)
    assert ran.summary["fresh"] == number + 1
    again = ("convert", "photos", "-o", "out", "--size", SIZE, "--json", "--config", "ffprep.toml")
    (photos / "ffprep.toml").write_bytes((tmp_path / "ffprep.toml").read_bytes())
    ran = ffprep(*again[:-1], "photos/ffprep.toml", cwd=tmp_path)
    assert (ran.summary["converted"], ran.summary["fresh"]) == (number, 1), ran.err
    with zipfile.ZipFile(sidecars) as archive:
        made = {name.removesuffix(".ffprep.toml") for name in archive.namelist()}
    assert made >= {*HOSTILE}


def test_photos_are_found_compared_and_undone(browser: Any, report: Path) -> None:
    with opened_page(browser, report, DESKTOP) as page:
        failures = page.get_by_role("region", name="Failures")
        assert failures.get_by_role("heading", level=3).inner_text() == "damaged: 1 photo"
        assert "broken.jpg" in failures.get_by_role("listitem").inner_text()
        names = page.locator(".card h3")
        assert names.all_text_contents() == ["broken.jpg", "a.png", "b.png", "c.png"]
        page.get_by_label("Order").select_option("largest cut first")
        assert names.all_text_contents()[0] == "c.png"
        page.get_by_label("Enlargement").select_option("more than 2x")
        assert names.all_text_contents() == ["c.png"]
        page.get_by_role("searchbox").fill("nothing")
        assert page.locator("#found").inner_text() == "0 pictures of 4"
        page.get_by_role("button", name="Show among the photos: cut").click()
        assert names.all_text_contents() == ["c.png"]
        slider = page.get_by_role("slider", name="Photo and output of c.png")
        output = page.get_by_alt_text("c.png, the output")
        slider.press("End")
        assert output.evaluate("image => image.style.clipPath") == "inset(0px 0px 0px 100%)"
        slider.press("Home")
        assert output.evaluate("image => image.style.clipPath") == "inset(0px 0px 0px 0%)"
        assert output.evaluate("image => image.decode().then(() => image.naturalWidth)") == 320
        _correct(page, "c.png")
        _choose(page, "blur")
        page.get_by_role("button", name="Close").click()
        assert "Changed: mode blur" in page.locator(".card").inner_text()
        page.get_by_role("button", name="Undo all").click()
        assert not page.locator("#changes").is_visible()
        assert output.is_visible()


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_the_page_can_be_used_by_all(
    browser: Any, report: Path, size: tuple[int, int], scheme: str
) -> None:
    with opened_page(browser, report, size, color_scheme=scheme) as page:
        page.locator("details").evaluate_all("all => all.forEach(each => (each.open = true))")
        page.evaluate("async () => { await thumbnails; }")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") == size[0]
        _correct(page, "c.png")
        _choose(page, "pad")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
