"""The HTTP client below the openai SDK: answers have bounded sizes, and come from one server.

Clips may come from others that the user has named; those get no key.

Import it late: the SDK takes half a second.

An answer is read whole before the SDK sees it, without the headers that would make the SDK decode
it in another way. A clip goes to the file of `answers.receiving`, piece by piece.
"""

import json
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any, BinaryIO
from urllib.parse import urljoin

from openai import DefaultHttpxClient

from ffprep.submit.answers import (
    find_clip_url,
    find_job,
    read_json,
    read_json_or_none,
    receiver,
)
from ffprep.submit.credentials import origin_of
from ffprep.submit.errors import ApiError, FailureKind, JobError
from ffprep.submit.openai_client import is_bad_address

LONGEST_CLIP = 1 << 30
_LONGEST_ANSWER = 1 << 20
_LONGEST_ERROR = 1 << 16
_MOST_REDIRECTS = 5
_KEPT_HEADERS = (
    b"location",
    b"openai-poll-after-ms",
    b"retry-after",
    b"retry-after-ms",
    b"x-request-id",
)
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)


class BoundedClient(DefaultHttpxClient):
    """An httpx client that reads bounded answers, and follows no redirect to another origin.

    `clips_from` are origins to which it follows the redirect of a clip.
    """

    def __init__(self, clips_from: Iterable[str] = ()) -> None:
        super().__init__()
        self._clips_from = set(map(origin_of, clips_from))

    def send(self, request: Any, *, stream: bool = False, **options: Any) -> Any:
        """Return the answer, read whole. Raises ApiError, TimeoutError, and JobError for a clip.

        A GET follows redirects to the same scheme, host and port, another request none.
        """
        options["follow_redirects"] = False
        deadline = time.monotonic() + request.extensions["timeout"]["read"]
        redirects = 0
        while True:
            # Decoders have no limit to what they make of a few bytes.
            request.headers["Accept-Encoding"] = "identity"
            response = super().send(request, stream=True, **options)
            with closing(response):
                received = _received(response, deadline)
            following = None if redirects == _MOST_REDIRECTS else self._next(request, received)
            if following is None:
                return received
            request, redirects = following, redirects + 1

    def _next(self, request: Any, received: Any) -> Any:
        """Return the request that follows a redirect; None if there is none to follow."""
        location = received.headers.get("location")
        if request.method != "GET" or not received.is_redirect or not location:
            return None
        before = str(request.url)
        try:
            url = urljoin(before, location)
            origin = origin_of(url)
            following = self.build_request("GET", url, extensions=request.extensions)
        except Exception as error:
            if is_bad_address(error):
                return None
            raise
        if origin == origin_of(before):
            following.headers = request.headers
        elif receiver() is None or origin not in self._clips_from:
            return None
        return following


def _received(response: Any, deadline: float) -> Any:
    """Return an answer with the same status, its body, and few headers.

    An answer with the address of a clip in place of the clip becomes a redirect to it, and an
    answer with a job in its place an error.
    """
    file, status = receiver(), response.status_code
    if not response.is_success:
        content = _error_body(response, deadline)
    elif file is None:
        content = b"".join(_body(response, _LONGEST_ANSWER, deadline))
    else:
        content = _receive_clip(response, file, deadline)
    headers = [
        (name, value) for name, value in response.headers.raw if name.lower() in _KEPT_HEADERS
    ]
    if file and content and not response.is_redirect:
        answer = read_json_or_none(content)
        if url := find_clip_url(answer):
            status, headers = 303, [(b"location", url.encode())]
        elif response.is_success:
            status = 404 if find_job(answer) else status
    if media_type := _MEDIA_TYPE.match(response.headers.get("content-type", "")):
        # Without a charset, which may be a decompressor.
        headers.append((b"content-type", media_type[0].encode()))
    return type(response)(status, headers=headers, content=content, request=response.request)


def _receive_clip(response: Any, file: BinaryIO, deadline: float) -> bytes:
    """Write a clip into `file`; return what came if it is JSON instead."""
    file.seek(0)
    file.truncate()
    try:
        for chunk in _body(response, LONGEST_CLIP, deadline):
            file.write(chunk)
    except ApiError as error:  # another download would meet it as well
        raise JobError(FailureKind.CLIP, f"the clip is not downloaded: {error.message}") from None
    file.flush()
    file.seek(0)
    head = file.read(_LONGEST_ERROR)
    return head if head.lstrip()[:1] in (b"{", b"[") else b""


def _error_body(response: Any, deadline: float) -> bytes:
    """Return the first bytes of what a server says about an error; none if it cannot be read."""
    content = b""
    if not _encoding(response):
        for chunk in response.iter_raw():
            content += chunk
            if len(content) >= _LONGEST_ERROR or time.monotonic() > deadline:
                break
    try:
        return json.dumps(read_json(content)).encode()
    except ApiError:
        return b""
    except ValueError:
        return content[:_LONGEST_ERROR]


def _body(response: Any, longest: int, deadline: float) -> Iterator[bytes]:
    """Yield the pieces of a body. Raises ApiError if it is compressed or too long, TimeoutError."""
    if encoding := _encoding(response):
        raise ApiError(f"an answer that is compressed ({encoding[:20]}), unasked", status=200)
    size = 0
    for chunk in response.iter_raw():
        size += len(chunk)
        if size > longest:
            raise ApiError(f"an answer of more than {longest >> 20} MB", status=200)
        if time.monotonic() > deadline:
            raise TimeoutError
        yield chunk


def _encoding(response: Any) -> str:
    encoding = str(response.headers.get("content-encoding", "")).strip().lower()
    return "" if encoding == "identity" else encoding
