"""`--sharpen`: more contrast between neighbouring pixels, without halos."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

import ffprep

pytestmark = pytest.mark.slow


def details() -> Image.Image:
    """Return soft shapes of all brightnesses on gray: what a photo has, and no hard edge."""
    picture = Image.new("RGB", (640, 480), (128, 128, 128))
    draw = ImageDraw.Draw(picture)
    for number in range(60):
        x, y, value = number % 10 * 64, number // 10 * 80, number * 4
        draw.ellipse((x, y, x + 40, y + 60), fill=(value, 255 - value, 90))
    return picture.filter(ImageFilter.GaussianBlur(3))


def made(photo: Path, size: str, **options: Any) -> "np.ndarray[Any, Any]":
    data = ffprep.prepare(photo, size, **options).data
    return np.asarray(Image.open(BytesIO(data)), dtype=float)


def gradient(pixels: "np.ndarray[Any, Any]") -> float:
    return float(np.abs(np.diff(pixels, axis=0)).mean() + np.abs(np.diff(pixels, axis=1)).mean())


@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
def test_edges_are_steeper_and_have_no_halos(tmp_path: Path, format: str) -> None:
    details().save(tmp_path / "photo.png")
    words = {"format": format, "quality": 100, "lossless": format == "webp"}
    plain = made(tmp_path / "photo.png", "320x240", **words)
    sharp = made(tmp_path / "photo.png", "320x240", sharpen=True, **words)
    assert gradient(sharp) > 1.01 * gradient(plain)
    assert abs(sharp.mean() - plain.mean()) < 0.5
    assert sharp.min() > plain.min() - 6  # an unsharp mask exceeds both by more
    assert sharp.max() < plain.max() + 6


def test_alpha_and_bars_stay(tmp_path: Path) -> None:
    photo = details()
    photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    photo.save(tmp_path / "photo.png")
    words = {"format": "png", "mode": "pad", "background": "#12345678"}
    plain = made(tmp_path / "photo.png", "320x320", **words)
    sharp = made(tmp_path / "photo.png", "320x320", sharpen=True, **words)
    assert np.array_equal(sharp[:, :, 3], plain[:, :, 3])
    assert np.array_equal(sharp[:30], plain[:30])
    assert not np.array_equal(sharp, plain)


@pytest.mark.parametrize("size", ["1x1", "2x1", "1x9", "3x3"])
def test_the_tiniest_outputs_are_made(tmp_path: Path, size: str) -> None:
    details().save(tmp_path / "photo.png")
    assert str(ffprep.prepare(tmp_path / "photo.png", size, sharpen=True).size) == size
