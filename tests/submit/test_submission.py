"""The steps of one submission, against the stand-in server: create, poll, download, publish."""

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tests.support import standin as service
from tests.support.pictures import ramp
from tests.support.standin import KEY, Fault, Standin
from tests.support.standin_rules import MISMATCH
from tests.support.submitting import QUICK, clip_size, clips, refusal, single


def test_one_correct_request_makes_a_clip(
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


REFUSED = [
    (service.MODERATION, "moderation", "a real person"),
    (refusal(400, MISMATCH), "size", ".jpg, image/jpeg, 1280x720"),
    (refusal(400, "unsupported mimetype ('image/jpeg')"), "media-type", "--format"),
    (refusal(400, "The weather is bad."), "refused", "400: The weather is bad; ffprep sent"),
    (replace(service.RATE_LIMIT, headers={"Retry-After": "7200"}), "rate-limit", "try again later"),
    (service.SERVER_ERROR, "uncertain", "may bill it"),
    (service.HTML, "uncertain", "an HTML page"),
    (service.EMPTY, "uncertain", "may bill it"),
    (service.CUT_BEFORE, "uncertain", "no answer"),
    (service.CUT_AFTER, "uncertain", "--resubmit"),
]


def test_a_failed_create_is_reported_and_not_repeated(
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
        (refusal(404, "Invalid URL (POST /videos)"), "lacks its /v1"),
        (refusal(404, "The model 'x' does not exist", "model_not_found"), "--model"),
        (service.HTML_AS_SUCCESS, "lacks its /v1"),
    ],
)
def test_a_failure_that_concerns_all_photos_ends_the_run(
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
def test_an_unreachable_server_is_reported_at_once(
    ffprep, standin: Standin, photo: Path, address: str
) -> None:
    asked = ["submit", photo, "--prompt", "w", "--size", "1280x720"]
    for run in (asked, ["submit", "--resume", "video_0001"]):
        ran = ffprep(*run, "--base-url", address, cwd=photo.parent)
        assert (ran.code, f"{address} cannot be reached" in ran.err) == (3, True), ran.err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("ALL_PROXY", "foo://proxy"), ("ALL_PROXY", "socks5://proxy")),
        ("SSL_CERT_FILE", "/no/such/file"),
    ],
)
def test_a_client_that_cannot_be_made_is_reported_before_anything_is_sent(
    ffprep, standin: Standin, photo: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setenv(name, value)
        patched.delenv("NO_PROXY")
        ran = ffprep(*single(photo))
        assert (ran.code, name in ran.err, "bug" in ran.err) == (3, True, False), ran.err
    assert ffprep(*single(photo)).code == 0  # and not uncertain


@pytest.mark.parametrize("status", [301, 307])
def test_a_create_follows_no_redirect(ffprep, standin: Standin, photo: Path, status: int) -> None:
    standin.meets("create", Fault(status, headers={"Location": f"{standin.url}/videos"}))
    ran = ffprep(*single(photo))
    assert (ran.code, "redirects" in ran.err, len(standin.received)) == (3, True, 1), ran.err
    assert ffprep(*single(photo)).code == 0


def test_creates_wait_for_a_server_that_throttles(
    ffprep, standin: Standin, photos: Path, tmp_path: Path
) -> None:
    standin.meets("create", Fault(), service.RATE_LIMIT, service.RATE_LIMIT)
    run = ["submit", photos, "-o", tmp_path / "clips", "--size", "1280x720", "--prompt", "w"]
    ran = ffprep(*run, "--json", *QUICK)
    assert (ran.code, ran.summary["done"]) == (0, 4), ran.err
    assert standin.count("create") == 6
    assert ran.summary["seconds"] > 1  # as Retry-After says


def test_a_job_id_may_be_a_number(ffprep, standin: Standin, photo: Path) -> None:
    standin.meets("create", Fault(200, b'{"id": 17, "object": "video", "status": "queued"}'))
    ran = ffprep(*single(photo, "--json"))
    assert (ran.results["photo.jpg"]["job"], ran.kinds()) == ("17", {"photo.jpg": "unknown-job"})


def test_nothing_is_sent_if_the_clip_cannot_be_written(
    ffprep, standin: Standin, photos: Path, tmp_path: Path
) -> None:
    clips = tmp_path / "clips"
    (clips / "a.mp4").mkdir(parents=True)
    (clips / "trip").write_text("a file")
    run = ["submit", photos, "-o", clips, "--size", "1280x720", "--prompt", "w", "--json", *QUICK]
    ran = ffprep(*run)
    assert (ran.code, ran.summary["done"], standin.count("create")) == (1, 1, 1)


def test_files_that_ffprep_did_not_download_are_kept(ffprep, standin: Standin, photo: Path) -> None:
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


def test_a_dry_run_shows_the_requests_and_sends_nothing(
    ffprep, standin: Standin, photos: Path, tmp_path: Path
) -> None:
    run = [*clips(photos, tmp_path), "--json", *QUICK]
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
