"""Programs that call ffprep: their state, their Python, their log and their process pools."""

import copy
import os
import pickle
import shlex
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

import ffprep as library
from ffprep.errors import Interrupted, Killed
from tests.support.pages import Page, run_python
from tests.support.pictures import as_webp, ramp
from tests.support.processes import program

ROOT = Path(__file__).parents[2]


EXAMPLES = Page("docs/guide/python.md").blocks("python")


def test_errors_can_be_pickled(photo: Path) -> None:
    with ProcessPoolExecutor(1) as pool:
        bad, good = (pool.submit(library.prepare, source, "8x8") for source in (b"no", photo))
        with pytest.raises(library.PhotoError, match="is not a picture") as raised:
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


HOST = """
import logging, os, signal, sys, threading, warnings
import ffprep

def state():
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE", "SIGCHLD")
    numbers = [getattr(signal, name) for name in names]
    umask = os.umask(0o27)
    os.umask(umask)
    return (
        [signal.getsignal(number) for number in numbers], list(logging.root.handlers),
        logging.root.level, list(warnings.filters), os.getcwd(), umask,
        os.getpriority(os.PRIO_PROCESS, 0), sys.stdout, sys.stderr, dict(os.environ),
        sys.excepthook, threading.excepthook,
    )

os.umask(0o27)
import PIL.Image, click  # these change the state themselves
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


def test_the_state_of_the_calling_program_is_unchanged(photo: Path) -> None:
    (photo.parent / "other.webp").write_bytes(as_webp(ramp(90, 60)))
    assert program(HOST, photo.parent).stdout == ""


@pytest.mark.slow
@pytest.mark.parametrize("flags", [(), ("-I",), ("-I", "-S")])
def test_decoder_processes_import_the_same_ffprep(photo: Path, flags: tuple[str, ...]) -> None:
    (photo.parent / "photo.webp").write_bytes(as_webp(ramp(90, 60)))
    vendor, cwd = photo.parent / "vendor", photo.parent / "gone"
    vendor.mkdir()
    cwd.mkdir()
    for name in ("ffprep", "filters"):
        (vendor / name).symlink_to(ROOT / name)
    # Files in the working folder must not be imported.
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


def test_a_python_without_ffprep_is_reported(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = photo.parent / "python"
    from ffprep.image import sandbox_worker

    code = shlex.quote(sandbox_worker._START)
    bare.write_text(f"#!/bin/sh\nshift 3\nexec {sys.executable} -I -S -c {code} /nowhere\n")
    bare.chmod(0o755)
    monkeypatch.setenv("FFPREP_PYTHON", str(bare))
    with pytest.raises(library.EnvironmentFault, match="No module named 'ffprep'"):
        library.prepare(as_webp(ramp(90, 60)), "8x6")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_documented_examples_run(folder: Path, photo: Path, number: int) -> None:
    ramp(1600, 1200).save(photo)
    for path in sorted(folder.iterdir())[4:]:
        path.unlink()
    run_python(EXAMPLES[number], photo.parent)


def test_an_unusable_jobserver_is_logged(folder: Path) -> None:
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
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    message, count = done.stdout.splitlines()
    assert (message[:28], count) == ("ffprep: make -j8 does not sh", "60")
