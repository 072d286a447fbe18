"""The index of AVIF and HEIC: what it says, and what hostile ones cost."""

import struct
import time
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from ffprep import prepare
from ffprep.config.modes import find_mode
from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from ffprep.errors import Kind, PhotoError
from ffprep.image.formats.heif import first_picture, read_index
from ffprep.image.probe import probe
from scripts.cases.heif_file import box, coded, colours, container, full_box, grid
from tests.support.pictures import opened, psnr, ramp

MANY = b"\xff\xff\xff\xff"


def index(**parts: bytes) -> bytes:
    """Return a file with an index of one item, and other boxes."""
    known = {
        "pitm": full_box(b"pitm", 0, b"\0\1"),
        "iinf": full_box(b"iinf", 0, b"\0\1", full_box(b"infe", 2, b"\0\1\0\0av01\0")),
    }
    return box(b"ftyp", b"avif") + box(b"meta", bytes(4), *(known | parts).values())


@pytest.mark.parametrize(
    "data",
    [
        index(iloc=full_box(b"iloc", 0, b"\0\0\xff\xff", b"\0\1\0\0\xff\xff" * 100_000)),
        index(iloc=full_box(b"iloc", 0, b"\x44\0\0\1", b"\0\1\0\0\xff\xff")),
        index(iprp=box(b"iprp", box(b"ipco"), full_box(b"ipma", 0, MANY, bytes(1 << 20)))),
        index(iprp=box(b"iprp", full_box(b"ipma", 0, MANY, b"\0\1\xff" * (1 << 18)))),
        index(iref=full_box(b"iref", 0, box(b"dimg", b"\0\1\xff\xff") * 100_000)),
        index(iinf=full_box(b"iinf", 0, b"\xff\xff", full_box(b"infe", 2, bytes(9)) * 100_000)),
        index(iprp=box(b"iprp", box(b"ipma"))),
        index(pitm=full_box(b"pitm", 0)),
        index(iref=full_box(b"iref", 0, struct.pack(">I4s", 0, b"dimg"))),
    ],
)
def test_a_hostile_index_costs_little(data: bytes) -> None:
    started = time.process_time()
    read_index(BytesIO(data))
    assert time.process_time() - started < 3


def test_items_that_are_derived_from_each_other_end() -> None:
    one, other = grid(1, 1, 64, 64, first=2), grid(1, 1, 64, 64, first=1)
    found = read_index(BytesIO(container([one, other])))
    assert found
    assert found.coded.type == b"grid"


def test_a_part_of_the_picture_behind_the_end_is_damage(tmp_path: Path) -> None:
    data = container([coded(ramp(96, 80), "AVIF")])
    place = data.index(b"iloc") + 20
    length = struct.pack(">I", struct.unpack_from(">I", data, place)[0] + 1)
    (tmp_path / "in.avif").write_bytes(data[:place] + length + data[place + 4 :])
    with pytest.raises(PhotoError, match="ends early") as caught:
        probe(tmp_path / "in.avif", 10**6, sandboxed=True)
    assert caught.value.kind is Kind.DAMAGED


def test_a_sequence_without_a_sample_table_is_refused(tmp_path: Path) -> None:
    media = box(b"mdia", full_box(b"hdlr", 0, bytes(4), b"pict"))
    assert first_picture(BytesIO(box(b"moov", box(b"trak")))) is None
    broken = box(b"ftyp", b"hevc") + box(b"moov", box(b"trak", media)) + box(b"mdat")
    (tmp_path / "in.heic").write_bytes(broken)
    with pytest.raises(PhotoError, match="a sequence without HEVC pictures"):
        probe(tmp_path / "in.heic", 10**6, sandboxed=True)


def test_the_container_says_limited_range_and_the_coded_picture_full(tmp_path: Path) -> None:
    gray = Image.new("RGB", (64, 64), (125, 125, 125))
    item = coded(gray, "HEIF").plus(colours(1, 13, 6, False))
    (tmp_path / "in.heic").write_bytes(container([item], 1, b"heicmif1"))
    made = prepare(tmp_path / "in.heic", (64, 64), format="png")
    (tmp_path / "out.png").write_bytes(made.data)
    level = (125 - 16) * 255 / 219
    pixel = opened(tmp_path / "out.png").getpixel((32, 32))
    assert all(abs(channel - level) <= 1 for channel in pixel)  # type: ignore[union-attr]


def test_pillow_decodes_a_photo_in_which_ffmpeg_finds_no_picture(tmp_path: Path) -> None:
    shape = coded(ramp(96, 80), "HEIF")
    copy = replace(grid(1, 1, 96, 80), type=b"iden", content=b"")
    (tmp_path / "in.heic").write_bytes(container([shape, copy], 2, b"heicmif1"))
    spec = Spec(Size(96, 80), find_mode("stretch"), OUTPUT_FORMATS["png"])
    converter = Converter(find(), Policy())
    photo = converter.transcoder.probe(LocalJob(tmp_path / "in.heic", tmp_path / "out.png", spec))
    assert not photo.picture.ffmpeg_reads
    photo = replace(photo, picture=replace(photo.picture, ffmpeg_reads=True))
    converter.transcoder.attempt(photo, 0.0)
    converter.close()
    assert psnr(opened(tmp_path / "out.png"), ramp(96, 80)) > 35
