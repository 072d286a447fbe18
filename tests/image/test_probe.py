import os
import random
import socket
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from ffprep.config.modes import find_mode
from ffprep.core.geometry import Size
from ffprep.core.spec import Spec
from ffprep.errors import Kind, PhotoError
from ffprep.image.decode import decoded
from ffprep.image.extras import extras
from ffprep.image.integrity import require_whole
from ffprep.image.probe import probe, verify
from tests.support.photos import PHOTOS, needs_photos
from tests.support.pictures import opened, ramp

LIMIT = 268_000_000


def failure(path: Path, limit: int = LIMIT) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        probe(path, limit, sandboxed=True)
    return caught.value


def with_orientation(path: Path, orientation: int) -> Path:
    exif = Image.Exif()
    exif[0x0112] = orientation
    ramp(60, 40).save(path, exif=exif)
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff", "avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_and_both_sizes(tmp_path: Path, suffix: str, orientation: int) -> None:
    path = with_orientation(tmp_path / f"photo.{suffix}", orientation)
    picture = probe(path, LIMIT, sandboxed=True)
    assert picture.orientation == orientation
    assert picture.stored == Size(60, 40)
    with Image.open(path) as image:
        assert picture.shown == Size(*ImageOps.exif_transpose(image).size)


def test_exif_behind_the_picture_of_a_png_counts(tmp_path: Path) -> None:
    path = with_orientation(tmp_path / "photo.png", 6)
    data = path.read_bytes()
    start = data.index(b"eXIf") - 4
    chunk = data[start : start + 12 + struct.unpack(">I", data[start : start + 4])[0]]
    without = data.replace(chunk, b"")
    end = without.index(b"IEND") - 4
    path.write_bytes(without[:end] + chunk + without[end:])
    assert probe(path, LIMIT, sandboxed=True).orientation == 6


