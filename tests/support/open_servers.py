"""Answers of open servers for video jobs, as their own request code gives them.

vllm-omni 0.30 answers the question about a failed job with the job, and the failure's HTTP status;
sglang 0.5.23 answers a download with a sentence if the clip is in a cloud; LiteLLM 1.108, in front
of others, quotes their answers in its own errors.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.support.standin import Fault, clip


def job(status: str, error: object = None) -> dict[str, object]:
    """Return a job as vllm-omni reports it."""
    about = {"model": "wan", "prompt": "w", "id": "video_gen_1", "object": "video"}
    return about | {"status": status, "size": "1280x720", "progress": 0, "error": error}


def answer(status: int, body: object) -> Fault:
    """Return an answer of JSON."""
    return Fault(status, json.dumps(body).encode())


def failed(status: int, message: str) -> Fault:
    """Return vllm-omni's answer about a failed job."""
    return answer(status, job("failed", {"code": status, "message": message}))


def refused(status: int, message: str, kind: str = "invalid_request_error") -> Fault:
    """Return LiteLLM's own error."""
    error = {"message": message, "type": kind, "param": None, "code": str(status)}
    return answer(status, {"error": error})


def quoted(fault: Fault, name: str = "InternalServerError") -> Fault:
    """Return LiteLLM's error for the answer of a server behind it."""
    assert fault.status
    start = f"litellm.{name}: {name}: Hosted_vllmException - "
    end = "\n\nLiteLLM: model group 'wan' failed with the error above. No fallback was attempted."
    return refused(fault.status, start + fault.body.decode() + end)


def in_cloud(url: str) -> Fault:
    """Return sglang's answer to a download of a clip that it uploaded to a cloud."""
    words = "Video has been uploaded to cloud storage. Please use the cloud URL: "
    return answer(400, {"detail": words + url})


@contextmanager
def clip_store() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Serve a clip at any path; yield the origin, and the headers of the requests."""
    received: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            received.append({name.lower(): value for name, value in self.headers.items()})
            content = clip(1280, 720, 4)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *values: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()
