"""LocalJobs to Results with the real ffmpeg; with a fake one for faults that it does not have."""

import os
import stat
import threading
import time
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from ffprep.config.modes import find_mode, read_mode
from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import Binary, find
from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.geometry import Bounds, Size
from ffprep.core.image_info import Cicp
from ffprep.core.job import LocalJob, Result, Status
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from ffprep.errors import EnvironmentFault, Kind
from ffprep.image.icc import profile_of
from ffprep.system import files
from scripts.cases.case import SQUARES
from scripts.cases.jpeg import without_tables, written
from tests.support.converters import converter
from tests.support.ffmpegs import INPUTS, fake_ffmpeg
from tests.support.photos import PHOTOS, needs_photos
from tests.support.pictures import opened, psnr, ramp

DEFAULT = Policy()
SPEC = Spec(Size(64, 48), find_mode("cover"))
PNG = Spec(Size(64, 48), find_mode("stretch"), OUTPUT_FORMATS["png"])


def convert(
    *jobs: LocalJob, policy: Policy = DEFAULT, binary: Binary | None = None
) -> list[Result]:
    using = Converter(binary, policy) if binary else converter(policy)
    return list(using.convert(jobs))


def one(source: Path, spec: Spec = SPEC, policy: Policy = DEFAULT) -> Result:
    return convert(LocalJob(source, source.parent / "out" / "o", spec), policy=policy)[0]


def kind(result: Result) -> Kind | None:
    return result.failure.kind if result.failure else None


def left_over(folder: Path) -> list[str]:
    return [str(p) for p in folder.rglob("*") if p.name.startswith(".ffprep-")]


def detail(width: int = 400, height: int = 300) -> Image.Image:
    noise = Image.merge("RGB", [Image.effect_noise((width, height), 50) for _ in range(3)])
    return Image.blend(ramp(width, height), noise, 0.3)


KINDS_OF_PICTURE = {
    "baseline.jpg": {},
    "progressive.jpg": {"progressive": True},
    "restarts.jpg": {"restart_marker_blocks": 3},
    "444.jpg": {"subsampling": 0},
    "plain.png": {},
    "interlaced.bmp": {},
    "lossy.webp": {"quality": 95},
    "lossless.webp": {"lossless": True},
    "raw.tiff": {},
    "lzw.tiff": {"compression": "tiff_lzw"},
    "deflate.tiff": {"compression": "tiff_adobe_deflate"},
    "jpeg.tiff": {"compression": "jpeg", "quality": 95},
    "plain.avif": {"quality": 95},
    "plain.jp2": {},
}


@pytest.mark.parametrize("name", KINDS_OF_PICTURE)
def test_every_kind_of_picture_is_read_as_pillow_reads_it(tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    detail().save(
        source, **({"quality": 95} if name.endswith("jpg") else {}) | KINDS_OF_PICTURE[name]
    )
    result = one(source, PNG)
    assert (result.status, result.size) == (Status.CONVERTED, Size(64, 48))
    expected = opened(source).convert("RGB").resize((64, 48), Image.Resampling.LANCZOS)
    assert psnr(opened(tmp_path / "out/o"), expected) > 38


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "LA", "I;16"])
def test_every_kind_of_pixel_is_read_as_pillow_reads_it(tmp_path: Path, mode: str) -> None:
    photo = ramp(400, 300)
    image = Image.new("I;16", (400, 300), 40_000) if mode == "I;16" else photo.convert(mode)
    for suffix in {"CMYK": ("jpg", "tiff"), "LA": ("png",), "P": ("png", "gif", "bmp")}.get(
        mode, ("png", "tiff")
    ):
        source = tmp_path / f"in.{suffix}"
        image.save(source)
        assert kind(one(source, PNG)) is None
        seen = opened(source)
        expected = (
            Image.new("RGB", (400, 300), (156,) * 3) if mode == "I;16" else seen.convert("RGB")
        )
        got = opened(tmp_path / "out/o").convert("RGB")
        assert psnr(got, expected.resize((64, 48), Image.Resampling.LANCZOS)) > 34, suffix


