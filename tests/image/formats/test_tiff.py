"""TIFFs that FFmpeg gets wrong without an error, and that Pillow cannot read or clips."""

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from ffprep.errors import Kind, PhotoError
from ffprep.image.decode import decoded
from ffprep.image.probe import probe
from scripts.cases.all_cases import CASES
from scripts.cases.tiff_writer import CIELAB, DEFLATE, GRAY, LZW, MIN_IS_WHITE, NONE, RGB, Tiff
from tests.conversion.test_converter import PNG, kind, one
from tests.support.photos import PHOTOS, needs_photos
from tests.support.pictures import opened, psnr, ramp

SIZE = (64, 48)
GRAYS = ramp(*SIZE).getchannel("R")


def pixel(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    value = image.getpixel((x, y))
    return tuple(map(int, value)) if isinstance(value, tuple) else (int(value or 0),)


@pytest.mark.parametrize("white", [1, 255, 65535])
def test_floats_keep_their_brightness(tmp_path: Path, white: int) -> None:
    layout = Tiff(GRAY, 32, ">", format=3)
    content = layout.write(SIZE, lambda x, y: (pixel(GRAYS, x, y)[0] * white / 255,))
    (tmp_path / "gray.tif").write_bytes(content)
    assert kind(one(tmp_path / "gray.tif", PNG)) is None
    assert psnr(opened(tmp_path / "out/o").convert("L"), GRAYS) > 48


LAYOUTS = (
    Tiff(compression=LZW, rows=4),
    Tiff(compression=DEFLATE, tile=(16, 16), order=">"),
    Tiff(compression=NONE, planar=True, rows=4),
    Tiff(compression=DEFLATE, planar=True, tile=(16, 16), fill_order=2),
    Tiff(compression=LZW, big=True, order=">"),
)


@pytest.mark.parametrize("bits", [*range(1, 17), 24, 32])
@pytest.mark.parametrize("photometric", [MIN_IS_WHITE, GRAY, RGB])
def test_integers_of_every_depth_and_layout(tmp_path: Path, bits: int, photometric: int) -> None:
    white, count = (1 << bits) - 1, 3 if photometric == RGB else 1

    def sample(x: int, y: int) -> tuple[int, ...]:
        return tuple(
            (x * 5 + y * (7 + channel)) * white // 200 % (white + 1) for channel in range(count)
        )

    right = [value * 255 / white for y in range(9) for x in range(19) for value in sample(x, y)]
    if photometric == MIN_IS_WHITE:
        right = [255 - value for value in right]
    path = tmp_path / "picture.tif"
    for layout in LAYOUTS:
        layout = replace(layout, photometric=photometric, bits=bits)
        path.write_bytes(layout.write((19, 9), sample))
        picture = probe(path, 1000, sandboxed=True)
        with decoded(path, picture) as (_, pixels):
            found = b"".join(pixels)[:: 3 // count]
        assert max(abs(a - b) for a, b in zip(found, right, strict=True)) <= 1, layout


@pytest.mark.parametrize("bits", [8, 16])
def test_cielab_keeps_its_colours(tmp_path: Path, bits: int) -> None:
    photo = ramp(*SIZE)
    lab = ImageCms.profileToProfile(
        photo, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None

    def sample(x: int, y: int) -> tuple[int, ...]:
        light, a, b = pixel(lab, x, y)
        return tuple(v << bits - 8 for v in (light, a ^ 128, b ^ 128))  # TIFF's a and b are signed

    (tmp_path / "lab.tif").write_bytes(Tiff(CIELAB, bits).write(SIZE, sample))
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
    data = Tiff(RGB).write(SIZE, lambda x, y: pixel(photo, x, y))
    # The tag of strips' lengths gets an unknown number; old writers leave it out.
    (tmp_path / "old.tif").write_bytes(data.replace(b"\x17\1\4\0", b"\xe8\xfd\4\0"))
    assert kind(one(tmp_path / "old.tif", PNG)) is None
    assert psnr(opened(tmp_path / "out/o"), photo) > 48


@pytest.mark.parametrize("name", ["thumbnail first", "gray of floats, big-endian"])
def test_a_tiff_that_ends_within_its_directories_is_damaged(tmp_path: Path, name: str) -> None:
    (content,) = (case.make() for case in CASES if (case.format, case.name) == ("TIFF", name))
    path = tmp_path / "photo.tif"
    for end in (len(content) - 10, len(content) - 60):
        path.write_bytes(content[:end])
        with pytest.raises(PhotoError) as caught:
            probe(path, 10**6, sandboxed=True)
        assert caught.value.kind is Kind.DAMAGED, end
