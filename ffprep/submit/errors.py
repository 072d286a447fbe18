"""Failures of requests and jobs: the server's own words, what they mean, what to do about them."""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ffprep.errors import EnvironmentFault, ExitCode, FfprepError
from ffprep.submit.credentials import Credentials

if TYPE_CHECKING:
    from ffprep.submit.video_apis import HttpRequest, RemoteJob


class FailureKind(StrEnum):
    """Why a clip is missing. JSON uses these words, and those of `ffprep.errors.Kind`."""

    SIZE = "size"
    MEDIA_TYPE = "media-type"
    MODERATION = "moderation"
    REFUSED = "refused"
    RATE_LIMIT = "rate-limit"
    QUOTA = "quota"
    KEY = "key"
    ADDRESS = "address"
    UNREACHABLE = "unreachable"
    UNCERTAIN = "uncertain"
    FAILED = "failed"
    EXPIRED = "expired"
    UNKNOWN_JOB = "unknown-job"
    TIMEOUT = "timeout"
    CLIP = "clip"
    INTERRUPTED = "interrupted"


class ApiError(Exception):
    """A request that did not succeed, whatever the protocol.

    `status` is the HTTP status, 0 if no answer came. `body` is the answer, if it is JSON, `param`
    the field that it names, `location` the address that it redirects to, without its query.
    `nothing_sent` means that the server cannot have received the request. `retry_after` is how many
    seconds the server asks to wait.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: str = "",
        param: str = "",
        body: object = None,
        location: str = "",
        nothing_sent: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message, self.status, self.code = _one_line(message), status, code
        self.param, self.body, self.location = param, body, location
        self.nothing_sent, self.retry_after = nothing_sent, retry_after

    @property
    def is_transient(self) -> bool:
        """Whether the same question may succeed a little later."""
        return self.status in (0, 200, 408, 409, 429) or self.status >= 500

    @property
    def outcome_unknown(self) -> bool:
        """Whether the server may have carried out the request, although no answer says so."""
        if self.nothing_sent or self.code == "html":
            return False
        return self.status in (0, 200, 408) or self.status >= 500


class JobError(FfprepError):
    """One photo has no clip, for the reason `kind`. The other photos continue."""

    exit_code = ExitCode.SOME_FAILED

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class ServerFault(EnvironmentFault):
    """No photo can get a clip until the key, the address or the account is corrected."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


_MODERATION = re.compile(r"moderat|content.policy|safety|sentinel_block|responsible|content_filter")
_SIZE = re.compile(r"must match the requested width and height|size of the (image|picture)")
_MEDIA = re.compile(r"mime ?-?type|media.?type|unsupported (file|image)|content.type|octet-stream")
_QUOTA = re.compile(r"insufficient_quota|exceeded your current quota|billing|credit|payment")
_MODEL = re.compile(r"model_not_found|the model |deployment")
_WRONG_MODEL = re.compile(
    r"model[ _]mismatch|(invalid|unknown|no such) model|model_not_found"
    r"|model \S{1,200} (does not exist|is not found|not found)"
)
_WRONG_KEY = re.compile(
    r"(invalid|incorrect|wrong|unknown|expired).{0,20}\bkey\b|key (is )?(not valid|invalid)"
    r"|no_db_connection|unauthorized"
)
_PICTURE = re.compile(r"image|picture|photo|input_reference|inpaint|\bframes?\b|\bfiles?\b|pixel")
_WRONG = (
    "invalid|unsupported|unknown|missing|unrecognized|must|should|not (supported|allowed|valid)"
)
_PEOPLE = "a real person in the photo is the usual reason; use one without clear faces"

_LONGEST_QUOTE = 500
RESUBMIT = "to submit the photo again, add --resubmit"


def create_failure(
    error: ApiError, credentials: Credentials, request: "HttpRequest", common: Iterable[str] = ()
) -> FfprepError:
    """Return the error for a job that was not created. Not for unknown outcomes.

    `common` are the fields that have the same values for all photos.
    """
    reply = f"the server says {quote(error, credentials)}"
    text = f"{error.code} {error.message}".lower()
    sent = f"ffprep sent {request.upload.describe()}, and {_fields_sent(request)}"
    if fault := server_fault(error, credentials):
        return fault
    if error.status == 429:
        message = f"{reply}; the server accepts no more jobs for now: try again later"
        return JobError(FailureKind.RATE_LIMIT, message)
    if _SIZE.search(text):
        hint = "ffprep decoded the picture before it sent it, and it has the size of the request"
        message = f"{reply}, but {sent}: {hint}; report this to the operators of the server"
        return JobError(FailureKind.SIZE, message)
    if _MODERATION.search(text):
        message = f"{reply}: rejected by moderation; {_PEOPLE}, or change --prompt"
        return JobError(FailureKind.MODERATION, message)
    if error.status == 415 or _MEDIA.search(text):
        hint = "try another --format: jpeg, png or webp"
        return JobError(FailureKind.MEDIA_TYPE, f"{reply}; {sent}; {hint}")
    if _names_one_of(common, error):
        message = f"{reply}; this concerns every photo, so no other one is sent; ffprep sent "
        return ServerFault(FailureKind.REFUSED, message + _fields_sent(request))
    hint = "; --max-bytes makes a smaller file" if error.status == 413 else ""
    return JobError(FailureKind.REFUSED, f"{reply}; {sent}{hint}")


