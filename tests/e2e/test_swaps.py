"""Files and folders that another program swaps for links while a run goes on."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.job import LocalJob, Places, Status
from ffprep.errors import Kind, PhotoError
from ffprep.system import own_folder
from ffprep.system.files import FileStamp, open_regular
from ffprep.system.tempfiles import sweep_folder, temporary_beside, temporary_name
from tests.conversion.test_converter import SPEC, convert, detail, kind
from tests.support.ffmpegs import fake_ffmpeg, script
from tests.support.pictures import opened

SECRET = 'password-hunter2 = "s3cr3t"\n'

# An ffmpeg that attacks first. `dotglob`: the files have hidden names too.
ATTACK = """shopt -s dotglob nullglob; cd {out}
for folder in .ffprep-*.part; do
  [ -d "$folder" ] && [ ! -e "{aside}/$folder" ] || continue
  {swap}
done
exec "$REAL" "$@"
"""
FOLDER = """mv "$folder" {aside}/; mkdir "$folder"
  for file in {aside}/"$folder"/*; do ln -s {victim} "$folder/${{file##*/}}"; done"""
FILES = """for file in "$folder"/*; do ln -s {victim} {aside}/link; mv {aside}/link "$file"; done"""


@pytest.mark.parametrize("count", [1, 3], ids=["alone", "stream"])
@pytest.mark.parametrize("swap", [FOLDER, FILES], ids=["folder", "files"])
def test_a_swapped_temporary_is_not_written_through(tmp_path: Path, swap: str, count: int) -> None:
    out, aside, victim = (tmp_path / name for name in ("out", "aside", "victim"))
    out.mkdir()
    aside.mkdir()
    victim.write_text("precious")
    jobs = []
    for number in range(count):
        detail().save(tmp_path / f"{number}.jpg")
        jobs.append(LocalJob(tmp_path / f"{number}.jpg", out / f"{number}.jpg", SPEC))
    places = {"out": out, "aside": aside, "victim": victim}
    body = ATTACK.format(swap=swap.format(**places), **places)
    results = convert(*jobs, binary=fake_ffmpeg(tmp_path, body))
    assert victim.read_text() == "precious"
    for result in results:
        if swap == FOLDER:
            assert result.status is Status.CONVERTED
            assert opened(result.output).size == (SPEC.size.width, SPEC.size.height)
        else:
            assert kind(result) is Kind.IO
            assert not os.path.lexists(result.output)
    assert not [path for path in out.glob("*.jpg") if path.is_symlink()]


def test_a_photo_that_becomes_a_link_is_not_published(ffprep, tmp_path: Path) -> None:
    photos, secret = tmp_path / "in", tmp_path / "secret.jpg"
    photos.mkdir()
    for name in ("in/a.jpg", "in/b.jpg", "secret.jpg"):
        detail().save(tmp_path / name)
    swap = f"ln -sf {secret} {tmp_path}/link; mv -T {tmp_path}/link {photos}/b.jpg"
    real = find().path
    body = f'[ "$1" = -version ] || {{ {swap}; }}; exec {real} "$@"'
    ffmpeg = script(tmp_path / "ffmpeg", body)
    options = ["-o", tmp_path / "out", "--size", "64x48", "--ffmpeg", ffmpeg, "--jobs", "1"]
    ran = ffprep("convert", photos, *options)
    assert ran.code == 1
    assert "b.jpg: io: was replaced by a link while the run went on" in ran.err
    assert [path.name for path in (tmp_path / "out").glob("*.jpg")] == ["a.jpg"]
    assert not list((tmp_path / "out").glob(".ffprep-*"))


def test_a_file_is_opened_only_where_it_was_listed(tmp_path: Path) -> None:
    real, top = f"{tmp_path}/in/sub/", f"{tmp_path}/in/"
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    for name in ("in/sub/a", "out/a", "out/b"):
        (tmp_path / name).write_text(name)
    photo, link = Path(real, "a"), Path(real, "link")
    link.symlink_to("a")
    places = Places(real, frozenset({"link"}), top)

    def read(path: Path) -> str:
        with open_regular(path, places.of(path.name)) as file:
            return file.read().decode()

    assert read(photo) == read(link) == "in/sub/a"
    assert FileStamp.of(photo, places.of("a")) == FileStamp.of(photo)
    link.unlink()
    link.symlink_to(tmp_path / "out/b")
    (tmp_path / "in/sub").rename(tmp_path / "in/moved")
    (tmp_path / "in/sub").symlink_to(tmp_path / "out")
    for path in (photo, Path(f"{tmp_path}/in/moved/link")):
        with pytest.raises(PhotoError, match="was replaced by a link") as raised:
            read(path)
        assert raised.value.kind is Kind.IO


def test_the_text_of_a_sidecar_that_leads_out_of_source_is_never_told(
    ffprep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    detail().save(tmp_path / "in/a.jpg")
    (tmp_path / "secret.toml").write_text(SECRET)
    (tmp_path / "in/a.jpg.ffprep.toml").symlink_to("../secret.toml")
    (tmp_path / "list").write_text("in/a.jpg\0")
    size = ["--size", "64x48"]
    for number, command in enumerate(
        (
            ["convert", "in", "-o", "out0"],
            ["convert", "-0", "--sources-from", "list", "-o", "out1"],
            ["convert", "in/a.jpg", "-o", "a-out.jpg"],
            ["info", "in/a.jpg"],
            ["info", "in"],
            ["compare", "in/a.jpg", "-o", "sheet.png"],
            ["submit", "in/a.jpg", "--prompt", "x", "--dry-run", "-o", "a.mp4"],
        )
    ):
        ran = ffprep(*command, *size)
        assert ran.code == 0, (number, ran.err)
        assert "hunter2" not in str(ran.out) + ran.err
    ran = ffprep("convert", "in/a.jpg", "-o", "b.jpg", "--follow-links", *size)
    assert ran.code == 1  # it is followed, and is no sidecar


def test_a_folder_without_own_folders_and_a_disk_without_renames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mkdir, rename = os.mkdir, os.rename

    def no_folder(path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        if dir_fd is not None:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        mkdir(path, mode)

    def no_move(source: str, to: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        if src_dir_fd != dst_dir_fd:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        rename(source, to, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    for name, refuse in (("mkdir", no_folder), ("rename", no_move)):
        with monkeypatch.context() as patched:
            patched.setattr(os, name, refuse)
            with temporary_beside(tmp_path / f"{name}.txt") as temporary:
                temporary.path.write_text("picture")
                temporary.publish()
        assert (tmp_path / f"{name}.txt").read_text() == "picture"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_temporary_folder_that_others_may_write_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def swapped(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if dir_fd is not None and flags & os.O_DIRECTORY:
            os.chmod(tmp_path / path, 0o777)  # as one that another user may write to
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(own_folder.os, "open", swapped)
    with (
        pytest.raises(PhotoError, match="replaced by another program"),
        temporary_beside(tmp_path / "a.jpg"),
    ):
        pass


def test_a_killed_runs_folder_of_temporary_files_is_swept(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    name = temporary_name().replace(f"-{os.getpid()}-", f"-{gone.pid}-")
    (tmp_path / name).mkdir(mode=0o700)
    (tmp_path / name / name).write_text("half")
    sweep_folder(os.fspath(tmp_path))
    assert list(tmp_path.iterdir()) == []