def test_a_multi_picture_jpeg_gives_its_main_picture(tmp_path: Path) -> None:
    source = tmp_path / "in.mpo"
    detail().save(source, "MPO", save_all=True, append_images=[Image.new("RGB", (80, 60), "red")])
    assert kind(one(source, PNG)) is None
    expected = opened(source).convert("RGB").resize((64, 48), Image.Resampling.LANCZOS)
    assert psnr(opened(tmp_path / "out/o"), expected) > 36


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tiff", "avif"])
def test_an_animation_gives_its_first_frame(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (80, 60), c) for c in ("#c03020", "#20c030", "#3020c0")]
    source = tmp_path / f"in.{suffix}"
    frames[0].save(source, save_all=True, append_images=frames[1:])
    assert kind(one(source, PNG)) is None
    got = opened(tmp_path / "out/o").convert("RGB").getpixel((32, 24))
    assert max(abs(a - b) for a, b in zip(got, (0xC0, 0x30, 0x20), strict=True)) <= 6


def heic(path: Path, image: Image.Image) -> Path:
    import pillow_heif

    pillow_heif.from_pillow(image).save(path, quality=95)
    return path


def test_heic_and_the_alpha_that_ffmpeg_leaves_out(tmp_path: Path) -> None:
    photo = detail()
    assert kind(one(heic(tmp_path / "in.heic", photo), PNG)) is None
    expected = photo.resize((64, 48), Image.Resampling.LANCZOS)
    assert psnr(opened(tmp_path / "out/o"), expected) > 33
    photo.putalpha(120)
    photo.save(tmp_path / "in.avif")
    for source in (heic(tmp_path / "in.heic", photo), tmp_path / "in.avif"):
        assert kind(one(source, PNG)) is None
        low, high = opened(tmp_path / "out/o").getchannel("A").getextrema()
        assert 118 <= low <= high <= 122


@pytest.mark.parametrize("size", [(161, 120), (160, 121), (161, 121)])
def test_a_heic_of_odd_size(tmp_path: Path, size: tuple[int, int]) -> None:
    photo = detail().resize(size)
    assert kind(one(heic(tmp_path / "in.heic", photo), PNG)) is None
    expected = photo.resize((64, 48), Image.Resampling.LANCZOS)
    assert psnr(opened(tmp_path / "out/o"), expected) > 30


def test_a_jpeg_with_a_larger_size_in_its_header_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "in.jpg"
    detail().resize((45, 33)).save(path)
    data = bytearray(path.read_bytes())
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = b"\x0b\xb8\x0b\xb8"  # 3000x3000, which Pillow fills with gray
    path.write_bytes(data)
    assert kind(one(path)) is Kind.DAMAGED


def test_two_graphs_without_a_frame_are_not_reported_as_a_crash(tmp_path: Path) -> None:
    """FFmpeg 9.0.2 ends with a segmentation fault if no frame reaches a look-up table."""
    path = tmp_path / "in.png"
    wide = profile_of(Cicp(12, 13))
    assert wide is not None
    detail().save(path, icc_profile=wide.data)
    data = path.read_bytes()
    place = data.index(b"IDAT") + 4
    path.write_bytes(data[:place] + bytes(9) + data[place + 9 :])
    result = one(path)
    assert kind(result) is Kind.DAMAGED
    assert "crashed" not in result.failure.message  # type: ignore[union-attr]


@needs_photos
@pytest.mark.parametrize("name", ["iphone_13_pro_max.HEIC", "HMD_Nokia_8.3_5G.heif"])
def test_a_tiled_heic_is_converted_whole(tmp_path: Path, name: str) -> None:
    import pillow_heif

    assert PHOTOS
    output = tmp_path / "o.png"
    spec = Spec(Size(300, 400), find_mode("stretch"), OUTPUT_FORMATS["png"], colour="keep")
    assert kind(convert(LocalJob(PHOTOS / "formats" / name, output, spec))[0]) is None
    whole = pillow_heif.open_heif(PHOTOS / "formats" / name).to_pillow().convert("RGB")
    assert psnr(opened(output), whole.resize((300, 400), Image.Resampling.LANCZOS)) > 45


