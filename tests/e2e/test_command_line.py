"""The contract of the command line: output, exit codes, files and errors."""

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import termios
import unicodedata
from pathlib import Path
from typing import IO

import pytest
from PIL import Image

from tests.support.ffmpegs import slow_ffmpeg
from tests.support.folders import temporaries
from tests.support.pictures import opened, psnr, ramp
from tests.support.terminal import on_terminal
from tests.support.waiting import until

ODD_NAMES = [
    b"-x.jpg",
    b"a:b.jpg",
    b"100%d.jpg",
    b"a%03d.jpg",
    b'it\'s "q".jpg',
    b"two words.jpg",
    b"new\nline.jpg",
    b"tab\t.jpg",
    b"back\\slash.jpg",
    b"[x]*?.jpg",
    b"$HOME`id`;&|.jpg",
    b"a'b,c;d[e]=f.jpg",
    b"file:x.jpg",
    b"~t.jpg",
    b"#h.jpg",
    "emoji\U0001f600\u00e9.jpg".encode(),
    b"not utf-8 \xff\xfe.jpg",
    b"x" * 251 + b".jpg",
]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    ramp(120, 80).save(folder / "a.jpg", quality=95)
    ramp(80, 120).save(folder / "trip/b.png")
    (folder / "notes.txt").write_text("words")
    return folder


def test_a_folder_is_mirrored_silently(ffprep, photos: Path, tmp_path: Path) -> None:
    ran = ffprep("convert", photos, "-o", tmp_path / "out", "--size", "27x21")
    assert (ran.code, ran.out, ran.err) == (0, b"", "")
    made = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.jpg"))
    assert made == ["a.jpg", "trip/b.jpg"]
    assert {opened(tmp_path / "out" / p).size for p in made} == {(27, 21)}


def test_one_file_to_one_file(ffprep, photos: Path, tmp_path: Path) -> None:
    for name, format in (("o.png", "PNG"), ("o.WEBP", "WEBP"), ("o.jpeg", "JPEG")):
        ran = ffprep("convert", photos / "a.jpg", "-o", tmp_path / name, "--size", "40x30")
        assert ran.code == 0, ran.err
        with Image.open(tmp_path / name) as image:
            assert (image.format, image.size) == (format, (40, 30))


def test_output_is_a_folder_unless_it_has_a_picture_suffix(
    ffprep, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "d.jpg").mkdir()
    for out in ("new", "v1.2", "sub/", "d.jpg"):
        ran = ffprep("convert", photos / "a.jpg", "-o", f"{tmp_path}/{out}", "--size", "40x30")
        assert ran.code == 0, ran.err
        assert (tmp_path / out / "a.jpg").is_file()


def test_json_has_every_photo_and_a_summary(ffprep, photos: Path, tmp_path: Path) -> None:
    (photos / "bad.jpg").write_text("no picture")
    ran = ffprep(
        "convert", photos, photos / "gone.jpg", "-o", tmp_path / "out", "--size", "27x21", "--json"
    )
    assert ran.code == 1
    assert set(ran.results) == {"a.jpg", "b.png", "bad.jpg", "gone.jpg", "notes.txt"}
    good, bad = ran.results["b.png"], ran.results["bad.jpg"]
    assert list(good) == [
        "source",
        "output",
        "status",
        "width",
        "height",
        "mode",
        "seconds",
        "error",
    ]
    assert good["output"] == str(tmp_path / "out/trip/b.jpg")
    assert (good["status"], good["width"], good["height"], good["error"]) == (
        "converted",
        27,
        21,
        None,
    )
    assert (bad["status"], bad["width"], bad["error"]["kind"]) == ("failed", None, "unsupported")
    assert ran.kinds() == {"bad.jpg": "unsupported", "gone.jpg": "missing"}
    counts = {key: ran.summary[key] for key in ("converted", "fresh", "failed", "passed_over")}
    assert counts == {"converted": 2, "fresh": 0, "failed": 2, "passed_over": 1}


def test_failures_are_reported_in_sentences(ffprep, photos: Path, tmp_path: Path) -> None:
    (photos / "empty.jpg").touch()
    ran = ffprep("convert", photos, "-o", tmp_path / "out", "--size", "27x21")
    assert len(ran.err.splitlines()) == 2
    assert "empty.jpg: damaged: the file is empty; restore it from a backup" in ran.err
    assert re.search(
        r"^ffprep: 2 converted, 1 failed, 1 skipped \(not pictures\) in .* s$", ran.err, re.M
    )
    quiet = ffprep("convert", photos, "-o", tmp_path / "out", "--size", "27x21", "--quiet")
    assert len(quiet.err.splitlines()) == 1


