"""The record of submissions: nothing is submitted twice, whatever ended the run before."""

import os
import subprocess
from contextlib import closing
from dataclasses import replace
from itertools import product
from pathlib import Path

from ffprep.ledger.database import open_to_write
from ffprep.submit import store
from tests.support import standin as service
from tests.support.pictures import ramp
from tests.support.standin import BLOCKED, DONE, NEVER, Fault, Standin
from tests.support.submitting import QUICK, clips, refusal, single, start
from tests.support.waiting import until


def test_a_folder_is_submitted_once(ffprep, standin: Standin, photos: Path, tmp_path: Path) -> None:
    run = ["submit", photos, "-o", tmp_path / "clips", "--size", "1280x720", "--json", *QUICK]
    first = ffprep(*run, "--prompt", "waves")
    assert first.code == 0, first.err
    clips = sorted(
        str(p.relative_to(tmp_path / "clips")) for p in (tmp_path / "clips").rglob("*.mp4")
    )
    assert clips == ["a.mp4", "b.mp4", "trip/c.mp4", "trip/d.mp4"]
    assert standin.count("create") == 4
    again = ffprep(*run, "--prompt", "waves")
    assert again.summary["fresh"] == 4
    assert (standin.count("create"), standin.count("content")) == (4, 4)
    ramp(1400, 900).save(photos / "a.jpg")
    os.utime(photos / "b.png")
    (tmp_path / "clips/b.mp4").unlink()  # is fetched again, and not made again
    changed = ffprep(*run, "--prompt", "waves")
    assert (changed.summary["done"], changed.summary["fresh"]) == (2, 2)
    assert (standin.count("create"), standin.count("content")) == (5, 6)
    assert ffprep(*run, "--prompt", "dunes").summary["done"] == 4
    assert standin.count("create") == 9


def test_a_single_clip_is_submitted_once_unless_again_is_given(
    ffprep, standin: Standin, photo: Path
) -> None:
    clip = photo.parent / "c.mp4"
    assert ffprep(*single(photo)).code == 0
    first = clip.read_bytes()
    again = ffprep(*single(photo, "--json"))
    assert (again.summary["fresh"], standin.count("create")) == (1, 1)
    assert ffprep(*single(photo, "--dry-run")).out == b""
    # What is refused leaves the take that is there as it is.
    standin.meets("create", refusal(400, "The weather is bad."))
    assert ffprep(*single(photo, "--again")).code == 1
    assert (ffprep(*single(photo)).code, clip.read_bytes()) == (0, first)
    assert (standin.count("create"), standin.count("content")) == (2, 1)
    take = ffprep(*single(photo, "--again", "--json"))
    assert (take.summary["done"], standin.count("create")) == (1, 3)
    assert take.results["photo.jpg"]["job"] == "video_0002"
    assert ffprep(*single(photo, "--seconds", "8", "--json")).summary["done"] == 1
    assert standin.count("create") == 4


def test_the_same_command_resumes_a_single_clip_after_a_kill(
    ffprep, standin: Standin, photo: Path
) -> None:
    standin.ending = lambda job: NEVER
    for words in ([], ["--again"], ["--resubmit"]):
        asked = standin.count("retrieve")
        running = start(*single(photo, *words))
        until(lambda asked=asked: standin.count("retrieve") > asked)
        # Only one run at a time may make this clip.
        assert ffprep(*single(photo)).code == 75
        running.kill()
        running.wait()
    standin.ending = lambda job: DONE
    ran = ffprep(*single(photo, "--json"))
    assert (ran.results["photo.jpg"]["job"], standin.count("create")) == ("video_0001", 1)


def test_a_create_without_an_answer_stays_uncertain(ffprep, standin: Standin, photo: Path) -> None:
    standin.meets("create", service.CUT_AFTER)
    for words in ([], [], ["--again"]):
        ran = ffprep(*single(photo, *words))
        assert (ran.code, "uncertain" in ran.err, standin.count("create")) == (1, True, 1)
    assert ffprep("submit", "--resume", "video_0001", *single(photo)[-4:]).code == 0
    assert (ffprep(*single(photo)).code, standin.count("content")) == (0, 1)
    assert ffprep(*single(photo, "--resubmit")).code == 0
    assert standin.count("create") == 1


def test_a_clip_downloaded_with_resume_is_not_asked_for_again(
    ffprep, standin: Standin, photo: Path
) -> None:
    standin.ending = lambda job: NEVER
    assert ffprep(*single(photo, "--timeout", "0.2")).code == 1
    standin.ending = lambda job: DONE
    assert ffprep("submit", "--resume", "video_0001", *single(photo)[-4:]).code == 0
    standin.jobs.clear()  # as they expire
    assert (ffprep(*single(photo)).code, standin.count("create")) == (0, 1)


def test_nothing_is_sent_if_it_cannot_be_recorded(ffprep, standin: Standin, photo: Path) -> None:
    folder = photo.parent / ".ffprep"
    folder.write_text("a file of somebody's")
    ran = ffprep(*single(photo))
    assert (ran.code, "nothing was sent" in ran.err, standin.received) == (3, True, []), ran.err
    folder.unlink()
    folder.mkdir()
    (folder / "submissions.db").touch()
    ran = ffprep(*single(photo))
    assert (ran.code, "emptied" in ran.err, standin.received) == (3, True, []), ran.err


