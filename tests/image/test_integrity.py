"""Odd but sound photos never fail; truncated ones are never converted without an error."""

import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterable
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from PIL import Image

from ffprep.config.modes import find_mode
from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import Binary, find
from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob, Result, Status
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from ffprep.errors import Kind
from ffprep.image.integrity import is_complete_jpeg
from scripts.damage.files import CUTS, body, damages, detail, drawn, photos_in
from scripts.damage.files import Photo as Sound
from tests.support.converters import converter
from tests.support.ffmpegs import fake_ffmpeg
from tests.support.photos import PHOTOS, needs_photos
from tests.support.pictures import opened, psnr

SIZE = (160, 112)
DEFAULT = Policy(upscale="allow")
KEEP = Policy(upscale="allow", keep_damaged=True)
WAYS = [pytest.param(True, id="in a stream"), pytest.param(False, id="alone")]
ROOT = Path(__file__).parents[2]
PICTURE = detail(*SIZE)


def convert(
    folder: Path,
    files: dict[str, bytes],
    *,
    streams: bool = False,
    policy: Policy = DEFAULT,
    size: tuple[int, int] = SIZE,
    binary: Binary | None = None,
) -> dict[str, Result]:
    spec = Spec(Size(*size), find_mode("stretch"), OUTPUT_FORMATS["png"])
    jobs = [LocalJob(folder / "in" / name, folder / "out" / name, spec) for name in files]
    (folder / "in").mkdir(exist_ok=True)
    for job in jobs:
        job.source.write_bytes(files[job.source.name])
    using = Converter(binary, policy, streams) if binary else converter(policy, streams)
    return {result.source.name: result for result in using.convert(jobs)}


@cache
def kinds_of_photo(width: int, height: int) -> tuple[Sound, ...]:
    """Draw photos of every format."""
    with TemporaryDirectory() as folder:
        return tuple(drawn(Path(folder), width, height))


def seen(result: Result) -> Image.Image:
    assert result.output, result
    return opened(result.output).convert("RGB")


def saved(format: str, image: Image.Image = PICTURE, **options: object) -> bytes:
    import pillow_heif

    pillow_heif.register_heif_opener()
    file = BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def chunk(name: bytes, content: bytes, crc: int | None = None) -> bytes:
    crc = zlib.crc32(name + content) if crc is None else crc
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)


