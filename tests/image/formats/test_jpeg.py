"""What JPEGs of unusual kinds hold, where a case of `scripts.cases` cannot show it."""

from pathlib import Path

import pytest

from ffprep.errors import Kind, PhotoError
from ffprep.image.colour import name
from ffprep.image.integrity import require_whole
from ffprep.image.probe import probe
from scripts.cases.jpeg import exif, written
from scripts.cases.jpeg_writer import JFIF, SOF1, Jpeg, segment

LIMIT = 268_000_000


@pytest.mark.parametrize(
    ("file_name", "interoperability", "space", "adobe_rgb"),
    [
        ("_MG_1234.JPG", "", 0xFFFF, True),
        ("IMG_1234.JPG", "", 0xFFFF, False),
        ("_MG_1234.JPG", "", 1, False),
        ("_MG_1234.JPG", "R98", 0xFFFF, False),
        ("IMG_1234.JPG", "R03", 0xFFFF, True),
    ],
)
def test_adobe_rgb_by_exif_and_file_name(
    tmp_path: Path, file_name: str, interoperability: str, space: int, adobe_rgb: bool
) -> None:
    path = tmp_path / file_name
    path.write_bytes(written(exif=exif(1, interoperability, space)))
    profile = probe(path, LIMIT, sandboxed=True).profile
    assert (profile is not None) == adobe_rgb
    assert profile is None or name(profile) == "Adobe RGB (1998)"


def test_a_deep_jpeg_that_breaks_off_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    whole = Jpeg(SOF1, 12, head=JFIF + segment(0xE1, exif(6))).dct()
    path.write_bytes(whole)
    picture = probe(path, LIMIT, sandboxed=True)
    assert picture.orientation == 6
    require_whole(path, picture)
    path.write_bytes(whole[:-40])
    with pytest.raises(PhotoError) as caught:
        require_whole(path, probe(path, LIMIT, sandboxed=True))
    assert caught.value.kind is Kind.DAMAGED


def test_an_arithmetic_jpeg_is_decoded_whatever_its_length(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    longest_part = 1 << 16  # that Pillow hands to libjpeg
    comment = bytes(longest_part - len(Jpeg().arithmetic()) + 8)  # 12 bytes are behind that part
    path.write_bytes(Jpeg(head=JFIF + segment(0xFE, comment)).arithmetic())
    require_whole(path, probe(path, LIMIT, sandboxed=True))
