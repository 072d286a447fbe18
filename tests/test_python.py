"""ffprep as a library: what a program gets, and what it is not bothered with."""

import asyncio
import io
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import opened, ramp
from PIL import Image
from test_converter import fake

import ffprep as library
from ffprep import keywords
from ffprep.converting import convert
from ffprep.settings import key_names

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/python.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
USER = """
import asyncio, io
from pathlib import Path
import ffprep

def one(data: bytes) -> tuple[str, bytes, str]:
    picture: ffprep.Prepared = ffprep.prepare(io.BytesIO(data), (8, 6), "pad", quality=90, focus=(0.5, 0.2))
    size: ffprep.Size = picture.size
    saved: Path = picture.save(f"{size.width}.jpg")
    return picture.upload()

async def many() -> list[str]:
    results = ffprep.convert(["a", Path("b")], "out", "8x6", ledger=False, jobs=2)
    return [str(result.output) for result in results if result.status is ffprep.Status.CONVERTED]

held = ffprep.Preprocessor("sora-2/1280x720", background="white")
path: Path = held.process_and_save("a.jpg", "pad")
broken: list[tuple[str, ...]] = [finding.broken for finding in ffprep.check("out", "8x6")]
"""


@pytest.fixture
def photo(tmp_path: Path, home: Path) -> Path:
    ramp(400, 300).save(tmp_path / "photo.jpg", quality=95)
    return tmp_path / "photo.jpg"


@pytest.fixture
def left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files go; empty in the end."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    assert list(folder.iterdir()) == []


def program(code: str, cwd: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """A program of a user's, which says nothing that it does not print itself."""
    done = subprocess.run(
        [sys.executable, *flags, "-c", textwrap.dedent(code)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done


def as_webp(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "webp", quality=95)
    return file.getvalue()


def children() -> set[str]:
    """The processes that this one has started and not ended."""
    lists = Path("/proc/self/task").glob("*/children")
    return {pid for names in lists for pid in names.read_text().split()}


def test_the_import_costs_nothing(tmp_path: Path) -> None:
    code = "import sys; before = set(sys.modules); import ffprep; print(*set(sys.modules) - before)"
    assert program(code, tmp_path).stdout.split() == ["ffprep"]


def test_every_public_name_is_there_once() -> None:
    assert sorted(library.__all__) == library.__all__
    assert set(library.__all__) <= set(dir(library))
    lazy = {name for names in library._ROOMS.values() for name in names}
    assert lazy | {"__version__"} == set(library.__all__)
    for name in lazy:
        value = getattr(library, name)
        assert (value.__name__, value.__doc__ is None) == (name, False)
    with pytest.raises(AttributeError, match="nothing"):
        library.nothing  # noqa: B018


def test_a_submodule_takes_no_name_of_a_function_away(tmp_path: Path) -> None:
    rooms = {path.stem for path in (ROOT / "ffprep").glob("*.py")}
    assert not rooms & set(library.__all__)


def test_every_option_is_a_keyword_or_is_left_out_on_purpose() -> None:
    words = {key_names(param)[0].replace("-", "_") for param in convert.params}
    arguments = set("sources output size target mode ledger".split())
    of_a_terminal = set(
        "sources_from null dry_run depfile depfile_target config nice idle max_time max_load json quiet verbose "
        "log_file log_format summary_file metrics_file on_finish".split()
    )
    of_many = set(
        "include exclude since follow_links jobs force checksum adopt retry retry_failed prune wait fsync "
        "preserve_times cluster shard".split()
    )
    assert arguments | of_a_terminal | of_many <= words
    of_a_run = words - arguments - of_a_terminal
    assert set(keywords.RunOptions.__annotations__) == of_a_run
    assert set(keywords.Options.__annotations__) == of_a_run - of_many


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"mode": "pad", "background": "white", "format": "png"},
        {"focus": (0.1, 0.9), "quality": 80, "metadata": "keep-rights"},
        {"format": "webp", "lossless": True, "compression": 2},
        {"max_bytes": 2000, "subsampling": "444", "mode": "blur"},
        {"mode": "auto", "max_loss": 0.1, "crop_bounds": (0.1, 0, 0.9, 1)},
        {"scene": "art"},
    ],
)
def test_a_photo_becomes_what_the_command_line_makes_of_it(
    ffprep, photo: Path, left: Path, said: dict[str, object]
) -> None:
    words = []
    for name, value in said.items():
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words.append(",".join(map(str, value)) if isinstance(value, tuple) else value)
    suffix = {"png": ".png", "webp": ".webp"}.get(str(said.get("format")), ".jpg")
    made = photo.parent / f"made{suffix}"
    assert ffprep("convert", photo, "-o", made, "--size", "123x77", *words).code == 0
    with photo.open("rb") as file:
        prepared = [
            library.prepare(source, size, **said)  # type: ignore[arg-type]
            for source, size in [
                (photo, "123x77"),
                (str(photo), (123, 77)),
                (photo.read_bytes(), library.Size(123, 77)),
                (memoryview(photo.read_bytes()), "123×77"),
                (file, "123x77"),
            ]
        ]
    assert {picture.data for picture in prepared} == {made.read_bytes()}
    assert {picture.size for picture in prepared} == {library.Size(123, 77)}
    assert [picture.name for picture in prepared] == [
        f"{stem}{suffix}" for stem in ("photo", "photo", "picture", "picture", "photo")
    ]
    assert {picture.mime for picture in prepared} == {f"image/{prepared[0].format}"}


