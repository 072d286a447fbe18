"""`ffprep submit`: with the real SDK over real HTTP, against a server that is stricter than a real one."""

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.support import standin as service
from tests.support.command_line import Ran
from tests.support.pictures import opened, psnr, ramp
from tests.support.standin import (
    BLOCKED,
    BROKEN,
    CANCELLED,
    DONE,
    KEY,
    NEVER,
    Fault,
    Rules,
    Standin,
)
from tests.support.standin_rules import MISMATCH, Refusal

QUICK = ("--poll", "0.05")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    ramp(1600, 1200).save(tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    for number, name in enumerate(["a.jpg", "b.png", "trip/c.jpg", "trip/d.webp"]):
        ramp(1300 + number, 800).save(folder / name)
    return folder


def clip_size(path: Path) -> tuple[int, int]:
    """What a player shows of a clip."""
    import imageio_ffmpeg

    reader = imageio_ffmpeg.read_frames(path)
    size: tuple[int, int] = next(reader)["size"]
    reader.close()
    return size


def refusal(status: int, words: str, code: str | None = None) -> Fault:
    return Fault(status, Refusal(status, words, None, code).body)


def test_a_photo_becomes_a_clip_by_one_request_that_is_right(
    ffprep, standin: Standin, photo: Path, tmp_path: Path
) -> None:
    ran = ffprep(
        "submit",
        photo,
        "--prompt",
        "waves, ü",
        "--size",
        "1280x720",
        "-o",
        "c.mp4",
        *QUICK,
        cwd=tmp_path,
    )
    assert (ran.code, ran.out, ran.err) == (0, b"", "")
    assert clip_size(tmp_path / "c.mp4") == (1280, 720)
    (created,) = (each for each in standin.received if each.operation == "create")
    said = {part.name: part.text for part in created.parts if part.file_name is None}
    assert said == {"prompt": "waves, ü", "size": "1280x720", "seconds": "4"}
    sent = created.part("input_reference")
    assert (sent.file_name, sent.mime) == ("photo.jpg", "image/jpeg")
    assert Image.open(io.BytesIO(sent.data)).size == (1280, 720)


def test_target_and_model_name_one_another(
    ffprep, standin: Standin, photo: Path, tmp_path: Path
) -> None:
    run = ["submit", photo, "--prompt", "waves", *QUICK, "-o", tmp_path / "c.mp4"]
    assert ffprep(*run, "--target", "sora-2", "--seconds", "8").code == 0
    assert ffprep(*run, "--model", "sora-2-pro", "--size", "1024x1792").code == 0
    asked = [
        (job.request.model, job.request.width, job.request.seconds) for job in standin.jobs.values()
    ]
    assert asked == [("sora-2", 1280, 8), ("sora-2-pro", 1024, 4)]
    wrong = ffprep(*run, "--model", "sora-2", "--size", "1024x1792")
    assert wrong.code == 2
    assert "sora-2 has no size 1024x1792" in wrong.err
    assert standin.count("create") == 2


def test_framing_format_and_more_fields(
    ffprep, standin: Standin, photo: Path, tmp_path: Path
) -> None:
    standin.rules = Rules(extra=frozenset({"seed", "style[name]"}))
    options = ["--mode", "pad", "--background", "white", "--format", "png", "--extra", "seed=7"]
    options += ["--extra", 'style={"name": "ink"}']
    ran = ffprep(
        "submit",
        photo,
        "--prompt",
        "w",
        "--size",
        "1280x720",
        *options,
        *QUICK,
        "--json",
        cwd=tmp_path,
    )
    assert ran.code == 0, ran.err
    (line, last) = ran.lines
    told = {key: line[key] for key in ("status", "output", "width", "height", "job", "error")}
    assert told == {
        "status": "done",
        "output": "photo.mp4",
        "width": 1280,
        "height": 720,
        "job": "video_0001",
        "error": None,
    }
    assert last["summary"]["done"] == 1
    (job,) = standin.jobs.values()
    assert job.request.extra == {"seed": "7", "style[name]": "ink"}
    (picture,) = job.request.pictures
    assert picture.mime == "image/png"
    assert Image.open(io.BytesIO(picture.data)).getpixel((0, 0)) == (255, 255, 255)


def test_the_jobs_api_is_spoken_too(ffprep, standin: Standin, photo: Path, tmp_path: Path) -> None:
    run = [
        "submit",
        photo,
        "--prompt",
        "waves",
        "--size",
        "854x480",
        "--model",
        "sora",
        "--protocol",
        "azure-v1",
    ]
    ran = ffprep(*run, "--base-url", standin.azure_url, "-o", tmp_path / "c.mp4", *QUICK)
    assert (ran.code, ran.err) == (0, "")
    assert clip_size(tmp_path / "c.mp4") == (854, 480)
    created = standin.received[0]
    assert created.headers["api-key"] == KEY
    assert "authorization" not in created.headers
    (item,) = json.loads(created.part("inpaint_items").text)
    assert (item["frame_index"], item["type"], item["file_name"]) == (0, "image", "photo.jpg")
    assert list(item["crop_bounds"].values()) == [0, 0, 1, 1]


@pytest.mark.parametrize("orientation", [1, 6])
def test_bounds_that_are_sent_make_the_region_that_would_have_been_cut(
    ffprep, standin: Standin, tmp_path: Path, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    ramp(1501, 1203).save(tmp_path / "photo.png", exif=exif)
    framing = [
        "--size",
        "480x480",
        "--crop-bounds",
        "0.1,0.23,0.77,0.9",
        "--focus",
        "0.3,0.6",
        "--format",
        "png",
    ]
    run = [
        "submit",
        tmp_path / "photo.png",
        "--prompt",
        "w",
        "--model",
        "sora",
        "--protocol",
        "azure-v1",
        *framing,
    ]
    run += ["--base-url", standin.address, "-o", tmp_path / "c.mp4", *QUICK, "--send-crop-bounds"]
    ran = ffprep(*run)
    assert ran.code == 0, ran.err
    created = standin.received[0]
    (item,) = json.loads(created.part("inpaint_items").text)
    whole = Image.open(io.BytesIO(created.part("files").data))
    upright = (1501, 1203) if orientation == 1 else (1203, 1501)
    assert abs(whole.width / whole.height - upright[0] / upright[1]) < 0.002
    edges = [
        round(item["crop_bounds"][f"{side}_fraction"] * length)
        for side, length in zip(("left", "top", "right", "bottom"), whole.size * 2, strict=True)
    ]
    assert ffprep("convert", tmp_path / "photo.png", "-o", tmp_path / "cut.png", *framing).code == 0
    assert psnr(whole.crop(edges).convert("RGB"), opened(tmp_path / "cut.png").convert("RGB")) > 45


def test_bounds_are_sent_only_where_the_server_can_cut(
    ffprep, standin: Standin, photo: Path
) -> None:
    run = [
        "submit",
        photo,
        "--prompt",
        "w",
        "--size",
        "480x480",
        "--model",
        "sora",
        "--send-crop-bounds",
    ]
    assert "--protocol azure-v1" in ffprep(*run).err
    padded = ffprep(*run, "--protocol", "azure-v1", "--mode", "pad")
    assert (padded.code, "--mode cover" in padded.err) == (2, True)


REFUSED = [
    (service.MODERATION, "moderation", "a real person"),
    (refusal(400, MISMATCH), "size", ".jpg, image/jpeg, 1280x720"),
    (refusal(400, "unsupported mimetype ('image/jpeg')"), "media-type", "--format"),
    (refusal(400, "The weather is bad."), "refused", "400: The weather is bad; sent"),
    (replace(service.RATE_LIMIT, headers={"Retry-After": "7200"}), "rate-limit", "try again later"),
    (service.SERVER_ERROR, "uncertain", "may bill it"),
    (service.HTML, "uncertain", "a page for people"),
    (service.EMPTY, "uncertain", "may bill it"),
    (service.CUT_BEFORE, "uncertain", "no answer"),
    (service.CUT_AFTER, "uncertain", "--resubmit"),
]


def test_what_one_create_meets_is_told_in_a_sentence_and_not_sent_again(
    ffprep, standin: Standin, tmp_path: Path
) -> None:
    for number in range(len(REFUSED)):
        ramp(64 + number, 64).save(tmp_path / f"{number:02}.jpg")
    standin.meets("create", *(fault for fault, _, _ in REFUSED))
    run = [
        "submit",
        *sorted(tmp_path.glob("*.jpg")),
        "--prompt",
        "w",
        "--size",
        "1280x720",
        "--jobs",
        "1",
    ]
    run += ["-o", tmp_path / "clips", "--json", *QUICK]
    ran = ffprep(*run)
    assert ran.code == 1
    assert "Traceback" not in ran.err
    for result, (_, kind, words) in zip(ran.results.values(), REFUSED, strict=True):
        assert result["error"]["kind"] == kind
        assert words in result["error"]["message"]
        assert result["error"]["message"] in ran.err
    assert standin.count("create") == 10
    # What was refused costs nothing, and is tried again; what may have been taken is not.
    again = ffprep(*run)
    assert (again.summary["done"], set(again.kinds().values())) == (5, {"uncertain"})
    assert standin.count("create") == 15


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (service.QUOTA, "no quota left"),
        (service.LEAKY, "OPENAI_API_KEY"),
        (refusal(404, "Invalid URL (POST /videos)"), "without /v1"),
        (refusal(404, "The model 'x' does not exist", "model_not_found"), "--model"),
        (service.HTML_AS_SUCCESS, "without /v1"),
    ],
)
def test_what_all_photos_would_meet_is_a_fault_of_the_environment(
    ffprep, standin: Standin, photo: Path, tmp_path: Path, fault: Fault, words: str
) -> None:
    standin.meets("create", fault)
    ran = ffprep(
        "submit", photo, "--prompt", "w", "--size", "1280x720", "-o", tmp_path / "c.mp4", *QUICK
    )
    assert (ran.code, words in ran.err, KEY in ran.err) == (3, True, False), ran.err
    assert not re.search(r"[.][.)]|[.];", ran.err)
    assert (standin.count("create"), (tmp_path / "c.mp4").exists()) == (1, False)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/v1", "http://no-such-host.invalid/v1"])
