"""A video server on loopback, stricter than real ones: `/v1/videos`, and Azure's older jobs API.

It parses requests by itself, decodes the picture with Pillow, records every request, passes a job
through its states, and returns a real MP4. A test sets what goes wrong:

    standin.meets("create", QUOTA, QUOTA)      # the next two creates; then all is well again
    standin.meets("content", replace(CUT_SHORT, bytes=100))
    standin.ending = lambda job: BLOCKED       # DONE, BLOCKED, BROKEN, CANCELLED, NEVER
    standin.rules = Rules(alpha=False, extra=frozenset({"seed"}))
    assert standin.count("create") == 1
"""

import contextlib
import functools
import itertools
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import imageio_ffmpeg

from tests.support.standin_protocols import BLOCKED as BLOCKED
from tests.support.standin_protocols import BROKEN as BROKEN
from tests.support.standin_protocols import CANCELLED as CANCELLED
from tests.support.standin_protocols import DONE as DONE
from tests.support.standin_protocols import NEVER as NEVER
from tests.support.standin_protocols import PROTOCOLS, Azure, Ending, Job
from tests.support.standin_rules import BLOCKED as BLOCKED_WORDS
from tests.support.standin_rules import Part, Refusal, Request, multipart
from tests.support.standin_rules import Rules as Rules

KEY = "sk-standin-0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Fault:
    """What one request meets; without a status, the right answer, damaged."""

    status: int | None = None
    body: bytes = b""
    mime: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    done: bool = False
    "The request is carried out (a job is created), whatever the answer."
    delay: float = 0
    "Seconds before the answer."
    cut: bool = False
    "The connection ends without an answer."
    bytes: int | None = None
    "The connection ends after this many bytes of the body."
    length: bool = True
    "Whether Content-Length is sent."


def _refusal(status: int, message: str, code: str | None, type: str, **headers: str) -> Fault:
    body = Refusal(status, message, None, code, type).body
    return Fault(status, body, headers={n.replace("_", "-"): v for n, v in headers.items()})


