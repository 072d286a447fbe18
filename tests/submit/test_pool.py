"""Several submissions at a time: faults, interrupts, locks."""

import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support import standin as service
from tests.support.command_line import Ran
from tests.support.standin import DONE, NEVER, Fault, Standin
from tests.support.submitting import QUICK, clip_size, clips, single, start
from tests.support.waiting import until

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_after_an_interrupt_the_printed_command_resumes_the_job(
    ffprep, standin: Standin, photo: Path, tmp_path: Path, number: int
) -> None:
    standin.ending = lambda job: NEVER
    running = start(*single(photo, "--poll", "60")[:-2], stderr=subprocess.PIPE)
    until(lambda: standin.count("retrieve") > 0)
    running.send_signal(number)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 128 + number
    standin.ending = lambda job: DONE
    command = shlex.split(said.partition("to download its clip: ffprep ")[2])
    assert ffprep(*command, *QUICK).code == 0
    assert clip_size(tmp_path / "c.mp4") == (1280, 720)


def test_an_interrupt_waits_for_the_answer_to_a_create(
    standin: Standin, photo: Path, tmp_path: Path
) -> None:
    standin.meets("create", Fault(delay=600))
    running = start(*single(photo), stderr=subprocess.PIPE)
    assert running.stderr
    until(lambda: standin.count("create") > 0)
    running.terminate()
    assert "waiting up to 30 s" in running.stderr.readline()
    standin.no_delay.set()
    _, said = running.communicate(timeout=120)
    assert (running.returncode, "job video_0001 goes on" in said) == (143, True)


def test_json_reports_what_ends_the_run(ffprep, standin: Standin, photo: Path) -> None:
    standin.meets("create", service.QUOTA)
    ran = ffprep(*single(photo, "--json"))
    assert (ran.code, ran.kinds()) == (3, {"photo.jpg": "quota"})
    standin.ending = lambda job: NEVER
    running = start(*single(photo, "--json"), stdout=subprocess.PIPE)
    until(lambda: standin.count("retrieve") > 1)
    running.terminate()
    printed, _ = running.communicate(timeout=120)
    (line, _) = Ran(running.returncode, printed.encode(), "").lines
    assert (line["error"]["kind"], line["job"]) == ("interrupted", "video_0001")
    assert line["resume"].startswith("ffprep submit --resume video_0001")


def test_a_server_fault_ends_the_run_and_loses_nothing(
    ffprep, standin: Standin, photos: Path, tmp_path: Path
) -> None:
    run = [*clips(photos, tmp_path), "--jobs", "1", *QUICK]
    standin.meets("create", Fault(), service.QUOTA)
    assert ffprep(*run).code == 3
    assert standin.count("create") == 2
    assert ffprep(*run).code == 0
    assert standin.count("create") == 5


def test_an_output_folder_is_locked_by_one_run(
    ffprep, standin: Standin, photos: Path, tmp_path: Path
) -> None:
    standin.ending = lambda job: NEVER
    run = [*clips(photos, tmp_path), *QUICK]
    running = start(*run, stderr=subprocess.DEVNULL)
    until(lambda: standin.count("create") > 1)
    assert ffprep(*run).code == 75
    running.terminate()
    assert running.wait(timeout=120) == 143


def test_single_clips_in_one_folder_run_at_the_same_time(
    ffprep, standin: Standin, photo: Path
) -> None:
    standin.ending = lambda job: NEVER
    outputs = [photo.parent / f"{number}.mp4" for number in range(4)]
    several = [start(*single(photo, "-o", output)[:-4], *QUICK) for output in outputs]
    until(lambda: standin.count("create") == 4)
    standin.ending = lambda job: DONE
    assert [running.wait(timeout=120) for running in several] == [0] * 4
    assert len(list(photo.parent.glob("*.mp4"))) == 4
