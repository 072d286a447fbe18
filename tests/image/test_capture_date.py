import os
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image

from ffprep.image.capture_date import capture_date
from tests.support.pictures import ramp

TAKEN = datetime(2021, 3, 4, 5, 6, 7)
FORMATS = ("jpg", "png", "webp", "tif", "avif")


def saved(path: Path, text: str = "2021:03:04 05:06:07", tag: int = 0x9003) -> Path:
    exif = Image.Exif()
    exif[0x8769] = {tag: text}
    ramp(16, 16).save(path, exif=exif.tobytes())
    os.utime(path, (0, datetime(2026, 1, 1).timestamp()))
    return path


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_date_is_that_of_exif_in_each_format(tmp_path: Path, suffix: str) -> None:
    assert capture_date(str(saved(tmp_path / f"a.{suffix}"))) == TAKEN


def test_a_photo_without_a_date_has_that_of_its_file(tmp_path: Path) -> None:
    never_set = saved(tmp_path / "a.jpg", "0000:00:00 00:00:00")
    assert capture_date(str(never_set)) == datetime(2026, 1, 1)
    assert capture_date(str(saved(tmp_path / "b.jpg", tag=0x9004))) == TAKEN
    assert capture_date(str(saved(tmp_path / "c.jpg", "2021-03-04T05:06:07"))) == TAKEN
    assert capture_date(str(tmp_path / "missing.jpg")).year == 1970


def test_broken_files_have_a_date(tmp_path: Path) -> None:
    """Whatever byte of the header is wrong, or where the file ends."""
    content = saved(tmp_path / "a.jpg").read_bytes()[:200]
    for place in range(4, len(content)):
        broken = tmp_path / f"{place}.jpg"
        broken.write_bytes(content[:place] + b"\xff" + content[place + 1 :])
        assert capture_date(str(broken))
        broken.write_bytes(content[:place])
        assert capture_date(str(broken))


@pytest.mark.skipif(not os.environ.get("FFPREP_PHOTOS"), reason="needs FFPREP_PHOTOS")
@pytest.mark.skipif(not shutil.which("exiftool"), reason="needs exiftool")
def test_exiftool_reads_the_same_of_real_photos() -> None:
    photos = [
        str(path)
        for path in Path(os.environ["FFPREP_PHOTOS"]).rglob("*")
        if path.is_file() and "damaged" not in path.parts
    ]
    argv = ["exiftool", "-q", "-m", "-f", "-d", "%s", "-p"]
    argv += ["$Directory/$FileName|$EXIF:DateTimeOriginal|$EXIF:CreateDate|$FileModifyDate"]
    said = subprocess.run([*argv, *photos], capture_output=True, text=True, check=False).stdout
    compared = 0
    for line in said.splitlines():
        path, *dates = line.split("|")
        date = next(date for date in dates if date.isdigit())
        assert int(capture_date(path).timestamp()) == int(date), path
        compared += date != dates[-1]
    assert compared
