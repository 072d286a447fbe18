"""Camera raws without LibRaw, damaged ones, and what is known of them besides the picture."""

import random
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from PIL.PngImagePlugin import PngInfo

from ffprep.config.modes import find_mode
from ffprep.core.formats import OUTPUT_FORMATS, output_format, written_as
from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.job import LocalJob
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from ffprep.errors import Kind, PhotoError
from ffprep.image.extras import extras
from ffprep.image.metadata import rights_in
from ffprep.image.pillow import opened
from ffprep.image.probe import probe
from scripts.cases import raw
from tests.support.converters import converter
from tests.support.pictures import ramp

ADVICE = "install ffprep[raw] for the full picture"
WITH_PREVIEW = (raw.nef, raw.cr2, raw.cr3, raw.raf, raw.orf, raw.rw2)


@pytest.fixture
def without_libraw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)


def probed(folder: Path, data: bytes) -> ImageInfo:
    (folder / "photo").write_bytes(data)
    return probe(folder / "photo", 10**6, sandboxed=True)


def refusal(folder: Path, data: bytes) -> tuple[Kind, str]:
    with pytest.raises(PhotoError) as caught:
        probed(folder, data)
    return caught.value.kind, str(caught.value)


@pytest.mark.usefixtures("without_libraw")
@pytest.mark.parametrize("make", WITH_PREVIEW)
def test_without_libraw_the_preview_is_the_picture(
    tmp_path: Path, make: Callable[[], bytes]
) -> None:
    found = probed(tmp_path, make())
    assert (found.format.name, found.shown, found.preview) == ("raw", Size(96, 80), ADVICE)
    assert found.warnings == (f"converted from its embedded preview of 96x80; {ADVICE}",)


@pytest.mark.usefixtures("without_libraw")
def test_without_libraw_and_preview_it_is_unsupported(tmp_path: Path) -> None:
    kind, words = refusal(tmp_path, raw.without_preview())
    assert (kind, words) == (
        Kind.UNSUPPORTED,
        f"is a camera raw (Model) without a usable preview; {ADVICE}",
    )


def test_a_preview_is_never_enlarged(tmp_path: Path) -> None:
    (tmp_path / "a.nef").write_bytes(raw.nef())
    spec = Spec(Size(200, 160), find_mode("stretch"), OUTPUT_FORMATS["png"])
    job = LocalJob(tmp_path / "a.nef", tmp_path / "a.png", spec)
    (result,) = converter(Policy(upscale="allow")).convert([job])
    assert result.failure
    assert result.failure.kind is Kind.UNSUPPORTED
    assert "whose embedded preview of 96x80 is too small for 200x160; LibRaw" in (
        result.failure.message
    )


CUT_OFF = {
    "DNG": raw.tiff({**raw.sensor(raw.squares()), 279: 2 * 96 * 80 + 100_000}),
    "CR2": raw.tiff({259: 6, 273: bytes(9), 279: 100_000}, head=b"CR\2\0" + bytes(4)),
    "RW2": raw.tiff({2: 3000, 3: 2000, 45: 5, 280: 100}, magic=0x55),
    "CR3": raw.cr3()[:-500],
    "RAF": raw.raf()[:-500],
}


@pytest.mark.parametrize("name", CUT_OFF)
def test_sensor_data_that_is_cut_off_is_damage(tmp_path: Path, name: str) -> None:
    ends_early = Kind.DAMAGED, "the file ends early; restore it from a backup"
    assert refusal(tmp_path, CUT_OFF[name]) == ends_early


def test_a_tiff_of_a_camera_with_a_thumbnail_only_is_a_raw(tmp_path: Path) -> None:
    kind, words = refusal(tmp_path, raw.tiff({**raw.page(raw.thumbnail(), 1), 271: b"SONY\0"}))
    assert kind is Kind.UNSUPPORTED
    assert "is a camera raw without a usable preview; LibRaw" in words


def test_too_little_memory_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (1000, 1000))
    assert refusal(tmp_path, raw.dng())[0] is Kind.TOO_LARGE


@pytest.mark.usefixtures("without_libraw")
@pytest.mark.parametrize("make", [*WITH_PREVIEW, raw.dng, raw.photo_in_sub_ifd])
def test_broken_directories_fail_as_photo_errors(tmp_path: Path, make: Callable[[], bytes]) -> None:
    chance, whole = random.Random(1), make()
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(chance.choice((1, 5, 50))):
            data[chance.randrange(len(data))] = chance.choice((0, 1, 0x7F, 0xFF))
        with suppress(PhotoError):
            probed(tmp_path, bytes(data))


def test_camera_previews_and_rights(tmp_path: Path) -> None:
    found = probed(tmp_path, raw.dng(orientation=6))
    besides = extras(tmp_path / "photo", found)
    assert (besides.camera, besides.previews) == ("Model", (Size(24, 20),))
    with opened(tmp_path / "photo", found, metadata_only=True) as image:
        rights = rights_in(image)
    assert (rights.artist, rights.copyright) == ("Ann", "(c) Ann")


def test_a_text_of_a_png_named_raw_is_only_a_text(tmp_path: Path) -> None:
    text = PngInfo()
    text.add_text("raw", "a word")
    ramp(30, 20).save(tmp_path / "a.png", pnginfo=text)
    found = extras(tmp_path / "a.png", probe(tmp_path / "a.png", 10**6))
    assert (found.metadata, found.camera, found.previews) == (("text",), "", ())


def test_the_format_of_an_output_that_keeps_it_is_jpeg(tmp_path: Path) -> None:
    (tmp_path / "a.DNG").write_bytes(raw.dng())
    assert output_format(tmp_path / "a.DNG") is written_as(".nef") is OUTPUT_FORMATS["jpeg"]