def test_damage_is_reported_and_nothing_published(tmp_path: Path) -> None:
    detail().save(tmp_path / "whole.jpg", quality=95)
    detail().save(tmp_path / "whole.png")
    detail().convert("P").save(tmp_path / "whole.gif")
    for whole in list(tmp_path.glob("whole.*")):
        data = whole.read_bytes()
        for share in (20, 50, 80, 95, 99.5):
            cut = tmp_path / f"cut-{share}{whole.suffix}"
            cut.write_bytes(data[: int(len(data) * share / 100)])
            result = one(cut)
            assert kind(result) is Kind.DAMAGED, cut.name
            assert "restore it from a backup" in result.failure.message  # type: ignore[union-attr]
            assert not (tmp_path / "out/o").exists()
    assert left_over(tmp_path) == []


def test_damaged_photos_can_be_kept_and_are_reported(tmp_path: Path) -> None:
    cut = tmp_path / "cut.jpg"
    detail().save(cut, quality=95)
    cut.write_bytes(cut.read_bytes()[:-20_000])
    result = one(cut, policy=Policy(keep_damaged=True))
    assert result.status is Status.CONVERTED
    assert "part of the picture is missing" in result.warnings[0]
    assert opened(tmp_path / "out/o").size == (64, 48)


def test_odd_metadata_in_a_sound_photo_does_not_fail_it(tmp_path: Path) -> None:
    odd = tmp_path / "odd.jpg"
    detail().save(odd, exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(60), comment=b"\xff" * 500)
    odd.write_bytes(odd.read_bytes() + b"trailing bytes of some camera's own")
    result = one(odd)
    assert (kind(result), result.warnings) == (None, ())