def odd_jpegs() -> dict[str, bytes]:
    photo, progressive = saved("JPEG"), saved("JPEG", progressive=True)
    other = saved("JPEG", PICTURE.rotate(180))
    multi = saved("MPO", save_all=True, append_images=[PICTURE.resize((80, 60))])
    scan, index = photo.index(b"\xff\xda"), multi.index(b"MPF\0")
    noise = random.Random(1).randbytes(20_000)
    tiff = b"Exif\0\0II*\0\x08\0\0\0"
    remarks = {
        "exif that is empty": segment(0xE1, b"Exif\0\0"),
        "exif of three letters": segment(0xE1, b"Exi"),
        "exif that points nowhere": segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(60)),
        "exif that claims too much": segment(0xE1, tiff + b"\xff\xff" + bytes(100)),
        "exif that points to itself": segment(
            0xE1, tiff + b"\1\0\x69\x87\4\0\1\0\0\0\x08\0\0\0\x08\0\0\0"
        ),
        "profile of zeros": segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(50)),
        "profile in parts, one here": segment(0xE2, b"ICC_PROFILE\0\2\3" + bytes(50)),
        "xmp that breaks off": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x"),
        "photoshop that breaks off": segment(0xED, b"Photoshop 3.0\08BIM\4\4\0\0\xff\xff1"),
        "adobe too short": segment(0xEE, b"Adobe"),
        "jfif too short": segment(0xE0, b"JFIF\0"),
        "comment of no letters": segment(0xFE, b"\xff" * 500),
        "markers in a remark": segment(0xE7, b"\xff\xd9\xff\xd8" * 20),
        "a remark of nothing": segment(0xE5, b""),
        "a thumbnail": segment(0xE6, saved("JPEG", PICTURE.resize((40, 30)))),
    }
    return {name: photo[:2] + remark + photo[2:] for name, remark in remarks.items()} | {
        "fill bytes": photo[:scan] + b"\xff" * 9 + photo[scan:],
        "zeros between segments": photo[:scan] + bytes(9) + photo[scan:],
        "letters between segments": photo[:scan] + b"junk" + photo[scan:],
        "ff 00 between segments": photo[:scan] + b"\xff\0\xff\0" + photo[scan:],
        "text behind": photo + b"trailing bytes of some camera's own",
        "zeros behind": photo + bytes(5000),
        "ff behind": photo + b"\xff" * 500,
        "noise behind": photo + noise,
        "a film behind": photo + struct.pack(">I", 24) + b"ftypmp42" + noise,
        "another behind": photo + other,
        "half of another behind": photo + other[: len(other) // 2],
        "start of another behind": photo + b"\xff\xd8",
        "no EOI": photo[:-2],
        "half an EOI": photo[:-1],
        "no EOI, progressive": progressive[:-2],
        "no EOI but zeros": photo[:-2] + bytes(512),
        "mpf": multi,
        "mpf that points nowhere": multi[: index + 8] + b"\xff" * 4 + multi[index + 12 :],
        "mpf of ff": multi[: index + 4] + b"\xff" * 60 + multi[index + 64 :],
        "mpf of zeros": multi[: index + 4] + bytes(60) + multi[index + 64 :],
        "mpf, second one cut": multi[:-900],
    }


def odd_pngs() -> dict[str, bytes]:
    photo = saved("PNG")
    title = b"Title\0Words"
    remarks = {
        "text, wrong checksum": chunk(b"tEXt", title, 1),
        "profile, wrong checksum": chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(200)), 1),
        "exif, wrong checksum": chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\0", 1),
        "density, wrong checksum": chunk(b"pHYs", bytes(9), 1),
        "own, wrong checksum": chunk(b"ruSt", b"anything", 1),
        "own": chunk(b"ruSt", b"anything"),
        "text without end": chunk(b"tEXt", b"\xff\xff"),
        "text that is no zlib": chunk(b"zTXt", b"Title\0\0garbage"),
        "profile that is no zlib": chunk(b"iCCP", b"x\0\0garbage"),
        "profile of nothing": chunk(b"iCCP", b""),
        "exif of ff": chunk(b"eXIf", b"\xff\xff"),
        "gamma too short": chunk(b"gAMA", b"\0"),
        "gamma zero": chunk(b"gAMA", bytes(4)),
        "primaries too short": chunk(b"cHRM", b"\0"),
        "intent of nothing": chunk(b"sRGB", b""),
        "density too short": chunk(b"pHYs", b"\0"),
        "code points too short": chunk(b"cICP", b"\1"),
        "no such day": chunk(b"tIME", b"\xff" * 7),
        "animation too short": chunk(b"acTL", b"\0"),
        "animation of none": chunk(b"acTL", bytes(8)),
        "pixels of nothing first": chunk(b"IDAT", b""),
    }
    return {name: photo[:33] + remark + photo[33:] for name, remark in remarks.items()} | {
        "wrong checksum behind the pixels": photo[:-12] + chunk(b"tEXt", title, 1) + photo[-12:],
        "pixels of nothing last": photo[:-12] + chunk(b"IDAT", b"") + photo[-12:],
        "wrong checksum of the end": photo[:-1] + b"\0",
        "no IEND": photo[:-12],
        "half an IEND": photo[:-6],
        "content in IEND": photo[:-12] + chunk(b"IEND", b"abc"),
        "text behind": photo + b"trailing",
        "zeros behind": photo + bytes(5000),
        "another behind": photo + saved("PNG", PICTURE.rotate(180)),
    }