def test_an_upload_has_a_name_and_a_type(photo: Path, left: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(photo.parent) + b"/a\xff.jpg"))
    photo.rename(odd)
    picture = library.prepare(odd, "16x9", format="webp")
    assert picture.upload() == ("a?.webp", picture.data, "image/webp")
    picture.upload()[0].encode()
    assert "data" not in repr(picture)


@pytest.mark.parametrize("name", ["../../up.jpg", "/etc/a.jpg", "..", "", "a\0b.jpg", "x" * 300, 7])
def test_a_name_that_a_stranger_gave_leads_nowhere(photo: Path, left: Path, name: object) -> None:
    file = io.BytesIO(photo.read_bytes())
    file.name = name  # type: ignore[attr-defined]
    expected = {"../../up.jpg": "up.jpg", "/etc/a.jpg": "a.jpg"}.get(str(name), "picture.jpg")
    assert library.prepare(file, "8x8").name == expected


def test_a_picture_is_saved_whole_and_never_over_its_photo(photo: Path, left: Path) -> None:
    picture, before = library.prepare(photo, "16x9"), photo.read_bytes()
    (photo.parent / "link.jpg").symlink_to(photo)
    for place in (photo, photo.parent / "link.jpg", photo.parent):
        with pytest.raises(library.UsageError, match="never overwritten"):
            picture.save(place)
    with pytest.raises(library.UsageError, match="named like png"):
        picture.save(photo.parent / "a.png")
    assert photo.read_bytes() == before
    output = photo.parent / "new" / "a.jpg"
    assert picture.save(str(output)) == picture.save(output.parent / "a.jpg") == output
    assert picture.save(output.parent) == output.parent / "photo.jpg"
    assert opened(output).size == (16, 9)
    assert sorted(path.name for path in output.parent.iterdir()) == ["a.jpg", "photo.jpg"]
    with pytest.raises(library.PhotoError, match="cannot write"):
        picture.save(output / "below.jpg")