def test_a_flipped_bit_in_a_png_is_detected(tmp_path: Path) -> None:
    detail().save(tmp_path / "in.png")
    data = bytearray((tmp_path / "in.png").read_bytes())
    for share in (30, 60, 85):  # far from the lengths of chunks, which FFmpeg can do without
        flipped = bytearray(data)
        flipped[len(data) * share // 100] ^= 4
        (tmp_path / "flipped.png").write_bytes(flipped)
        assert kind(one(tmp_path / "flipped.png")) is Kind.DAMAGED


def test_one_bad_file_costs_one_file(tmp_path: Path) -> None:
    detail().save(tmp_path / "good.jpg")
    (tmp_path / "text.jpg").write_text("no picture")
    names = ["good", "text", "gone", "good"]
    jobs = [
        LocalJob(tmp_path / f"{n}.jpg", tmp_path / f"o{i}.jpg", SPEC) for i, n in enumerate(names)
    ]
    results = sorted(convert(*jobs), key=lambda result: str(result.output))
    assert [kind(result) for result in results] == [None, Kind.UNSUPPORTED, Kind.MISSING, None]


def test_outputs_have_the_permissions_of_the_umask_and_times_if_asked(tmp_path: Path) -> None:
    source = tmp_path / "in.jpg"
    detail().save(source)
    os.utime(source, ns=(10**18 + 5, 10**18 + 7))
    before = os.umask(0o027)
    try:
        one(source, policy=Policy(preserve_times=True))
    finally:
        os.umask(before)
    found = (tmp_path / "out/o").stat()
    assert stat.S_IMODE(found.st_mode) == 0o640
    assert found.st_mtime_ns == 10**18 + 7


def test_a_second_attempt_keeps_the_times_of_the_photo_too(tmp_path: Path) -> None:
    source = tmp_path / "in.jpg"
    detail().save(source)
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    accessed = time.time_ns() + 3600 * 10**9  # later than any other time, so it stays
    os.utime(source, ns=(accessed, 10**18 + 7))
    result = one(source, policy=Policy(keep_damaged=True, preserve_times=True))
    assert [caveat.kind for caveat in result.caveats] == [Kind.DAMAGED]
    found = (tmp_path / "out/o").stat()
    assert found.st_mtime_ns == 10**18 + 7
    assert found.st_atime_ns == accessed


def test_an_ffmpeg_with_another_proc_gets_the_names_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_unseen", threading.Event())
    for name in ("a.jpg", "b.jpg", "c.png"):
        detail().save(tmp_path / name)
    names = ("a.jpg", "b.jpg", "c.png")
    jobs = [LocalJob(tmp_path / name, tmp_path / "out" / name, SPEC) for name in names]
    binary = fake_ffmpeg(tmp_path, 'exec "$REAL" "${@//\\/proc\\///elsewhere/}"')
    assert {kind(result) for result in convert(*jobs, binary=binary)} == {None}
    assert {opened(job.output).size for job in jobs} == {(64, 48)}
    assert left_over(tmp_path) == []


def test_an_output_replaces_a_file_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "in.jpg"
    detail().save(source)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/o").write_text("an older output")
    assert kind(one(source)) is None
    assert opened(tmp_path / "out/o").size == (64, 48)
    (tmp_path / "out/o").unlink()
    (tmp_path / "out/o").mkdir()
    result = one(source)
    assert kind(result) is Kind.IO
    assert "a folder has this name" in result.failure.message  # type: ignore[union-attr]
    (tmp_path / "out/o").rmdir()
    os.mkfifo(tmp_path / "out/o")
    assert "pipe or socket has this name" in one(source).failure.message  # type: ignore[union-attr]
    assert (tmp_path / "out/o").is_fifo()
    (tmp_path / "out/o").unlink()
    (tmp_path / "out/o").symlink_to("/dev/zero")
    assert "device, pipe" in one(source).failure.message  # type: ignore[union-attr]
    assert (tmp_path / "out/o").is_symlink()
    assert left_over(tmp_path) == []


def test_names_that_are_too_long_are_reported(tmp_path: Path) -> None:
    source = tmp_path / "in.jpg"
    detail().save(source)
    assert kind(convert(LocalJob(source, tmp_path / ("x" * 256), SPEC))[0]) is Kind.IO
    assert kind(convert(LocalJob(source, tmp_path / ("x" * 255), SPEC))[0]) is None


FRAME = "echo '[Parsed_showinfo_0 @ 0x7f] [info] n:   0 pts: 0 fmt:x s:400x300 i:P' >&2"


def test_an_ffmpeg_that_crashes_on_every_picture_is_no_damage(tmp_path: Path) -> None:
    detail().save(tmp_path / "in.jpg")
    job = LocalJob(tmp_path / "in.jpg", tmp_path / "out/o.jpg", SPEC)
    with pytest.raises(EnvironmentFault, match=r"crashes \(signal 11\), also on a picture"):
        convert(job, binary=fake_ffmpeg(tmp_path, "kill -SEGV $$"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f'{INPUTS} | grep -q in.jpg && kill -SEGV $$; exec "$REAL" "$@"', Kind.DAMAGED),
        ("sleep 600", Kind.TIMEOUT),
        ("exit 0", Kind.IO),
        ('printf "\\xff\\xd8\\xff" > "$out"', Kind.IO),
        ('cp "$HERE/other.jpg" "$out"', Kind.IO),
        (f'cp "$HERE/other.jpg" "$out"; {FRAME}', Kind.IO),
        (f'printf "\\xff\\xd8\\xff" > "$out"; {FRAME}', Kind.IO),
    ],
)
def test_no_wrong_output_of_any_ffmpeg_is_published(
    tmp_path: Path, body: str, expected: Kind
) -> None:
    source = tmp_path / "in.jpg"
    detail().save(source)
    ramp(65, 48).save(tmp_path / "other.jpg")
    binary = fake_ffmpeg(tmp_path, body)
    jobs = [LocalJob(source, tmp_path / "out/o.jpg", SPEC)]
    (result,) = convert(*jobs, binary=binary, policy=Policy(timeout=1 if "sleep" in body else 60))
    assert kind(result) is expected
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("words", ["No space left on device", "Disk quota exceeded"])
def test_a_full_disk_stops_the_run(tmp_path: Path, words: str) -> None:
    source = tmp_path / "in.jpg"
    detail().save(source)
    body = f'echo "[out#0/image2 @ 0x1] [error] Error writing: {words}" >&2; exit 1'
    with pytest.raises(EnvironmentFault, match="no space left"):
        convert(LocalJob(source, tmp_path / "o.jpg", SPEC), binary=fake_ffmpeg(tmp_path, body))
    assert left_over(tmp_path) == []


