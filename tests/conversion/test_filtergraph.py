"""The effect of filtergraphs on pixels, with the real ffmpeg, decoded by Pillow."""

import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from ffprep.config.modes import all_modes, find_mode, read_mode
from ffprep.conversion import command as graph
from ffprep.core.formats import OUTPUT_FORMATS, sniff
from ffprep.core.geometry import Focus, Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.job import LocalJob
from ffprep.core.spec import Color, Spec
from tests.support.converters import converter
from tests.support.pictures import coordinates, opened, psnr, ramp

PNG = OUTPUT_FORMATS["png"]
CONVERTER = converter()


def made(source: Path, spec: Spec) -> Image.Image:
    """Convert `source` and decode the output."""
    output = source.with_name(f"out.{spec.format.name}")
    (result,) = CONVERTER.convert([LocalJob(source, output, spec)])
    assert result.failure is None, result.failure
    return opened(output)


def saved(folder: Path, image: Image.Image, name: str = "in.png") -> Path:
    image.save(folder / name)
    return folder / name


def origin(image: Image.Image, x: int, y: int) -> tuple[int, int]:
    """Return the original place of a pixel of a `coordinates` picture."""
    red, green, blue = image.getpixel((x, y))
    return red + 256 * (blue // 16), green + 256 * (blue % 16)


@pytest.mark.parametrize(
    ("photo", "frame", "focus", "corner"),
    [
        ((640, 480), (320, 480), "center", (160, 0)),
        ((640, 480), (320, 480), "left", (0, 0)),
        ((640, 480), (320, 480), "right", (320, 0)),
        ((640, 480), (320, 480), "top", (160, 0)),
        ((640, 480), (320, 480), "0.25,0.5", (0, 0)),
        ((640, 480), (320, 480), "0.3,0.5", (32, 0)),
        ((641, 480), (320, 480), "center", (160, 0)),
        ((480, 640), (480, 320), "bottom", (0, 320)),
        ((480, 641), (480, 320), "center", (0, 160)),
        ((301, 201), (301, 101), "0.9,0.6", (0, 70)),
    ],
)
def test_cover_cuts_at_the_right_place(tmp_path: Path, photo, frame, focus, corner) -> None:
    spec = Spec(Size(*frame), find_mode("cover"), PNG, focus=Focus.parse(focus))
    image = made(saved(tmp_path, coordinates(*photo)), spec)
    last = frame[0] - 1, frame[1] - 1
    assert origin(image, 0, 0) == corner
    assert origin(image, *last) == (corner[0] + last[0], corner[1] + last[1])


@pytest.mark.slow
@pytest.mark.parametrize("background", ["black", "white", "#fe0102", "#11223344", "transparent"])
@pytest.mark.parametrize(
    ("photo", "frame", "box"),
    [
        ((40, 30), (61, 30), (10, 0, 50, 30)),
        ((30, 40), (30, 61), (0, 10, 30, 50)),
        ((100, 50), (101, 101), (0, 25, 101, 76)),
        ((1, 1), (4, 1), (1, 0, 2, 1)),
        ((400, 8), (100, 9), (0, 3, 100, 5)),
    ],
)
def test_pad_is_centred_to_the_pixel_and_its_bars_are_exact(
    tmp_path: Path, photo, frame, box, background
) -> None:
    color = Color.parse(background)
    spec = Spec(Size(*frame), find_mode("pad"), PNG, background=color)
    # No channel of the photo has the value of the bars.
    image = made(saved(tmp_path, Image.new("RGB", photo, (90, 160, 200))), spec)
    bars = (color.red, color.green, color.blue) + ((color.alpha,) if not color.opaque else ())
    photo_pixel = (90, 160, 200) + ((255,) if not color.opaque else ())
    expected = Image.new(image.mode, image.size, bars)
    expected.paste(photo_pixel, box)
    assert image.mode == ("RGB" if color.opaque else "RGBA")
    assert image.tobytes() == expected.tobytes()


@pytest.mark.parametrize("mode", ["pad", "blur"])
@pytest.mark.parametrize(
    ("photo", "frame", "focus", "box"),
    [
        ((40, 30), (61, 30), "left", (0, 0, 40, 30)),
        ((40, 30), (61, 30), "right", (21, 0, 61, 30)),
        ((40, 30), (61, 30), "0.25,1", (5, 0, 45, 30)),
        ((30, 40), (30, 61), "south", (0, 21, 30, 61)),
    ],
)
def test_the_focus_places_a_photo_between_its_bars(
    tmp_path: Path, mode, photo, frame, focus, box
) -> None:
    spec = Spec(Size(*frame), find_mode(mode), PNG, focus=Focus.parse(focus))
    picture = coordinates(*photo)
    image = made(saved(tmp_path, picture), spec)
    assert image.crop(box).tobytes() == picture.tobytes()


def test_bars_keep_their_colour_beside_a_photo_with_alpha(tmp_path: Path) -> None:
    spec = Spec(Size(61, 30), find_mode("pad"), PNG, background=Color.parse("#11223344"))
    image = made(saved(tmp_path, Image.new("RGBA", (40, 30), (200, 100, 50, 128))), spec)
    assert image.getpixel((0, 0)) == image.getpixel((60, 29)) == (0x11, 0x22, 0x33, 0x44)
    assert image.getpixel((30, 15)) == (200, 100, 50, 128)


@pytest.mark.parametrize("format", OUTPUT_FORMATS.values(), ids=lambda f: f.name)
def test_blur_shows_the_photo_whole_over_itself(tmp_path: Path, format) -> None:
    photo = ramp(300, 200)
    image = made(saved(tmp_path, photo), Spec(Size(401, 200), find_mode("blur"), format))
    whole = image.convert("RGB").crop((50, 0, 350, 200))
    assert psnr(whole, photo) > {"png": 98, "jpegxl": 36}.get(format.name, 38)
    # Beside it are the photo's own colours, neither bars nor a sharp copy.
    assert psnr(image.convert("RGB"), ImageOps.fit(photo, image.size)) > 12
    assert len(image.convert("RGB").crop((0, 0, 50, 200)).getcolors(10_000) or ()) > 1000


@pytest.mark.parametrize("mode", ["cover", "pad", "stretch"])
def test_scaling_is_as_good_as_lanczos(tmp_path: Path, mode: str) -> None:
    noise = Image.merge("RGB", [Image.effect_noise((900, 600), 70) for _ in range(3)])
    detail = Image.blend(ramp(900, 600), noise, 0.4)
    image = made(saved(tmp_path, detail), Spec(Size(300, 200), find_mode(mode), PNG))
    assert psnr(image, detail.resize((300, 200), Image.Resampling.LANCZOS)) > 49


def test_photos_lose_nothing_but_pixels(tmp_path: Path) -> None:
    """Make pictures like a camera's: detailed lightness, smooth colours, 4:4:4 to 4:2:0."""
    figures = []
    for number, (width, height) in enumerate([(960, 720), (961, 723), (722, 1284), (2000, 1001)]):
        grain = Image.effect_noise((width, height), 60).convert("RGB")
        for subsampling in (0, 1, 2):
            path = tmp_path / f"{number}-{subsampling}.jpg"
            Image.blend(ramp(width, height), grain, 0.4).save(
                path, quality=95, subsampling=subsampling
            )
            image = made(path, Spec(Size(320, 180), find_mode("cover"), PNG))
            w, h = min(width, round(height * 16 / 9)), min(height, round(width * 9 / 16))
            left, top = math.ceil((width - w) / 2 - 0.5), math.ceil((height - h) / 2 - 0.5)
            cut = opened(path).crop((left, top, left + w, top + h))
            figures.append(psnr(image, cut.resize((320, 180), Image.Resampling.LANCZOS)))
    assert min(figures) >= 45
    assert sum(figures) / len(figures) >= 48


@pytest.mark.slow
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff", "avif"])
def test_every_orientation_comes_out_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"in.{suffix}"
    ramp(120, 80).save(path, exif=exif, quality=95)
    with Image.open(path) as stored:
        upright = ImageOps.exif_transpose(stored).convert("RGB")
    image = made(path, Spec(Size(*upright.size), find_mode("cover"), PNG))
    assert psnr(image, upright) > 40
    assert not image.getexif()
    for format in (OUTPUT_FORMATS["jpeg"], OUTPUT_FORMATS["webp"]):
        assert not made(path, Spec(Size(50, 50), find_mode("cover"), format)).getexif()


@pytest.mark.parametrize("name", OUTPUT_FORMATS)
def test_colours_survive(tmp_path: Path, name: str) -> None:
    for color in [(250, 10, 20), (10, 240, 30), (15, 20, 250), (255, 255, 255), (128, 128, 128)]:
        source = saved(tmp_path, Image.new("RGB", (64, 48), color))
        image = made(source, Spec(Size(32, 32), find_mode("stretch"), OUTPUT_FORMATS[name]))
        got = image.convert("RGB").getpixel((16, 16))
        error = max(abs(a - b) for a, b in zip(got, color, strict=True))
        assert error <= {"png": 0, "jpegxl": 4}.get(name, 2)


def test_alpha_is_laid_on_the_background_or_kept(tmp_path: Path) -> None:
    see_through = ramp(90, 60).convert("RGBA")
    see_through.putalpha(Image.linear_gradient("L").resize((90, 60)))
    source = saved(tmp_path, see_through)
    for mode in ("stretch", "blur"):
        spec = Spec(Size(90, 60), find_mode(mode), background=Color.parse("#c86432"), quality=100)
        backdrop = Image.new("RGBA", (90, 60), "#c86432")
        assert (
            psnr(made(source, spec), Image.alpha_composite(backdrop, see_through).convert("RGB"))
            > 38
        )
    kept = made(source, Spec(Size(90, 60), find_mode("stretch"), PNG))
    assert psnr(kept.getchannel("A"), see_through.getchannel("A")) > 50
    webp = made(source, Spec(Size(90, 60), find_mode("stretch"), OUTPUT_FORMATS["webp"]))
    assert psnr(webp.getchannel("A"), see_through.getchannel("A")) > 50


def test_alpha_survives_to_the_bit(tmp_path: Path) -> None:
    steps = Image.new("RGBA", (256, 4), (200, 100, 50, 0))
    steps.putalpha(Image.linear_gradient("L").rotate(90).resize((256, 4)))
    for mode in ("cover", "pad", "stretch"):
        image = made(saved(tmp_path, steps), Spec(Size(256, 4), find_mode(mode), PNG))
        assert image.getchannel("A").tobytes() == steps.getchannel("A").tobytes()


@pytest.mark.parametrize("mode", ["cover", "pad", "stretch", "blur"])
def test_no_mode_loses_chroma(tmp_path: Path, mode: str) -> None:
    stripes = Image.new("RGB", (640, 480), "red")
    for x in range(0, 640, 8):
        stripes.paste("blue", (x, 0, x + 4, 480))
    stripes.save(tmp_path / "in.jpg", quality=95, subsampling=2)
    image = made(tmp_path / "in.jpg", Spec(Size(160, 120), find_mode(mode), PNG))
    seen = opened(tmp_path / "in.jpg").resize((160, 120), Image.Resampling.LANCZOS)
    assert psnr(image, seen) > 22  # 12 with chroma at half the frame's size


def test_scaling_transparency_makes_no_fringe(tmp_path: Path) -> None:
    hidden = Image.new("RGBA", (200, 200), (0, 255, 0, 0))
    hidden.paste((255, 0, 0, 255), (70, 70, 131, 131))
    image = made(saved(tmp_path, hidden), Spec(Size(61, 61), find_mode("stretch"), PNG))
    assert image.getpixel((30, 30)) == (255, 0, 0, 255)
    seen = Image.new("RGBA", image.size, "red")
    seen.alpha_composite(image)  # green shows only where it was mixed into what can be seen
    assert seen.getextrema()[1][1] <= 1


def test_a_user_mode_may_branch(tmp_path: Path) -> None:
    mode = tmp_path / "mirror.toml"
    mode.write_text(
        '[[step]]\nfilter = "scale"\nto = "half"\nw = "ceil({width}/2)"\nh = "{height}"\n'
        '[[step]]\nfilter = "hflip"\nfrom = "half"\nto = "flipped"\n'
        '[[step]]\nfilter = "hstack"\nfrom = ["half", "flipped"]\n'
        '[[step]]\nfilter = "crop"\nw = "{width}"\nx = 0\n'
    )
    image = made(saved(tmp_path, ramp(80, 40)), Spec(Size(41, 20), read_mode(mode), PNG))
    half = image.crop((0, 0, 21, 20))
    assert psnr(half.crop((1, 0, 21, 20)), ImageOps.mirror(image.crop((21, 0, 41, 20)))) > 98
    assert psnr(half, ramp(80, 40).resize((21, 20), Image.Resampling.LANCZOS)) > 40


SHAPES = st.one_of(
    st.sampled_from([(1, 1), (8000, 2), (2, 8000), (1, 300), (3, 5)]),
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
)
FRAMES = st.one_of(
    st.sampled_from([(1, 1), (1, 8192), (8192, 1), (1023, 767), (8191, 3)]),
    st.tuples(st.integers(1, 300), st.integers(1, 300)),
)


@pytest.mark.slow
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    shape=SHAPES,
    frame=FRAMES,
    mode=st.sampled_from([mode.name for mode in all_modes()]),
    output=st.sampled_from(list(OUTPUT_FORMATS.values())),
    suffix=st.sampled_from(["png", "jpg", "webp"]),
    alpha=st.booleans(),
    focus=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_the_size_is_exact_for_any_input(
    tmp_path: Path, shape, frame, mode, output, suffix, alpha, focus
) -> None:
    image = Image.effect_noise(shape, 60).convert("RGB")
    if alpha and suffix != "jpg":
        image.putalpha(77)
    spec = Spec(Size(*frame), find_mode(mode), output, focus=Focus(*focus))
    assert made(saved(tmp_path, image, f"in.{suffix}"), spec).size == frame


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "mode"),
    [
        *(((5760, 3840), mode.name) for mode in all_modes()),
        # A square photo fills a square frame, so the other modes do the same as cover.
        *(((1, 1), mode) for mode in ("cover", "blur")),
    ],
)
def test_the_largest_frame(tmp_path: Path, mode: str, shape: tuple[int, int]) -> None:
    source = saved(tmp_path, ramp(*shape), "in.jpg")
    assert made(source, Spec(Size(8192, 8192), find_mode(mode))).size == (8192, 8192)


def test_names_in_a_command_are_never_patterns_or_options() -> None:
    png = sniff(b"\x89PNG\r\n\x1a\n")
    assert png
    picture, spec = ImageInfo(png, Size(4, 4)), Spec(Size(2, 2), find_mode("cover"))
    argv = graph.command(
        "ffmpeg", Path("-x%d:\udcff.png"), picture, (spec,), [Path("http:<source>.jpg")]
    )
    assert argv[argv.index("-i") + 1] == "file:-x%d:\udcff.png"
    assert argv[-1] == "file:http:<source>.jpg"
    assert argv[argv.index("-protocol_whitelist") + 1] == "file"
