"""Credentials for S3, in the order of the AWS tools.

The environment, web identity, the profile in `~/.aws`, the container's role, the machine's role.
obstore knows all but profiles. ffprep signs listings itself (`s3_listing.py`) and needs them too.
Requests that it sends itself follow no redirect, and their answers have a bounded length.
"""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Lock
from typing import IO, Any, NotRequired, TypedDict
from urllib.parse import urlencode, urlsplit
from urllib.request import (
    BaseHandler,
    HTTPRedirectHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from ffprep.errors import EnvironmentFault
from ffprep.record import Record, field
from ffprep.storage.settings import AwsConfig, truth
from ffprep.version import page

_MARGIN = timedelta(minutes=5)
"""How long before their end credentials are renewed."""
_OF_BOTO3 = ("credential_process", "sso_session", "sso_start_url", "role_arn", "login_session")
"""Keys of a profile whose credentials boto3 has to fetch."""
_OF_CONTAINERS = (
    "localhost",
    "127.0.0.1",
    "::1",
    "169.254.170.2",
    "169.254.170.23",
    "fd00:ec2::23",
)
_SECONDS = 2.0
_LONGEST = 16 << 20
"""Bytes of an answer. A listing of a thousand keys of 1,024 bytes, each encoded, has 4 MB."""


class Credentials(TypedDict):
    """What signs a request, as obstore has it."""

    access_key_id: str
    secret_access_key: str
    token: NotRequired[str | None]
    expires_at: datetime | None


Load = Callable[[], Credentials]


class CredentialProvider(Record, frozen=False):
    """Credentials that are loaded again before they expire. Safe to use from several threads."""

    load: Load
    _known: Credentials | None = None
    _lock: Any = field(default_factory=Lock)

    def __call__(self) -> Credentials:
        """Return credentials that are valid for a while."""
        with self._lock:
            if self._known is None or self._expires(self._known):
                self._known = self.load()
            return self._known

    def _expires(self, known: Credentials) -> bool:
        end = known["expires_at"]
        return end is not None and datetime.now(UTC) > end - _MARGIN


def credential_provider(config: AwsConfig) -> CredentialProvider:
    """Return where credentials come from, tried once. Raise EnvironmentFault if there are none."""
    provider = CredentialProvider(_loader(config))
    try:
        provider()
    except EnvironmentFault:
        raise
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise EnvironmentFault(f"cannot get credentials for S3: {words}") from None
    return provider


def _loader(config: AwsConfig) -> Load:
    env, profile = os.environ.get, config.profile
    if config.key and config.secret:
        return lambda: _fixed(config.key, config.secret, config.token)
    key, secret = env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY")
    if key and secret:
        token = env("AWS_SESSION_TOKEN") or env("AWS_SECURITY_TOKEN")
        return partial(_fixed, key, secret, token)
    token_file = env("AWS_WEB_IDENTITY_TOKEN_FILE") or profile.get("web_identity_token_file")
    role = env("AWS_ROLE_ARN") or profile.get("role_arn")
    if token_file and role:
        return lambda: _of_web_identity(config, role, token_file)
    if "aws_access_key_id" in profile and "role_arn" not in profile:
        return lambda: _fixed(
            profile["aws_access_key_id"],
            profile.get("aws_secret_access_key", ""),
            profile.get("aws_session_token"),
        )
    if needed := next((word for word in _OF_BOTO3 if word in profile), None):
        return _by_boto3(config.profile_name, needed)
    if env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") or env("AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        return _of_container
    if truth("AWS_EC2_METADATA_DISABLED"):
        raise EnvironmentFault(_NONE)
    return _of_machine


_NONE = (
    "there are no credentials for S3; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
    "AWS_PROFILE, or AWS_SKIP_SIGNATURE=true for a public bucket; "
    f"see {page('operations/storage#credentials')}"
)


def _fixed(key: str, secret: str, token: str | None) -> Credentials:
    return {
        "access_key_id": key,
        "secret_access_key": secret,
        "token": token or None,
        "expires_at": None,
    }


def _by_boto3(profile: str, needed: str) -> Load:
    try:
        from boto3 import Session
    except ImportError:
        words = f"the AWS profile {profile!r} has {needed}, which takes boto3; install it"
        raise EnvironmentFault(f"{words}: pip install boto3") from None
    from obstore.auth.boto3 import Boto3CredentialProvider

    provider = Boto3CredentialProvider(Session(profile_name=profile), ttl=timedelta(minutes=10))
    return lambda: Credentials(**provider())


def _of_web_identity(config: AwsConfig, role: str, token_file: str) -> Credentials:
    from defusedxml.ElementTree import fromstring

    endpoint = os.environ.get("AWS_ENDPOINT_URL_STS") or (
        f"https://sts.{config.region}.amazonaws.com"
        if config.region
        else "https://sts.amazonaws.com"
    )
    form = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": role,
        "RoleSessionName": os.environ.get("AWS_ROLE_SESSION_NAME") or f"ffprep-{os.getpid()}",
        "WebIdentityToken": Path(token_file).read_text().strip(),
    }
    request = Request(endpoint, urlencode(form).encode())
    with opener().open(request, timeout=30) as answer:
        tree = fromstring(read_answer(answer))
    found = {each.tag.rpartition("}")[2]: each.text or "" for each in tree.iter()}
    return _from_answer({**found, "Token": found["SessionToken"]})


