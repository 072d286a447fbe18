"""Killed at any moment, a run leaves nothing half done, and the next one finishes it."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from ffprep.config.modes import find_mode
from ffprep.conversion.publish import publish
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob
from ffprep.core.policy import Policy
from ffprep.core.spec import Spec
from ffprep.system import tempfiles
from ffprep.system.tempfiles import temporary_beside
from tests.support.folders import finals, temporaries
from tests.support.pictures import opened, ramp
from tests.support.waiting import until

pytestmark = pytest.mark.slow

KILLS = 30
PHOTOS = 300
IN_FLIGHT = 2 * 64


def command(folder: Path, out: str) -> list[str]:
    argv = [sys.executable, "-m", "ffprep", "convert", str(folder / "in"), "-o", str(folder / out)]
    return [*argv, "--size", "16x9", "--upscale", "allow", "--jobs", "2"]


def recorded(out: Path) -> set[str]:
    path = out / ".ffprep/ledger.db"
    if not path.exists():
        return set()
    database = sqlite3.connect(path)
    try:
        rows = database.execute("SELECT folder || name FROM jobs WHERE status = 'converted'")
        return {str(out / name) for (name,) in rows}
    except sqlite3.OperationalError:  # killed before there was a table
        return set()
    finally:
        database.close()


def has_reached(goal: int, out: Path, run: "subprocess.Popen[bytes]") -> bool:
    """Return whether a run has locked the folder and made these outputs, or has ended."""
    lock = out / ".ffprep/lock"
    locked = lock.exists() and str(run.pid) in lock.read_text()
    return run.poll() is not None or (locked and len(finals(out)) >= goal)


def test_a_run_killed_thirty_times_is_finished_by_the_next(tmp_path: Path, home: Path) -> None:
    for number in range(PHOTOS):
        path = tmp_path / f"in/{number // 100}/{number}.{'jpg' if number % 3 else 'png'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        ramp(20 + number % 7, 20 + number % 5).save(path)
    undisturbed = tmp_path / "undisturbed"
    subprocess.run(command(tmp_path, "undisturbed"), check=True)
    expected = {path.relative_to(undisturbed): path.read_bytes() for path in finals(undisturbed)}
    assert len(expected) == PHOTOS
    chance, out, midway = random.Random(6), tmp_path / "out", 0
    for _ in range(KILLS):
        if len(recorded(out)) == PHOTOS:
            shutil.rmtree(out)
        goal = min(len(finals(out)) + chance.choice((0, 1, 5, 20, 60)), PHOTOS - 1)
        with subprocess.Popen(command(tmp_path, "out")) as run:
            reached = partial(has_reached, goal, out, run)
            until(reached, poll=chance.uniform(0.001, 0.02))
            run.send_signal(signal.SIGKILL)
        there = finals(out)
        midway += 0 < len(there) < PHOTOS
        for path in there:
            assert path.read_bytes() == expected[path.relative_to(out)], path
        known = recorded(out)
        assert known <= set(map(str, there))
        assert len(there) - len(known) <= IN_FLIGHT
    assert midway > 3, "the kills came too early or too late to prove anything"
    subprocess.run(command(tmp_path, "out"), check=True)
    assert {path.relative_to(out): path.read_bytes() for path in finals(out)} == expected
    assert {str(undisturbed / Path(p).relative_to(out)) for p in recorded(out)} == recorded(
        undisturbed
    )
    last = subprocess.run([*command(tmp_path, "out"), "--json"], check=True, capture_output=True)
    assert f'"converted": 0, "fresh": {PHOTOS}'.encode() in last.stdout
    assert not temporaries(out)


def test_only_temporary_files_of_dead_runs_are_removed(ffprep, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "in").mkdir()
    ramp(40, 30).save(tmp_path / "in/a.png")
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    out.mkdir()
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    gone = subprocess.Popen(["true"])
    gone.wait()
    ours = tempfiles.temporary_name()
    dead = ours.replace(f"-{os.getpid()}-", f"-{gone.pid}-")
    place = ours.split("-")[1]
    elsewhere = dead.replace(place, "00000000")
    old = elsewhere[:-13] + "11111111.part"
    alien = [".ffprep-notes.part", f"x{dead}", ".hidden", dead.replace(".part", ".parts")]
    for name in (ours, dead, elsewhere, old, *alien):
        (out / name).write_bytes(b"half a picture")
    os.utime(out / old, (1e9, 1e9))
    (scratch / dead).mkdir()
    (scratch / dead / "link").symlink_to(tmp_path / "in/a.png")
    (scratch / ours).mkdir()
    assert ffprep("convert", tmp_path / "in", "-o", out, "--size", "8x8").code == 0
    assert {p.name for p in out.iterdir()} == {".ffprep", "a.jpg", ours, elsewhere, *alien}
    assert [p.name for p in scratch.iterdir()] == [ours]
    assert opened(tmp_path / "in/a.png").size == (40, 30)


def test_a_killed_run_leaves_no_temporaries_where_all_is_done(ffprep, tmp_path: Path) -> None:
    (tmp_path / "in/trip").mkdir(parents=True)
    ramp(40, 30).save(tmp_path / "in/trip/a.png")
    command = ["convert", tmp_path / "in", "-o", tmp_path / "out", "--size", "8x8", "--json"]
    assert ffprep(*command).code == 0
    gone = subprocess.Popen(["true"])
    gone.wait()
    name = tempfiles.temporary_name().replace(f"-{os.getpid()}-", f"-{gone.pid}-")
    (tmp_path / "out/trip" / name).mkdir()
    with closing(sqlite3.connect(tmp_path / "out/.ffprep/ledger.db")) as ledger, ledger:
        ledger.execute("UPDATE runs SET ended = NULL")
    assert ffprep(*command).summary["fresh"] == 1
    assert not temporaries(tmp_path / "out")


def test_fsync_writes_the_output_before_its_name_and_then_the_folder(
    tmp_path: Path, monkeypatch
) -> None:
    # A loss of power cannot be had here: that the system is asked to write, and when, can be seen.
    synced: list[tuple[str, bool]] = []
    output, sync = tmp_path / "out.jpg", os.fsync

    def watched(descriptor: int) -> None:
        synced.append((os.readlink(f"/proc/self/fd/{descriptor}"), output.exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    job = LocalJob(tmp_path / "in.jpg", output, Spec(Size(8, 8), find_mode("cover")))
    for fsync in (False, True):
        with temporary_beside(output) as temporary:
            os.write(temporary.descriptor, b"picture")
            name = os.readlink(temporary.path)
            publish(temporary, job, Policy(fsync=fsync))
        assert synced == ([(name, False), (str(tmp_path), True)] if fsync else [])
        output.unlink()