def test_a_server_that_is_not_there_is_told_at_once(
    ffprep, standin: Standin, photo: Path, address: str
) -> None:
    asked = ["submit", photo, "--prompt", "w", "--size", "1280x720"]
    for run in (asked, ["submit", "--resume", "video_0001"]):
        ran = ffprep(*run, "--base-url", address, cwd=photo.parent)
        assert (ran.code, f"{address} cannot be reached" in ran.err) == (3, True), ran.err


@pytest.mark.parametrize("protocol", ["videos", "azure-v1"])
def test_a_job_that_fails_says_why(
    ffprep, standin: Standin, photos: Path, tmp_path: Path, protocol: str
) -> None:
    endings = {"1": BLOCKED, "2": BROKEN, "3": CANCELLED, "4": DONE}
    standin.ending = lambda job: endings[job.id[-1]]
    where = standin.url if protocol == "videos" else standin.azure_url
    run = [
        "submit",
        photos,
        "--prompt",
        "w",
        "--size",
        "1280x720",
        "--model",
        "sora-2",
        "-o",
        tmp_path / "clips",
    ]
    ran = ffprep(*run, "--protocol", protocol, "--base-url", where, "--json", "--jobs", "1", *QUICK)
    assert ran.code == 1
    kinds = [result["error"] and result["error"]["kind"] for result in ran.results.values()]
    assert kinds == ["moderation", "failed", "failed", None]
    for words in ("a real person", "internal_error", "cancelled"):
        assert words in ran.err
    assert "--resume" not in ran.err


