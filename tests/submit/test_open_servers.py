"""Answers of vllm-omni, sglang and LiteLLM: jobs that end, refusals of all photos, other hosts."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tests.support.open_servers import answer, clip_store, failed, in_cloud, job, quoted, refused
from tests.support.pictures import ramp
from tests.support.standin import Fault, Standin
from tests.support.submitting import QUICK, clip_size, clips, refusal, single

ENDED = {
    "vllm-omni": (failed(500, "CUDA out of memory"), "failed", "(500: CUDA out of memory)"),
    "refused": (failed(400, "5-second clips only"), "failed", "(400: 5-second clips only)"),
    "moderated": (failed(400, "content_filter: unsafe"), "moderation", "stopped by moderation"),
    "LiteLLM": (quoted(failed(500, "no memory")), "failed", "(500: no memory)"),
    "expired": (answer(410, job("expired")), "expired", "has expired"),
    "deleted": (
        answer(200, {"id": "video_gen_1", "object": "video.deleted", "deleted": True}),
        "expired",
        "was deleted at the server",
    ),
}


@pytest.mark.parametrize(("fault", "kind", "words"), ENDED.values(), ids=ENDED)
def test_a_job_that_ended_is_one_whatever_the_http_status(
    ffprep, standin: Standin, photo: Path, fault: Fault, kind: str, words: str
) -> None:
    standin.meets("retrieve", fault)
    ran = ffprep(*single(photo, "--json"))
    assert (ran.code, ran.kinds(), words in ran.err) == (1, {"photo.jpg": kind}, True), ran.err
    assert standin.count("retrieve") == 1
    assert "1 failed" in ffprep("status", photo.parent).out.decode()
    assert ffprep(*single(photo)).code == 1  # the record knows, and nothing is sent
    assert (standin.count("create"), standin.count("retrieve")) == (1, 1)
    assert ffprep(*single(photo, "--resubmit")).code == 0
    assert clip_size(photo.parent / "c.mp4") == (1280, 720)


def test_a_job_that_failed_at_once_or_before_its_download_has_failed(
    ffprep, standin: Standin, photo: Path
) -> None:
    standin.meets("create", failed(503, "no worker"))
    ran = ffprep(*single(photo, "--json"))
    assert (ran.kinds(), standin.count("retrieve")) == ({"photo.jpg": "failed"}, 0), ran.err
    standin.meets("content", failed(200, "the clip is broken"))
    ran = ffprep(*single(photo, "--json", "--resubmit"))
    assert (ran.kinds(), "(200: the clip is broken)" in ran.err) == ({"photo.jpg": "failed"}, True)


MISMATCH = "Model mismatch: request specifies 'x' but server is running 'wan'."
FOR_ALL = {
    "model": (refused(400, MISMATCH), "address: ", "Model mismatch"),
    "LiteLLM's model": (
        refused(400, "/videos: Invalid model name passed in model=x. Call `/v1/models`."),
        "address",
        "see --model",
    ),
    "quoted": (
        quoted(answer(400, {"detail": MISMATCH}), "BadRequestError"),
        "address",
        "see --model",
    ),
    "key": (refused(400, "No connected db.", "no_db_connection"), "key", "check OPENAI_API_KEY"),
    "size": (
        refusal(400, "Invalid value: '1280x720'. Supported values are: '832x480'."),
        "refused",
        "concerns every photo",
    ),
    "form": (
        answer(422, {"detail": [{"loc": ["body", "seconds"], "msg": "Input should be a string"}]}),
        "refused",
        "422: seconds: Input should be a string",
    ),
}


@pytest.mark.parametrize(("fault", "kind", "words"), FOR_ALL.values(), ids=FOR_ALL)
def test_what_is_wrong_for_all_ends_the_run_before_the_second_upload(
    ffprep, standin: Standin, photos: Path, tmp_path: Path, fault: Fault, kind: str, words: str
) -> None:
    if kind == "refused" and b'"param": null' in fault.body:
        fault = replace(fault, body=fault.body.replace(b'"param": null', b'"param": "size"'))
    standin.meets("create", *[replace(fault, delay=0.3)] * 4)
    ran = ffprep(*clips(photos, tmp_path), "--jobs", "4", *QUICK)
    assert (ran.code, ran.err.count(words)) == (3, 1), ran.err
    assert standin.count("create") == 1


def test_a_refusal_that_names_the_picture_costs_one_photo(
    ffprep, standin: Standin, photos: Path, tmp_path: Path
) -> None:
    standin.meets("create", refusal(400, "Invalid size of the image: it is not supported."))
    ran = ffprep(*clips(photos, tmp_path), "--jobs", "4", *QUICK)
    assert (ran.code, standin.count("create")) == (1, 4), ran.err


@pytest.mark.parametrize("form", ["redirect", "JSON", "list", "sentence", "quoted"])
def test_a_clip_elsewhere_is_downloaded_from_an_allowed_origin_only(
    ffprep, standin: Standin, photo: Path, form: str
) -> None:
    with clip_store() as (origin, received):
        url = f"{origin}/clip.mp4?signature=s3cr3t"
        fault = {
            "redirect": Fault(302, headers={"Location": url}),
            "JSON": answer(200, {"url": url}),
            "list": answer(200, {"data": [{"url": url}]}),
            "sentence": in_cloud(url),
            "quoted": quoted(in_cloud(url), "BadRequestError"),
        }[form]
        standin.meets("content", fault)
        ran = ffprep(*single(photo))
        assert (ran.code, f"at {origin}/clip.mp4 (without" in ran.err) == (1, True), ran.err
        assert f"add --clips-from {origin}" in ran.err
        assert "s3cr3t" not in ran.err
        assert not received
        standin.meets("content", fault)
        ran = ffprep(*single(photo, "--clips-from", origin))
        assert (ran.code, ran.err) == (0, "")
        (headers,) = received
    assert "authorization" not in headers
    assert clip_size(photo.parent / "c.mp4") == (1280, 720)
    assert standin.count("create") == 1


def test_without_output_the_path_of_the_clip_is_printed(
    ffprep, standin: Standin, photo: Path
) -> None:
    run = ["submit", photo, "--prompt", "w", "--size", "landscape_720p", *QUICK]
    for _ in range(2):  # the second time it is fresh
        ran = ffprep(*run, cwd=photo.parent)
        assert (ran.code, ran.out) == (0, b"photo.mp4\n"), ran.err
    (created,) = (each for each in standin.received if each.operation == "create")
    assert created.part("size").text == "1280x720"


def test_lengths_are_those_of_the_target(ffprep, standin: Standin, photo: Path) -> None:
    rules = photo.parent / "targets.toml"
    rules.write_text('[own]\nsizes = ["1280x720"]\nseconds = [5, 10]\n')
    target = ("--targets-file", rules, "--target", "own", "--dry-run")
    run = ["submit", photo, "--prompt", "w", *target]
    assert "seconds: 5\n" in ffprep(*run).out.decode()
    wrong = ffprep(*run, "--seconds", "4")
    assert (wrong.code, "--seconds 4: own: clips have 5 or 10 seconds" in wrong.err) == (2, True)
    noted = ffprep(*run, "--extra", "duration=10")
    assert (noted.code, "sent beside a length of 5 seconds" in noted.err) == (0, True), noted.err


def test_a_dry_run_without_a_server_says_that_the_public_one_has_ended(
    ffprep, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    run = ("submit", photo, "--prompt", "w", "--size", "1280x720", "--dry-run")
    ran = ffprep(*run)
    assert (ran.code, ran.err.count("ended on 2026-09-24")) == (0, 1), ran.err
    assert ran.out.startswith(b"POST https://api.openai.com/v1/videos\n")
    assert ffprep(*run, "--clips-from", "https://h/path").code == 2


def test_a_last_frame_is_made_to_fit_and_sent_after_the_first(
    ffprep, standin: Standin, photo: Path, tmp_path: Path
) -> None:
    end = tmp_path / "end.png"
    ramp(700, 900).save(end)
    standin.rules = replace(standin.rules, last_frame=True)
    run = [*single(photo, "--protocol", "vllm-omni"), "--last-frame", end]
    shown = ffprep(*run, "--dry-run", "--json").lines[0]["request"]
    assert [(shown[key]["part"], shown[key]["width"]) for key in ("file", "last_frame")] == [
        ("input_references", 1280),
        ("input_references", 1280),
    ]
    refused = ffprep(*run, "--upscale", "fail", "--dry-run").err
    assert f"its last frame {end}: 700x900 would have to be enlarged" in refused
    assert "or give --upscale allow" in refused
    ran = ffprep(*run)
    assert (ran.code, f"its last frame {end}: 700x900 enlarged" in ran.err) == (0, True), ran.err
    (job,) = standin.jobs.values()
    first, last = job.request.pictures
    assert (first.file_name, last.file_name) == ("photo.jpg", "end.jpg")
    assert Image.open(io.BytesIO(last.data)).size == (1280, 720)
    assert "fresh" in ffprep(*run, "-v").err
    ramp(700, 901).save(end)  # another last frame is another request
    assert ffprep(*run).code == 0
    assert standin.count("create") == 2
    wrong = ffprep(*single(photo, "--last-frame", end))
    assert (wrong.code, "--protocol vllm-omni" in wrong.err) == (2, True), wrong.err
    only_first = ffprep(*run, "--target", "sora-2")
    assert only_first.code == 2
