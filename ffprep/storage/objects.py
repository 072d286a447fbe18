"""Objects in stores, by obstore: Google Cloud Storage, Azure, HTTP, memory; `s3.py` adds to it."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from mimetypes import guess_type
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ffprep.core.shard import Shard
from ffprep.errors import Kind, PhotoError
from ffprep.record import Record, field
from ffprep.storage.errors import NO_LISTING, Preceded, code_of, storage_errors
from ffprep.storage.protocol import Object, Page, Place, Stopped, never, stored_object
from ffprep.storage.retries import Retries
from ffprep.system.files import FileStamp, changed

if TYPE_CHECKING:
    from obstore.store import ObjectStore

    from ffprep.storage.object_lock import LockableStorage

Answer = TypeVar("Answer")

_LARGE = 16 << 20
"""Bytes from which on an upload may take hours."""
_NO_VERSION = "0" * 32


class Clients(Record):
    """obstore's clients of one bucket, which differ in their timeouts.

    obstore's read timeout runs while a body is sent, too; so uploads have a timeout for all of it.
    Requests are repeated by `Retries`, not by obstore.
    """

    __slots__ = ("__dict__",)  # for cached_property

    connect: "Callable[..., ObjectStore]"
    options: Mapping[str, Any]

    def _client(self, **timeouts: str) -> "ObjectStore":
        options = {**self.options, "connect_timeout": "10s", **timeouts}
        return self.connect(client_options=options, retry_config={"max_retries": 0})

    @cached_property
    def reader(self) -> "ObjectStore":
        """For all but uploads."""
        return self._client(read_timeout="30s", timeout="6h")

    @cached_property
    def writer(self) -> "ObjectStore":
        """For uploads of usual size."""
        return self._client(timeout="2m")

    @cached_property
    def large_writer(self) -> "ObjectStore":
        """For large uploads."""
        return self._client(timeout="6h")


class RemoteStorage(Record):
    """What is the same in all storages of other machines."""

    retries: Retries
    is_local = False

    def key(self, place: Place) -> str:
        """Return what the store calls an object or a folder, without a slash at its end."""
        raise NotImplementedError

    def _ask(
        self,
        place: Place,
        request: Callable[[str], Answer],
        top: bool = False,
        to: Path | None = None,
        conditional: bool = False,
    ) -> Answer:
        """Return the answer to a request about a key. Raise as `storage_errors` says."""
        with storage_errors(os.fspath(place), top, to, conditional):
            key = self.key(place)
            return self.retries(lambda: request(key))

    def _ask_if_there(self, place: Place, request: Callable[[str], Answer]) -> Answer | None:
        """Return the answer, or None if the object is missing. Raise as `_ask` does."""
        try:
            return self._ask(place, request)
        except PhotoError as error:
            if error.kind is Kind.MISSING:
                return None
            raise

    def content_hash(self, place: Place) -> bytes | None:
        """Return None: an object is not downloaded for this."""
        return None

    def ignores_case(self, folder: Place) -> bool:
        """Return False."""
        return False

    def lock(
        self: "LockableStorage",
        folder: Place,
        wait: float = 0.0,
        shard: Shard | None = None,
        stopped: Stopped = never,
    ) -> AbstractContextManager[None]:
        """As Storage's, by an object."""
        from ffprep.storage.object_lock import object_lock

        return object_lock(self, folder, wait, shard, stopped)


