"""Frames of films: the right one, upright, in the right colours; and what is refused.

Films are written by the ffmpeg that reads them; outputs are read by Pillow.
"""

import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import ffprep as library
from ffprep.conversion import film
from ffprep.conversion.ffmpeg_binary import find
from ffprep.conversion.transcode import Transcoder
from ffprep.core.job import LocalJob
from ffprep.errors import Kind
from tests.support.command_line import Ran
from tests.support.ffmpegs import script
from tests.support.pictures import opened, psnr, ramp

pytestmark = pytest.mark.slow

SECONDS, RATE = 2, 10
CODECS = {
    "a.mp4": "-c:v libx264 -g 8 -bf 2 -pix_fmt yuv420p",
    "a.webm": "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuv420p",
    "a.mkv": "-c:v mjpeg -q:v 2 -pix_fmt yuvj420p",
    "a.avi": "-c:v mpeg4 -q:v 2 -g 7",
    "a.gif": "-pix_fmt gray",
}


def write(output: Path, *words: str) -> Path:
    subprocess.run([find().path, "-v", "error", "-y", *words, str(output)], check=True)
    return output


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of films of 20 gray frames: each is 12 levels lighter than the one before."""
    folder = tmp_path_factory.mktemp("films")
    gray = f"color=s=96x64:r={RATE}:d={SECONDS},geq=lum=16+8*N:cb=128:cr=128"
    for name, codec in CODECS.items():
        write(folder / name, "-f", "lavfi", "-i", gray, *codec.split())
    return folder


def number(picture: library.Prepared) -> int:
    """Return which frame was converted: luma 16 to 235 is 0 to 255 in RGB."""
    image = Image.open(BytesIO(picture.data)).convert("RGB")
    red, green, blue = image.getpixel((5, 5))  # type: ignore[misc]
    assert max(red, green, blue) - min(red, green, blue) <= 4  # of a palette
    return round(green * 219 / 255 / 8)


@pytest.mark.parametrize("name", CODECS)
def test_the_frame_that_is_shown_at_a_time(films: Path, name: str) -> None:
    wanted: dict[str | float, int] = {"first": 0, "last": 19, 0.55: 5, 1: 10, 1.99: 19}
    for frame, which in wanted.items():
        picture = library.prepare(films / name, "31x17", frame=frame, format="png")
        assert (picture.size, number(picture)) == (library.Size(31, 17), which), frame


def test_films_from_memory_and_as_single_outputs(
    films: Path, tmp_path: Path, ffprep: Callable[..., Ran]
) -> None:
    data = (films / "a.webm").read_bytes()
    assert number(library.prepare(data, "8x8", frame="last", format="png")) == 19
    command = ("convert", films / "a.mp4", "--size", "32x18", "--frame", "1.2")
    assert ffprep(*command, "-o", tmp_path / "made.jpg").code == 0
    line = ffprep(*command, "-o", tmp_path / "dry.jpg", "--dry-run=commands").out
    subprocess.run(["sh", "-c", line], check=True, capture_output=True)
    assert (tmp_path / "dry.jpg").read_bytes() == (tmp_path / "made.jpg").read_bytes()


def test_a_time_behind_the_end_is_refused_with_the_length(films: Path) -> None:
    for name in ("a.mp4", "a.gif"):
        with pytest.raises(
            library.PhotoError, match=r"no frame at 2\.5 s: it is 2 s long"
        ) as raised:
            library.prepare(films / name, "8x8", frame=2.5)
        assert raised.value.kind is Kind.UNSUPPORTED


def test_frames_are_turned_and_have_square_pixels(films: Path, tmp_path: Path) -> None:
    ramp(96, 64).save(tmp_path / "ramp.png")
    one = ("-loop", "1", "-t", "0.3", "-i", str(tmp_path / "ramp.png"))
    h264 = ("-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv444p")
    film = write(tmp_path / "plain.mp4", *one, *h264)
    turned = write(
        tmp_path / "turned.mp4", "-display_rotation", "90", "-i", str(film), "-c", "copy"
    )
    picture = library.prepare(turned, "64x96", "stretch", frame="last", format="png")
    upright = ramp(96, 64).transpose(Image.Transpose.ROTATE_90)
    assert psnr(Image.open(BytesIO(picture.data)).convert("RGB"), upright) > 40
    wide = write(tmp_path / "wide.mp4", *one, *h264, "-vf", "setsar=4/3")
    assert library.prepare(wide, "512x512", "fit", frame="first").size == library.Size(512, 256)
    sizes, names = ["64x64", "32x32"], "{stem}-{width}x{height}"
    with library.convert(
        [wide], tmp_path / "out", None, "fit", sizes=sizes, frame="first", names=names
    ) as results:
        assert [str(each.status) for each in results] == ["converted"] * 2
    made = sorted(path.name for path in (tmp_path / "out").glob("*.jpg"))
    assert made == ["wide-32x16.jpg", "wide-64x32.jpg"]


def test_colours_are_those_of_the_container(tmp_path: Path) -> None:
    colour = (200, 60, 90)
    Image.new("RGB", (64, 48), colour).save(tmp_path / "colour.png")
    kinds = ("bt709:tv", "bt709:pc", "smpte170m:tv")
    for kind in kinds:
        matrix, span = kind.split(":")
        film = write(
            tmp_path / f"{matrix}-{span}.mp4",
            *("-loop", "1", "-t", "0.2", "-i", str(tmp_path / "colour.png")),
            *("-vf", f"scale=out_color_matrix={matrix}:out_range={span},format=yuv444p"),
            *("-colorspace", matrix, "-color_range", span, "-c:v", "libx264", "-qp", "0"),
        )
        picture = library.prepare(film, "16x16", frame="first", format="png")
        found = Image.open(BytesIO(picture.data)).convert("RGB").getpixel((8, 8))
        assert isinstance(found, tuple)
        assert max(abs(a - b) for a, b in zip(found, colour, strict=True)) <= 3, kind


def test_hdr_is_tone_mapped(tmp_path: Path) -> None:
    pq = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv"
    film = write(
        tmp_path / "hdr.mkv",
        *(
            "-f",
            "lavfi",
            "-i",
            f"color=s=64x48:r=10:d=0.2,format=yuv420p10le,geq=lum=572:cb=512:cr=512,{pq}",
        ),
        *("-c:v", "libx265", "-x265-params", "log-level=none:lossless=1"),
    )
    picture = library.prepare(film, "16x16", frame="first", format="png")
    levels = Image.open(BytesIO(picture.data)).convert("RGB").getextrema()
    assert min(low for low, _ in levels) > 215  # PQ's 58 % is diffuse white, not 58 % gray


def test_truncated_films(films: Path, tmp_path: Path) -> None:
    whole = (films / "a.mkv").read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) * 6 // 10])
    assert number(library.prepare(cut, "8x8", frame="first", format="png")) == 0
    with pytest.raises(library.PhotoError, match="damaged=keep") as raised:
        library.prepare(cut, "8x8", frame="last")
    assert raised.value.kind is Kind.DAMAGED
    kept = library.prepare(cut, "8x8", frame="last", format="png", damaged="keep")
    assert kept.warnings
    assert 5 < number(kept) < 18
    headless = tmp_path / "headless.mp4"
    headless.write_bytes((films / "a.mp4").read_bytes()[:-200])  # its index is at the end
    with pytest.raises(library.PhotoError, match="restore it from a backup") as raised:
        library.prepare(headless, "8x8", frame="first")
    assert raised.value.kind is Kind.DAMAGED


def test_what_is_refused(films: Path, tmp_path: Path) -> None:
    source = ("-i", str(films / "a.mp4"))
    files = {
        "is a film in wmv2": write(tmp_path / "w.avi", *source, "-c:v", "wmv2"),
        "only sound": write(tmp_path / "s.mp4", "-f", "lavfi", "-i", "sine=d=0.2", "-c:a", "aac"),
        "is not a picture": tmp_path / "list.mp4",
    }
    files["is not a picture"].write_text(f"ffconcat version 1.0\nfile '{films / 'a.mp4'}'\n")
    for words, path in files.items():
        with pytest.raises(library.PhotoError, match=words) as raised:
            library.prepare(path, "8x8", frame="first")
        assert raised.value.kind is Kind.UNSUPPORTED
    with pytest.raises(library.PhotoError, match=r"is a film; .* frame=first"):
        library.prepare(films / "a.mp4", "8x8")
    named = tmp_path / "x.jpg"
    named.write_bytes((films / "a.webm").read_bytes())
    with pytest.raises(library.PhotoError, match=r"is a film; rename it to x\.mkv"):
        library.prepare(named, "8x8", frame="first")
    with pytest.raises(library.PhotoError, match="raise max_pixels") as raised:
        library.prepare(films / "a.mp4", "8x8", frame="first", max_pixels=1000)
    assert raised.value.kind is Kind.TOO_LARGE


def test_folders_of_photos_and_films(
    films: Path, tmp_path: Path, ffprep: Callable[..., Ran]
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    ramp(30, 20).save(folder / "photo.png")
    (folder / "film.MP4").write_bytes((films / "a.mp4").read_bytes())
    command = ("convert", folder, "-o", out, "--size", "16x9", "--json")

    def summary(*words: str) -> tuple[int, int, int]:
        ran = ffprep(*command, *words)
        assert ran.code == 0, ran.err
        counts = ran.summary
        return counts["converted"], counts["fresh"], counts["passed_over_by_kind"]["film"]

    assert summary() == (1, 0, 1)
    assert summary("--frame", "last") == (1, 1, 0)
    assert summary("--frame", "last") == (0, 2, 0)
    assert summary("--frame", "first") == (1, 1, 0)
    assert opened(out / "film.jpg").size == (16, 9)


def test_sizes_of_a_film_share_the_search_and_its_failure(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, make = list[Path](), film._make

    def counted(steps: Transcoder, job: LocalJob, output: Path) -> film.AsPhoto:
        made.append(job.source)
        return make(steps, job, output)

    monkeypatch.setattr(film, "_make", counted)
    for frame, kinds, attempts in (("last", [None] * 2, 1), (2.5, [Kind.UNSUPPORTED] * 2, 2)):
        made.clear()
        given: dict[str, Any] = {"sizes": ["8x8", "16x9"], "frame": frame}
        with library.convert(films / "a.mp4", tmp_path / "out", ledger=False, **given) as results:
            assert [each.failure and each.failure.kind for each in results] == kinds
        assert len(made) == attempts
    found = sorted(opened(path).size for path in (tmp_path / "out").rglob("*.jpg"))
    assert found == [(8, 8), (16, 9)]


def test_a_dry_run_searches_a_film_once_for_all_sizes(
    films: Path, tmp_path: Path, ffprep: Callable[..., Ran]
) -> None:
    real, calls = find().path, tmp_path / "calls"
    counting = script(tmp_path / "ffmpeg", f'echo "$*" >> {calls}\nexec {real} "$@"')
    command = [
        "convert",
        films / "a.mp4",
        "-o",
        tmp_path / "out",
        "--size",
        "8x8",
        "--size",
        "16x9",
    ]
    for words in ([], ["--json"], ["--dry-run=commands"]):
        calls.unlink(missing_ok=True)
        ran = ffprep(*command, "--frame", "last", "--dry-run", *words, "--ffmpeg", counting)
        assert (ran.code, b"8x8" in ran.out, b"16x9" in ran.out) == (0, True, True)
        assert calls.read_text().count("-sseof") == 2  # the search and the still
    ran = ffprep(*command, "--frame", "7", "--dry-run")
    assert (ran.code, ran.out.count(b"has no frame at 7 s")) == (1, 1)
    assert b"0 to convert, 2 would fail" in ran.out


def test_info_and_compare_show_a_frame(
    films: Path, tmp_path: Path, ffprep: Callable[..., Ran]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    ramp(30, 20).save(folder / "photo.png")
    (folder / "film.mp4").write_bytes((films / "a.mp4").read_bytes())
    ran = ffprep("info", folder, "--frame", "last", "--size", "64x64", "--json")
    assert ran.code == 0, ran.err
    found = {Path(line["path"]).name: line for line in ran.lines}
    assert {
        name: (each["format"], each["width"], each["height"]) for name, each in found.items()
    } == {
        "film.mp4": ("mp4", 96, 64),
        "photo.png": ("png", 30, 20),
    }
    assert found["film.mp4"]["recommended"] == {"64x64": "pad"}
    assert found["film.mp4"]["dropped"] == []
    assert len(ffprep("info", folder, "--json").lines) == 1
    ran = ffprep("info", films / "a.mp4", "--frame", "2.5")
    assert (ran.code, "it is 2 s long" in ran.out.decode()) == (1, True)
    sheet = tmp_path / "sheet.png"
    command = ("compare", films / "a.gif", "-o", sheet, "--size", "96x64")
    shown = list[int]()
    for frame in ("first", "last"):
        assert ffprep(*command, "--frame", frame).code == 0
        image = opened(sheet).convert("L")
        shown.append(sum(image.histogram()[100:220]))
    assert shown[0] != shown[1]


def test_the_alpha_of_webm_is_kept(films: Path, tmp_path: Path) -> None:
    clear = "color=red@0.5:s=96x64:r=10:d=0.5,format=yuva420p"
    for codec in ("libvpx-vp9", "libvpx"):
        options = ("-c:v", codec, "-pix_fmt", "yuva420p", "-auto-alt-ref", "0", "-cpu-used", "8")
        path = write(tmp_path / f"{codec}.webm", "-f", "lavfi", "-i", clear, *options)
        picture = library.prepare(path, "32x32", frame="last", format="png")
        image = Image.open(BytesIO(picture.data))
        assert image.mode == "RGBA"
        red, green, _, alpha = image.getpixel((16, 16))  # type: ignore[misc]
        assert abs(alpha - 128) <= 3
        assert red > 240 > 20 > green
