"""Crop bounds and focus, by decoded pixels, against Pillow's own crop."""

import math
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image, ImageFilter, ImageOps

from ffprep.config.modes import find_mode
from ffprep.conversion import command as graph
from ffprep.core.formats import FORMATS, OUTPUT_FORMATS
from ffprep.core.geometry import Bounds, Focus, Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.job import LocalJob
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from ffprep.errors import Kind
from tests.support.converters import converter
from tests.support.pictures import coordinates, opened, psnr, ramp

pytestmark = pytest.mark.slow

PNG = OUTPUT_FORMATS["png"]
CONVERTER = converter(Policy("allow"))
BOUNDS = ["0.25,0,1,0.5", "0.1,0.2,0.77,0.9", "0.333,0.5,0.337,1", "0,0,0.5,0.5"]


def cut(image: Image.Image, bounds: Bounds) -> Image.Image:
    """Crop with Pillow, each edge at the nearest pixel."""
    edges = (bounds.left, image.width), (bounds.top, image.height)
    edges += (bounds.right, image.width), (bounds.bottom, image.height)
    return image.crop(tuple(math.floor(edge * side + 0.5) for edge, side in edges))  # type: ignore[arg-type]


def on_red(image: Image.Image) -> Image.Image:
    """Lay a picture on red, since colours of transparent pixels do not matter."""
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "red"), image)


def as_it_is(size: tuple[int, int], bounds: Bounds) -> Spec:
    """Return a Spec that only crops."""
    return Spec(Size(*size), find_mode("stretch"), PNG, bounds=bounds)


def made(source: Path, spec: Spec) -> Image.Image:
    output = source.with_name("out.png")
    (result,) = CONVERTER.convert([LocalJob(source, output, spec)])
    assert result.failure is None, result.failure
    return opened(output)


@pytest.mark.parametrize("text", BOUNDS)
@pytest.mark.parametrize("kind", ["RGB", "RGBA", "L", "P", "1", "I;16"])
def test_the_crop_equals_pillows_to_the_pixel(tmp_path: Path, text: str, kind: str) -> None:
    photo = coordinates(301, 203)
    if kind == "RGBA":
        photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    elif kind == "I;16":
        photo = photo.convert("I")
    photo = photo.convert(kind)
    photo.save(tmp_path / "in.png")
    bounds = Bounds.parse(text)
    wanted = cut(photo, bounds)
    image = made(tmp_path / "in.png", as_it_is(wanted.size, bounds))
    if kind == "RGBA":
        assert psnr(on_red(image), on_red(wanted)) > 55
    elif kind == "I;16":
        assert (
            psnr(image.convert("L"), wanted.convert("I").point(lambda v: v / 256).convert("L")) > 45
        )
    else:
        assert image.convert("RGB").tobytes() == wanted.convert("RGB").tobytes()


def test_rounding_errors_move_no_edge(tmp_path: Path) -> None:
    """0.29 * 50 is rounded up to 15, though it is 14.499999999999998 in floating point."""
    coordinates(50, 50).save(tmp_path / "in.png")
    image = made(tmp_path / "in.png", as_it_is((10, 10), Bounds(0.29, 0.29, 0.49, 0.49)))
    assert image.getpixel((0, 0))[:2] == (15, 15)  # type: ignore[index]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff"])
