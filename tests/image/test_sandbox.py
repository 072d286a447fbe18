"""DecoderPool: if Pillow's C code crashes, hangs or fills its memory, one photo fails."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import decoder_pool, find
from ffprep.core.job import LocalJob
from ffprep.core.policy import Policy
from ffprep.errors import Killed, Kind, PhotoError
from ffprep.image.sandbox import DecoderPool
from ffprep.system import processes
from ffprep.system.processes import Processes
from tests.conversion.test_converter import PNG, kind
from tests.support.ffmpegs import script
from tests.support.pictures import opened, ramp

LIMIT = 268_000_000
POLICY = Policy(timeout=20)


@pytest.fixture(autouse=True)
def others() -> None:
    """Ignore the processes that earlier tests have left to the garbage collector."""
    _others.clear()
    _others.update(children())


_others: set[int] = set()


@pytest.fixture
def decoders(home: Path) -> Iterator[DecoderPool]:
    with decoder_pool(Processes(), POLICY) as decoders:
        yield decoders


def children() -> list[int]:
    """Return the workers of this process."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # the process may have ended
            if (
                entry.name.isdecimal()
                and b"ffprep.image.sandbox_worker" in (entry / "cmdline").read_bytes()
            ):
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                found += [int(entry.name)] * (int(parent) == os.getpid())
    return [pid for pid in found if pid not in _others]


@pytest.mark.parametrize("suffix", ["webp", "avif", "heic"])
def test_headers_that_c_code_reads_are_probed_in_a_worker(
    decoders: DecoderPool, tmp_path: Path, suffix: str
) -> None:
    if suffix == "heic":
        import pillow_heif

        pillow_heif.register_heif_opener()
    ramp(60, 40).save(tmp_path / f"a.{suffix}")
    assert str(decoders.probe(tmp_path / f"a.{suffix}").shown) == "60x40"
    assert len(children()) == 1
    decoders.probe(tmp_path / f"a.{suffix}")
    assert len(children()) == 1  # it is kept
    decoders.close()
    assert children() == []


def test_headers_that_python_reads_need_no_worker(decoders: DecoderPool, tmp_path: Path) -> None:
    for suffix in ("jpg", "png"):
        ramp(60, 40).save(tmp_path / f"a.{suffix}")
        decoders.probe_colours(tmp_path / f"a.{suffix}", keep=False)
    assert children() == []


