"""TIFFs that FFmpeg gets wrong without an error, and that Pillow clips."""

import struct
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from tests.conversion.test_converter import PNG, kind, one
from tests.support.photos import PHOTOS, needs_photos
from tests.support.pictures import opened, psnr, ramp


def tiff(pixels: bytes, size: tuple[int, int], **tags: tuple[int, ...]) -> bytes:
    """Make a little-endian TIFF of one strip, or of one tile of the picture's size."""
    numbers = {
        "width": 256, "height": 257, "bits": 258, "compression": 259, "photometric": 262,
        "offset": 273, "samples": 277, "rows": 278, "count": 279, "tile_width": 322,
        "tile_height": 323, "tile_offset": 324, "tile_count": 325, "sample_format": 339,
    }  # fmt: skip
    tags = {"width": (size[0],), "height": (size[1],), "compression": (1,)} | tags
    if "tile_width" not in tags:
        tags |= {"offset": (8,), "rows": (size[1],), "count": (len(pixels),)}
    entries, extra = b"", b""
    place = 8 + len(pixels) + 2 + 12 * len(tags) + 4
    for name, values in sorted(tags.items(), key=lambda tag: numbers[tag[0]]):
        content = struct.pack(f"<{len(values)}I", *values)
        if len(values) > 1:
            content, extra = struct.pack("<I", place + len(extra)), extra + content
        entries += struct.pack("<HHI", numbers[name], 4, len(values)) + content
    head = b"II*\0" + struct.pack("<I", 8 + len(pixels))
    return head + pixels + struct.pack("<H", len(tags)) + entries + b"\0" * 4 + extra


SIZE = (64, 48)
GRAY = ramp(*SIZE).getchannel("R")
KINDS = {
    "float of 0 to 1": ("32", "f", 3, 1 / 255),
    "float of 0 to 255": ("32", "f", 3, 1),
    "32 bits": ("32", "I", 1, (2**32 - 1) / 255),
    "32 bits, signed": ("32", "i", 2, (2**31 - 1) / 255),
    "16 bits": ("16", "H", 1, 257),
    "16 bits, signed": ("16", "h", 2, 32767 / 255),
}


@pytest.mark.parametrize("what", KINDS)
def test_gray_of_every_depth_keeps_its_brightness(tmp_path: Path, what: str) -> None:
    bits, code, sample, factor = KINDS[what]
    values = [value * factor for value in GRAY.tobytes()]
    values = values if code == "f" else [int(value) for value in values]
    pixels = struct.pack(f"<{len(values)}{code}", *values)
    tags = {"bits": (int(bits),), "sample_format": (sample,), "photometric": (1,), "samples": (1,)}
    (tmp_path / "gray.tif").write_bytes(tiff(pixels, SIZE, **tags))
    assert kind(one(tmp_path / "gray.tif", PNG)) is None
    assert psnr(opened(tmp_path / "out/o").convert("L"), GRAY) > 48


def test_tiles_are_not_black(tmp_path: Path) -> None:
    photo = ramp(*SIZE)
    tile = {
        "tile_width": (64,),
        "tile_height": (48,),
        "tile_offset": (8,),
        "tile_count": (64 * 48 * 3,),
    }
    tags = {"bits": (8, 8, 8), "photometric": (2,), "samples": (3,)} | tile
    (tmp_path / "tiled.tif").write_bytes(tiff(photo.tobytes(), SIZE, **tags))
    assert opened(tmp_path / "tiled.tif").tobytes() == photo.tobytes()
    one(tmp_path / "tiled.tif", PNG)
    assert psnr(opened(tmp_path / "out/o"), photo) > 48


@pytest.mark.parametrize("bits", [8, 16])
def test_cielab_keeps_its_colours(tmp_path: Path, bits: int) -> None:
    photo = ramp(*SIZE)
    lab = ImageCms.profileToProfile(
        photo, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    light, a, b = (band.tobytes() for band in lab.split())
    values = bytes(
        v for L, x, y in zip(light, a, b, strict=True) for v in (L, x ^ 128, y ^ 128)
    )  # TIFF's a and b are signed
    if bits == 16:
        values = b"".join(bytes((128, value)) for value in values)
    tags = {"bits": (bits,) * 3, "photometric": (8,), "samples": (3,)}
    data = bytearray(tiff(values, SIZE, **tags))
    if bits == 16:  # writers give the three numbers as shorts
        place = data.index(struct.pack("<III", 16, 16, 16))
        data[place : place + 6] = struct.pack("<HHH", 16, 16, 16)
        entry = data.index(struct.pack("<HHI", 258, 4, 3))
        data[entry : entry + 4] = struct.pack("<HH", 258, 3)
    (tmp_path / "lab.tif").write_bytes(data)
    assert kind(one(tmp_path / "lab.tif", PNG)) is None
    assert psnr(opened(tmp_path / "out/o"), photo) > 35


@needs_photos
def test_a_real_photo_in_deep_cielab(tmp_path: Path) -> None:
    assert PHOTOS
    (tmp_path / "lab.tif").symlink_to(PHOTOS / "formats/cielab-dagams.tiff")
    assert kind(one(tmp_path / "lab.tif", PNG)) is None
    red, green, blue = (band.getextrema() for band in opened(tmp_path / "out/o").split())
    mean = opened(tmp_path / "out/o").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert min(red[1], green[1], blue[1]) > 200  # the bird's white breast
    assert mean[1] > mean[0] > mean[2]  # type: ignore[index]  # in a meadow


def test_a_tiff_without_byte_counts_is_whole(tmp_path: Path) -> None:
    photo = ramp(*SIZE)
    tags = {"bits": (8, 8, 8), "photometric": (2,), "samples": (3,)}
    data = tiff(photo.tobytes(), SIZE, **tags)
    counted = struct.pack("<HHI", 279, 4, 1)
    # The tag of strips' lengths gets an unknown number; old writers leave it out.
    (tmp_path / "old.tif").write_bytes(data.replace(counted, struct.pack("<HHI", 65000, 4, 1)))
    assert kind(one(tmp_path / "old.tif", PNG)) is None
    assert psnr(opened(tmp_path / "out/o"), photo) > 48
