from io import BytesIO

import pytest
from PIL import Image

from ffprep.core.formats import FORMATS, HEAD_BYTES, SUFFIXES, output_format_of, sniff

PILLOW_NAMES = [f for f in FORMATS if f.name not in ("heic", "raw", "jpegxl")]


@pytest.mark.parametrize("format", PILLOW_NAMES, ids=lambda f: f.name)
def test_a_format_is_identified_by_its_bytes(format) -> None:
    written = BytesIO()
    Image.new("RGB", (16, 16), "teal").save(written, format.plugin)
    assert sniff(written.getvalue()[:HEAD_BYTES]) is format


def test_heic_is_identified_by_its_bytes() -> None:
    import pillow_heif

    written = BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (64, 64), "teal")).save(written)
    found = sniff(written.getvalue()[:HEAD_BYTES])
    assert found is not None
    assert found.name == "heic"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x20ftypmif1\0\0\0\0mif1avifmiaf", "avif"),
        (b"\0\0\0\x20ftypmif1\0\0\0\0mif1heicmiaf", "heic"),
        (b"\0\0\0\x1cftypavis\0\0\0\0avifavis", "avif"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "jpegxl"),
        (b"\xff\x0a\xfa\x7f\x01", "jpegxl"),
        (b"II+\0\x08\0\0\0", "tiff"),
        (b"II*\0\x10\0\0\0CR\2\0", "raw"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", "raw"),
        (b"FUJIFILMCCD-RAW 0201FF383501X-T3", "raw"),
        (b"IIRO\x08\0\0\0", "raw"),
        (b"IIU\0\x18\0\0\0", "raw"),
        (b"\xff\x0a\xfa\x7f", "jpegxl"),
        (b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl ", "jpegxl"),
    ],
)
def test_brands_and_variants(head: bytes, name: str) -> None:
    found = sniff(head)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"ffconcat version 1.0",
        b"#EXTM3U",
        b"<svg",
        b"\0\0\0\x18ftypisom\0\0\2\0isomiso2",
        b"%PDF",
    ],
)
def test_other_files_have_no_format(head: bytes) -> None:
    assert sniff(head) is None


def test_suffixes_of_outputs_are_suffixes_of_pictures() -> None:
    assert output_format_of(".JPG") is output_format_of(".jpeg") is not None
    assert output_format_of(".gif") is None
    assert {".jpg", ".heic", ".tif"} <= SUFFIXES
