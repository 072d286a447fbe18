"""Where photos are: a path of this machine, or the URL of an object in a store."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from ffprep.errors import UsageError
from ffprep.system.files import FileStamp, is_url

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_LOCAL = ("file", "local")
_HTTP = ("http", "https")


@dataclass(frozen=True, slots=True)
class Remote:
    """An object, or a folder of them, by its URL; with as much of pathlib as naming takes.

    `stamp` is that of the version which a listing told of. A URL never ends in a slash.
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
        """What stands behind the last slash."""
        return self.url.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The name's, with its dot."""
        return os.path.splitext(self.name)[1]

    @property
    def parent(self) -> "Remote":
        """The folder it is in; of a bucket or host, that itself."""
        above, _, name = self.url.rpartition("/")
        return self if above.endswith("/") or not name else Remote(above)

    @property
    def parents(self) -> list["Remote"]:
        """All folders it is in, the nearest first."""
        above = self.parent
        return [] if above == self else [above, *above.parents]


Location = Path | Remote


def names_url(text: str) -> bool:
    """Whether a text, as a user wrote it, is a URL; `./s3:/a` is not."""
    return "://" in text and _SCHEME.match(text) is not None


def spelt(text: str) -> str:
    """A URL as ffprep knows it, without slashes at its end.

    Raises UsageError for one with a password in it, which would stand in ledgers and logs, and for
    a local path.
    """
    match = _SCHEME.match(text)
    assert match
    scheme, rest = match[1].lower(), text[match.end() :].rstrip("/")
    host = rest.partition("/")[0]
    if ":" in host.rpartition("@")[0]:
        safe = f"{scheme}://...@{host.rpartition('@')[2]}"
        words = "a password in a URL would be seen in logs and ledgers"
        raise UsageError(
            f"{safe}: {words}; see docs/operations/storage.md for other ways to say it"
        )
    if scheme in _HTTP and "?" in rest:
        safe = f"{scheme}://{rest.partition('?')[0]}"
        words = "a query in a URL often holds a password, and would be seen in logs and ledgers"
        raise UsageError(f"{safe}: {words}; name the file without it")
    if scheme in _LOCAL:
        raise UsageError(f"{text}: is on this machine; name it by its path")
    if not host:
        raise UsageError(f"{text}: names no bucket and no host")
    return f"{scheme}://{rest}"


def listed_stamp(location: Location) -> FileStamp | None:
    """Return the stamp that a listing reported for an object; None for a file."""
    return location.stamp if isinstance(location, Remote) else None


def absolute(location: Location | None) -> str:
    """Return an absolute path, or a URL; the working folder for None."""
    return location.url if isinstance(location, Remote) else os.path.abspath(location or "")


def location_of(text: str) -> Location:
    """The place of a path that is spelt already, as the rooms hand it on."""
    return Remote(text.rstrip("/")) if is_url(text) else Path(text)


def located(text: str | os.PathLike[str]) -> Location:
    """What a text names, as a user wrote it. Raises UsageError."""
    text = os.fspath(text)
    return Remote(spelt(text)) if names_url(text) else Path(text)
