"""Faults outside photos: an ffmpeg that fails or lies, files and disks that change meanwhile."""

import os
import resource
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from ffprep.conversion.ffmpeg_binary import Binary, find
from ffprep.core.job import LocalJob, Result
from ffprep.core.policy import Policy
from ffprep.errors import Kind, PhotoError
from ffprep.system import files
from ffprep.system.files import open_regular
from tests.conversion.test_converter import PNG, SPEC, convert, detail, kind, left_over, one
from tests.support.ffmpegs import INPUTS, fake_ffmpeg
from tests.support.pictures import opened, ramp
from tests.support.processes import until_ended

pytestmark = pytest.mark.slow

CRASHES = dict.fromkeys(["SEGV", "ABRT", "BUS", "FPE", "ILL"], Kind.DAMAGED)
SIGNALS = CRASHES | dict.fromkeys(["KILL", "TERM", "HUP", "XCPU", "XFSZ"], Kind.IO)
FRAME = '"[Parsed_showinfo_0 @ 0x7f] [info] n:   0 pts: 0 fmt:x s:90x70 i:P"'
ALONE = {signal: (f"kill -{signal} $$", kind) for signal, kind in SIGNALS.items()} | {
    "hang": ("sleep 600", Kind.TIMEOUT),
    "deaf": ("trap '' TERM INT HUP; while :; do sleep 1; done", Kind.TIMEOUT),
    "chatter": ("while :; do echo '[mjpeg @ 0x1] [error] overread 8'; done >&2", Kind.TIMEOUT),
    "nothing": ("exit 0", None),  # Pillow's pixels go another way, and that is open
    "nothing, and says otherwise": (f"echo {FRAME} >&2", None),
    "wrong size": (f'cp "$HERE/other" "$out"; echo {FRAME} >&2', Kind.IO),
    "half": ('"$REAL" "$@"; truncate -s 400 "$out"', Kind.IO),
    "another format": (f'cp "$HERE/other.png" "$out"; echo {FRAME} >&2', Kind.IO),
}


@pytest.fixture
def jobs(tmp_path: Path) -> list[LocalJob]:
    """Six photos; the fakes below fail at number 2."""
    (tmp_path / "in").mkdir()
    ramp(90, 70).save(tmp_path / "other", "JPEG")
    ramp(SPEC.size.width, SPEC.size.height).save(tmp_path / "other.png")
    sources = [tmp_path / f"in/{number}.jpg" for number in range(6)]
    for source in sources:
        detail(90, 70).save(source)
    return [LocalJob(source, tmp_path / f"out/{source.name}", SPEC) for source in sources]


def at_photo(number: int, body: str) -> str:
    """Misbehave at one photo only; streams end at once, so that it is met alone."""
    words = f'case "$({INPUTS})" in *%d*) exit 0;; */{number}.jpg*) {body}'
    return words + ';; *) exec "$REAL" "$@";; esac'


def kinds(results: list[Result]) -> dict[str, Kind | None]:
    return {result.source.name: kind(result) for result in results if result.failure}


def is_whole(job: LocalJob) -> bool:
    return opened(job.output).size == (SPEC.size.width, SPEC.size.height)


@pytest.mark.parametrize("fault", ALONE)
def test_a_fault_at_one_photo_fails_one_photo(
    tmp_path: Path, jobs: list[LocalJob], fault: str
) -> None:
    body, expected = ALONE[fault]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    binary = fake_ffmpeg(tmp_path, at_photo(2, body))
    timeout = 5 if expected is Kind.TIMEOUT else 60
    results = convert(*jobs, binary=binary, policy=Policy(timeout=timeout))
    assert kinds(results) == ({"2.jpg": expected} if expected else {})
    whole = [job for job in jobs if job != jobs[2] or not expected]
    assert sorted(os.listdir(tmp_path / "out")) == [job.output.name for job in whole]
    assert all(is_whole(job) for job in whole)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # in kB


# $in is the folder of links: without one, the stream ends there.
IN_STREAM = {
    signal: f'rm "$in/3"; "$REAL" "$@"; kill -{signal} $$' for signal in ("SEGV", "KILL")
} | {
    "nothing": "exit 0",
    "half": 'rm "$in/3"; "$REAL" "$@"; truncate -s 400 "$in/../out/2"',
    "wrong size": 'rm "$in/3"; "$REAL" "$@"; cat "$HERE/other" > "$in/../out/2"',
    "chatter": 'rm "$in/3"; "$REAL" "$@"; head -c 3000000 /dev/zero >&2',
    "children": '"$REAL" "$@"; sleep 600 & sleep 600 & exit 0',
}


