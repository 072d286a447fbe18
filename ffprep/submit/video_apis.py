"""Video APIs: what their requests look like, and what their answers mean.

All share the types Upload, HttpRequest and RemoteJob. `VideoApi` sends the requests; a subclass
knows one protocol.
"""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar
from urllib.parse import quote

from ffprep.core.geometry import Bounds, Size
from ffprep.record import Record, field, replace
from ffprep.submit.answers import (
    find_job,
    find_quoted_job,
    read_id,
    read_object,
    read_status,
    receiving,
)
from ffprep.submit.credentials import REDACTED, Credentials
from ffprep.submit.errors import ApiError, FailureKind, JobError, job_failure
from ffprep.submit.openai_client import header_seconds, make_client, send

if TYPE_CHECKING:
    from ffprep.submit.clip import ClipOptions


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


_MULTIPART = {"content-type": "multipart/form-data"}


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


def _flatten(key: str, value: Any) -> list[tuple[str, str]]:
    """Return the form fields of a value as the SDK names them: `key`, `key[part]`, `key[]`."""
    if isinstance(value, dict):
        return [pair for name, part in value.items() for pair in _flatten(f"{key}[{name}]", part)]
    if isinstance(value, list):
        return [pair for part in value for pair in _flatten(f"{key}[]", part)]
    if value is None:
        return []  # the SDK does not send it either
    return [(key, value if isinstance(value, str) else json.dumps(value))]


_FAILED = "failed cancelled canceled expired deleted error moderated rejected blocked"
_STATES = {
    **dict.fromkeys(("queued", "preprocessing"), JobState.WAITING),
    **dict.fromkeys(("completed", "succeeded"), JobState.DONE),
    **dict.fromkeys(_FAILED.split(), JobState.FAILED),
}
"""Of OpenAI, Azure, and servers in front of other models. All other jobs are running."""
_VERSION = "preview"
_PROGRESS = {"preprocessing": 0.1, "running": 0.2, "processing": 0.8}
"""Progress by status, since Azure reports no percentage."""
_WHOLE_PICTURE = Bounds()
_LONGEST_POLL = 60.0
"""Upper limit in seconds for the interval that the server asks for."""


class VideoApi:
    """A video API at one server. Requests that fail raise ApiError.

    A subclass knows one protocol: its paths, its requests, and what its answers mean.
    """

    client: str
    """The SDK's class that sends the key as this API wants it, and `client_options` for it."""
    client_options: ClassVar[Mapping[str, str]] = {}
    jobs_path: str

    def __init__(self, credentials: Credentials) -> None:
        self.credentials = credentials

    def build_request(
        self, clip: "ClipOptions", size: Size, upload: Upload, last: Upload | None = None
    ) -> HttpRequest:
        """Return the request that creates a job for a clip of this size. Sends nothing.

        `last` is the picture of the last frame, if any.
        """
        raise NotImplementedError

    def read_job(self, job_id: str, answer: Mapping[str, Any]) -> RemoteJob:
        """Return the job that an answer describes. Raises ApiError if it has no state."""
        raise NotImplementedError

    def clip_path(self, job: RemoteJob) -> str:
        """Return the path of the clip of a job that is done. Raises JobError if it has none."""
        raise NotImplementedError

    @cached_property
    def _client(self) -> Any:
        return make_client(self.client, self.credentials, **self.client_options)

    def connect(self) -> None:
        """Make the HTTP client. Raises EnvironmentFault if that fails."""
        _ = self._client

    def create(self, request: HttpRequest, timeout: float) -> RemoteJob:
        """Send a request once, since a second one may be billed again; return the job."""
        uploads = [(each.name, each.data, each.mime) for each in request.uploads]
        # In this spelling only, the SDK adds the boundary.
        headers = {"Content-Type": "multipart/form-data"}
        files = [(request.file_field, upload) for upload in uploads]
        post = partial(self._client.post, self.jobs_path, body=request.body, files=files)
        answer, _ = _answer_to(post, timeout, headers, partial(find_job, in_error=True))
        job_id = read_id(answer, "job")
        if not answer.get("status"):
            return RemoteJob(job_id, JobState.WAITING)
        return self.read_job(job_id, answer)

    def retrieve(self, job_id: str, timeout: float) -> RemoteJob:
        """Return the state of a job."""
        get = partial(self._client.get, f"{self.jobs_path}/{quote(job_id, safe='')}")
        answer, headers = _answer_to(get, timeout, {}, find_quoted_job)
        poll_after = header_seconds(headers, "openai-poll-after-ms", _LONGEST_POLL)
        return replace(self.read_job(job_id, answer), poll_after=poll_after)

    def download(self, job: RemoteJob, file: BinaryIO, timeout: float) -> None:
        """Write the clip of a job that is done into `file`, from its beginning.

        Raises JobError if the answer says that the job failed.
        """
        get = partial(self._client.get, self.clip_path(job))
        try:
            with receiving(file):
                send(get, timeout, {"Accept": "application/binary, */*"})
        except ApiError as error:
            answer = find_quoted_job(error.body)
            if answer and (found := self.read_job(job.id, answer)).state is JobState.FAILED:
                raise job_failure(found, self.credentials) from None
            raise


