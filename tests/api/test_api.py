"""ffprep as a library: what a program gets, and what it is not bothered with."""

import asyncio
import copy
import enum
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
import typing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

import ffprep as library
from ffprep.cli.commands.convert import convert
from ffprep.errors import Interrupted, Killed
from ffprep.options import keywords
from ffprep.options.config_file import key_names
from tests.conversion.test_converter import fake
from tests.support.pages import Page, run_python
from tests.support.pictures import opened, ramp

ROOT = Path(__file__).parents[2]
EXAMPLES = Page("docs/guide/python.md").blocks("python")
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


class Named(str, enum.Enum):  # noqa: UP042  # whose `str()` is another text than its value
    """As Django and pydantic have choices."""

    SMALL = "16x9"


class NamedInBytes(os.PathLike[str]):
    def __fspath__(self) -> str:
        return b"photo.jpg"  # type: ignore[return-value]


@dataclass
class Reads:
    """What reads like a file; as a web framework's upload, it knows its file's name, and its field's."""

    part: object
    filename: str = ""
    name: str = "field"

    def read(self, size: int = -1) -> object:
        part, self.part = self.part, b""
        return part


class Upload(Reads):
    async def read(self, size: int = -1) -> object:  # type: ignore[override]
        return b""


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
        {"mode": "auto", "max_loss": 0.1, "crop_bounds": [0.1, 0, 0.9, 1]},
        {"scene": "art"},
        {"mode": "pad", "background": (250, 120, 0), "format": "JPG"},
    ],
)
def test_a_photo_becomes_what_the_command_line_makes_of_it(
    ffprep, photo: Path, left: Path, said: dict[str, object]
) -> None:
    words = []
    for name, value in said.items():
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words.append(_said(name, value))
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
                (Reads(bytearray(photo.read_bytes()), "up/photo.jpg"), [123, 77]),
            ]
        ]
    assert {picture.data for picture in prepared} == {made.read_bytes()}
    assert {picture.size for picture in prepared} == {library.Size(123, 77)}
    assert [picture.name for picture in prepared] == [
        f"{stem}{suffix}" for stem in ("photo", "photo", "picture", "picture", "photo", "photo")
    ]
    assert {picture.mime for picture in prepared} == {f"image/{prepared[0].format}"}


def _said(name: str, value: object) -> object:
    if isinstance(value, tuple | list):
        parts = ",".join(map(str, value))
        return f"rgb({parts})" if name == "background" else parts
    return value


def test_an_upload_has_a_name_and_a_type(photo: Path, left: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(photo.parent) + b"/a\xff.jpg"))
    photo.rename(odd)
    picture = library.prepare(odd, "16x9", format="webp")
    assert picture.upload() == ("a?.webp", picture.data, "image/webp")
    picture.upload()[0].encode()
    assert "data" not in repr(picture)


@pytest.mark.parametrize(
    "name", ["../../up.jpg", "/etc/a.jpg", "C:\\x\\y.jpg", "..", "", "a\0b\n.jpg", "x" * 300, 7]
)
def test_a_name_that_a_stranger_gave_leads_nowhere(photo: Path, left: Path, name: object) -> None:
    file = io.BytesIO(photo.read_bytes())
    file.name = name  # type: ignore[attr-defined]
    expected = {
        "../../up.jpg": "up.jpg",
        "/etc/a.jpg": "a.jpg",
        "C:\\x\\y.jpg": "y.jpg",
        "a\0b\n.jpg": "a_b_.jpg",
    }.get(str(name), "picture.jpg")
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