@pytest.mark.parametrize("protocol", ["videos", "azure-v1"])
def test_a_job_that_takes_too_long_is_resumed_by_the_command_that_is_told(
    ffprep, standin: Standin, photo: Path, tmp_path: Path, protocol: str
) -> None:
    standin.ending = lambda job: NEVER
    where = standin.url if protocol == "videos" else standin.azure_url
    clip = tmp_path / "the clip.mp4"
    run = ["submit", photo, "--prompt", "w", "--size", "1280x720", "--model", "sora", "-o", clip]
    ran = ffprep(*run, "--protocol", protocol, "--base-url", where, "--timeout", "0.5", *QUICK)
    assert ran.code == 1
    assert "timeout: job" in ran.err
    standin.ending = lambda job: DONE
    command = shlex.split(ran.err.partition("to go on: ffprep ")[2])
    resumed = ffprep(*command, *QUICK)
    assert (resumed.code, resumed.err) == (0, "")
    assert clip_size(clip) == (1280, 720)
    assert standin.count("create") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_interrupts_is_told_how_to_go_on(
    ffprep, standin: Standin, photo: Path, tmp_path: Path, number: int
) -> None:
    standin.ending = lambda job: NEVER
    argv = [sys.executable, "-m", "ffprep", "submit", photo, "--prompt", "w", "--size", "1280x720"]
    argv += ["-o", tmp_path / "c.mp4", "--poll", "60"]
    running = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    _wait_until(lambda: standin.count("retrieve") > 0)
    running.send_signal(number)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 128 + number
    standin.ending = lambda job: DONE
    command = shlex.split(said.partition("to fetch its clip: ffprep ")[2])
    assert ffprep(*command, *QUICK).code == 0
    assert clip_size(tmp_path / "c.mp4") == (1280, 720)


def test_an_interrupt_waits_for_the_answer_to_what_was_sent(
    standin: Standin, photo: Path, tmp_path: Path
) -> None:
    standin.meets("create", Fault(delay=2))
    argv = [sys.executable, "-m", "ffprep", "submit", photo, "--prompt", "w", "--size", "1280x720"]
    running = subprocess.Popen([*argv, "-o", tmp_path / "c.mp4"], stderr=subprocess.PIPE, text=True)
    _wait_until(lambda: standin.count("create") > 0)
    running.terminate()
    _, said = running.communicate(timeout=30)
    assert (running.returncode, "job video_0001 goes on" in said) == (143, True)
    assert "waiting up to 30 s" in said


def _wait_until(so: Any) -> None:
    for _ in range(600):
        if so():
            return
        time.sleep(0.05)
    raise AssertionError("it never came to that")


def test_what_is_no_whole_clip_never_has_its_name(
    ffprep, standin: Standin, photos: Path, tmp_path: Path
) -> None:
    cut = Fault(200, b"\0\0\0\x18ftypisom" + bytes(12), "video/mp4")
    no_clip = Fault(200, b'{"error": {"message": "not yet"}}')
    standin.meets("content", service.EMPTY, no_clip, cut, replace(service.NO_LENGTH, bytes=400))
    older = tmp_path / "clips/a.mp4"
    run = [
        "submit",
        photos,
        "--prompt",
        "w",
        "--size",
        "1280x720",
        "-o",
        tmp_path / "clips",
        "--jobs",
        "1",
    ]
    ran = ffprep(*run, "--json", *QUICK)
    assert (ran.code, set(ran.kinds().values())) == (1, {"clip"})
    left = (tmp_path / "clips").rglob("*")
    assert not [p.name for p in left if p.suffix in (".mp4", ".part")]
    resume = shlex.split(ran.results["a.jpg"]["resume"])
    assert ffprep(*resume[1:], *QUICK).code == 0
    assert clip_size(older) == (1280, 720)
    assert ffprep(*run, *QUICK).code == 0
    assert len(list((tmp_path / "clips").rglob("*.mp4"))) == standin.count("create") == 4


def test_a_server_that_stumbles_while_a_job_runs_is_asked_again(
    ffprep, standin: Standin, photo: Path, tmp_path: Path
) -> None:
    standin.meets(
        "retrieve", service.OVERLOADED, service.CUT_BEFORE, service.HTML_AS_SUCCESS, service.EMPTY
    )
    standin.meets("content", service.SERVER_ERROR, service.CUT_SHORT)
    ran = ffprep(
        "submit", photo, "--prompt", "w", "--size", "1280x720", "-o", tmp_path / "c.mp4", *QUICK
    )
    assert (ran.code, ran.err) == (0, "")


def test_a_folder_is_submitted_once_whatever_is_run_again(
    ffprep, standin: Standin, photos: Path, tmp_path: Path
) -> None:
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


