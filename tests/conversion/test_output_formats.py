"""AVIF and JPEG XL: sizes, pixels, alpha, profiles and bits, as other decoders read them."""

import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from ffprep.config.modes import find_mode
from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.formats import OUTPUT_FORMATS, OutputFormat, output_format
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob, Result, Status
from ffprep.core.policy import Policy
from ffprep.core.spec import Color, Spec
from ffprep.errors import EnvironmentFault
from ffprep.record import replace
from tests.conversion.test_converter import detail
from tests.support.converters import converter
from tests.support.ffmpegs import script
from tests.support.pictures import opened, psnr, ramp

AVIF, JXL, PNG = (OUTPUT_FORMATS[name] for name in ("avif", "jpegxl", "png"))
BOTH = pytest.mark.parametrize("format", [AVIF, JXL], ids=["avif", "jpegxl"])
ODD = Spec(Size(93, 61), find_mode("stretch"))
CONVERTER = converter(Policy(upscale="allow"))


def convert(source: Path, spec: Spec) -> Result:
    output = source.with_name(f"out{spec.format.suffixes[0]}")
    (result,) = CONVERTER.convert([LocalJob(source, output, spec)])
    return result


def made(source: Path, spec: Spec) -> Image.Image:
    result = convert(source, spec)
    assert result.status is Status.CONVERTED, result.failure
    return opened(result.output)


def saved(folder: Path, image: Image.Image, **options: object) -> Path:
    image.save(folder / "in.png", **options)
    return folder / "in.png"


def translucent() -> Image.Image:
    image = ramp(93, 61).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((93, 61)))
    return image


@BOTH
def test_lossless_keeps_every_pixel_at_an_odd_size(tmp_path: Path, format: OutputFormat) -> None:
    photo = detail(93, 61)
    image = made(saved(tmp_path, photo), replace(ODD, format=format, lossless=True))
    assert image.convert("RGB").tobytes() == photo.tobytes()


@BOTH
@pytest.mark.parametrize("mode", ["blur", "pad"])
def test_modes_make_the_same_pixels_in_every_lossless_format(
    tmp_path: Path, format: OutputFormat, mode: str
) -> None:
    """FFmpeg chooses kinds of alpha and ranges by the encoder, also for a mode's layers."""
    bars = Color.parse("#11223344")
    for photo in (ramp(60, 61), translucent()):
        source = saved(tmp_path, photo)
        spec = Spec(Size(121, 61), find_mode(mode), PNG, background=bars, lossless=True)
        expected, got = made(source, spec), made(source, replace(spec, format=format))
        assert got.convert("RGBA").tobytes() == expected.convert("RGBA").tobytes()


@BOTH
@pytest.mark.parametrize("background", [None, "#11223344"])
def test_alpha_is_kept_to_the_bit(
    tmp_path: Path, format: OutputFormat, background: str | None
) -> None:
    photo, spec = translucent(), replace(ODD, format=PNG)
    if background:  # bars of a mode, around an opaque photo
        photo = ramp(40, 61)
        spec = replace(spec, mode=find_mode("pad"), background=Color.parse(background))
    source = saved(tmp_path, photo)
    expected, got = made(source, spec), made(source, replace(spec, format=format, quality=90))
    assert got.getchannel("A").tobytes() == expected.getchannel("A").tobytes()
    white = Image.new("RGBA", got.size, "white")
    shown = (Image.alpha_composite(white, image).convert("RGB") for image in (got, expected))
    assert psnr(*shown) > 30


@BOTH
def test_a_profile_is_kept(tmp_path: Path, format: OutputFormat) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    source = saved(tmp_path, detail(93, 61), icc_profile=profile)
    spec = replace(ODD, colour="keep", lossless=True)
    expected, got = (made(source, replace(spec, format=each)) for each in (PNG, format))
    assert got.info["icc_profile"] == expected.info["icc_profile"]
    assert got.convert("RGB").tobytes() == expected.tobytes()


@pytest.mark.parametrize("alpha", [False, True])
def test_ten_bits_are_finer_than_eight(tmp_path: Path, alpha: bool) -> None:
    """Enlarge a ramp of few steps: eight bits repeat values that ten tell apart."""
    photo = Image.linear_gradient("L").crop((0, 100, 64, 110)).convert("RGBA" if alpha else "RGB")
    if alpha:
        photo.putalpha(200)
    source, found = saved(tmp_path, photo), {}
    for depth in (8, 10):
        spec = Spec(Size(64, 200), find_mode("stretch"), AVIF, quality=100, depth=depth)
        output = convert(source, spec).output
        raw = [find().path, "-v", "error", "-i", output, "-map", "0:v:0", "-vf", "format=gray16le"]
        raw += ["-f", "rawvideo", "-"]
        pixels = subprocess.run(raw, capture_output=True, check=True).stdout
        found[depth] = len({pixels[at : at + 2] for at in range(0, len(pixels), 128)})
    assert found[10] > 2 * found[8]