def test_verbose_and_the_log_list_every_photo(ffprep, photos: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    ran = ffprep("convert", photos, "-o", tmp_path / "o", "--size", "8x8", "-v", "--log-file", log)
    for text in (ran.err, log.read_text()):
        assert len(re.findall(r"(?:a|b)\.(?:jpg|png) -> .*: converted, 8x8, ", text)) == 2
        assert "2 converted" in text


@pytest.fixture
def odd_names(tmp_path: Path) -> Path:
    folder = tmp_path / "odd"
    folder.mkdir()
    ramp(60, 40).save(tmp_path / "one.jpg")
    for name in ODD_NAMES:
        shutil.copy(tmp_path / "one.jpg", os.fsencode(folder) + b"/" + name)
    return folder


@pytest.mark.parametrize("locale", ["C.UTF-8", "C", "POSIX"])
def test_any_file_name_works_and_is_shown_in_json(
    ffprep, odd_names: Path, tmp_path: Path, locale
) -> None:
    out = tmp_path / "out"
    environment = {**os.environ, "LC_ALL": locale}
    ran = ffprep(
        "convert", ".", "-o", out, "--size", "9x7", "--json", cwd=odd_names, env=environment
    )
    assert ran.code == 0, ran.err
    assert set(os.listdir(os.fsencode(out))) == {*ODD_NAMES, b".ffprep"}
    told = {os.path.basename(os.fsencode(d["output"])) for d in ran.results.values()}
    assert told == set(ODD_NAMES)
    assert ffprep("check", out, "--size", "9x7").code == 0


def test_names_on_the_command_line_and_on_stdin(ffprep, odd_names: Path, tmp_path: Path) -> None:
    def names(ran, out: str) -> set[bytes]:
        assert ran.code == 0, ran.err
        return set(os.listdir(os.fsencode(tmp_path / out))) - {b".ffprep"}

    size = ["--size", "9x7"]
    ran = ffprep("convert", "-o", tmp_path / "1", *size, "--", *ODD_NAMES, cwd=odd_names)
    assert names(ran, "1") == set(ODD_NAMES)
    listed = b"\0".join(ODD_NAMES) + b"\0"
    ran = ffprep("convert", "-0", "-", "-o", tmp_path / "2", *size, stdin=listed, cwd=odd_names)
    assert names(ran, "2") == set(ODD_NAMES)
    lines = [name for name in ODD_NAMES if b"\n" not in name]
    ran = ffprep(
        "convert", "-", "-o", tmp_path / "3", *size, stdin=b"\n".join(lines), cwd=odd_names
    )
    assert names(ran, "3") == set(lines)


def test_the_commands_of_a_dry_run_make_the_same_outputs(
    ffprep, odd_names: Path, tmp_path: Path
) -> None:
    see_through = ramp(60, 40)
    see_through.putalpha(90)
    see_through.save(odd_names / "alpha.avif")  # read by way of Pillow, through a pipe
    ramp(60, 40).save(odd_names / "plain.png")
    real, dry = tmp_path / "real", tmp_path / "dry one"
    arguments = ["--size", "31x17", "--mode", "pad", "--format", "png"]
    ran = ffprep("convert", odd_names, "-o", dry, *arguments, "--dry-run=commands")
    assert (ran.code, dry.exists()) == (0, False)
    subprocess.run(["sh", "-e"], input=ran.out, check=True, capture_output=True)
    assert ffprep("convert", odd_names, "-o", real, *arguments).code == 0
    made = sorted(set(os.listdir(os.fsencode(real))) - {b".ffprep"})
    assert made == sorted(os.listdir(os.fsencode(dry)))
    assert len(made) == len(ODD_NAMES) + 2
    for name in made:
        there, here = (os.fsencode(folder) + b"/" + name for folder in (real, dry))
        assert Path(os.fsdecode(there)).read_bytes() == Path(os.fsdecode(here)).read_bytes()


def test_two_sources_of_one_output_fail_and_the_rest_is_converted(
    ffprep, photos: Path, tmp_path: Path
) -> None:
    ramp(50, 50).save(photos / "a.png")
    ran = ffprep("convert", photos, "-o", tmp_path / "out", "--size", "8x8", "--json")
    assert (ran.code, ran.kinds()) == (1, {"a.jpg": "collision", "a.png": "collision"})
    assert not (tmp_path / "out/a.jpg").exists()
    ran = ffprep(
        "convert", photos, "-o", tmp_path / "out", "--size", "8x8", "--names", "{n}-{stem}"
    )
    assert (ran.code, len(list((tmp_path / "out").glob("*-a.jpg")))) == (0, 2)


def test_a_source_is_never_overwritten(ffprep, photos: Path, tmp_path: Path) -> None:
    before = (photos / "a.jpg").read_bytes()
    (tmp_path / "link").symlink_to(photos)
    for out in (photos, photos / "a.jpg", tmp_path / "link", tmp_path / "link/a.jpg"):
        ran = ffprep("convert", photos / "a.jpg", "-o", out, "--size", "8x8", "--json")
        assert (ran.code, ran.kinds()) == (1, {"a.jpg": "collision"})
    assert (photos / "a.jpg").read_bytes() == before


def test_preserve_times(ffprep, photos: Path, tmp_path: Path) -> None:
    os.utime(photos / "a.jpg", (1_000_000_000, 1_000_000_000))
    arguments = ["-o", tmp_path / "o.jpg", "--size", "8x8", "--preserve-times"]
    assert ffprep("convert", photos / "a.jpg", *arguments).code == 0
    assert (tmp_path / "o.jpg").stat().st_mtime == 1_000_000_000


def test_options_reach_the_pixels(ffprep, photos: Path, tmp_path: Path) -> None:
    arguments = ["--size", "200x80", "--mode", "pad", "--background", "rebeccapurple"]
    assert ffprep("convert", photos / "a.jpg", "-o", tmp_path / "o.png", *arguments).code == 0
    assert opened(tmp_path / "o.png").getpixel((0, 0)) == (102, 51, 153)
    sizes = []
    for quality in (30, 60, 95):
        ffprep(
            "convert",
            photos / "a.jpg",
            "-o",
            tmp_path / "q.jpg",
            "--size",
            "120x80",
            "--quality",
            quality,
        )
        sizes.append((tmp_path / "q.jpg").stat().st_size)
    assert sizes == sorted(set(sizes))
    whole, left = opened(photos / "a.jpg"), tmp_path / "left.png"
    ffprep("convert", photos / "a.jpg", "-o", left, "--size", "60x80", "--focus", "left")
    assert psnr(opened(left), whole.crop((0, 0, 60, 80))) > 40


def test_a_user_mode(ffprep, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    mode = tmp_path / "own/upside-down.toml"
    step = (
        '[[step]]\nfilter = "scale"\nw = "{width}"\nh = "{height}"\n\n[[step]]\nfilter = "vflip"\n'
    )
    mode.write_text(f'summary = "Stand it on its head."\nkeeps = "everything"\n\n{step}')
    own = ["--modes-dir", tmp_path / "own"]
    arguments = ["--size", "120x80", "--mode", "upside-down", *own]
    assert ffprep("convert", photos / "a.jpg", "-o", tmp_path / "o.png", *arguments).code == 0
    turned = opened(photos / "a.jpg").transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    assert psnr(opened(tmp_path / "o.png"), turned) > 40
    assert "Stand it on its head." in ffprep("modes", *own).out.decode()
    mode.write_text(step.replace("{width}", "{widht}"))
    ran = ffprep("modes", *own)
    assert ran.code == 3
    assert f"{mode}:3: step.w: unknown placeholder {{widht}}" in ran.err


def test_several_sizes_are_fresh_and_checked_each_by_itself(ffprep, tmp_path: Path) -> None:
    (tmp_path / "in/trip").mkdir(parents=True)
    for name in ("a.jpg", "trip/b.jpg"):
        ramp(90, 70).save(tmp_path / "in" / name)
    out, target = tmp_path / "out", ["--target", "sora-2", "--upscale", "allow"]
    sizes = ["--size", "720x1280", "--size", "1280x720"]
    line = ["convert", tmp_path / "in", "-o", out, *target, *sizes, "--json"]
    assert ffprep(*line).code == 0
    made = {str(path.relative_to(out)): opened(path).size for path in out.rglob("*.jpg")}
    assert made == {
        f"sora-2/{width}x{height}/{name}": (width, height)
        for width, height in ((720, 1280), (1280, 720))
        for name in ("a.jpg", "trip/b.jpg")
    }
    (out / "sora-2/720x1280/a.jpg").unlink()
    assert b'"converted": 1, "fresh": 3' in ffprep(*line).out
    assert ffprep("check", out, *sizes).code == 0
    assert ffprep("check", out, *sizes[:2]).code == 1


def test_modes_in_the_configuration_folder_are_found(ffprep, home: Path) -> None:
    folder = home / ".config/ffprep/filters"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text('summary = "Mine."\n[[step]]\nfilter = "null"\n')
    assert "mine: Mine." in ffprep("modes").out.decode()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "0x5"], "is not a size"),
        ([], "no size is given"),
        (["--size", "8x8", "--target", "sora-2"], "sora-2 has no size 8x8"),
        (["--size", "8x8", "--target", "sora-2", "--target", "kling"], "goes with one --target"),
        (["--size", "8x8", "--size", "8x8"], "two pictures of each photo are the same"),
        (["--target", "sora-2", "--target", "sora-2"], "are the same: sora-2; leave one out"),
        (["--size", "8x8", "--size", "8x6", "--names", "x{stem}"], "tell them apart by --names"),
        (["--target", "sora-9"], "unknown target"),
        (["--target", "kling/4000x300"], "kling does not take 4000x300"),
        (["--target", "nova-reel", "--format", "webp"], "nova-reel does not take webp"),
        (["--target", "nova-reel", "--format", "same"], "nova-reel does not take webp"),
        (["--target", "kling", "--max-bytes", "11MB"], "kling takes 10000000 at most"),
        (
            ["--target", "nova-reel", "--format", "png", "--background", "transparent"],
            "the target does not take transparency",
        ),
        (["--target", "sora-2/99x99"], "sora-2 has no size 99x99"),
        (["--size", "8x8", "--mode", "zoom"], "unknown mode 'zoom'"),
        (["--size", "8x8", "--quality", "101"], "'101' is not a whole number from 1 to 100"),
        (["--size", "8x8", "--background", "blurple"], "is not a colour"),
        (["--size", "8x8", "--background", "transparent"], "no transparency"),
        (["--size", "8x8", "--focus", "2,2"], "is not a focus"),
        (["--size", "8x8", "--names", "{nome}"], "unknown field {nome}"),
        (["--size", "8x8", "--jobs", "many"], "is neither auto nor a number from 1 to 1024"),
        (["--size", "8x8", "--filters", "/nowhere/at/all"], "the folder does not exist"),
        (["--target", "ltx", "--targets", "/nowhere/at.toml"], "the file does not exist"),
        (["--size", "8x8", "--mode", ""], "--mode is empty"),
        (["--size", "8x8", "--scene", ""], "--scene is empty"),
        (["--size", "8x8", "--max-loss", "\u0661"], "is not a fraction"),
        (["--size", "99999x9", "--format", "webp"], "too large for webp"),
    ],
)
def test_usage_errors(ffprep, photos: Path, tmp_path: Path, arguments, words: str) -> None:
    ran = ffprep("convert", photos, "-o", tmp_path / "out", *arguments)
    assert ran.code == 2
    assert words in ran.err
    assert "Traceback" not in ran.err
    assert not (tmp_path / "out").exists()