MODERATION = _refusal(400, BLOCKED_WORDS, "moderation_blocked", "invalid_request_error")
QUOTA = _refusal(
    429,
    "You exceeded your current quota, please check your plan and billing details. "
    "For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
    "insufficient_quota",
    "insufficient_quota",
)
RATE_LIMIT = _refusal(
    429,
    "Rate limit reached for sora-2 in organization org-standin on requests per min (RPM): "
    "Limit 2, Used 2, Requested 1. "
    "Please try again in 1s.",
    "rate_limit_exceeded",
    "requests",
    Retry_After="1",
)
SERVER_ERROR = _refusal(
    500,
    "The server had an error while processing your request. Sorry about that!",
    None,
    "server_error",
)
OVERLOADED = _refusal(
    503, "The engine is currently overloaded, please try again later.", None, "server_error"
)
LEAKY = _refusal(
    401, f"Incorrect API key provided: {KEY}.", "invalid_api_key", "invalid_request_error"
)
EMPTY = Fault(200)
HTML = Fault(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", "text/html")
HTML_AS_SUCCESS = replace(HTML, status=200)
CUT_BEFORE = Fault(cut=True)
CUT_AFTER = Fault(cut=True, done=True)
CUT_SHORT = Fault(bytes=1000)
NO_LENGTH = Fault(length=False)


@dataclass(frozen=True)
class Received:
    """A request as received."""

    operation: str
    method: str
    path: str
    headers: Mapping[str, str]
    "By lower-case names."
    body: bytes
    parts: tuple[Part, ...]

    def part(self, name: str) -> Part:
        (part,) = (part for part in self.parts if part.name == name)
        return part


class Standin(ThreadingHTTPServer):
    """The server; `with Standin() as standin:` runs it in a thread."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.key = KEY
        self.rules = Rules()
        self.ending: Callable[[Job], Ending] = lambda job: DONE
        self.quick = False
        "Jobs end when they are first asked for."
        self.poll_after_ms: int | None = 10
        self.received: list[Received] = []
        self.jobs: dict[str, Job] = {}
        self.broken: list[BaseException] = []
        "Errors of the stand-in itself."
        self.no_delay = threading.Event()
        "Set by a test to end the delays of faults."
        self.lock = threading.Lock()
        self._faults: dict[str, deque[Fault]] = {}
        self._numbers = itertools.count(1)
        self._connections: set[socket.socket] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def url(self) -> str:
        """The base URL for the openai SDK."""
        return f"{self.address}/v1"

    @property
    def azure_url(self) -> str:
        """The base URL of the jobs API."""
        return f"{self.address}/openai/v1"

    @property
    def environment(self) -> dict[str, str]:
        """The environment that points the openai SDK here."""
        return {"OPENAI_API_KEY": self.key, "OPENAI_BASE_URL": self.url, "NO_PROXY": "127.0.0.1"}

    def meets(self, operation: str, *faults: Fault) -> None:
        """Let the next requests (create, retrieve, content, list, delete) meet these, one each."""
        self._faults.setdefault(operation, deque()).extend(faults)

    def fault(self, operation: str) -> Fault:
        with self.lock:
            waiting = self._faults.get(operation)
            return waiting.popleft() if waiting else Fault()

    def count(self, operation: str) -> int:
        return sum(received.operation == operation for received in self.received)

    def make(self, request: Request, protocol: Any) -> Job:
        asked = len(protocol.states) - 1 if self.quick else 0
        with self.lock:
            id = f"{protocol.prefix}{next(self._numbers):04}"
            job = Job(id, request, int(time.time()), asked)
            self.jobs[job.id] = job
        return job

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.no_delay.set()
        self.shutdown()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()
        assert not self.broken

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exception()
        if error and not isinstance(error, ConnectionError):
            self.broken.append(error)


@functools.cache
def clip(width: int, height: int, seconds: int) -> bytes:
    """A small MP4 of exactly this size and length."""
    grey = f"color=gray:size={width}x{height}:rate=2:duration={seconds}"
    argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", grey]
    argv += "-c:v mpeg4 -movflags frag_keyframe+empty_moov -f mp4 -".split()
    return subprocess.run(argv, capture_output=True, check=True).stdout


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Standin

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *values: object) -> None:
        pass

    def _answer(self) -> None:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        protocol, operation, id = self._route(url.path)
        fault = self.server.fault(operation)
        mime, answer, status = "application/json", b"", 200
        try:
            parts = self._record(operation, headers, body)
            if "transfer-encoding" in headers:
                self.close_connection = True
                raise Refusal(411, "The length of the body is missing.")
            if protocol is None:
                raise Refusal(404, f"Invalid URL ({self.command} {url.path})")
            protocol.admit(headers, parse_qs(url.query), self.server.key)
            if fault.done or (fault.status is None and not fault.cut):
                mime, answer = getattr(self, f"_{operation}")(protocol, id, parts)
                status = 201 if operation == "create" and protocol is Azure else 200
        except Refusal as refusal:
            status, answer, fault = refusal.status, refusal.body, replace(fault, status=None)
        if fault.status is not None:
            status, answer, mime = fault.status, fault.body, fault.mime
        self.server.no_delay.wait(fault.delay)
        if fault.cut:
            self.close_connection = True
        else:
            self._send(status, mime, answer, fault)

    def _route(self, path: str) -> tuple[Any, str, str]:
        for protocol in PROTOCOLS:
            for method, pattern, operation in protocol.routes:
                found = re.fullmatch(protocol.root + pattern, path)
                if found and method == self.command:
                    return protocol, operation, "".join(found.groups())
        return None, "unknown", ""

    def _record(self, operation: str, headers: Mapping[str, str], body: bytes) -> list[Part]:
        parts: list[Part] = []
        try:
            if operation == "create":
                parts = multipart(headers.get("content-type", ""), body)
        finally:
            received = Received(operation, self.command, self.path, headers, body, tuple(parts))
            self.server.received.append(received)
        return parts

    def _send(self, status: int, mime: str, body: bytes, fault: Fault) -> None:
        self.send_response(status)
        self.send_header("Content-Type", mime)
        self.send_header("x-request-id", f"req_{len(self.server.received):04}")
        if self.server.poll_after_ms is not None:
            self.send_header("openai-poll-after-ms", str(self.server.poll_after_ms))
        for name, value in fault.headers.items():
            self.send_header(name, value)
        if fault.length:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(body[: fault.bytes])
        self.close_connection |= fault.bytes is not None

    def _create(self, protocol: Any, id: str, parts: list[Part]) -> tuple[str, bytes]:
        request = protocol.form(parts, self.server.rules)
        return self._shown(protocol, self.server.make(request, protocol))

    def _retrieve(self, protocol: Any, id: str, parts: list[Part]) -> tuple[str, bytes]:
        job = self._job(protocol, id)
        job.asked += 1
        return self._shown(protocol, job)

    def _list(self, protocol: Any, id: str, parts: list[Part]) -> tuple[str, bytes]:
        jobs = [job for job in self.server.jobs.values() if job.id.startswith(protocol.prefix)]
        shown = [protocol.show(job, self.server.ending(job)) for job in reversed(jobs)]
        ends = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]} if shown else {}
        return _json({"object": "list", "data": shown, "has_more": False, **ends})

    def _delete(self, protocol: Any, id: str, parts: list[Part]) -> tuple[str, bytes]:
        del self.server.jobs[self._job(protocol, id).id]
        return _json({"id": id, "object": "video.deleted", "deleted": True})

    def _content(self, protocol: Any, id: str, parts: list[Part]) -> tuple[str, bytes]:
        if protocol is Azure:
            owners = [job.id for job in self.server.jobs.values() if id in job.generations]
            id = owners[0] if owners else id
        job = self._job(protocol, id)
        if job.asked < len(protocol.states) or self.server.ending(job) is not DONE:
            words = "Video is not ready yet, use GET /v1/videos/{video_id} to check status."
            raise Refusal(404, words)
        return "video/mp4", clip(job.request.width, job.request.height, job.request.seconds)

    def _job(self, protocol: Any, id: str) -> Job:
        job = self.server.jobs.get(id)
        if job is None or not id.startswith(protocol.prefix):
            raise protocol.unknown(id)
        return job

    def _shown(self, protocol: Any, job: Job) -> tuple[str, bytes]:
        return _json(protocol.show(job, self.server.ending(job)))


def _json(value: object) -> tuple[str, bytes]:
    return "application/json", json.dumps(value).encode()
