"""S3, and what speaks its protocol."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, build_opener

from ffprep.errors import EnvironmentFault, Kind, PhotoError, reason
from ffprep.storage.aws_config import AwsConfig, aws_config
from ffprep.storage.aws_credentials import CredentialProvider, credential_provider
from ffprep.storage.errors import storage_errors
from ffprep.storage.objects import Clients, ObjectStorage, md5
from ffprep.storage.protocol import Object, Page, Place
from ffprep.storage.retries import Retries, in_thread
from ffprep.storage.s3_listing import Lister, names_below
from ffprep.system.files import FileStamp

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Store

_REGION = "us-east-1"
_MD5 = re.compile("[0-9a-f]{32}")
_REGIONS_ASKED = "https://s3.amazonaws.com"


@dataclass(slots=True)
class Etags:
    """What the downloads from a bucket have shown about its ETags of 32 hexadecimal digits.

    `matched`: one was the MD5 of its object. `opaque`: one was not, in two downloads of the same
    bytes. Some gateways have such ETags for all objects.
    """

    matched: bool = False
    opaque: bool = False


@dataclass(frozen=True, slots=True)
class S3Storage(ObjectStorage):
    """A bucket of S3, listed by `lister`."""

    lister: Lister | None = None
    etags: Etags = field(default_factory=Etags)

    def is_folder(self, place: Place) -> bool:
        """As Storage's."""
        lister = self._lister
        with storage_errors(os.fspath(place), top=True):
            key = self.key(place)
            found = self.retries(lambda: lister.page(f"{key}/" if key else "", most=1))
        return not key or bool(found.objects or found.prefixes)

    def list(self, folder: Place, top: bool = False) -> Iterator[Page]:
        """As Storage's; S3 sorts by itself."""
        lister, token = self._lister, ""
        while True:
            with storage_errors(os.fspath(folder), top):
                key = self.key(folder)
                prefix = f"{key}/" if key else ""
                part = self.retries(partial(lister.page, prefix, token))
            folders = [each[len(prefix) : -1] for each in part.prefixes]
            yield Page([*names_below(part.objects, prefix)], folders)
            token = part.token
            if not token:
                return

    def fetch(self, place: Place, path: Path, expected: FileStamp | None = None) -> Object:
        """As Storage's; an object whose ETag is its MD5 must have that MD5."""
        found = ObjectStorage.fetch(self, place, path, expected)
        etag = found.version.strip('"')
        if not _MD5.fullmatch(etag):
            return found
        first = md5(path)
        if self._accepts(etag, first) or self._is_encrypted(place):
            return found
        found = ObjectStorage.fetch(self, place, path, expected)
        second = md5(path)
        if self._accepts(found.version.strip('"'), second):
            return found
        if second != first or self.etags.matched:
            words = f"its bytes do not have the MD5 of its ETag {etag}; run again"
            raise PhotoError(Kind.IO, words)
        self.etags.opaque = True
        return found

    def _accepts(self, etag: str, digest: str) -> bool:
        if digest == etag:
            self.etags.matched = True
            return True
        return self.etags.opaque and not self.etags.matched

    def _is_encrypted(self, place: Place) -> bool:
        """Return whether the store says that an object's ETag is not an MD5."""
        lister = self._lister
        with storage_errors(os.fspath(place)):
            headers = self.retries(lambda: lister.head(self.key(place)))
        return headers.get("x-amz-server-side-encryption", "").startswith("aws:kms")

    @property
    def _lister(self) -> Lister:
        assert self.lister
        return self.lister


def s3_storage(root: str) -> S3Storage:
    """Return the storage of a bucket, by its URL. Raise EnvironmentFault."""
    bucket = root.partition("://")[2]
    config = aws_config()
    credentials = None if config.anonymous else in_thread(lambda: _credentials(config))
    region = config.region or _REGION
    if not config.endpoint and not region.startswith("cn-"):
        region = in_thread(lambda: bucket_region(bucket)) or region
    attempts = config.max_attempts
    return S3Storage(
        root,
        Clients(lambda options: _client(bucket, config, region, credentials, options)),
        Retries(attempts) if attempts else Retries(),
        attributes={"Storage-Class": config.storage_class} if config.storage_class else {},
        lister=Lister(
            config.url_of(bucket, region),
            region,
            credentials,
            config.requester_pays,
            config.ca_bundle,
        ),
    )


@lru_cache
def _providers(_process: int) -> dict[str, CredentialProvider]:
    return {}


def _credentials(config: AwsConfig) -> CredentialProvider:
    """Return one provider for all buckets of this process: a role may take a second to fetch."""
    providers = _providers(os.getpid())
    known = f"{config.profile_name} {config.key} {os.environ.get('AWS_ACCESS_KEY_ID', '')}"
    if known not in providers:
        providers[known] = credential_provider(config)
    return providers[known]


def bucket_region(bucket: str) -> str:
    """Return where AWS has a bucket, by an unsigned request; "" if AWS does not say."""
    request = Request(f"{_REGIONS_ASKED}/{bucket}", method="HEAD")
    try:
        with build_opener().open(request, timeout=5) as answer:
            return str(answer.headers.get("x-amz-bucket-region") or "")
    except HTTPError as error:  # access is denied, mostly
        with error:
            return str(error.headers.get("x-amz-bucket-region") or "")
    except (OSError, ValueError):
        return ""


def _client(
    bucket: str,
    config: AwsConfig,
    region: str,
    credentials: CredentialProvider | None,
    options: "ClientConfig",
) -> "S3Store":
    from obstore.store import S3Store

    url = config.url_of(bucket, region)
    settings: dict[str, Any] = {
        "aws_endpoint_url_s3": url if config.virtual_hosted else url.removesuffix(f"/{bucket}"),
        "virtual_hosted_style_request": config.virtual_hosted,
        "region": region,
        "skip_signature": config.anonymous,
        "request_payer": config.requester_pays,
        **config.encryption,
    }
    options = {**options, "allow_http": url.startswith("http://")}
    if config.ca_bundle:
        try:
            options["root_certificate"] = Path(config.ca_bundle).read_bytes()
        except OSError as error:
            words = f"cannot read the certificates in {config.ca_bundle}: {reason(error)}"
            raise EnvironmentFault(words) from None
    return S3Store(
        bucket,
        config=settings,  # type: ignore[arg-type]
        client_options=options,
        retry_config={"max_retries": 0},
        credential_provider=credentials,
    )
