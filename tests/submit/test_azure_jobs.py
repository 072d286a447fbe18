"""Azure's older jobs API, and crop bounds that the server applies."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from tests.support.pictures import opened, psnr, ramp
from tests.support.standin import KEY, Standin
from tests.support.submitting import QUICK, clip_size, single

pytestmark = pytest.mark.slow


def test_the_jobs_api_makes_a_clip(ffprep, standin: Standin, photo: Path, tmp_path: Path) -> None:
    run = [
        "submit",
        photo,
        "--prompt",
        "waves",
        "--size",
        "854x480",
        "--model",
        "sora",
        "--protocol",
        "azure-v1",
    ]
    ran = ffprep(*run, "--base-url", standin.azure_url, "-o", tmp_path / "c.mp4", *QUICK)
    assert (ran.code, ran.err) == (0, "")
    assert clip_size(tmp_path / "c.mp4") == (854, 480)
    created = standin.received[0]
    assert created.headers["api-key"] == KEY
    assert "authorization" not in created.headers
    (item,) = json.loads(created.part("inpaint_items").text)
    assert (item["frame_index"], item["type"], item["file_name"]) == (0, "image", "photo.jpg")
    assert list(item["crop_bounds"].values()) == [0, 0, 1, 1]


@pytest.mark.parametrize("orientation", [1, 6])
def test_sent_bounds_select_what_ffprep_would_have_cut(
    ffprep, standin: Standin, tmp_path: Path, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    ramp(1501, 1203).save(tmp_path / "photo.png", exif=exif)
    framing = [
        "--size",
        "480x480",
        "--crop-bounds",
        "0.1,0.23,0.77,0.9",
        "--focus",
        "0.3,0.6",
        "--format",
        "png",
    ]
    run = [
        "submit",
        tmp_path / "photo.png",
        "--prompt",
        "w",
        "--model",
        "sora",
        "--protocol",
        "azure-v1",
        *framing,
    ]
    run += ["--base-url", standin.address, "-o", tmp_path / "c.mp4", *QUICK, "--send-crop-bounds"]
    ran = ffprep(*run)
    assert ran.code == 0, ran.err
    created = standin.received[0]
    (item,) = json.loads(created.part("inpaint_items").text)
    whole = Image.open(io.BytesIO(created.part("files").data))
    upright = (1501, 1203) if orientation == 1 else (1203, 1501)
    assert abs(whole.width / whole.height - upright[0] / upright[1]) < 0.002
    edges = [
        round(item["crop_bounds"][f"{side}_fraction"] * length)
        for side, length in zip(("left", "top", "right", "bottom"), whole.size * 2, strict=True)
    ]
    assert ffprep("convert", tmp_path / "photo.png", "-o", tmp_path / "cut.png", *framing).code == 0
    assert psnr(whole.crop(edges).convert("RGB"), opened(tmp_path / "cut.png").convert("RGB")) > 45


def test_bounds_are_sent_only_if_the_server_can_cut(ffprep, standin: Standin, photo: Path) -> None:
    run = [
        "submit",
        photo,
        "--prompt",
        "w",
        "--size",
        "480x480",
        "--model",
        "sora",
        "--send-crop-bounds",
    ]
    assert "--protocol azure-v1" in ffprep(*run).err
    padded = ffprep(*run, "--protocol", "azure-v1", "--mode", "pad")
    assert (padded.code, "--mode cover" in padded.err) == (2, True)


def test_bounds_of_a_sidecar_are_sent(ffprep, standin: Standin, photo: Path) -> None:
    photo.with_name("photo.jpg.ffprep.toml").write_text('crop-bounds = "0.5,0,1,1"\n')
    azure = ["--protocol", "azure-v1", "--model", "sora", "--base-url", standin.address]
    assert ffprep(*single(photo, *azure, "--send-crop-bounds")).code == 0
    created = standin.received[0]
    (item,) = json.loads(created.part("inpaint_items").text)
    assert item["crop_bounds"]["left_fraction"] == 0.5
    assert created.part("files").file_name == "photo.jpg"
    assert Image.open(io.BytesIO(created.part("files").data)).size == (2560, 1920)


def test_a_translucent_photo_is_not_sent_to_a_target_without_alpha(
    ffprep, standin: Standin, tmp_path: Path
) -> None:
    target = tmp_path / "t.toml"
    rules = 'title = "Own"\nformats = ["png"]\nalpha = false\n'
    target.write_text(f'[own]\n{rules}[own.sizes]\nsquare = "480x480"\n')
    ramp(900, 800).save(tmp_path / "opaque.png")
    clear = ramp(900, 800)
    clear.putalpha(100)
    clear.save(tmp_path / "clear.png")
    run = ["--prompt", "w", "--targets", target, "--target", "own", "--model", "sora", "--dry-run"]
    run += ["--protocol", "azure-v1", "--base-url", standin.address, "--send-crop-bounds"]
    assert ffprep("submit", tmp_path / "opaque.png", *run).code == 0
    ran = ffprep("submit", tmp_path / "clear.png", *run)
    assert (ran.code, "translucent" in ran.err) == (1, True), ran.err


def test_a_photo_of_an_impossible_shape_fails_alone(
    ffprep, standin: Standin, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    ramp(900, 700).save(folder / "a.png")
    Image.new("RGB", (8000, 2)).save(folder / "b.png")
    run = ["submit", folder, "--prompt", "w", "--size", "480x480", "-o", tmp_path / "clips", *QUICK]
    run += ["--protocol", "azure-v1", "--model", "sora", "--base-url", standin.address, "--json"]
    ran = ffprep(*run, "--send-crop-bounds")
    assert (ran.code, ran.kinds(), ran.summary["done"]) == (1, {"b.png": "unsupported"}, 1)