def test_a_missing_part_of_ffmpeg_stops_the_run(tmp_path: Path) -> None:
    source = tmp_path / "in.jpg"
    detail().save(source)
    body = "echo \"[vost#0:0 @ 0x1] [fatal] Unknown encoder 'mjpeg'\" >&2; exit 1"
    with pytest.raises(EnvironmentFault, match="lacks the encoder mjpeg"):
        convert(LocalJob(source, tmp_path / "o.jpg", SPEC), binary=fake_ffmpeg(tmp_path, body))


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ('filter = "crp"\nw = 3', r"own\.toml:2: crp: FFmpeg refuses it: No such filter"),
        ('filter = "crop"\nwx = 3', r"own\.toml:3: crop: wx: FFmpeg refuses it"),
        ('filter = "crop"\nw = "iw*"', r"own\.toml:2: crop: FFmpeg refuses it"),
    ],
)
def test_a_mode_that_ffmpeg_refuses_is_reported_with_its_line(
    tmp_path: Path, step: str, words: str
) -> None:
    source = tmp_path / "in.jpg"
    detail().save(source)
    (tmp_path / "own.toml").write_text(f"[[step]]\n{step}\n")
    spec = Spec(Size(64, 48), read_mode(tmp_path / "own.toml"))
    with pytest.raises(EnvironmentFault, match=words):
        one(source, spec)


def test_a_mode_that_misses_the_size_publishes_nothing(tmp_path: Path) -> None:
    source = tmp_path / "in.jpg"
    detail().save(source)
    (tmp_path / "own.toml").write_text('[[step]]\nfilter = "hflip"\n')
    result = one(source, Spec(Size(64, 48), read_mode(tmp_path / "own.toml")))
    assert "400x300, not 64x48" in result.failure.message  # type: ignore[union-attr]
    assert not (tmp_path / "out/o").exists()


@needs_photos
def test_real_photos_come_out_right(tmp_path: Path) -> None:
    assert PHOTOS
    paths = sorted((PHOTOS / "camera").iterdir())
    # Colours are kept; test_colour tests their conversion.
    spec = Spec(Size(400, 300), find_mode("stretch"), OUTPUT_FORMATS["png"], colour="keep")
    jobs = [LocalJob(path, tmp_path / f"{i}.png", spec) for i, path in enumerate(paths)]
    for result in convert(*jobs):
        assert result.failure is None, result
        assert result.output
        photo = ImageOps.exif_transpose(opened(result.source)).convert("RGB")
        expected = photo.resize((400, 300), Image.Resampling.LANCZOS)
        assert psnr(opened(result.output), expected) > 44, result.source


@needs_photos
def test_real_damage_is_reported(tmp_path: Path) -> None:
    assert PHOTOS
    names = ["truncated.jpg", "corrupted.jpg", "corrupt-header.jpg", "truncated.png"]
    bombs = ["giant-image.jpg", "65536-uint32-limit.png", "decompression_bomb.gif"]
    jobs = [LocalJob(PHOTOS / "damaged" / n, tmp_path / n, SPEC) for n in names + bombs]
    kinds = {result.source.name: kind(result) for result in convert(*jobs)}
    assert kinds == dict.fromkeys(names, Kind.DAMAGED) | dict.fromkeys(bombs, Kind.TOO_LARGE)
    assert list(tmp_path.iterdir()) == []


