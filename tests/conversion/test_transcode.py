"""Enlarging, and the bytes of an output."""

from pathlib import Path

import pytest
from PIL import Image

from ffprep.config.modes import find_mode
from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.geometry import Bounds, Size
from ffprep.core.job import CaveatKind
from ffprep.core.mode import Fallback
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from ffprep.errors import Kind
from tests.conversion.test_converter import detail, kind, one
from tests.support.pictures import opened, psnr, ramp

COVER = Spec(Size(640, 480), find_mode("cover"))


def saved(folder: Path, name: str, image: Image.Image) -> Path:
    image.save(folder / name)
    return folder / name


def test_enlarging_is_reported_with_its_factor(tmp_path: Path) -> None:
    result = one(saved(tmp_path, "small.png", ramp(320, 400)), COVER)
    assert result.warnings == ("320x400 enlarged 2.00x for 640x480",)
    silent = one(tmp_path / "small.png", COVER, Policy(upscale="allow"))
    assert (silent.warnings, kind(silent)) == ((), None)


@pytest.mark.parametrize(("mode", "refused"), [("cover", True), ("pad", False), ("blur", False)])
def test_enlarging_is_refused_if_the_mode_needs_it(
    tmp_path: Path, mode: str, refused: bool
) -> None:
    photo = saved(tmp_path, "wide.png", ramp(1280, 300))
    result = one(photo, Spec(Size(640, 480), find_mode(mode)), Policy(upscale="fail"))
    assert kind(result) == (Kind.UPSCALE if refused else None)
    assert (tmp_path / "out/o").exists() != refused
    assert not refused or "enlarged 1.60x" in result.failure.message  # type: ignore[union-attr]


def test_a_cut_of_more_than_half_is_reported_or_refused(tmp_path: Path) -> None:
    tall, square = (saved(tmp_path, f"{w}x{h}.png", ramp(w, h)) for w, h in ((60, 90), (80, 80)))
    wide = Spec(Size(40, 20), find_mode("cover"))  # two thirds of 60x90, and half of 80x80
    result = one(tall, wide)
    assert result.warnings == ("60x90 cut by 66.7 % for 40x20; --mode auto pads such photos",)
    assert result.warning_kinds == (CaveatKind.CUT,)
    assert one(tall, wide, Policy(max_cut="allow")).warnings == ()
    assert one(square, wide).warnings == ()
    refused = one(tall, wide, Policy(max_cut="fail"))
    assert kind(refused) == Kind.CUT
    assert one(tall, Spec(wide.size, find_mode("pad")), Policy(max_cut="fail")).failure is None
    mode, pad = find_mode("cover"), Fallback(find_mode("pad"), 0.9)
    bounded = Spec(wide.size, mode, fallback=pad)  # as --mode auto --max-loss 0.9
    assert (one(tall, bounded, Policy(max_cut="fail")).caveats, kind(refused)) == ((), Kind.CUT)
    half = Spec(wide.size, mode, bounds=Bounds(0, 0, 1, 0.5))  # leaves 60x45, and 30 of its rows
    assert one(tall, half, Policy(max_cut="fail")).failure is None


def test_a_photo_turned_on_its_side_is_measured_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    ramp(480, 640).save(tmp_path / "phone.jpg", exif=exif)
    assert one(tmp_path / "phone.jpg", COVER, Policy(upscale="fail")).failure is None


@pytest.mark.slow
@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_the_best_quality_that_fits_is_used_and_reported(tmp_path: Path, format: str) -> None:
    photo, sizes = saved(tmp_path, "busy.png", detail(640, 480)), {}
    made = OUTPUT_FORMATS[format]
    for quality in (50, 51):
        one(photo, Spec(COVER.size, COVER.mode, made, quality=quality, optimize=True))
        sizes[quality] = (tmp_path / "out/o").stat().st_size
    limit = (sizes[50] + sizes[51]) // 2
    result = one(photo, Spec(COVER.size, COVER.mode, made, max_bytes=limit))
    assert result.warnings == (f"quality lowered to 50 to fit {limit} bytes",)
    assert (tmp_path / "out/o").stat().st_size == sizes[50] <= limit
    assert psnr(opened(tmp_path / "out/o").convert("RGB"), opened(photo)) > 20


def test_an_output_that_fits_is_unchanged(tmp_path: Path) -> None:
    photo = saved(tmp_path, "busy.png", detail(640, 480))
    one(photo, COVER)
    plain = (tmp_path / "out/o").read_bytes()
    result = one(photo, Spec(COVER.size, COVER.mode, max_bytes=len(plain)))
    assert (result.warnings, (tmp_path / "out/o").read_bytes()) == ((), plain)


def test_an_output_that_fits_at_no_quality_fails_with_its_size(tmp_path: Path) -> None:
    photo = saved(tmp_path, "busy.png", detail(640, 480))
    result = one(photo, Spec(COVER.size, COVER.mode, max_bytes=5000))
    assert kind(result) is Kind.TOO_LARGE
    assert "are more than 5000 even at quality 30" in result.failure.message  # type: ignore[union-attr]
    png = one(photo, Spec(COVER.size, COVER.mode, OUTPUT_FORMATS["png"], max_bytes=5000))
    assert kind(png) is Kind.TOO_LARGE
    assert "no quality to lower" in png.failure.message  # type: ignore[union-attr]
    assert not (tmp_path / "out/o").exists()
    assert list((tmp_path / "out").iterdir()) == []


def test_max_bytes_applies_in_a_stream_too(ffprep, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(4):
        detail(640, 480).save(tmp_path / f"in/busy{number}.jpg", quality=95)
        ramp(640, 480).save(tmp_path / f"in/calm{number}.jpg", quality=95)
    arguments = ("--size", "640x480", "--max-bytes", "60kB", "--json")
    ran = ffprep("convert", tmp_path / "in", "-o", tmp_path / "out", *arguments)
    assert ran.code == 0
    assert all(path.stat().st_size <= 60_000 for path in (tmp_path / "out").iterdir())
    warned = {name for name, result in ran.results.items() if "warnings" in result}
    assert warned == {f"busy{number}.jpg" for number in range(4)}
    assert "4 of a lower quality, to fit --max-bytes" in ran.err