def _answer_to(
    call: Callable[..., Any],
    timeout: float,
    headers: Mapping[str, str],
    find: Callable[[object], Mapping[str, Any] | None],
) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """Return the JSON object that a request is answered with, and the headers. Raises ApiError.

    A job is an answer whatever the HTTP status: servers report failed jobs with that of the
    failure.
    """
    try:
        response = send(call, timeout, headers)
    except ApiError as error:
        if job := find(error.body):
            return job, {}
        raise
    answer = read_object(response.content)
    return find_job(answer) or answer, response.headers


class OpenAiVideos(VideoApi):
    """The protocols `videos` and `vllm-omni`."""

    client = "OpenAI"
    jobs_path = "/videos"

    def build_request(
        self, clip: "ClipOptions", size: Size, upload: Upload, last: Upload | None = None
    ) -> HttpRequest:
        """As VideoApi's: `seconds` is a string, and `size` is `WxH`.

        First and last frame are `input_references`, as vLLM-Omni names them.
        """
        body = {"model": clip.model} if clip.model else {}
        body |= {"prompt": clip.prompt, "seconds": str(clip.seconds), "size": str(size)}
        url = self.credentials.display_url + self.jobs_path
        headers = {"authorization": f"Bearer {REDACTED}"} | _MULTIPART
        part = "input_references" if last else "input_reference"
        return HttpRequest(url, headers, body | dict(clip.extra), part, upload, last)

    def read_job(self, job_id: str, answer: Mapping[str, Any]) -> RemoteJob:
        """As VideoApi's."""
        status, error = read_status(answer), answer.get("error")
        failure = error if isinstance(error, dict) else {}
        code = failure.get("code") or ("" if error or status == "failed" else status)
        return RemoteJob(
            id=job_id,
            state=_STATES.get(status, JobState.RUNNING),
            progress=_fraction(answer.get("progress")),
            code=str(code),
            message=str(failure.get("message") or error or ""),
            status=status,
        )

    def clip_path(self, job: RemoteJob) -> str:
        """As VideoApi's."""
        return f"/videos/{quote(job.id, safe='')}/content"


def _fraction(percent: object) -> float:
    """Return a percentage as a fraction; 0 if it is not a percentage."""
    valid = isinstance(percent, int | float) and 0 <= percent <= 100
    return float(percent) / 100 if valid else 0.0  # type: ignore[arg-type]


class AzureJobs(VideoApi):
    """The protocol `azure-v1`."""

    client = "AzureOpenAI"
    client_options: ClassVar = {"api_version": _VERSION}
    jobs_path = "/video/generations/jobs"

    def build_request(
        self, clip: "ClipOptions", size: Size, upload: Upload, last: Upload | None = None
    ) -> HttpRequest:
        """As VideoApi's. `crop_bounds` are edges, as fractions of the picture that is sent."""
        edges = upload.region or _WHOLE_PICTURE
        item = {
            "frame_index": 0,
            "type": "image",
            "file_name": upload.name,
            "crop_bounds": {
                f"{side}_fraction": getattr(edges, side)
                for side in ("left", "top", "right", "bottom")
            },
        }
        body = {
            "prompt": clip.prompt,
            "width": str(size.width),
            "height": str(size.height),
            "n_seconds": str(clip.seconds),
            "n_variants": "1",
            "inpaint_items": json.dumps([item]),
        }
        body |= {"model": clip.model} if clip.model else {}
        url = f"{self.credentials.display_url}{self.jobs_path}?api-version={_VERSION}"
        headers = {"api-key": REDACTED} | _MULTIPART
        return HttpRequest(url, headers, body | dict(clip.extra), "files", upload)

    def read_job(self, job_id: str, answer: Mapping[str, Any]) -> RemoteJob:
        """As VideoApi's."""
        status = read_status(answer)
        state = _STATES.get(status, JobState.RUNNING)
        failure_reason = str(answer.get("failure_reason") or "")
        return RemoteJob(
            id=job_id,
            state=state,
            progress=1.0 if state is JobState.DONE else _PROGRESS.get(status, 0.0),
            code=failure_reason or ("" if status == "failed" else status),
            status=status,
            clip_id=_first_clip(answer.get("generations")),
        )

    def clip_path(self, job: RemoteJob) -> str:
        """As VideoApi's: that of the first clip."""
        if not job.clip_id:
            raise JobError(FailureKind.CLIP, f"job {job.id} is done, but the server names no clip")
        return f"/video/generations/{quote(job.clip_id, safe='')}/content/video"


def _first_clip(clips: object) -> str:
    """Return the id of the first clip; "" if the answer has none that a path can contain."""
    first = clips[0] if isinstance(clips, list) and clips else None
    try:
        return read_id(first, "clip") if isinstance(first, dict) else ""
    except ApiError:
        return ""
