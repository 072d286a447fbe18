"""Video APIs by the openai SDK, whose errors become ApiErrors.

The SDK is imported when the first request is made, since that takes half a second.
"""

import importlib.util
import logging
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from email.utils import mktime_tz, parsedate_tz
from typing import TYPE_CHECKING, Any

from ffprep.errors import EnvironmentFault, reason
from ffprep.submit.answers import error_message, read_json_or_none
from ffprep.submit.credentials import Credentials, without_password
from ffprep.submit.errors import ApiError

if TYPE_CHECKING:
    import openai


_CONNECT_TIMEOUT = 15.0
# What httpx, below the SDK, raises before anything was sent; by name, since httpx has two versions.
_NOTHING_SENT = {
    "ConnectError",
    "ConnectTimeout",
    "UnsupportedProtocol",
    "LocalProtocolError",
    "ProxyError",
}


def require_sdk() -> None:
    """Raise EnvironmentFault if the SDK is not installed."""
    if importlib.util.find_spec("openai") is None:
        hint = "run: pip install 'ffprep[openai]'"
        raise EnvironmentFault(
            f"ffprep submit needs the openai SDK, which is not installed; {hint}"
        )


def import_sdk() -> Any:
    """Import the SDK, without the warning that OpenAI's own video service has ended."""
    import openai

    warnings.filterwarnings("ignore", "The Sora API", DeprecationWarning)
    return openai


def make_client(class_name: str, credentials: Credentials, **options: Any) -> Any:
    """Return a client of the SDK that sends each request once.

    If OPENAI_LOG asks for a log, secrets are removed from it. Raises EnvironmentFault.
    """
    openai = import_sdk()
    from ffprep.submit.bounded_http import BoundedClient

    for handler in logging.getLogger().handlers:
        handler.addFilter(_RedactingFilter(credentials.redact))
    try:
        return getattr(openai, class_name)(
            api_key=credentials.key,
            base_url=credentials.base_url,
            max_retries=0,
            default_headers=dict(credentials.headers),
            http_client=BoundedClient(credentials.clips_from),
            **options,
        )
    except Exception as error:
        expected = isinstance(error, ImportError | OSError | openai.OpenAIError)
        if not (expected or is_bad_address(error)):
            raise
        why = credentials.redact(reason(error)).rstrip(".")
        hint = "check --base-url, and in the environment HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and"
        hint += " OPENAI_*"
        message = f"cannot make a client for {credentials.display_url} ({why}); {hint}"
        raise EnvironmentFault(message) from None


def is_bad_address(error: Exception) -> bool:
    """Return whether urllib or httpx rejects an address; by name: httpx has two versions."""
    return isinstance(error, ValueError) or type(error).__name__ == "InvalidURL"


class _RedactingFilter(logging.Filter):
    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redact

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record, and remove its traceback. Keeps every record."""
        record.msg, record.args = self._redact(record.getMessage()), ()
        record.exc_info = record.exc_text = None
        return True


def send(call: Callable[..., Any], timeout: float, headers: Mapping[str, str]) -> Any:
    """Send a request, and return the answer. Raises ApiError."""
    openai = import_sdk()
    limits = openai.Timeout(timeout, connect=min(timeout, _CONNECT_TIMEOUT))
    try:
        # The SDK does not interpret an answer of this type.
        answer = call(
            cast_to=openai.HttpxBinaryResponseContent,
            options={"timeout": limits, "headers": headers},
        )
        return answer.response
    except openai.APIStatusError as error:
        raise _status_error(error) from None
    except openai.APIConnectionError as error:
        causes = list(_causes(error))
        names = {base.__name__ for cause in causes for base in type(cause).__mro__}
        message = str(causes[-1]) or type(causes[-1]).__name__
        raise ApiError(message, nothing_sent=bool(names & _NOTHING_SENT)) from None
    except openai.APIError as error:  # an answer that the SDK cannot interpret
        raise ApiError(error.message, status=200) from None
    except UnicodeEncodeError as error:  # raised before anything is sent
        raise ApiError(f"cannot be sent: {error}", nothing_sent=True) from None
    except ValueError:  # malformed JSON
        raise ApiError("an answer that is empty or not JSON", status=200) from None


def _status_error(error: "openai.APIStatusError") -> ApiError:
    body, code, param, location = error.body, "", "", ""
    whole = read_json_or_none(error.response.content)
    if isinstance(body, dict):
        named = (str(body.get(key) or "") for key in ("code", "type"))
        code = next((name for name in named if not name.isdecimal() and name), "")
        param = str(body.get("param") or "")
    message = error_message(whole) or str(body if body is not None else error.response.text)
    headers = error.response.headers
    if "html" in headers.get("content-type", ""):
        message = "an HTML page"
    retry_after = header_seconds(headers, "retry-after-ms")
    if retry_after is None:
        retry_after = header_seconds(headers, "retry-after")
    if 300 <= error.status_code < 400:
        location = _without_query(headers.get("location", "nowhere"))
        message = f"to {location or 'the same address'}"
    return ApiError(
        message,
        status=error.status_code,
        code=code,
        param=param,
        body=whole,
        location=location,
        retry_after=retry_after,
    )


def _without_query(address: str) -> str:
    """Return an address without what may be a secret."""
    return without_password(address.partition("?")[0].partition("#")[0])


def header_seconds(headers: Mapping[str, str], name: str, most: float = math.inf) -> float | None:
    """Return the waiting time in a header: seconds, a date, or, if its name ends so, `-ms`."""
    value = headers.get(name, "")
    try:
        seconds = float(value) / (1000 if name.endswith("-ms") else 1)
    except ValueError:
        seconds = _seconds_until(value)
    return min(seconds, most) if seconds >= 0 else None


def _seconds_until(date: str) -> float:
    """Return the seconds from now to a date in a header; NaN if it is none."""
    try:
        parsed = parsedate_tz(date)
        return max(mktime_tz(parsed) - time.time(), 0.0) if parsed else math.nan
    except (ValueError, OverflowError):
        return math.nan


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, the first cause last."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
