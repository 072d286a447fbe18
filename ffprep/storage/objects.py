"""Objects in stores, through fsspec: listed, fetched, put; and what goes wrong with them, as kinds.

fsspec, and what it takes for a scheme, is imported when the first URL is met. Credentials and addresses are its own
affair, and the store's: none passes through here.
"""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ffprep.errors import EnvironmentFault, FfprepError, Kind, PhotoError, UsageError
from ffprep.system.files import FileStamp
from ffprep.system.tempfiles import temporary_name

_WRONG_CREDENTIALS = {
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "NoCredentialsError",
    "PartialCredentialsError",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "UnauthorizedSSOTokenError",
}
_VERSIONS = ("ETag", "etag", "e_tag", "md5Hash", "content_md5", "checksum", "generation")
"""How filesystems call what tells one content of an object from another."""
_PRECEDED = ("PreconditionFailed", "ConditionalRequestConflict")
UNGUARDED = (
    "this store knows no conditional PUTs (If-None-Match, If-Match), so nothing would keep two runs apart; "
    "convert to a disk and copy from there, or update the store"
)
_S3 = ("s3", "s3a")
_WHOLE = ("gs", "gcs", "az", "abfs", "abfss", "adl", "memory")
_TIMES = ("LastModified", "last_modified", "mtime", "modified", "updated", "created")


@dataclass(frozen=True, slots=True)
class Object:
    """What a listing tells of an object. `modified` is in nanoseconds since the epoch, 0 where nobody knows.

    The FileStamp's own `modified` is a number made of the version that the store gives a content, its ETag: two
    of them can only be equal or not.
    """

    name: str
    stamp: FileStamp
    modified: int = 0
    version: str = ""

    @classmethod
    def of(cls, info: dict[str, Any]) -> "Object":
        """What fsspec tells of it."""
        version = next((str(info[key]) for key in _VERSIONS if info.get(key)), "").strip('"')
        modified = next((_nanoseconds(info[key]) for key in _TIMES if info.get(key)), 0)
        name = str(info["name"]).rstrip("/").rpartition("/")[2]
        stamp = stamp_of(int(info.get("size") or 0), version, modified)
        return cls(name, stamp, modified, version)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a folder: its objects, and the names of the folders in it."""

    objects: list[Object]
    folders: list[str]


def stamp_of(size: int, version: str, modified: int = 0) -> FileStamp:
    """The FileStamp of an object of so many bytes."""
    if version:
        digest = hashlib.blake2b(version.encode(), digest_size=8).digest()
        modified = int.from_bytes(digest, signed=True)
    return FileStamp(0, 0, size, modified)


def _nanoseconds(moment: Any) -> int:
    """Of a time as filesystems tell it, to the microsecond: in listings it may be a float."""
    if hasattr(moment, "timestamp"):
        moment = moment.timestamp()
    return round(moment * 10**6) * 1000 if isinstance(moment, int | float) else 0


@dataclass(frozen=True, slots=True)
class Store:
    """A bucket, or a host, through its fsspec filesystem. Safe to use from several threads.

    With `whole`, what is put is seen when it is complete, and not before; else it is moved to its name.
    All but `storage_error_from` raises FfprepError as that says.
    """

    fs: Any
    whole: bool = False

    def path(self, url: str) -> str:
        """What the filesystem calls an object."""
        return str(self.fs._strip_protocol(url))

    def is_folder(self, url: str) -> bool:
        """Whether anything is below."""
        with storage_errors(url, all_of_it=True):
            return bool(self.fs.isdir(self.path(url)))

    def pages(self, folder: str, all_of_it: bool = False) -> Iterator[Page]:
        """What is in a folder, by name, a part at a time; nothing where there is no such folder."""
        with storage_errors(folder, all_of_it):
            try:
                infos = self.fs.ls(self.path(folder), detail=True)
            except FileNotFoundError:
                return
        own = self.path(folder).strip("/")
        infos = [info for info in infos if str(info["name"]).strip("/") != own]
        objects = [Object.of(info) for info in infos if info["type"] != "directory"]
        folders = [
            str(info["name"]).rstrip("/").rpartition("/")[2]
            for info in infos
            if info["type"] == "directory"
        ]
        yield Page(sorted(objects, key=lambda each: each.name), sorted(folders))

    def look(self, url: str) -> Object:
        """One object, asked for by itself."""
        with storage_errors(url):
            return Object.of(self.fs.info(self.path(url)))

    def fetch(self, url: str, path: Path) -> None:
        """Write an object's bytes to a file."""
        with storage_errors(url, of_a_file=path):
            self.fs.get_file(self.path(url), os.fspath(path))

    def read(self, url: str, most: int | None = None) -> bytes:
        """The bytes of a small one, or as many as `most` of any."""
        with storage_errors(url):
            return bytes(self.fs.cat_file(self.path(url), end=most))

    def put(self, path: Path, url: str) -> FileStamp:
        """Have a file's bytes under this name, all of them or none; the new object's FileStamp.

        Where a store shows what is not yet complete, it has another name until then.
        """
        target = self.path(url)
        at_first = target if self.whole else f"{target.rpartition('/')[0]}/{temporary_name()}"
        with storage_errors(url):
            self._make_folder(target)
            try:
                self.fs.put_file(os.fspath(path), at_first)
                if at_first != target:
                    self.fs.mv(at_first, target)
            except BaseException:
                self._forget(at_first, target)
                raise
        made = self.look(url)
        if made.stamp.bytes != path.stat().st_size:
            raise PhotoError(Kind.IO, f"only a part of it is in {url}; run again")
        return made.stamp

    def create(self, url: str, data: bytes) -> bool:
        """Write a new object; False where there is one of this name."""
        with storage_errors(url, all_of_it=True):
            path = self.path(url)
            self._make_folder(path)
            try:
                self.fs.pipe_file(path, data, mode="create")
            except FileExistsError:
                return False
            except OSError as error:
                if _code(error) not in _PRECEDED:
                    raise
                return False
        return True

    def guards(self, url: str, data: bytes) -> bool:
        """Whether an object that is there is kept, when somebody takes it for missing."""
        return not self.create(url, data)

    def replace(self, path: Path, url: str, before: Object | None) -> Object | None:
        """As `put`, but only over the version that was there `before`; None where another one is."""
        if self.glance(url) != before:
            return None
        self.put(path, url)
        return self.look(url)

    def glance(self, url: str) -> Object | None:
        """The object, or None where there is none."""
        try:
            return self.look(url)
        except PhotoError as error:
            if error.kind is Kind.MISSING:
                return None
            raise

    def remove(self, url: str) -> None:
        """Take an object away."""
        with storage_errors(url):
            self.fs.rm_file(self.path(url))

    def _make_folder(self, target: str) -> None:
        # Where folders are but a part of names, this might make a bucket of a typing error.
        if not self.whole:
            self.fs.makedirs(target.rpartition("/")[0], exist_ok=True)

    def _forget(self, temporary: str, target: str) -> None:
        # Where it was never there, or the connection is gone, nothing can be done.
        if temporary != target:
            with suppress(Exception):
                self.fs.rm_file(temporary)