def test_blur_lays_its_layers_in_ten_bits(tmp_path: Path) -> None:
    """The photo in front has the rows that `pad` gives it, where there is no backdrop."""
    across = Image.linear_gradient("L").rotate(90).resize((64, 32)).tobytes()
    gray = b"".join(((level << 8) + 128).to_bytes(2, "little") for level in across)
    source = saved(tmp_path, Image.frombytes("I;16", (64, 32), gray).resize((512, 128)))
    middle = []
    for mode in ("pad", "blur"):
        spec = Spec(Size(512, 256), find_mode(mode), AVIF, quality=100, depth=10)
        output = convert(source, spec).output
        raw = [find().path, "-v", "error", "-i", output, "-vf", "crop=512:64:0:96,format=gray10le"]
        argv = [*raw, "-f", "rawvideo", "-"]
        pixels = subprocess.run(argv, capture_output=True, check=True).stdout
        middle.append(memoryview(pixels).cast("H").tolist())
    pairs = list(zip(*middle, strict=True))
    assert len({one for one, _ in pairs}) > 300
    assert sum(abs(one - other) > 1 for one, other in pairs) < len(pairs) / 100


def test_quality_is_that_of_jpeg(tmp_path: Path) -> None:
    """Compare by PSNR; it ranks JPEG XL lower than the eye does, so the bounds are wide."""
    source = saved(tmp_path, detail(400, 300).resize((200, 150)))
    original, found = opened(source), {}
    for format in (OUTPUT_FORMATS["jpeg"], AVIF, JXL):
        spec = Spec(Size(200, 150), find_mode("stretch"), format)
        found[format] = [
            psnr(made(source, replace(spec, quality=q)).convert("RGB"), original)
            for q in (30, 60, 90, 95)
        ]
        assert found[format] == sorted(found[format])
    for figures in found.values():
        pairs = zip(figures, found[OUTPUT_FORMATS["jpeg"]], strict=True)
        assert max(abs(a - b) for a, b in pairs) < 6


@BOTH
def test_the_quality_is_lowered_until_a_file_fits(tmp_path: Path, format: OutputFormat) -> None:
    source = saved(tmp_path, detail(320, 240))
    result = convert(source, Spec(Size(320, 240), find_mode("stretch"), format, max_bytes=30_000))
    assert 20_000 < result.output.stat().st_size <= 30_000
    assert "quality lowered to" in result.warnings[0]


@BOTH
def test_an_ffmpeg_without_the_encoder_ends_the_run(tmp_path: Path, format: OutputFormat) -> None:
    lacking = f'for word; do shift; set -- "$@" "${{word/{format.encoder}/absent}}"; done'
    path = script(tmp_path / "ffmpeg", f'{lacking}; exec "{find().path}" "$@"', "/bin/bash")
    spec = replace(ODD, format=format)
    job = LocalJob(saved(tmp_path, ramp(93, 61)), tmp_path / "o", spec)
    with pytest.raises(EnvironmentFault, match="lacks the encoder absent that ffprep needs"):
        list(Converter(replace(find(), path=path), Policy()).convert([job]))


def test_a_jxl_that_is_cut_off_is_not_published(tmp_path: Path) -> None:
    cut = 'for name; do :; done; file="${name#file:}"'
    path = script(
        tmp_path / "ffmpeg",
        f'"{find().path}" "$@"; status=$?; {cut}\n'
        'case "$file" in *.png) ;; *) truncate -s -40 "$file";; esac; exit $status',
    )
    job = LocalJob(saved(tmp_path, detail(93, 61)), tmp_path / "o.jxl", replace(ODD, format=JXL))
    (result,) = Converter(replace(find(), path=path), Policy()).convert([job])
    assert result.failure
    assert "cannot be decoded again" in result.failure.message
    assert not job.output.exists()


def test_formats_keep_their_own(tmp_path: Path) -> None:
    ramp(93, 61).save(tmp_path / "a.avif")
    source = tmp_path / "in.jxl"
    convert(saved(tmp_path, ramp(93, 61)), replace(ODD, format=JXL)).output.rename(source)
    assert output_format(tmp_path / "a.avif") is AVIF
    assert output_format(source) is JXL
    again = made(source, replace(ODD, format=JXL))
    assert psnr(again, ramp(93, 61)) > 36
