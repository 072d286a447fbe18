"""Disks and network shares that fail while photos are read: that is no damage of the photos."""

import errno
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

from ffprep.conversion.ffmpeg_binary import find
from tests.support.command_line import Ran
from tests.support.faulty_reads import faulty
from tests.support.ffmpegs import script
from tests.support.pictures import opened, psnr
from tests.support.shims import shim

pytestmark = pytest.mark.slow

SIZE = ("--size", "160x120")
PHOTOS: dict[str, dict[str, object]] = {
    "bad-jpeg.jpg": {},
    "bad-jpeg2.jpg": {},
    "bad-progressive.jpg": {"progressive": True},
    "bad-png.png": {},
    "bad-png2.png": {},
    "bad-webp.webp": {"quality": 90},
    "bad-webp2.webp": {"quality": 90},
    "bad-lossless.webp": {"lossless": True},
    "bad-gif.gif": {},
    "bad-bmp.bmp": {},
    "bad-bmp2.bmp": {},
    "bad-tiff.tif": {},
    "bad-lzw.tif": {"compression": "tiff_lzw"},
    "bad-avif.avif": {},
    "bad-heic.heic": {},
    "bad-jp2.jp2": {},
    "ok.jpg": {},
}
BAD = {name for name in PHOTOS if name.startswith("bad")}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of every format; those of one kind share a stream."""
    pillow_heif.register_heif_opener()
    folder = tmp_path_factory.mktemp("disk")
    picture = Image.effect_noise((160, 120), 90).convert("RGB")
    for name, options in PHOTOS.items():
        picture.save(folder / name, **options)
    return folder


def outputs(folder: Path) -> set[str]:
    return {path.stem for path in folder.iterdir() if path.is_file()}


def are_whole(photos: Path, out: Path) -> bool:
    """Return whether there is an output of every photo, and nothing of it is missing."""
    whole = (
        psnr(opened(out / f"{photo.stem}.jpg"), opened(photo).convert("RGB")) > 24  # half: 9
        for photo in photos.iterdir()
    )
    return outputs(out) == {photo.stem for photo in photos.iterdir()} and all(whole)


FAULTS = {
    "in the middle": ("50%", errno.EIO),
    "at once": ("0", errno.ESTALE),
    "in the last block": ("-1", errno.ENODATA),
    "short": ("90%", 0),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_read_is_io_and_the_next_run_converts_it(
    ffprep: Callable[..., Ran], tmp_path: Path, photos: Path, fault: str
) -> None:
    environment = faulty(tmp_path / "fault", f"{photos}/bad", *FAULTS[fault])
    out = tmp_path / "out"
    command = ("convert", photos, "-o", out, *SIZE, "--json", "--damaged", "keep")
    ran = ffprep(*command, env=environment)
    assert (ran.code, ran.kinds()) == (1, dict.fromkeys(BAD, "io"))
    assert outputs(out) == {"ok"}
    assert ffprep(*command).code == 0
    assert are_whole(photos, out)


def test_what_only_decoders_could_not_read_is_converted_whole(
    ffprep: Callable[..., Ran], tmp_path: Path, photos: Path
) -> None:
    environment = faulty(tmp_path / "fault", f"{photos}/bad", "50%", 0, only_children=True)
    out = tmp_path / "out"
    command = ("convert", photos, "-o", out, *SIZE, "--json", "--damaged", "keep")
    ran = ffprep(*command, env=environment)
    assert (ran.code, ran.kinds()) == (0, {})
    assert not any(each.get("warnings") for each in ran.lines)
    assert are_whole(photos, out)


@pytest.mark.parametrize("name", ["bad-jpeg.jpg", "bad-png.png", "bad-lzw.tif", "bad-heic.heic"])
def test_a_photo_that_can_be_read_again_is_converted(
    ffprep: Callable[..., Ran], tmp_path: Path, photos: Path, name: str
) -> None:
    environment = faulty(tmp_path / "fault", f"{photos}/bad", "50%", errno.EIO, reads=1)
    out = tmp_path / "out.png"
    ran = ffprep("convert", photos / name, "-o", out, *SIZE, env=environment)
    assert (ran.code, ran.err) == (0, "")
    assert not (tmp_path / "fault/0").exists()
    assert psnr(opened(out), opened(photos / name).convert("RGB")) > 24


def test_check_and_info_and_prepare_say_io(
    ffprep: Callable[..., Ran], tmp_path: Path, photos: Path
) -> None:
    environment = faulty(tmp_path / "fault", f"{photos}/bad", "50%", 0)
    ran = ffprep("check", photos, *SIZE, "--json", env=environment)
    assert {each["error"]["kind"] for each in ran.lines if each["error"]} == {"io"}
    assert {Path(each["path"]).name for each in ran.lines if each["error"]} == BAD
    environment = faulty(tmp_path / "head", f"{photos}/bad", "20", 0)
    ran = ffprep("info", photos, "--json", env=environment)
    assert {Path(each["path"]).name for each in ran.lines if each["error"]} == BAD
    assert {each["error"]["kind"] for each in ran.lines if each["error"]} == {"io"}
    program = (
        "import ffprep, sys\n"
        "try: ffprep.prepare(sys.argv[1], '160x120')\n"
        "except ffprep.PhotoError as error: print(error.kind)\n"
    )
    argv = [sys.executable, "-c", program, photos / "bad-png.png"]
    assert subprocess.run(argv, env=environment, capture_output=True).stdout == b"io\n"


def test_a_photo_is_submitted_only_if_all_of_it_can_be_read(
    ffprep: Callable[..., Ran], tmp_path: Path, photos: Path
) -> None:
    environment = faulty(tmp_path / "fault", f"{photos}/bad", "50%", 0)
    words = ("--prompt", "A tree", "--base-url", "http://127.0.0.1:9/v1", "--dry-run", "--json")
    ran = ffprep(
        "submit", photos / "bad-jpeg.jpg", *words, *SIZE, "-o", tmp_path / "a.mp4", env=environment
    )
    assert ran.code == 1
    assert json.loads(ran.out.splitlines()[0])["error"]["kind"] == "io"


def test_check_reads_again_what_decoders_could_not_read(
    ffprep: Callable[..., Ran], tmp_path: Path, photos: Path
) -> None:
    environment = faulty(tmp_path / "fault", f"{photos}/bad", "50%", 0, reads=1)
    ran = ffprep("check", photos / "bad-webp.webp", *SIZE, env=environment)
    assert (ran.code, ran.out, ran.err) == (0, b"", "")


def test_half_a_sidecar_frames_no_photo(
    ffprep: Callable[..., Ran], tmp_path: Path, photos: Path
) -> None:
    photo = tmp_path / "in.jpg"
    photo.write_bytes((photos / "ok.jpg").read_bytes())
    sidecar = tmp_path / "in.jpg.ffprep.toml"
    sidecar.write_text('mode = "cover"\nfocus = "left"\n')
    environment = faulty(tmp_path / "fault", str(sidecar), "15", 0)
    command = ("convert", photo, "-o", tmp_path / "out", "--size", "60x120", "--json")
    assert ffprep(*command, env=environment).kinds() == {"in.jpg": "io"}
    assert ffprep(*command).code == 0


@pytest.mark.parametrize("error", ["ESTALE", "EROFS"])
def test_an_output_that_ffmpeg_cannot_write_is_io(
    ffprep: Callable[..., Ran], tmp_path: Path, photos: Path, error: str
) -> None:
    code = """
    ssize_t write(int fd, const void *from, size_t count) {
        struct stat found;
        fstat(fd, &found);
        if (S_ISREG(found.st_mode)) { errno = ERROR; return -1; }
        return NEXT(write)(fd, from, count); }
    """
    library = shim(f"#define ERROR {error}\n{code}")["LD_PRELOAD"]
    ffmpeg = script(
        tmp_path / "ffmpeg",
        f'[ "$1" = -version ] || export LD_PRELOAD={library}; exec {find().path} "$@"',
    )
    names = ("bad-jpeg.jpg", "bad-jpeg2.jpg")
    command = ("convert", *(photos / name for name in names), "-o", tmp_path / "out", *SIZE)
    ran = ffprep(*command, "--json", "--ffmpeg", ffmpeg)
    assert ran.kinds() == dict.fromkeys(names, "io")
    words = os.strerror(getattr(errno, error)).lower()
    assert f"jpeg.jpg: {words}; check" in ran.results[names[0]]["error"]["message"]


def test_damage_and_no_other_failure_is_held(
    ffprep: Callable[..., Ran], tmp_path: Path, photos: Path
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    content = (photos / "bad-jpeg.jpg").read_bytes()
    (folder / "half.jpg").write_bytes(content[: len(content) // 2])
    command = ("convert", folder, "-o", out, *SIZE, "--json")
    assert ffprep(*command).kinds() == {"half.jpg": "damaged"}
    # Failures that are held are taken from the ledger.
    for kind, expected in (("too-large", "too-large"), ("internal", "damaged"), ("io", "damaged")):
        database = sqlite3.connect(out / ".ffprep/ledger.db", isolation_level=None)
        database.execute("UPDATE jobs SET kind = ?", (kind,))
        database.close()
        assert ffprep(*command).kinds() == {"half.jpg": expected}