def test_broken_exif_does_not_fail_a_sound_photo(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    ramp(60, 40).save(path, exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(range(60)))
    assert probe(path, LIMIT, sandboxed=True).orientation == 1


def test_alpha_is_detected_in_every_form(tmp_path: Path) -> None:
    flat = ramp(60, 40)
    see_through = flat.copy()
    see_through.putalpha(90)
    guises = {
        "rgba.png": see_through,
        "la.png": see_through.convert("LA"),
        "rgba.webp": see_through,
        "rgba.avif": see_through,
    }
    for name, image in guises.items():
        image.save(tmp_path / name)
    flat.convert("P").save(tmp_path / "palette.png", transparency=0)
    see_through.putalpha(Image.linear_gradient("L").resize((60, 40)))
    see_through.save(tmp_path / "palette.gif")
    flat.save(tmp_path / "key.png", transparency=(1, 2, 3))
    names = [*guises, "palette.png", "palette.gif", "key.png"]
    assert {
        name: probe(tmp_path / name, LIMIT, sandboxed=True).alpha for name in names
    } == dict.fromkeys(names, True)
    flat.save(tmp_path / "flat.png")
    assert not probe(tmp_path / "flat.png", LIMIT).alpha


def test_files_that_are_not_pictures_fail_with_their_kind(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("My holidays in Tuscany.")
    (tmp_path / "start.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    kinds = {path.name: failure(path).kind for path in tmp_path.iterdir()}
    assert kinds == {
        "empty.jpg": Kind.DAMAGED,
        "text.jpg": Kind.UNSUPPORTED,
        "start.png": Kind.DAMAGED,
        "pipe.jpg": Kind.UNSUPPORTED,
        "folder.jpg": Kind.UNSUPPORTED,
    }
    assert failure(tmp_path / "gone.jpg").kind is Kind.MISSING


def test_a_socket_is_refused_unopened(tmp_path: Path) -> None:
    path = tmp_path / "s.jpg"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        assert failure(path).kind is Kind.UNSUPPORTED


def huge_png(path: Path, width: int, height: int) -> Path:
    """Make a PNG that claims a size and has hardly any data."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [header, b"IDAT" + zlib.compress(b"\0" * 100), b"IEND"]
    body = b"".join(
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def test_too_many_pixels_are_refused_undecoded(tmp_path: Path) -> None:
    error = failure(huge_png(tmp_path / "bomb.png", 60_000, 60_000))
    assert error.kind is Kind.TOO_LARGE
    assert "60000x60000" in str(error)
    assert probe(huge_png(tmp_path / "large.png", 20_000, 13_000), LIMIT).stored == Size(
        20_000, 13_000
    )
    assert failure(tmp_path / "large.png", 10_000).kind is Kind.TOO_LARGE


def test_frames_are_counted(tmp_path: Path) -> None:
    frames = [ramp(20, 20), ramp(20, 20).rotate(90), ramp(20, 20).rotate(180)]
    for name in ("a.gif", "a.webp", "a.png", "a.tiff"):
        path = tmp_path / name
        frames[0].save(path, save_all=True, append_images=frames[1:])
        assert extras(path, probe(path, LIMIT, sandboxed=True)).frames == 3


def test_decoding_by_pillow_is_whole_or_an_error(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    ramp(300, 200).save(path, quality=95)
    with decoded(path, probe(path, LIMIT, sandboxed=True)) as (raw, pixels):
        assert (raw.raw, raw.stored) == ("rgb24", Size(300, 200))
        assert b"".join(pixels) == opened(path).tobytes()
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(PhotoError) as caught:
        require_whole(path, probe(path, LIMIT, sandboxed=True))
    assert caught.value.kind is Kind.DAMAGED


@pytest.mark.parametrize("suffix", ["heic", "avif"])
def test_a_truncated_container_is_rejected(tmp_path: Path, suffix: str) -> None:
    import pillow_heif

    path = tmp_path / f"in.{suffix}"
    if suffix == "heic":
        pillow_heif.from_pillow(ramp(300, 200)).save(path)
    else:
        ramp(300, 200).save(path)
    whole = path.read_bytes()
    assert probe(path, LIMIT, sandboxed=True).stored == Size(300, 200)
    for share in (50, 80, 99.9):
        path.write_bytes(whole[: int(len(whole) * share / 100)])
        assert failure(path).kind is Kind.DAMAGED


SPEC = Spec(Size(30, 20), find_mode("cover"))


def test_an_output_is_verified_by_its_format_size_and_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "out.jpg"
    Image.effect_noise((30, 20), 90).convert("RGB").save(path, quality=95)
    whole = path.read_bytes()
    assert verify(path, SPEC) == whole
    path.write_bytes(whole[:-200])
    with pytest.raises(PhotoError, match="cannot be decoded again"):
        verify(path, SPEC)
    ramp(30, 21).save(path)
    with pytest.raises(PhotoError, match="30x21, not 30x20"):
        verify(path, SPEC)
    ramp(30, 20).save(path, "PNG")
    with pytest.raises(PhotoError, match="png, not jpeg"):
        verify(path, SPEC)


DAMAGES: tuple[Callable[[bytes, int, int], bytes], ...] = (
    lambda data, start, end: data[:start],
    lambda data, start, end: data[:start] + data[end:],
    lambda data, start, end: data[:start] + bytes(end - start) + data[end:],
    lambda data, start, end: (
        data[:start] + bytes([data[start] ^ end % 255 + 1]) + data[start + 1 :]
    ),
)


def test_a_jpeg_is_verified_as_strictly_as_by_all_its_pixels(tmp_path: Path) -> None:
    path, chosen, verdicts = tmp_path / "out.jpg", random.Random(1), []
    size = Size(250, 133)
    spec = replace(SPEC, size=size)
    Image.effect_noise((size.width, size.height), 60).convert("RGB").save(path, quality=80)
    whole = path.read_bytes()
    for number in range(400):
        start = chosen.randrange(2, len(whole))
        end = min(len(whole), start + chosen.choice([1, 2, 30, 500]))
        path.write_bytes(DAMAGES[number % len(DAMAGES)](whole, start, end))
        try:
            with Image.open(path) as image:
                image.load()
            expected = image.format == "JPEG" and Size(*image.size) == size
        except Exception:  # Pillow's parsers raise whatever they stumble over
            expected = False
        try:
            verdict = bool(verify(path, spec))
        except PhotoError:
            verdict = False
        verdicts.append((number, verdict, expected))
    assert [each for each in verdicts if each[1] != each[2]] == []
    assert 100 < sum(expected for _, _, expected in verdicts) < 300


@needs_photos
def test_every_real_photo_is_probed_as_pillow_opens_it() -> None:
    assert PHOTOS
    import pillow_heif

    pillow_heif.register_heif_opener()
    paths = [p for folder in ("camera", "orientation") for p in sorted((PHOTOS / folder).iterdir())]
    assert len(paths) > 30
    for path in paths:
        with Image.open(path) as image:
            shown = ImageOps.exif_transpose(image).size
        assert probe(path, LIMIT, sandboxed=True).shown == Size(*shown), path


def test_errors_of_libheif_stay_on_one_line(tmp_path: Path) -> None:
    import pillow_heif

    path = tmp_path / "in.heic"
    pillow_heif.from_pillow(ramp(64, 48)).save(path)
    data = bytearray(path.read_bytes())
    place = data.index(b"iloc") + 20
    data[place : place + 2] = b"\xff\xff"  # the number of extents
    path.write_bytes(data)
    error = failure(path)
    assert error.kind is Kind.DAMAGED
    assert "\n" not in str(error)


def test_a_heic_with_another_size_in_its_header_is_rejected(tmp_path: Path) -> None:
    import pillow_heif

    path = tmp_path / "in.heic"
    pillow_heif.from_pillow(ramp(45, 33).convert("RGBA")).save(path)
    says = path.read_bytes().replace(struct.pack(">I", 45), struct.pack(">I", 450))
    path.write_bytes(says)
    picture = probe(path, LIMIT, sandboxed=True)
    with (
        pytest.raises(PhotoError, match="holds 64x33 pixels, and its header says 450x33") as caught,
        decoded(path, picture),
    ):
        pass
    assert caught.value.kind is Kind.DAMAGED
