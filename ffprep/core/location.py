"""Locations of photos: a local path, or the URL of an object in a store."""

import os
import re
from pathlib import Path

from ffprep.errors import UsageError
from ffprep.record import Record, field
from ffprep.system.files import FileStamp, is_url
from ffprep.version import page

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_LOCAL = ("file", "local")
_HTTP = ("http", "https")


class Remote(Record):
    """An object or a folder in a store, by its URL, with the methods of pathlib that names need.

    `stamp` is that of the version in the listing, if it was listed. The URL has no final slash.
    """

    url: str
    stamp: FileStamp | None = field(default=None, compare=False)

    def __fspath__(self) -> str:
        return self.url

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> "Remote":
        return Remote(f"{self.url}/{name}")

    @property
    def name(self) -> str:
        """The part behind the last slash."""
        return self.url.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The suffix of the name, with its dot."""
        return os.path.splitext(self.name)[1]

    @property
    def parent(self) -> "Remote":
        """The folder that contains it; a bucket or host is its own parent."""
        above, _, name = self.url.rpartition("/")
        return self if above.endswith("/") or not name else Remote(above)

    @property
    def parents(self) -> list["Remote"]:
        """All folders that contain it, the nearest first."""
        above = self.parent
        return [] if above == self else [above, *above.parents]


Location = Path | Remote


def names_url(text: str) -> bool:
    """Return whether a text that a user wrote is a URL; `./s3:/a` is not."""
    return "://" in text and _SCHEME.match(text) is not None


def normalized_url(text: str) -> str:
    """Return a URL in ffprep's spelling: the scheme in lower case, no slash at the end.

    Raise UsageError for a URL with a password in it, and for a local file.
    """
    match = _SCHEME.match(text)
    assert match
    scheme, rest = match[1].lower(), text[match.end() :].rstrip("/")
    host = rest.partition("/")[0]
    if ":" in host.rpartition("@")[0]:
        safe = f"{scheme}://...@{host.rpartition('@')[2]}"
        words = "a password in a URL would be seen in logs and ledgers"
        raise UsageError(f"{safe}: {words}; see {page('operations/storage#credentials')}")
    if scheme in _HTTP and "?" in rest:
        safe = f"{scheme}://{rest.partition('?')[0]}"
        words = "a query in a URL often holds a password, and would be seen in logs and ledgers"
        raise UsageError(f"{safe}: {words}; name the file without it")
    if scheme in _LOCAL:
        raise UsageError(f"{text}: is a local file; write its path")
    if not host:
        raise UsageError(f"{text}: has no bucket and no host; write {scheme}://BUCKET/KEY")
    return f"{scheme}://{rest}"


def listed_stamp(location: Location) -> FileStamp | None:
    """Return the stamp that a listing reported for an object; None for a file."""
    return location.stamp if isinstance(location, Remote) else None


def absolute(location: Location) -> Location:
    """Return a path as an absolute one; a URL as it is."""
    return location if isinstance(location, Remote) else Path(os.path.abspath(location))


def location_of(text: str) -> Location:
    """Return the location of a path or URL that is spelt as ffprep spells it."""
    return Remote(text.rstrip("/")) if is_url(text) else Path(text)


def located(text: str | os.PathLike[str]) -> Location:
    """Return the location that a user wrote. Raise UsageError."""
    text = os.fspath(text)
    return Remote(normalized_url(text)) if names_url(text) else Path(text)
