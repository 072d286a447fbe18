"""Azure OpenAI's older jobs API, `video/generations/jobs`, with the picture in `inpaint_items`.

Follows Microsoft's quickstart of 2026-01-29: all fields are strings, and `inpaint_items` is JSON.
"""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, BinaryIO
from urllib.parse import quote

from ffprep.core.geometry import Bounds
from ffprep.submit import openai_client as sdk
from ffprep.submit.answers import find_quoted_job
from ffprep.submit.credentials import REDACTED, Credentials
from ffprep.submit.errors import ApiError, FailureKind, JobError
from ffprep.submit.openai_videos import created_job, read_id, read_status
from ffprep.submit.protocol import MULTIPART, ClipRequest, HttpRequest, JobState, RemoteJob, Upload

_VERSION = "preview"
_STATES = {
    "queued": JobState.WAITING,
    "preprocessing": JobState.WAITING,
    "running": JobState.RUNNING,
    "processing": JobState.RUNNING,
    "succeeded": JobState.DONE,
    "failed": JobState.FAILED,
    "cancelled": JobState.FAILED,
    "deleted": JobState.FAILED,
}
_PROGRESS = {"preprocessing": 0.1, "running": 0.2, "processing": 0.8}
"""Progress by status, since this API reports no percentage."""
_WHOLE_PICTURE = Bounds()


class AzureJobs:
    """`protocol.VideoApi` for the jobs API."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    @cached_property
    def _client(self) -> Any:
        return sdk.make_client("AzureOpenAI", self._credentials, api_version=_VERSION)

    def connect(self) -> None:
        """Make the HTTP client."""
        _ = self._client

    def build_request(
        self, clip: ClipRequest, upload: Upload, last: Upload | None = None
    ) -> HttpRequest:
        """Return the request. `crop_bounds` are edges, as fractions of the picture that is sent."""
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
            "width": str(clip.size.width),
            "height": str(clip.size.height),
            "n_seconds": str(clip.seconds),
            "n_variants": "1",
            "inpaint_items": json.dumps([item]),
        }
        body |= {"model": clip.model} if clip.model else {}
        base_url = self._credentials.display_url
        url = f"{base_url}/video/generations/jobs?api-version={_VERSION}"
        headers = {"api-key": REDACTED} | MULTIPART
        return HttpRequest(url, headers, body | dict(clip.extra), "files", upload)

    def create(self, request: HttpRequest, timeout: float) -> RemoteJob:
        """Send the request once, since a second one may be billed again."""
        limit = sdk.request_timeout(timeout)
        call = sdk.multipart_call(self._client, "/video/generations/jobs", request, limit)
        answer, _ = sdk.answer_to(call)
        return created_job(answer, _read_job)

    def retrieve(self, job_id: str, timeout: float) -> RemoteJob:
        """Return the state of a job."""
        path = f"/video/generations/jobs/{quote(job_id, safe='')}"
        options = {"timeout": sdk.request_timeout(timeout)}
        answer, _ = sdk.answer_to(
            lambda: self._client.get(path, cast_to=sdk.raw_answer(), options=options),
            find_quoted_job,
        )
        return _read_job(job_id, answer)

    def download(self, job: RemoteJob, file: BinaryIO, timeout: float) -> None:
        """Write the first clip of a job into `file`. Raises JobError if it has none."""
        if not job.clip_id:
            raise JobError(FailureKind.CLIP, f"job {job.id} is done, but the server names no clip")
        path = f"/video/generations/{quote(job.clip_id, safe='')}/content/video"
        options = {"timeout": sdk.request_timeout(timeout), "headers": {"Accept": "*/*"}}
        sdk.download(
            lambda: self._client.get(path, cast_to=sdk.raw_answer(), options=options),
            file,
            lambda answer: _read_job(job.id, answer),
            self._credentials,
        )


def _read_job(job_id: str, answer: Mapping[str, Any]) -> RemoteJob:
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


def _first_clip(clips: object) -> str:
    """Return the id of the first clip; "" if the answer has none that a path can contain."""
    first = clips[0] if isinstance(clips, list) and clips else None
    try:
        return read_id(first, "clip") if isinstance(first, dict) else ""
    except ApiError:
        return ""
