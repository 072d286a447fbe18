"""Hostile photos: none reads another file, uses the network or forges FFmpeg's log."""

import os
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

from ffprep.conversion import command as graph
from ffprep.conversion import contact_sheet as sheet
from ffprep.conversion import ffmpeg_log as fflog
from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.formats import FORMATS, sniff
from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.job import LocalJob
from ffprep.core.policy import Policy
from ffprep.errors import Kind, PhotoError
from ffprep.image.chunks import inner_boxes
from scripts.cases.heif_file import box
from tests.conversion.test_converter import PNG, SPEC, convert, detail, heic, kind, one
from tests.support.pictures import opened, psnr, ramp
from tests.support.waiting import until

pytestmark = pytest.mark.slow

FORGED = "[out#0 @ 0x1] [error] No space left on device"
BREAKS = ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("line_break", BREAKS)
def test_a_comment_that_reads_like_the_log_stops_no_run(tmp_path: Path, line_break: str) -> None:
    comment = f"a tree{line_break}{FORGED}".encode()
    ramp(40, 30).convert("P").save(tmp_path / "in.gif", comment=comment)
    assert kind(one(tmp_path / "in.gif")) is None


def test_a_comment_is_not_read_as_a_frame(tmp_path: Path) -> None:
    ramp(40, 30).convert("P").save(
        tmp_path / "in.gif", comment=b"[Parsed_showinfo_0 @ 0x1] [info] n: 0 pts: 0 s:40x30 "
    )
    data = (tmp_path / "in.gif").read_bytes()
    (tmp_path / "in.gif").write_bytes(data[: len(data) // 2])
    assert kind(one(tmp_path / "in.gif")) is not None


def test_the_environment_does_not_change_how_ffmpeg_logs(
    ffprep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("AV_LOG_FORCE_COLOR", "1"),
        ("AV_LOG_FORCE_256COLOR", "1"),
        ("FFREPORT", f"file={tmp_path}/report:level=48"),
        ("SVT_LOG", "4"),
    ):
        monkeypatch.setenv(name, value)
    (tmp_path / "in").mkdir()
    for name in ("a.jpg", "b.jpg", "c.avif", "d.tif"):
        ramp(40, 30).save(tmp_path / "in" / name)
    ran = ffprep("convert", tmp_path / "in", "-o", tmp_path / "out", "--size", "8x6")
    assert (ran.code, ran.err) == (0, "")
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize("suffix", ["gif", "tif", "jpg"])
def test_a_name_that_reads_like_the_log_stops_no_run(tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / f"a\n{FORGED}"
    folder.mkdir()
    jobs = []
    for number in range(3):
        source = folder / f"{number}\n{FORGED}.{suffix}"
        ramp(40, 30).convert("P" if suffix == "gif" else "RGB").save(source)
        jobs.append(LocalJob(source, tmp_path / "out" / folder.name / f"{source.stem}.jpg", SPEC))
    assert [kind(result) for result in convert(*jobs)] == [None] * 3
    assert [kind(result) for job in jobs for result in convert(job)] == [None] * 3
    assert len(list((tmp_path / "out" / folder.name).iterdir())) == 3


# --- Scripts that name a canary, in the languages that FFmpeg and others read.
SCRIPTS = {
    "ffconcat": "ffconcat version 1.0\nfile '{file}'\n",
    "ffconcat-beside": "ffconcat version 1.0\nfile {beside}\nduration 1\n",
    "ffconcat-url": "ffconcat version 1.0\nfile '{url}'\noption protocol_whitelist file,http,tcp\n",
    "concat-plain": "file '{file}'\nfile 'file:{file}'\nfile '{url}'\n",
    "m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n"
    "#EXTINF:1,\n{file}\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n",
    "m3u8-key": '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n#EXT-X-MAP:URI="{file}"\n'
    "#EXTINF:1,\nconcat:{file}|{file}\n#EXT-X-ENDLIST\n",
    "mpd": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period>'
    '<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1" width="64" '
    'height="48"><BaseURL>{url}</BaseURL><SegmentList duration="1"><Initialization '
    'sourceURL="file://{file}"/><SegmentURL media="{url}"/></SegmentList></Representation>'
    "</AdaptationSet></Period></MPD>\n",
    "svg": '<?xml version="1.0"?>\n<!DOCTYPE svg [<!ENTITY x SYSTEM "file://{file}">]>\n<svg '
    'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="64" '
    'height="48"><image width="64" height="48" xlink:href="file://{file}"/><image width="9" '
    'height="9" xlink:href="{url}"/><text>&x;</text></svg>\n',
    "imf": '<?xml version="1.0"?>\n<AssetMap><ChunkList>'
    "<Chunk><Path>{file}</Path></Chunk></ChunkList>"
    "</AssetMap>\n",
    "asx": '<asx version="3.0"><entry><ref href="{url}"/></entry></asx>\n',
    "pls": "[playlist]\nFile1={url}\nFile2={file}\nNumberOfEntries=2\n",
    "script": "#!/bin/sh\ncat '{file}' > '{mark}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video {port} RTP/AVP 26\n",
    "rtsp": "RTSPtextRTSP://127.0.0.1:{port}/x.png\n",
    "ass": "[Script Info]\nScriptType: v4.00+\nVideo File: {file}\n[Events]\n"
    "Dialogue: 0,0:00:00.00,0:00:01.00,Default,,0,0,0,,{url}\n",
    "srt": "1\n00:00:00,000 --> 00:00:01,000\n<img src='{url}'>\n",
    "vtt": "WEBVTT\n\nSTYLE\n::cue {{ background: url({url}) }}\n\n"
    "00:00.000 --> 00:01.000\n{file}\n",
    "postscript": "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n({file}) run\nshowpage\n",
    "mvg": "push graphic-context\nviewbox 0 0 64 48\n"
    "image over 0,0 0,0 'url({url})'\npop graphic-context\n",
    "ffmetadata": ";FFMETADATA1\ntitle=movie={file}\n",
    "concat": "concat:{file}|{file}\n",
    "subfile": "subfile,,start,0,end,0,,:{file}\n",
    "crypto": "crypto:{file}\n",
    "data": "data:image/png;base64,iVBORw0KGgo=\n",
    "url": "{url}\n",
    "pattern": "{folder}/canary%01d.dat\n",
}
MAGIC = {
    ".jpg": b"\xff\xd8\xff\xe0",
    ".png": b"\x89PNG\r\n\x1a\n",
    ".webp": b"RIFF\xff\0\0\0WEBP",
    ".gif": b"GIF89a\x08\0\x08\0\0\0\0;",
    ".tif": b"II*\0",
    ".heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    ".avif": b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
    ".bmp": b"BM",
    ".jp2": b"\0\0\0\x0cjP  \r\n\x87\n",
}
SUFFIXES = list(MAGIC)
GOOD = ["good 1.jpg", "good 2.jpg", "good 3.png", "good 4.png"]


class Canary:
    """A file that must not be read, a port that must not be called, a file not to be written."""

    def __init__(self, folder: Path) -> None:
        self.file, self.mark = folder / "canary1.dat", folder.parent / "mark"
        Image.new("RGB", (64, 48), "#ff00ff").save(self.file, "JPEG")
        self._tcp, self._udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
        self._tcp.bind(("127.0.0.1", 0))
        self._tcp.listen()
        self._udp.bind(self._tcp.getsockname())
        self._tcp.setblocking(False)
        self.port = self._tcp.getsockname()[1]
        self.rest()

    def rest(self) -> None:
        """Set the access time before the last change, so that any read updates it (relatime)."""
        os.utime(self.file, ns=(1, os.stat(self.file).st_mtime_ns))

    def texts(self) -> dict[str, bytes]:
        words = {"file": self.file, "beside": self.file.name, "folder": self.file.parent}
        words |= {
            "url": f"http://127.0.0.1:{self.port}/x.png",
            "port": self.port,
            "mark": self.mark,
        }
        return {name: text.format(**words).encode() for name, text in SCRIPTS.items()}

    def close(self) -> None:
        self._tcp.close()
        self._udp.close()

    @property
    def was_read(self) -> bool:
        return os.stat(self.file).st_atime_ns != 1

    @property
    def was_called(self) -> bool:
        calls = select.select([self._tcp, self._udp], [], [], 0)[0]
        if self._tcp in calls:
            self._tcp.accept()[0].close()
        return bool(calls)

    def sings(self) -> str:
        told = {"read": self.was_read, "called": self.was_called, "obeyed": self.mark.exists()}
        return " and ".join(word for word, so in told.items() if so)


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canary]:
    folder = tmp_path_factory.mktemp("hostile") / "in"
    folder.mkdir()
    bird = Canary(folder)
    yield bird
    bird.close()


@pytest.fixture(scope="module")
def hostile(canary: Canary) -> Path:
    """Make every script with every suffix, also after the first bytes of that format."""
    folder = canary.file.parent
    for (name, text), suffix in product(canary.texts().items(), SUFFIXES):
        (folder / f"{name}-{suffix[1:]}{suffix}").write_bytes(text)
        (folder / f"{name}-{suffix[1:]}-magic{suffix}").write_bytes(MAGIC[suffix] + text)
    for name in GOOD:
        detail(80, 60).save(folder / name)
    return folder


def is_right(told: dict[str, str]) -> bool:
    """Require that only the good photos passed, and all others failed with the right kind."""
    failed = {name: kind for name, kind in told.items() if kind not in ("unsupported", "damaged")}
    return sorted(failed) == GOOD and len(told) == 2 * len(SCRIPTS) * len(SUFFIXES) + len(GOOD)


def test_the_canary_detects_a_read(canary: Canary, hostile: Path) -> None:
    """Without restrictions, FFmpeg runs the scripts; else the tests below prove nothing."""
    naive = [find().path, "-v", "quiet", "-safe", "0", "-protocol_whitelist", "file,http,tcp"]
    for name, sings in (("ffconcat", "read"), ("ffconcat-url", "called")):
        script = hostile / f"{name}-png.png"
        argv = [*naive, "-f", "concat", "-i", script, "-f", "null", "-"]
        caller = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        until(lambda sings=sings: canary.sings() == sings)
        caller.kill()
        caller.wait()
        canary.rest()
    assert canary.sings() == ""


@pytest.mark.parametrize("way", ["folder", "list"])
def test_convert_reads_no_script(
    ffprep, canary: Canary, hostile: Path, tmp_path: Path, way: str
) -> None:
    listed = "\n".join(str(p) for p in hostile.iterdir() if p.suffix != ".dat").encode()
    sources = {"folder": [hostile], "list": ["-"]}[way]
    arguments = ["-o", tmp_path / "out", "--size", "32x24", "--json"]
    ran = ffprep("convert", *sources, *arguments, stdin=listed)
    assert ran.code == 1
    names = [name for name, d in ran.results.items() if d["status"] != "passed_over"]
    assert is_right(dict.fromkeys(names, "") | ran.kinds())
    assert len(list((tmp_path / "out").glob("[!.]*"))) == len(GOOD)
    assert canary.sings() == ""


def test_info_and_check_read_no_script(ffprep, canary: Canary, hostile: Path) -> None:
    for command in (["info"], ["check", "--size", "80x60"]):
        ran = ffprep(*command, hostile, "--json")
        assert ran.code == 1
        told = {Path(d["path"]).name: d["error"]["kind"] if d["error"] else "" for d in ran.lines}
        assert is_right(told)
        assert canary.sings() == ""


def test_single_photos_and_sheets_read_no_script(
    canary: Canary, hostile: Path, tmp_path: Path
) -> None:
    using = Converter(find(), Policy())
    page = sheet.Sheet(
        SPEC.format, SPEC.background, sheet.Layout.of(2, SPEC.size), uncut=True, strict=True
    )
    for source in set(hostile.iterdir()) - {canary.file, *(hostile / name for name in GOOD)}:
        (result,) = using.convert([LocalJob(source, tmp_path / "o.jpg", SPEC)])
        assert kind(result) in (Kind.UNSUPPORTED, Kind.DAMAGED), source
        photo = sheet.SheetPhoto(source, source.name, [SPEC])
        with pytest.raises(PhotoError):
            sheet.draw(page, [photo], tmp_path / "o.jpg", using)
    assert list(tmp_path.iterdir()) == []
    assert canary.sings() == ""


def test_ffmpeg_reads_no_script_even_without_the_probe(
    canary: Canary, hostile: Path, tmp_path: Path
) -> None:
    """Single files by every demuxer, and streams by every decoder that has them."""
    names = [hostile / f"{name}-png.png" for name in SCRIPTS]
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    for number, name in enumerate(names):
        (tmp_path / f"in/{number}").symlink_to(name)
    for format in FORMATS:
        picture = ImageInfo(format, Size(64, 48))
        ways = []
        if format.name in ("jpeg", "gif", "heic"):
            output = tmp_path / "o.jpg"
            ways += [graph.command(find().path, name, picture, (SPEC,), [output]) for name in names]
        if together := graph.sequence(picture, (SPEC,)):
            specs = [(SPEC,)] * len(names)
            ways.append(graph.sequence_command(find().path, together, tmp_path, specs))
        for argv in ways:
            ran = subprocess.run(argv, capture_output=True, text=True, timeout=60)
            assert not fflog.read(ran.stderr).frames, argv
    assert canary.sings() == ""


# --- Containers with more than a picture.
def edited(data: bytes, name: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Change the content of all boxes of one name in a movie, and adjust all lengths."""
    nests = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl")
    parts = []
    for found, content in inner_boxes(data):
        if found == name:
            content = change(content)
        elif found in nests:
            content = edited(content, name, change)
        parts.append(box(found, content))
    return b"".join(parts)


def movie(codec: str, folder: Path) -> bytes:
    """Make a red track of a codec that no photo has."""
    path = folder / "track.mov"
    argv = [find().path, "-v", "error", "-y", "-f", "lavfi", "-i", "color=red:s=64x48:d=0.1:r=10"]
    subprocess.run([*argv, "-c:v", codec, "-f", "mov", path], check=True)
    return path.read_bytes()


def with_track(photo: bytes, track: bytes) -> bytes:
    """Make a photo with a movie behind it in the same container."""
    (length,) = struct.unpack(">I", track[:4])  # of its own `ftyp`, which is removed
    shift = len(photo) - length

    def moved(offsets: bytes) -> bytes:
        places = struct.unpack(f">{len(offsets) // 4 - 2}I", offsets[8:])
        return offsets[:8] + b"".join(struct.pack(">I", place + shift) for place in places)

    return photo + edited(track[length:], b"stco", moved)


def elsewhere(track: bytes, path: Path) -> bytes:
    """Make a movie with its pictures in another file (an `alis` data reference, see mov.c)."""
    name = os.fsencode(path)
    name_record = struct.pack(">hh", 2, len(name)) + name + b"\0" * (len(name) % 2)
    path_record = struct.pack(">hh", 18, len(name)) + name + b"\0" * (len(name) % 2)
    alias = bytes(10) + b"\1" + b"v".ljust(27, b"\0") + bytes(12) + b"\1" + b"c".ljust(63, b"\0")
    alias += bytes(16) + struct.pack(">hh", 1, 1) + bytes(16) + name_record + path_record
    alias += struct.pack(">hh", -1, 0) + bytes(200)
    return edited(track, b"dref", lambda _: bytes(7) + b"\1" + box(b"alis", bytes(4) + alias))


def branded(track: bytes, brand: bytes) -> bytes:
    """Make a movie whose header says that it is a photo."""
    return edited(track, b"ftyp", lambda _: brand + bytes(4) + b"mif1" + brand)


@pytest.mark.parametrize("suffix", ["avif", "heic"])
@pytest.mark.parametrize("codec", ["libx264", "mjpeg", "png", "ffv1"])
def test_a_container_reaches_no_other_decoder(tmp_path: Path, suffix: str, codec: str) -> None:
    track, brand = movie(codec, tmp_path), suffix.encode()
    (tmp_path / f"only.{suffix}").write_bytes(branded(track, brand))
    assert kind(one(tmp_path / f"only.{suffix}")) in (Kind.UNSUPPORTED, Kind.DAMAGED)
    photo = photo_of(tmp_path, suffix)
    both = tmp_path / f"both.{suffix}"
    both.write_bytes(with_track(photo.read_bytes(), track))
    picture = ImageInfo(sniff(both.read_bytes()[:64]), Size(64, 48))  # type: ignore[arg-type]
    argv = graph.command(find().path, both, picture, (SPEC,), [tmp_path / "o.jpg"])
    said = subprocess.run(argv, capture_output=True, text=True).stderr
    assert "not on whitelist" in said
    for source in (tmp_path / f"only.{suffix}", both):
        result = one(source, PNG)
        if result.failure:
            assert kind(result) in (Kind.UNSUPPORTED, Kind.DAMAGED)
        else:
            assert psnr(opened(tmp_path / "out/o"), opened_photo(photo)) > 30


def photo_of(folder: Path, suffix: str) -> Path:
    path = folder / f"photo.{suffix}"
    if suffix == "heic":
        return heic(path, ramp(64, 48))
    ramp(64, 48).save(path, quality=95)
    return path


def opened_photo(path: Path) -> Image.Image:
    pillow_heif.register_heif_opener()
    return opened(path).convert("RGB")


@pytest.mark.parametrize("suffix", ["avif", "heic"])
def test_a_container_reads_no_other_file(tmp_path: Path, suffix: str) -> None:
    canary = Canary(tmp_path)
    track = elsewhere(movie("mjpeg", tmp_path), canary.file)
    (tmp_path / "track.mov").write_bytes(track)
    naive = [find().path, "-v", "quiet", "-enable_drefs", "1", "-f", "mov"]
    subprocess.run([*naive, "-i", tmp_path / "track.mov", "-f", "null", "-"])
    assert canary.sings() == "read"  # the reference is one that FFmpeg would follow
    canary.rest()
    (tmp_path / f"only.{suffix}").write_bytes(branded(track, suffix.encode()))
    photo = photo_of(tmp_path, suffix)
    (tmp_path / f"both.{suffix}").write_bytes(with_track(photo.read_bytes(), track))
    for name in ("only", "both"):
        source = tmp_path / f"{name}.{suffix}"
        assert kind(one(source)) in (None, Kind.UNSUPPORTED, Kind.DAMAGED)
        picture = ImageInfo(sniff(source.read_bytes()[:64]), Size(64, 48))  # type: ignore[arg-type]
        argv = graph.command(find().path, source, picture, (SPEC,), [tmp_path / "o.jpg"])
        subprocess.run(argv, capture_output=True)
    assert canary.sings() == ""
    canary.close()


# --- Names.
NAMES = ["-i", "concat:a|b", "http:x", "a%03d", "a%d", "pipe:0", "data:image,png", "fd:0"]
NAMES += ["subfile,,start,0,end,9,,:a", "crypto:a", "cache:a", "async:a", "tee:a|b", "a", "b"]
NAMES += ["a001", "a*", "a?", "[a]", "{a,b}", "'a'", '"a"', "a:b=c,d;e", "\\a", "a\\", "a\nb", "-"]
NAMES += ["@a", "file:a", "a,b", "$(id)", "`id`", "~", "#a", "null", "-filter_complex_script"]


@pytest.mark.parametrize("suffix", ["jpg", "gif", "tif", "heic"])
def test_a_file_name_is_only_a_name(canary: Canary, ffprep, tmp_path: Path, suffix: str) -> None:
    """Each file has its own colour, so that reading the wrong one shows."""
    folder, colours = tmp_path / "in", {}
    folder.mkdir()
    for number, name in enumerate([*NAMES, f"http:127.0.0.1:{canary.port}"]):
        colours[name] = (number * 6, 250 - number * 6, number % 4 * 60)
        path = folder / f"{name}.{suffix}"
        picture = Image.new("RGB", (40, 30), colours[name])
        heic(path, picture) if suffix == "heic" else picture.save(path)
    ran = ffprep("convert", ".", "-o", "../out", "--size", "8x6", "--format", "png", cwd=folder)
    assert (ran.code, ran.err) == (0, "")
    made = {path.stem: path for path in (tmp_path / "out").iterdir() if path.is_file()}
    assert set(made) == set(colours)
    for name, path in made.items():
        pixel = opened(path).getpixel((4, 3))
        assert max(abs(a - b) for a, b in zip(pixel, colours[name], strict=True)) <= 4, name
    assert canary.sings() == ""


def test_a_png_named_jpg_is_a_png(ffprep, tmp_path: Path) -> None:
    photo = detail(80, 60)
    for name in ("lie.jpg", "lie too.jpg"):
        photo.save(tmp_path / name, "PNG")
    detail(80, 60).save(tmp_path / "true.jpg")
    arguments = ["--size", "80x60", "--format", "png"]
    assert ffprep("convert", tmp_path, "-o", tmp_path / "out", *arguments).code == 0
    assert opened(tmp_path / "out/lie.png").tobytes() == photo.tobytes()
    assert "png 80x60, RGB, named .jpg" in ffprep("info", tmp_path / "lie.jpg").out.decode()


def test_no_module_of_the_working_folder_is_imported(tmp_path: Path) -> None:
    for name in ("click", "json", "typing", "PIL", "tempfile", "ffmpeg"):
        (tmp_path / f"{name}.py").write_text("open('imported', 'w')")
    ramp(80, 60).save(tmp_path / "a.webp")
    argv = [sys.executable, "-m", "ffprep", "convert", "a.webp", "-o", "b.jpg", "--size", "8x6"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "imported").exists()
