"""What botocore does for S3: settings and credentials as the AWS tools read them, and listings.

obstore transfers the objects. Its `list_with_delimiter` returns a folder whole, it fails for a
folder with one key that has an empty part, `.` or `..`, and a slash at the beginning or end of a
key is lost.
"""

import os
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection
from botocore.parsers import ResponseParserError
from botocore.session import Session

from ffprep.errors import EnvironmentFault
from ffprep.record import Record, replace
from ffprep.storage.errors import HttpError
from ffprep.storage.protocol import Object, Page, stored_object
from ffprep.storage.settings import fsspec_settings
from ffprep.version import page

_AMAZON = (".amazonaws.com", ".amazonaws.com.cn")
_LIFE = timedelta(minutes=10)
"""How long obstore keeps credentials before it asks botocore again, which renews them."""
_OPENING = Lock()
"""A session makes one client at a time."""
_NO_CREDENTIALS = (
    "there are no credentials for S3; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
    "AWS_PROFILE, or AWS_SKIP_SIGNATURE=true for a public bucket; "
    f"see {page('operations/storage#credentials')}"
)
_HARMLESS = set(
    (
        "asynchronous cache_regions connect_timeout default_block_size default_cache_type "
        "default_fill_cache fixed_upload_size listings_expiry_time loop max_concurrency "
        "max_paths max_pool_connections parameter_validation read_timeout "
        "request_checksum_calculation response_checksum_validation skip_instance_cache "
        "tcp_keepalive use_listings_cache use_ssl user_agent_extra version_aware"
    ).split()
)
"""Settings of s3fs and botocore about how they read, cache and send requests."""
_HEADERS = {
    "ServerSideEncryption": "server_side_encryption",
    "SSEKMSKeyId": "sse_kms_key_id",
    "BucketKeyEnabled": "sse_bucket_key_enabled",
}
"""What s3fs calls headers, and how obstore's settings for them are called."""


class S3Settings(Record):
    """What fsspec's configuration says, and else the environment or the AWS profile.

    Without an `endpoint`, botocore looks for one in the environment and the profile.
    """

    session: Session
    endpoint: str | None
    anonymous: bool
    requester_pays: bool
    virtual_hosted: bool
    storage_class: str
    ca_bundle: str | None
    max_attempts: int | None
    compares_md5: bool
    encryption: Mapping[str, Any]


def s3_settings() -> S3Settings:
    """Read the settings. Raise EnvironmentFault for files that are broken, or a missing profile."""
    settings = fsspec_settings(("s3", "s3a"))
    more, client = settings.pop("s3_additional_kwargs", {}), settings.pop("client_kwargs", {})
    config = settings.pop("config_kwargs", {})
    key = _either(settings, "key", "username") or client.pop("aws_access_key_id", None)
    secret = _either(settings, "secret", "password") or client.pop("aws_secret_access_key", None)
    token = settings.pop("token", None) or client.pop("aws_session_token", None)
    session = _session(os.getpid(), settings.pop("profile", None))
    if key and secret:
        session.set_credentials(key, secret, token)
    of_aws = _aws_variables(session)
    region = client.pop("region_name", None) or os.environ.get("AWS_REGION") or of_aws["region"]
    session.set_config_variable("region", region or "us-east-1")  # roles are fetched there
    payers = (settings.pop("requester_pays", False), more.pop("RequestPayer", ""))
    style = (config.pop("s3", None) or of_aws["s3"] or {}).get("addressing_style")
    checksums = config.get("response_checksum_validation") or of_aws["response_checksum_validation"]
    result = S3Settings(
        session,
        endpoint=settings.pop("endpoint_url", None) or client.pop("endpoint_url", None),
        anonymous=bool(settings.pop("anon", False)) or _truth("AWS_SKIP_SIGNATURE"),
        requester_pays=any((*payers, _truth("AWS_REQUEST_PAYER"), _truth("AWS_REQUESTER_PAYS"))),
        virtual_hosted=style == "virtual" or _truth("AWS_VIRTUAL_HOSTED_STYLE_REQUEST"),
        storage_class=more.pop("StorageClass", ""),
        ca_bundle=_ca_bundle(client) or of_aws["ca_bundle"],
        max_attempts=config.pop("retries", {}).get("max_attempts") or of_aws["max_attempts"],
        compares_md5=checksums.lower() != "when_required",
        encryption={_HEADERS[word]: more.pop(word) for word in list(more) if word in _HEADERS},
    )
    _require_known({**settings, **more, **client}, config)
    return result