def test_impossible_outputs_are_refused(ffprep, photos: Path, tmp_path: Path) -> None:
    size = ["--size", "8x8"]
    ran = ffprep("convert", photos / "a.jpg", "-o", tmp_path / "o.gif", *size)
    assert (ran.code, "does not write .gif" in ran.err) == (2, True)
    ran = ffprep("convert", photos / "a.jpg", "-o", tmp_path / "o.jpg", "--format", "png", *size)
    assert (ran.code, "has the suffix of jpeg" in ran.err) == (2, True)
    (tmp_path / "file").touch()
    ran = ffprep("convert", photos, "-o", tmp_path / "file", *size)
    assert (
        ran.code,
        "needs an output folder" in ran.err or "need an output folder" in ran.err,
    ) == (2, True)
    ran = ffprep("convert", "-o", tmp_path / "out", *size)
    assert (ran.code, "no SOURCE" in ran.err) == (2, True)


def test_faults_of_the_environment_are_not_those_of_photos(
    ffprep, photos: Path, tmp_path: Path
) -> None:
    convert = ["convert", photos, "-o", tmp_path / "out", "--size", "8x8"]
    ran = ffprep(*convert, "--ffmpeg", tmp_path / "nothing")
    assert (ran.code, "cannot be run as ffmpeg" in ran.err) == (3, True)
    old = tmp_path / "old"
    old.write_text("#!/bin/sh\necho ffmpeg version 5.1.9-0+deb12u1 Copyright\n")
    old.chmod(0o755)
    ran = ffprep(*convert, env={**os.environ, "FFPREP_FFMPEG": str(old)})
    assert ran.code == 3
    assert len(ran.err.splitlines()) == 1
    assert "ffmpeg 5.1.9-0+deb12u1, and ffprep needs 9.0 or newer" in ran.err
    ran = ffprep(*convert, "--log-file", tmp_path / "no/such/folder/log")
    assert (ran.code, "--log-file" in ran.err) == (3, True)


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="no other ffmpeg is installed")
def test_another_ffmpeg_works_or_is_refused(ffprep, photos: Path, tmp_path: Path) -> None:
    other = shutil.which("ffmpeg")
    ran = ffprep("convert", photos, "-o", tmp_path / "out", "--size", "27x21", "--ffmpeg", other)
    if ran.code == 3:
        assert "needs 9.0 or newer" in ran.err
    else:
        assert ffprep("check", tmp_path / "out", "--size", "27x21").code == 0


