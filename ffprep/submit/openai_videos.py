"""OpenAI's /v1/videos, as OpenAI served it until 2026-09-24, and as compatible servers do."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ffprep.core.geometry import Size
from ffprep.submit.answers import read_status
from ffprep.submit.credentials import REDACTED
from ffprep.submit.openai_client import VideoApi
from ffprep.submit.protocol import MULTIPART, HttpRequest, JobState, RemoteJob, Upload

if TYPE_CHECKING:
    from ffprep.submit.clip_options import ClipOptions

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
        headers = {"authorization": f"Bearer {REDACTED}"} | MULTIPART
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
