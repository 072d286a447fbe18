"""An S3 server on loopback (moto's), and a proxy before it that counts, refuses, slows and cuts."""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

KEY = "the-right-key"
_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "server", "date", "content-length"}

_REFUSED = {
    "slow down": (503, "SlowDown", "Please reduce your request rate."),
    "unknown": (501, "NotImplemented", "A header implies functionality that is not there."),
}


@dataclass(frozen=True)
class Request:
    """A request. `turn` counts those of the same method for the same bucket/key, from 1."""

    method: str
    path: str
    query: str
    turn: int
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def reads_object(self) -> bool:
        return self.method == "GET" and "/" in self.path and "list-type" not in self.query


Fault = Callable[[Request], str | None]
"""What the proxy does with a Request: None (nothing), "slow down", "cut" the answer in the middle,
"drop" it, "hang", "corrupt" a byte, "alter" a byte of what is sent, "heedless" (removes its
conditions), or "unknown" (501)."""


@dataclass
class Bucketeer:
    """The server as its users see it, through the proxy; and as its owner does, without."""

    port: int
    behind: int
    faults: list[Fault] = field(default_factory=list)
    seen: list[Request] = field(default_factory=list)
    page: int = 1000
    """How many objects an answer lists at most."""
    _turns: Counter[tuple[str, str]] = field(default_factory=Counter)
    _owner: Any = None
    _lock: Any = field(default_factory=threading.Lock)

    @property
    def environment(self) -> dict[str, str]:
        """What a client finds in its environment."""
        return os.environ | {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": "s3kr1t-of-the-tests",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def owner(self) -> Any:
        """boto3's client, past the proxy; one for all, closed at last."""
        import boto3

        if self._owner is not None:
            return self._owner
        self._owner = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.behind}",
            aws_access_key_id=KEY,
            aws_secret_access_key="x",
            region_name="us-east-1",
        )
        return self._owner

    def close(self) -> None:
        if self._owner is not None:
            self._owner.close()

    def note(self, method: str, target: str, headers: Mapping[str, str]) -> Request:
        split = urlsplit(target)
        path = unquote(split.path).strip("/")
        with self._lock:
            self._turns[method, path] += 1
            request = Request(method, path, split.query, self._turns[method, path], headers)
            self.seen.append(request)
        return request

    def fault(self, request: Request) -> str | None:
        return next((found for fault in self.faults if (found := fault(request))), None)

    def reads(self, prefix: str = "") -> list[str]:
        """The objects that were read since the last `forget`, of the photos below `prefix`."""
        return [r.path for r in self.seen if r.reads_object and r.path.startswith(prefix)]

    def forget(self) -> None:
        with self._lock:
            self.seen.clear()
            self.faults.clear()
            self._turns.clear()
            self.page = 1000

    def empty(self) -> None:
        """Forget all, buckets too."""
        self.forget()
        connection = http.client.HTTPConnection("127.0.0.1", self.behind, timeout=60)
        with closing(connection):
            connection.request("POST", "/moto-api/reset")
            assert connection.getresponse().status == 200

    def names(self, bucket: str, prefix: str = "") -> list[str]:
        pages = self.owner().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [one["Key"] for page in pages for one in page.get("Contents", ())]

    def content(self, bucket: str, key: str) -> bytes:
        body: bytes = self.owner().get_object(Bucket=bucket, Key=key)["Body"].read()
        return body


class _Handler(BaseHTTPRequestHandler):
    bucketeer: Bucketeer
    protocol_version = "HTTP/1.1"

    def forward(self) -> None:
        request = self.bucketeer.note(
            self.command, self.path, {name.lower(): text for name, text in self.headers.items()}
        )
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # who sent it was killed
            return self.drop()
        if KEY not in self.headers.get("Authorization", ""):
            return self.refuse(403, "InvalidAccessKeyId", "No such key")
        fault = self.bucketeer.fault(request)
        if fault in _REFUSED:
            return self.refuse(*_REFUSED[fault])
        if fault == "heedless":
            del self.headers["If-Match"], self.headers["If-None-Match"]
        if fault == "hang":
            time.sleep(30)
        if fault in ("drop", "hang"):
            return self.drop()
        answer, content = self.ask(body, fault)
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        told = answer.getheader("Content-Length")
        self.send_header(
            "Content-Length", told if self.command == "HEAD" and told else str(len(content))
        )
        self.end_headers()
        if fault == "cut":
            self.wfile.write(content[: len(content) // 2])
            return self.drop()
        self.wfile.write(content)
        return None

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = forward  # noqa: N815

    def ask(self, body: bytes, fault: str | None) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.bucketeer.behind, timeout=60)
        headers = {k: v for k, v in self.headers.items() if k.lower() != "expect"}
        if fault == "alter":
            body = body[:-1] + bytes([body[-1] ^ 255])
        path = self.path.replace("max-keys=1000", f"max-keys={self.bucketeer.page}")
        with closing(connection):
            connection.request(self.command, path, body, headers)
            answer = connection.getresponse()
            content = bytearray(answer.read())
            if fault == "corrupt":
                content[len(content) // 2] ^= 255
            return answer, bytes(content)

    def refuse(self, status: int, code: str, words: str) -> None:
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{words}</Message></Error>"
        content = b"" if self.command == "HEAD" else body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def drop(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(2)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """A client that has gone is none."""


@contextmanager
def bucketeer(folder: Path) -> Iterator[Bucketeer]:
    """A running server with the proxy before it."""
    log = folder / "moto.log"
    with log.open("wb") as words:
        argv = [sys.executable, "-c", _MOTO]
        moto = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=words)
    try:
        assert moto.stdout
        behind = int(json.loads(moto.stdout.readline() or b"0"))
        assert behind, log.read_text()
        server = _Server(("127.0.0.1", 0), BaseHTTPRequestHandler)
        made = Bucketeer(server.server_address[1], behind)
        server.RequestHandlerClass = type("Handler", (_Handler,), {"bucketeer": made})
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with closing(made):
            yield made
        server.shutdown()
        server.server_close()
    finally:
        moto.kill()
        moto.wait()
        assert moto.stdout
        moto.stdout.close()


_MOTO = """
import signal
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
signal.pause()
"""
