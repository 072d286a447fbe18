"""`ffprep.prepare`: the picture, its name, and where it may be saved."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import ffprep as library
from tests.support.ffmpegs import fake_ffmpeg
from tests.support.file_like import FileLike
from tests.support.pictures import opened
from tests.support.waiting import until


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "pad", "background": "white", "format": "png"},
        {"focus": (0.1, 0.9), "quality": 80, "metadata": "keep-rights"},
        {"format": "webp", "lossless": True, "compression": 2},
        {"max_bytes": 2000, "subsampling": "444", "mode": "blur"},
        {"mode": "auto", "max_loss": 0.1, "crop_bounds": [0.1, 0, 0.9, 1]},
        {"scene": "art"},
        {"mode": "pad", "background": (250, 120, 0), "format": "JPG"},
    ],
)
def test_the_bytes_are_those_of_the_command_line(
    ffprep, photo: Path, empty_tmp: Path, options: dict[str, object]
) -> None:
    words = []
    for name, value in options.items():
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words.append(_as_option_value(name, value))
    suffix = {"png": ".png", "webp": ".webp"}.get(str(options.get("format")), ".jpg")
    made = photo.parent / f"made{suffix}"
    assert ffprep("convert", photo, "-o", made, "--size", "123x77", *words).code == 0
    with photo.open("rb") as file:
        prepared = [
            library.prepare(source, size, **options)  # type: ignore[arg-type]
            for source, size in [
                (photo, "123x77"),
                (str(photo), (123, 77)),
                (photo.read_bytes(), library.Size(123, 77)),
                (memoryview(photo.read_bytes()), "123×77"),
                (file, "123x77"),
                (FileLike(bytearray(photo.read_bytes()), "up/photo.jpg"), [123, 77]),
            ]
        ]
    assert {picture.data for picture in prepared} == {made.read_bytes()}
    assert {picture.size for picture in prepared} == {library.Size(123, 77)}
    assert [picture.name for picture in prepared] == [
        f"{stem}{suffix}" for stem in ("photo", "photo", "picture", "picture", "photo", "photo")
    ]
    assert {picture.mime for picture in prepared} == {f"image/{prepared[0].format}"}


def _as_option_value(name: str, value: object) -> object:
    if isinstance(value, tuple | list):
        parts = ",".join(map(str, value))
        return f"rgb({parts})" if name == "background" else parts
    return value


def test_several_sizes_are_a_list_in_their_order(photo: Path, empty_tmp: Path) -> None:
    sizes: list[library.Size | str | tuple[int, int]] = ["9x16", (123, 77), library.Size(16, 9)]
    made = library.prepare(photo, sizes=sizes, mode="pad", format="png")
    assert [str(picture.size) for picture in made] == ["9x16", "123x77", "16x9"]
    for picture in made:
        alone = library.prepare(photo, picture.size, "pad", format="png")
        assert (picture.data, picture.name) == (alone.data, "photo.png")
        seen = opened(picture.save(photo.with_name(f"{picture.size}.png")))
        assert seen.size == (picture.size.width, picture.size.height)
    with pytest.raises(library.UsageError, match="sizes takes a list"):
        library.prepare(photo, sizes="9x16")
    with pytest.raises(library.PhotoError, match="would have to be enlarged"):
        library.prepare(photo, sizes=["9x16", "9000x9000"], upscale="fail")
    several: list[Any] = [["9x16", "16x9"], [(9, 16), (16, 9)], (library.Size(9, 16), (16, 9))]
    for size in several:
        with pytest.raises(library.UsageError, match=r"write sizes=\[\.\.\.\]"):
            library.prepare(photo, size)
        with pytest.raises(library.UsageError, match=r"write sizes=\[\.\.\.\]"):
            library.check(photo, size)
        with pytest.raises(library.UsageError, match=r"sizes=\[\.\.\.\]"):
            library.Preprocessor(size)


def test_an_upload_has_a_name_and_a_mime_type(photo: Path, empty_tmp: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(photo.parent) + b"/a\xff.jpg"))
    photo.rename(odd)
    picture = library.prepare(odd, "16x9", format="webp")
    assert picture.upload() == ("a?.webp", picture.data, "image/webp")
    picture.upload()[0].encode()
    assert "data" not in repr(picture)


def test_save_is_atomic_and_never_overwrites_the_photo(photo: Path, empty_tmp: Path) -> None:
    picture, before = library.prepare(photo, "16x9"), photo.read_bytes()
    (photo.parent / "link.jpg").symlink_to(photo)
    for place in (photo, photo.parent / "link.jpg", photo.parent):
        with pytest.raises(library.UsageError, match="never overwritten"):
            picture.save(place)
    with pytest.raises(library.UsageError, match="suffix of png, but"):
        picture.save(photo.parent / "a.png")
    assert photo.read_bytes() == before
    output = photo.parent / "new" / "a.jpg"
    assert picture.save(str(output)) == picture.save(output.parent / "a.jpg") == output
    assert picture.save(output.parent) == output.parent / "photo.jpg"
    assert opened(output).size == (16, 9)
    assert sorted(path.name for path in output.parent.iterdir()) == ["a.jpg", "photo.jpg"]
    with pytest.raises(library.PhotoError, match="cannot write"):
        picture.save(output / "below.jpg")


def test_save_never_overwrites_an_open_photo(
    photo: Path, empty_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = photo.read_bytes()
    monkeypatch.chdir(photo.parent)
    with photo.open("rb") as file, os.fdopen(os.dup(file.fileno()), "rb") as nameless:
        pictures = [library.prepare(source, "16x9") for source in (file, "photo.jpg")]
        nameless.seek(0)
        pictures.append(library.prepare(nameless, "16x9"))
    with pytest.raises(library.UsageError, match="never overwritten"):
        pictures[0].save(".")
    (photo.parent / "sub").mkdir()
    monkeypatch.chdir(photo.parent / "sub")
    for picture in pictures:
        with pytest.raises(library.UsageError, match="never overwritten"):
            picture.save(photo)
        assert picture.save("photo.jpg") == picture.save("photo.jpg") == Path("photo.jpg")
    moved = photo.rename(photo.parent / "moved.jpg")
    for picture in pictures:
        with pytest.raises(library.UsageError, match="never overwritten"):
            picture.save(moved)
    assert moved.read_bytes() == before
    moved.unlink()
    for picture in pictures:
        for _ in range(2):  # the second time it is there, and may have the number of what is gone
            assert opened(picture.save(moved)).size == (16, 9)


def test_a_truncated_photo_is_damaged(photo: Path, empty_tmp: Path) -> None:
    data = photo.read_bytes()[:-3000]
    with pytest.raises(library.PhotoError) as raised:
        library.prepare(data, "8x8")
    assert raised.value.kind is library.Kind.DAMAGED
    assert "missing" in library.prepare(data, "8x8", damaged="keep").warnings[0]


@pytest.mark.parametrize(
    "call",
    [
        "ffprep.prepare({photo!r}, '8x8', ffmpeg={ffmpeg!r})",
        "list(ffprep.convert({photo!r}, {output!r}, '8x8', ffmpeg={ffmpeg!r}))",
    ],
)
def test_ctrl_c_leaves_no_process_and_no_file(photo: Path, empty_tmp: Path, call: str) -> None:
    version = '[ "$1" = -version ] && { echo ffmpeg version 9.9; exit; }'
    slow = fake_ffmpeg(photo.parent, f"{version}\necho $$ > {photo.parent}/pid; exec sleep 100")
    output = photo.parent / "out"
    call = call.format(photo=str(photo), ffmpeg=slow.path, output=str(output))
    code = f"import ffprep; {call}"
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as running:
        pid = photo.parent / "pid"
        until(lambda: running.poll() is not None or (pid.exists() and pid.read_text()))
        running.send_signal(signal.SIGINT)
        _, stderr = running.communicate(timeout=60)  # less than the 100 that ffmpeg takes
    assert stderr.endswith(b"KeyboardInterrupt\n")
    assert [path for path in photo.parent.rglob(".ffprep-*") if path != empty_tmp] == []
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_the_pixels_are_those_of_the_file(photo: Path) -> None:
    picture = library.prepare(photo, "123x77", format="png")
    assert picture.image().mode == "RGB"
    assert picture.image().tobytes() == Image.open(io.BytesIO(picture.data)).tobytes()
    pixels = picture.array()
    assert (pixels.shape, pixels.dtype.name) == ((77, 123, 3), "uint8")
    assert pixels.tobytes() == picture.image().tobytes()
    pixels[0] = 0  # it is the caller's own


def test_translucent_pixels_are_not_lost_in_silence(tmp_path: Path) -> None:
    for alpha, mode in ((128, "RGBA"), (255, "RGB")):
        Image.new("RGBA", (40, 30), (200, 0, 0, alpha)).save(tmp_path / "glass.png")
        picture = library.prepare(tmp_path / "glass.png", "8x8", format="png")
        assert picture.image().mode == mode
    picture = library.prepare(tmp_path / "glass.png", "8x8", format="jxl")
    with pytest.raises(library.UsageError, match="does not decode JPEG XL; prepare it as png"):
        picture.array()
    Image.new("RGBA", (40, 30), (200, 0, 0, 128)).save(tmp_path / "glass.png")
    with pytest.raises(library.UsageError, match=r"glass\.png: some of its pixels are translucent"):
        library.prepare(tmp_path / "glass.png", "8x8", format="png").array()
    shown = library.prepare(tmp_path / "glass.png", "8x8", background="black").array()
    assert abs(int(shown[4, 4, 0]) - 100) < 3
