"""The two protocols of the stand-in: paths, keys, and how a job is reported in each state."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.standin_rules import BLOCKED as BLOCKED_WORDS
from tests.support.standin_rules import Refusal, Request, azure_form, openai_form


@dataclass(frozen=True)
class Ending:
    """How a job ends."""

    status: str | None
    code: str | None = None
    message: str | None = None


DONE = Ending("succeeded")
NEVER = Ending(None)
CANCELLED = Ending("cancelled", "cancelled", "The job was cancelled.")
BLOCKED = Ending("failed", "moderation_blocked", BLOCKED_WORDS)
BROKEN = Ending("failed", "internal_error", "An internal error occurred.")


@dataclass
class Job:
    """A job that was created."""

    id: str
    request: Request
    created_at: int
    asked: int = 0
    "How often its state was retrieved."

    @property
    def generations(self) -> list[str]:
        return [f"gen_{self.id}_{number}" for number in range(self.request.variants)]


class OpenAI:
    """`/v1/videos`."""

    root = "/v1/videos"
    routes = (
        ("POST", "", "create"),
        ("GET", "", "list"),
        ("GET", "/([^/]+)", "retrieve"),
        ("DELETE", "/([^/]+)", "delete"),
        ("GET", "/([^/]+)/content", "content"),
    )
    states = ("queued", "in_progress", "in_progress")
    form = staticmethod(openai_form)
    prefix = "video_"

    @staticmethod
    def admit(headers: Mapping[str, str], query: Mapping[str, list[str]], key: str) -> None:
        said = headers.get("authorization", "")
        if not said:
            raise Refusal(401, "You didn't provide an API key.")
        if said != f"Bearer {key}":
            words = f"Incorrect API key provided: {said[7:15]}***{said[-4:]}."
            raise Refusal(401, words, None, "invalid_api_key")

    @staticmethod
    def unknown(id: str) -> Refusal:
        return Refusal(404, f"Video with id '{id}' not found.")

    @classmethod
    def show(cls, job: Job, ending: Ending) -> dict[str, Any]:
        over = job.asked >= len(cls.states) and ending is not NEVER
        ended = "completed" if ending is DONE else "failed"
        done = over and ending is DONE
        return {
            "id": job.id,
            "object": "video",
            "created_at": job.created_at,
            "completed_at": job.created_at + 1 if done else None,
            "expires_at": job.created_at + 3600 if done else None,
            "status": ended if over else cls.states[min(job.asked, len(cls.states) - 1)],
            "progress": 100 if done else min(100 * job.asked // len(cls.states), 99),
            "model": job.request.model,
            "prompt": job.request.prompt,
            "seconds": str(job.request.seconds),
            "size": f"{job.request.width}x{job.request.height}",
            "remixed_from_video_id": None,
            "error": {"code": ending.code, "message": ending.message}
            if over and not done
            else None,
        }


class Azure:
    """`/openai/v1/video/generations`, from before Azure offered `/v1/videos`."""

    root = "/openai/v1/video/generations"
    routes = (
        ("POST", "/jobs", "create"),
        ("GET", "/jobs", "list"),
        ("GET", "/jobs/([^/]+)", "retrieve"),
        ("DELETE", "/jobs/([^/]+)", "delete"),
        ("GET", "/([^/]+)/content/video", "content"),
    )
    states = ("queued", "preprocessing", "running", "processing")
    form = staticmethod(azure_form)
    prefix = "task_"

    @staticmethod
    def admit(headers: Mapping[str, str], query: Mapping[str, list[str]], key: str) -> None:
        if headers.get("api-key") != key:
            words = (
                "Access denied due to invalid subscription key or wrong API endpoint. "
                "Make sure to provide a valid key for an active subscription and use a correct "
                "regional API endpoint for your resource."
            )
            raise Refusal(401, words, None, "401")
        if query.get("api-version") != ["preview"]:
            raise Refusal(400, "API version not supported", None, "BadRequest")

    @staticmethod
    def unknown(id: str) -> Refusal:
        return Refusal(404, "Resource not found", None, "404")

    @classmethod
    def show(cls, job: Job, ending: Ending) -> dict[str, Any]:
        over = job.asked >= len(cls.states) and ending is not NEVER
        asked = job.request
        generations = job.generations if over and ending is DONE else []
        reasons = {"moderation_blocked": "input_moderation"}
        return {
            "object": "video.generation.job",
            "id": job.id,
            "status": ending.status if over else cls.states[min(job.asked, len(cls.states) - 1)],
            "created_at": job.created_at,
            "finished_at": job.created_at + 1 if over else None,
            "expires_at": job.created_at + 86400 if over else None,
            "generations": [
                {
                    "object": "video.generation",
                    "id": id,
                    "job_id": job.id,
                    "created_at": job.created_at + 1,
                    "width": asked.width,
                    "height": asked.height,
                    "n_seconds": asked.seconds,
                    "prompt": asked.prompt,
                }
                for id in generations
            ],
            "prompt": asked.prompt,
            "model": asked.model,
            "n_variants": asked.variants,
            "n_seconds": asked.seconds,
            "height": asked.height,
            "width": asked.width,
            "failure_reason": reasons.get(ending.code or "", ending.code) if over else None,
        }


PROTOCOLS = (OpenAI, Azure)