class S3Store(Store):
    """S3, where a put is whole or not at all, and tells the ETag; listings are read a page at a time."""

    __slots__ = ()

    def is_folder(self, url: str) -> bool:
        """As a Store's."""
        bucket, _, key = self.path(url).partition("/")
        with storage_errors(url, all_of_it=True):
            answer = self.fs.call_s3(
                "list_objects_v2", Bucket=bucket, Prefix=f"{key}/" if key else "", MaxKeys=1
            )
        return not key or bool(answer.get("Contents"))

    def pages(self, folder: str, all_of_it: bool = False) -> Iterator[Page]:
        """As a Store's; S3 sorts by itself."""
        bucket, _, key = self.path(folder).partition("/")
        prefix, more = f"{key}/" if key else "", dict[str, str]()
        while True:
            with storage_errors(folder, all_of_it):
                answer = self.fs.call_s3(
                    "list_objects_v2", Bucket=bucket, Prefix=prefix, Delimiter="/", **more
                )
            found = [
                Object.of({"name": one["Key"], "size": one["Size"]} | one)
                for one in answer.get("Contents", ())
                if not one["Key"].endswith("/")
            ]
            folders = [one["Prefix"][len(prefix) : -1] for one in answer.get("CommonPrefixes", ())]
            yield Page(found, folders)
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    def put(self, path: Path, url: str) -> FileStamp:
        """As a Store's."""
        return self._put(path.read_bytes(), url).stamp

    def create(self, url: str, data: bytes) -> bool:
        """As a Store's; S3 itself looks whether there is one."""
        try:
            self._put(data, url, IfNoneMatch="*")
        except _Preceded:
            return False
        return True

    def guards(self, url: str, data: bytes) -> bool:
        """As a Store's; that it compares versions, too."""
        try:
            self._put(data, url, IfMatch="0" * 32)
        except _Preceded:
            return super().guards(url, data)
        return False

    def replace(self, path: Path, url: str, before: Object | None) -> Object | None:
        """As a Store's; S3 itself compares."""
        condition = {"IfMatch": before.version} if before else {"IfNoneMatch": "*"}
        try:
            return self._put(path.read_bytes(), url, **condition)
        except _Preceded:
            # A put whose answer was lost is tried again, and then comes upon itself.
            found = self.glance(url)
            return found if found and found.version == md5(path) else None

    def _put(self, data: bytes, url: str, **condition: str) -> Object:
        """In one request, of 5 GB at most: of what goes in parts, few stores heed the condition."""
        from mimetypes import guess_type

        bucket, _, key = self.path(url).partition("/")
        kind = guess_type(url)[0]
        words = condition | ({"ContentType": kind} if kind else {})
        with storage_errors(url):
            answer = self.fs.call_s3("put_object", Bucket=bucket, Key=key, Body=data, **words)
        version = str(answer.get("ETag", "")).strip('"')
        return Object(url.rpartition("/")[2], stamp_of(len(data), version), 0, version)