@pytest.mark.parametrize("fault", IN_STREAM)
def test_photos_of_a_failed_stream_are_converted_alone(
    tmp_path: Path, jobs: list[LocalJob], fault: str
) -> None:
    find_in = "for a; do case $a in file:*/in/%d) in=${a#file:}; in=${in%/%d};; esac; done"
    body = f'{find_in}; case "$*" in *%d*) {IN_STREAM[fault]};; *) exec "$REAL" "$@";; esac'
    results = convert(*jobs, binary=fake_ffmpeg(tmp_path, body))
    assert kinds(results) == {}
    assert len(results) == len(jobs)
    assert all(is_whole(job) for job in jobs)
    assert left_over(tmp_path) == []


def test_no_process_is_left_running(tmp_path: Path, jobs: list[LocalJob]) -> None:
    body = f'sleep 600 & echo $! >> {tmp_path}/pids; "$REAL" "$@"'
    assert kinds(convert(*jobs, binary=fake_ffmpeg(tmp_path, body))) == {}
    until_ended(*map(int, (tmp_path / "pids").read_text().split()))


def test_an_error_of_the_embedded_ffmpeg_is_internal(tmp_path: Path, jobs: list[LocalJob]) -> None:
    wrong = fake_ffmpeg(tmp_path, ALONE["wrong size"][0])
    (lies,) = convert(jobs[0], binary=wrong)
    assert lies.failure
    assert f"{wrong.path} failed (the output is 90x70, not 64x48)" in lies.failure.message
    (bug,) = convert(jobs[0], binary=Binary(wrong.path, "9.9", embedded=True))
    assert kind(bug) is Kind.INTERNAL
    assert find().embedded


# --- With the real one.
@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A disk of its own, by the options of a tmpfs; again for the same one with others."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options: str) -> Path:
        again = "remount," if os.path.ismount(place) else ""
        argv = ["mount", "-t", "tmpfs", "-o", again + options, "none", place]
        if not shutil.which("mount") or subprocess.run(argv, capture_output=True).returncode:
            pytest.skip("no right to mount a disk")
        return place

    yield mount
    if os.path.ismount(place):
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize(("size", "format"), [("4k", "webp"), ("90k", "jpeg"), ("90k", "png")])
def test_a_full_disk_stops_the_run_and_the_next_one_completes(
    ffprep, disk: Callable[[str], Path], jobs: list[LocalJob], format: str, size: str
) -> None:
    for job in jobs:
        detail(320, 240).save(job.source, quality=95)
    out = disk(f"size={size}") / "out"
    arguments = ["convert", jobs[0].source.parent, "-o", out, "--size", "320x240"]
    ran = ffprep(*arguments, "--format", format, "--json")
    assert (ran.code, ran.summary["failed"]) == (3, 0)
    assert ran.err.splitlines()[-1] == f"ffprep: no space left in {out}; make room and run again"
    whole = [opened(path).size for path in out.glob("[!.]*")]
    assert set(whole) <= {(320, 240)}
    assert left_over(out.parent) == []
    disk("size=9m")
    assert ffprep(*arguments, "--format", format).code == 0
    assert len(list(out.glob("[!.]*"))) == len(jobs)


def test_an_unwritable_output_folder_is_reported(
    ffprep, disk: Callable[[str], Path], jobs: list[LocalJob]
) -> None:
    if os.geteuid() == 0:  # whom rights do not bind
        out = disk("ro,size=1m")
    else:
        out = jobs[0].source.parents[1] / "shut"
        out.mkdir(mode=0o555)
    words = ("convert", jobs[0].source.parent, "--size", "8x8", "--json", "-o")
    for ledger in ((), ("--ledger", "none")):  # once, before any work
        ran = ffprep(*words, out, *ledger)
        assert (ran.code, ran.out, len(ran.err.splitlines())) == (3, b"", 1)
        assert f"cannot write to {out}: " in ran.err
        ran = ffprep(*words, out / "below", *ledger)
        assert (ran.code, ran.kinds()) == (3, {})
        assert f"cannot create the output folder {out / 'below'}: " in ran.err
    for output in (out / "a.jpg", out / "below/a.jpg"):
        ran = ffprep("convert", jobs[0].source, "-o", output, "--size", "8x8")
        assert (ran.code, ran.out, len(ran.err.splitlines())) == (3, b"", 1)
        assert f"cannot write to {out}: " in ran.err
    photo = jobs[0].source
    nowhere = {"/proc/a.jpg": "/proc", "/proc/below/a.jpg": "/proc", photo / "a.jpg": photo}
    for output, folder in (nowhere | {"/proc": "/proc"}).items():
        ran = ffprep("convert", photo, "-o", output, "--size", "8x8")
        assert (ran.code, len(ran.err.splitlines())) == (3, 1)
        assert f"cannot write to {folder}: " in ran.err


