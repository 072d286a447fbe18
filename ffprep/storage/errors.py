"""What the errors of obstore, fsspec and S3 mean, as ffprep's own errors."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ffprep.errors import EnvironmentFault, FfprepError, Kind, PhotoError
from ffprep.version import page

NO_CONDITIONS = (
    "this store does not support conditional PUTs (If-None-Match, If-Match), so two runs could "
    "write the same output; convert to a disk and copy from there, or update the store"
)
_WRONG_CREDENTIALS = {
    "AuthFailure",
    "AuthenticationFailed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidAuthenticationInfo",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
}
_NO_BUCKET = {"NoSuchBucket", "ContainerNotFound"}
_PRECONDITIONS = {
    "PreconditionFailed",
    "ConditionalRequestConflict",
    "ConditionNotMet",
    "BlobAlreadyExists",
    "PreconditionError",
    "AlreadyExistsError",
}
_NOT_SUPPORTED = {"NotImplemented", "501", "NotImplementedError", "NotSupportedError"}
NO_LISTING = _NOT_SUPPORTED | {"404", "405", "MethodNotAllowed"}
"""Answers of web servers that have no folders."""
_DENIED = {"PermissionDeniedError", "UnauthenticatedError", "AccessDenied", "401", "403"}
_BUSY = {"429", "503", "SlowDown", "ServerBusy"}
_CODE = re.compile(r"<Code>(\w+)</Code>")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
_STATUS = re.compile(r"status code: (\d{3})")
_SYSTEM = re.compile(r'message: "([^"]*)"')
_CAUSE = re.compile(r"source: (\w+)[,\s]")


class Preceded(PhotoError):
    """Another process has written the object meanwhile."""


class HttpError(Exception):
    """A status that is not 2xx, of a request that obstore does not send."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"status code: {status} <Code>{code}</Code><Message>{message}</Message>")


@contextmanager
def storage_errors(
    url: str, top: bool = False, to: Path | None = None, conditional: bool = False
) -> Iterator[None]:
    """Raise what goes wrong with an object as ffprep's errors; with `top`, as EnvironmentFault.

    `to` is the file that is being written. A `conditional` request is not supported everywhere.
    """
    try:
        yield
    except FfprepError:
        raise
    except Exception as error:
        if to and getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            words = f"no space left in {to.parent}; make room, or set TMPDIR, and run again"
            raise EnvironmentFault(words) from None
        if conditional and code_of(error) in _NOT_SUPPORTED:
            raise PhotoError(Kind.IO, NO_CONDITIONS) from None
        raise storage_error_from(url, error, top) from None


def storage_error_from(url: str, error: Exception, top: bool = False) -> FfprepError:
    """Return what an exception means."""
    code = code_of(error)
    if code in _WRONG_CREDENTIALS:
        words = f"the store rejects the credentials ({code})"
        return EnvironmentFault(f"{url}: {words}; see {page('operations/storage#credentials')}")
    if code in _NO_BUCKET:
        return EnvironmentFault(f"{url}: there is no such bucket; check its name and the endpoint")
    if code in _PRECONDITIONS:
        return Preceded(Kind.IO, f"{url} was changed by another program meanwhile")
    if code in ("404", "FileNotFoundError", "NoSuchKey", "BlobNotFound"):
        missing = PhotoError(Kind.MISSING, "there is no such object (any more)")
        return EnvironmentFault(f"{url}: {missing}") if top else missing
    words = _sentence(code, error)
    return EnvironmentFault(f"{url}: {words}") if top else PhotoError(Kind.IO, words)


def _sentence(code: str, error: Exception) -> str:
    if isinstance(error, PermissionError) or code in _DENIED:
        return "access denied; check the permissions of the credentials"
    if code in _BUSY or getattr(error, "errno", None) == errno.EBUSY:
        return f"the store is too busy, after several tries ({_line(error)}); run again"
    if type(error).__name__ in ("ValueError", "InvalidPathError"):
        words = "keys with an empty part, or a part . or .., are not supported"
        return f"{words}; copy the object to another key"
    if is_of_connection(error):
        return f"the connection failed, after several tries ({_line(error)}); run again"
    return f"the store refused ({_line(error)})"


def code_of(error: BaseException) -> str:
    """Return S3's word for an error, or the HTTP status, or the name of the exception."""
    text = str(error)
    for pattern in (_CODE, _STATUS):
        if match := pattern.search(text):
            return match[1]
    return type(error).__name__


def is_transient(error: Exception) -> bool:
    """Return whether the same request may succeed a little later."""
    status = _STATUS.search(str(error))
    if status:
        return status[1] in ("408", "429") or (status[1][0] == "5" and status[1] != "501")
    return is_of_connection(error)


def is_of_connection(error: Exception) -> bool:
    """Return whether there was no complete answer."""
    if _STATUS.search(str(error)) or isinstance(error, FileNotFoundError | PermissionError):
        return False
    name = type(error).__name__
    if name == "GenericError":
        return "HTTP error" in str(error) or "HttpError" in str(error)
    return isinstance(error, TimeoutError | ConnectionError) or name in (
        "SSHException",
        "EOFError",
    )


def _line(error: Exception) -> str:
    """Return a short text without what obstore says for debugging."""
    text = str(error)
    code, message = _CODE.search(text), _MESSAGE.search(text)
    if code:
        return f"{code[1]}: {message[1]}" if message else code[1]
    if system := _SYSTEM.search(text):
        return system[1]
    if is_of_connection(error) and (causes := _CAUSE.findall(text)):
        return str(causes[-1])
    text = text.partition("\n\nDebug source")[0] or type(error).__name__
    return " ".join(text.split())[:200]
