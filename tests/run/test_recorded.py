"""Names with dates and sizes of photos: what the ledger has of a photo is not read again."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from ffprep.system.files import LEDGER
from tests.support.command_line import Ran
from tests.support.pictures import ramp

OLD, NEW = b"2021:03:04 05:06:07", b"2022:03:04 05:06:07"


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a photo that has a date, and one whose size can be turned."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    folder.mkdir()
    exif = Image.Exif()
    exif[0x8769] = {0x9003: OLD.decode()}
    ramp(64, 32).save(folder / "a.jpg", exif=exif.tobytes())
    ramp(64, 32).save(folder / "b.bmp")
    os.utime(folder / "b.bmp", (1e9, 1e9))
    return folder


def replace_unnoticed(photo: Path, content: bytes) -> None:
    """Write as many bytes, and give the file the time that it had."""
    found = photo.stat()
    assert len(content) == found.st_size
    photo.write_bytes(content)
    os.utime(photo, ns=(found.st_atime_ns, found.st_mtime_ns))


def test_a_header_is_read_again_only_if_the_photo_changed(
    ffprep: Callable[..., Ran], photos: Path
) -> None:
    command = ["convert", "photos", "-o", "out", "--size", "32x32", "--mode", "fit", "--json"]
    command += ["--names", "{stem} {date} {width}x{height}"]

    def statuses() -> dict[str, str]:
        ran = ffprep(*command)
        assert ran.code == 0, ran.err
        return {Path(line["output"]).name: line["status"] for line in ran.results.values()}

    first = ["a 2021-03-04 32x16.jpg", "b 2001-09-09 32x16.jpg"]
    assert statuses() == dict.fromkeys(first, "converted")
    before = (photos / "a.jpg").read_bytes()
    replace_unnoticed(photos / "a.jpg", before.replace(OLD, NEW))
    ramp(32, 64).save("turned.bmp")
    replace_unnoticed(photos / "b.bmp", Path("turned.bmp").read_bytes())
    assert statuses() == dict.fromkeys(first, "fresh")
    with closing(sqlite3.connect(Path("out") / LEDGER)) as ledger, ledger:
        assert ledger.execute("SELECT count(*) FROM headers").fetchone() == (4,)
        ledger.execute("UPDATE headers SET value = 'not ours' WHERE what = 'date'")
    os.utime(photos / "b.bmp", (1.1e9, 1.1e9))
    second = {"a 2022-03-04 32x16.jpg": "converted", "b 2004-11-09 16x32.jpg": "converted"}
    assert statuses() == second
    assert statuses() == dict.fromkeys(second, "fresh")
    (photos / "b.bmp").unlink()
    assert ffprep(*command, "--prune").code == 0
    with closing(sqlite3.connect(Path("out") / LEDGER)) as ledger:
        known = ledger.execute("SELECT DISTINCT source FROM headers").fetchall()
    assert known == [(str(photos / "a.jpg"),)]