def clips(photos: Path, folder: Path) -> list[object]:
    """The clips of a folder of photos."""
    return ["submit", photos, "-o", folder / "clips", "--size", "1280x720", "--prompt", "w"]


def single(photo: Path, *options: object) -> list[str]:
    """A single clip, as make or cron asks for it."""
    words = ["submit", photo, "--prompt", "w", "--size", "1280x720", *options]
    return [*map(str, words), "-o", str(photo.parent / "c.mp4"), *QUICK]


def test_a_single_clip_is_submitted_once_and_another_take_when_asked_for(
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


def test_a_single_clip_is_resumed_by_the_same_command_when_it_was_killed(
    ffprep, standin: Standin, photo: Path
) -> None:
    standin.ending = lambda job: NEVER
    for words in ([], ["--again"], ["--resubmit"]):
        argv = [sys.executable, "-m", "ffprep", *single(photo, *words)]
        asked = standin.count("retrieve")
        running = subprocess.Popen(argv)
        _wait_until(lambda asked=asked: standin.count("retrieve") > asked)
        # Two clips may be made in one folder at a time, but not one twice.
        assert ffprep(*single(photo)).code == 75
        running.kill()
        running.wait()
    standin.ending = lambda job: DONE
    ran = ffprep(*single(photo, "--json"))
    assert (ran.results["photo.jpg"]["job"], standin.count("create")) == ("video_0001", 1)


def test_single_clips_in_one_folder_do_not_wait_for_one_another(
    ffprep, standin: Standin, photo: Path
) -> None:
    standin.ending = lambda job: NEVER
    argv = [sys.executable, "-m", "ffprep", "submit", photo, "--prompt", "w", "--size", "1280x720"]
    several = [
        subprocess.Popen([*argv, "-o", photo.parent / f"{number}.mp4", *QUICK])
        for number in range(4)
    ]
    _wait_until(lambda: standin.count("create") == 4)
    standin.ending = lambda job: DONE
    assert [running.wait(timeout=60) for running in several] == [0] * 4
    assert len(list(photo.parent.glob("*.mp4"))) == 4


def test_a_single_clip_of_which_no_answer_came_is_uncertain_and_stays_so(
    ffprep, standin: Standin, photo: Path
) -> None:
    standin.meets("create", service.CUT_AFTER)
    for words in ([], [], ["--again"]):
        ran = ffprep(*single(photo, *words))
        assert (ran.code, "uncertain" in ran.err, standin.count("create")) == (1, True, 1)
    assert ffprep("submit", "--resume", "video_0001", *single(photo)[-4:]).code == 0
    assert (ffprep(*single(photo)).code, standin.count("content")) == (0, 1)
    assert ffprep(*single(photo, "--resubmit")).code == 0
    assert standin.count("create") == 1


def test_a_clip_that_was_fetched_by_hand_is_not_asked_for_again(
    ffprep, standin: Standin, photo: Path
) -> None:
    standin.ending = lambda job: NEVER
    assert ffprep(*single(photo, "--timeout", "0.2")).code == 1
    standin.ending = lambda job: DONE
    assert ffprep("submit", "--resume", "video_0001", *single(photo)[-4:]).code == 0
    standin.jobs.clear()  # as they expire
    assert (ffprep(*single(photo)).code, standin.count("create")) == (0, 1)


def test_where_nothing_can_be_remembered_nothing_is_sent(
    ffprep, standin: Standin, photo: Path
) -> None:
    folder = photo.parent / ".ffprep"
    folder.write_text("a file of somebody's")
    ran = ffprep(*single(photo))
    assert (ran.code, "nothing was sent" in ran.err, standin.received) == (3, True, []), ran.err
    folder.unlink()
    folder.mkdir()
    (folder / "submissions.db").touch()
    ran = ffprep(*single(photo))
    assert (ran.code, "emptied" in ran.err, standin.received) == (3, True, []), ran.err


def test_two_photos_of_one_clip_are_told_before_anything_is_sent(
    ffprep, standin: Standin, photos: Path, tmp_path: Path
) -> None:
    ramp(900, 900).save(photos / "a.png")
    ran = ffprep(
        *clips(photos, tmp_path),
        "--json",
        *QUICK,
    )
    assert (ran.code, ran.kinds()) == (1, {"a.jpg": "collision", "a.png": "collision"})
    assert standin.count("create") == 3


def test_a_killed_run_goes_on_and_submits_nothing_twice(
    ffprep, standin: Standin, photos: Path, tmp_path: Path
) -> None:
    standin.ending = lambda job: NEVER
    run = [
        *clips(photos, tmp_path),
        "--jobs",
        "2",
    ]
    argv = [sys.executable, "-m", "ffprep", *map(str, run), *QUICK]
    running = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    _wait_until(lambda: standin.count("retrieve") > 4)
    running.kill()
    running.wait()
    assert standin.count("create") == 2
    standin.ending = lambda job: DONE
    ran = ffprep(*run, *QUICK)
    assert (ran.code, ran.err) == (0, "")
    assert standin.count("create") == 4
    assert len(list((tmp_path / "clips").rglob("*.mp4"))) == 4


def test_killed_between_request_and_answer_it_is_uncertain_and_stays_so(
    ffprep, standin: Standin, photo: Path, tmp_path: Path
) -> None:
    standin.meets("create", replace(service.CUT_AFTER, delay=30))
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
    running = subprocess.Popen([sys.executable, "-m", "ffprep", *map(str, run)])
    _wait_until(lambda: standin.count("create") == 1)
    running.kill()
    running.wait()
    ran = ffprep(*run)
    assert ran.code == 1
    assert "uncertain" in ran.err
    assert standin.count("create") == 1
    # It was there; whoever looks at the server's list and fetches it is not asked again.
    clip = tmp_path / "clips/photo.mp4"
    assert ffprep("submit", "--resume", "video_0001", "-o", clip, *QUICK).code == 0
    assert (ffprep(*run).code, standin.count("create")) == (0, 1)
    clip.unlink()
    assert (ffprep(*run, "--resubmit").code, standin.count("create")) == (0, 2)


def test_a_job_that_failed_is_not_submitted_again_unless_asked_to(
    ffprep, standin: Standin, photos: Path, tmp_path: Path
) -> None:
    standin.ending = lambda job: BLOCKED if job.id.endswith("1") else DONE
    run = [
        *clips(photos, tmp_path),
        *QUICK,
    ]
    first = ffprep(*run)
    assert (first.code, first.err.count("a real person")) == (1, 1)
    again = ffprep(*run)
    assert (again.code, again.err, standin.count("create")) == (1, first.err, 4)
    assert ffprep(*run, "--resubmit").code == 0
    assert standin.count("create") == 5


def test_a_fault_of_all_photos_ends_the_run_and_costs_nothing(
    ffprep, standin: Standin, photos: Path, tmp_path: Path
) -> None:
    run = [
        *clips(photos, tmp_path),
        "--jobs",
        "1",
        *QUICK,
    ]
    standin.meets("create", Fault(), service.QUOTA)
    assert ffprep(*run).code == 3
    assert standin.count("create") == 2
    assert ffprep(*run).code == 0
    assert standin.count("create") == 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", "1280x720"], "--prompt"),
        (["--prompt", "w"], "which size?"),
        (["--prompt", "w", "--size", "1280x720", "--extra", "size=7"], "--extra size"),
        (["--prompt", "w", "--size", "1280x720", "--extra", "style=ink"], "quotes of its own"),
        (["--prompt", "w", "--size", "1280x720", "-o", "c.png"], "c.mp4"),
        (["--prompt", "w", "--size", "1280x720", "--base-url", "localhost:8000"], "http://"),
        (
            [
                "--prompt",
                "w",
                "--size",
                "1280x720",
                "--protocol",
                "azure-v1",
                "--base-url",
                "http://x",
            ],
            "--model",
        ),
        (["--resume", "video_1"], "leave out SOURCE"),
        (["--resume", ""], "which job?"),
        (["--prompt", "w", "--size", "1280x720", "-o", "c.mp4", "."], "named like one clip"),
        (["--prompt", "w\udcff", "--size", "1280x720"], "no UTF-8"),
        (["--prompt", "w", "--size", "1280x720", "--extra", "n=NaN"], "cannot be sent"),
        (["--prompt", "w", "--size", "1280x720", "--base-url", "http://h/v1?key=s"], "? or #"),
    ],
)
def test_what_makes_no_sense_is_told_before_anything_is_sent(
    ffprep, standin: Standin, photo: Path, arguments: list[str], words: str
) -> None:
    ran = ffprep("submit", photo, *arguments, cwd=photo.parent)
    assert (ran.code, words in ran.err) == (2, True), ran.err
    assert not standin.received