def convert_command(photos: Path, tmp_path: Path) -> list[object]:
    command = [sys.executable, "-m", "ffprep", "convert", photos, "-o", tmp_path / "out"]
    return [*command, "--size", "8x8"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_run_and_prints_the_summary(
    home: Path, photos: Path, tmp_path: Path, number: int
) -> None:
    argv = convert_command(photos, tmp_path)
    argv += ["--ffmpeg", slow_ffmpeg(tmp_path), "--json"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: temporaries(tmp_path / "out"))
    process.send_signal(number)
    out, err = process.communicate(timeout=60)  # a second on an idle machine; ffmpeg takes 600
    assert process.returncode == 128 + number
    assert b"interrupted; 0 converted" in err
    assert json.loads(out.splitlines()[-1])["summary"]["converted"] == 0
    assert not temporaries(tmp_path / "out")


def unread(pipe: IO[bytes]) -> int:
    """Return how many bytes were written to a pipe but not read."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_an_interrupt_while_names_are_read_from_stdin(home: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "ffprep", "convert", "-", "-o", tmp_path / "out", "--size", "8x8"]
    pipe = subprocess.PIPE
    process = subprocess.Popen([*argv, "--json"], stdin=pipe, stdout=pipe, stderr=pipe)
    assert process.stdin
    process.stdin.write(b"a na")
    process.stdin.flush()
    until(lambda: unread(process.stdin) == 0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, json.loads(out)["summary"]["converted"]) == (130, 0)
    assert err.startswith(b"ffprep: interrupted; 0 converted in ")


def test_a_terminal_has_a_bar_with_counts_and_colours(
    home: Path, photos: Path, tmp_path: Path
) -> None:
    (photos / "bad.jpg").write_text("no picture")
    argv = convert_command(photos, tmp_path)
    code, text = on_terminal(argv)
    assert code == 1
    assert re.search(r"\| [0-3]/3 .*left", text)
    assert re.search(r"ffprep: \x1b\[32m2 converted\x1b\[0m, \x1b\[31m1 failed\x1b\[0m", text)
    assert text.count("bad.jpg: \x1b[31munsupported\x1b[0m: is not a picture") == 1
    listing = f"  to see them again: `ffprep status {tmp_path}/out --failed`"
    assert text.splitlines()[-1] == listing
    for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        code, text = on_terminal(argv, **variables)
        assert (code, "\x1b[3" in text) == (1, False)
        assert "ffprep: 0 converted, 2 fresh, 1 failed (0 new), 1 skipped" in text


@pytest.mark.parametrize("rows", [16, 60])
def test_ten_failures_with_wide_names_fit_on_the_screen(
    home: Path, tmp_path: Path, rows: int
) -> None:
    (tmp_path / "in").mkdir()
    for number in range(12):
        name = f"{number:02}-\u5199\u771f\u65c5\u884c\U0001f3d4" + "e\u0301" * 60
        (tmp_path / f"in/{name}.jpg").write_text("no picture")
    argv = [sys.executable, "-m", "ffprep", "convert", "in", "-o", "out", "--size", "8x8"]
    _, text = on_terminal(argv, columns=60, rows=rows, cwd=tmp_path, NO_COLOR="1")
    named = [line for line in text.splitlines() if line.startswith("  in/")]
    assert len(named) == 10
    assert all(columns_of(line) <= 60 for line in named) == (rows == 16)
    assert all(": unsupported: is not a" in line for line in named)
    assert all(line.endswith("\u2026") for line in named) == (rows == 16)
    assert "  and 2 more that failed: see `ffprep status out --failed`" in text


def columns_of(text: str) -> int:
    """Return how many columns a terminal needs for a text."""
    widths = (0 if unicodedata.combining(c) else 1 for c in text)
    return sum(widths) + sum(unicodedata.east_asian_width(c) in "WF" for c in text)


def test_check_and_info_count_on_a_terminal(ffprep, home: Path, photos: Path) -> None:
    ramp(8, 6).save(photos / "small.png")
    argv = [sys.executable, "-m", "ffprep"]
    code, text = on_terminal([*argv, "check", photos, "--size", "120x80"], NO_COLOR="1")
    assert code == 1
    assert re.search(r"\| [0-3]/3 .*left", text)
    assert text.splitlines()[-1] == "ffprep: 1 verified, 2 failed"
    code, text = on_terminal([*argv, "info", photos], NO_COLOR="1")
    assert (code, text.splitlines()[-1]) == (0, "ffprep: 3 read")
    for reader, has_bar in (("| cat", False), ("> lines", True)):
        line = f"{sys.executable} -m ffprep info {photos} {reader}"
        code, text = on_terminal(["sh", "-c", line], cwd=photos)
        assert (code, "/3 " in text, "3 read" in text) == (0, has_bar, True)
    assert ffprep("check", photos, "--size", "120x80").err == ""


def test_check_quotes_the_error_of_the_video_api(ffprep, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert ffprep("convert", photos, "-o", out, "--target", "sora-2/1280x720").code == 0
    ran = ffprep("check", out, "--target", "sora-2")
    assert (ran.code, ran.out, ran.err) == (0, b"", "")
    ramp(1280, 719).save(out / "short.jpg")
    ran = ffprep("check", out, "--target", "sora-2/1280x720")
    assert ran.code == 1
    assert ran.out.decode() == (
        f"{out}/short.jpg: Inpaint image must match the requested width and height "
        "(it is 1280x719, not 1280x720)\n"
    )
    ran = ffprep("check", out, "--size", "1280x720")
    words = "it is 1280x719, not 1280x720"
    assert (ran.code, ran.out.decode()) == (1, f"{out}/short.jpg: {words}\n")
    (out / "cut.jpg").write_bytes((out / "a.jpg").read_bytes()[:-300])
    ran = ffprep("check", out, out / "gone.jpg", "--target", "sora-2-pro/landscape_720p", "--json")
    broken = {os.path.basename(d["path"]): d["broken"] for d in ran.lines if d["broken"]}
    assert set(broken) == {"short.jpg", "cut.jpg", "gone.jpg"}
    assert broken["cut.jpg"][0].startswith("damaged")


def test_check_knows_formats_and_orientation(ffprep, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    ramp(1280, 720).save(tmp_path / "turned.jpg", exif=exif)
    ramp(1280, 720).save(tmp_path / "picture.gif")
    ran = ffprep("check", tmp_path, "--target", "sora-2")
    told = ran.out.decode().splitlines()
    assert ran.code == 1
    assert "it is gif, not jpeg or png or webp" in told[0]
    assert "EXIF orientation 6" in told[1]


def test_info_shows_what_files_contain(ffprep, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    ramp(120, 80).save(tmp_path / "phone.jpg", exif=exif)
    ramp(20, 10).save(tmp_path / "lie.jpg", "PNG")
    (tmp_path / "bad.jpg").write_text("words")
    ran = ffprep("info", tmp_path)
    bad, lie, phone = ran.out.decode().splitlines()
    assert ran.code == 1
    assert "bad.jpg: unsupported: is not a picture" in bad
    assert "lie.jpg: png 20x10, RGB, named .jpg" in lie
    assert "phone.jpg: jpeg 80x120, RGB, stored as 120x80, EXIF orientation 6" in phone
    ran = ffprep("info", tmp_path / "phone.jpg", "--json")
    (told,) = ran.lines
    assert (told["width"], told["height"], told["stored"]) == (80, 120, "120x80")


def test_info_shows_what_will_be_dropped(ffprep, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"  # a place
    ramp(32, 32).save(tmp_path / "a.jpg", exif=exif, comment=b"by night")
    Image.new("I;16", (8, 8)).save(tmp_path / "b.png")
    ramp(32, 32).save(tmp_path / "c.gif", save_all=True, append_images=[ramp(32, 16), ramp(8, 8)])
    told = {
        Path(d["path"]).name: d for d in ffprep("info", tmp_path, "--json").lines if "path" in d
    }
    assert told["a.jpg"]["dropped"] == ["EXIF", "place", "comment"]
    assert (told["b.png"]["depth"], told["b.png"]["dropped"]) == (
        16,
        ["16 bits a channel become 8"],
    )
    assert told["c.gif"]["dropped"] == ["2 of 3 frames"]


@pytest.mark.parametrize(
    "words", ["--focus top", "--crop-bounds 0,0,1,0.5", "--scene ui", "--max-loss 0.1"]
)
def test_options_about_the_frame_need_a_size(ffprep, tmp_path: Path, words: str) -> None:
    ramp(64, 48).save(tmp_path / "a.jpg")
    ran = ffprep("info", tmp_path / "a.jpg", *words.split())
    assert (ran.code, ran.out) == (2, b"")
    assert f"{words.split()[0]} needs a frame; say --size or --target" in ran.err
    assert ffprep("info", tmp_path / "a.jpg", *words.split(), "--size", "9x9").code == 0


def test_info_predicts_what_each_mode_does(ffprep, tmp_path: Path) -> None:
    ramp(640, 480).save(tmp_path / "a.jpg")
    ran = ffprep("info", tmp_path / "a.jpg", "--size", "1280x720")
    told = [line.strip() for line in ran.out.decode().splitlines()]
    cut = "25 % of the photo is cut (top 12.5 %, bottom 12.5 %)"
    assert f"cover at 1280x720: enlarged 2.00x, {cut}" in told
    assert "pad at 1280x720: enlarged 1.50x, 25 % of the frame is bars" in told
    (found,) = ffprep("info", tmp_path / "a.jpg", "--target", "sora-2", "--json").lines
    cover = [f for f in found["framings"] if (f["size"], f["mode"]) == ("1280x720", "cover")]
    assert [(f["factor"], f["lost"]) for f in cover] == [(2.0, 0.25)]
    assert len(found["framings"]) == 2 * 4


def test_upscale_allow_warn_and_fail(ffprep, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    ramp(64, 48).save(tmp_path / "in/small.jpg")
    ramp(640, 480).save(tmp_path / "in/large.jpg")
    arguments = ("convert", tmp_path / "in", "-o", tmp_path / "out", "--size", "128x96")
    warned = ffprep(*arguments)
    assert (warned.code, warned.out) == (0, b"")
    assert warned.err == f"ffprep: {tmp_path}/in/small.jpg: 64x48 enlarged 2.00x for 128x96\n"
    assert ffprep(*arguments, "--upscale", "allow").err == ""
    refused = ffprep(*arguments, "--upscale", "fail", "--json")
    assert (refused.code, refused.kinds()) == (1, {"small.jpg": "upscale"})


def test_lists_for_people_and_programs(ffprep) -> None:
    assert {m["name"] for m in ffprep("modes", "--json").lines} == {
        "auto",
        "blur",
        "cover",
        "fit",
        "pad",
        "stretch",
    }
    text = ffprep("targets").out.decode()
    assert "1792x1024 (landscape_1080p)" in text
    assert "ended on 2026-09-24" in text
    targets = {t["name"]: t for t in ffprep("targets", "--json").lines}
    assert set(targets["sora-2"]["sizes"].values()) == {"1280x720", "720x1280"}
    assert targets["sora-2-pro"]["formats"] == ["jpeg", "png", "webp"]


PLANTED_BUG = """from ffprep.core import fitting

def resolve_spec(*_):
    raise LookupError("planted")

fitting.resolve_spec = resolve_spec
"""


def test_a_bug_is_reported_as_a_bug(ffprep, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(PLANTED_BUG)
    ramp(9, 9).save(tmp_path / "a.jpg")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    arguments = ["convert", tmp_path / "a.jpg", "-o", tmp_path / "o.jpg", "--size", "8x8"]
    ran = ffprep(*arguments, "--json", env=environment)
    assert (ran.code, ran.kinds()) == (4, {"a.jpg": "internal"})
    ran = ffprep(*arguments, "--dry-run", env=environment)
    assert ran.code == 4
    assert "please report the lines above at https://" in ran.err


def test_startup_imports_no_heavy_package() -> None:
    heavy = {"PIL", "tqdm", "ffmpeg", "imageio_ffmpeg", "numpy", "pillow_heif"}
    code = "import ffprep.cli.main, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert not heavy & set(loaded.decode().split())


def test_dashes_empty_arguments_and_nul_separated_names(
    ffprep, photos: Path, tmp_path: Path
) -> None:
    size = ["--size", "8x8"]
    shutil.copy(photos / "a.jpg", photos / "-")
    ran = ffprep("convert", "./-", "-o", tmp_path / "out", *size, cwd=photos)
    assert (ran.code, set(os.listdir(tmp_path / "out"))) == (0, {"-.jpg", ".ffprep"})
    assert ffprep("convert", "", "-o", tmp_path / "out", *size).code == 2
    assert ffprep("convert", photos, "-o", "", *size).code == 2
    ran = ffprep("convert", "-", "-o", tmp_path / "out", *size, stdin=b"a\0b\0")
    assert (ran.code, "read it with -0" in ran.err) == (2, True)


@pytest.mark.parametrize("value", ["inf", "1e12"])
def test_a_time_limit_may_be_long(ffprep, photos: Path, tmp_path: Path, value: str) -> None:
    ran = ffprep("convert", photos, "-o", tmp_path / "o", "--size", "8x8", "--timeout", value)
    assert (ran.code, ran.err) == (0, "")


@pytest.mark.parametrize("value", ["nan", "0", "-1", "soon"])
def test_an_invalid_time_limit_is_refused(ffprep, photos: Path, tmp_path: Path, value: str) -> None:
    ran = ffprep("convert", photos, "-o", tmp_path / "o", "--size", "8x8", "--timeout", value)
    assert (ran.code, "not a duration above 0" in ran.err) == (2, True)


def test_closed_streams(home: Path, photos: Path, tmp_path: Path) -> None:
    command = f"{sys.executable} -m ffprep convert {photos} -o {tmp_path}/out --size 8x8"
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        assert subprocess.run(f"{command} {closed}", shell=True).returncode == 0
        assert (tmp_path / "out/a.jpg").is_file()
    ran = subprocess.run(f"{command} - <&-", shell=True, capture_output=True)
    assert (ran.returncode, b"standard input is closed" in ran.stderr) == (2, True)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize("arguments", ["--json > /dev/full", "--dry-run > /dev/full"])
def test_full_streams_are_reported_in_a_sentence(
    home: Path, photos: Path, tmp_path: Path, arguments: str
) -> None:
    command = (
        f"{sys.executable} -m ffprep convert {photos} -o {tmp_path}/out --size 8x8 {arguments}"
    )
    ran = subprocess.run(command, shell=True, capture_output=True, text=True)
    words = "cannot write to the standard output: no space left on device"
    assert (ran.returncode, ran.stderr) == (3, f"ffprep: {words}\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize("arguments", ["--json > /dev/full", "-v 2> /dev/full"])
def test_a_run_that_a_full_stream_ends_leaves_no_temporaries(
    home: Path, tmp_path: Path, arguments: str
) -> None:
    Image.linear_gradient("L").resize((9, 9)).save(tmp_path / "0.jpg")
    Image.linear_gradient("L").resize((4000, 3000)).save(tmp_path / "1.png")
    for number in (2, 3):
        os.link(tmp_path / "1.png", tmp_path / f"{number}.png")
    command = f"{sys.executable} -m ffprep convert . -o out --size 8x8 --jobs 2 {arguments}"
    assert subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True).returncode == 3
    assert list((tmp_path / "out").glob(".ffprep-*")) == []


def test_the_reader_of_the_output_may_stop(home: Path) -> None:
    command = f"{sys.executable} -m ffprep modes | true; exit ${{PIPESTATUS[0]}}"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert ran.stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize(
    ("arguments", "code"), [("nothing.jpg", 3), ("nothing.jpg -v", 3), ("nothing.jpg --jobs 0", 2)]
)
def test_a_full_stderr_leaves_the_exit_code(
    home: Path, tmp_path: Path, arguments: str, code: int
) -> None:
    command = (
        f"{sys.executable} -m ffprep convert -o out --size 8x8 --summary-file s.json {arguments}"
    )
    ran = subprocess.run(f"{command} 2>/dev/full", shell=True, cwd=tmp_path)
    assert ran.returncode == code
    if code == 3:
        assert json.loads((tmp_path / "s.json").read_text())["exit_code"] == code


@pytest.mark.parametrize("arguments", ["--json", "-v 2>&1"])
def test_a_closed_pipe_is_not_a_failed_photo(
    home: Path, photos: Path, tmp_path: Path, arguments: str
) -> None:
    command = f"{sys.executable} -m ffprep convert {photos} -o out --size 8x8 --summary-file s.json"
    command = f"{command} {arguments} | true; exit ${{PIPESTATUS[0]}}"
    ran = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True)
    assert (ran.returncode, ran.stderr) == (141, b"")
    assert json.loads((tmp_path / "s.json").read_text())["exit_code"] == 141


@pytest.mark.slow
def test_an_interrupted_check_exits_with_130(home: Path, tmp_path: Path) -> None:
    listing = tmp_path / "photos"
    listing.mkdir()
    ramp(2000, 1500).save(listing / "0.png")
    for number in range(1, 400):
        os.link(listing / "0.png", listing / f"{number}.png")
    argv = [sys.executable, "-m", "ffprep", "check", listing, "--size", "2000x1500", "--json"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130


def test_dry_run_as_json(ffprep, photos: Path, tmp_path: Path) -> None:
    ran = ffprep("convert", photos, "-o", tmp_path / "out", "--size", "8x8", "--dry-run", "--json")
    *lines, last = ran.lines
    planned = [line for line in lines if line["status"] == "planned"]
    assert [os.path.basename(line["pipeline"][-1][-1]) for line in planned] == ["a.jpg", "b.jpg"]
    assert last["summary"]["to_convert"] == 2
