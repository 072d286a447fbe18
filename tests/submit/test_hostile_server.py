"""A server that sends too much, or nonsense, or other addresses: each costs one photo."""

import gzip
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest

from ffprep.submit.answers import read_id
from ffprep.submit.credentials import Credentials
from ffprep.submit.errors import ApiError, JobError
from ffprep.submit.video_apis import AzureJobs, JobState, OpenAiVideos, RemoteJob
from tests.support.standin import KEY, Fault, Standin
from tests.support.submitting import QUICK, clip_size

DEEP = Fault(200, b'{"id":"v","status":' + b"[" * 200_000 + b"]" * 200_000 + b"}")
DEEP_ERROR = replace(
    DEEP, status=500, body=b'{"error":{"message":' + b"[" * 900 + b"]" * 900 + b"}}"
)
LONG = Fault(200, b'{"status":"queued","id":"' + b"v" * (2 << 20) + b'"}')
BOMB = Fault(200, gzip.compress(bytes(1 << 20)), headers={"Content-Encoding": "gzip"})
CHARSET = Fault(500, gzip.compress(b" "), "text/plain; charset=zlib")
REFUSED = [
    (DEEP, "nested too deep"),
    (DEEP_ERROR, ""),
    (LONG, "more than 1 MB"),
    (BOMB, "compressed"),
    (CHARSET, ""),
    (Fault(200, b"\xff\xfe{"), "not JSON"),
    (Fault(200, b"7" * 5000), "not JSON"),
    (Fault(200, b"[]"), "not a JSON object"),
    (Fault(302, headers={"Location": "http://ex\xe4mple.invalid/?k"}), "to http://ex\xe4mple"),
    (Fault(302, headers={"Location": "http://[::1"}), "to http://[::1"),
    (Fault(302, headers={"Location": "/x\x01y"}), "to /x\x01y"),
    (Fault(503, b'{"id": "req_1", "status": "error", "message": "busy"}'), "busy"),
    (Fault(503, headers={"Retry-After": "Mon, 01 Jan 99999 00:00:00 GMT"}), ""),
    (Fault(429, headers={"Retry-After": "-inf", "retry-after-ms": "nan"}), ""),
    (Fault(200, b'{"status": NaN}'), "no job state"),
    (Fault(200, b'{"status": {"a": [1]}, "id": ["x"]}'), "no job state"),
]
ACCEPTED = [
    Fault(200, b'{"status":"running","generations":"x","progress":1e999,"error":[]}'),
    Fault(200, b'{"status":7,"status":"running","generations":[[]],"error":[[]],"progress":NaN}'),
]


@pytest.fixture
def other() -> Iterator[Standin]:
    with Standin() as running:
        yield running