def test_a_key_that_is_missing_or_of_no_use_is_told(
    ffprep, standin: Standin, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ["submit", photo, "--prompt", "w", "--size", "1280x720"]
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret\nsk-secret")
    ran = ffprep(*run)
    assert (ran.code, "line break" in ran.err, "sk-secret" in ran.err) == (3, True, False)
    monkeypatch.delenv("OPENAI_API_KEY")
    ran = ffprep(*run)
    assert (ran.code, "set OPENAI_API_KEY" in ran.err) == (3, True)
    assert not standin.received


def test_without_the_sdk_there_are_help_and_dry_run_and_else_a_sentence(
    home: Path, photo: Path, tmp_path: Path
) -> None:
    def run(*arguments: object) -> Ran:
        code = f"import sys; sys.modules['openai'] = None; sys.argv = {['ffprep', *map(str, arguments)]!r}"
        argv = [sys.executable, "-c", f"{code}; from ffprep.__main__ import main; main()"]
        environment = {name: value for name, value in os.environ.items() if "OPENAI" not in name}
        done = subprocess.run(argv, capture_output=True, cwd=tmp_path, env=environment)
        return Ran(done.returncode, done.stdout, done.stderr.decode())

    assert run("submit", "--help").code == 0
    asked = ["submit", photo, "--prompt", "waves", "--target", "sora-2/1280x720"]
    shown = run(*asked, "--dry-run")
    assert (shown.code, shown.err) == (0, "")
    told = shown.out.decode()
    for words in (
        "POST https://api.openai.com/v1/videos",
        "Bearer ***",
        "model: sora-2",
        "seconds: 4",
    ):
        assert words in told
    assert "input_reference: photo.jpg, image/jpeg, 1280x720" in told
    ran = run(*asked)
    assert (ran.code, "pip install 'ffprep[openai]'" in ran.err) == (3, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "photo.jpg"]


def test_a_dry_run_shows_what_is_sent_and_sends_nothing(
    ffprep, standin: Standin, photos: Path, tmp_path: Path
) -> None:
    run = [
        *clips(photos, tmp_path),
        "--json",
        *QUICK,
    ]
    shown = ffprep(*run, "--dry-run")
    assert (shown.code, standin.received, (tmp_path / "clips").exists()) == (0, [], False)
    assert ffprep(*run).code == 0
    requests = {line["request"]["file"]["name"]: line["request"] for line in shown.lines[:-1]}
    for created in (each for each in standin.received if each.operation == "create"):
        sent = created.part("input_reference")
        request = requests.pop(str(sent.file_name))
        assert request["file"]["bytes"] == len(sent.data)
        assert dict(request["fields"]) == {p.name: p.text for p in created.parts if p != sent}
        assert request["url"] == standin.address + created.path
    assert not requests
    assert len(ffprep(*run, "--dry-run").lines) == 5  # all fresh
    assert standin.count("create") == 4


def test_no_key_and_no_password_is_told_or_kept_anywhere(
    ffprep, standin: Standin, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_LOG", "debug")
    import imageio_ffmpeg

    wrapper = tmp_path / "ffmpeg"  # which tells what it is given
    wrapper.write_text(
        f'#!/bin/sh\nenv >> {tmp_path}/environment\nexec {imageio_ffmpeg.get_ffmpeg_exe()} "$@"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("FFPREP_FFMPEG", str(wrapper))
    secret = "pass-word-1234"
    guarded = standin.url.replace("http://", f"http://someone:{secret}@")
    said = b""
    for where in (standin.url, guarded):
        echo = refusal(400, f"Bad request from Bearer {KEY}, at {where}.")
        faults = [echo, replace(echo, status=500), Fault(200, KEY.encode(), "text/plain")]
        run = [
            *clips(photos, tmp_path),
            "--base-url",
            where,
        ]
        standin.meets("create", *faults, service.LEAKY)
        ran = ffprep(*run, "--resubmit", "--json", "-v", "--jobs", "1", *QUICK)
        said += ran.out + ran.err.encode()
        ran = ffprep(*run, "--dry-run")
        said += ran.out + ran.err.encode()
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for word in (KEY, secret):
        assert word.encode() not in said + kept
    assert b"***" in said
    assert b"FFPREP_FFMPEG" in kept


def test_one_run_an_output_folder(ffprep, standin: Standin, photos: Path, tmp_path: Path) -> None:
    standin.ending = lambda job: NEVER
    run = [
        *clips(photos, tmp_path),
        *QUICK,
    ]
    running = subprocess.Popen(
        [sys.executable, "-m", "ffprep", *map(str, run)], stderr=subprocess.DEVNULL
    )
    _wait_until(lambda: standin.count("create") > 1)
    assert ffprep(*run).code == 75
    running.terminate()
    assert running.wait(timeout=30) == 143


def test_the_sdk_is_not_imported_before_a_request_is_made() -> None:
    code = "import sys, ffprep.cli; print('openai' in sys.modules, 'ffprep.submit.submission' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "False False\n"


def test_of_two_who_send_the_same_one_does(tmp_path: Path) -> None:
    """A run of the folder, and one of a single clip in it."""
    from ffprep.submit.store import opened_store

    asked = ("a.mp4", "digest", tmp_path / "a.jpg", "http://server/v1")
    with opened_store(tmp_path) as folder, opened_store(tmp_path, "a.mp4") as single:
        assert (folder.find(*asked[:2]), single.find(*asked[:2])) == (None, None)
        assert folder.intend(*asked, None)
        assert not single.intend(*asked, None)
        before = single.find(*asked[:2])
        assert single.intend(*asked, before)
        assert not folder.intend(*asked, before)


def test_a_server_that_takes_no_more_for_now_is_waited_for(
    ffprep, standin: Standin, photos: Path, tmp_path: Path
) -> None:
    standin.meets("create", Fault(), service.RATE_LIMIT, service.RATE_LIMIT)
    run = ["submit", photos, "-o", tmp_path / "clips", "--size", "1280x720", "--prompt", "w"]
    ran = ffprep(*run, "--json", *QUICK)
    assert (ran.code, ran.summary["done"]) == (0, 4), ran.err
    assert standin.count("create") == 6
    assert ran.summary["seconds"] > 1  # as Retry-After says


def test_a_job_is_asked_for_when_the_server_says_so(
    ffprep, standin: Standin, photo: Path, tmp_path: Path
) -> None:
    asked = ["submit", photo, "--prompt", "w", "--size", "1280x720", "-o", tmp_path / "c.mp4"]
    assert ffprep(*asked, "--timeout", "4").code == 0  # every 5 s, it would be over before
    assert standin.count("retrieve") == 3


def test_status_tells_what_was_submitted(
    ffprep, standin: Standin, photos: Path, tmp_path: Path
) -> None:
    endings = {"1": DONE, "2": BLOCKED, "3": NEVER, "4": DONE}
    standin.ending = lambda job: endings[job.id[-1]]
    standin.meets("create", Fault(), Fault(), Fault(), service.CUT_BEFORE)
    clips = tmp_path / "clips"
    run = ["submit", photos, "-o", clips, "--size", "1280x720", "--prompt", "w", "--jobs", "1"]
    assert ffprep(*run, *QUICK, "--timeout", "1").code == 1
    told = ffprep("status", clips).out.decode()
    assert "submissions: 1 done, 1 failed, 1 submitted, 1 uncertain" in told
    for words in ("b.mp4  video_0002: job", "submitted  trip/c.mp4  video_0003", "no answer came"):
        assert words in told
    (found,) = ffprep("status", clips, "--json").lines
    states = {each["clip"]: (each["state"], each["job"]) for each in found["submissions"]}
    assert states["a.mp4"] == ("done", "video_0001")
    assert "moderation: job video_0002" in ffprep("status", clips, "--failed").out.decode()


def test_what_is_translucent_is_not_sent_whole_where_the_target_takes_none(
    ffprep, standin: Standin, tmp_path: Path
) -> None:
    target = tmp_path / "t.toml"
    rules = 'title = "Own"\nformats = ["png"]\nalpha = false\n'
    target.write_text(f'[own]\n{rules}[own.sizes]\nsquare = "480x480"\n')
    ramp(900, 800).save(tmp_path / "opaque.png")
    clear = ramp(900, 800)
    clear.putalpha(100)
    clear.save(tmp_path / "clear.png")
    run = ["--prompt", "w", "--targets", target, "--target", "own", "--model", "sora", "--dry-run"]
    run += ["--protocol", "azure-v1", "--base-url", standin.address, "--send-crop-bounds"]
    assert ffprep("submit", tmp_path / "opaque.png", *run).code == 0
    ran = ffprep("submit", tmp_path / "clear.png", *run)
    assert (ran.code, "translucent" in ran.err) == (1, True), ran.err


def test_what_is_downloaded_is_told_in_plain_words(
    ffprep, standin: Standin, photo: Path, tmp_path: Path
) -> None:
    for body, words in (
        (b"<html>Sorry.", "begins <html>Sorry."),
        (b"\x89PN\xff", "something else"),
    ):
        standin.meets("content", Fault(200, body))
        ran = ffprep(*single(photo))
        assert (ran.code, f"is no MP4, but {words}" in ran.err) == (1, True), ran.err


def test_what_changes_the_picture_is_another_request_and_nothing_else_is(
    ffprep, standin: Standin, photo: Path
) -> None:
    assert ffprep(*single(photo)).code == 0
    limits = ["--max-memory", "3G", "--max-pixels", "90000000", "--damaged", "keep"]
    assert ffprep(*single(photo, *limits, "--upscale", "fail")).code == 0
    assert standin.count("create") == 1
    photo.with_name("photo.jpg.ffprep.toml").write_text('focus = "left"\n')
    assert (ffprep(*single(photo)).code, standin.count("create")) == (0, 2)


def test_bounds_of_a_sidecar_are_sent_too(ffprep, standin: Standin, photo: Path) -> None:
    photo.with_name("photo.jpg.ffprep.toml").write_text('crop-bounds = "0.5,0,1,1"\n')
    azure = ["--protocol", "azure-v1", "--model", "sora", "--base-url", standin.address]
    assert ffprep(*single(photo, *azure, "--send-crop-bounds")).code == 0
    created = standin.received[0]
    (item,) = json.loads(created.part("inpaint_items").text)
    assert (item["crop_bounds"]["left_fraction"], created.part("files").file_name) == (
        *(0.5, "photo.jpg"),
    )
    assert Image.open(io.BytesIO(created.part("files").data)).size == (2560, 1920)


def test_a_job_may_be_called_by_a_number(ffprep, standin: Standin, photo: Path) -> None:
    standin.meets("create", Fault(200, b'{"id": 17, "object": "video", "status": "queued"}'))
    ran = ffprep(*single(photo, "--json"))
    assert (ran.results["photo.jpg"]["job"], ran.kinds()) == ("17", {"photo.jpg": "unknown-job"})


def test_a_wait_may_be_told_as_a_date() -> None:
    from email.utils import formatdate

    from ffprep.submit.openai_client import seconds_in

    told = seconds_in({"retry-after": formatdate(time.time() + 3600, usegmt=True)}, "retry-after")
    assert 3000 < (told or 0) <= 3600


@pytest.mark.parametrize("operation", ["retrieve", "content"])
@pytest.mark.parametrize(
    "fault", [Fault(delay=600), replace(service.RATE_LIMIT, headers={"Retry-After": "600"})]
)
def test_the_timeout_holds_whatever_a_server_does(
    ffprep, standin: Standin, photo: Path, operation: str, fault: Fault
) -> None:
    standin.meets(operation, *[fault] * 9)
    ran = ffprep(*single(photo, "--timeout", "2"))
    assert (ran.code, "timeout: job video_0001" in ran.err) == (1, True), ran.err
    assert "to go on: ffprep submit --resume video_0001" in ran.err


def test_a_clip_that_is_there_a_little_later_is_waited_for(
    ffprep, standin: Standin, photo: Path
) -> None:
    standin.meets("retrieve", refusal(404, "Not found."))
    standin.meets("content", *[refusal(404, "Video is not ready yet.")] * 2)
    assert ffprep(*single(photo)).code == 0
    standin.meets("content", *[refusal(404, "Video is not ready yet.")] * 9)
    ran = ffprep(*single(photo, "--again"))
    assert (ran.code, "its clip is not there" in ran.err, "to go on:" in ran.err) == (1, True, True)


def test_how_it_was_said_makes_no_other_request(ffprep, standin: Standin, photo: Path) -> None:
    standin.rules = Rules(extra=frozenset({"a", "b"}))
    assert ffprep(*single(photo, "--extra", "a=1", "--extra", "b=2")).code == 0
    same = ["--mode", "cover", "--format", "jpeg", "--compression", "5", "--upscale", "allow"]
    assert ffprep(*single(photo, "--extra", "b=2", "--extra", "a=1", *same)).code == 0
    assert standin.count("create") == 1


def test_a_mode_of_ones_own_that_changed_makes_another_request(
    ffprep, standin: Standin, photo: Path
) -> None:
    from ffprep.config.modes import all_modes

    (pad,) = (mode for mode in all_modes(()) if mode.name == "pad")
    folder = photo.parent / "filters"
    folder.mkdir()
    said = Path(pad.path).read_text()
    for number, text in enumerate([said, said.replace("(oh-ih)/2", "0")], 1):
        (folder / "mine.toml").write_text(text)
        assert ffprep(*single(photo, "--mode", "mine", "--filters", folder)).code == 0
        assert standin.count("create") == number


def test_a_photo_whose_shape_will_not_do_costs_only_itself(
    ffprep, standin: Standin, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    ramp(900, 700).save(folder / "a.png")
    Image.new("RGB", (8000, 2)).save(folder / "b.png")
    run = ["submit", folder, "--prompt", "w", "--size", "480x480", "-o", tmp_path / "clips", *QUICK]
    run += ["--protocol", "azure-v1", "--model", "sora", "--base-url", standin.address, "--json"]
    ran = ffprep(*run, "--send-crop-bounds")
    assert (ran.code, ran.kinds(), ran.summary["done"]) == (1, {"b.png": "unsupported"}, 1)


def test_where_a_clip_could_not_be_written_nothing_is_sent(
    ffprep, standin: Standin, photos: Path, tmp_path: Path
) -> None:
    clips = tmp_path / "clips"
    (clips / "a.mp4").mkdir(parents=True)
    (clips / "trip").write_text("a file")
    run = ["submit", photos, "-o", clips, "--size", "1280x720", "--prompt", "w", "--json", *QUICK]
    ran = ffprep(*run)
    assert (ran.code, ran.summary["done"], standin.count("create")) == (1, 1, 1)


def test_a_film_that_ffprep_has_not_made_is_left_as_it_is(
    ffprep, standin: Standin, photo: Path
) -> None:
    film = photo.parent / "c.mp4"
    film.write_bytes(b"a film of one's own")
    assert ffprep(*single(photo, "--dry-run")).code == 1
    ran = ffprep(*single(photo))
    assert (ran.code, "collision" in ran.err, standin.received) == (1, True, []), ran.err
    assert film.read_bytes() == b"a film of one's own"
    film.unlink()
    assert ffprep(*single(photo)).code == 0
    film.write_bytes(b"an edited clip")
    assert ffprep(*single(photo)).code == 1
    assert film.read_bytes() == b"an edited clip"
    assert ffprep(*single(photo, "--again")).code == 0
    assert standin.count("create") == 2


def test_a_clip_that_cannot_be_decoded_never_has_its_name(
    ffprep, standin: Standin, photo: Path
) -> None:
    whole = service.clip(1280, 720, 4)
    place = whole.index(b"mdat") + 4
    spoilt = whole[:place] + bytes(len(whole) - place)
    spoilt = spoilt[: place - 8] + bytes(4) + spoilt[place - 4 :]  # up to the end
    standin.meets("content", Fault(200, spoilt, "video/mp4"))
    ran = ffprep(*single(photo))
    assert (ran.code, "cannot be decoded" in ran.err, "--resume" in ran.err) == (1, True, True)
    assert not (photo.parent / "c.mp4").exists()
    assert ffprep(*single(photo)).code == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("ALL_PROXY", "foo://proxy"), ("ALL_PROXY", "socks5://proxy")),
        ("SSL_CERT_FILE", "/no/such/file"),
    ],
)
def test_what_keeps_a_client_from_being_made_is_told_before_anything_is_sent(
    ffprep, standin: Standin, photo: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setenv(name, value)
        patched.delenv("NO_PROXY")
        ran = ffprep(*single(photo))
        assert (ran.code, name in ran.err, "bug" in ran.err) == (3, True, False), ran.err
    assert ffprep(*single(photo)).code == 0  # and not uncertain


@pytest.mark.parametrize("status", [301, 307])
def test_a_create_is_not_sent_to_another_place(
    ffprep, standin: Standin, photo: Path, status: int
) -> None:
    standin.meets("create", Fault(status, headers={"Location": f"{standin.url}/videos"}))
    ran = ffprep(*single(photo))
    assert (ran.code, "redirects" in ran.err, len(standin.received)) == (3, True, 1), ran.err
    assert ffprep(*single(photo)).code == 0


def test_what_is_secret_is_hidden_before_words_are_cut(
    ffprep, standin: Standin, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ""
    for length in (70, 78, 190, 198, 490, 498):  # around where words are cut: at 80, 200, 500
        standin.meets("create", refusal(400, "x" * length + KEY))
        said += ffprep(*single(photo)).err
    standin.meets("content", Fault(200, b"y" * 70 + KEY.encode()))
    said += ffprep(*single(photo)).err
    assert KEY[:10] not in said
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Token: token-1234567")
    standin.meets("create", refusal(400, "Bad token-1234567."))
    ran = ffprep(*single(photo, "--again"))
    assert standin.received[-1].headers["x-token"] == "token-1234567"
    assert "token-1234567" not in ran.err


def test_json_tells_of_what_ends_the_run(ffprep, standin: Standin, photo: Path) -> None:
    standin.meets("create", service.QUOTA)
    ran = ffprep(*single(photo, "--json"))
    assert (ran.code, ran.kinds()) == (3, {"photo.jpg": "quota"})
    standin.ending = lambda job: NEVER
    argv = [sys.executable, "-m", "ffprep", *single(photo, "--json")]
    running = subprocess.Popen(argv, stdout=subprocess.PIPE)
    _wait_until(lambda: standin.count("retrieve") > 1)
    running.terminate()
    told, _ = running.communicate(timeout=30)
    (line, _) = Ran(running.returncode, told, "").lines
    assert (line["error"]["kind"], line["job"]) == ("interrupted", "video_0001")
    assert line["resume"].startswith("ffprep submit --resume video_0001")
