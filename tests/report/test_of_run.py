"""Reports of runs, and of ledgers: real photos, and thumbnails compared with their files."""

import os
from collections import Counter
from itertools import count
from pathlib import Path

import pytest
from PIL import Image

import ffprep as package
from ffprep.conversion.ffmpeg_binary import find
from ffprep.report import entries
from ffprep.report.of_ledger import LedgerReport
from ffprep.system.processes import Processes
from tests.support.command_line import Ran
from tests.support.pictures import opened, psnr, ramp
from tests.support.reports import Report

SIZE = "320x240"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return a folder of photos of which the size cuts nothing, some and much; two are bad."""
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    ramp(800, 600).save(folder / "same.jpg", quality=95)
    ramp(800, 800).save(folder / "trip/square.png")
    ramp(1600, 400).save(folder / "trip/wide.jpg", quality=95)
    ramp(160, 120).save(folder / "small.jpg", quality=95)
    upright = Image.Exif()
    upright[274] = 6
    ramp(600, 800).save(folder / "turned.jpg", quality=95, exif=upright)
    whole = (folder / "same.jpg").read_bytes()
    (folder / "cut off.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "text.jpg").write_text("not a picture")
    return folder


def as_thumbnail(picture: Image.Image) -> Image.Image:
    small = picture.convert("RGB")
    factor = 320 / max(small.size)
    size = tuple(round(side * factor) for side in small.size)
    return small.resize(size, Image.Resampling.LANCZOS)


def assert_shows(report: Report, photos: Path, out: Path) -> None:
    """Assert that all thumbnails of photos and outputs are those of their files."""
    for name, photo in report.photos.items():
        if photo["status"] == "failed":
            continue
        for which, path in (("before", photo["source"]), ("after", out / photo["output"])):
            thumbnail, picture = report.thumbnail(name, which), opened(Path(path))
            if name == "turned.jpg" and which == "before":
                picture = picture.rotate(-90, expand=True)
            assert thumbnail is not None
            expected = as_thumbnail(picture)
            assert thumbnail.size == expected.size
            assert psnr(thumbnail, expected) > 35, (name, which)


def test_a_report_shows_what_a_run_made_and_so_does_one_of_its_ledger(
    ffprep, photos: Path, tmp_path: Path
) -> None:
    out, page = tmp_path / "out", tmp_path / "report.html"
    (photos / "same.jpg.ffprep.toml").write_text('focus = "left"\nmode = "pad"\n')
    convert = ["convert", photos, "-o", out, "--size", SIZE, "--focus", "top"]
    ran: Ran = ffprep(*convert, "--report", page)
    assert ran.code == 1
    assert ran.out == b""
    report = Report(page)
    assert report.content["counts"] == {
        "converted": 5,
        "fresh": 0,
        "failed": 2,
        "pruned": 0,
        "passed_over": 0,
    }
    assert report.content["sample"] is None
    assert report.content["asked"]["options"] == [["size", SIZE], ["focus", "0.5,0.0"]]
    assert set(report.content["failed_by_kind"]) == set(report.content["advice"])
    assert report.content["warned_by_kind"] == {"upscale": 1, "cut": 1}
    assert_shows(report, photos, out)
    shown = {name: photo["shown"] for name, photo in report.photos.items()}
    assert shown["same.jpg"] == [0, 0, 1, 1]
    assert shown["square.png"] == [0, 0, 1, 0.75]
    assert shown["wide.jpg"] == pytest.approx([(1600 - 533) / 3200, 0, 1 - 533 / 1600, 1], abs=1e-3)
    assert report.photos["turned.jpg"]["photo"] == [800, 600]
    assert report.photos["same.jpg"]["override"] == {
        "origin": f"{photos}/same.jpg.ffprep.toml",
        "is_sidecar": True,
        "mode": "pad",
        "scene": None,
        "focus": "0.0,0.5",
        "crop_bounds": None,
    }
    assert report.photos["wide.jpg"]["sizes"] == {"inside": [320, 80]}
    assert report.photos["wide.jpg"]["path"] == "trip/wide.jpg"
    assert report.photos["wide.jpg"]["sidecar"] == "trip/wide.jpg.ffprep.toml"
    # Of a photo that is cut off, what can be decoded is shown.
    assert report.thumbnail("cut off.jpg", "before") is not None
    assert report.thumbnail("text.jpg", "before") is None
    assert sum(count for *_, count in report.content["charts"]["cut"]) == 5

    later = tmp_path / "later.html"
    assert ffprep("report", out, "-o", later) == Ran(0, b"", "")
    recorded = Report(later)
    assert_shows(recorded, photos, out)
    numbers = ("before", "after")
    for name, photo in report.photos.items():
        same = {key: value for key, value in photo.items() if key not in numbers}
        assert {key: recorded.photos[name][key] for key in same} == same
    assert recorded.content["charts"] == report.content["charts"]
    # The ledger and the exit code are those of a run without a report.
    assert ffprep(*convert, "--json", "--report", page).code == 1
    assert Report(page).content["counts"]["fresh"] == 5
    assert_shows(Report(page), photos, out)


def test_a_report_of_many_photos_has_a_sample_of_those_that_went_well(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    for number in range(12):
        ramp(640, 480 + number).save(photos / f"good{number}.jpg")
    monkeypatch.setattr(entries, "SAMPLE", 4)
    page = tmp_path / "report.html"
    results = list(package.convert(photos, tmp_path / "out", sizes=["64x48", "32x24"], report=page))
    statuses = Counter(result.status for result in results)
    assert statuses == {"converted": 34, "failed": 4}
    report = Report(page)
    shown = Counter(Path(each["source"]).name for each in report.content["photos"])
    assert report.content["sample"] == {"shown": sum(shown.values()), "of": 38}
    assert set(shown.values()) == {2}
    assert {"cut off.jpg", "text.jpg", "wide.jpg"} < set(shown)
    assert len(shown) == 3 + 4
    assert sum(count for *_, count in report.content["charts"]["enlargement"]) == 34
    # Both pictures of a photo share its thumbnail.
    wide = [each for each in report.content["photos"] if each["source"].endswith("wide.jpg")]
    assert len({each["before"] for each in wide}) == 1
    assert len({each["after"] for each in wide}) == 2


def test_a_photo_is_decoded_once_for_its_output_and_its_thumbnail(
    ffprep, photos: Path, tmp_path: Path
) -> None:
    calls, ffmpeg = tmp_path / "calls", tmp_path / "ffmpeg"
    ffmpeg.write_text(f'#!/bin/sh\necho "$*" >> {calls}\nexec "{find().path}" "$@"\n')
    ffmpeg.chmod(0o755)
    out, page = tmp_path / "out.jpg", tmp_path / "report.html"
    convert = ["convert", photos / "trip/wide.jpg", "-o", out, "--size", SIZE, "--report", page]
    assert ffprep(*convert, "--ffmpeg", ffmpeg).code == 0
    converting = [call for call in calls.read_text().splitlines() if "-filter_complex" in call]
    # The second one makes the thumbnail of the output.
    assert len(converting) == 2
    assert str(page) not in "".join(converting)
    assert Report(page).thumbnail("wide.jpg", "before").size == (320, 80)


def test_a_report_that_cannot_be_written_ends_the_run_before_the_first_photo(
    ffprep, photos: Path, tmp_path: Path
) -> None:
    convert = ["convert", photos, "-o", tmp_path / "out", "--size", SIZE, "--report"]
    ran = ffprep(*convert, "/proc/report.html")
    assert (ran.code, ran.err.count("--report")) == (3, 1)
    assert not (tmp_path / "out/same.jpg").exists()
    before = (photos / "same.jpg").read_bytes()
    assert ffprep(*convert, photos / "same.jpg").code == 2
    assert ffprep("report", tmp_path / "out", "-o", photos / "same.jpg").code == 2
    ledger = tmp_path / "out/.ffprep/ledger.db"
    for name in (ledger, photos / "same.jpg.ffprep.toml"):
        assert f"{name} is not the name of a page" in ffprep(*convert, name).err
    assert "-o: cannot write" in ffprep("report", tmp_path / "out", "-o", "/proc/report.html").err
    assert (photos / "same.jpg").read_bytes() == before
    assert ffprep("report", tmp_path, "-o", tmp_path / "report.html").code == 2
    assert os.listdir(tmp_path / "out") == [".ffprep"]


def test_a_report_that_is_interrupted_leaves_the_earlier_one(photos: Path, tmp_path: Path) -> None:
    out, page = tmp_path / "out", tmp_path / "report.html"
    pictures = list(package.convert(photos, out, size=SIZE, report=page))
    before, processes, made = page.read_bytes(), Processes(), count(1)

    def stop_after_the_first_thumbnail() -> None:
        if next(made) > len(pictures):
            processes.stop()

    report = LedgerReport(page, [out], None, 1, pytest.fail, processes)
    report.write(stop_after_the_first_thumbnail)
    assert page.read_bytes() == before
    assert next(made) > len(pictures) + 1
