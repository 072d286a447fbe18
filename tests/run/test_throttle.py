"""How a run behaves on a machine that others use too."""

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from ffprep.config.modes import find_mode
from ffprep.conversion.converter import Converter
from ffprep.core.geometry import Size
from ffprep.core.job import Result
from ffprep.core.policy import ThrottleOptions
from ffprep.core.spec import Spec
from ffprep.library.request import Rendition, Request
from ffprep.options.types import SECONDS
from ffprep.run.convert_options import ConvertOptions
from ffprep.run.runner import open_run
from ffprep.run.summary import RunSummary
from ffprep.run.throttle import Throttle, apply_niceness
from ffprep.system.pool import run_chunks
from tests.support.ffmpegs import fake_ffmpeg
from tests.support.pictures import opened, ramp

SPEC = Spec(Size(9, 6), find_mode("cover"))
BESIDE_VERSION = '[ "$1" = -version ] && exec "$REAL" -version; '


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for number in range(12):
        ramp(30, 20).save(tmp_path / f"in/{number:02}.jpg")
    return tmp_path / "in"


def test_ffmpeg_is_as_nice_and_as_idle_as_was_asked_for(
    ffprep, photos: Path, tmp_path: Path
) -> None:
    body = f'nice >> {tmp_path}/nice; ionice -p $$ >> {tmp_path}/idle; exec "$REAL" "$@"'
    ffmpeg = fake_ffmpeg(tmp_path, BESIDE_VERSION + body).path
    arguments = ["convert", photos, "-o", tmp_path / "out", "--size", "9x6", "--ffmpeg", ffmpeg]
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    ran = ffprep(*arguments, "--nice", "7", "--idle")
    assert (ran.code, set((tmp_path / "nice").read_text().split())) == (0, {str(min(mine + 7, 19))})
    if shutil.which("ionice"):
        assert (set((tmp_path / "idle").read_text().split()), ran.err) == ({"idle"}, "")
    else:
        assert ran.err.count("--idle") == 1