def odd_others() -> dict[str, bytes]:
    webp, bmp, tiff, gif = (saved(name) for name in ("WEBP", "BMP", "TIFF", "GIF"))
    avif, heic = saved("AVIF", quality=90), saved("HEIF", quality=90)
    free = struct.pack(">I4s8x", 16, b"free")
    return {
        "text behind.webp": webp + b"trailing",
        "exif.webp": saved("WEBP", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"),
        "profile of zeros.webp": saved("WEBP", icc_profile=bytes(200)),
        "text behind.bmp": bmp + b"trailing",
        "wrong size in the header.bmp": bmp[:2] + b"\1\0\0\0" + bmp[6:],
        "text behind.tiff": tiff + b"trailing",
        "own tag.tiff": saved("TIFF", tiffinfo={65000: "own"}),
        "text behind.gif": gif + b"trailing",
        "no trailer.gif": gif[:-1],
        "text behind.avif": avif + b"trailing bytes that are no box",
        "a box behind.avif": avif + free,
        "half a box behind.avif": avif + free[:12],
        "text behind.heic": heic + b"trailing bytes that are no box",
        "zeros behind.heic": heic + bytes(64),
    }


ODD = (
    {f"{name}.jpg": data for name, data in odd_jpegs().items()}
    | {f"{name}.png": data for name, data in odd_pngs().items()}
    | odd_others()
)


@pytest.mark.parametrize("streams", WAYS)
def test_odd_but_sound_photos_never_fail(tmp_path: Path, streams: bool) -> None:
    results = convert(tmp_path, ODD, streams=streams)
    assert {name: r.failure for name, r in results.items() if r.failure} == {}
    warned = {name for name, result in results.items() if result.warnings}
    assert warned == {"profile of zeros.jpg", "profile of zeros.webp"}
    worst = {"gif": 20, "heic": 28, "avif": 28, "webp": 28, "jpg": 28}
    for name, result in results.items():
        assert psnr(seen(result), PICTURE) > worst.get(name.rpartition(".")[2], 45), name


def test_only_the_broken_metadata_is_dropped(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    png, photo = saved("PNG", exif=exif), saved("JPEG", exif=exif)
    odd = {
        "a.png": png[:33] + chunk(b"tEXt", b"Title\0Words", 1) + png[33:],
        "a.jpg": photo[:2] + segment(0xEE, b"Adobe") + photo[2:],
    }
    for result in convert(tmp_path, odd, size=SIZE[::-1]).values():
        assert psnr(seen(result), PICTURE.rotate(-90, expand=True)) > 28


def cuts(sound: Iterable[Sound], shares: Iterable[float] = CUTS) -> dict[str, bytes]:
    return {
        f"{share:g} {photo.name.replace('/', ' ')}": photo.data[
            : int(len(photo.data) * share / 100)
        ]
        for photo in sound
        for share in shares
    }


def require_told(results: dict[str, Result], whole: dict[str, Image.Image]) -> None:
    """Only photos with all of their pixels are converted."""
    for name, result in results.items():
        if result.failure:
            assert result.failure.kind is Kind.DAMAGED, (name, result.failure)
            assert "restore it from a backup" in result.failure.message, name
        else:
            difference = psnr(seen(result), whole[name.partition(" ")[2]])
            assert difference > 45, (name, difference)


@pytest.mark.slow
@pytest.mark.parametrize("streams", WAYS)
def test_a_truncated_photo_of_any_format_is_rejected(tmp_path: Path, streams: bool) -> None:
    photos = kinds_of_photo(*SIZE)
    originals = {photo.name.replace("/", " "): photo.data for photo in photos}
    whole = {name: seen(r) for name, r in convert(tmp_path, originals, streams=streams).items()}
    assert len(whole) == len(photos) > 20
    require_told(convert(tmp_path, cuts(photos), streams=streams), whole)


@pytest.mark.slow
def test_missing_last_bytes_are_detected(tmp_path: Path) -> None:
    kinds = ("baseline.jpg", "restarts.jpg", "rgb.png", "plain.gif", "plain.bmp", "lzw.tiff")
    photos = [p for p in kinds_of_photo(70, 50) if p.name.endswith(kinds)]
    files = {f"0 {p.name.replace('/', ' ')}": p.data for p in photos}
    whole = {
        name.partition(" ")[2]: seen(result)
        for name, result in convert(tmp_path, files, size=(70, 50)).items()
    }
    some = {
        f"{cut} {photo.name.replace('/', ' ')}": photo.data[:-cut]
        for photo in photos
        for cut in (1, 2, 3, 4, 7, 19)
    }
    results = convert(tmp_path, some, size=(70, 50), streams=True)
    require_told(results, whole)
    assert results["2 drawn baseline.jpg"].status is Status.CONVERTED
    assert results["3 drawn baseline.jpg"].failure


def test_a_progressive_jpeg_truncated_between_scans_is_rejected(tmp_path: Path) -> None:
    data = saved("JPEG", progressive=True)
    ends = [end for _, end in body(Sound("", "jpeg", data))]
    assert len(ends) > 5
    # Most of so many are dropped, so the decoder's warnings are far from the frames they are about.
    places = sorted({end + more for end in ends[:-1] for more in range(-20, 40, 5)} | {*ends[:-1]})
    results = convert(tmp_path, {f"{place}.jpg": data[:place] for place in places}, streams=True)
    assert {r.failure.kind if r.failure else None for r in results.values()} == {Kind.DAMAGED}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"quality": 100},
        {"progressive": True},
        {"restart_marker_blocks": 2},
        {"restart_marker_rows": 1},
    ],
)
def test_a_jpeg_without_an_end_marker_is_complete_if_further_bytes_change_nothing(
    options: dict[str, object],
) -> None:
    data = saved("JPEG", detail(70, 50), **options)
    assert is_complete_jpeg(data[:-2])
    assert is_complete_jpeg(data[:-1])
    for cut in (*range(3, 25), 60, 100, 250, len(data) // 2):
        assert not is_complete_jpeg(data[:-cut]), cut
        assert not is_complete_jpeg(data[:-cut] + bytes(cut)), cut
    assert not is_complete_jpeg(data[:2])
    assert not is_complete_jpeg(b"\xff\xd8\xff\xda\0\1")


@pytest.mark.parametrize("streams", WAYS)
def test_a_jpeg_that_continues_with_zeros_is_rejected(tmp_path: Path, streams: bool) -> None:
    data = saved("JPEG", quality=95)
    files = {
        f"{share}.jpg": data[: len(data) * share // 100].ljust(len(data), b"\0")
        for share in (30, 60, 90, 98)
    }
    results = convert(tmp_path, files, streams=streams)
    assert all(r.failure and r.failure.kind is Kind.DAMAGED for r in results.values())


def refused(data: bytes) -> bool:
    try:
        with Image.open(BytesIO(data)) as image:
            image.load()
    except OSError:
        return True
    return False


@pytest.mark.parametrize("name", ["lossy.webp", "interlaced.gif"])
def test_pillow_detects_damage_that_ffmpeg_does_not_report(tmp_path: Path, name: str) -> None:
    photo = next(p for p in kinds_of_photo(640, 480) if p.name.endswith(name))
    flips = [each.data for each in damages(photo) if not each.is_cut and refused(each.data)]
    assert flips
    files = {f"{number}{name}": data for number, data in enumerate(flips)}
    for streams in (True, False):
        results = convert(tmp_path, files | {name: photo.data}, streams=streams)
        assert {told for told, result in results.items() if result.failure} == set(files)
    for kept in convert(tmp_path, files, policy=KEEP).values():
        assert "part of the picture is missing" in kept.warnings[0]


def test_wrong_pixels_in_a_png_are_detected_beside_wrong_metadata(tmp_path: Path) -> None:
    data = bytearray(saved("PNG"))
    data[data.index(b"IDAT") + 5000] ^= 4
    odd = chunk(b"tEXt", b"Title\0Words", 1)
    palette = bytearray(saved("PNG", PICTURE.convert("P"), transparency=3))
    palette[palette.index(b"tRNS") + 5] ^= 1
    files = {"a.png": bytes(data[:33]) + odd + bytes(data[33:]), "b.png": bytes(palette)}
    for result in convert(tmp_path, files).values():
        assert result.failure
        assert result.failure.kind is Kind.DAMAGED


def test_a_truncated_tiff_is_damaged_and_not_unsupported(tmp_path: Path) -> None:
    data = saved("TIFF", compression="tiff_lzw")
    (result,) = convert(tmp_path, {"a.tiff": data[:-3]}).values()
    assert result.failure
    assert result.failure.kind is Kind.DAMAGED


def test_a_wrong_checksum_is_detected_if_ffmpeg_cannot_read_the_photo(
    tmp_path: Path,
) -> None:
    data = bytearray(saved("PNG", detail(8, 6)))
    data[data.index(b"IDAT") + 20] ^= 1
    real = find().path
    body = f'case "$*" in *pipe:0*) exec {real} "$@";; esac; kill -SEGV $$'
    (result,) = convert(
        tmp_path, {"a.png": bytes(data)}, binary=fake_ffmpeg(tmp_path, body)
    ).values()
    assert result.failure
    assert result.failure.kind is Kind.DAMAGED


@pytest.mark.parametrize("streams", WAYS)
def test_an_animation_truncated_after_its_first_frame_is_sound(
    tmp_path: Path, streams: bool
) -> None:
    frames = [PICTURE.convert("P"), *(PICTURE.rotate(turn).convert("P") for turn in (90, 180))]
    data = saved("GIF", frames[0], save_all=True, append_images=frames[1:], interlace=0)
    alone = saved("GIF", frames[0], interlace=0)
    files = {f"{more}.gif": data[: len(alone) + more] for more in (100, 2000, 9000)}
    results = convert(tmp_path, files, streams=streams)
    assert {name: result.failure for name, result in results.items() if result.failure} == {}


def upper(image: Image.Image, share: float) -> Image.Image:
    return image.crop((0, 0, image.width, int(image.height * share)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["baseline.jpg", "rgb.png", "plain.gif", "plain.bmp", "raw.tiff"])
@pytest.mark.parametrize("streams", WAYS)
def test_the_rest_of_a_damaged_photo_can_be_kept(tmp_path: Path, name: str, streams: bool) -> None:
    (photo,) = (p for p in kinds_of_photo(320, 240) if p.name.endswith(name))
    half = photo.data[: int(len(photo.data) * 0.6)]
    if name == "plain.bmp":  # its rows go from bottom to top
        half = photo.data[: int(len(photo.data) * 0.999)]
    files = {f"cut{name}": half, name: photo.data, f"2{name}": photo.data}
    results = convert(tmp_path, files, streams=streams, policy=KEEP, size=(320, 240))
    whole, cut = results[name], results[f"cut{name}"]
    assert whole.warnings == ()
    assert cut.status is Status.CONVERTED
    assert "part of the picture is missing" in cut.warnings[0]
    if name != "plain.bmp":
        assert psnr(upper(seen(cut), 0.4), upper(seen(whole), 0.4)) > 40
        assert psnr(seen(cut), seen(whole)) < 40


def test_a_photo_without_any_pixels_left_fails(tmp_path: Path) -> None:
    files = cuts(kinds_of_photo(*SIZE), (2,))
    for name, result in convert(tmp_path, files, policy=KEEP).items():
        if not result.failure:
            assert "missing" in result.warnings[0], name
    assert convert(tmp_path, {"a.png": saved("PNG")[:60]}, policy=KEEP)["a.png"].failure


def test_the_command_reports_kept_damaged_photos(ffprep, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        (tmp_path / f"in/{name}.jpg").write_bytes(saved("JPEG"))
    (tmp_path / "in/cut.jpg").write_bytes(saved("JPEG")[:-900])
    arguments = ("convert", tmp_path / "in", "-o", tmp_path / "out", "--size", "64x48", "--json")
    assert ffprep(*arguments).kinds() == {"cut.jpg": "damaged"}
    kept = ffprep(*arguments, "--damaged", "keep", "--upscale", "allow")
    assert (kept.code, kept.kinds()) == (0, {})
    assert "missing" in kept.results["cut.jpg"]["warnings"][0]
    assert "warnings" not in kept.results["a.jpg"]


@pytest.mark.slow
def test_the_table_of_damage_can_be_measured_again() -> None:
    argv = [sys.executable, "-m", "scripts.damage", "--photos", "/nowhere", "--only", "plain.gif"]
    printed = subprocess.run(argv, capture_output=True, check=True, cwd=ROOT).stdout.decode()
    assert "| gif | cut 20 %, cut 50 %, " in printed
    assert "converted without a word: 0" in printed


@needs_photos
def test_truncated_photos_of_real_cameras_are_rejected_and_whole_ones_are_not(
    tmp_path: Path,
) -> None:
    assert PHOTOS
    wanted = ("HMD_Nokia_8.3_5G.jpg", "Issue 177.jpg", "Landscape_3.jpg", "320x240.jpg")
    wanted += ("4.webp", "p3.png", "rotating-squares.gif", "relax.jp2", "samplefilehub.heif")
    photos = [p for p in photos_in(PHOTOS) if Path(p.name).name in wanted]
    assert len(photos) == len(wanted)
    names = {photo.name.replace("/", " "): photo.data for photo in photos}
    whole = convert(tmp_path, names, streams=True)
    assert {n: r.failure for n, r in whole.items() if r.failure} == {}
    results = convert(tmp_path, cuts(photos), streams=True)
    require_told(results, {name: seen(result) for name, result in whole.items()})


def test_areas_that_decoders_leave_black_are_detected(tmp_path: Path) -> None:
    picture = PICTURE.resize((200, 160))
    picture.save(tmp_path / "whole.jp2", tile_size=(64, 64), irreversible=True)
    picture.save(tmp_path / "whole.tif")
    whole, rows = (tmp_path / "whole.jp2").read_bytes(), (tmp_path / "whole.tif").read_bytes()
    last = whole.rindex(b"\xff\x90\0\x0a")  # the last tile; the end marker stays
    height = struct.pack("<HHII", 257, 4, 1, 160), struct.pack("<HHII", 257, 3, 1, 160)
    taller = rows
    for entry in height:
        taller = taller.replace(entry, entry[:8] + struct.pack("<I", 1600))
    files = {
        "whole.jp2": whole,
        "less.jp2": whole[:last] + whole[-2:],
        "cut.jp2": whole[: len(whole) * 86 // 100],
        "whole.tif": rows,
        "taller.tif": taller,
    }
    assert taller != rows
    results = convert(tmp_path, files)
    damaged = {name for name, r in results.items() if r.failure and r.failure.kind is Kind.DAMAGED}
    assert damaged == {"less.jp2", "cut.jp2", "taller.tif"}
    assert all(results[name].failure is None for name in ("whole.jp2", "whole.tif"))
