"""Decompression bombs: small files that claim or hold more pixels than memory can."""

import os
import struct
import subprocess
import sys
import time
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from tests.support.pictures import opened

pytestmark = pytest.mark.slow

GIANT = (65500, 65500)
MOST = 1_500_000_000
"""The memory that ffprep and all its children may use together, in bytes."""


def compressed_zeros(length: int) -> bytes:
    """Return zeros in zlib's format, made of equal blocks."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = packer.compress(bytes(length % (1 << 20))) + packer.flush()
    check = (length % 65521 << 16) + 1  # Adler-32
    return b"\x78\xda" + block * (length >> 20) + rest + struct.pack(">I", check)


def png(width: int, height: int, kind: int, depth: int = 8) -> bytes:
    """Make a PNG of zeros, with the best compression. `kind` is its colour type."""
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[kind]
    rows = compressed_zeros(height * (1 + width * channels * depth // 8))
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks
    )


def claims(folder: Path) -> None:
    """Make a file of each format that claims 65500 x 65500, or the format's largest size."""
    image, side = Image.new("RGB", (64, 48), (9, 99, 9)), GIANT[0]
    for suffix in ("jpg", "png", "gif", "bmp", "tif", "webp", "avif", "jp2"):
        image.save(folder / f"claim.{suffix}", **({"lossless": True} if suffix == "webp" else {}))
    patches = {
        "jpg": (struct.pack(">HH", 48, 64), struct.pack(">HH", side, side)),
        "png": (struct.pack(">II", 64, 48), struct.pack(">II", side, side)),
        "gif": (struct.pack("<HH", 64, 48), struct.pack("<HH", side, side)),
        "bmp": (struct.pack("<ii", 64, 48), struct.pack("<ii", side, side)),
        "avif": (struct.pack(">II", 64, 48), struct.pack(">II", side, side)),
        "jp2": (struct.pack(">II", 64, 48), struct.pack(">II", side, side)),
    }
    for suffix, (small, large) in patches.items():
        data = (folder / f"claim.{suffix}").read_bytes()
        assert small in data, suffix
        (folder / f"claim.{suffix}").write_bytes(data.replace(small, large))
    tiff = bytearray((folder / "claim.tif").read_bytes())
    for tag, value in ((256, 64), (257, 48)):
        for form in ("<HHIHH", "<HHII"):
            entry = struct.pack(
                form, *((tag, 3, 1, value, 0) if form == "<HHIHH" else (tag, 4, 1, value))
            )
            tiff = bytearray(bytes(tiff).replace(entry, struct.pack("<HHII", tag, 4, 1, side)))
    (folder / "claim.tif").write_bytes(tiff)
    webp = bytearray((folder / "claim.webp").read_bytes())
    bits = int.from_bytes(webp[21:25], "little") & ~0xFFFFFFF | 16382 | 16382 << 14
    webp[21:25] = bits.to_bytes(4, "little")
    (folder / "claim.webp").write_bytes(webp)


def holds(folder: Path) -> None:
    """Make files with all their pixels: under the pixel limit, most over the memory limit."""
    side = 16_200
    for name, kind, depth, length in (("gray", 0, 8, side), ("rgba16", 6, 16, 10_000)):
        (folder / f"{name}.png").write_bytes(png(length, length, kind, depth))
    plain = Image.new("L", (side, side), 9)
    plain.save(folder / "gray.jpg", quality=5)
    plain.save(folder / "progressive.jpg", quality=5, progressive=True)
    plain.save(folder / "gray.tif", compression="tiff_adobe_deflate")
    Image.new("1", (side, side)).save(folder / "bits.tif", compression="group4")


def tree(top: int) -> int:
    """Return the memory of a process and its children; shared memory counts once."""
    family, total = [top], 0
    for pid in family:
        with suppress(OSError):
            for task in os.listdir(f"/proc/{pid}/task"):
                below = Path(f"/proc/{pid}/task/{task}/children").read_text().split()
                family += [int(child) for child in below]
        with suppress(OSError, StopIteration):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += int(next(line for line in lines if line.startswith("Pss:")).split()[1]) << 10
    return total


@pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists(), reason="memory is watched by /proc"
)
def test_a_folder_of_bombs_ends_and_every_bomb_is_reported(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bombs"
    folder.mkdir()
    claims(folder)
    holds(folder)
    for command in ("convert", "check", "info"):
        survive(folder, tmp_path, command)


def survive(folder: Path, tmp_path: Path, command: str) -> None:
    names = {path.name for path in folder.iterdir()}
    argv = [sys.executable, "-m", "ffprep", command, folder, "--json"]
    if command == "convert":
        argv += ["-o", tmp_path / "out", "--names", "{stem}-{n}", "--upscale", "allow"]
    argv += ["--size", "64x48", "--jobs", "2"]
    running = subprocess.Popen(list(map(str, argv)), stdout=subprocess.PIPE)
    peak = 0
    while running.poll() is None:
        peak = max(peak, tree(running.pid))
        time.sleep(0.1)
    assert running.stdout
    with running.stdout:
        told = running.stdout.read().decode()
    assert running.returncode in (0, 1)
    assert peak < MOST, f"{command}: {peak >> 20} MB"
    assert all(name in told for name in names)
    if command == "convert":
        assert '"internal"' not in told
        assert [
            name
            for name in names
            if name.startswith("claim") and f'{name}", "output": null' in told
        ] == []
        assert '"summary": {"converted": ' in told
        for path in (tmp_path / "out").glob("[!.]*"):
            assert opened(path).size == (64, 48)
            assert not path.name.startswith("claim")