def test_where_the_disk_cannot_be_left_to_others_the_run_goes_on(
    ffprep, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    environment = {**os.environ, "PATH": str(tmp_path / "bin")}
    arguments = ["convert", photos, "-o", tmp_path / "out", "--size", "9x6", "--idle"]
    for refusal in (None, "#!/bin/sh\necho none: prio 4\n"):
        if refusal:
            (tmp_path / "bin/ionice").write_text(refusal)
            (tmp_path / "bin/ionice").chmod(0o755)
        ran = ffprep(*arguments, env=environment)
        assert (ran.code, ran.err.count("\n"), "ffprep: --idle: " in ran.err) == (0, 1, True)


def made_in(seconds: float, grace: float, photos: Path, tmp_path: Path, delay: float) -> list[Path]:
    """What a run of one worker makes of the photos when each call of ffmpeg takes a `delay`."""
    options = ConvertOptions(
        request=Request((photos,), tmp_path / "out", (Rendition(SPEC),)),
        throttle=ThrottleOptions(max_time=seconds, grace=grace),
    )
    binary = fake_ffmpeg(tmp_path, f'sleep {delay}; exec "$REAL" "$@"')
    with open_run(options, Converter(binary, options.policy), RunSummary(), print) as run:
        results = [r for r in run.results() if isinstance(r, Result)]
    assert (run.out_of_time, [r for r in results if r.failure]) == (True, [])
    assert {r.output for r in results} == set(tmp_path.glob("out/*.jpg"))
    return [result.output for result in results if result.output]


def test_what_has_begun_in_time_is_finished(photos: Path, tmp_path: Path) -> None:
    made = made_in(1.0, 60.0, photos, tmp_path, delay=2.0)
    assert 1 < len(made) < 12
    assert {opened(path).size for path in made} == {(9, 6)}


def test_what_takes_too_long_after_the_time_is_ended(photos: Path, tmp_path: Path) -> None:
    assert made_in(0.5, 0.5, photos, tmp_path, delay=300) == []


def test_no_time_left_is_told_and_the_next_run_goes_on(
    ffprep, photos: Path, tmp_path: Path
) -> None:
    ffmpeg = fake_ffmpeg(tmp_path, f'{BESIDE_VERSION}sleep 2; exec "$REAL" "$@"').path
    arguments = ["convert", photos, "-o", tmp_path / "out", "--size", "9x6", "--json"]
    ran = ffprep(*arguments, "--ffmpeg", ffmpeg, "--jobs", "1", "--max-time", "1")
    done = ran.summary["converted"]
    assert (ran.code, len(list(tmp_path.glob("out/*.jpg")))) == (1, done)
    words = rf"ffprep: stopped after --max-time; {12 - done} not processed yet; {done} converted"
    assert re.match(words, ran.err)
    ran = ffprep(*arguments, "--max-time", "2h")
    assert (ran.code, ran.err, ran.summary["fresh"]) == (0, "", done)
    assert len(list(tmp_path.glob("out/*.jpg"))) == 12


def test_what_was_not_looked_at_is_not_pruned(ffprep, photos: Path, tmp_path: Path) -> None:
    arguments = ["convert", photos, "-o", tmp_path / "out", "--size", "9x6", "--jobs", "1"]
    assert ffprep(*arguments).code == 0
    for source in photos.iterdir():
        os.utime(source, (1, 1))
    (photos / "00.jpg").unlink()
    ffmpeg = fake_ffmpeg(tmp_path, f'{BESIDE_VERSION}sleep 2; exec "$REAL" "$@"').path
    ran = ffprep(*arguments, "--prune", "--ffmpeg", ffmpeg, "--max-time", "1")
    assert (ran.code, (tmp_path / "out/00.jpg").exists()) == (1, True)
    assert (
        json.loads(ffprep("status", tmp_path / "out", "--json").out)["runs"][0]["outcome"] == "time"
    )
    assert ffprep(*arguments, "--prune").code == 0
    assert not (tmp_path / "out/00.jpg").exists()


@contextmanager
def load(monkeypatch: pytest.MonkeyPatch, figure: float) -> Iterator[None]:
    """A load average that nobody can order: the one thing here that is not real."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "getloadavg", lambda: (figure, 0.0, 0.0))
        yield


@pytest.mark.parametrize(("figure", "at_once"), [(8.0, 1), (7.9, 3)])
def test_under_load_one_chunk_at_a_time_goes_on(
    monkeypatch: pytest.MonkeyPatch, figure: float, at_once: int
) -> None:
    throttle, lock, together = (
        Throttle(ThrottleOptions(max_load=8.0)),
        threading.Lock(),
        threading.Barrier(at_once),
    )
    working, most = 0, 0

    def work(chunk: int) -> Iterator[int]:
        nonlocal working, most
        with throttle.wait_turn(lambda: False) as open:
            assert open
            with lock:
                working += 1
                most = max(most, working)
            together.wait(30)  # as many as may come are here at the same time
            subprocess.run(["true"], check=True)  # and the others could come in
            with lock:
                working -= 1
            yield chunk

    with load(monkeypatch, figure):
        assert sorted(run_chunks(range(12), work, 3)) == list(range(12))
    assert most == at_once


def test_who_waits_for_the_load_hears_that_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    throttle, over, entered = (
        Throttle(ThrottleOptions(max_load=1.0)),
        threading.Event(),
        list[bool](),
    )

    def wait() -> None:
        with throttle.wait_turn(over.is_set) as open:
            entered.append(open)

    with load(monkeypatch, 99.0), throttle.wait_turn(lambda: False):
        waiting = threading.Thread(target=wait)
        waiting.start()
        over.set()
        waiting.join(30)
        assert entered == [False]


def test_a_machine_that_does_not_tell_its_load_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> tuple[float, float, float]:
        raise OSError("no /proc")

    monkeypatch.setattr(os, "getloadavg", unknown)
    options = ThrottleOptions(max_load=2.0)
    (told,) = apply_niceness(options)
    assert told.startswith("--max-load: ")
    throttle = Throttle(options)
    with throttle.wait_turn(lambda: False) as first, throttle.wait_turn(lambda: False) as second:
        assert (first, second) == (True, True)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1.5s", 1.5), ("15m", 900), ("6h", 21600), ("1D", 86400)]
)
def test_times_as_people_write_them(text: str, seconds: float) -> None:
    assert SECONDS.convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "h", "6 hours", "-1m", "0h", "nan", "1w"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a duration"):
        SECONDS.convert(text, None, None)
