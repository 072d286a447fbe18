"""Colour, alpha and fine detail of outputs, compared with the photos by Pillow and LittleCMS."""

import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from ffprep.config.modes import find_mode
from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob
from ffprep.core.spec import Color, Spec
from ffprep.image import colour
from ffprep.image.icc import _tags, assembled
from tests.support import icc_profiles as icc
from tests.support.command_line import Ran
from tests.support.converters import converter
from tests.support.photos import PHOTOS, needs_photos
from tests.support.pictures import opened, psnr, ramp

pytestmark = pytest.mark.slow

P3 = icc.rgb(icc.P3)
PROFILES = {
    "Display P3": P3,
    "Adobe RGB": icc.rgb(icc.ADOBE, 2.2),
    "ProPhoto": icc.rgb(icc.PROPHOTO, 1.8, icc.D50),
    "linear": icc.rgb(icc.SRGB, 1),
}
FRAME = (160, 160)
LANCZOS = Image.Resampling.LANCZOS
CMYK_PHOTO = "formats/Channel_digital_image_CMYK_color.jpg"

pillow_heif.register_heif_opener()


@pytest.fixture(scope="module", autouse=True)
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give the tests a cache, so that a table of colours is made once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        colour.tables_folder.cache_clear()
        yield
        colour.tables_folder.cache_clear()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a test its own cache; return the folder of tables."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    colour.tables_folder.cache_clear()
    yield tmp_path / "cache/ffprep/profiles"
    colour.tables_folder.cache_clear()


def converted(*sources: Path, size=FRAME, mode="stretch", form="png", streams=True, **spec: Any):
    """Convert; each output is beside its source, with `.out` added to its name."""
    options = Spec(Size(*size), find_mode(mode), OUTPUT_FORMATS[form], **spec)
    jobs = [LocalJob(path, path.with_name(path.name + ".out"), options) for path in sources]
    return list(converter(streams=streams).convert(jobs))


def made(source: Path, size: tuple[int, int] = FRAME, mode="stretch", form="png", **spec: Any):
    """Convert without a failure or a warning, and decode the output."""
    (result,) = converted(source, size=size, mode=mode, form=form, **spec)
    assert (result.failure, result.warnings) == (None, ())
    return opened(result.output)


def photo(width: int = 400, height: int = 300) -> Image.Image:
    """Make every hue, from dark to light and from gray to vivid, with noise."""
    y, x = np.mgrid[0:height, 0:width]
    value, vivid = 1 - y / height, 0.4 + 0.3 * np.sin(y / 37)
    turns = np.stack([(n + 6 * x / width) % 6 for n in (5, 3, 1)], -1)
    share = np.clip(np.minimum(turns, 4 - turns), 0, 1)
    pixels = value[..., None] * (1 - vivid[..., None] * share)
    pixels += np.random.default_rng(0).normal(0, 0.02, pixels.shape)
    return picture(pixels)


def picture(pixels: np.ndarray) -> Image.Image:
    """Make an image of values from 0 to 1."""
    return Image.fromarray((np.clip(pixels, 0, 1) * 255).round().astype(np.uint8))


def saved(path: Path, image: Image.Image, profile: bytes | None = None, **options: Any) -> Path:
    image.save(path, icc_profile=profile, **options)
    return path


