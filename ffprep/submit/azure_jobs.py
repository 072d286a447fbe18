"""Azure OpenAI's older jobs API, `video/generations/jobs`, with the picture in `inpaint_items`.

Follows Microsoft's quickstart of 2026-01-29: all fields are strings, and `inpaint_items` is JSON.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from ffprep.core.geometry import Bounds, Size
from ffprep.submit.answers import read_id, read_status
from ffprep.submit.credentials import REDACTED
from ffprep.submit.errors import ApiError, FailureKind, JobError
from ffprep.submit.openai_client import VideoApi
from ffprep.submit.protocol import MULTIPART, HttpRequest, JobState, RemoteJob, Upload

if TYPE_CHECKING:
    from ffprep.submit.clip_options import ClipOptions

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
        headers = {"api-key": REDACTED} | MULTIPART
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
