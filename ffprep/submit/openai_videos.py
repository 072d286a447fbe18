"""OpenAI's /v1/videos, as its service had it until 2026-09-24, and as servers of the same protocol have it."""

import json
from functools import cached_property
from typing import Any

from ffprep.submit import openai_client as sdk
from ffprep.submit.credentials import HIDDEN, Credentials
from ffprep.submit.errors import ApiError
from ffprep.submit.protocol import MULTIPART, ClipRequest, HttpRequest, JobState, RemoteJob, Upload

# The first four are OpenAI's; the others are what servers in front of other models say.
_PHASES = {
    "queued": JobState.WAITING,
    "in_progress": JobState.RUNNING,
    "completed": JobState.DONE,
    "failed": JobState.FAILED,
    "succeeded": JobState.DONE,
    "cancelled": JobState.FAILED,
    "canceled": JobState.FAILED,
    "expired": JobState.FAILED,
}
_MOST = 60.0
"""Seconds after which a job is asked for at the latest, whatever the server says."""


class Videos:
    """`wire.Speaker` of this protocol."""

    def __init__(self, access: Credentials) -> None:
        self._access = access

    @cached_property
    def _client(self) -> Any:
        return sdk.client("OpenAI", self._access)

    @cached_property
    def _creator(self) -> Any:
        return sdk.unmoved(self._client)

    def prepare(self) -> None:
        """Make the clients."""
        _ = self._creator

    def call(self, wish: ClipRequest, picture: Upload) -> HttpRequest:
        """`seconds` is a text there, and `size` is `WxH`."""
        body = {"model": wish.model} if wish.model else {}
        body |= {"prompt": wish.prompt, "seconds": str(wish.seconds), "size": str(wish.size)}
        url = f"{self._access.shown_url}/videos"
        headers = {"authorization": f"Bearer {HIDDEN}"} | MULTIPART
        return HttpRequest(url, headers, body | dict(wish.extra), "input_reference", picture)

    def create(self, call: HttpRequest, timeout: float) -> str:
        """Send it once: what is sent again may be billed again."""
        fields, picture = call.body.copy(), call.picture
        upload = (picture.name, picture.data, picture.mime)
        with sdk.answered():
            video = self._creator.videos.create(
                prompt=fields.pop("prompt"),
                input_reference=upload,
                extra_body=fields,
                timeout=sdk.patience(timeout),
            )
        return id_of(getattr(video, "id", None), video)

    def look(self, job: str, timeout: float) -> RemoteJob:
        """Ask how a job stands."""
        with sdk.answered():
            raw = self._client.videos.with_raw_response
            answer = raw.retrieve(job, timeout=sdk.patience(timeout))
            video = answer.parse()
        status = state_of(getattr(video, "status", None), video).lower()
        error = getattr(video, "error", None)
        code = getattr(error, "code", None) or ("" if error or status == "failed" else status)
        return RemoteJob(
            id=job,
            phase=_PHASES.get(status, JobState.RUNNING),
            progress=fraction(getattr(video, "progress", None)),
            code=str(code),
            words=str(getattr(error, "message", None) or error or ""),
            state=status,
            clip=job,
            after=sdk.seconds_in(answer.headers, "openai-poll-after-ms", _MOST),
        )

    def fetch(self, job: RemoteJob, timeout: float) -> bytes:
        """The clip, whole."""
        with sdk.answered():
            content: bytes = self._client.videos.download_content(
                job.clip, timeout=sdk.patience(timeout)
            ).content
        return content


def id_of(found: object, answer: object) -> str:
    """A job's id, which may be a number. Raises ApiError where an answer has none."""
    numbered = isinstance(found, int) and not isinstance(found, bool)
    return _text(str(found) if numbered else found, answer, "no job")


def state_of(found: object, answer: object) -> str:
    """The word for a job's state. Raises ApiError where an answer has none."""
    return _text(found, answer, "no job's state")


def _text(found: object, answer: object, what: str) -> str:
    if isinstance(found, str) and found:
        return found
    text = answer if isinstance(answer, str) else _as_json(answer)
    html = text.lstrip()[:1] == "<"
    words = "a page for people" if html else f"{what} ({text or 'an empty answer'})"
    raise ApiError(words, status=200, code="html" if html else "")


def fraction(percent: object) -> float:
    """A progress in percent, as servers tell it, as a fraction; 0 where they tell none."""
    known = isinstance(percent, int | float) and 0 <= percent <= 100
    return float(percent) / 100 if known else 0.0  # type: ignore[arg-type]


def _as_json(answer: object) -> str:
    """What an answer said that is no text."""
    dumped = getattr(answer, "model_dump", None)
    told = dumped(exclude_unset=True, warnings=False) if dumped else answer
    return json.dumps(told, default=str) if told else ""
