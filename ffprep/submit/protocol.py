"""The types that every video API shares: the upload, the request, the job."""

import json
from enum import StrEnum
from typing import Any

from ffprep.core.geometry import Bounds, Size
from ffprep.errors import UsageError
from ffprep.record import Record, field


class Upload(Record):
    """The picture to upload. `region` is the part that the server must cut out, if it must."""

    name: str
    data: bytes = field(repr=False)
    mime: str
    size: Size
    region: Bounds | None = None

    def describe(self) -> str:
        """Return name, type, size and length, for error messages and dry runs."""
        cut = ", of which the server cuts out a region" if self.region else ""
        return f"{self.name}, {self.mime}, {self.size}, {len(self.data)} bytes{cut}"


MULTIPART = {"content-type": "multipart/form-data"}


class HttpRequest(Record):
    """The request that creates a job: a POST of multipart/form-data.

    `body` holds the form fields, `file_field` is the name of the part that holds the picture, and
    of the part that holds `last`, the picture of the last frame. `headers` contain no key.
    """

    url: str
    headers: dict[str, str]
    body: dict[str, Any]
    file_field: str
    upload: Upload
    last: Upload | None = None

    @property
    def uploads(self) -> list[Upload]:
        """All pictures, in their order in the clip."""
        return [self.upload, self.last] if self.last else [self.upload]

    def as_dict(self) -> dict[str, Any]:
        """Return the request as `--dry-run --json` prints it."""
        first, *others = (
            {
                "part": self.file_field,
                "name": upload.name,
                "mime": upload.mime,
                "bytes": len(upload.data),
                "width": upload.size.width,
                "height": upload.size.height,
            }
            for upload in self.uploads
        )
        return {
            "method": "POST",
            "url": self.url,
            "headers": self.headers,
            "fields": self.fields,
            "file": first,
            **({"last_frame": others[0]} if others else {}),
        }

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The body as fields of multipart/form-data."""
        return [pair for key, value in self.body.items() for pair in _flatten(key, value)]


class JobState(StrEnum):
    """The state of a job at the server."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class RemoteJob(Record):
    """A job as the server reports it.

    `status` is the server's own word for `state`, `progress` a fraction. `code` and `message` say
    why the job failed. `clip_id` is for APIs whose clips have other ids. `poll_after` is how
    many seconds the server asks to wait before the next question.
    """

    id: str
    state: JobState
    progress: float = 0.0
    status: str = ""
    code: str = ""
    message: str = ""
    clip_id: str = ""
    poll_after: float | None = None


def read_extra(text: str) -> tuple[str, Any]:
    """Read `KEY=JSON`. Raises UsageError."""
    key, _, value = text.partition("=")
    if not key or not value:
        raise UsageError(f"{text!r} is not a field; write KEY=JSON, for example seed=7")
    try:
        parsed = json.loads(value)
    except ValueError:
        hint = f"put quotes around a text, for example '{key}=\"{value}\"'"
        raise UsageError(f"{value!r} is not JSON; {hint}") from None
    except RecursionError:
        raise UsageError(f"the value of {key!r} is nested too deep") from None
    try:
        json.dumps(parsed, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        reason = "it contains NaN, an infinite number or a broken character"
        raise UsageError(f"{text!r} cannot be sent: {reason}") from None
    return key, parsed


def _flatten(key: str, value: Any) -> list[tuple[str, str]]:
    """Return the form fields of a value as the SDK names them: `key`, `key[part]`, `key[]`."""
    if isinstance(value, dict):
        return [pair for name, part in value.items() for pair in _flatten(f"{key}[{name}]", part)]
    if isinstance(value, list):
        return [pair for part in value for pair in _flatten(f"{key}[]", part)]
    if value is None:
        return []  # the SDK does not send it either
    return [(key, value if isinstance(value, str) else json.dumps(value))]
