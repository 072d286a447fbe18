"""Requests that ffprep sends itself: no redirect is followed, and answers have a bounded length."""

from typing import IO, Any
from urllib.request import BaseHandler, HTTPRedirectHandler, OpenerDirector, build_opener

_LONGEST = 16 << 20
"""A listing of a thousand keys of 1,024 bytes, each encoded, has 4 MB."""


class _NoRedirects(HTTPRedirectHandler):
    """A redirect would take signatures and tokens to another host."""

    def redirect_request(self, *_: Any) -> None:
        """Return None, so that the answer is an HTTPError."""


def opener(*handlers: BaseHandler) -> OpenerDirector:
    """Return an opener with these handlers, which follows no redirect."""
    return build_opener(_NoRedirects, *handlers)


def read_answer(answer: IO[bytes]) -> bytes:
    """Return an answer's body. Raise ConnectionError if it is longer than any of S3 is."""
    content = answer.read(_LONGEST + 1)
    if len(content) > _LONGEST:
        raise ConnectionError(f"an answer of more than {_LONGEST >> 20} MB")
    return content
