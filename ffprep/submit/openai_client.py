"""The openai SDK: whether it is there, and its errors as ApiError. Imported when a request is made: it takes half a second."""

import importlib.util
import logging
import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import mktime_tz, parsedate_tz
from typing import TYPE_CHECKING, Any

from ffprep.errors import EnvironmentFault, reason
from ffprep.submit.credentials import Credentials
from ffprep.submit.errors import ApiError

if TYPE_CHECKING:
    import openai

_CONNECT = 15.0
# What httpx, under the SDK, raises when nothing has been sent; by name, since it comes in two versions.
_NOTHING_SENT = {
    "ConnectError",
    "ConnectTimeout",
    "UnsupportedProtocol",
    "LocalProtocolError",
    "ProxyError",
}


def require() -> None:
    """Raise EnvironmentFault where the SDK is not installed."""
    if importlib.util.find_spec("openai") is None:
        words = "needs the openai SDK, which is not installed; pip install 'ffprep[openai]'"
        raise EnvironmentFault(f"ffprep submit {words}")


def module() -> Any:
    """The SDK, imported; it says of every method that one service has ended, and others have not."""
    import openai

    warnings.filterwarnings("ignore", "The Sora API", DeprecationWarning)
    return openai


def client(kind: str, access: Credentials, **options: Any) -> Any:
    """A client of the SDK, by its class, that sends each request once, and nowhere else.

    Its log, where OPENAI_LOG asks for one, goes through `hide`: it may have addresses in it. Raises EnvironmentFault.
    """
    openai = module()
    for handler in logging.getLogger().handlers:
        handler.addFilter(_Hidden(access.hide))
    try:
        return getattr(openai, kind)(
            api_key=access.key,
            base_url=access.base_url,
            max_retries=0,
            default_headers=dict(access.headers),
            **options,
        )
    except (ImportError, ValueError, OSError, openai.OpenAIError) as error:
        words = f"the client for {access.shown_url} cannot be made ({access.hide(reason(error)).rstrip('.')})"
        hint = "see HTTPS_PROXY, ALL_PROXY, SSL_CERT_FILE and OPENAI_* in the environment"
        raise EnvironmentFault(f"{words}; {hint}") from None


def unmoved(client: Any) -> Any:
    """The same client, which follows no redirect: it would send a picture again, or none."""
    return client.with_options(http_client=module().DefaultHttpxClient(follow_redirects=False))


class _Hidden(logging.Filter):
    def __init__(self, hide: Callable[[str], str]) -> None:
        super().__init__()
        self._hide = hide

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite every record, without its traceback; none is left out."""
        record.msg, record.args = self._hide(record.getMessage()), ()
        record.exc_info = record.exc_text = None
        return True


def patience(seconds: float) -> Any:
    """So long for an answer; a server that is there is reached sooner."""
    return module().Timeout(seconds, connect=min(seconds, _CONNECT))


@contextmanager
def answered() -> Iterator[None]:
    """The SDK's errors as ApiError, within which a request is made."""
    import openai

    try:
        yield
    except openai.APIStatusError as error:
        raise _refused(error) from None
    except openai.APIConnectionError as error:
        causes = list(_causes(error))
        names = {base.__name__ for cause in causes for base in type(cause).__mro__}
        late = isinstance(error, openai.APITimeoutError)
        words = str(causes[-1]) or type(causes[-1]).__name__
        nothing_sent = bool(names & _NOTHING_SENT)
        raise ApiError(words, late=late, nothing_sent=nothing_sent) from None
    except openai.APIError as error:  # an answer that the SDK makes nothing of
        raise ApiError(error.message, status=200) from None
    except UnicodeEncodeError as error:  # nothing was sent
        raise ApiError(f"cannot be sent: {error}", nothing_sent=True) from None
    except ValueError:  # JSON that is none
        raise ApiError("an empty answer, or none in JSON", status=200) from None


def _refused(error: "openai.APIStatusError") -> ApiError:
    body, code = error.body, ""
    if isinstance(body, dict):
        code = str(body.get("code") or body.get("type") or "")
        body = body.get("message") or body.get("detail") or body
    words = str(body if body is not None else error.response.text)
    header = error.response.headers.get("content-type", "")
    if "html" in header:
        words = "a page for people"
    headers = error.response.headers
    wait = seconds_in(headers, "retry-after-ms")
    wait = seconds_in(headers, "retry-after") if wait is None else wait
    if 300 <= error.status_code < 400:
        words = f"to {headers.get('location', 'nowhere')}"
    return ApiError(words, status=error.status_code, code=code, wait=wait)


def seconds_in(headers: Mapping[str, str], name: str, most: float = math.inf) -> float | None:
    """The time until then that a header tells: in seconds, in milliseconds, as its name says, or as a date."""
    said = headers.get(name, "")
    try:
        seconds = float(said) / (1000 if name.endswith("-ms") else 1)
    except ValueError:
        date = parsedate_tz(said)
        if date is None:
            return None
        seconds = max(mktime_tz(date) - time.time(), 0.0)
    return min(seconds, most) if seconds >= 0 else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what led to it, the first cause last."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
