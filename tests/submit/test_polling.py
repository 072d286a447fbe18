"""Waiting for a job, and downloading its clip."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import standin as service
from tests.support.standin import BLOCKED, BROKEN, CANCELLED, DONE, NEVER, Fault, Standin
from tests.support.submitting import QUICK, clip_size, refusal, single

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("protocol", ["videos", "azure-v1"])
def test_a_failed_job_is_reported_with_its_reason(
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
def test_after_a_timeout_the_printed_command_resumes_the_job(
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


def test_transient_errors_are_retried_while_a_job_runs(
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


def test_the_server_sets_the_poll_interval(
    ffprep, standin: Standin, photo: Path, tmp_path: Path
) -> None:
    asked = ["submit", photo, "--prompt", "w", "--size", "1280x720", "-o", tmp_path / "c.mp4"]
    # The default of 5 s between three questions would exceed this timeout.
    assert ffprep(*asked, "--timeout", "9").code == 0
    assert standin.count("retrieve") == 3


@pytest.mark.parametrize("operation", ["retrieve", "content"])
@pytest.mark.parametrize(
    "fault", [Fault(delay=600), replace(service.RATE_LIMIT, headers={"Retry-After": "600"})]
)
def test_the_timeout_holds_whatever_the_server_does(
    ffprep, standin: Standin, photo: Path, operation: str, fault: Fault
) -> None:
    standin.meets(operation, *[fault] * 9)
    ran = ffprep(*single(photo, "--timeout", "2"))
    assert (ran.code, "timeout: job video_0001" in ran.err) == (1, True), ran.err
    assert "to go on: ffprep submit --resume video_0001" in ran.err


def test_a_clip_that_appears_late_is_waited_for(ffprep, standin: Standin, photo: Path) -> None:
    standin.meets("retrieve", refusal(404, "Not found."))
    standin.meets("content", *[refusal(404, "Video is not ready yet.")] * 2)
    assert ffprep(*single(photo)).code == 0
    standin.meets("content", *[refusal(404, "Video is not ready yet.")] * 9)
    ran = ffprep(*single(photo, "--again"))
    assert (ran.code, "its clip is not there" in ran.err, "to go on:" in ran.err) == (1, True, True)