@pytest.mark.parametrize("protocol", ["videos", "azure-v1"])
def test_each_trouble_costs_one_photo(
    ffprep,
    standin: Standin,
    other: Standin,
    photos: Path,
    tmp_path: Path,
    protocol: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Corp-Token: corp-0123456789")
    elsewhere = Fault(302, headers={"Location": f"{other.address}/v1/secret?signature=s3cr3t"})
    here = Fault(302, headers={"Location": "?api-version=preview&again"})
    standin.meets("create", DEEP)  # the first photo ends here
    standin.meets("retrieve", DEEP, DEEP_ERROR)
    standin.meets("content", elsewhere, BOMB, here)  # one for each of the others
    where = standin.url if protocol == "videos" else standin.azure_url
    ran = ffprep(
        *("submit", photos, "--prompt", "w", "--size", "1280x720", "--model", "sora-2"),
        *("-o", tmp_path / "clips", "--jobs", "1", "--json", "--protocol", protocol),
        *("--base-url", where, *QUICK),
    )
    assert ran.code == 1, ran.err
    assert list(ran.kinds().values()) == ["uncertain", "clip", "clip"], ran.err
    for words in (
        "nested too deep",
        f"is on another server, at {other.address}/v1/secret (without its query)",
        f"add --clips-from {other.address}",
        "compressed (gzip), unasked",
    ):
        assert words in ran.err
    assert "s3cr3t" not in ran.err
    assert "Traceback" not in ran.err
    (clip,) = (tmp_path / "clips").rglob("*.mp4")
    assert clip_size(clip) == (1280, 720)
    assert not list((tmp_path / "clips").rglob(".ffprep-*"))
    assert other.received == []
    assert standin.received[-1].path.endswith("again")
    assert {each.headers["accept-encoding"] for each in standin.received} == {"identity"}
    assert {each.headers["x-corp-token"] for each in standin.received} == {"corp-0123456789"}


@pytest.mark.parametrize("protocol", ["videos", "azure-v1"])
def test_nonsense_is_an_error_of_its_request(standin: Standin, protocol: str) -> None:
    azure = protocol == "azure-v1"
    credentials = Credentials(protocol, standin.azure_url if azure else standin.url, KEY)
    api = AzureJobs(credentials) if azure else OpenAiVideos(credentials)
    for fault, words in REFUSED:
        standin.meets("retrieve", fault)
        with pytest.raises(ApiError) as error:
            api.retrieve("v", 10)
        assert words in error.value.message
    for fault in ACCEPTED:
        standin.meets("retrieve", fault)
        job = api.retrieve("v", 10)
        assert (job.status, job.progress in (0.0, 0.2)) == ("running", True)
    api._client.close()


def test_a_redirected_question_costs_its_photo(
    ffprep, standin: Standin, other: Standin, photo: Path
) -> None:
    elsewhere = Fault(307, headers={"Location": f"{other.address}/v1/videos/video_0001"})
    circle = Fault(302, headers={"Location": "?again"})
    for faults, asked in (([elsewhere], 1), ([circle] * 9, 6)):
        standin.meets("retrieve", *faults)
        before = standin.count("retrieve")
        ran = ffprep("submit", "--resume", "video_0001", "-o", photo.parent / "c.mp4", *QUICK)
        assert (ran.code, "address: job video_0001: the server redirects" in ran.err) == (1, True)
        assert standin.count("retrieve") - before == asked
    assert other.received == []


class Dripping(BaseHTTPRequestHandler):
    """Sends a byte now and then, without end."""

    protocol_version = "HTTP/1.1"
    left = threading.Event()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while not self.left.wait(0.01):
                self.wfile.write(b"1\r\n \r\n")
        except OSError:
            self.left.set()

    def log_message(self, format: str, *values: object) -> None:
        pass


def test_a_clip_has_a_bounded_size_and_a_deadline(
    standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, file = RemoteJob("v", JobState.DONE, clip_id="v"), BytesIO()
    monkeypatch.setattr("ffprep.submit.bounded_http.LONGEST_CLIP", 1 << 20)
    standin.meets("content", Fault(200, bytes(3 << 20), "video/mp4", length=False))
    api = OpenAiVideos(Credentials("videos", standin.url, KEY))
    with pytest.raises(JobError, match="an answer of more than 1 MB"):
        api.download(job, file, 10)
    assert len(file.getvalue()) <= 1 << 20
    api._client.close()
    with ThreadingHTTPServer(("127.0.0.1", 0), Dripping) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v1"
        api = OpenAiVideos(Credentials("videos", url, KEY))
        with pytest.raises((TimeoutError, ApiError)):
            api.download(job, file, 0.5)
        with pytest.raises((TimeoutError, ApiError)):
            api.retrieve("v", 0.5)
        api._client.close()
        server.shutdown()


@pytest.mark.parametrize("id", ["v" * 501, "v\n--evil", "\x1b[2J", ".."])
def test_ids_are_short_and_printable(standin: Standin, id: str) -> None:
    api = AzureJobs(Credentials("azure-v1", standin.azure_url, KEY))
    with pytest.raises(ApiError, match=r"a job id that is (too long or has control|a path)"):
        read_id({"id": id}, "job")
    for clips in ([{"id": id}], [], [{"id": None}], "x"):
        answer = {"status": "succeeded", "generations": clips}
        standin.meets("retrieve", Fault(200, json.dumps(answer).encode()))
        with pytest.raises(JobError, match="job v is done, but the server names no clip"):
            api.download(api.retrieve("v", 10), BytesIO(), 10)
    api._client.close()


def test_words_that_are_no_unicode_cost_one_photo(ffprep, standin: Standin, photo: Path) -> None:
    words = b'{"code": "\\udc00", "message": "a \\ud800 b"}'
    standin.meets("retrieve", Fault(200, b'{"status": "failed", "error": ' + words + b"}"))
    standin.meets("retrieve", *[Fault(404, b'{"error": ' + words + b"}")] * 6)
    where = ("-o", photo.parent / "c.mp4", "--base-url", standin.url, *QUICK)
    ran = ffprep("submit", photo, "--prompt", "w", "--size", "1280x720", *where)
    assert (ran.code, "failed (?: a ? b)" in ran.err) == (1, True), ran.err
    ran = ffprep("submit", "--resume", "video_0001", *where)
    assert (ran.code, "(404: a ? b)" in ran.err) == (1, True), ran.err