def test_bounds_are_of_the_upright_photo(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif, path = Image.Exif(), tmp_path / f"in.{suffix}"
    exif[0x0112] = orientation
    ramp(121, 83).save(path, exif=exif, quality=95, subsampling=0)
    with Image.open(path) as stored:
        upright = ImageOps.exif_transpose(stored).convert("RGB")
    bounds = Bounds(0.15, 0.4, 0.73, 0.95)
    wanted = cut(upright, bounds)
    assert psnr(made(path, as_it_is(wanted.size, bounds)), wanted) > (40 if suffix == "jpg" else 98)


@pytest.mark.parametrize("name", ["in.heic", "alpha.heic", "in.avif", "cmyk.jpg", "moving.webp"])
def test_crops_are_the_same_with_every_decoder(tmp_path: Path, name: str) -> None:
    """FFmpeg decodes most files, HEIC by another demuxer; Pillow decodes the others."""
    photo, path = ramp(641, 483), tmp_path / name
    if name.startswith("alpha"):
        photo.putalpha(Image.linear_gradient("L").resize(photo.size))
    if name == "moving.webp":
        photo.save(path, lossless=True, save_all=True, append_images=[ramp(641, 483).rotate(180)])
    elif name.endswith("heic"):
        pillow_heif.from_pillow(photo).save(path, quality=95)
    else:
        photo.convert("CMYK" if name == "cmyk.jpg" else "RGB").save(path, quality=95)
    bounds = Bounds(0.2, 0.31, 0.8, 0.9)
    image = made(path, as_it_is(cut(photo, bounds).size, bounds))
    assert psnr(on_red(image), on_red(cut(photo, bounds))) > 38


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_colours_stay_in_their_place_wherever_the_edges_are(
    tmp_path: Path, subsampling: int
) -> None:
    """Subsampled chroma cannot be cut at odd pixels; doing so anyway loses 16 dB."""
    photo = Image.new("RGB", (320, 240), "red")
    for x in range(0, 320, 32):
        photo.paste("blue", (x, 0, x + 16, 240))
    photo = photo.rotate(20, expand=False).filter(ImageFilter.GaussianBlur(2))
    photo.save(tmp_path / "in.jpg", quality=95, subsampling=subsampling)
    figures = []
    for left, top in ((64, 48), (65, 48), (64, 49), (65, 49)):
        bounds = Bounds(left / 320, top / 240, (left + 128) / 320, (top + 96) / 240)
        image = made(tmp_path / "in.jpg", as_it_is((128, 96), bounds))
        figures.append(psnr(image, cut(opened(tmp_path / "in.jpg"), bounds)))
    assert min(figures) > 38
    assert min(figures) > max(figures) - 2


def test_photos_of_one_stream_are_each_cut_by_their_own_size(tmp_path: Path) -> None:
    sizes = [(301, 203), (64, 48), (33, 97), (2, 2), (300, 200), (310, 80)]
    bounds = Bounds(0.1, 0.25, 0.6, 1)
    spec, jobs = as_it_is((24, 24), bounds), []
    (png,) = (format for format in FORMATS if format.name == "png")
    # Two: edges at odd pixels have a graph of their own.
    assert len({graph.sequence(ImageInfo(png, Size(*size)), (spec,)) for size in sizes}) == 2
    for number, size in enumerate(sizes):
        ramp(*size).save(tmp_path / f"{number}.png")
        jobs.append(LocalJob(tmp_path / f"{number}.png", tmp_path / f"o{number}.png", spec))
    assert all(result.failure is None for result in CONVERTER.convert(jobs))
    for number, size in enumerate(sizes):
        wanted = cut(ramp(*size), bounds).resize((24, 24), Image.Resampling.LANCZOS)
        assert psnr(opened(tmp_path / f"o{number}.png"), wanted) > 30, size


@pytest.mark.parametrize(
    ("focus", "left"),
    [
        ("center", 100),
        ("left", 60),
        ("right", 140),
        ("0.4,0.5", 82),
        ("0.41,0.5", 84),
        ("top", 100),
    ],
)
def test_the_focus_is_a_point_of_the_crop(tmp_path: Path, focus: str, left: int) -> None:
    coordinates(300, 80).save(tmp_path / "in.png")
    bounds = Bounds(0.2, 0, 0.8, 1)  # columns 60 to 240
    spec = Spec(Size(100, 80), find_mode("cover"), PNG, bounds=bounds, focus=Focus.parse(focus))
    assert made(tmp_path / "in.png", spec).getpixel((0, 0))[0] == left  # type: ignore[index]


@pytest.mark.parametrize("side", [300, 301])
@pytest.mark.parametrize("percent", range(0, 101, 4))
def test_the_focus_is_as_near_the_centre_as_the_edges_allow(
    tmp_path: Path, side: int, percent: int
) -> None:
    coordinates(side, 50).save(tmp_path / "in.png")
    spec = Spec(Size(101, 50), find_mode("cover"), PNG, focus=Focus(percent / 100, 0.5))
    left = made(tmp_path / "in.png", spec).getpixel((0, 0))
    found = left[0] + 256 * (left[2] // 16)  # type: ignore[index]
    distances = [abs(x + 101 / 2 - side * percent / 100) for x in range(side - 101 + 1)]
    assert distances[found] < min(distances) + 1e-9


def test_bounds_that_leave_less_than_a_pixel_fail_the_photo(ffprep, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    ramp(300, 200).save(tmp_path / "in/large.png")
    ramp(4, 200).save(tmp_path / "in/narrow.png")
    words = ("convert", tmp_path / "in", "-o", tmp_path / "out", "--size", "20x20", "--json")
    ran = ffprep(*words, "--crop-bounds", "0.5,0,0.6,1")
    assert (ran.code, ran.kinds()) == (1, {"narrow.png": Kind.UNSUPPORTED})
    assert (
        "is 4x200, and the crop bounds leave less than a pixel of it"
        in ran.results["narrow.png"]["error"]["message"]
    )
    assert ffprep(*words, "--crop-bounds", "0.6,0,0.5,1").code == 2


def test_a_sliver_of_a_tiny_photo_fills_a_frame(tmp_path: Path) -> None:
    coordinates(8, 2).save(tmp_path / "in.png")
    spec = Spec(Size(8192, 8), find_mode("stretch"), PNG, bounds=Bounds(0.5, 0.5, 0.625, 1))
    assert made(tmp_path / "in.png", spec).getcolors() == [(8192 * 8, (4, 1, 0))]


def test_enlarging_is_judged_by_the_crop(ffprep, tmp_path: Path) -> None:
    ramp(400, 300).save(tmp_path / "a.png")
    words = ("convert", tmp_path / "a.png", "-o", tmp_path / "o.png", "--size", "200x150")
    assert ffprep(*words).err == ""
    ran = ffprep(*words, "--crop-bounds", "0.25,0.25,0.5,0.5", "--force")
    assert ran.err.endswith("a.png: 100x75, cropped from 400x300, enlarged 2.00x for 200x150\n")
    assert ffprep(*words, "--crop-bounds", "0,0,0.5,0.5", "--upscale", "fail").code == 0


def test_other_bounds_make_another_picture(ffprep, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    ramp(300, 200).save(tmp_path / "in/a.png")
    words = ("convert", tmp_path / "in", "-o", tmp_path / "out", "--size", "20x20", "--json")
    counts = []
    for bounds in ("0,0,1,1", "0,0,1,0.5", "0,0,1,0.5", "0,0,1,1"):
        summary = ffprep(*words, "--crop-bounds", bounds).summary
        counts.append((summary["converted"], summary["fresh"]))
    assert counts == [(1, 0), (1, 0), (0, 1), (1, 0)]


def test_a_sheet_shows_the_photo_whole_and_the_modes_of_what_is_left(
    ffprep, tmp_path: Path
) -> None:
    photo = Image.new("RGB", (400, 200), "red")
    photo.paste("blue", (200, 0, 400, 200))
    photo.save(tmp_path / "a.png")
    words = ("--size", "200x200", "--crop-bounds", "0.5,0,1,1")
    ran = ffprep("compare", tmp_path / "a.png", "-o", tmp_path / "sheet.png", *words)
    assert (ran.code, ran.err) == (0, "")
    counted = {colour: count for count, colour in opened(tmp_path / "sheet.png").getcolors(10_000)}
    half = 98 * 100  # of the photo, without the columns where the two meet
    assert counted[(255, 0, 0)] == half
    assert counted[(0, 0, 255)] == half + 5 * 200 * 200


def test_a_dry_run_prints_the_cut(ffprep, tmp_path: Path) -> None:
    import subprocess

    coordinates(301, 203).save(tmp_path / "a.png")
    words = ("convert", tmp_path / "a.png", "-o", tmp_path / "o.png", "--size", "100x50")
    ran = ffprep(*words, "--crop-bounds", "0.1,0.2,0.77,0.9", "--dry-run=commands")
    subprocess.run(["sh", "-c", ran.out.decode()], check=True, stdin=subprocess.DEVNULL)
    printed = opened(tmp_path / "o.png")
    (tmp_path / "o.png").unlink()
    ffprep(*words, "--crop-bounds", "0.1,0.2,0.77,0.9")
    assert psnr(opened(tmp_path / "o.png"), printed) > 98
