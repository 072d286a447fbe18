"""OpenAI's /v1/videos, as OpenAI served it until 2026-09-24, and as compatible servers do."""

import json
from functools import cached_property
from typing import Any

from ffprep.submit import openai_client as sdk
from ffprep.submit.credentials import REDACTED, Credentials
from ffprep.submit.errors import ApiError
from ffprep.submit.protocol import MULTIPART, ClipRequest, HttpRequest, JobState, RemoteJob, Upload

# The first four are OpenAI's; the others come from servers in front of other models.
_STATES = {
    "queued": JobState.WAITING,
    "in_progress": JobState.RUNNING,
    "completed": JobState.DONE,
    "failed": JobState.FAILED,
    "succeeded": JobState.DONE,
    "cancelled": JobState.FAILED,
    "canceled": JobState.FAILED,
    "expired": JobState.FAILED,
}
_LONGEST_POLL = 60.0
"""Upper limit in seconds for the interval that the server asks for."""


class OpenAiVideos:
    """`protocol.VideoApi` for /v1/videos."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    @cached_property
    def _client(self) -> Any:
        return sdk.make_client("OpenAI", self._credentials)

    @cached_property
    def _create_client(self) -> Any:
        return sdk.without_redirects(self._client)

    def connect(self) -> None:
        """Make the HTTP clients."""
        _ = self._create_client

    def build_request(self, clip: ClipRequest, upload: Upload) -> HttpRequest:
        """Return the request: `seconds` is a string, and `size` is `WxH`."""
        body = {"model": clip.model} if clip.model else {}
        body |= {"prompt": clip.prompt, "seconds": str(clip.seconds), "size": str(clip.size)}
        url = f"{self._credentials.display_url}/videos"
        headers = {"authorization": f"Bearer {REDACTED}"} | MULTIPART
        return HttpRequest(url, headers, body | dict(clip.extra), "input_reference", upload)

    def create(self, request: HttpRequest, timeout: float) -> str:
        """Send the request once, since a second one may be billed again."""
        fields, upload = request.body.copy(), request.upload
        with sdk.api_errors():
            video = self._create_client.videos.create(
                prompt=fields.pop("prompt"),
                input_reference=(upload.name, upload.data, upload.mime),
                extra_body=fields,
                timeout=sdk.request_timeout(timeout),
            )
        return read_job_id(getattr(video, "id", None), video)

    def retrieve(self, job_id: str, timeout: float) -> RemoteJob:
        """Return the state of a job."""
        with sdk.api_errors():
            raw = self._client.videos.with_raw_response
            response = raw.retrieve(job_id, timeout=sdk.request_timeout(timeout))
            video = response.parse()
        status = read_status(getattr(video, "status", None), video).lower()
        error = getattr(video, "error", None)
        code = getattr(error, "code", None) or ("" if error or status == "failed" else status)
        return RemoteJob(
            id=job_id,
            state=_STATES.get(status, JobState.RUNNING),
            progress=_fraction(getattr(video, "progress", None)),
            code=str(code),
            message=str(getattr(error, "message", None) or error or ""),
            status=status,
            clip_id=job_id,
            poll_after=sdk.header_seconds(response.headers, "openai-poll-after-ms", _LONGEST_POLL),
        )

    def download(self, job: RemoteJob, timeout: float) -> bytes:
        """Return the whole clip."""
        with sdk.api_errors():
            content: bytes = self._client.videos.download_content(
                job.clip_id, timeout=sdk.request_timeout(timeout)
            ).content
        return content


def read_job_id(value: object, answer: object) -> str:
    """Return a job's id, which may be a number. Raises ApiError if the answer has none."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return _require_text(str(value) if is_number else value, answer, "no job id")


def read_status(value: object, answer: object) -> str:
    """Return the server's word for a job's state. Raises ApiError if the answer has none."""
    return _require_text(value, answer, "no job state")


def _require_text(value: object, answer: object, problem: str) -> str:
    if isinstance(value, str) and value:
        return value
    text = answer if isinstance(answer, str) else _as_json(answer)
    is_html = text.lstrip()[:1] == "<"
    message = "an HTML page" if is_html else f"{problem} ({text or 'an empty answer'})"
    raise ApiError(message, status=200, code="html" if is_html else "")


def _fraction(percent: object) -> float:
    """Return a percentage as a fraction; 0 if it is not a percentage."""
    valid = isinstance(percent, int | float) and 0 <= percent <= 100
    return float(percent) / 100 if valid else 0.0  # type: ignore[arg-type]


def _as_json(answer: object) -> str:
    """Return an answer that is not text as JSON, for an error message."""
    dump = getattr(answer, "model_dump", None)
    content = dump(exclude_unset=True, warnings=False) if dump else answer
    return json.dumps(content, default=str) if content else ""
