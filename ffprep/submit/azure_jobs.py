"""Azure OpenAI's older jobs API, `video/generations/jobs`, with the picture among its `inpaint_items`.

Rules and words as in Microsoft's quickstart of 2026-01-29: the fields are texts, `inpaint_items` is JSON.
"""

import json
from functools import cached_property
from typing import Any
from urllib.parse import quote

from ffprep.core.geometry import Bounds
from ffprep.submit import openai_client as sdk
from ffprep.submit.credentials import HIDDEN, Credentials
from ffprep.submit.openai_videos import id_of, state_of
from ffprep.submit.protocol import MULTIPART, ClipRequest, HttpRequest, JobState, RemoteJob, Upload

_VERSION = "preview"
_PHASES = {
    "queued": JobState.WAITING,
    "preprocessing": JobState.WAITING,
    "running": JobState.RUNNING,
    "processing": JobState.RUNNING,
    "succeeded": JobState.DONE,
    "failed": JobState.FAILED,
    "cancelled": JobState.FAILED,
}
_SHARE = {"preprocessing": 0.1, "running": 0.2, "processing": 0.8}
"""How far a job is that says its state and no figure."""
_WHOLE = Bounds()


class AzureJobs:
    """`wire.Speaker` of this protocol."""

    def __init__(self, access: Credentials) -> None:
        self._access = access

    @cached_property
    def _client(self) -> Any:
        return sdk.client("AzureOpenAI", self._access, api_version=_VERSION)

    @cached_property
    def _creator(self) -> Any:
        return sdk.unmoved(self._client)

    def prepare(self) -> None:
        """Make the clients."""
        _ = self._creator

    def call(self, wish: ClipRequest, picture: Upload) -> HttpRequest:
        """The bounds are absolute edges of the picture that is sent, as fractions."""
        edges = picture.region or _WHOLE
        item = {
            "frame_index": 0,
            "type": "image",
            "file_name": picture.name,
            "crop_bounds": {
                f"{side}_fraction": getattr(edges, side)
                for side in ("left", "top", "right", "bottom")
            },
        }
        body = {
            "prompt": wish.prompt,
            "width": str(wish.size.width),
            "height": str(wish.size.height),
            "n_seconds": str(wish.seconds),
            "n_variants": "1",
            "inpaint_items": json.dumps([item]),
        }
        body |= {"model": wish.model} if wish.model else {}
        url = f"{self._access.shown_url}/video/generations/jobs?api-version={_VERSION}"
        headers = {"api-key": HIDDEN} | MULTIPART
        return HttpRequest(url, headers, body | dict(wish.extra), "files", picture)

    def create(self, call: HttpRequest, timeout: float) -> str:
        """Send it once: what is sent again may be billed again."""
        picture = call.picture
        options = {
            "timeout": sdk.patience(timeout),
            "headers": {
                "Content-Type": "multipart/form-data"
            },  # spelt so, or the SDK adds no boundary
        }
        with sdk.answered():
            answer = self._creator.post(
                "/video/generations/jobs",
                cast_to=object,
                body=call.body,
                files=[(call.part, (picture.name, picture.data, picture.mime))],
                options=options,
            )
        return id_of(answer.get("id") if isinstance(answer, dict) else None, answer)

    def look(self, job: str, timeout: float) -> RemoteJob:
        """Ask how a job stands."""
        way = f"/video/generations/jobs/{quote(job, safe='')}"
        with sdk.answered():
            answer = self._client.get(
                way, cast_to=object, options={"timeout": sdk.patience(timeout)}
            )
        told: dict[str, Any] = answer if isinstance(answer, dict) else {}
        status, clips = (
            state_of(told.get("status"), answer).lower(),
            told.get("generations") or [{}],
        )
        phase = _PHASES.get(status, JobState.RUNNING)
        reason = str(told.get("failure_reason") or "")
        return RemoteJob(
            id=job,
            phase=phase,
            progress=1.0 if phase is JobState.DONE else _SHARE.get(status, 0.0),
            code=reason or ("" if status == "failed" else status),
            state=status,
            clip=str(clips[0].get("id") or ""),
        )

    def fetch(self, job: RemoteJob, timeout: float) -> bytes:
        """The first of its clips, whole."""
        way = f"/video/generations/{quote(job.clip, safe='')}/content/video"
        binary = sdk.module().HttpxBinaryResponseContent
        options = {"timeout": sdk.patience(timeout), "headers": {"Accept": "*/*"}}
        with sdk.answered():
            content: bytes = self._client.get(way, cast_to=binary, options=options).content
        return content
