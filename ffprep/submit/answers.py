"""Answers of a server: JSON of bounded depth and encodable text, and clips, which go to a file."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, BinaryIO

from ffprep.submit.errors import ApiError

_DEEPEST = 100
"""Nested arrays and objects in an answer; the SDK, and Python's own functions, recurse."""

_file: ContextVar[BinaryIO | None] = ContextVar("file", default=None)


def receiver() -> BinaryIO | None:
    """Return the file that receives the next answer, if any."""
    return _file.get()


@contextmanager
def receiving(file: BinaryIO) -> Iterator[None]:
    """Write the body of a successful answer into `file`, from its beginning."""
    token = _file.set(file)
    try:
        yield
    finally:
        _file.reset(token)


def read_object(content: bytes) -> Mapping[str, Any]:
    """Return the JSON object that an answer is. Raises ApiError."""
    if content.lstrip()[:1] == b"<":
        raise ApiError("an HTML page", status=200, code="html")
    try:
        answer = read_json(content)
    except ValueError:
        raise ApiError("an answer that is empty or not JSON", status=200) from None
    if not isinstance(answer, dict):
        raise ApiError("an answer that is not a JSON object", status=200)
    return answer


def read_json(content: bytes) -> Any:
    """Return the value of a JSON text, whose strings UTF-8 can encode: "?" is for lone surrogates.

    Raises ValueError, and ApiError if it is nested too deep.
    """
    try:
        value = json.loads(content)
        level = [value]
        for _ in range(_DEEPEST):
            level = [inner for outer in level for inner in _parts(outer)]
    except RecursionError:
        level = [None]
    if level:
        raise ApiError("an answer that is nested too deep", status=200)
    return json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
