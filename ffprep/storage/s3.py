"""S3, and what speaks its protocol."""

import hashlib
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from obstore.store import S3Store

from ffprep.errors import EnvironmentFault, Kind, PhotoError, reason
from ffprep.record import Record, field, replace
from ffprep.storage.objects import Clients, ObjectStorage, md5_of
from ffprep.storage.protocol import Object, Page, Place
from ffprep.storage.retries import Retries, in_thread
from ffprep.storage.s3_client import S3Client, s3_client
from ffprep.system.files import FileStamp

Answer = TypeVar("Answer")

_MD5 = re.compile("[0-9a-f]{32}")
_NOT_STORED = "the store has other bytes than were sent, by its ETag; run again"


class Etags(Record, frozen=False):
    """What is known about the ETags of 32 hexadecimal digits of a bucket.

    `compared` is false if the user says that they are not MD5s. `matched`: one was the MD5 of its
    object, so that does not hold. `encrypted`: an upload got another one, because of KMS.
    """

    compared: bool = True
    matched: bool = False
    encrypted: bool = False

    def accept(self, etag: str, digest: str) -> bool:
        """Return whether an object with this ETag may have bytes with this MD5."""
        etag = etag.strip('"').lower()
        if not _MD5.fullmatch(etag):
            return True
        self.matched |= etag == digest
        return etag == digest


class S3Clients(Clients):
    """The clients of a bucket of S3. What obstore cannot do is asked of `lister`."""

    lister: S3Client


class S3Storage(ObjectStorage):
    """A bucket of S3."""

    clients: S3Clients
    etags: Etags = field(default_factory=Etags)

    def is_folder(self, place: Place) -> bool:
        """As Storage's."""
        found = self._ask(place, lambda key: self.clients.lister.page(key, most=1), top=True)
        return not self.key(place) or bool(found.objects or found.folders)

    def list(self, folder: Place, top: bool = False) -> Iterator[Page]:
        """As Storage's; S3 sorts by itself."""
        token = ""
        while True:
            part = self._ask(folder, partial(self.clients.lister.page, token=token), top)
            yield Page([each for each in part.objects if each.name], part.folders)
            token = part.token
            if not token:
                return

    def fetch(self, place: Place, path: Path, expected: FileStamp | None = None) -> Object:
        """As Storage's; an object whose ETag is its MD5 must have that MD5."""

        def transfer() -> tuple[Object, Object, str]:
            found = ObjectStorage.fetch(self, place, path, expected)
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
            return found, found, digest.hexdigest()

        return self._compared(place, transfer)

    def read(self, place: Place, most: int | None = None) -> bytes:
        """As Storage's; all of an object is compared as `fetch` does."""

        def transfer() -> tuple[bytes, Object, str]:
            data, found = self._read(place, most)
            whole = len(data) == found.stamp.bytes
            return data, found if whole else replace(found, version=""), md5_of(data)

        return self._compared(place, transfer)

    def _compared(self, place: Place, transfer: Callable[[], tuple[Answer, Object, str]]) -> Answer:
        """Return the answer of a transfer, which is repeated once if it has another MD5."""
        answer, found, first = transfer()
        if self.etags.accept(found.version, first) or self._is_encrypted(place):
            return answer
        answer, found, second = transfer()
        if self.etags.accept(found.version, second):
            return answer
        if first == second and not (self.etags.compared or self.etags.matched):
            return answer
        etag = found.version.strip('"')
        words = f"its bytes do not have the MD5 of its ETag {etag}, twice; run again"
        hint = "if ETags of this store are not MD5s, set"
        raise PhotoError(Kind.IO, f"{words}; {hint} AWS_RESPONSE_CHECKSUM_VALIDATION=when_required")

    def put(self, path: Path, place: Place) -> FileStamp:
        """As Storage's; what the store has must have the MD5 of what was sent."""
        data = path.read_bytes()
        for _ in range(2):
            made = self._put(data, place, "overwrite")
            if self._is_stored(made, data, place):
                return made.stamp
        self.remove(place)
        raise PhotoError(Kind.IO, _NOT_STORED)

    def replace(self, path: Path, place: Place, before: Object | None) -> Object | None:
        """As Storage's, and as `put`; what the store has instead is replaced."""
        for _ in range(2):
            made = ObjectStorage.replace(self, path, place, before)
            if made is None or self._is_stored(made, path.read_bytes(), place):
                return made
            before = made
        raise PhotoError(Kind.IO, _NOT_STORED)

    def _is_stored(self, made: Object, data: bytes, place: Place) -> bool:
        etags = self.etags
        if etags.encrypted or etags.accept(made.version, md5_of(data)):
            return True
        etags.encrypted = self._is_encrypted(place)
        return etags.encrypted or not (etags.compared or etags.matched)

    def _is_encrypted(self, place: Place) -> bool:
        """Return whether the store says that an object's ETag is not an MD5."""
        headers = self._ask(place, self.clients.lister.head)
        by_customer = "x-amz-server-side-encryption-customer-algorithm" in headers
        return by_customer or headers.get("x-amz-server-side-encryption", "").startswith("aws:kms")


def s3_storage(root: str) -> S3Storage:
    """Return the storage of a bucket, by its URL. Raise EnvironmentFault."""
    client = in_thread(lambda: s3_client(root.partition("://")[2]))
    settings = client.settings
    attempts, storage_class = settings.max_attempts, settings.storage_class
    return S3Storage(
        Retries(attempts) if attempts else Retries(),
        root,
        _clients(client),
        attributes={"Storage-Class": storage_class} if storage_class else {},
        etags=Etags(settings.compares_md5),
    )


def _clients(client: S3Client) -> S3Clients:
    settings, url = client.settings, client.url
    endpoint = url if settings.virtual_hosted else url.removesuffix(f"/{client.bucket}")
    config: dict[str, Any] = {
        "aws_endpoint_url_s3": endpoint,
        "virtual_hosted_style_request": settings.virtual_hosted,
        "region": client.region,
        "skip_signature": settings.anonymous,
        "request_payer": settings.requester_pays,
        **settings.encryption,
    }
    options: dict[str, Any] = {"allow_http": url.startswith("http://")}
    if settings.ca_bundle:
        try:
            options["root_certificate"] = Path(settings.ca_bundle).read_bytes()
        except OSError as error:
            words = f"cannot read the certificates in {settings.ca_bundle}: {reason(error)}"
            raise EnvironmentFault(words) from None
    connect = partial(S3Store, client.bucket, credential_provider=client.credentials)
    return S3Clients(partial(connect, config=cast("Any", config)), options, client)
