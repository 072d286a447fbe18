"""Quality on JPEG's usual scale, chroma subsampling, and the options of other encoders."""

from collections import defaultdict
from io import BytesIO
from pathlib import Path
from statistics import fmean

import pytest
from PIL import Image, ImageFilter

from ffprep.config.modes import find_mode
from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.geometry import Size
from ffprep.core.spec import Spec
from tests.conversion.test_converter import PNG, detail, kind, one
from tests.support.photos import PHOTOS, needs_photos
from tests.support.pictures import opened, psnr

CHROMA = {"444": 0, "422": 1, "420": 2}
FRAME = Size(640, 480)


def jpeg(photo: Path, **options: object) -> Path:
    spec = Spec(FRAME, find_mode("cover"), **options)  # type: ignore[arg-type]
    assert kind(one(photo, spec)) is None
    return photo.parent / "out/o"


def sampling(path: Path) -> str:
    """Return the subsampling by all factors; FFmpeg writes 4:4:4 as 1x2 three times."""
    with Image.open(path) as image:
        (_, *luma, _), (_, *chroma, _), _ = image.layer  # type: ignore[attr-defined]
    ratios = luma[0] // chroma[0], luma[1] // chroma[1]
    return {(1, 1): "444", (2, 1): "422", (2, 2): "420"}[ratios]


@pytest.mark.slow
@pytest.mark.parametrize("chroma", CHROMA)
@pytest.mark.parametrize("quality", [75, 85, 90, 95])
def test_quality_is_that_of_pillow(tmp_path: Path, quality: int, chroma: str) -> None:
    photo = tmp_path / "photo.png"
    # Noise as fine as a photo's, since that is what a quantiser loses.
    detail(640, 480).filter(ImageFilter.GaussianBlur(0.7)).save(photo)
    ours, theirs = jpeg(photo, quality=quality, subsampling=chroma), BytesIO()
    opened(photo).save(theirs, "JPEG", quality=quality, subsampling=CHROMA[chroma])
    assert sampling(ours) == chroma
    original, decoded = opened(photo), Image.open(theirs).convert("RGB")
    assert psnr(opened(ours), original) > psnr(decoded, original) - 0.5
    assert ours.stat().st_size < 1.08 * len(theirs.getvalue())


@needs_photos
def test_quality_is_that_of_pillow_for_real_photos(tmp_path: Path) -> None:
    assert PHOTOS
    losses, ratios = defaultdict[int, list[float]](list), defaultdict[int, list[float]](list)
    for index, path in enumerate(sorted((PHOTOS / "camera").iterdir())[::4]):
        photo = tmp_path / f"{index}.png"
        original = opened(path).convert("RGB").resize((640, 480), Image.Resampling.LANCZOS)
        original.save(photo)
        for quality in (75, 85, 90, 95):
            ours, theirs = jpeg(photo, quality=quality, subsampling="420"), BytesIO()
            original.save(theirs, "JPEG", quality=quality)
            decoded = Image.open(theirs).convert("RGB")
            losses[quality].append(psnr(decoded, original) - psnr(opened(ours), original))
            ratios[quality].append(ours.stat().st_size / len(theirs.getvalue()))
    assert {quality: fmean(each) for quality, each in losses.items() if fmean(each) > 0.3} == {}
    assert {quality: fmean(each) for quality, each in ratios.items() if fmean(each) > 1.05} == {}
    assert len(losses) == 4


@pytest.mark.slow
def test_every_quality_makes_a_jpeg_and_more_is_never_smaller(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    detail(640, 480).save(photo)
    sizes = [
        jpeg(photo, quality=quality, subsampling="420").stat().st_size
        for quality in (1, 2, 10, 30, 49, 50, 51, 70, 94, 95, 99, 100)
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1] / 20


def test_subsampling_depends_on_the_quality_unless_given(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    detail(640, 480).save(photo)
    sampled = [sampling(jpeg(photo, quality=quality)) for quality in (94, 95, 100)]
    assert sampled == ["420", "444", "444"]


def test_huffman_tables_of_its_own_make_a_jpeg_smaller(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    detail(640, 480).save(photo)
    large = jpeg(photo).stat().st_size
    pixels = opened(tmp_path / "out/o").tobytes()
    assert jpeg(photo, optimize=True).stat().st_size < large
    assert opened(tmp_path / "out/o").tobytes() == pixels


def test_lossless_webp_has_the_pixels_of_png(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    detail(300, 200).save(photo, quality=95)
    one(photo, PNG)
    png = opened(tmp_path / "out/o")
    one(photo, Spec(PNG.size, PNG.mode, OUTPUT_FORMATS["webp"], lossless=True))
    assert (tmp_path / "out/o").read_bytes()[12:16] == b"VP8L"
    assert opened(tmp_path / "out/o").convert("RGB").tobytes() == png.tobytes()


def test_compression_changes_bytes_and_no_pixels(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    detail(300, 200).save(photo, quality=95)
    sizes, pixels = [], set()
    for level in (0, 1, 9):
        one(photo, Spec(FRAME, PNG.mode, OUTPUT_FORMATS["png"], compression=level))
        sizes.append((tmp_path / "out/o").stat().st_size)
        pixels.add(opened(tmp_path / "out/o").tobytes())
    assert sizes == sorted(sizes, reverse=True)
    assert len(pixels) == 1