class ObjectStorage(RemoteStorage):
    """One bucket, `root` being its URL. `key_of` makes a key of what follows that in a URL."""

    root: str
    clients: Clients
    key_of: Callable[[str], str] = str
    attributes: Mapping[str, str] = field(default_factory=dict)

    def key(self, place: Place) -> str:
        """As RemoteStorage's.

        Raise ValueError for one that begins with a slash: obstore would take it for another key.
        """
        key = self.key_of(os.fspath(place)[len(self.root) + 1 :].rstrip("/"))
        if key.startswith("/"):
            raise ValueError(f"{key!r} begins with an empty part")
        return key

    def is_folder(self, place: Place) -> bool:
        """As Storage's: whether anything is below."""
        with storage_errors(os.fspath(place), top=True):
            key = self.key(place)
            try:
                first = self.retries(
                    lambda: next(iter(self.clients.reader.list(key or None, chunk_size=1)), None)
                )
            except Exception as error:
                if code_of(error) in NO_LISTING:  # a web server without WebDAV
                    return False
                raise
        return not key or bool(first)

    def list(self, folder: Place, top: bool = False) -> Iterator[Page]:
        """As Storage's; one page, since obstore returns a folder whole."""
        found = self._ask(
            folder, lambda key: self.clients.reader.list_with_delimiter(key or None), top
        )
        own = self.key(folder)
        objects = [_object(meta) for meta in found["objects"] if meta["path"] != own]
        folders = [prefix.rpartition("/")[2] for prefix in found["common_prefixes"]]
        yield Page(sorted(objects, key=lambda each: each.name), sorted(folders))

    def stat(self, place: Place) -> Object | None:
        """As Storage's."""
        return self._ask_if_there(place, lambda key: _object(self.clients.reader.head(key)))

    def read(self, place: Place, most: int | None = None) -> bytes:
        """As Storage's."""
        return self._read(place, most)[0]

    def _read(self, place: Place, most: int | None) -> tuple[bytes, Object]:
        def get(key: str) -> tuple[bytes, Object]:
            chunks, size, answer = [], 0, self.clients.reader.get(key)
            for chunk in answer.stream(min_chunk_size=1):
                chunks.append(bytes(chunk))
                size += len(chunk)
                if most is not None and size >= most:
                    break
            return b"".join(chunks)[:most], _object(answer.meta)

        return self._ask(place, get)

    def fetch(self, place: Place, path: Path, expected: FileStamp | None = None) -> Object:
        """As Storage's. obstore compares the length with the one the store announced."""

        def get(key: str) -> Object:
            answer = self.clients.reader.get(key)
            with path.open("wb") as file:
                file.writelines(answer.stream())
            return _object(answer.meta)

        found = self._ask(place, get, to=path)
        require_whole(path, found, expected)
        return found

    def put(self, path: Path, place: Place) -> FileStamp:
        """As Storage's."""
        return self._put(path.read_bytes(), place, "overwrite").stamp

    def create(self, place: Place, data: bytes) -> bool:
        """As Storage's; the store itself looks whether there is one."""
        try:
            self._put(data, place, "create", top=True)
        except Preceded:
            return False
        return True

    def honours_conditions(self, place: Place, data: bytes) -> bool:
        """Return whether the store refuses what it has to refuse. An object is at `place`."""
        try:
            self._put(data, place, {"e_tag": _NO_VERSION, "version": "1"})
        except Preceded:
            return not self.create(place, data)
        return False

    def replace(self, path: Path, place: Place, before: Object | None) -> Object | None:
        """As Storage's; the store itself compares."""
        mode: dict[str, str] | str = "create"
        if before:
            mode = {"e_tag": before.version}
            if before.generation:
                mode["version"] = before.generation
        data = path.read_bytes()
        try:
            return self._put(data, place, mode)
        except Preceded:
            # An upload whose answer was lost is repeated, and then finds itself in its way.
            found = self.stat(place)
        if found is None or found.stamp.bytes != len(data):
            return None
        own = found.version.strip('"') == md5_of(data) or self.read(place) == data
        return found if own else None

    def remove(self, place: Place, top: Place | None = None) -> None:
        """As Storage's; a missing object is removed already."""
        self._ask_if_there(place, lambda key: self.clients.reader.delete(key))

    def _put(self, data: bytes, place: Place, mode: Any, top: bool = False) -> Object:
        """Store bytes in one request, of 5 GB at most: few stores honour conditions on parts."""
        name = os.fspath(place).rpartition("/")[2]
        kind = guess_type(name)[0]
        attributes = {**({"Content-Type": kind} if kind else {}), **self.attributes} or None

        def put(key: str) -> Any:
            client = self.clients.writer if len(data) < _LARGE else self.clients.large_writer
            return client.put(key, data, attributes=attributes, mode=mode, use_multipart=False)

        made = self._ask(place, put, top, conditional=mode != "overwrite")
        if version := made["e_tag"]:
            return stored_object(name, len(data), version, generation=made["version"] or "")
        found = self.stat(place)
        if found is None or found.stamp.bytes != len(data):
            raise PhotoError(Kind.IO, f"only a part of it is in {os.fspath(place)}; run again")
        return found


def require_whole(path: Path, found: Object, expected: FileStamp | None) -> None:
    """Raise PhotoError if a download is not all of an object, or not of the `expected` version."""
    if expected is not None and found.stamp != expected:
        raise changed()
    if (size := path.stat().st_size) != found.stamp.bytes:
        raise PhotoError(Kind.IO, f"only {size} of {found.stamp.bytes} bytes came; run again")


def _object(meta: Any) -> Object:
    """Return an Object for what obstore says about it."""
    name, modified = meta["path"].rpartition("/")[2], meta["last_modified"].timestamp()
    return stored_object(name, meta["size"], meta["e_tag"] or "", modified, meta["version"] or "")


def md5_of(data: bytes) -> str:
    """Return the MD5 of bytes, which is the ETag of most objects in S3."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