@lru_cache
def _session(_process: int, profile: str | None) -> Session:
    """Return one session for all buckets of this process: a role may take a second to fetch."""
    session = Session(profile=profile)
    # With its default, dateutil, the times take seven times as long as all else in a listing.
    parsers = session.get_component("response_parser_factory")
    parsers.set_parser_defaults(timestamp_parser=str)
    return session


def _aws_variables(session: Session) -> dict[str, Any]:
    names = ("region", "s3", "ca_bundle", "max_attempts", "response_checksum_validation")
    try:
        return {name: session.get_config_variable(name) for name in names}
    except (BotoCoreError, ValueError) as error:
        words = f"cannot read the settings of AWS: {error}"
        raise EnvironmentFault(f"{words}; see {page('operations/storage#settings')}") from None


def _truth(name: str) -> bool:
    """Return whether a variable of the environment says yes."""
    return os.environ.get(name, "").lower() in ("1", "true", "yes", "on", "requester")


def _either(settings: dict[str, Any], name: str, alias: str) -> Any:
    """Remove a setting that has two names in s3fs; return its value."""
    other = settings.pop(alias, None)
    return settings.pop(name, None) or other


def _require_known(settings: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    signature = {"signature_version"} if config.get("signature_version") == "s3v4" else set()
    for word in {*settings, *config} - _HARMLESS - signature:
        words = f"the setting {word!r} for s3 in fsspec's configuration is not supported"
        raise EnvironmentFault(f"{words}; remove it; see {page('operations/storage')}")


def _ca_bundle(client: dict[str, Any]) -> str:
    bundle = client.pop("verify", None)
    if bundle is False:
        words = "the setting verify = false for s3 in fsspec's configuration is not supported"
        raise EnvironmentFault(f"{words}; write the file with the server's certificates instead")
    return bundle if isinstance(bundle, str) else ""


def credential_provider(session: Session) -> Callable[[], dict[str, Any]]:
    """Return where obstore gets credentials, tried once. Raise EnvironmentFault without any."""

    def frozen() -> dict[str, Any]:
        found = credentials.get_frozen_credentials()
        return {
            "access_key_id": found.access_key,
            "secret_access_key": found.secret_key,
            "token": found.token,
            "expires_at": datetime.now(UTC) + _LIFE,
        }

    try:
        credentials = session.get_credentials()
        if credentials is not None:
            frozen()
            return frozen
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise EnvironmentFault(f"cannot get credentials for S3: {words}") from None
    raise EnvironmentFault(_NO_CREDENTIALS)


class Part(Page):
    """A page, in which objects that are not in the folder have no name, and how to go on."""

    token: str


class S3Client(Record):
    """botocore's client of one bucket, and the settings for obstore's."""

    client: Any
    bucket: str
    settings: S3Settings
    credentials: Any

    @property
    def region(self) -> str:
        """The region of the client."""
        return str(self.client.meta.region_name)

    @property
    def url(self) -> str:
        """The URL of the bucket, without a slash at its end."""
        url = self.client.generate_presigned_url("list_objects_v2", {"Bucket": self.bucket})
        return str(url).partition("?")[0].rstrip("/")

    def page(self, folder: str, token: str = "", most: int = 1000) -> Part:
        """Return a page of a folder. Raise as `_ask` does."""
        prefix = f"{folder}/" if folder else ""
        query = {"Prefix": prefix, "Delimiter": "/", "MaxKeys": most}
        if token:
            query["ContinuationToken"] = token
        answer = self._ask(self.client.list_objects_v2, query)
        following = answer.get("NextContinuationToken", "") if answer.get("IsTruncated") else ""
        if answer.get("IsTruncated") and following in ("", token):
            raise ConnectionError("the listing does not go on")
        folders = (each.get("Prefix", "") for each in answer.get("CommonPrefixes", ()))
        try:
            objects = [_object(each, prefix) for each in answer.get("Contents", ())]
        except (ValueError, OverflowError):
            raise ConnectionError("the answer is not a listing") from None
        names = [_name_below(each.removesuffix("/"), prefix) for each in folders]
        return Part(objects, names, following)

    def head(self, key: str) -> Mapping[str, str]:
        """Return the headers of an object, which obstore does not have. Raise as `_ask` does."""
        answer = self._ask(self.client.head_object, {"Key": key})
        return dict(answer["ResponseMetadata"]["HTTPHeaders"])

    def _ask(self, operation: Callable[..., Any], query: dict[str, Any]) -> dict[str, Any]:
        """Raise HttpError for a status that is not 2xx, ConnectionError if no answer is whole."""
        if self.settings.requester_pays:
            query["RequestPayer"] = "requester"
        try:
            answer: dict[str, Any] = operation(Bucket=self.bucket, **query)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            found = error.response["Error"]
            raise HttpError(status, found["Code"], found.get("Message", "")) from None
        except (NoConnection, HTTPClientError, ResponseParserError, ValueError) as error:
            raise ConnectionError(str(error)) from None
        return answer


def s3_client(bucket: str) -> S3Client:
    """Return the client of a bucket, in the region that AWS says. Raise EnvironmentFault."""
    with _OPENING:
        settings = s3_settings()
        credentials = None if settings.anonymous else credential_provider(settings.session)
        made = S3Client(_connect(settings), bucket, settings, credentials)
        if (urlsplit(made.url).hostname or "").endswith(_AMAZON):
            found = _region_of(bucket, made.client)
            if found not in ("", made.region):
                return replace(made, client=_connect(settings, found))
        return made


def _connect(settings: S3Settings, region: str | None = None) -> Any:
    style = "virtual" if settings.virtual_hosted else "path"
    return settings.session.create_client(
        "s3",
        region_name=region,
        endpoint_url=settings.endpoint,
        # obstore has the certificates of the system, too; botocore brings its own.
        verify=settings.ca_bundle or ssl.get_default_verify_paths().cafile,
        config=Config(
            connect_timeout=10,
            read_timeout=30,
            retries={"total_max_attempts": 1, "mode": "standard"},
            s3={"addressing_style": style, "use_accelerate_endpoint": False},
            signature_version=UNSIGNED if settings.anonymous else None,
        ),
    )


def _region_of(bucket: str, client: Any) -> str:
    """Return where AWS has a bucket; "" if AWS does not say."""
    try:
        answer = client.head_bucket(Bucket=bucket)
    except ClientError as error:  # access is denied, mostly
        answer = error.response
    except BotoCoreError:
        return ""
    return str(answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", ""))


def _object(found: Mapping[str, Any], prefix: str) -> Object:
    changed = found.get("LastModified")
    modified = datetime.fromisoformat(changed).timestamp() if changed else 0
    name = _name_below(found.get("Key", ""), prefix)
    return stored_object(name, found.get("Size", 0), found.get("ETag", ""), modified)


def _name_below(key: str, prefix: str) -> str:
    """Return the name of a key in the folder `prefix`; "" for a key that is not in it."""
    name = key.removeprefix(prefix)
    return "" if "/" in name or not key.startswith(prefix) else name