def test_an_open_file_is_a_photo_that_is_never_written_over(
    photo: Path, left: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = photo.read_bytes()
    monkeypatch.chdir(photo.parent)
    with photo.open("rb") as file, os.fdopen(os.dup(file.fileno()), "rb") as nameless:
        pictures = [library.prepare(source, "16x9") for source in (file, "photo.jpg")]
        nameless.seek(0)
        pictures.append(library.prepare(nameless, "16x9"))
    with pytest.raises(library.UsageError, match="never overwritten"):
        pictures[0].save(".")
    (photo.parent / "sub").mkdir()
    monkeypatch.chdir(photo.parent / "sub")
    for picture in pictures:
        with pytest.raises(library.UsageError, match="never overwritten"):
            picture.save(photo)
        assert picture.save("photo.jpg") == picture.save("photo.jpg") == Path("photo.jpg")
    moved = photo.rename(photo.parent / "moved.jpg")
    for picture in pictures:
        with pytest.raises(library.UsageError, match="never overwritten"):
            picture.save(moved)
    assert moved.read_bytes() == before
    moved.unlink()
    for picture in pictures:
        for _ in range(2):  # the second time it is there, and may have the number of what is gone
            assert opened(picture.save(moved)).size == (16, 9)


def test_a_file_is_looked_at_before_it_is_copied_and_copied_to_an_end(
    photo: Path, left: Path
) -> None:
    class Endless(io.RawIOBase):
        given = 0

        def __init__(self, head: bytes) -> None:
            self.head = head

        def read(self, size: int = -1) -> bytes:
            part, self.head = self.head or bytes(size), b""
            self.given += len(part)
            return part

    zeros, picture = Endless(b"\0"), Endless(photo.read_bytes())
    with pytest.raises(library.PhotoError, match="is no picture"):
        library.prepare(zeros, "8x8")
    assert zeros.given < 2 << 20
    with pytest.raises(library.PhotoError, match="raise max_memory=") as raised:
        library.prepare(picture, "8x8", max_memory="100MB")
    assert raised.value.kind is library.Kind.TOO_LARGE
    assert picture.given < 103 << 20


def test_errors_go_through_process_pools(photo: Path) -> None:
    with ProcessPoolExecutor(1) as pool:
        bad, good = (pool.submit(library.prepare, source, "8x8") for source in (b"no", photo))
        with pytest.raises(library.PhotoError, match="is no picture") as raised:
            bad.result(60)
        assert raised.value.kind is library.Kind.UNSUPPORTED
        assert good.result(60).size == library.Size(8, 8)
    (finding,) = library.check(photo.parent / "nix.jpg", "9x9")
    for error in (
        finding.error,
        Interrupted(2),
        Killed(library.Kind.IO, "x"),
        library.OutputLocked("y"),
    ):
        assert error
        for same in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
            assert (type(same), str(same), vars(same)) == (type(error), str(error), vars(error))


@pytest.mark.parametrize(
    ("source", "said", "error", "words"),
    [
        ("missing.jpg", {}, library.PhotoError, "missing.jpg: there is no such file"),
        (b"", {}, library.PhotoError, "the photo: there are no bytes in it"),
        (io.BytesIO(), {}, library.PhotoError, "nothing was left to read; if it was read, or"),
        (b"text", {}, library.PhotoError, "the photo: is no picture that ffprep reads"),
        (b"trip/photo.jpg", {}, library.PhotoError, "a path is text (see os.fsdecode)"),
        ("a\0b.jpg", {}, library.UsageError, "'a\\x00b.jpg' has a NUL in it"),
        (
            NamedInBytes(),
            {},
            library.UsageError,
            "source: a path is text or a pathlib.Path, and not bytes",
        ),
        (Reads(bytearray()), {}, library.PhotoError, "nothing was left"),
        (Reads(None), {}, library.UsageError, "does not wait for its bytes"),
        (Upload(None), {}, library.UsageError, "an UploadFile's .file"),
        (
            io.FileIO(os.devnull, "w"),
            {},
            library.UsageError,
            "null: the file is not open for reading",
        ),
        (".", {}, library.UsageError, "is a folder"),
        ("-", {}, library.PhotoError, "-: there is no such file"),
        (io.StringIO("text"), {}, library.UsageError, "binary mode"),
        (5, {}, library.UsageError, "not int"),
        (b"x", {"size": None}, library.UsageError, "Say size=1280x720, or target=NAME/SIZE"),
        (b"x", {"max_loss": 0.1}, library.UsageError, "max_loss= is for mode=auto"),
        (
            b"x",
            {"quality": 95.5},
            library.UsageError,
            "quality: '95.5' is not a valid whole number",
        ),
        (b"x", {"quality": True}, library.UsageError, "quality: True is of no use here"),
        (b"x", {"lossless": "no"}, library.UsageError, "'no' is neither True nor False"),
        (b"x", {"mode": b"pad"}, library.UsageError, "mode: b'pad' is of no use here"),
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


def test_a_targets_other_rules_hold_too(photo: Path, left: Path, tmp_path: Path) -> None:
    held = library.Preprocessor("nova-reel")
    assert (str(held.size), repr(held)) == ("1280x720", "Preprocessor('nova-reel/1280x720')")
    Image.new("RGBA", (1280, 720), (255, 0, 0, 90)).save(tmp_path / "thin.webp", lossless=True)
    saved = held.process_and_save(tmp_path / "thin.webp", output_path=tmp_path / "out.png")
    by_itself = held.process_and_save(tmp_path / "thin.webp")
    assert by_itself == tmp_path / "thin_1280x720.jpg"  # WebP is not taken
    assert [f.broken for f in library.check([saved, by_itself], target="nova-reel")] == [(), ()]
    with pytest.raises(library.UsageError, match="takes no webp"):
        held.to_bytes(photo, format="webp")


def test_bounds_without_a_list_give_each_photo_a_size(photo: Path, left: Path) -> None:
    held = library.Preprocessor("kling")
    assert (held.size, repr(held)) == (None, "Preprocessor('kling')")
    assert str(held.cover(photo).size) == "400x300"
    assert held.process_and_save(photo).name == "photo_400x300.jpg"
    with pytest.raises(ValueError, match="kling does not take 9x9"):
        library.Preprocessor("kling/9x9")


def test_a_name_of_several_sizes_is_told_to_be_that(home: Path) -> None:
    words = "'landscape' stands for several sizes.*/landscape .1024x576., .*/landscape .1280x720."
    with pytest.raises(ValueError, match=words):
        library.Preprocessor("landscape")


def test_a_held_size_reads_its_options_at_once_and_nothing_that_is_not_meant(home: Path) -> None:
    for said in ({"quality": 2000}, {"format": "gif"}, {"crop_bounds": [1, 0, 0, 1]}):
        with pytest.raises(ValueError, match=next(iter(said))):
            library.Preprocessor("16x16", **said)  # type: ignore[arg-type]
    for target in (None, 3, [16], b"16x16"):
        with pytest.raises(library.UsageError, match="size"):
            library.Preprocessor(target)  # type: ignore[arg-type]
    own = home / ".config/ffprep/targets.toml"
    own.parent.mkdir(parents=True)
    own.write_text("no TOML")
    held = ["16x16", [16, 16], Named.SMALL, "landscape_720p"]
    assert [str(library.Preprocessor(target).size) for target in held] == [
        *("16x16", "16x16", "16x9", "1280x720")
    ]
    with pytest.raises(library.EnvironmentFault, match=r"targets.toml:1"):
        library.Preprocessor("mine")


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
    saved = held.process_and_save(photo, output_path=f"{photo.parent}/fresh/")
    assert saved == photo.parent / "fresh/photo_64x36.jpg"
    assert held.cover(photo).save(f"{photo.parent}/new/").name == "photo.jpg"
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
    for output, words in ((b"o", "output: b'o' is of no use"), (None, "output: nothing is named")):
        with pytest.raises(ValueError, match=words):
            library.convert(folder, output, "16x9")  # type: ignore[arg-type]
    for sources, words in (
        ([], "sources: no file"),
        (b"a.jpg", "sources: bytes are no path"),
        (5, "sources: .* not int"),
        ([b"a.jpg"], "sources: .* not bytes"),
        ("a\0.jpg", "sources: .* NUL"),
    ):
        with pytest.raises(ValueError, match=words):
            library.convert(sources, folder.parent / "out", "16x9")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="paths: no file"):
        library.check([], "16x9")
    assert not (folder.parent / "out").exists()


def test_two_runs_do_not_write_one_folder(folder: Path) -> None:
    output = folder.parent / "out"
    first = library.convert(folder, output, "16x9")
    next(first)
    with pytest.raises(library.OutputLocked, match="held by"):
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


def test_whoever_closes_from_another_thread_ends_it_and_waits(
    folder: Path, left: Path, ffprep
) -> None:
    output, before = folder.parent / "out", children()
    for photo in folder.iterdir():
        photo.with_suffix(".webp").write_bytes(as_webp(opened(photo)))
        photo.unlink()
    results = library.convert(folder, output, "1600x1200", jobs=2)
    seen = [next(results)]
    with ThreadPoolExecutor(1) as pool, library.check(folder, "640x480") as findings:
        rest = pool.submit(list, results)
        time.sleep(0.3)
        results.close()
        assert children() <= before
        assert list(left.iterdir()) == list(output.glob(".ffprep-*")) == []
        seen += rest.result(1)
        results.close()
        assert next(results, None) is None
        assert not next(findings).broken
    assert next(findings, None) is None
    assert len(seen) < 60
    assert {result.failure for result in seen} == {None}
    told = json.loads(ffprep("status", output, "--json").out)
    assert told["runs"][0]["outcome"] == "interrupted"
    assert ffprep("status", output, "--failed").out == b""
    with library.convert(folder, output, "1600x1200") as again:  # it is held by nobody
        fresh = {result.output for result in again if result.status is library.Status.FRESH}
    assert fresh >= {result.output for result in seen}


def test_a_handler_of_a_signal_may_close_what_its_thread_waits_for(folder: Path) -> None:
    output = folder.parent / "out"
    with library.convert(folder, output, "16x9") as first:
        next(first)
        waiting = library.convert(folder, output, "16x9", wait=600)
        before = signal.signal(signal.SIGALRM, lambda *_: waiting.close())
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        try:
            assert list(waiting) == []
        finally:
            signal.signal(signal.SIGALRM, before)


def test_asyncio_may_cancel_the_example_of_the_page(folder: Path, left: Path) -> None:
    (example,) = (text for text in EXAMPLES if "results.close" in text)
    code = """
    import asyncio, os
    from pathlib import Path
    {example}

    async def stop(seconds):
        task = asyncio.create_task(main())
        await asyncio.sleep(seconds)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return task.cancelled()

    async def late(seconds):
        async with asyncio.timeout(seconds):
            await main()

    for seconds in (0.3, 1):
        assert asyncio.run(stop(seconds))
        try:
            asyncio.run(late(seconds))
        except TimeoutError:
            continue
        raise AssertionError
    assert not list(Path("converted").glob(".ffprep-*"))
    """
    lines = example.replace("640x360", "3000x2000").replace("asyncio.run(main())", "").splitlines()
    code = code.replace("{example}", "\n    ".join(lines))
    for number in range(60):
        ramp(3000, 2000).save(folder / f"{number}.jpg")
    ramp(90, 60).save(folder.parent / "photo.jpg")
    program(code, folder.parent)


def test_a_daemon_thread_is_left_behind_in_silence(folder: Path, left: Path) -> None:
    code = """
    import atexit, threading, time
    import ffprep

    results = ffprep.convert("photos", "out", "1600x1200", jobs=2)
    next(results)
    threading.Thread(target=list, args=[results], daemon=True).start()
    atexit.register(time.sleep, 2)  # it has time to say what it has to say
    """
    program(code, folder.parent)
    assert list((folder.parent / "out").glob(".ffprep-*")) == []


def test_what_is_imported_by_name_brings_all_of_ffprep(photo: Path) -> None:
    code = """
    import sys
    from ffprep import Preprocessor, check, convert, prepare
    before = set(sys.modules)
    prepare("photo.jpg", "16x9")
    list(check("photo.jpg", "16x9"))
    print(*(name for name in set(sys.modules) - before if name.startswith("ffprep")))
    """
    assert program(code, photo.parent).stdout == "\n"


def test_hints_are_there_for_those_who_read_them_while_a_program_runs() -> None:
    for function in (library.prepare, library.convert, library.check):
        hints = typing.get_type_hints(function)
        assert f"ffprep.options.keywords.{hints['options'].__args__[0].__name__}" in str(
            function.__doc__
        )


def test_what_became_of_a_photo_is_told_in_keywords(photo: Path) -> None:
    (result,) = library.convert(photo, photo.parent / "out", "999x999", upscale="fail")
    assert result.failure
    assert "or say upscale=allow" in result.failure.message


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
    from ffprep.image import sandbox as viewing

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
    run_python(EXAMPLES[number], photo.parent)


def test_a_make_that_shuts_a_program_out_is_told_to_its_log(folder: Path) -> None:
    code = """
        import logging, sys, ffprep
        logging.basicConfig(stream=sys.stdout, format="%(name)s: %(message)s")
        print(len(list(ffprep.convert("photos", "out", "16x9", jobs=2))))
    """
    environ = {**os.environ, "MAKEFLAGS": " -j8 --jobserver-auth=98,99"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=folder.parent,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    told, count = done.stdout.splitlines()
    assert (told[:28], count) == ("ffprep: make -j8 does not sh", "60")


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


def test_names_of_the_version_before_still_work() -> None:
    assert library.Held is library.OutputLocked
    assert library.Answers is library.Results