def test_an_error_in_a_worker_is_raised_here(decoders: DecoderPool, tmp_path: Path) -> None:
    (tmp_path / "bad.webp").write_bytes(b"RIFF\0\0\0\0WEBPVP8 ")
    with pytest.raises(PhotoError) as caught:
        decoders.probe(tmp_path / "bad.webp")
    assert caught.value.kind is Kind.DAMAGED
    assert "begins like webp" in str(caught.value)
    assert len(children()) == 1  # the worker did not cause the error


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_crash_fails_the_photo_and_the_next_is_probed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    # A plugin that crashes on one photo, as C code does.
    code = "import os, PIL.WebPImagePlugin as w; o = w.WebPImageFile._open\n"
    code += "def opened(s):\n"
    code += f"    if s.fp.seek(0) or b'DIE!' in s.fp.read(): os.kill(os.getpid(), {number})\n"
    code += "    s.fp.seek(0); return o(s)\n"
    code += "w.WebPImageFile._open = opened\n"
    (tmp_path / "sitecustomize.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    ramp(60, 40).save(tmp_path / "a.webp")
    (tmp_path / "b.webp").write_bytes((tmp_path / "a.webp").read_bytes() + b"DIE!")
    with decoder_pool(Processes(), POLICY) as decoders:
        for _ in range(2):
            assert str(decoders.probe(tmp_path / "a.webp").shown) == "60x40"
            with pytest.raises(PhotoError) as caught:
                decoders.probe(tmp_path / "b.webp")
            outside = number == signal.SIGKILL
            assert caught.value.kind is (Kind.IO if outside else Kind.DAMAGED)
            assert ("ended from outside" if outside else "crashed") in str(caught.value)


def test_a_worker_killed_by_an_earlier_photo_is_replaced(
    decoders: DecoderPool, tmp_path: Path
) -> None:
    ramp(60, 40).save(tmp_path / "a.webp")
    decoders.probe(tmp_path / "a.webp")
    (pid,) = children()
    os.kill(pid, signal.SIGKILL)
    assert str(decoders.probe(tmp_path / "a.webp").shown) == "60x40"


def test_a_worker_that_was_stopped_is_replaced(home: Path, tmp_path: Path) -> None:
    ramp(60, 40).save(tmp_path / "a.webp")
    with decoder_pool(Processes(), POLICY) as decoders:
        decoders.probe(tmp_path / "a.webp")
        (pid,) = children()
        decoders._idle[0]._timeout = 0.3
        os.kill(pid, signal.SIGSTOP)
        assert str(decoders.probe(tmp_path / "a.webp").shown) == "60x40"
        assert pid not in children()


@pytest.mark.parametrize(("body", "waits"), [("sleep 600", True), ("while :; do :; done", False)])
def test_workers_that_hang_are_ended(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, waits: bool
) -> None:
    monkeypatch.setenv("FFPREP_PYTHON", script(tmp_path / "python", f"exec 2>/dev/null\n{body}"))
    monkeypatch.setattr(processes, "_WORKING", 0.03)  # on a busy machine
    ramp(60, 40).save(tmp_path / "a.webp")
    with (
        decoder_pool(Processes(), Policy(timeout=1)) as decoders,
        pytest.raises(PhotoError) as caught,
    ):
        decoders.probe(tmp_path / "a.webp")
    assert caught.value.kind is Kind.TIMEOUT
    assert isinstance(caught.value, Killed) == waits  # then the failure does not hold
    assert children() == []


def test_a_worker_without_memory_reports_it(home: Path, tmp_path: Path) -> None:
    Image.new("RGB", (8000, 6000)).save(tmp_path / "a.png")
    with decoder_pool(Processes(), Policy(max_memory=160 << 20)) as decoders:
        picture = decoders.probe(tmp_path / "a.png")
        with pytest.raises(PhotoError) as caught:
            decoders.require_whole(tmp_path / "a.png", picture)
        assert caught.value.kind is Kind.TOO_LARGE
        assert "memory" in str(caught.value)


def test_decoded_pixels_arrive_complete(home: Path, tmp_path: Path) -> None:
    ramp(700, 500).convert("CMYK").save(tmp_path / "inks.tif")
    converter = Converter(find(), Policy())
    (result,) = converter.convert([LocalJob(tmp_path / "inks.tif", tmp_path / "o.png", PNG)])
    assert kind(result) is None
    assert opened(tmp_path / "o.png").size == (64, 48)
    converter.close()
    assert children() == []


def test_no_worker_outlives_the_program(home: Path, tmp_path: Path) -> None:
    ramp(60, 40).save(tmp_path / "a.webp")
    code = (
        "from pathlib import Path\n"
        "from ffprep.conversion.ffmpeg_binary import decoder_pool\n"
        "from ffprep.core.policy import Policy\n"
        "from ffprep.system.processes import Processes\n"
        "decoders = decoder_pool(Processes(), Policy())\n"
        f"decoders.probe(Path({str(tmp_path)!r}) / 'a.webp')\n"
        "print(decoders._idle[0]._running._child.pid)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert not Path(f"/proc/{done.stdout.decode().strip()}").exists()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["segments", "zeros", "chunks", "tiff"])
def test_an_endless_header_fails_only_its_photo(home: Path, tmp_path: Path, what: str) -> None:
    path = tmp_path / f"a.{ {'chunks': 'png', 'tiff': 'tif'}.get(what, 'jpg') }"
    ramp(60, 40).save(path)
    data = path.read_bytes()
    if what == "segments":
        path.write_bytes(data[:2] + b"\xff\xfe\0\2" * 3_000_000 + data[2:])
    elif what == "chunks":
        path.write_bytes(data[:33] + b"\0\0\0\0tEXt\xa2\x76\xe7\xae" * 3_000_000 + data[33:])
    else:
        head = b"II*\0\x08\0\0\0\0\0" if what == "tiff" else data[:20]
        path.write_bytes(head)
        os.truncate(path, 3 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    with decoder_pool(Processes(), Policy(timeout=3)) as decoders, contextlib.suppress(PhotoError):
        decoders.probe_colours(path, keep=False)
    assert time.monotonic() - started < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes
