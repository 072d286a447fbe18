"""Walks over the parts of picture files."""

from io import BytesIO

import pytest

from ffprep.image.chunks import (
    iso_boxes,
    jpeg_segments,
    riff_chunks,
    vp8_size,
    without_broken_metadata,
)
from scripts.cases.heif_file import box
from tests.support.pictures import ramp

APP = b"\xff\xe5\xff\xff" + bytes(0xFFFD)
SCAN = b"\xff\xda\x00\x03\x01"


def test_segments_between_scans_are_found_and_coded_data_is_skipped() -> None:
    coded = b"\x12\xff\x00\xff\xd3\x34\xff\xff"
    data = b"\xff\xd8\xff\xe0\x00\x04ab" + SCAN + coded + b"\xff\xc4\x00\x02" + SCAN
    assert [(marker, start) for marker, start, _ in jpeg_segments(data)] == [
        (0xE0, 2),
        (0xDA, 8),
        (0xC4, 21),
        (0xDA, 25),
    ]


def test_a_segment_may_end_behind_the_data() -> None:
    assert list(jpeg_segments(b"\xff\xd8\xff\xe1\x01\x00abc")) == [(0xE1, 2, 260)]
    assert list(jpeg_segments(b"\xff\xd8\xff\xe1\x01")) == []


def test_a_jpeg_without_a_scan_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="without a scan"):
        without_broken_metadata("jpeg", BytesIO(b"\xff\xd8" + APP), lambda _: True)


@pytest.mark.parametrize(
    ("data", "boxes"),
    [
        (box(b"ftyp", b"heic") + box(b"mdat", b""), [(b"ftyp", True, 4), (b"mdat", True, 0)]),
        (box(b"mdat", b"abc")[:-1], [(b"mdat", False, 3)]),
        (b"\0\0\0\0mdat" + bytes(9), [(b"mdat", True, 9)]),  # up to the end
        (b"\0\0\0\1mdat" + (20).to_bytes(8, "big") + bytes(4), [(b"mdat", True, 4)]),
        (b"\0\0\0\1mdat" + (21).to_bytes(8, "big") + bytes(4), [(b"mdat", False, 5)]),
        (b"\0\0\0\1free" + (1).to_bytes(8, "big"), [(b"free", False, 0)]),
        (b"\0\0\0\7free" + bytes(9), [(b"free", False, 0)]),
        (b"", []),
    ],
)
def test_boxes_are_whole_or_cut_off(data: bytes, boxes: list[tuple[bytes, bool, int]]) -> None:
    assert list(iso_boxes(BytesIO(data))) == boxes


def test_the_number_of_boxes_is_limited() -> None:
    assert len(list(iso_boxes(BytesIO(box(b"free", b"") * 200_000)))) == 1 << 17


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"quality": 80}, b"VP8 "),
        ({"lossless": True}, b"VP8L"),
        ({"quality": 80, "xmp": b"<x/>"}, b"VP8X"),
    ],
)
def test_the_size_of_a_webp_is_in_its_first_chunk(options: dict[str, object], name: bytes) -> None:
    file = BytesIO()
    ramp(61, 43).save(file, "WEBP", **options)
    found, length = next(riff_chunks(file))
    content = file.read(length)
    assert (found, vp8_size(found, content)) == (name, (61, 43, False))
    assert vp8_size(b"EXIF", content) == (0, 0, False)
