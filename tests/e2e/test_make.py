"""Under GNU make, for real. FFPREP_MAKE names another make than the one of the path."""

import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pytest

from ffprep.config.modes import find_mode
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.geometry import Size
from ffprep.core.spec import Spec
from ffprep.library.plan import Plan
from ffprep.library.request import Rendition, Request
from ffprep.run.depfile import Depfile
from tests.support.pages import ROOT, Page
from tests.support.pictures import opened, ramp
from tests.support.processes import until_ended
from tests.support.waiting import until

pytestmark = pytest.mark.slow

MAKE = os.environ.get("FFPREP_MAKE", "make")
COMMAND = f"{sys.executable} -m ffprep"
NAMES = ["a b", "c#d", "e$f", "g%h", "i:j", "k=l", "m'n", "o|p", "q(1", "r)s", "~root", "t\\u", "é"]
"""Stems of names that both the rules and the depfiles can say."""


@dataclass
class Tree:
    """A folder with photos, and a Makefile that includes ffprep.mk."""

    folder: Path

    def write(self, *lines: str) -> None:
        """The Makefile."""
        first = ["FFPREP_SIZE ?= 64x48", f"include {ROOT}/scripts/deploy/ffprep.mk"]
        self.folder.joinpath("Makefile").write_text("\n".join([*first, *lines]) + "\n")

    def photo(self, name: str) -> Path:
        """A new photo."""
        path = self.folder / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        ramp(90, 70).save(path)
        return path

    def make(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run make; the command is ffprep's own unless the environment says otherwise."""
        return subprocess.run(
            [MAKE, *arguments],
            cwd=self.folder,
            env={**os.environ, "FFPREP": COMMAND, **environ},
            capture_output=True,
            text=True,
            timeout=300,
        )

    def made(self, *arguments: str, code: int = 0) -> set[str]:
        """Run make; the names of the photos, or folders, that ffprep was run for."""
        done = self.make("-j3", *arguments)
        assert done.returncode == code, done.stderr
        assert "tokens" not in done.stderr  # what make says when some were lost
        runs = [shlex.split(line) for line in done.stdout.splitlines() if " convert " in line]
        return {Path(run[-1]).name for run in runs}

    def outputs(self) -> set[str]:
        """The names of what is there."""
        return {path.name for path in self.folder.glob("ready/**/*.jpg")}


@pytest.fixture
def tree(home: Path, tmp_path: Path) -> Tree:
    return Tree(tmp_path)


@pytest.fixture(autouse=True, scope="module")
def interruptible() -> None:
    """What a shell starts with & ignores SIGINT, and so do all its children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def touch(path: Path) -> None:
    """Make a file newer than every file written before."""
    until_newer(path.parent)
    os.utime(path)


def until_newer(folder: Path) -> None:
    """Wait until a file written now is newer than every file written before."""
    probe = folder.parent / "clock"
    probe.touch()
    before = probe.stat().st_mtime_ns

    def newer() -> bool:
        probe.touch()
        return probe.stat().st_mtime_ns > before

    until(newer, poll=0.002)
    probe.unlink()


def test_a_rule_for_each_photo(tree: Tree) -> None:
    names = {"a.jpg", "b.png", "c.JPG"}
    for name in names:
        tree.photo(f"deep/{name}")
    tree.write("all: $(FFPREP_PICTURES)")
    assert tree.make("-n").returncode == 0
    assert not (tree.folder / "ready").exists()  # although there is a + in the recipe
    assert tree.made() == names
    assert tree.outputs() == {"a.jpg", "b.jpg", "c.jpg"}
    assert opened(tree.folder / "ready/deep/b.jpg").size == (64, 48)
    assert tree.made() == set()
    assert tree.make("-q").returncode == 0
    touch(tree.folder / "photos/deep/b.png")
    assert tree.make("-q").returncode == 1
    assert tree.made() == {"b.png"}
    (tree.folder / "photos/deep/a.jpg").unlink()
    assert tree.made() == set()
    assert tree.made("FFPREP_SIZE=60x60") == names - {"a.jpg"}
    assert tree.made("FFPREP_SIZE=60x60") == set()


@pytest.mark.parametrize("goal", ["FFPREP_PICTURES", "FFPREP_STAMP"])
def test_a_changed_mode_rebuilds_all_outputs(tree: Tree, goal: str) -> None:
    (tree.folder / "own modes").mkdir()
    mode = shutil.copy(ROOT / "filters/pad.toml", tree.folder / "own modes/mine.toml")
    tree.photo("a.jpg")
    tree.photo("b.jpg")
    tree.write("FFPREP_FLAGS := --mode mine --filters 'own modes'", f"all: $({goal})")
    assert tree.made()
    assert not tree.made()
    touch(Path(mode))
    assert tree.made() == ({"photos"} if goal == "FFPREP_STAMP" else {"a.jpg", "b.jpg"})
    assert not tree.made()


def test_a_photo_that_fails_fails_make_and_leaves_no_target(tree: Tree) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        tree.photo(name)
    whole = (tree.folder / "photos/b.jpg").read_bytes()
    (tree.folder / "photos/b.jpg").write_bytes(whole[: len(whole) // 2])
    tree.write("all: $(FFPREP_PICTURES)", "folder: $(FFPREP_STAMP)")
    assert tree.made("-k", code=2) == {"a.jpg", "b.jpg", "c.jpg"}
    assert tree.outputs() == {"a.jpg", "c.jpg"}
    assert not (tree.folder / "ready/.deps/b.jpg.d").exists()
    assert tree.made("folder", code=2) == tree.made("folder", code=2) == {"photos"}
    assert tree.made("folder", "-i") == {"photos"}
    assert not (tree.folder / "ready/.deps/folder.stamp").exists()
    (tree.folder / "photos/b.jpg").write_bytes(whole)
    assert tree.made("-k") == {"b.jpg"}
    assert tree.made("folder") == {"photos"}
    assert tree.made("folder") == set()


def test_a_missing_folder_of_photos_is_an_error(tree: Tree) -> None:
    tree.write("all: $(FFPREP_PICTURES)", "clean:; @:")
    done = tree.make()
    assert done.returncode == 2
    assert "No rule to make target 'photos'" in done.stderr
    assert tree.make("clean").returncode == 0


def test_a_stamp_for_a_folder(tree: Tree) -> None:
    tree.photo("a.jpg")
    (tree.folder / "photos/none/yet").mkdir(parents=True)
    tree.write("all: $(FFPREP_STAMP)")
    assert tree.made() == {"photos"}
    assert tree.made() == set()
    until_newer(tree.folder)
    tree.photo("none/yet/b.jpg")
    assert tree.made() == {"photos"}
    assert tree.outputs() == {"a.jpg", "b.jpg"}
    touch(tree.folder / "photos/a.jpg")
    assert tree.made() == {"photos"}
    until_newer(tree.folder)
    (tree.folder / "photos/a.jpg").unlink()
    assert tree.made() == {"photos"}
    assert tree.made() == set()


def test_changes_during_a_run_are_seen_by_the_next_make(tree: Tree) -> None:
    tree.photo("a.jpg")
    script = tree.folder / "command"
    script.write_text(f'#!/bin/sh\n{COMMAND} "$@"\nsleep 0.05; touch photos/a.jpg\n')
    script.chmod(0o755)
    tree.write("all: $(FFPREP_STAMP)")
    assert tree.make(FFPREP=str(script)).returncode == 0
    assert tree.made() == {"photos"}
    assert tree.made() == set()


def test_names_that_need_quoting_go_through_rules_and_depfiles(tree: Tree) -> None:
    names = {f"{stem}.jpg" for stem in NAMES if "\\" not in stem}
    for name in names:
        tree.photo(f"some # folder/{name}")
    tree.write("all: $(FFPREP_PICTURES)")
    assert tree.made() == names == tree.outputs()
    assert tree.made() == set()
    touch(tree.folder / "photos/some # folder/k=l.jpg")
    assert tree.made() == {"k=l.jpg"}


def plan_of(*sources: Path) -> Plan:
    return Plan.of(
        Request(sources, Path("out"), (Rendition(Spec(Size(64, 48), find_mode("cover"))),))
    )


def is_current(folder: Path, target: str) -> bool:
    """What make says of a target that a depfile has the rule for."""
    argv = [MAKE, "-q", "-r", "-f", "-", target]
    rules = b'include out.d\n%: ; @echo "$@"\n'
    done = subprocess.run(argv, cwd=folder, input=rules, capture_output=True)
    assert done.returncode < 2, done.stderr
    return done.returncode == 0


@pytest.mark.parametrize("stem", [*NAMES, *'[]*?{}"&!,@+<>^`-', "v[1]", "w\\ x", "y\\#z", "  "])
def test_make_reads_names_of_depfiles_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    photo, target = Path(f"{stem}.jpg"), f"to/{stem}.png"
    Path("to").mkdir()
    for path in (photo, Path(target), Path("v1.jpg"), Path("to/v1.png")):
        ramp(9, 7).save(path)
    os.utime(photo, (1e9, 1e9))
    assert Depfile(Path("out.d"), target).write(plan_of(photo)) == []
    assert is_current(tmp_path, target)
    touch(photo)
    assert not is_current(tmp_path, target)
    photo.unlink()
    assert not is_current(tmp_path, target)


def test_names_that_make_cannot_express_are_left_out_with_a_warning(ffprep, tmp_path: Path) -> None:
    names = ["a;b.jpg", "c\nd.jpg", "e\tf.jpg", "plain.jpg"]
    (tmp_path / "in (1)").mkdir()
    for name in names:
        ramp(90, 70).save(tmp_path / "in (1)" / name)
    common = ["-o", "out", "--size", "64x48", "--depfile", "out.d"]
    ran = ffprep("convert", "in (1)", *common, cwd=tmp_path)
    assert ran.code == 0
    assert len(ran.err.splitlines()) == 3
    assert "make cannot express in (1)/a;b.jpg" in ran.err
    assert r"c\nd.jpg" in ran.err
    rules = (tmp_path / "out.d").read_text()
    assert rules.startswith("out: in\\ (1)/plain.jpg\nin\\ (1)/plain.jpg:\n")
    assert "out: in\\ (1)/.\n" in rules
    assert ffprep("convert", "in (1)", *common, "--depfile-target", "a;b", cwd=tmp_path).code == 2


def test_a_depfile_is_written_atomically(ffprep, tmp_path: Path) -> None:
    ramp(90, 70).save(tmp_path / "a.jpg")
    depfile = tmp_path / "d/out.d"
    photo = ["convert", tmp_path / "a.jpg", "-o", tmp_path / "out.jpg"]
    common = [*photo, "--size", "64x48"]
    assert ffprep(*common, "--depfile", depfile, "--dry-run").code == 0
    larger = [*photo, "--size", "99x99", "--upscale", "fail"]
    assert ffprep(*larger, "--depfile", depfile).code == 1
    assert not depfile.exists()
    assert ffprep(*common, "--depfile", depfile).code == 0
    assert [p.name for p in depfile.parent.iterdir()] == ["out.d"]
    ran = ffprep(*common, "--depfile", tmp_path / "a.jpg/out.d")
    assert (ran.code, ran.err.count("\n")) == (3, 1)
    assert "--depfile" in ran.err


def test_a_depfile_names_the_configuration_files(ffprep, tmp_path: Path) -> None:
    ramp(90, 70).save(tmp_path / "a.jpg")
    (tmp_path / "list").write_text("a.jpg\n")
    (tmp_path / "ffprep.toml").write_text("[defaults]\nquality = 90\n")
    sizes = ["--size", "64x48", "--size", "32x24"]
    common = ["-o", "out", *sizes, "--depfile", "out.d", "--config", "ffprep.toml"]
    assert ffprep("convert", "--sources-from", "list", *common, cwd=tmp_path).code == 0
    rules = (tmp_path / "out.d").read_text().splitlines()
    assert rules.count("out: a.jpg") == 1
    assert {"out: a.jpg", "out: list", "list:", "out: ffprep.toml", "ffprep.toml:"} <= {*rules}
    # What comes through a pipe is gone the next time.
    piped = ["convert", "--sources-from", "/dev/stdin", *common]
    assert ffprep(*piped, cwd=tmp_path, stdin=b"a.jpg\n").code == 0
    assert "stdin" not in (tmp_path / "out.d").read_text()


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """An ffmpeg that keeps a record of itself; how many of it have run at once at most."""
    log = tmp_path / "running"
    script = tmp_path / "ffmpeg"
    script.write_text(
        f'#!/bin/sh\necho 1 >>"{log}"\n{find().path} "$@"; code=$?\n'
        f'sleep 0.4\necho -1 >>"{log}"\nexit $code\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("FFPREP_FFMPEG", str(script))
    return lambda: max(accumulate(map(int, log.read_text().split())))


def folders(tree: Tree, count: int, recipe: str) -> None:
    """Some folders of photos, and a rule for each, as a user would write it."""
    for folder in range(count):
        for number in range(16):
            tree.photo(f"{folder}/{number}.jpg")
    rules = [f"{n}:\n\t{recipe} photos/$@ -o ready/$@ --size 64x48" for n in range(count)]
    tree.write(f"all: {' '.join(map(str, range(count)))}", *rules)


@pytest.mark.parametrize("count", [1, 3])
def test_parallel_rules_run_one_ffmpeg_per_job_of_make(
    tree: Tree, counted: Callable[[], int], count: int
) -> None:
    folders(tree, count, "$(ffprep) convert")
    tree.made()
    assert len(list(tree.folder.glob("ready/**/*.jpg"))) == 16 * count
    assert 1 < counted() <= 3


def test_the_jobs_option_lowers_the_limit_of_make(tree: Tree, counted: Callable[[], int]) -> None:
    folders(tree, 1, "$(ffprep) convert --jobs 1")
    tree.made()
    assert counted() == 1


class FakeMake:
    """A jobserver of our own, so that its tokens can be counted: each is another letter."""

    def __init__(self, folder: Path, fifo: bool, tokens: bytes) -> None:
        self.tokens = tokens
        if fifo:  # as GNU make 4.4 does
            path = folder / "GM fifo"
            os.mkfifo(path)
            self.reader = self.writer = os.open(path, os.O_RDWR)
            place = "fifo:" + str(path).replace(" ", "\\ ")
            self.inherited: tuple[int, ...] = ()
        else:
            self.reader, self.writer = self.inherited = os.pipe()
            place = f"{self.reader},{self.writer} --jobserver-auth=-2,-2"  # as 4.4 has it
        self.flags = f"k -j{len(tokens) + 1} --jobserver-auth=9,9 --jobserver-auth={place} -- A=-j9"
        os.write(self.writer, tokens)

    def left(self) -> int:
        """How many tokens nobody holds."""
        count = bytearray(4)
        fcntl.ioctl(self.reader, termios.FIONREAD, count)
        return int.from_bytes(count, sys.byteorder)

    def start(self, *arguments: object, **options: object) -> "subprocess.Popen[bytes]":
        argv = [sys.executable, "-m", "ffprep", *map(str, arguments)]
        environ = {**os.environ, "MAKEFLAGS": self.flags}
        pipe = subprocess.PIPE
        return subprocess.Popen(argv, env=environ, pass_fds=self.inherited, stderr=pipe, **options)  # type: ignore[call-overload]

    def require_all(self) -> None:
        """That every token lies there again, and that reading still waits, as make wants it."""
        assert self.left() == len(self.tokens)
        assert os.get_blocking(self.reader)
        assert sorted(os.read(self.reader, 99)) == sorted(self.tokens)


@pytest.fixture(params=["pipe", "fifo"])
def fake_make(request: pytest.FixtureRequest, home: Path, tmp_path: Path) -> Iterator[FakeMake]:
    made = FakeMake(tmp_path, request.param == "fifo", b"xyz")
    yield made
    for descriptor in {made.reader, made.writer}:
        os.close(descriptor)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    ramp(90, 70).save(folder / "0.jpg")
    for number in range(1, 16):
        (folder / f"{number}.jpg").hardlink_to(folder / "0.jpg")
    return folder


@pytest.fixture
def endless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ffmpeg that never ends by itself; where it writes its numbers."""
    script, pids = tmp_path / "endless", tmp_path / "pids"
    script.write_text(
        f'#!/bin/sh\ncase "$*" in -version) exec {find().path} -version;; esac\n'
        f'echo $$ >>"{pids}"\nexec sleep 600\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("FFPREP_FFMPEG", str(script))
    return pids


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_tokens_are_given_back_when_interrupted(
    fake_make: FakeMake, photos: Path, tmp_path: Path, endless: Path, number: int
) -> None:
    run = fake_make.start("convert", photos, "-o", tmp_path / "out", "--size", "64x48")
    until(lambda: endless.exists() and len(endless.read_text().split()) == 4)
    assert fake_make.left() == 0
    run.send_signal(number)
    run.communicate(timeout=60)
    assert run.returncode == 128 + number
    fake_make.require_all()
    until_ended(*map(int, endless.read_text().split()))


def test_tokens_are_given_back_when_check_is_ended(fake_make: FakeMake, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    ramp(5000, 5000).save(tmp_path / "in/0.png", compress_level=1)
    for copy in range(1, 60):
        (tmp_path / f"in/{copy}.png").hardlink_to(tmp_path / "in/0.png")
    run = fake_make.start("check", tmp_path / "in", "--size", "5000x5000")
    until(lambda: fake_make.left() == 0)
    run.terminate()
    run.communicate(timeout=60)
    assert run.returncode == 143
    fake_make.require_all()


def test_tokens_are_given_back_at_the_end(
    fake_make: FakeMake, photos: Path, tmp_path: Path, counted: Callable[[], int]
) -> None:
    run = fake_make.start("convert", photos, "-o", tmp_path / "out", "--size", "64x48")
    assert run.communicate(timeout=60) == (None, b"")
    assert run.returncode == 0
    assert 1 < counted() <= 4
    fake_make.require_all()


def test_tokens_are_given_back_after_a_fatal_error(
    fake_make: FakeMake, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.toml").write_text('[[step]]\nfilter = "scale"\nnonsense = 1\n')
    mode = ["--mode", "bad", "--filters", tmp_path]
    run = fake_make.start("convert", photos, "-o", tmp_path / "out", "--size", "64x48", *mode)
    run.communicate(timeout=60)
    assert run.returncode == 3
    fake_make.require_all()


def test_tokens_are_given_back_when_stdout_is_closed(
    fake_make: FakeMake, photos: Path, tmp_path: Path
) -> None:
    common = ["-o", tmp_path / "out", "--size", "64x48", "--json"]
    run = fake_make.start("convert", photos, *common, stdout=subprocess.PIPE)
    run.stdout.close()  # type: ignore[union-attr]
    run.stderr.read()  # type: ignore[union-attr]
    assert run.wait(60) != 0
    run.stderr.close()  # type: ignore[union-attr]
    fake_make.require_all()


def test_without_free_tokens_one_job_does_all_the_work(
    fake_make: FakeMake, photos: Path, tmp_path: Path, counted: Callable[[], int]
) -> None:
    os.read(fake_make.reader, 99)
    run = fake_make.start("convert", photos, "-o", tmp_path / "out", "--size", "64x48")
    assert run.communicate(timeout=60) == (None, b"")
    assert len(list((tmp_path / "out").glob("*.jpg"))) == 16
    assert counted() == 1
    assert fake_make.left() == 0


@pytest.mark.parametrize("place", ["98,99", "0,1", "-2,-2", "fifo:/nowhere", "fifo:/dev/null"])
def test_a_rule_without_jobserver_runs_one_job_and_warns_once(
    ffprep, photos: Path, tmp_path: Path, counted: Callable[[], int], place: str
) -> None:
    environ = {**os.environ, "MAKEFLAGS": f" -j8 --jobserver-auth={place}"}
    common = ["-o", tmp_path / "out/", "--size", "64x48"]
    ran = ffprep("convert", photos, *common, env=environ, stdin=b"not ours")
    assert ran.code == 0
    assert ran.err.count("\n") == 1
    assert "begin the recipe line with +" in ran.err
    assert counted() == 1
    # One photo has no use for more.
    ran = ffprep("convert", photos / "0.jpg", *common, env=environ)
    assert (ran.code, ran.err) == (0, "")


def test_one_job_of_make_is_one_ffmpeg(
    ffprep, photos: Path, tmp_path: Path, counted: Callable[[], int]
) -> None:
    common = ["convert", photos, "-o", tmp_path / "out", "--size", "64x48", "--jobs", 3]
    ran = ffprep(*common, env={**os.environ, "MAKEFLAGS": " -j1", "MAKELEVEL": "1"})
    assert (ran.code, ran.err, counted()) == (0, "", 1)
    # What stands in a profile for make's sake is no make's doing.
    outside = {name: value for name, value in os.environ.items() if name != "MAKELEVEL"}
    ran = ffprep(*common, "--force", env=outside | {"MAKEFLAGS": "-j1"})
    assert (ran.code, ran.err) == (0, "")
    assert counted() > 1


def test_the_documented_makefiles_work(tree: Tree) -> None:
    shutil.copy(ROOT / "scripts/deploy/ffprep.mk", tree.folder)
    first, second = Page("docs/operations/make.md").blocks("make")
    tree.photo("a.jpg")
    ramp(90, 70).save(tree.folder / "banner.png")
    (tree.folder / "Makefile").write_text(first)
    assert tree.made() == {"a.jpg"}
    assert opened(tree.folder / "ready/a.jpg").size == (1280, 720)
    (tree.folder / "Makefile").write_text(second)
    assert tree.make().returncode == 0
    assert opened(tree.folder / "banner.webp").size == (1600, 400)
    assert "up to date" in tree.make().stdout
    touch(tree.folder / "banner.png")
    assert "convert" in tree.make().stdout
