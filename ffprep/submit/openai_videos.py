"""OpenAI's /v1/videos, as OpenAI served it until 2026-09-24, and as compatible servers do."""

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, BinaryIO

from ffprep.record import replace
from ffprep.submit import openai_client as sdk
from ffprep.submit.answers import find_quoted_job
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
    "deleted": JobState.FAILED,
    "error": JobState.FAILED,
    "moderated": JobState.FAILED,
    "rejected": JobState.FAILED,
    "blocked": JobState.FAILED,
}
_LONGEST_ID, _LONGEST_STATUS = 500, 50
_LONGEST_POLL = 60.0
"""Upper limit in seconds for the interval that the server asks for."""


class OpenAiVideos:
    """`protocol.VideoApi` for /v1/videos."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    @cached_property
    def _client(self) -> Any:
        return sdk.make_client("OpenAI", self._credentials)

    def connect(self) -> None:
        """Make the HTTP client."""
        _ = self._client

    def build_request(
        self, clip: ClipRequest, upload: Upload, last: Upload | None = None
    ) -> HttpRequest:
        """Return the request: `seconds` is a string, and `size` is `WxH`.

        First and last frame are `input_references`, as vLLM-Omni names them.
        """
        body = {"model": clip.model} if clip.model else {}
        body |= {"prompt": clip.prompt, "seconds": str(clip.seconds), "size": str(clip.size)}
        url = f"{self._credentials.display_url}/videos"
        headers = {"authorization": f"Bearer {REDACTED}"} | MULTIPART
        part = "input_references" if last else "input_reference"
        return HttpRequest(url, headers, body | dict(clip.extra), part, upload, last)

    def create(self, request: HttpRequest, timeout: float) -> RemoteJob:
        """Send the request once, since a second one may be billed again."""
        limit = sdk.request_timeout(timeout)
        if request.last:
            call = sdk.multipart_call(self._client, "/videos", request, limit)
        else:
            call = self._call(request, limit)
        video, _ = sdk.answer_to(call)
        return created_job(video, _read_job)

    def _call(self, request: HttpRequest, limit: Any) -> Callable[[], Any]:
        fields, upload = request.body.copy(), request.upload
        return lambda: self._client.videos.with_raw_response.create(
            prompt=fields.pop("prompt"),
            input_reference=(upload.name, upload.data, upload.mime),
            extra_body=fields,
            timeout=limit,
        )

    def retrieve(self, job_id: str, timeout: float) -> RemoteJob:
        """Return the state of a job."""
        raw, limit = self._client.videos.with_raw_response, sdk.request_timeout(timeout)
        video, headers = sdk.answer_to(lambda: raw.retrieve(job_id, timeout=limit), find_quoted_job)
        poll_after = sdk.header_seconds(headers, "openai-poll-after-ms", _LONGEST_POLL)
        return replace(_read_job(job_id, video), poll_after=poll_after)

    def download(self, job: RemoteJob, file: BinaryIO, timeout: float) -> None:
        """Write the clip into `file`."""
        videos, limit = self._client.videos, sdk.request_timeout(timeout)
        sdk.download(
            lambda: videos.download_content(job.clip_id, timeout=limit),
            file,
            lambda answer: _read_job(job.id, answer),
            self._credentials,
        )


def _read_job(job_id: str, video: Mapping[str, Any]) -> RemoteJob:
    status, error = read_status(video), video.get("error")
    failure = error if isinstance(error, dict) else {}
    code = failure.get("code") or ("" if error or status == "failed" else status)
    return RemoteJob(
        id=job_id,
        state=_STATES.get(status, JobState.RUNNING),
        progress=_fraction(video.get("progress")),
        code=str(code),
        message=str(failure.get("message") or error or ""),
        status=status,
        clip_id=job_id,
    )


def created_job(
    answer: Mapping[str, Any], read_job: Callable[[str, Mapping[str, Any]], RemoteJob]
) -> RemoteJob:
    """Return the job that a server has created. Raises ApiError if the answer has no id."""
    job_id = read_id(answer, "job")
    return read_job(job_id, answer) if answer.get("status") else RemoteJob(job_id, JobState.WAITING)


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


def _fraction(percent: object) -> float:
    """Return a percentage as a fraction; 0 if it is not a percentage."""
    valid = isinstance(percent, int | float) and 0 <= percent <= 100
    return float(percent) / 100 if valid else 0.0  # type: ignore[arg-type]