def _of_container() -> Credentials:
    env = os.environ.get
    url = env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")
    if path := env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        url = f"http://169.254.170.2{path}"
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in _OF_CONTAINERS:
        words = "is neither https nor an address of this machine or its container agent"
        raise EnvironmentFault(f"AWS_CONTAINER_CREDENTIALS_FULL_URI: {words}")
    token = env("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    if file := env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
        token = Path(file).read_text().strip()
    headers = {"Authorization": token} if token else {}
    return _from_answer(json.loads(_ask(Request(url, headers=headers))))


def _of_machine() -> Credentials:
    """Ask the instance's metadata service, by its second version."""
    base = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or "http://169.254.169.254"
    base = base.rstrip("/") + "/latest"
    seconds = {"X-aws-ec2-metadata-token-ttl-seconds": "300"}
    try:
        token = _ask(Request(f"{base}/api/token", headers=seconds, method="PUT"))
        headers = {"X-aws-ec2-metadata-token": token}
        path = f"{base}/meta-data/iam/security-credentials/"
        role = _ask(Request(path, headers=headers)).split()[0]
        return _from_answer(json.loads(_ask(Request(path + role, headers=headers))))
    except (OSError, ValueError, IndexError):
        raise EnvironmentFault(_NONE) from None


class _NoRedirects(HTTPRedirectHandler):
    """A redirect would take signatures and tokens to another host."""

    def redirect_request(self, *_: Any) -> None:
        """Return None, so that the answer is an HTTPError."""


def opener(*handlers: BaseHandler) -> OpenerDirector:
    """Return an opener with these handlers, which follows no redirect."""
    return build_opener(_NoRedirects, *handlers)


def read_answer(answer: IO[bytes]) -> bytes:
    """Return an answer's body. Raise ConnectionError if it is longer than any of S3 is."""
    content = answer.read(_LONGEST + 1)
    if len(content) > _LONGEST:
        raise ConnectionError(f"an answer of more than {_LONGEST >> 20} MB")
    return content


def _ask(request: Request) -> str:
    # These addresses are of this machine: no proxy leads there.
    with opener(ProxyHandler({})).open(request, timeout=_SECONDS) as answer:
        return read_answer(answer).decode()


def _from_answer(found: dict[str, Any]) -> Credentials:
    made = _fixed(found["AccessKeyId"], found["SecretAccessKey"], found.get("Token"))
    made["expires_at"] = datetime.fromisoformat(found["Expiration"])
    return made
