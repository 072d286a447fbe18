"""S3, and what speaks its protocol."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, build_opener

from ffprep.errors import EnvironmentFault, reason
from ffprep.storage.aws_config import AwsConfig, aws_config
from ffprep.storage.aws_credentials import CredentialProvider, credential_provider
from ffprep.storage.errors import storage_errors
from ffprep.storage.objects import Clients, ObjectStorage
from ffprep.storage.protocol import Page, Place
from ffprep.storage.retries import Retries, in_thread
from ffprep.storage.s3_listing import Lister, names_below

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Store

_REGION = "us-east-1"
_REGIONS_ASKED = "https://s3.amazonaws.com"


@dataclass(frozen=True, slots=True)
class S3Storage(ObjectStorage):
    """A bucket of S3, listed by `lister`."""

    lister: Lister | None = None

    def is_folder(self, place: Place) -> bool:
        """As Storage's."""
        key, lister = self.key(place), self._lister
        with storage_errors(os.fspath(place), top=True):
            found = self.retries(lambda: lister.page(f"{key}/" if key else "", most=1))
        return not key or bool(found.objects or found.prefixes)

    def list(self, folder: Place, top: bool = False) -> Iterator[Page]:
        """As Storage's; S3 sorts by itself."""
        key, lister, token = self.key(folder), self._lister, ""
        prefix = f"{key}/" if key else ""
        while True:
            with storage_errors(os.fspath(folder), top):
                part = self.retries(lambda token=token: lister.page(prefix, token))  # type: ignore[misc]
            folders = [each[len(prefix) : -1] for each in part.prefixes]
            yield Page([*names_below(part.objects, prefix)], folders)
            token = part.token
            if not token:
                return

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
