"""Pictures whose pixels show where they came from, and comparison of pictures."""

import io
import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

from tests.support.shims import need


def coordinates(width: int, height: int) -> Image.Image:
    """Return a picture whose pixels are their coordinates: red x, green y, blue their high bits."""
    picture = Image.new("RGB", (width, height))
    picture.putdata(
        [
            (x % 256, y % 256, (x // 256) * 16 + y // 256)
            for y in range(height)
            for x in range(width)
        ]
    )
    return picture


def ramp(width: int, height: int) -> Image.Image:
    """Return a gradient in x (red), y (green) and both (blue), which shows any shift or mirror."""
    x = Image.linear_gradient("L").rotate(90).resize((width, height), Image.Resampling.BILINEAR)
    y = Image.linear_gradient("L").resize((width, height), Image.Resampling.BILINEAR)
    return Image.merge("RGB", (x, y, Image.blend(x, y.transpose(Image.Transpose.ROTATE_180), 0.5)))


def opened(path: Path) -> Image.Image:
    """Decode a picture completely: with Pillow, or a JPEG XL with djxl."""
    data = path.read_bytes()
    if data[:2] == b"\xff\x0a" or data[4:8] == b"JXL ":
        data = _png_of_jxl(path)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image.copy()


def _png_of_jxl(path: Path) -> bytes:
    need("djxl", shutil.which("djxl"))
    with tempfile.TemporaryDirectory() as folder:
        png = Path(folder, "decoded.png")
        subprocess.run(["djxl", path, png], check=True, capture_output=True)
        return png.read_bytes()


def psnr(a: Image.Image, b: Image.Image) -> float:
    """Return the PSNR in dB of two pictures of one size and mode; 99 if they are equal."""
    import numpy as np

    assert (a.size, a.mode) == (b.size, b.mode)
    error = np.mean((np.asarray(a, dtype=float) - np.asarray(b, dtype=float)) ** 2)
    return 99.0 if error == 0 else float(10 * np.log10(255**2 / error))


def as_webp(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "webp", quality=95)
    return file.getvalue()
