"""What does not succeed, in sentences: the server's own words, what they mean, what to do."""

import re
from enum import StrEnum

from ffprep.errors import EnvironmentFault, ExitCode, FfprepError
from ffprep.submit.credentials import Credentials
from ffprep.submit.protocol import HttpRequest, RemoteJob


class FailureKind(StrEnum):
    """Why there is no clip; the word that stands in JSON, beside those that photos fail with."""

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
    """What came of a request that did not succeed, in no protocol's terms.

    `status` is HTTP's, 0 where no answer came; `late` says that it was waited for too long, and `nothing_sent` that the
    server cannot have heard of it. `wait` are the seconds after which the server would hear of it again.
    """

    def __init__(
        self,
        words: str,
        *,
        status: int = 0,
        code: str = "",
        late: bool = False,
        nothing_sent: bool = False,
        wait: float | None = None,
    ) -> None:
        super().__init__(words)
        self.words, self.status, self.code = _plain(words), status, code
        self.late, self.nothing_sent, self.wait = late, nothing_sent, wait

    @property
    def may_pass(self) -> bool:
        """Whether the same question may be answered a little later."""
        return self.status in (0, 200, 408, 409, 429) or self.status >= 500

    @property
    def uncertain(self) -> bool:
        """Whether the server may have done what it was asked, although no answer says so."""
        if self.nothing_sent or self.code == "html":
            return False
        return self.status in (0, 200, 408) or self.status >= 500


class JobError(FfprepError):
    """There is no clip of one photo; `kind` says why. The others go on."""

    exit_code = ExitCode.SOME_FAILED

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class ServerFault(EnvironmentFault):
    """There is no clip of any photo, until something is mended: the key, the address, the account."""

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


_MODERATION = re.compile(r"moderat|content.policy|safety|sentinel_block|responsible|content_filter")
_SIZE = re.compile(r"must match the requested width and height|size of the (image|picture)")
_MEDIA = re.compile(r"mime ?-?type|media.?type|unsupported (file|image)|content.type|octet-stream")
_QUOTA = re.compile(r"insufficient_quota|exceeded your current quota|billing|credit|payment")
_MODEL = re.compile(r"model_not_found|the model |deployment")
PEOPLE = "a photo that shows a real person is the usual reason; take one without clear faces"

_MOST = 500
AGAIN = "to submit it again, say --resubmit"


def refused(error: ApiError, access: Credentials, call: HttpRequest) -> FfprepError:
    """Why a job was not created. What is uncertain is told elsewhere."""
    said = f"the server says {quoted(error, access)}"
    text = f"{error.code} {error.words}".lower()
    sent = f"sent were {call.picture.describe()}, and {_asked(call)}"
    if fault := everywhere(error, access):
        return fault
    if error.status == 429:
        return JobError(
            FailureKind.RATE_LIMIT, f"{said}; it takes no more for now: try again later"
        )
    if _SIZE.search(text):
        words = "the picture was decoded before it was sent, and has the size of the request; report it to those who run the server"
        return JobError(FailureKind.SIZE, f"{said}, but {sent}: {words}")
    if _MODERATION.search(text):
        return JobError(
            FailureKind.MODERATION, f"{said}: refused by moderation; {PEOPLE}, or mend --prompt"
        )
    if error.status == 415 or _MEDIA.search(text):
        words = "try another --format: jpeg, png or webp"
        return JobError(FailureKind.MEDIA_TYPE, f"{said}; {sent}; {words}")
    hint = "; a smaller file is made by --max-bytes" if error.status == 413 else ""
    return JobError(FailureKind.REFUSED, f"{said}; {sent}{hint}")


def everywhere(error: ApiError, access: Credentials) -> ServerFault | None:
    """What holds for every request to this server; None where it is about this one."""
    said, url = quoted(error, access), access.shown_url
    text = f"{error.code} {error.words}".lower()
    if error.status == 401:
        words = f"{url} does not take the key ({said}); check OPENAI_API_KEY, and that --base-url is the server it is for"
        return ServerFault(FailureKind.KEY, words)
    if error.status == 402 or (error.status in (429, 403) and _QUOTA.search(text)):
        return ServerFault(
            FailureKind.QUOTA, f"the account has no quota left: {said}; look at its billing"
        )
    if error.status == 403 and not _MODERATION.search(text):
        return ServerFault(FailureKind.KEY, f"the key may not do this at {url}: {said}")
    if error.status == 404 and _MODEL.search(text):
        words = f"the server at {url} does not have the model: {said}; see --model"
        return ServerFault(FailureKind.ADDRESS, words)
    if 300 <= error.status < 400:
        hint = "say the address to which it does as --base-url"
        return ServerFault(FailureKind.ADDRESS, f"{url} redirects ({said}); {hint}")
    if error.status in (404, 405, 410) or error.code == "html":
        words = "no server of this protocol answers there"
        hint = f"an address without {access.usual_path} is the usual reason: see --base-url and --protocol"
        return ServerFault(FailureKind.ADDRESS, f"{url}: {words} ({said}); {hint}")
    if error.nothing_sent:
        words = "cannot be reached"
        return ServerFault(
            FailureKind.UNREACHABLE,
            f"{url} {words} ({said}); check --base-url, and that the server runs",
        )
    return None


def about_job(error: ApiError, access: Credentials, job: str, done: bool) -> FfprepError:
    """Why a job could not be asked for, or, when it is `done`, its clip not fetched."""
    said = quoted(error, access)
    if error.status == 410:
        return JobError(FailureKind.EXPIRED, f"job {job} has expired ({said}); {AGAIN}")
    if error.status == 404 and done:
        return JobError(FailureKind.CLIP, f"job {job} is done, but its clip is not there ({said})")
    if error.status == 404:
        words = "it has expired, or was made by another account or at another server"
        words += f"; or --base-url lacks its {access.usual_path}"
        return JobError(FailureKind.UNKNOWN_JOB, f"there is no job {job} ({said}): {words}")
    if fault := everywhere(error, access):
        return fault
    what = "its clip cannot be fetched" if done else "it cannot be asked for"
    return JobError(FailureKind.UNREACHABLE, f"job {job}: {what} ({said})")


def failed(job: RemoteJob, access: Credentials) -> JobError:
    """Why a job that was created came to nothing."""
    said = access.hide(_plain(f"{job.code}: {job.words}").strip(": "))
    text = f"{job.code} {job.words}".lower()
    if _MODERATION.search(text):
        words = f"was stopped by moderation ({said}); {PEOPLE}"
        return JobError(FailureKind.MODERATION, f"job {job.id} {words}")
    if job.code == "expired":
        return JobError(FailureKind.EXPIRED, f"job {job.id} has expired; {AGAIN}")
    words = f"has failed ({said or 'the server does not say why'})"
    return JobError(FailureKind.FAILED, f"job {job.id} {words}; {AGAIN}")


def _plain(words: str) -> str:
    """The server's words, to stand within a sentence."""
    return " ".join(words.split()).rstrip(".")


def quoted(error: ApiError, access: Credentials) -> str:
    """The server's words, without what is secret; hidden before they are cut."""
    words = access.hide(error.words)[:_MOST] or "nothing"
    return f"{error.status}: {words}" if error.status else words


def _asked(call: HttpRequest) -> str:
    return ", ".join(f"{key}={value}" for key, value in call.fields if key != "prompt")