REMOVE = 'rm -r "$HERE/out"; '


@pytest.mark.parametrize("when", [REMOVE + '"$REAL" "$@"', '"$REAL" "$@"; ' + REMOVE])
def test_an_output_folder_that_vanishes_is_reported(
    tmp_path: Path, jobs: list[LocalJob], when: str
) -> None:
    results = convert(*jobs, binary=fake_ffmpeg(tmp_path, when))
    assert set(kinds(results).values()) <= {Kind.IO}
    assert all(f"cannot write {r.output}" in r.failure.message for r in results if r.failure)
    first = f"[ -e {tmp_path}/once ] || {{ touch {tmp_path}/once; {REMOVE}}}; "
    once = fake_ffmpeg(tmp_path, first + 'exec "$REAL" "$@"')
    (tmp_path / "out").mkdir(exist_ok=True)
    assert kinds(convert(*jobs, binary=once)) == {}
    assert all(is_whole(job) for job in jobs)


def test_a_folder_that_appears_at_the_name_of_an_output(
    tmp_path: Path, jobs: list[LocalJob]
) -> None:
    body = f'mkdir -p {jobs[2].output}; exec "$REAL" "$@"'
    assert kinds(convert(*jobs, binary=fake_ffmpeg(tmp_path, body))) == {"2.jpg": Kind.IO}
    assert all(is_whole(job) for job in jobs if job != jobs[2])
    assert left_over(tmp_path) == []


def test_an_output_link_is_replaced_and_not_followed(tmp_path: Path, jobs: list[LocalJob]) -> None:
    precious = tmp_path / "precious"
    precious.write_text("not to be lost")
    (tmp_path / "out").mkdir()
    for job in jobs[:3]:
        job.output.symlink_to(precious)
    assert kinds(convert(*jobs)) == {}  # as a stream
    assert kinds(convert(jobs[1])) == {}
    assert precious.read_text() == "not to be lost"
    assert not any(job.output.is_symlink() for job in jobs)