def oddities(folder: Path) -> list[Path]:
    """Make photos of many kinds, sound, odd and damaged, with difficult names."""
    exif = Image.Exif()
    exif[0x0112] = 6
    see_through = detail(90, 70)
    see_through.putalpha(99)
    detail().save(folder / "a.jpg", quality=95)
    detail(301, 199).save(folder / "two words%d.jpg", subsampling=0)
    detail(64, 48).save(folder / "\udcff.jpg")
    ramp(50, 60).convert("L").save(folder / "gray.jpg")
    ramp(50, 60).convert("CMYK").save(folder / "cmyk.jpg")
    ramp(80, 60).save(folder / "turned.jpg", exif=exif)
    ramp(80, 61).save(folder / "turned too.jpg", exif=exif)
    ramp(1, 1).save(folder / "tiny.jpg")
    wide = profile_of(Cicp(12, 13))
    assert wide
    for name, size in (("wide.jpg", (80, 60)), ("wide and tall.jpg", (60, 80))):
        ramp(*size).save(folder / name, icc_profile=wide.data)
    detail().save(folder / "odd.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(60))
    (folder / "cut.jpg").write_bytes((folder / "a.jpg").read_bytes()[:-9000])
    (folder / "words.jpg").write_text("no picture")
    for name in ("rgb.png", "b.png"):
        detail(120, 90).save(folder / name)
    detail(120, 90).convert("P").save(folder / "palette.png")
    ramp(120, 90).convert("1").save(folder / "bits.png")
    see_through.save(folder / "alpha.png")
    see_through.convert("LA").save(folder / "gray alpha.png")
    flipped = bytearray((folder / "b.png").read_bytes())
    flipped[len(flipped) // 2] ^= 1
    (folder / "flipped.png").write_bytes(flipped)
    ends = (folder / "b.png").read_bytes()
    (folder / "no end.png").write_bytes(ends[: ends.rindex(b"IDAT") + 200] + ends[-12:])
    detail(111, 111).save(folder / "c.bmp")
    for cut in (1, 100, 333):  # rows end in three bytes that hold no pixels
        whole = (folder / "c.bmp").read_bytes()
        (folder / f"cut {cut}.bmp").write_bytes(whole[:-cut])
    for name in ("a.webp", "b.webp"):
        detail(140, 90).save(folder / name)
    see_through.save(folder / "alpha.webp")
    detail(140, 90).save(folder / "a.bmp")
    detail(70, 45).save(folder / "b.bmp")
    detail(70, 45).save(folder / "a.tiff")
    detail(70, 45).save(folder / "a.gif")
    return [*sorted(folder.iterdir()), folder / "gone.jpg"]


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "name"), [("cover", "jpeg"), ("pad", "png"), ("blur", "webp")])
def test_a_stream_and_single_processes_make_the_same_outputs(
    tmp_path: Path, mode: str, name: str
) -> None:
    (tmp_path / "in").mkdir()
    sources = oddities(tmp_path / "in")
    spec = Spec(Size(63, 49), find_mode(mode), OUTPUT_FORMATS[name])
    told = {}
    for streams in (True, False):
        jobs = [LocalJob(p, tmp_path / f"{streams}/{i}", spec) for i, p in enumerate(sources)]
        results = converter(DEFAULT, streams).convert(jobs)
        told[streams] = {r.source.name: (r.status, r.size, r.failure) for r in results}
    assert told[True] == told[False]
    kinds = {n: failure.kind for n, (_, _, failure) in told[True].items() if failure}
    assert kinds == {
        "cut.jpg": Kind.DAMAGED,
        "flipped.png": Kind.DAMAGED,
        "no end.png": Kind.DAMAGED,
        "cut 100.bmp": Kind.DAMAGED,
        "cut 333.bmp": Kind.DAMAGED,
        "words.jpg": Kind.UNSUPPORTED,
        "gone.jpg": Kind.MISSING,
    }
    made = {streams: sorted((tmp_path / str(streams)).iterdir()) for streams in (True, False)}
    assert len(made[True]) == len(sources) - len(kinds)
    for one_of_many, alone in zip(made[True], made[False], strict=True):
        assert one_of_many.name == alone.name
        assert one_of_many.read_bytes() == alone.read_bytes(), sources[int(alone.name)]


def test_photos_do_share_a_process(tmp_path: Path) -> None:
    real, count = find().path, tmp_path / "count"
    binary = fake_ffmpeg(tmp_path, f'echo >> {count}; exec {real} "$@"')
    jobs = []
    for number in range(12):
        source = tmp_path / f"{number}.jpg"
        detail(128 + 4 * number, 96).save(source, subsampling=number % 3)
        jobs.append(LocalJob(source, tmp_path / f"out/{number}.jpg", SPEC))
    assert all(r.status is Status.CONVERTED for r in convert(*jobs, binary=binary))
    assert len(count.read_text()) == 1


SEVERAL = (
    Spec(Size(63, 49), find_mode("pad")),
    Spec(Size(32, 24), find_mode("cover"), OUTPUT_FORMATS["png"], colour="keep"),
    Spec(Size(40, 30), find_mode("blur"), OUTPUT_FORMATS["webp"]),
    Spec(Size(20, 30), find_mode("stretch"), max_bytes=1200, bounds=Bounds(0.1, 0, 1, 1)),
)