def _split(path: str) -> tuple[str, str, None]:
    """A path of S3 as bucket and key; s3fs's own way takes the end of a key for a version (`?versionId=`)."""
    bucket, _, key = path.partition("/")
    return bucket, key, None


def md5(path: Path) -> str:
    """The MD5 of a file, which is the ETag of most objects in S3."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


class _Preceded(PhotoError):
    """Somebody else has written it meanwhile."""


def store(url: str) -> Store:
    """The store of a URL. Raises UsageError, EnvironmentFault."""
    scheme, _, rest = url.partition("://")
    return _store(scheme, rest.partition("/")[0], os.getpid())


@lru_cache
def _store(scheme: str, host: str, _process: int) -> Store:
    """One a process: what has sockets and a thread is not to be carried into a forked one."""
    place = f"{scheme}://{host}"
    try:
        from fsspec import get_filesystem_class

        kind = get_filesystem_class(scheme)
        options = kind._get_kwargs_from_urls(f"{place}/")
        fs = kind(**options, use_listings_cache=False, skip_instance_cache=True)
    except ImportError as error:
        extra = "'ffprep[s3]'" if scheme in _S3 else "fsspec and what it needs for it"
        words = f"{scheme}:// takes a package more; install it: pip install {extra}"
        raise EnvironmentFault(f"{place}: {words} ({_line(error)})") from None
    except ValueError as error:
        if "rotocol not known" not in str(error):
            raise EnvironmentFault(f"{place}: {_line(error)}") from None
        words = f"nobody knows {scheme}://; a local file of this name is ./{scheme}:/..."
        raise UsageError(f"{place}: {words}") from None
    except FfprepError:
        raise
    except Exception as error:
        raise storage_error_from(place, error, all_of_it=True) from None
    if scheme not in _S3:
        return Store(fs, scheme in _WHOLE)
    fs.split_path = _split
    return S3Store(fs, True)


@contextmanager
def storage_errors(
    url: str, all_of_it: bool = False, of_a_file: Path | None = None
) -> Iterator[None]:
    """What goes wrong with an object, in ffprep's words; as EnvironmentFault what is wrong with `all_of_it`."""
    try:
        yield
    except FfprepError:
        raise
    except Exception as error:
        if of_a_file and getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            words = f"no space left in {of_a_file.parent}; make room, or set TMPDIR, and run again"
            raise EnvironmentFault(words) from None
        raise storage_error_from(url, error, all_of_it) from None


def storage_error_from(url: str, error: Exception, all_of_it: bool = False) -> FfprepError:
    """What an exception of fsspec, or of a store's own library, means."""
    code = _code(error)
    if code in _WRONG_CREDENTIALS:
        words = f"the store does not take the credentials ({code})"
        return EnvironmentFault(
            f"{url}: {words}; see docs/operations/storage.md for where they come from"
        )
    if code == "NoSuchBucket":
        return EnvironmentFault(f"{url}: there is no such bucket; check its name and the endpoint")
    if code in _PRECEDED:
        return _Preceded(Kind.IO, f"{url} was changed by somebody else meanwhile")
    if code == "NotImplemented":  # of all that is asked, only conditions are not known everywhere
        return PhotoError(Kind.IO, UNGUARDED)
    kind = Kind.IO
    if isinstance(error, FileNotFoundError):
        kind, words = Kind.MISSING, "there is no such object (any more)"
    elif isinstance(error, PermissionError):
        words = "access denied; check the rights that the credentials give"
    elif getattr(error, "errno", None) == errno.EBUSY:
        words = f"the store is too busy, after several tries ({_line(error)}); run again"
    elif isinstance(error, TimeoutError | ConnectionError) or _is_of_the_line(error):
        words = f"the connection failed, after several tries ({_line(error)}); run again"
    else:
        words = f"the store refused ({_line(error)})"
    return EnvironmentFault(f"{url}: {words}") if all_of_it else PhotoError(kind, words)


def _code(error: BaseException) -> str:
    """S3's word for it, or the name of an exception that has none."""
    for each in (error, error.__cause__):
        response = getattr(each, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return type(error).__name__


def _is_of_the_line(error: Exception) -> bool:
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"HTTPClientError", "ClientError", "ConnectionError", "IncompleteRead"})


def _line(error: BaseException) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:200]