@pytest.mark.parametrize(
    ("source", "said", "error", "words"),
    [
        ("missing.jpg", {}, library.PhotoError, "missing.jpg: there is no such file"),
        (b"", {}, library.PhotoError, "the file is empty"),
        (b"text", {}, library.PhotoError, "no picture that ffprep reads"),
        (".", {}, library.UsageError, "is a folder"),
        ("-", {}, library.PhotoError, "-: there is no such file"),
        (io.StringIO("text"), {}, library.UsageError, "binary mode"),
        (5, {}, library.UsageError, "not int"),
        (b"x", {"size": None}, library.UsageError, "which size"),
        (b"x", {"size": "8"}, library.UsageError, "size: '8' is no size"),
        (b"x", {"size": (8, 0)}, library.UsageError, "'8x0' is no size"),
        (b"x", {"target": "sora-2"}, library.UsageError, "exclude one another"),
        (b"x", {"quality": 0}, library.UsageError, "quality: 0 is not in the range"),
        (b"x", {"mode": "zoom"}, library.UsageError, "there are: blur, cover, pad, stretch"),
        (b"x", {"background": "#0000"}, library.UsageError, "no transparency"),
        (b"x", {"max_memory": 5}, library.UsageError, "max_memory"),
        (b"x", {"ffmpeg": "/bin/false"}, library.EnvironmentFault, "/bin/false"),
        (b"x", {"qualty": 9}, TypeError, "unexpected keyword argument 'qualty'"),
        (b"x", {"dry_run": True}, TypeError, "unexpected keyword argument 'dry_run'"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_left(
    home: Path,
    left: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: object,
    said: dict[str, object],
    error: type[Exception],
    words: str,
) -> None:
    monkeypatch.chdir(home)
    with pytest.raises(error, match=re.escape(words)):
        library.prepare(source, **{"size": "8x8", **said})  # type: ignore[arg-type]


def test_a_photo_of_which_a_part_is_missing_has_its_kind(photo: Path, left: Path) -> None:
    data = photo.read_bytes()[:-3000]
    with pytest.raises(library.PhotoError) as raised:
        library.prepare(data, "8x8")
    assert raised.value.kind is library.Kind.DAMAGED
    assert "missing" in library.prepare(data, "8x8", damaged="keep").warnings[0]


@pytest.mark.parametrize(
    "call",
    [
        "ffprep.prepare({photo!r}, '8x8', ffmpeg={ffmpeg!r})",
        "list(ffprep.convert({photo!r}, {output!r}, '8x8', ffmpeg={ffmpeg!r}))",
    ],
)
def test_ctrl_c_leaves_no_process_and_no_file(photo: Path, left: Path, call: str) -> None:
    version = '[ "$1" = -version ] && { echo ffmpeg version 9.9; exit; }'
    slow = fake(photo.parent, f"{version}\necho $$ > {photo.parent}/pid; exec sleep 100")
    output = photo.parent / "out"
    call = call.format(photo=str(photo), ffmpeg=slow.path, output=str(output))
    code = f"import ffprep; {call}"
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as running:
        pid = photo.parent / "pid"
        while not (pid.exists() and pid.read_text()):
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)  # and not the 120 that a photo may take
    assert said.endswith(b"KeyboardInterrupt\n")
    assert [path for path in photo.parent.rglob(".ffprep-*") if path != left] == []
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_one_size_is_held(photo: Path, left: Path) -> None:
    held = library.Preprocessor("landscape_720p", background="white", quality=80)
    assert held.size == library.Size(1280, 720)
    corners = {}
    for mode in ("cover", "pad", "blur", "stretch"):
        picture = getattr(held, mode)(photo)
        assert picture.data == held.to_bytes(photo.read_bytes(), mode=mode)
        corners[mode] = opened(picture.save(photo.parent / f"{mode}.jpg")).getpixel((2, 90))
    assert min(corners["pad"]) > 250
    assert len(set(corners.values())) == 4
    assert pickle.loads(pickle.dumps(held)).cover(photo) == held.cover(photo)
    black = held.pad(photo, background="black", format="png")
    assert Image.open(io.BytesIO(black.data)).getpixel((2, 360)) == (0, 0, 0)


@pytest.mark.parametrize(
    "name", ["1280x720", (1280, 720), "sora-2/landscape_720p", "sora-2/1280×720"]
)
def test_a_size_has_many_names(name: str) -> None:
    assert library.Preprocessor(name).size == library.Size(1280, 720)


@pytest.mark.parametrize("name", ["sora-2", "sora-2/9x9", "landscape_8k", ""])
def test_unknown_sizes_are_told_those_that_exist(name: str) -> None:
    with pytest.raises(ValueError, match="1280x720") as raised:
        library.Preprocessor(name)
    assert "720x1280" in str(raised.value)


def test_outputs_are_named_by_stem_and_size(photo: Path, left: Path) -> None:
    held = library.Preprocessor("64x36")
    assert held.process_and_save(photo) == photo.parent / "photo_64x36.jpg"
    for suffix, made in ((".JPG", ".JPG"), (".png", ".png"), (".bmp", ".png"), (".webp", ".webp")):
        source = photo.parent / f"other{suffix}"
        ramp(40, 30).save(source)
        output = held.process_and_save(str(source), "pad")
        assert output == photo.parent / f"other_64x36{made}"
        assert opened(output).size == (64, 36)
    assert held.process_and_save(photo, output_path=photo.parent / "a.webp").name == "a.webp"
    assert (photo.parent / "a.webp").read_bytes()[8:12] == b"WEBP"
    (photo.parent / "folder").mkdir()
    saved = held.process_and_save(photo, "cover", photo.parent / "folder")
    assert saved == photo.parent / "folder/photo_64x36.jpg"
    with pytest.raises(library.UsageError, match="never overwritten"):
        held.process_and_save(photo, output_path=photo)
    with pytest.raises(library.UsageError, match=r"must end in one of \.jpg"):
        held.process_and_save(photo, output_path=photo.parent / "a.gif")


@pytest.fixture
def folder(tmp_path: Path, home: Path) -> Path:
    (tmp_path / "photos").mkdir()
    for number in range(60):
        ramp(640, 480).save(tmp_path / f"photos/{number}.jpg")
    return tmp_path / "photos"


def test_many_photos_come_as_they_are_done_and_are_remembered(folder: Path, left: Path) -> None:
    (folder / "7.jpg").write_bytes(b"\xff\xd8\xff")
    output = folder.parent / "out"
    results = list(library.convert(folder, output, "16x9", "pad"))
    failed = [result for result in results if result.failure]
    assert [(result.source.name, result.failure.kind) for result in failed] == [
        ("7.jpg", "damaged")
    ]  # type: ignore[union-attr]
    assert sum(result.status is library.Status.CONVERTED for result in results) == 59
    again = list(library.convert([str(folder)], str(output), (16, 9), "pad"))
    assert sum(result.status is library.Status.FRESH for result in again) == 59
    anew = library.convert(folder, output, "16x9", "pad", ledger=False, include="1*.jpg")
    assert {result.status for result in anew} == {library.Status.CONVERTED}
    broken = {f.path.name: f.broken for f in library.check([output], "16x9")}
    assert (len(broken), set(broken.values())) == (59, {()})
    (wrong,) = library.check(folder / "1.jpg", target="sora-2/1280x720")
    assert "must match the requested width and height" in wrong.broken[0]


def test_the_ledger_is_where_it_is_asked_for(folder: Path, ffprep) -> None:
    output, ledger = folder.parent / "out", folder.parent / "my.db"
    list(library.convert(folder / "1.jpg", output, "16x9", ledger=ledger))
    told = json.loads(ffprep("status", output, "--ledger", ledger, "--json").out)
    assert told["runs"][0]["outcome"] == "done"
    assert not (output / ".ffprep/ledger.db").exists()
    single = library.convert(folder / "1.jpg", folder.parent / "one.png", "16x9")
    assert [result.output for result in single] == [folder.parent / "one.png"]


def test_whoever_stops_early_leaves_nothing_behind(folder: Path, left: Path, ffprep) -> None:
    output, before = folder.parent / "out", children()
    for result in library.convert(folder, output, "1600x900", jobs=2):
        first = result.output
        break
    assert children() <= before
    assert list(left.iterdir()) == list(output.glob(".ffprep-*")) == []
    made = set(output.glob("*.jpg"))
    assert first in made
    assert len(made) < 60
    told = json.loads(ffprep("status", output, "--json").out)
    assert told["runs"][0]["outcome"] == "interrupted"
    rest = list(library.convert(folder, output, "1600x900"))
    assert {result.output for result in rest if result.status is library.Status.FRESH} >= {first}
    assert len(rest) == 60
    findings = library.check(output, "1600x900", jobs=2)
    next(findings)
    findings.close()
    results = library.convert(folder, output, "1600x900", force=True)
    next(results)
    del results
    assert children() <= before
    assert list(output.glob(".ffprep-*")) == []


def test_options_are_checked_before_the_first_result_is_asked_for(folder: Path) -> None:
    with pytest.raises(ValueError, match="quality"):
        library.convert(folder, folder.parent / "out", "16x9", quality=101)
    with pytest.raises(ValueError, match="goes by the ledger"):
        library.convert(folder, folder.parent / "out", "16x9", prune=True, ledger=False)
    with pytest.raises(TypeError, match="nice"):
        library.convert(folder, folder.parent / "out", "16x9", nice=5)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="which size"):
        library.check(folder)
    assert not (folder.parent / "out").exists()


def test_two_runs_do_not_write_one_folder(folder: Path) -> None:
    output = folder.parent / "out"
    first = library.convert(folder, output, "16x9")
    next(first)
    with pytest.raises(library.Held, match="held by"):
        next(library.convert(folder, output, "16x9"))
    first.close()
    assert next(library.convert(folder, output, "16x9"))


def test_threads_work_side_by_side(folder: Path, left: Path) -> None:
    data, webp = (folder / "1.jpg").read_bytes(), as_webp(ramp(300, 200))

    def work(number: int) -> set[tuple[int, int]]:
        source = (data, webp)[number % 2]
        sizes = {(30 + number, 20), (31 + number, 21)}
        return sizes - {
            Image.open(io.BytesIO(library.prepare(source, size).data)).size for size in sizes
        }

    with ThreadPoolExecutor(6) as pool:
        runs = [
            pool.submit(lambda n=n: list(library.convert(folder, folder.parent / f"o{n}", "16x9")))
            for n in range(2)
        ]
        assert set(map(len, pool.map(work, range(8)))) == {0}
        assert [len(run.result()) for run in runs] == [60, 60]


def test_an_iterator_goes_from_thread_to_thread_under_asyncio(folder: Path, left: Path) -> None:
    async def main() -> int:
        results, seen = library.convert(folder, folder.parent / "out", "16x9"), set[int]()
        count = 0

        def following() -> object:
            seen.add(threading.get_ident())
            return next(results, None)

        while await asyncio.to_thread(following):
            count += 1
            if count == 2:  # whoever holds the thread of before sends the next one to another
                loop = asyncio.get_running_loop()
                loop.set_default_executor(ThreadPoolExecutor(2))
        assert len(seen) > 1
        return count

    assert asyncio.run(main()) == 60


HOST = """
import logging, os, signal, sys, threading, warnings
import ffprep

def state():
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE", "SIGCHLD")]
    umask = os.umask(0o27)
    os.umask(umask)
    return (
        [signal.getsignal(number) for number in numbers], list(logging.root.handlers),
        logging.root.level, list(warnings.filters), os.getcwd(), umask,
        os.getpriority(os.PRIO_PROCESS, 0), sys.stdout, sys.stderr, dict(os.environ),
        sys.excepthook, threading.excepthook,
    )

os.umask(0o27)
import PIL.Image, click  # what importing these does is theirs
before = state()
ffprep.prepare("photo.jpg", "8x6")
ffprep.prepare("other.webp", "8x6")
sources = ["photo.jpg", "other.webp", "none.jpg"]
assert len(list(ffprep.convert(sources, "out", "800x600"))) == 3
assert len(list(ffprep.check("out", "8x6"))) == 2
for result in ffprep.convert(sources, "other", "8x6"):
    break
after = state()
assert after == before, [pair for pair in zip(before, after) if pair[0] != pair[1]]
"""


def test_a_program_keeps_what_is_its_own(photo: Path) -> None:
    (photo.parent / "other.webp").write_bytes(as_webp(ramp(90, 60)))
    assert program(HOST, photo.parent).stdout == ""


def test_what_cannot_be_remembered_goes_to_the_log(
    photo: Path, caplog: pytest.LogCaptureFixture
) -> None:
    output = photo.parent / "out"
    output.mkdir()
    (output / ".ffprep").write_text("in the way")
    (result,) = library.convert(photo, output, "8x6")
    assert (result.status, caplog.records[0].name) == (library.Status.CONVERTED, "ffprep")
    assert "nothing can be remembered" in caplog.text


@pytest.mark.parametrize("flags", [(), ("-I",), ("-I", "-S")])
def test_viewers_find_this_ffprep_wherever_a_program_has_it(
    photo: Path, flags: tuple[str, ...]
) -> None:
    (photo.parent / "photo.webp").write_bytes(as_webp(ramp(90, 60)))
    vendor, cwd = photo.parent / "vendor", photo.parent / "gone"
    vendor.mkdir()
    cwd.mkdir()
    for name in ("ffprep", "filters"):
        (vendor / name).symlink_to(ROOT / name)
    # What lies in the working folder is nobody's module.
    for name in ("pickle", "PIL", "ffprep", "struct"):
        (cwd / f"{name}.py").write_text("raise SystemExit('hostile')")
    libraries = [path for path in sys.path if path.endswith("site-packages")]
    code = f"""
    import sys
    sys.path[:] = [{str(vendor)!r}, *[p for p in sys.path if p], *{libraries}]
    import ffprep
    print(ffprep.prepare({str(photo.with_suffix(".webp"))!r}, "8x6").size)
    """
    assert program(code, cwd, *flags).stdout == "8x6\n"


def test_a_frozen_program_is_not_started_again(photo: Path) -> None:
    webp = as_webp(ramp(90, 60))
    code = f"""
    import os, sys
    import ffprep
    sys.frozen = True
    for python in ("", "/bin/false", "/nowhere/python"):
        os.environ["FFPREP_PYTHON"] = python
        try:
            ffprep.prepare({webp!r}, "8x6")
        except ffprep.FfprepError as error:
            print(type(error).__name__, error)
    """
    frozen, _, missing = program(code, photo.parent).stdout.splitlines()
    assert frozen.startswith("EnvironmentFault this program brings no Python")
    assert "FFPREP_PYTHON" in frozen
    assert missing.startswith("EnvironmentFault /nowhere/python cannot be started")


def test_a_python_without_pillow_is_told(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = photo.parent / "python"
    bare.write_text(f'#!/bin/sh\nshift 3\nexec {sys.executable} -I -S -c "$CODE" /nowhere\n')
    bare.chmod(0o755)
    from ffprep import viewing

    monkeypatch.setenv("CODE", viewing._START)
    monkeypatch.setenv("FFPREP_PYTHON", str(bare))
    with pytest.raises(library.EnvironmentFault, match="No module named 'ffprep'"):
        library.prepare(as_webp(ramp(90, 60)), "8x6")


def test_type_checkers_see_everything(tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(USER)
    (tmp_path / "wrong.py").write_text(
        "import ffprep\nffprep.prepare('a', '8x6', qualty=3)\nffprep.prepare(5).nothing\n"
    )
    argv = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file="]
    ran = subprocess.run(
        [*argv, f"--cache-dir={tmp_path}/cache", "user.py", "wrong.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert sorted(re.findall(r"(\w+\.py):\d+: error: .*\[([\w-]+)\]", ran.stdout)) == [
        ("wrong.py", "arg-type"),
        ("wrong.py", "attr-defined"),
        ("wrong.py", "call-arg"),
    ], ran.stdout + ran.stderr


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_examples_of_the_page_run(folder: Path, photo: Path, number: int) -> None:
    ramp(1600, 1200).save(photo)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", EXAMPLES[number]],
        cwd=photo.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_targets_of_ones_own_hold_for_check_and_preprocessor(home: Path, folder: Path) -> None:
    rules = '[{0}]\ntitle = "t"\nsource = "s"\ndate = 2026-11-21\nstatus = "on"\nsizes = {{ small = "{1}" }}\n'
    said = folder.parent / "said.toml"
    said.write_text(rules.format("said", "40x30"))
    own = home / ".config/ffprep/targets.toml"
    own.parent.mkdir(parents=True)
    own.write_text(rules.format("own", "30x40"))
    assert str(library.Preprocessor("own").size) == "30x40"
    held = library.Preprocessor("said", targets=said)
    assert str(held.size) == "40x30"
    output = folder.parent / "checked.jpg"
    photo = next(path for path in sorted(folder.rglob("*")) if path.suffix in (".jpg", ".png"))
    held.cover(photo).save(output)
    (right,) = library.check(output, target="said", targets=[said])
    (wrong,) = library.check(output, target="own", targets=[said])
    assert (right.broken, len(wrong.broken)) == ((), 1)