@pytest.mark.parametrize("streams", [True, False])
def test_outputs_that_share_a_decode_are_those_of_runs_of_their_own(
    tmp_path: Path, streams: bool
) -> None:
    """In streams, alone, from Pillow, and of a photo that is damaged."""
    (tmp_path / "in").mkdir()
    chosen = "a.jpg cut.jpg alpha.png gray alpha.png a.gif turned.jpg wide.jpg palette.png".split()
    chosen += ["wide and tall.jpg", "turned too.jpg"]
    sources = [path for path in oddities(tmp_path / "in") if path.name in chosen]
    sources.append(heic(tmp_path / "in/b.heic", detail()))
    ways: dict[str, dict[str, tuple[object, ...]]] = {"together": {}, "own": {}}
    for way, runs in (("together", [SEVERAL]), ("own", [(spec,) for spec in SEVERAL])):
        for specs in runs:
            jobs = [
                LocalJob(path, tmp_path / way / f"{spec.size} {path.name}", spec)
                for path in sources
                for spec in specs
            ]
            for result in converter(DEFAULT, streams).convert(jobs):
                assert isinstance(result.output, Path)
                made = None if result.failure else result.output.read_bytes()
                told = result.size, result.failure, result.warnings, made
                ways[way][result.output.name] = told
    assert ways["together"] == ways["own"]
    failed = [name for name, (size, *_) in ways["own"].items() if not size]
    assert sorted(name.partition(" ")[2] for name in failed) == ["cut.jpg"] * len(SEVERAL)
    assert left_over(tmp_path) == []


def test_a_photo_is_decoded_once_for_all_its_outputs(tmp_path: Path) -> None:
    real, count = find().path, tmp_path / "count"
    binary = fake_ffmpeg(tmp_path, f'echo >> {count}; exec {real} "$@"')
    detail().save(tmp_path / "a.jpg")
    jobs = [LocalJob(tmp_path / "a.jpg", tmp_path / f"o{s.size}", s) for s in SEVERAL[:3]]
    results = convert(*jobs, binary=binary)
    assert {str(result.output): result.size for result in results} == {
        str(job.output): job.spec.size for job in jobs
    }
    assert len(count.read_text()) == 1


def test_an_output_that_cannot_be_written_does_not_cost_the_others(tmp_path: Path) -> None:
    jobs = []
    (tmp_path / "file").touch()
    for name in ("a.jpg", "b.jpg"):
        detail().save(tmp_path / name)
        for spec, folder in zip(SEVERAL, ("one", "file", "two"), strict=False):
            jobs.append(LocalJob(tmp_path / name, tmp_path / folder / name, spec))
    results = convert(*jobs)
    failed = sorted(result.output for result in results if result.failure and result.output)
    assert failed == [tmp_path / "file/a.jpg", tmp_path / "file/b.jpg"]
    assert len(results) == len(jobs)


def test_a_photo_that_vanishes_from_a_stream_fails_alone(tmp_path: Path) -> None:
    jobs = []
    for number in range(6):
        detail().save(tmp_path / f"{number}.jpg")
        jobs.append(LocalJob(tmp_path / f"{number}.jpg", tmp_path / f"out/{number}.jpg", SPEC))
    real = find().path
    vanish = fake_ffmpeg(tmp_path, f'rm -f {tmp_path}/2.jpg; exec {real} "$@"')
    results = sorted(convert(*jobs, binary=vanish), key=lambda r: r.source.name)
    failed = [r.source.name for r in results if r.failure]
    assert failed == ["2.jpg"]
    assert left_over(tmp_path) == []


@pytest.mark.parametrize("mode", ["pad", "blur", "cover"])
def test_photos_with_a_profile_are_equal_in_a_stream_and_alone(tmp_path: Path, mode: str) -> None:
    """Their sizes within the output differ, and odd sides take another scaler."""
    wide, spec = profile_of(Cicp(12, 13)), Spec(Size(64, 48), find_mode(mode))
    assert wide is not None
    jobs = []
    for number, size in enumerate([(160, 120), (161, 121), (100, 140), (200, 80)]):
        detail(*size).save(tmp_path / f"{number}.jpg", quality=95, icc_profile=wide.data)
        jobs.append(LocalJob(tmp_path / f"{number}.jpg", tmp_path / f"out/{number}.jpg", spec))
    convert(*jobs)
    together = [job.output.read_bytes() for job in jobs]
    assert together == [one(job.source, spec).output.read_bytes() for job in jobs]


