"""Headers of JPEG XL, also of hostile files. Whole pictures are cases of `scripts.cases.jpegxl`."""

import random
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest

from ffprep.config.modes import find_mode
from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob
from ffprep.core.spec import Spec
from ffprep.errors import Kind, PhotoError
from ffprep.image.formats.jpegxl import read_header
from scripts.cases.heif_file import box
from scripts.cases.jpegxl import CASES
from tests.support.converters import converter

_SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"


@pytest.fixture(scope="module")
def lossless() -> bytes:
    return next(case for case in CASES if case.name == "lossless").make()


def test_the_codestream_may_be_in_parts(lossless: bytes) -> None:
    parts = lossless[:1], lossless[1:5], lossless[5:]
    file = b"".join(box(b"jxlp", bytes(4) + part) for part in parts)
    assert read_header(BytesIO(_SIGNATURE + file)) == read_header(BytesIO(lossless))


def test_hostile_headers_are_read_or_refused() -> None:
    chance = random.Random(7)
    for _ in range(3000):
        data = b"\xff\x0a" + chance.randbytes(chance.choice((4, 20, 400)))
        with suppress(PhotoError):
            assert read_header(BytesIO(data)).size.pixels > 0


def test_a_truncated_file_is_damaged(lossless: bytes, tmp_path: Path) -> None:
    source = tmp_path / "cut.jxl"
    source.write_bytes(lossless[: len(lossless) * 3 // 4])
    spec = Spec(Size(96, 80), find_mode("stretch"), OUTPUT_FORMATS["png"])
    job = LocalJob(source, tmp_path / "out.png", spec)
    (result,) = converter().convert([job])
    assert result.failure
    assert result.failure.kind is Kind.DAMAGED
    assert "Unexpected end" in result.failure.message
