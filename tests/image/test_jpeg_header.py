import random
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from ffprep.core.image_info import ImageInfo
from ffprep.errors import PhotoError
from ffprep.image.probe import NeedsSandbox, probe
from tests.support.pictures import ramp

APP = b"\xff\xe5\xff\xff" + bytes(0xFFFD)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def by_itself(path: Path) -> ImageInfo | None:
    """Return what is read without Pillow; None if the file is left to it."""
    with suppress(NeedsSandbox, PhotoError):
        return probe(path, 268_000_000)
    return None


def by_pillow(path: Path) -> ImageInfo | None:
    with suppress(PhotoError):
        return probe(path, 268_000_000, sandboxed=True)
    return None


def jpegs() -> list[bytes]:
    contents = []
    for orientation in range(10):
        exif = Image.Exif()
        exif[0x0112] = orientation
        exif.endian = "<" if orientation % 2 else ">"
        gray = orientation == 4
        options = {"subsampling": 0 if gray else orientation % 3, "progressive": orientation > 5}
        picture = ramp(61, 40).convert("L" if gray else "RGB")
        file = BytesIO()
        profile = SRGB if orientation in (2, 7) else None
        picture.save(file, "JPEG", exif=exif, icc_profile=profile, comment=b"c", **options)
        contents.append(file.getvalue())
    return contents


@pytest.mark.parametrize("number", range(10))
def test_plain_headers_are_read_as_pillow_reads_them(tmp_path: Path, number: int) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpegs()[number])
    found = by_itself(path)
    assert found is not None
    assert found == by_pillow(path)


@pytest.mark.parametrize(
    ("added", "plain"),
    [
        (APP * 3, True),
        (APP * 80, False),  # longer than 4 MiB
        (b"\xff\xfe\0\2" * 400, False),
        (b"\xff\xfe\0\2\0", False),
        (b"\xff\xfe\0\2" + bytes(200_000), False),
        (b"\xff\xee\0\x0eAdobe\0\x64" + bytes(4) + b"\1", True),  # YCbCr
        (b"\xff\xee\0\x0eAdobe\0\x64" + bytes(5), False),  # RGB
        (b"\xff\xe2\0\x12ICC_PROFILE\0\1\2ab\xff\xe2\0\x12ICC_PROFILE\0\2\2cd", True),
        (b"\xff\xe2\0\x12ICC_PROFILE\0\1\2ab", False),  # a part is missing
    ],
)
def test_long_and_unusual_headers_are_left_to_pillow(
    tmp_path: Path, added: bytes, plain: bool
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpegs()[0][:2] + added + jpegs()[0][2:])
    found = by_itself(path)
    assert (found is not None) == plain
    assert not found or found == by_pillow(path)


def test_damaged_headers_are_read_as_pillow_reads_them_or_left_to_it(tmp_path: Path) -> None:
    chance, accepted = random.Random(1), 0
    for content in jpegs() * 40:
        changed = bytearray(content)
        for _ in range(chance.choice((1, 2, 8))):
            changed[chance.randrange(2, min(len(changed), 900))] = chance.randrange(256)
        path = tmp_path / "photo.jpg"
        path.write_bytes(changed)
        if found := by_itself(path):
            accepted += 1
            assert found == by_pillow(path)
    assert accepted > 40
