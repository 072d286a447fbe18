"""ListObjectsV2, a page at a time, with keys exactly as they are.

obstore cannot do this: its `list_with_delimiter` returns a folder whole, it fails for a folder with
one key that has an empty part, `.` or `..`, and a slash at the beginning or end of a key is lost.
"""

import hashlib
import hmac
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, unquote_plus, urlsplit
from urllib.request import HTTPSHandler, OpenerDirector, Request

from defusedxml.ElementTree import fromstring

from ffprep.record import Record
from ffprep.storage.aws_credentials import (
    CredentialProvider,
    Credentials,
    opener,
    read_answer,
)
from ffprep.storage.errors import HttpError
from ffprep.storage.protocol import Object, Page, stored_object

_SECONDS = 30.0
_EMPTY = hashlib.sha256(b"").hexdigest()


class Part(Page):
    """A page, in which objects that are not in the folder have no name, and how to go on."""

    token: str


class Lister(Record):
    """Lists one bucket, at `url`. Without `credentials`, requests are not signed."""

    __slots__ = ("__dict__",)  # for cached_property

    url: str
    region: str
    credentials: CredentialProvider | None
    requester_pays: bool = False
    ca_bundle: str = ""

    def page(self, folder: str, token: str = "", most: int = 1000) -> Part:
        """Ask for a page of a folder. Raise HttpError, or OSError for the connection."""
        prefix = f"{folder}/" if folder else ""
        query = {
            "list-type": "2",
            "delimiter": "/",
            "encoding-type": "url",
            "max-keys": str(most),
            "prefix": prefix,
        }
        if token:
            query["continuation-token"] = token
        pairs = "&".join(f"{key}={_quoted(query[key])}" for key in sorted(query))
        part = _part(self._answer(f"{self.url}/?{pairs}")[0], prefix)
        if token and part.token == token:
            raise ConnectionError("the listing does not go on")
        return part

    def head(self, key: str) -> Mapping[str, str]:
        """Ask for the headers of an object, which obstore does not have. Raise as `page` does."""
        return self._answer(f"{self.url}/{quote(key, safe='/-_.~')}", "HEAD")[1]

    def _answer(self, url: str, method: str = "GET") -> tuple[bytes, Mapping[str, str]]:
        headers = {"x-amz-request-payer": "requester"} if self.requester_pays else {}
        if self.credentials:
            headers |= signed(url, headers, self.region, self.credentials(), method=method)
        request = Request(url, headers=headers, method=method)
        try:
            with self._opener.open(request, timeout=_SECONDS) as answer:
                return read_answer(answer), answer.headers
        except HTTPError as error:
            with error:
                body = read_answer(error).decode(errors="replace")
            raise HttpError(error.code, body) from None
        except HTTPException as error:
            raise ConnectionError(str(error) or type(error).__name__) from None

    @cached_property
    def _opener(self) -> OpenerDirector:
        if not self.url.startswith("https:"):
            return opener()
        return opener(HTTPSHandler(context=_context(self.ca_bundle)))


@lru_cache
def _context(ca_bundle: str) -> ssl.SSLContext:
    """Read the certificates of the system, which takes as long as ten listings, and `ca_bundle`."""
    context = ssl.create_default_context()
    if ca_bundle:
        context.load_verify_locations(ca_bundle)
    return context


def signed(
    url: str,
    headers: dict[str, str],
    region: str,
    credentials: Credentials,
    moment: datetime | None = None,
    method: str = "GET",
) -> dict[str, str]:
    """Return the headers that sign a request without a body (AWS Signature Version 4).

    The query of `url` is encoded and sorted already.
    """
    parts = urlsplit(url)
    time = (moment or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    more = {"host": parts.netloc, "x-amz-content-sha256": _EMPTY, "x-amz-date": time}
    if token := credentials.get("token"):
        more["x-amz-security-token"] = token
    every = {name.lower(): text for name, text in (headers | more).items()}
    names = ";".join(sorted(every))
    lines = "".join(f"{name}:{every[name]}\n" for name in sorted(every))
    canonical = f"{method}\n{parts.path}\n{parts.query}\n{lines}\n{names}\n{_EMPTY}"
    scope = f"{time[:8]}/{region}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{credentials['secret_access_key']}".encode()
    for word in scope.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    text = f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}"
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    scoped = f"Credential={credentials['access_key_id']}/{scope}"
    more["Authorization"] = (
        f"AWS4-HMAC-SHA256 {scoped}, SignedHeaders={names}, Signature={signature}"
    )
    del more["host"]
    return more


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


def _part(content: bytes, prefix: str) -> Part:
    try:
        tree = fromstring(content)
    except SyntaxError:
        raise ConnectionError("the answer is not a listing") from None
    space = tree.tag.partition("}")[0] + "}" if tree.tag.startswith("{") else ""
    try:
        objects = [_object(each, space, prefix) for each in tree.iter(f"{space}Contents")]
    except (ValueError, OverflowError):
        raise ConnectionError("the answer is not a listing") from None
    folders = [
        _name_below((each.findtext(f"{space}Prefix") or "").removesuffix("/"), prefix)
        for each in tree.iter(f"{space}CommonPrefixes")
    ]
    more = tree.findtext(f"{space}IsTruncated") == "true"
    token = tree.findtext(f"{space}NextContinuationToken") or ""
    if more and not token:
        raise ConnectionError("the answer is a part of a listing, without a way to go on")
    return Part(objects, folders, token if more else "")


def _object(contents: Any, space: str, prefix: str) -> Object:
    def text(name: str) -> str:
        return contents.findtext(f"{space}{name}") or ""

    name, changed = _name_below(text("Key"), prefix), text("LastModified")
    modified = datetime.fromisoformat(changed).timestamp() if changed else 0
    return stored_object(name, int(text("Size") or 0), text("ETag"), modified)


def _name_below(quoted: str, prefix: str) -> str:
    """Return the name of a key in the folder `prefix`; "" for a key that is not in it."""
    key = unquote_plus(quoted)
    name = key.removeprefix(prefix)
    return "" if "/" in name or not key.startswith(prefix) else name