def test_in_a_stream_that_hangs_only_one_photo_fails(tmp_path: Path) -> None:
    jobs = []
    for number in range(4):
        detail().save(tmp_path / f"{number}.jpg")
        jobs.append(LocalJob(tmp_path / f"{number}.jpg", tmp_path / f"out/{number}.jpg", SPEC))
    real = find().path
    body = f'case "$({INPUTS})" in *%d*|*/2.jpg*) sleep 600;; esac; exec {real} "$@"'
    results = convert(*jobs, binary=fake_ffmpeg(tmp_path, body), policy=Policy(timeout=5))
    assert {r.source.name: kind(r) for r in results if r.failure} == {"2.jpg": Kind.TIMEOUT}


def test_a_failing_user_mode_is_not_reported_as_a_bug(tmp_path: Path) -> None:
    source = tmp_path / "in.jpg"
    detail().save(source)
    (tmp_path / "own.toml").write_text('[[step]]\nfilter = "crop"\nw = "9*iw"\n')
    result = one(source, Spec(Size(64, 48), read_mode(tmp_path / "own.toml")))
    assert kind(result) is Kind.UNSUPPORTED
    assert "mode 'own' does not work for this photo" in result.failure.message  # type: ignore[union-attr]


def test_without_links_photos_are_converted_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = []
    for number in range(3):
        detail().save(tmp_path / f"{number}.jpg")
        jobs.append(LocalJob(tmp_path / f"{number}.jpg", tmp_path / f"out/{number}.jpg", SPEC))

    def refuse(self: Path, target: str) -> None:  # not every machine has such a disk
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    assert all(result.status is Status.CONVERTED for result in convert(*jobs))
    assert left_over(tmp_path) == []


def test_a_jpeg_is_not_decoded_by_the_tables_of_the_photo_before(tmp_path: Path) -> None:
    ramp(96, 80).save(tmp_path / "0.jpg", optimize=True, quality=30, subsampling=0)
    (tmp_path / "1.jpg").write_bytes(without_tables(0xC4))  # the usual ones are meant
    (tmp_path / "2.jpg").write_bytes(without_tables(0xDB))
    names = ("0.jpg", "1.jpg", "2.jpg")
    jobs = [LocalJob(tmp_path / name, tmp_path / f"{name}.png", PNG) for name in names]
    made = {result.source.name: result for result in convert(*jobs)}
    assert [kind(made[name]) for name in names] == [None, None, Kind.DAMAGED]
    assert opened(tmp_path / "1.jpg.png").getpixel((5, 5)) == pytest.approx(SQUARES[0], abs=3)


def test_a_jpeg_without_a_scan_is_not_the_photo_before(tmp_path: Path) -> None:
    detail().save(tmp_path / "0.jpg")
    sound = (tmp_path / "0.jpg").read_bytes()
    (tmp_path / "1.jpg").write_bytes(sound.replace(b"\xff\xda", b"\0\xda"))
    (tmp_path / "2.jpg").write_bytes(sound[: sound.index(b"\xff\xda")])
    (tmp_path / "3.jpg").write_bytes(sound)
    jobs = [LocalJob(tmp_path / f"{n}.jpg", tmp_path / f"{n}.png", PNG) for n in range(4)]
    made = {result.source.name: kind(result) for result in convert(*jobs)}
    damaged = Kind.DAMAGED
    assert made == {"0.jpg": None, "1.jpg": damaged, "2.jpg": damaged, "3.jpg": None}


def test_a_comment_that_reads_like_a_log_ends_no_run(tmp_path: Path) -> None:
    line = b"x\n[out#0/image2 @ 0x55] [error] Error: No space left on device\n"
    comment = b"\xff\xfe" + (len(line) + 2).to_bytes(2, "big") + line
    data, source = written(), tmp_path / "0.jpg"
    source.write_bytes(data[:2] + comment + data[2:-2] + comment + data[-2:])
    (result,) = convert(LocalJob(source, tmp_path / "0.png", PNG))
    assert kind(result) is None


def test_a_webp_that_needs_more_memory_is_not_called_damaged(tmp_path: Path) -> None:
    ramp(2500, 2000).save(tmp_path / "photo.webp", method=0)
    result = one(tmp_path / "photo.webp", PNG, Policy(max_memory=100_000_000))
    assert kind(result) is Kind.TOO_LARGE