def test_a_killed_run_continues_and_submits_nothing_twice(
    ffprep, standin: Standin, photos: Path, tmp_path: Path
) -> None:
    standin.ending = lambda job: NEVER
    run = [*clips(photos, tmp_path), "--jobs", "2"]
    running = start(*run, *QUICK, stderr=subprocess.DEVNULL)
    until(lambda: standin.count("create") == 2 and standin.count("retrieve") > 4)
    running.kill()
    running.wait()
    assert standin.count("create") == 2
    standin.ending = lambda job: DONE
    ran = ffprep(*run, *QUICK)
    assert (ran.code, ran.err) == (0, "")
    assert standin.count("create") == 4
    assert len(list((tmp_path / "clips").rglob("*.mp4"))) == 4


def test_a_create_killed_before_its_answer_stays_uncertain(
    ffprep, standin: Standin, photo: Path, tmp_path: Path
) -> None:
    standin.meets("create", replace(service.CUT_AFTER, delay=600))
    run = [
        "submit",
        photo,
        "-o",
        f"{tmp_path}/clips/",
        "--size",
        "1280x720",
        "--prompt",
        "w",
        *QUICK,
    ]
    running = start(*run)
    until(lambda: standin.count("create") == 1)
    running.kill()
    running.wait()
    ran = ffprep(*run)
    assert ran.code == 1
    assert "uncertain" in ran.err
    assert standin.count("create") == 1
    # The job exists. A user who finds it in the server's list downloads it with --resume.
    clip = tmp_path / "clips/photo.mp4"
    assert ffprep("submit", "--resume", "video_0001", "-o", clip, *QUICK).code == 0
    assert (ffprep(*run).code, standin.count("create")) == (0, 1)
    clip.unlink()
    assert (ffprep(*run, "--resubmit").code, standin.count("create")) == (0, 2)


def test_a_failed_job_is_submitted_again_only_with_resubmit(
    ffprep, standin: Standin, photos: Path, tmp_path: Path
) -> None:
    standin.ending = lambda job: BLOCKED if job.id.endswith("1") else DONE
    run = [*clips(photos, tmp_path), *QUICK]
    first = ffprep(*run)
    assert (first.code, first.err.count("a real person")) == (1, 1)
    again = ffprep(*run)
    assert (again.code, standin.count("create")) == (1, 4)
    assert again.err.splitlines()[0] == first.err.splitlines()[0]
    assert ffprep(*run, "--resubmit").code == 0
    assert standin.count("create") == 5


def test_of_two_runs_with_the_same_request_one_sends_it(tmp_path: Path) -> None:
    """A run of the folder, and one of a single clip in it."""
    from ffprep.submit.store import open_store

    asked = ("a.mp4", "digest", tmp_path / "a.jpg", "http://server/v1")
    with open_store(tmp_path) as folder, open_store(tmp_path, "a.mp4") as single:
        assert (folder.find(*asked[:2]), single.find(*asked[:2])) == (None, None)
        assert folder.record_attempt(*asked, None)
        assert not single.record_attempt(*asked, None)
        before = single.find(*asked[:2])
        assert single.record_attempt(*asked, before)
        assert not folder.record_attempt(*asked, before)


def test_status_lists_submissions(ffprep, standin: Standin, photos: Path, tmp_path: Path) -> None:
    endings = {"1": DONE, "2": BLOCKED, "3": NEVER, "4": DONE}
    standin.ending = lambda job: endings[job.id[-1]]
    standin.meets("create", Fault(), Fault(), Fault(), service.CUT_BEFORE)
    clips = tmp_path / "clips"
    run = ["submit", photos, "-o", clips, "--size", "1280x720", "--prompt", "w", "--jobs", "1"]
    assert ffprep(*run, *QUICK, "--timeout", "6").code == 1
    printed = ffprep("status", clips).out.decode()
    assert "submissions: 1 done, 1 failed, 1 submitted, 1 uncertain" in printed
    for words in ("b.mp4  video_0002: job", "submitted  trip/c.mp4  video_0003", "no answer"):
        assert words in printed
    (found,) = ffprep("status", clips, "--json").lines
    states = {each["clip"]: (each["state"], each["job"]) for each in found["submissions"]}
    assert states["a.mp4"] == ("done", "video_0001")
    assert "moderation: job video_0002" in ffprep("status", clips, "--failed").out.decode()


def test_status_leaves_out_what_a_later_clip_replaced() -> None:
    def found(*states: str) -> str:
        rows = [
            store.StoredSubmission(state, "c.mp4", "p.jpg", "s", float(sent), None, None, None)
            for sent, state in enumerate(states)
        ]
        return store.StoredSubmissions(tuple(rows)).describe()[0]

    assert found("done", "failed", "done") == "submissions: 1 done"
    assert found("uncertain", "submitted", "done", "failed") == (
        "submissions: 1 done, 1 failed, 1 submitted, 1 uncertain"
    )


def test_status_reads_submissions_that_a_stranger_recorded(ffprep, tmp_path: Path) -> None:
    path = tmp_path / ".ffprep/submissions.db"
    path.parent.mkdir()
    values = ["NULL", "-1", "9e999", "'\x1b[2J'", "x'00ff'", "9223372036854775807"]
    with closing(open_to_write(path, "OFF", store.LAYOUT)) as database:
        for number, (value, column) in enumerate(
            product(values, "photo server sent job kind words bytes mtime".split())
        ):
            database.execute(
                "INSERT INTO submissions (clip, request, photo, server, sent) "
                "VALUES (?, 'r', x'61', 's', 1.0)",
                (str(number).encode(),),
            )
            update = f"UPDATE OR IGNORE submissions SET {column} = {value} WHERE clip = ?"
            database.execute(update, (str(number).encode(),))
    for options in ((), ("--json",), ("--failed",)):
        ran = ffprep("status", tmp_path, *options)
        assert (ran.code, ran.err) == (0, "")
        assert b"\x1b" not in ran.out
        assert b"Infinity" not in ran.out