def managed(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert with LittleCMS: relative colorimetric, with black point compensation."""
    source, target = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    change = ImageCms.buildTransform(source, target, image.mode, "RGB", 1, flags)
    return ImageCms.applyTransform(image, change)


def looks_like(one: Image.Image, other: Image.Image) -> bool:
    mean, worst = icc.apart(one, other)
    print(f"CIEDE2000: mean {mean:.2f}, 99th percentile {worst:.2f}")  # shown if the test fails
    return mean <= 1.0 and worst <= 3.0


def off(one: Image.Image, other: Image.Image) -> int:
    """Return the largest difference in levels."""
    return int(abs(np.asarray(one, dtype=int) - np.asarray(other, dtype=int)).max())


def test_the_difference_is_the_published_one() -> None:
    pairs = [  # Sharma, Wu and Dalal, 2005, table 1
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, -0.001, 2.49), (50, 0.0011, -2.49), 4.7461),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ]
    one, other, expected = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    assert np.allclose(icc.ciede2000(one, other), expected, atol=5e-5)


@pytest.mark.parametrize("mode", ["stretch", "cover", "pad", "blur"])
@pytest.mark.parametrize("name", PROFILES)
def test_a_photo_with_a_profile_looks_the_same_in_srgb(tmp_path, name: str, mode: str) -> None:
    source = saved(tmp_path / "in.png", photo(), PROFILES[name])
    background = Color(10, 200, 30)
    got = made(source, mode=mode, background=background)
    expected = managed(made(source, mode=mode, colour="keep"), PROFILES[name])
    middle = (0, 20, 160, 140)  # the part with the whole photo
    if mode == "blur":  # its backdrop is blurred in sRGB
        first = saved(tmp_path / "first.png", managed(photo(), PROFILES[name]))
        sharp, expected = expected.crop(middle), made(first, mode=mode)
        expected.paste(sharp, middle)
    elif mode == "pad":
        bars = np.asarray(got)[[*range(20), *range(140, 160)]]
        assert (bars == (10, 200, 30)).all()
        got, expected = got.crop(middle), expected.crop(middle)
    assert looks_like(got, expected)
    assert "icc_profile" not in got.info


STORED = {
    1: (),
    2: (Image.Transpose.FLIP_LEFT_RIGHT,),
    3: (Image.Transpose.ROTATE_180,),
    4: (Image.Transpose.FLIP_TOP_BOTTOM,),
    5: (Image.Transpose.TRANSPOSE,),
    6: (Image.Transpose.ROTATE_90,),
    7: (Image.Transpose.TRANSVERSE,),
    8: (Image.Transpose.ROTATE_270,),
}
"""By EXIF orientation, how an upright picture becomes the stored one."""


@pytest.mark.parametrize("mode", ["cover", "pad"])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_turned_photos_with_a_profile_look_alike(
    tmp_path: Path, subsampling: int, mode: str
) -> None:
    sources = []
    for orientation, turns in STORED.items():
        photo, exif = ramp(320, 240), Image.Exif()
        exif[0x0112] = orientation
        for turn in turns:
            photo = photo.transpose(turn)
        source = tmp_path / f"{orientation}.jpg"
        photo.save(source, quality=95, subsampling=subsampling, exif=exif, icc_profile=P3)
        sources.append(source)
    results = converted(*sources, mode=mode, form="jpeg")
    assert [result.failure for result in results] == [None] * 8
    first, *others = (opened(source.with_name(source.name + ".out")) for source in sources)
    for other in others:
        assert psnr(other, first) > 40


def test_ffmpeg_does_not_crash_on_rows_backwards_in_memory(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 4
    source = tmp_path / "flipped.jpg"
    ramp(600, 450).save(source, quality=95, exif=exif, icc_profile=P3)
    got = made(source, size=(400, 300))
    upright = managed(opened(source).transpose(Image.Transpose.FLIP_TOP_BOTTOM), P3)
    assert psnr(got, upright.resize((400, 300), LANCZOS)) > 35


@pytest.mark.parametrize("kind", ["png", "jpg", "tiff", "webp", "heic", "avif"])
def test_the_profile_of_every_format_is_used(tmp_path, kind: str) -> None:
    source = saved(tmp_path / f"in.{kind}", photo(), P3, quality=95)
    got = made(source)
    assert looks_like(got, managed(made(source, colour="keep"), P3))
    assert opened(source).info["icc_profile"] == P3  # else the test proves nothing
    exact, lossy = made(source, form="webp", lossless=True), made(source, form="jpeg")
    assert off(exact, got) == 0
    assert psnr(lossy, got) > 33
    assert "icc_profile" not in exact.info.keys() | lossy.info.keys()


@pytest.mark.parametrize("gamma", [1.0, 1.8, 2.6])
@pytest.mark.parametrize(("kind", "mode"), [("png", "L"), ("jpg", "L"), ("png", "LA")])
def test_a_gray_photo_with_a_gray_profile(tmp_path, kind: str, mode: str, gamma: float) -> None:
    source = saved(tmp_path / f"in.{kind}", photo().convert(mode), icc.gray(gamma))
    small = opened(source).convert("L").resize(FRAME, LANCZOS)
    assert looks_like(made(source), managed(small, icc.gray(gamma)))


@needs_photos
@pytest.mark.parametrize("mode", ["stretch", "pad", "blur", "cover"])
def test_a_cmyk_photo_is_converted_by_its_press_profile(tmp_path, mode: str) -> None:
    assert PHOTOS
    inks, source = opened(PHOTOS / CMYK_PHOTO), tmp_path / "in.jpg"
    source.symlink_to((PHOTOS / CMYK_PHOTO).resolve())
    profile = inks.info["icc_profile"]
    if mode == "stretch":
        expected = managed(inks.resize((320, 213), LANCZOS), profile)
    else:  # CMYK has no bars or blur to compare with
        first = saved(tmp_path / "first.png", managed(inks, profile))
        expected = made(first, (320, 213), mode)
    got = made(source, (320, 213), mode)
    assert looks_like(got, expected)
    assert off(made(source, (320, 213), mode, "webp", lossless=True), got) == 0
    assert psnr(made(source, (320, 213), mode, "jpeg"), got) > 30


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("profile", [P3, icc.table(b"mft2", 33)])  # four JPEG segments
def test_kept_colours_are_unchanged_and_the_output_has_the_profile(
    tmp_path, profile, alpha
) -> None:
    image = photo().convert("RGBA" if alpha else "RGB")
    if alpha:
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    source = saved(tmp_path / "in.png", image, profile)
    plain = saved(tmp_path / "plain.png", image)
    for form, lossless in (("jpeg", False), ("png", False), ("webp", False), ("webp", True)):
        got = made(source, form=form, lossless=lossless, colour="keep")
        assert got.info["icc_profile"] == profile, (form, lossless)
        assert off(got, made(plain, form=form, lossless=lossless)) == 0
        assert got.mode == ("RGBA" if alpha and form != "jpeg" else "RGB")


SERIAL = b"SERIAL 12345"


def _with_private_parts(profile: bytes) -> bytes:
    """Add a tag, texts between tags and in reserved fields, and 5 MB behind the profile."""
    (count,) = struct.unpack_from(">I", profile, 128)
    end = 132 + 12 * count
    table = bytearray(profile[132:end])
    for index in range(count):
        (place,) = struct.unpack_from(">I", table, 12 * index + 4)
        struct.pack_into(">I", table, 12 * index + 4, place + 12 + len(SERIAL))
    body = profile[end:] + bytes(-len(profile) % 4)
    private = b"data\0\0\0\0" + SERIAL
    place = end + 12 + len(SERIAL) + len(body)
    table += struct.pack(">4sII", b"vcgt", place, len(private))
    head = struct.pack(">I", place + len(private)) + profile[4:84] + SERIAL * 4
    made = head[:128] + struct.pack(">I", count + 1) + bytes(table) + SERIAL
    return made + body + private + SERIAL + bytes(5 << 20)


def test_a_kept_profile_has_no_private_parts(tmp_path: Path) -> None:
    image, jobs = photo(200, 160), {}
    tables = [icc.table(kind, 9, SERIAL) for kind in (b"mft1", b"mft2", b"mAB ")]
    for number, profile in enumerate((P3, icc.rgb(icc.ADOBE, 2.2), *tables)):
        full = _with_private_parts(profile)
        assert full.count(SERIAL) >= 5
        source = saved(tmp_path / f"{number}.jpg", image, full)
        for form in ("jpeg", "png", "webp")[2 * (number > 0) :]:
            spec = Spec(Size(*FRAME), find_mode("stretch"), OUTPUT_FORMATS[form], colour="keep")
            jobs[LocalJob(source, tmp_path / f"{number}.{form}", spec)] = profile, full
    results = list(converter().convert(jobs))
    assert {(result.failure, result.warnings) for result in results} == {(None, ())}
    for job, (profile, full) in jobs.items():
        kept = opened(job.output).info["icc_profile"]
        assert SERIAL not in kept
        assert len(kept) == int.from_bytes(kept[:4], "big") < len(profile) + 200
        assert off(managed(image, kept), managed(image, full)) == 0
        named = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(kept)))
        assert named.strip() == "a test"


def test_phosphors_of_a_profile_carry_no_text(tmp_path: Path) -> None:
    for count, text in ((3, b""), (8000, SERIAL)):
        chromaticities = struct.pack(">4s4xHH", b"chrm", count, 0) + text.ljust(8 * count, b"\0")
        tags = _tags(P3) | {b"chrm": chromaticities}
        source = saved(tmp_path / f"{count}.jpg", photo(200, 160), assembled(P3[:128], tags))
        (result,) = converted(source, colour="keep")
        kept = opened(result.output).info.get("icc_profile", b"")
        assert (b"chrm" in kept, SERIAL in kept) == (not text, False)


def test_a_profile_that_is_too_long_is_not_kept(tmp_path: Path) -> None:
    source = saved(tmp_path / "in.jpg", photo(200, 160), icc.table(b"mft2", 90))
    (result,) = converted(source, colour="keep")
    (warning,) = result.warnings
    assert "outputs cannot have a profile of more than 4 MB" in warning
    assert "icc_profile" not in opened(result.output).info


BROKEN = {
    "garbage": b"garbage!" * 40,
    "three bytes": b"abc",
    "cut in its tags": P3[:400],
    "cut in a curve": P3[:-1500],
    "without tags": P3[:128] + bytes(4),
    "for Lab": P3[:16] + b"Lab " + P3[20:],
    "for CMYK": P3[:16] + b"CMYK" + P3[20:],
    "for gray": icc.gray(2.2),
}


@pytest.mark.parametrize("kept", ["srgb", "keep"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_profile_costs_a_warning_not_the_photo(tmp_path, name: str, kept: str) -> None:
    source = saved(tmp_path / "in.jpg", photo(), BROKEN[name], quality=95)
    (result,) = converted(source, colour=kept)
    assert result.failure is None
    got = opened(result.output)
    plain = saved(tmp_path / "plain.jpg", photo(), quality=95)
    assert off(got, made(plain)) == 0, icc.apart(got, made(plain))
    assert ["profile" in warning for warning in result.warnings] == [True]
    assert "icc_profile" not in got.info


def test_a_broken_profile_is_reported_on_stderr_and_in_json(
    tmp_path, ffprep: Callable[..., Ran]
) -> None:
    saved(tmp_path / "in.png", photo(), BROKEN["garbage"])
    ran = ffprep("convert", tmp_path / "in.png", "-o", tmp_path / "o", "--size", "8x8", "--json")
    assert (ran.code, len(ran.results["in.png"]["warnings"])) == (0, 1)
    assert "in.png: its ICC profile cannot be used" in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_profile_has_one_table_and_srgb_has_none(tmp_path: Path, cache: Path) -> None:
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for number, profile in enumerate((own, icc.rgb(icc.SRGB))):
        plain = made(saved(tmp_path / "plain.png", photo()))
        assert off(made(saved(tmp_path / f"{number}.png", photo(), profile)), plain) == 0
    assert {table.read_bytes().count(b"\n") for table in cache.glob("*.cube")} == {1}  # a digest
    sources = [saved(tmp_path / f"{n}.png", photo(200 + n, 150), P3) for n in range(3)]
    assert [r.failure for r in converted(*sources)] == [None] * 3
    assert sum(table.stat().st_size > 1000 for table in cache.glob("*.cube")) == 1


WRONG_TABLES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "zeros": lambda whole: bytes(len(whole)),
    "half": lambda whole: whole[: len(whole) // 2],
    "half, then zeros": lambda whole: whole[: len(whole) // 2].ljust(len(whole), b"\0"),
    "other colours": lambda whole: whole.replace(b"0.1", b"0.9"),
    "no digest": lambda whole: whole[:-48],
}


@pytest.mark.parametrize("wrong", WRONG_TABLES)
def test_a_wrong_table_in_the_cache_is_made_again(
    ffprep, tmp_path: Path, cache: Path, wrong: str
) -> None:
    source = saved(tmp_path / "in.png", photo(), P3)
    right = made(source)
    (table,) = cache.iterdir()
    whole = table.read_bytes()
    table.write_bytes(WRONG_TABLES[wrong](whole))
    ran = ffprep("convert", source, "-o", tmp_path / "o.png", "--size", "160x160", "--mode=stretch")
    assert (ran.code, ran.err, table.read_bytes() == whole) == (0, "", True)
    assert off(opened(tmp_path / "o.png"), right) == 0
    table.write_bytes(WRONG_TABLES[wrong](whole))  # in a process that has used it
    assert off(made(source), right) == 0


def test_a_table_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = list[str]()
    for name, module in (("fsync", colour.os), ("replace", colour.os)):
        real = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *a, real=real, name=name: (calls.append(name), real(*a))[1]
        )
    cache.mkdir(parents=True)
    colour._table_of(colour.Profile.of(P3), cache, make=True)
    assert calls == ["fsync", "replace"]


def test_without_a_writable_cache_colours_are_the_same(tmp_path, monkeypatch) -> None:
    source = saved(tmp_path / "in.png", photo(), P3)
    expected = made(source)
    (tmp_path / "file").write_text("no folder can be made in here")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    colour.tables_folder.cache_clear()
    assert off(made(source), expected) == 0
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "~")  # what Python has for a user without a home
    monkeypatch.chdir(tmp_path)
    colour.tables_folder.cache_clear()
    assert not colour.tables_folder().is_relative_to("~")
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
def test_a_stream_converts_colours_as_single_processes_do(tmp_path: Path, form: str) -> None:
    profiles = (P3, PROFILES["ProPhoto"], None, icc.rgb(icc.SRGB), P3, b"garbage!" * 40)
    sources = [
        saved(tmp_path / f"{n}.jpg", photo(200 + n, 150), profile, quality=90)
        for n, profile in enumerate(profiles)
    ]
    for mode, kept in (("cover", "srgb"), ("pad", "keep")):
        told = []
        for streams in (True, False):
            results = converted(*sources, mode=mode, form=form, streams=streams, colour=kept)
            told.append({r.source: (r.output.read_bytes(), r.warnings) for r in results})
        assert told[0] == told[1]


def chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def tagged(path: Path, image: Image.Image, *tags: int) -> Path:
    """Make a PNG with a cICP chunk after its header: primaries, transfer, RGB, full range."""
    data = saved(path, image).read_bytes()
    path.write_bytes(data[:33] + chunk(b"cICP", bytes((*tags, 0, 1))) + data[33:])
    return path


def avif(path: Path, image: Image.Image, *tags: int) -> Path:
    """Make the same in the `nclx` box of an AVIF, which Pillow cannot write."""
    data = saved(path, image, quality=100, subsampling="4:4:4", speed=10).read_bytes()
    start = data.index(b"colrnclx") + 8
    path.write_bytes(data[:start] + struct.pack(">2H", *tags) + data[start + 4 :])
    return path


@pytest.mark.parametrize(("primaries", "space"), [(12, icc.P3), (9, icc.REC2020)])
def test_code_points_are_converted_like_a_profile(tmp_path: Path, primaries: int, space) -> None:
    expected = made(saved(tmp_path / "profile.png", photo(), icc.rgb(space)))
    assert looks_like(made(tagged(tmp_path / "in.png", photo(), primaries, 13)), expected)
    source = avif(tmp_path / "in.avif", photo(), primaries, 13)
    expected = made(saved(tmp_path / "avif.png", opened(source), icc.rgb(space)))
    assert looks_like(made(source), expected)


def test_code_points_of_srgb_change_nothing(tmp_path: Path) -> None:
    plain = made(saved(tmp_path / "plain.png", photo()))
    for transfer in (13, 1, 2):
        assert off(made(tagged(tmp_path / "in.png", photo(), 1, transfer)), plain) == 0


@pytest.mark.parametrize("tags", [(1, 3), (1, 9), (1, 99), (0, 13), (3, 13), (99, 13), (2, 16)])
def test_unknown_code_points_fail_no_photo(tmp_path: Path, tags) -> None:
    (result,) = converted(tagged(tmp_path / "in.png", photo(), *tags))
    assert result.failure is None


def pq(code: np.ndarray) -> np.ndarray:
    """Return the light of a display, with 1 for 203 cd/m2 (ITU-R BT.2100, table 4)."""
    root = code ** (32 / 2523)
    light = np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)
    return light ** (16384 / 2610) * 10_000 / 203


def hlg(code: np.ndarray) -> np.ndarray:
    """Return that of a display of 1000 cd/m2, with a gamma of 1.2 by luminance (table 5)."""
    bright = (np.exp((code - 0.55991073) / 0.17883277) + 0.28466892) / 12
    scene = np.where(code <= 0.5, code**2 / 3, bright)
    return scene * (scene @ icc.to_xyz(icc.REC2020)[1])[..., None] ** 0.2 * 1000 / 203


@pytest.mark.parametrize(("transfer", "light", "white"), [(16, pq, 148), (18, hlg, 191)])
@pytest.mark.parametrize("kind", ["png", "avif"])
def test_hdr_is_exact_up_to_half_of_white_and_compressed_above(
    tmp_path: Path, kind: str, transfer: int, light, white: int
) -> None:
    def shown(codes: np.ndarray) -> np.ndarray:
        """Convert patches of 8x8."""
        patches = picture(np.kron(codes.reshape(1, -1, 3) / 255, np.ones((8, 8, 1))))
        source = {"png": tagged, "avif": avif}[kind](tmp_path / f"in.{kind}", patches, 9, transfer)
        return np.asarray(made(source, patches.size))[4, 4::8].astype(int)

    codes = np.array(list(product((0.44, 0.6, 0.76, 0.92), repeat=3)))
    codes = (codes * white).round()
    to_srgb = np.linalg.inv(icc.to_xyz(icc.SRGB)) @ icc.to_xyz(icc.REC2020)
    wanted = light(codes / 255) @ to_srgb.T
    plain = ((wanted >= 0) & (wanted <= 0.5)).all(-1)  # neither clipped nor compressed
    seen, expected = shown(codes[plain]) / 255, icc.srgb_curve(wanted[plain])
    apart = icc.ciede2000(icc.lab(picture(seen)), icc.lab(picture(expected)))
    assert (apart.size > 12, apart.max() < (1.5 if kind == "png" else 3.5)) == (True, True), apart
    ramp = shown(np.repeat(np.arange(0, 256, 3), 3))
    assert np.diff(ramp, axis=0).min() >= (0 if kind == "png" else -1)
    assert np.ptp(ramp, axis=1).max() <= 2
    assert 200 < ramp[round(white / 3)].min() <= ramp[round(white / 3)].max() < 245


COLOURS = [*product((0, 255), repeat=3), *((v,) * 3 for v in (16, 64, 128, 192, 235))]
COLOURS += [(200, 120, 60), (60, 120, 200), (30, 90, 30)]
SOURCES: dict[str, tuple[str, str, dict[str, Any]]] = {
    **{f"jpeg 4:{s}": ("jpg", "RGB", {"subsampling": f"4:{s}"}) for s in ("2:0", "2:2", "4:4")},
    "jpeg gray": ("jpg", "L", {}),
    "jpeg cmyk": ("jpg", "CMYK", {}),
    **{kind: (kind, "RGB", {}) for kind in ("png", "bmp", "gif", "tiff")},
    "png palette": ("png", "P", {}),
    "tiff ycbcr": ("tiff", "YCbCr", {}),
    "tiff cmyk": ("tiff", "CMYK", {}),
    "webp lossy": ("webp", "RGB", {}),
    "webp lossless": ("webp", "RGB", {"lossless": True}),
    **{
        f"avif {s} {r}": ("avif", "RGB", {"subsampling": s, "range": r})
        for s, r in product(("4:2:0", "4:4:4", "4:0:0"), ("full", "limited"))
    },
    **{
        f"heic {m} {r}": ("heic", "RGB", {"matrix_coefficients": m, "full_range_flag": r})
        for m, r in product((1, 5, 6, 9), (0, 1))
    },
}


@pytest.mark.parametrize("name", SOURCES)
def test_matrix_and_range_are_those_of_the_source(tmp_path: Path, name: str) -> None:
    kind, mode, options = SOURCES[name]
    patches = np.kron(np.array(COLOURS).reshape(4, 4, 3), np.ones((32, 32, 1))) / 255
    source = saved(
        tmp_path / f"in.{kind}", picture(patches).convert(mode), **{"quality": 95} | options
    )
    expected = opened(source).convert("RGB")
    got, seen = (
        np.asarray(i)[16::32, 16::32].astype(int) for i in (made(source, (128, 128)), expected)
    )
    assert abs(got[..., :3] - seen).max() <= 2


def soft() -> Image.Image:
    """Make a photo with holes of soft edges; transparent pixels have a striking colour."""
    pixels = np.asarray(photo().convert("RGBA")).copy()
    y, x = np.mgrid[0:300, 0:400]
    pixels[..., 3] = np.clip(2000 * (0.2 + np.sin(x / 13) * np.cos(y / 11)), 0, 255)
    pixels[pixels[..., 3] == 0, :3] = (255, 0, 255)
    return Image.fromarray(pixels)


def laid(image: Image.Image, size: tuple[int, int], ground: tuple[int, ...]) -> Image.Image:
    """Shrink a picture with alpha and lay it on a colour, premultiplied, in floating point."""
    pixels = np.asarray(image.convert("RGBA"), dtype=np.float32) / 255
    pixels[..., :3] *= pixels[..., 3:]
    planes = [Image.fromarray(np.ascontiguousarray(p)) for p in np.moveaxis(pixels, -1, 0)]
    *inks, alpha = (np.clip(np.asarray(p.resize(size, LANCZOS)), 0, 1) for p in planes)
    return picture(np.stack(inks, -1) + (1 - alpha[..., None]) * np.array(ground) / 255)


def deep(path: Path, image: Image.Image) -> Path:
    """Make a PNG of 16 bits a channel, which Pillow does not write."""
    pixels = np.asarray(image).astype(">u2") * 257
    kind = {4: 6, 2: 4}[pixels.shape[2]]
    head = chunk(b"IHDR", struct.pack(">2I5B", *image.size, 16, kind, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b""))
    return path


ALPHA: dict[str, Callable[[Path], Path]] = {
    "png": lambda p: saved(p / "in.png", soft()),
    "webp": lambda p: saved(p / "in.webp", soft(), lossless=True, exact=True),
    "palette": lambda p: saved(p / "in.png", soft().convert("RGB").quantize(64), transparency=5),
    "gray": lambda p: saved(p / "in.png", soft().convert("LA")),
    "16 bit": lambda p: deep(p / "in.png", soft()),
    "16 bit gray": lambda p: deep(p / "in.png", soft().convert("LA")),
    "none to be seen": lambda p: saved(p / "in.png", Image.new("RGBA", (400, 300), "#c81e2800")),
}


@pytest.mark.parametrize("name", ALPHA)
def test_edges_of_translucent_areas_have_no_fringe(tmp_path: Path, name: str) -> None:
    source = ALPHA[name](tmp_path)
    image = opened(source).convert("RGBA")
    got = made(source, (120, 90)).convert("RGBA")
    for ground in ((255, 255, 255), (0, 0, 0), (0, 128, 0)):
        expected = laid(image, (120, 90), ground)
        on_it = Image.alpha_composite(Image.new("RGBA", got.size, ground), got).convert("RGB")
        assert psnr(on_it, expected) > 45
        flat = made(source, (120, 90), form="jpeg", quality=100, background=Color(*ground))
        assert psnr(flat, laid(image, image.size, ground).resize(flat.size, LANCZOS)) > 40
    same = made(source, image.size).convert("RGBA")
    assert off(same.getchannel("A"), image.getchannel("A")) <= 1


@pytest.mark.parametrize("form", ["png", "webp"])
def test_alpha_is_unchanged_if_colours_are_converted(tmp_path: Path, form: str) -> None:
    source = saved(tmp_path / "in.png", soft(), P3)
    got = made(source, soft().size, form=form, lossless=form == "webp")
    assert off(got.getchannel("A"), soft().getchannel("A")) == 0
    shows = np.asarray(soft())[..., 3] > 8
    seen, expected = (icc.lab(i)[shows] for i in (got, managed(soft().convert("RGB"), P3)))
    assert np.percentile(icc.ciede2000(seen, expected), 99) < 3
    ground = (250, 240, 0)
    right = managed(soft().convert("RGB"), P3)
    right.putalpha(soft().getchannel("A"))
    flat = made(source, (200, 250), "pad", "jpeg", quality=100, background=Color(*ground))
    assert flat.getpixel((9, 9)) == pytest.approx(ground, abs=2)
    expected = laid(right, right.size, ground).resize((200, 150), LANCZOS)
    assert looks_like(flat.crop((0, 50, 200, 200)), expected)


@pytest.mark.parametrize("kind", ["jpeg", "png P3", "png alpha"])
def test_rings_finer_than_pixels_become_gray_without_moire(tmp_path, kind: str) -> None:
    side = 4096 if kind == "jpeg" else 2048
    x = np.arange(side, dtype=np.float32) - side / 2
    # Half a cycle a pixel at the middle of each edge, more in the corners.
    rings = picture(0.5 + 0.5 * np.cos(np.pi * (x * x / side + (x * x / side)[:, None])))
    source = tmp_path / f"in.{kind.split()[0]}"
    if kind == "jpeg":
        saved(source, rings, quality=95)
    else:
        image = rings.convert("RGBA" if "alpha" in kind else "RGB")
        saved(source, image, P3 if "P3" in kind else None, compress_level=1)
    for times in (9, 16, 32):
        size = (side // times,) * 2
        got = np.asarray(made(source, size).convert("L"), dtype=float)
        expected = np.asarray(opened(source).convert("L").resize(size, LANCZOS), dtype=float)
        assert abs(got - expected).mean() < 0.6
        place = (np.arange(size[0]) + 0.5) / size[0] - 0.5
        too_fine = np.hypot(place, place[:, None]) * times > 0.75
        assert got[too_fine].std() < expected[too_fine].std() + 0.3
