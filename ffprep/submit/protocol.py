"""What goes over the wire, whatever the protocol: a wish, the picture sent with it, the job that comes of it."""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from ffprep.core.geometry import Bounds, Size
from ffprep.errors import UsageError


@dataclass(frozen=True, slots=True)
class ClipRequest:
    """The clip that is asked for. Without a `model`, the server takes its own; `extra` are more fields, as read from JSON."""

    prompt: str
    size: Size
    seconds: int
    model: str | None = None
    extra: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture as it is uploaded. `region` are the edges of what the server is to cut from it, if it is to."""

    name: str
    data: bytes = field(repr=False)
    mime: str
    size: Size
    region: Bounds | None = None

    def describe(self) -> str:
        """What was sent, for errors and dry runs."""
        cut = ", of which the server is to cut a part" if self.region else ""
        return f"{self.name}, {self.mime}, {self.size}, {len(self.data)} bytes{cut}"


MULTIPART = {"content-type": "multipart/form-data"}


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """The request that creates a job, a POST of multipart/form-data, but for the key.

    `body` are its fields, `part` is the name of the file's part, `headers` those that are told, without the key.
    """

    url: str
    headers: dict[str, str]
    body: dict[str, Any]
    part: str
    picture: Upload

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        picture = self.picture
        return {
            "method": "POST",
            "url": self.url,
            "headers": self.headers,
            "fields": self.fields,
            "file": {
                "part": self.part,
                "name": picture.name,
                "mime": picture.mime,
                "bytes": len(picture.data),
                "width": picture.size.width,
                "height": picture.size.height,
            },
        }

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The body as the multipart has it."""
        return [pair for key, value in self.body.items() for pair in _flat(key, value)]


class JobState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RemoteJob:
    """A job as the server tells it. `state` is its own word for `phase`, `progress` a fraction; `code` and `words` say why it failed.

    `clip` is the name by which its clip is fetched, once there is one; `after` says in how many seconds the server would
    be asked again.
    """

    id: str
    phase: JobState
    progress: float = 0.0
    state: str = ""
    code: str = ""
    words: str = ""
    clip: str = ""
    after: float | None = None


class VideoApi(Protocol):
    """One protocol, spoken with one server. What does not succeed is `refusals.Unsuccessful`."""

    def call(self, wish: ClipRequest, picture: Upload) -> HttpRequest:
        """The request for a wish; nothing is sent."""

    def prepare(self) -> None:
        """Do all that can go wrong before a request. Raises EnvironmentFault."""

    def create(self, call: HttpRequest, timeout: float) -> str:
        """Send it, once; the job's id."""

    def look(self, job: str, timeout: float) -> RemoteJob:
        """Ask how a job stands."""

    def fetch(self, job: RemoteJob, timeout: float) -> bytes:
        """The clip of a job that is done."""


def read_extra(text: str) -> tuple[str, Any]:
    """Read `KEY=JSON`. Raises UsageError."""
    key, _, value = text.partition("=")
    if not key or not value:
        raise UsageError(f"{text!r} is no field; write KEY=JSON, such as seed=7")
    try:
        found = json.loads(value)
    except ValueError:
        words = "is no JSON; a text has quotes of its own"
        raise UsageError(f"{value!r} {words}, such as '{key}=\"{value}\"'") from None
    try:
        json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        raise UsageError(
            f"{text!r} cannot be sent: a number that is none, or half a letter"
        ) from None
    return key, found


def _flat(key: str, value: Any) -> list[tuple[str, str]]:
    """The fields of a multipart for a value, as the SDK writes them: `key`, `key[part]`, `key[]`."""
    if isinstance(value, dict):
        return [pair for name, part in value.items() for pair in _flat(f"{key}[{name}]", part)]
    if isinstance(value, list):
        return [pair for part in value for pair in _flat(f"{key}[]", part)]
    if value is None:
        return []  # nor does the SDK send it
    return [(key, value if isinstance(value, str) else json.dumps(value))]