def version(number: int) -> bytes:
    """Save a photo: version 0 is red and upright, 1 is blue and lies on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6 if number else 1
    out = Image.new("RGB", (600, 400), "blue" if number else "red")
    out.paste("white", (0, 0, 600, 90))  # the top, or the right side when turned
    file = BytesIO()
    out.save(file, "JPEG", exif=exif, quality=95)
    return file.getvalue()


def test_a_source_that_changes_is_converted_in_one_of_its_versions(tmp_path: Path) -> None:
    source, done = tmp_path / "in.jpg", threading.Event()
    source.write_bytes(version(0))

    def change() -> None:
        number = 0
        while not done.wait(0.002):
            number = 1 - number
            (tmp_path / "new").write_bytes(version(number))
            os.replace(tmp_path / "new", source)

    expected = [Image.new("RGB", (1, 1))] * 2
    for number in (0, 1):
        source.write_bytes(version(number))
        assert kind(one(source, PNG)) is None
        expected[number] = opened(tmp_path / "out/o")
    changing = threading.Thread(target=change)
    changing.start()
    try:
        for _ in range(25):
            result = one(source, PNG)
            if result.failure:
                assert kind(result) is Kind.IO
                assert "was changed while it was read" in result.failure.message
            else:
                assert opened(tmp_path / "out/o") in expected
    finally:
        done.set()
        changing.join()


@pytest.mark.parametrize("many", [True, False])
def test_a_source_that_changes_before_it_is_decoded_is_reported(
    tmp_path: Path, jobs: list[LocalJob], many: bool
) -> None:
    body = f'[ -e {tmp_path}/new ] && mv {tmp_path}/new {jobs[2].source}; exec "$REAL" "$@"'
    (tmp_path / "new").write_bytes(version(1))
    results = convert(*(jobs if many else jobs[2:3]), binary=fake_ffmpeg(tmp_path, body))
    assert kinds(results) == {"2.jpg": Kind.IO}
    assert not jobs[2].output.exists()


def specials(folder: Path) -> Iterator[Path]:
    os.mkfifo(folder / "fifo.jpg")
    yield folder / "fifo.jpg"
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(folder)  # since such a name may not be long
        listener.bind("socket.jpg")
        os.chdir(here)
        yield folder / "socket.jpg"
    (folder / "device.jpg").symlink_to("/dev/zero")
    yield folder / "device.jpg"
    (folder / "folder.jpg").mkdir()
    yield folder / "folder.jpg"


def test_special_files_are_refused_and_not_opened(ffprep, tmp_path: Path) -> None:
    for path in specials(tmp_path):
        (result,) = convert(LocalJob(path, tmp_path / "out/o.jpg", SPEC))
        assert kind(result) is Kind.UNSUPPORTED
        assert "is not a regular file" in result.failure.message  # type: ignore[union-attr]
    (tmp_path / "folder.jpg").rmdir()
    for command in (["info"], ["check", "--size", "8x8"]):
        ran = ffprep(*command, *sorted(tmp_path.glob("*.jpg")), "--json")
        assert [line["error"]["kind"] for line in ran.lines] == ["unsupported"] * 3
    ran = ffprep("convert", tmp_path, "-o", tmp_path / "out", "--size", "8x8", "--json")
    assert (ran.code, ran.summary["passed_over"]) == (0, 3)


@pytest.mark.parametrize("what", ["fifo.jpg", "device.jpg", "folder.jpg"])
def test_a_file_replaced_between_stat_and_open_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    other = next(path for path in specials(tmp_path) if path.name == what)
    source, look = tmp_path / "in.jpg", os.stat
    ramp(9, 9).save(source)

    def stat(path: Path, **options: bool) -> os.stat_result:
        found = look(path, **options)
        os.rename(source, tmp_path / "was")
        os.rename(other, source)
        return found

    monkeypatch.setattr(files.os, "stat", stat)
    with (
        pytest.raises(PhotoError, match=r"is not a regular file|is a directory"),
        open_regular(source),
    ):
        pass


@pytest.mark.parametrize("many", [True, False])
def test_a_fifo_in_the_place_of_a_photo_fails_only_that_photo(
    tmp_path: Path, jobs: list[LocalJob], many: bool
) -> None:
    source = jobs[2].source
    body = f'[ -p {source} ] || {{ rm {source}; mkfifo {source}; }}; exec "$REAL" "$@"'
    chosen = jobs if many else jobs[2:3]
    results = convert(
        *chosen, binary=fake_ffmpeg(tmp_path, body), policy=Policy(timeout=15 if many else 2)
    )
    assert kinds(results) == {"2.jpg": Kind.UNSUPPORTED}
    assert left_over(tmp_path) == []


def test_links_are_followed_only_on_request(ffprep, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "private").mkdir()
    ramp(40, 30).save(tmp_path / "private/letter.jpg")
    (tmp_path / "in/file.jpg").symlink_to("../private/letter.jpg")
    (tmp_path / "in/folder").symlink_to("../private")
    (tmp_path / "in/loop.jpg").symlink_to("loop.jpg")
    (tmp_path / "in/round").symlink_to(".")
    arguments = ["convert", tmp_path / "in", "-o", tmp_path / "out", "--size", "8x8", "--json"]
    ran = ffprep(*arguments)
    assert (ran.kinds(), ran.summary["passed_over"]) == ({"loop.jpg": "io"}, 3)
    assert "3 skipped (links; see --follow-links)" in ran.err
    assert list((tmp_path / "out").glob("**/*.jpg")) == []
    (tmp_path / "in/loop.jpg").unlink()
    assert "found only links" in ffprep(*arguments).err
    assert ffprep("info", tmp_path / "in").out == b""
    assert ffprep(*arguments, "--follow-links").code == 0
    made = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.jpg")}
    assert made == {"file.jpg", "folder/letter.jpg"}
    assert len(ffprep("info", tmp_path / "in", "--follow-links", "--json").lines) == 2
    short = ffprep("check", tmp_path / "in", "--size", "8x8", "--follow-links", "--json").lines
    assert len(short) == 2