def _names_one_of(fields: Iterable[str], error: ApiError) -> bool:
    """Whether the server refuses one of these fields, and says nothing about the picture."""
    if error.status not in (400, 422):
        return False
    names = [name.lower() for name in fields]
    if error.param.lower() in names:
        return True
    text, any_of = error.message.lower(), "|".join(map(re.escape, names))
    if not names or _PICTURE.search(text):
        return False
    pattern = rf"({_WRONG})[^.]{{0,40}}\b({any_of})\b|\b({any_of})\b[^.]{{0,60}}({_WRONG})"
    return re.search(pattern, text) is not None


def server_fault(error: ApiError, credentials: Credentials) -> ServerFault | None:
    """Return the fault that every request to this server meets; None if only this one does."""
    reply, url, status = quote(error, credentials), credentials.display_url, error.status
    text = f"{error.code} {error.message}".lower()
    if status == 401 or (status == 400 and _WRONG_KEY.search(text)):
        hint = "check OPENAI_API_KEY, and that --base-url is the server that the key is for"
        return ServerFault(FailureKind.KEY, f"{url} does not accept the key ({reply}); {hint}")
    if status == 402 or (status in (429, 403) and _QUOTA.search(text)):
        message = f"the account has no quota left: {reply}; check its billing"
        return ServerFault(FailureKind.QUOTA, message)
    if status == 403 and not _MODERATION.search(text):
        return ServerFault(FailureKind.KEY, f"the key has no permission for this at {url}: {reply}")
    wrong_model = status in (400, 422) and _WRONG_MODEL.search(text)
    if wrong_model or (status == 404 and _MODEL.search(text)):
        message = f"the server at {url} does not have the model: {reply}; see --model"
        return ServerFault(FailureKind.ADDRESS, message)
    if 300 <= status < 400:
        hint = "write the address that it redirects to as --base-url"
        return ServerFault(FailureKind.ADDRESS, f"{url} redirects ({reply}); {hint}")
    if status in (404, 405, 410) or error.code == "html":
        reason = f"usually the address lacks its {credentials.usual_path}"
        hint = "see --base-url and --protocol"
        message = f"{url}: no server of this protocol answers ({reply}); {reason}: {hint}"
        return ServerFault(FailureKind.ADDRESS, message)
    if error.nothing_sent:
        hint = "check --base-url, and that the server runs"
        return ServerFault(FailureKind.UNREACHABLE, f"{url} cannot be reached ({reply}); {hint}")
    return None


def job_request_failure(
    error: ApiError, credentials: Credentials, job_id: str, done: bool
) -> FfprepError:
    """Return the error for a question about a job; if the job is `done`, for its download."""
    reply = quote(error, credentials)
    if error.status == 410:
        return JobError(FailureKind.EXPIRED, f"job {job_id} has expired ({reply}); {RESUBMIT}")
    if error.status == 404 and done:
        message = f"job {job_id} is done, but its clip is not there ({reply})"
        return JobError(FailureKind.CLIP, message)
    if error.status == 404:
        reason = "it has expired, or belongs to another account or server"
        reason += f"; or --base-url lacks its {credentials.usual_path}"
        return JobError(FailureKind.UNKNOWN_JOB, f"no job {job_id} ({reply}): {reason}")
    if 300 <= error.status < 400:
        return _redirected(error, credentials, job_id, done)
    if fault := server_fault(error, credentials):
        return fault
    what = "cannot download its clip" if done else "cannot ask for its state"
    return JobError(FailureKind.UNREACHABLE, f"job {job_id}: {what} ({reply})")


def _redirected(error: ApiError, credentials: Credentials, job_id: str, done: bool) -> JobError:
    if done and credentials.needs_clips_from(error.location):
        parts = urlsplit(error.location)
        origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        hint = f"to download it from there, add --clips-from {origin}"
        place = error.location[:_LONGEST_QUOTE]
        where = f"its clip is on another server, at {place} (without its query)"
        return JobError(FailureKind.CLIP, f"job {job_id} is done, and {where}; {hint}")
    what = "its clip" if done else "its state"
    rule = "ffprep follows at most 5 redirects, and only at the same scheme, host and port"
    reply = quote(error, credentials)
    message = f"job {job_id}: the server redirects for {what} ({reply}); {rule}"
    return JobError(FailureKind.CLIP if done else FailureKind.ADDRESS, message)


def job_failure(job: "RemoteJob", credentials: Credentials) -> JobError:
    """Return the error for a job that the server reports as failed."""
    words = _one_line(f"{job.code}: {job.message}").strip(": ")
    reason = credentials.redact(words)[:_LONGEST_QUOTE]
    text = f"{job.code} {job.message}".lower()
    if _MODERATION.search(text):
        message = f"job {job.id} was stopped by moderation ({reason}); {_PEOPLE}"
        return JobError(FailureKind.MODERATION, message)
    if job.status in ("expired", "deleted"):
        verb = "has expired" if job.status == "expired" else "was deleted at the server"
        return JobError(FailureKind.EXPIRED, f"job {job.id} {verb}; {RESUBMIT}")
    message = f"job {job.id} failed ({reason or 'the server does not say why'}); {RESUBMIT}"
    return JobError(FailureKind.FAILED, message)


def quote(error: ApiError, credentials: Credentials) -> str:
    """Return the server's words without secrets. They are redacted before they are shortened."""
    words = credentials.redact(error.message)[:_LONGEST_QUOTE] or "nothing"
    return f"{error.status}: {words}" if error.status else words


def _one_line(words: str) -> str:
    """Return the server's words in a form that fits into a sentence."""
    return " ".join(words.split()).rstrip(".")


def _fields_sent(request: "HttpRequest") -> str:
    return ", ".join(f"{key}={value}" for key, value in request.fields if key != "prompt")
