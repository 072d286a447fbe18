"""Answers of a server: JSON of bounded depth and encodable text, jobs, clips, clips' addresses."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, BinaryIO

from ffprep.submit.errors import ApiError

_DEEPEST = 100
"""Nested arrays and objects in an answer; the SDK, and Python's own functions, recurse."""

_LONGEST_ID, _LONGEST_STATUS = 500, 50
_MOST_BRACES = 8
_ADDRESS = re.compile(r"\bURL\b[^/]*?(https?://[^\s\"'<>\\]+)", re.IGNORECASE)
_URL_KEYS = ("url", "video_url", "download_url", "content_url", "file_url")

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


def read_json_or_none(content: bytes) -> Any:
    """Return the value of a JSON text as `read_json` does; None if it is not such a text."""
    try:
        return read_json(content)
    except (ValueError, ApiError):
        return None


def read_id(answer: Mapping[str, Any], what: str) -> str:
    """Return the id of a job or clip, which may be a number. Raises ApiError if there is none."""
    value = answer.get("id")
    is_number = isinstance(value, int) and not isinstance(value, bool)
    text = _require_text(str(value) if is_number else value, answer, f"no {what} id")
    if len(text) > _LONGEST_ID or not text.isprintable():
        raise ApiError(f"a {what} id that is too long or has control characters", status=200)
    if text in (".", ".."):
        raise ApiError(f"a {what} id that is a path", status=200)
    return text


def read_status(answer: Mapping[str, Any]) -> str:
    """Return the server's word for a job's state. Raises ApiError if the answer has none."""
    return _require_text(answer.get("status"), answer, "no job state")[:_LONGEST_STATUS].lower()


def _require_text(value: object, answer: Mapping[str, Any], problem: str) -> str:
    if isinstance(value, str) and value:
        return value
    shown = json.dumps(answer) if answer else "an empty answer"
    raise ApiError(f"{problem} ({shown})", status=200)


def find_job(answer: object, *, in_error: bool = False) -> Mapping[str, Any] | None:
    """Return the job that an answer is; None if it is none.

    An HTTP error may be a job that failed. With `in_error`, its `object` must say so, since many
    errors have an id and a status of their own.
    """
    if not isinstance(answer, dict):
        return None
    kind = str(answer.get("object") or "")
    if kind == "video.deleted" or answer.get("deleted") is True:
        return {"status": "deleted", **answer}
    named = kind.startswith("video") or (not in_error and isinstance(answer.get("id"), str))
    return answer if named and isinstance(answer.get("status"), str) else None


def find_quoted_job(answer: object) -> Mapping[str, Any] | None:
    """Return the job that an HTTP error is, or that a gateway quotes in its own error."""
    if job := find_job(answer, in_error=True):
        return job
    message = error_message(answer)
    for brace in list(re.finditer(r"\{", message))[:_MOST_BRACES]:
        try:
            quoted, _ = json.JSONDecoder().raw_decode(message, brace.start())
        except (ValueError, RecursionError):
            continue
        if job := find_job(quoted, in_error=True):
            return job
    return None


def find_clip_url(answer: object) -> str:
    """Return the address of a clip that an answer names instead of the clip; "" if it has none."""
    parts = [answer]
    if isinstance(answer, dict):
        for inner in (answer.get("data"), answer.get("video")):
            parts += inner[:1] if isinstance(inner, list) else [inner]
    for part in parts:
        values = (part.get(key) for key in _URL_KEYS) if isinstance(part, dict) else ()
        for value in values:
            if isinstance(value, str) and value:
                return value
    found = _ADDRESS.search(error_message(answer))
    return found[1].rstrip(".,;)") if found else ""


def error_message(answer: object) -> str:
    """Return the text of an error: `error.message`, `message` or `detail`; "" if it has none."""
    if isinstance(answer, str):
        return answer
    if isinstance(answer, list):  # of a form's fields, as FastAPI lists them
        return "; ".join(filter(None, map(_field_message, answer)))
    if not isinstance(answer, dict):
        return ""
    return next(filter(None, (error_message(answer.get(key)) for key in _MESSAGE_KEYS)), "")


_MESSAGE_KEYS = ("error", "message", "detail", "msg")


def _field_message(problem: object) -> str:
    if not isinstance(problem, dict):
        return error_message(problem)
    place = problem.get("loc")
    names = [str(name) for name in place if name != "body"] if isinstance(place, list) else []
    return ": ".join(filter(None, [".".join(names), error_message(problem)]))


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
