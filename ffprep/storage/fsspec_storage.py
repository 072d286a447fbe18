"""Stores that obstore does not know, such as SFTP, by fsspec."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ffprep.errors import EnvironmentFault, Kind, PhotoError, UsageError
from ffprep.storage.errors import storage_errors
from ffprep.storage.objects import RemoteStorage, require_whole
from ffprep.storage.protocol import Object, Page, Place, stored_object
from ffprep.storage.retries import Retries
from ffprep.system.files import FileStamp, changed
from ffprep.system.tempfiles import temporary_name

_VERSIONS = ("ETag", "etag", "e_tag", "md5Hash", "content_md5", "checksum", "generation")
"""What filesystems call that which tells one content of a file from another."""
_TIMES = ("LastModified", "last_modified", "mtime", "modified", "updated", "created")


class FsspecStorage(RemoteStorage):
    """A host, through its fsspec filesystem."""

    fs: Any

    def key(self, place: Place) -> str:
        """As RemoteStorage's."""
        return str(self.fs._strip_protocol(os.fspath(place)))

    def is_folder(self, place: Place) -> bool:
        """As Storage's."""
        return bool(self._ask(place, self.fs.isdir, top=True))

    def list(self, folder: Place, top: bool = False) -> Iterator[Page]:
        """As Storage's; one page."""
        with storage_errors(os.fspath(folder), top):
            try:
                infos = self.retries(lambda: self.fs.ls(self.key(folder), detail=True))
            except FileNotFoundError:
                return
        own = self.key(folder).strip("/")
        infos = [info for info in infos if str(info["name"]).strip("/") != own]
        objects = [_object(info) for info in infos if info["type"] != "directory"]
        folders = [_name(info) for info in infos if info["type"] == "directory"]
        yield Page(sorted(objects, key=lambda each: each.name), sorted(folders))

    def stat(self, place: Place) -> Object | None:
        """As Storage's."""
        return self._ask_if_there(place, lambda path: _object(self.fs.info(path)))

    def read(self, place: Place, most: int | None = None) -> bytes:
        """As Storage's."""
        return self._ask(place, lambda path: bytes(self.fs.cat_file(path, end=most)))

    def fetch(self, place: Place, path: Path, expected: FileStamp | None = None) -> Object:
        """As Storage's."""
        self._ask(place, lambda key: self.fs.get_file(key, os.fspath(path)), to=path)
        found = self.stat(place)
        if found is None:
            raise changed()
        require_whole(path, found, expected)
        return found

    def put(self, path: Path, place: Place) -> FileStamp:
        """As Storage's. What is not complete yet has a temporary name."""
        target = self.key(place)
        folder = target.rpartition("/")[0]
        temporary = f"{folder}/{temporary_name()}"

        def upload() -> None:
            self.fs.makedirs(folder, exist_ok=True)
            self.fs.put_file(os.fspath(path), temporary)
            self.fs.mv(temporary, target)

        with storage_errors(os.fspath(place)):
            try:
                self.retries(upload)
            except BaseException:
                # If the connection is gone, the temporary file has to stay.
                with suppress(Exception):
                    self.fs.rm_file(temporary)
                raise
        made = self.stat(place)
        if made is None or made.stamp.bytes != path.stat().st_size:
            raise PhotoError(Kind.IO, f"only a part of it is in {os.fspath(place)}; run again")
        return made.stamp

    def create(self, place: Place, data: bytes) -> bool:
        """As Storage's. SFTP looks first and then writes, so two at once may both succeed."""
        path = self.key(place)
        with storage_errors(os.fspath(place), top=True):
            self.fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            try:
                self.retries(lambda: self.fs.pipe_file(path, data, mode="create"))
            except FileExistsError:
                return False
        return True

    def honours_conditions(self, place: Place, data: bytes) -> bool:
        """Return whether the store keeps a file that is there. One is at `place`."""
        return not self.create(place, data)

    def replace(self, path: Path, place: Place, before: Object | None) -> Object | None:
        """As Storage's, in two steps."""
        if self.stat(place) != before:
            return None
        self.put(path, place)
        return self.stat(place)

    def remove(self, place: Place, top: Place | None = None) -> None:
        """As Storage's; a missing file is removed already."""
        self._ask_if_there(place, self.fs.rm_file)


def fsspec_storage(root: str) -> FsspecStorage:
    """Return the storage of a host, by its URL. Raise ImportError, UsageError, EnvironmentFault."""
    scheme = root.partition("://")[0]
    from fsspec import get_filesystem_class

    try:
        kind = get_filesystem_class(scheme)
    except ValueError:
        words = f"the scheme {scheme}:// is unknown; write s3://, gs://, az://, https:// or sftp://"
        raise UsageError(f"{root}: {words}, or ./{scheme}:/... for a local file") from None
    try:
        options = kind._get_kwargs_from_urls(f"{root}/")
        fs = kind(**options, use_listings_cache=False, skip_instance_cache=True)
    except ValueError as error:
        raise EnvironmentFault(f"{root}: {error}") from None
    return FsspecStorage(Retries(attempts=5), fs)


def _object(info: dict[str, Any]) -> Object:
    """Return an Object for what fsspec says about it."""
    version = next((str(info[key]) for key in _VERSIONS if info.get(key)), "").strip('"')
    modified = next((_seconds(info[key]) for key in _TIMES if info.get(key)), 0)
    return stored_object(_name(info), int(info.get("size") or 0), version, modified)


def _name(info: dict[str, Any]) -> str:
    return str(info["name"]).rstrip("/").rpartition("/")[2]


def _seconds(moment: Any) -> float:
    """Return a time as filesystems have it; 0 if it is a text."""
    if hasattr(moment, "timestamp"):
        moment = moment.timestamp()
    return moment if isinstance(moment, int | float) else 0
