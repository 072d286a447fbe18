"""Walk the sources: which photos they contain, one folder at a time.

A library may hold a million files, so names stay strings, the type of a file comes from its folder
entry and not from a look at the file, and names are handled a folder at a time.
"""

import os
import stat
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby, islice
from pathlib import Path

from ffprep.core.formats import SUFFIXES, looks_like_photo, output_format
from ffprep.core.job import Places
from ffprep.core.location import Location, Remote, location_of, names_url, normalized_url
from ffprep.errors import PhotoError, UsageError
from ffprep.library.selection import MadeFiles, Selection, photo_links
from ffprep.record import Record, field
from ffprep.system.files import (
    SIDECAR,
    FileStamp,
    is_url,
    photo_error_from,
    real_folder,
)

PICTURES = frozenset(SUFFIXES) | {suffix.upper() for suffix in SUFFIXES}
"""Suffixes as they are most often written. One lookup, and no copy of a name in lower case."""

_Reader = Callable[[str, str, list[str]], Iterator["Listing"]]

_NAMES_PER_LISTING = 512
"""How many files that are named one by one share a Listing."""


class Listing(Record):
    """The photos of a folder in the order of names; or files of it that are named one by one.

    `folder` is written as the user wrote it, `real` has no links. Both end in a slash, but `folder`
    is empty for the working folder. `relative` is the path from the SOURCE folder; it is empty for
    that folder and for files that are named one by one. `linked` are the names that are links.
    `sidecars` are the photos that have a sidecar file; sidecars do not count as files.
    `passed_over` counts files that are not photos, and the `links` that are not followed. If there
    is an `error`, `folder` is the folder or file that could not be read. `stamps` are there for
    objects in a store, one for each name. Without `places`, all links are followed. `occupied` says
    whether there is any photo, selected or not.
    """

    folder: str
    real: str = ""
    relative: str = ""
    names: Sequence[str] = ()
    linked: frozenset[str] = frozenset()
    sidecars: frozenset[str] = frozenset()
    passed_over: int = 0
    links: int = 0
    error: PhotoError | None = None
    stamps: Sequence[FileStamp] = ()
    places: Places | None = None
    occupied: bool = False


class FoundPhoto(Record):
    """A photo that a walk found, or the error that kept the walk from reading it.

    `place` and `sidecar_place` are those of the files, as `open_regular` takes them.
    """

    path: Location
    error: PhotoError | None = None
    has_sidecar: bool = False
    place: str = ""
    sidecar_place: str = ""


class LocalPhoto(FoundPhoto):
    """A photo that is a file of this machine."""

    path: Path


class _Folder(Record):
    """A folder to walk. The fields are those of a Listing."""

    folder: str
    real: str
    relative: str = ""

    @classmethod
    def top(cls, path: str) -> "_Folder":
        return cls(as_prefix(path), _real_now(path))

    def subfolder(self, name: str) -> "_Folder":
        return _Folder(f"{self.folder}{name}/", f"{self.real}{name}/", f"{self.relative}{name}/")

    def linked_subfolder(self, name: str) -> "_Folder":
        real = real_folder(self.folder + name)
        return _Folder(f"{self.folder}{name}/", real, f"{self.relative}{name}/")


class _Entries(Record, frozen=False):
    """The names in a folder by the type that the folder gives for them."""

    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, folder: str) -> "_Entries":
        """Read a folder: names are sorted, hidden ones are left out. Raises OSError."""
        found = cls()
        add_file = found.files.append
        with os.scandir(folder or os.curdir) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    add_file(entry.name)
                elif entry.is_dir(follow_symlinks=False):
                    found.folders.append(entry.name)
                elif entry.is_symlink():
                    found.links.append(entry.name)
                else:
                    found.devices.append(entry.name)
        for names in (found.files, found.folders, found.links, found.devices):
            names.sort()
            # Hidden names stand together, from "." up to "/", which no name contains.
            del names[bisect_left(names, ".") : bisect_left(names, "/")]
        return found


class Walk(Record):
    """Walks sources: folders in the order of their names, and no folder twice.

    Hidden files are skipped, and so are the folder `output` if it lies inside a source, and files
    that ffprep `made`. A source itself is always read, also through a link. Below it, links that
    lead out of the source are passed over, and so are all links to folders, unless `follow_links`.
    Links to folders are followed last, so that a photo is found under its own name first.
    """

    sources: Iterable[str | os.PathLike[str]]
    output: Location | None = None
    follow_links: bool = False
    selection: Selection = field(default_factory=Selection)
    made: MadeFiles | None = None

    def listings(self) -> Iterator[Listing]:
        """Yield a Listing for every folder, and for the files that are named one by one."""
        visited: set[int] = set()
        paths = map(_normalized, self.sources)
        for are_folders, group in groupby(paths, is_folder):
            if not are_folders:
                yield from self._named_files(group)
                continue
            for path in group:
                if is_url(path):
                    from ffprep.library import walk_objects

                    yield from walk_objects.below(
                        path, self.output, self.selection, self.made, visited
                    )
                else:
                    yield from self._folders(path, visited)

    def files(self) -> Iterator[FoundPhoto]:
        """Yield the photos one by one."""
        for listing in self.listings():
            if listing.stamps or is_url(listing.folder):
                yield from _objects(listing)
                continue
            if listing.error:
                yield LocalPhoto(Path(listing.folder), listing.error)
            places = listing.places
            for name in listing.names:
                yield LocalPhoto(
                    Path(listing.folder + name),
                    has_sidecar=name in listing.sidecars,
                    place=places.of(name) if places else "",
                    sidecar_place=places.of_sidecars if places else "",
                )

    def _named_files(self, paths: Iterable[str]) -> Iterator[Listing]:
        for folder, group in groupby(paths, lambda path: path[: path.rfind("/") + 1]):
            real = _real_now(folder)
            read: _Reader = partial(_read_files, follow=self.follow_links)
            if is_url(folder):
                from ffprep.library.walk_objects import read_objects as read
            while names := [path[len(folder) :] for path in islice(group, _NAMES_PER_LISTING)]:
                # A shell's `photos/*` names sidecars too.
                names = [name for name in names if not name.endswith(SIDECAR)]
                if self.made and real.startswith(self.made.output):
                    names = self.made.without(real, names)
                yield from read(folder, real, self.selection.pick(names, folder, ""))

    def _folders(self, path: str, visited: set[int]) -> Iterator[Listing]:
        top = _Folder.top(path)
        output = real_folder(os.fspath(self.output)) if self.output else None
        links = deque([top])
        while links:
            # Iterators, so that only the names of the folders to come are kept.
            pending: list[Iterator[_Folder]] = [iter((links.popleft(),))]
            while pending:
                here = next(pending[-1], None)
                if here is None:
                    pending.pop()
                elif here is top or here.real != output:
                    try:
                        if not _visit(here, visited):
                            continue
                        entries = _Entries.of(here.folder)
                    except OSError as error:
                        yield Listing(here.folder, error=photo_error_from(error))
                        continue
                    yield self._listing(here, entries, top, links)
                    pending.append(map(here.subfolder, self._selected(here, entries.folders)))

    def _listing(
        self, here: _Folder, entries: _Entries, top: _Folder, links: deque[_Folder]
    ) -> Listing:
        """Return the Listing of a folder; append links to folders that are followed to `links`."""
        sidecars = self._take_sidecars(here, entries, top)
        if self.made and here.real.startswith(self.made.output):
            entries.files = self.made.without(here.real, entries.files)
        files, all_links, devices = (
            self.selection.pick(names, here.folder, here.relative)
            for names in (entries.files, entries.links, entries.devices)
        )
        ignored, linked, folders = 0, list[str](), list[str]()
        for name in all_links:
            path = here.folder + name
            if not self._follows(path, top):
                ignored += 1
            elif os.path.isdir(path):
                folders.append(name)
            elif looks_like_photo(path) and (os.path.isfile(path) or not os.path.exists(path)):
                linked.append(name)
        linked = photo_links(here.folder, linked, self.made) if self.made and linked else linked
        names = [
            name
            for name in files
            if name[name.rfind(".") :] in PICTURES or looks_like_photo(here.folder + name)
        ]
        passed_over = (
            len(files) + len(all_links) + len(devices) - len(folders) - len(names) - len(linked)
        )
        if linked:
            names = sorted(names + linked)
        others = () if self.selection.all else map(here.folder.__add__, entries.files)
        links.extend(map(here.linked_subfolder, self._selected(here, folders)))
        return Listing(
            here.folder,
            here.real,
            here.relative,
            names,
            frozenset(linked),
            sidecars,
            passed_over,
            ignored,
            places=None if self.follow_links else Places(here.real, frozenset(linked), top.real),
            occupied=bool(names) or any(map(looks_like_photo, others)),
        )

    def _take_sidecars(self, here: _Folder, entries: _Entries, top: _Folder) -> frozenset[str]:
        """Return the photos that have a sidecar, and remove the sidecars from `entries`.

        Links that are not followed stay in `entries`.
        """
        found: list[str] = []
        for names in (entries.files, entries.links, entries.devices):
            if SIDECAR not in "/".join(names):  # one search instead of one for each name
                continue
            sidecars = [
                name
                for name in names
                if name.endswith(SIDECAR)
                and (names is not entries.links or self._follows(here.folder + name, top))
            ]
            names[:] = sorted(set(names).difference(sidecars))
            found += sidecars
        return frozenset(name.removesuffix(SIDECAR) for name in found)

    def _follows(self, link: str, top: _Folder) -> bool:
        return self.follow_links or _stays_inside(link, top.real)

    def _selected(self, here: _Folder, folders: list[str]) -> list[str]:
        return [name for name in folders if self.selection.enters(here.relative + name)]


def _objects(listing: Listing) -> Iterator[FoundPhoto]:
    if listing.error:
        yield FoundPhoto(location_of(listing.folder), listing.error)
    for name, stamp in zip(listing.names, listing.stamps, strict=True):
        yield FoundPhoto(Remote(listing.folder + name, stamp), None, name in listing.sidecars)


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Return whether a source is a folder, on disk or in a store."""
    text = os.fspath(path)
    if "://" not in text or not names_url(text):
        return os.path.isdir(text)
    from ffprep.library import walk_objects

    return walk_objects.is_folder(normalized_url(text))


def _normalized(source: str | os.PathLike[str]) -> str:
    """Return a path as pathlib writes it.

    pathlib takes longer than the rest of the walk, so only paths that it would change go through
    it.
    """
    path = os.fspath(source)
    if "://" in path and names_url(path):
        return normalized_url(path)
    plain = not ("//" in path or "/./" in path or path.startswith("./"))
    return path if plain and path and not path.endswith(("/", "/.")) else str(Path(path))


def _real_now(folder: str) -> str:
    """Return a folder as `real_folder` does, also if it is a link that was changed since then."""
    return folder if is_url(folder) else os.path.join(os.path.realpath(folder), "")


def as_prefix(folder: str) -> str:
    """Return a folder's path to put a name behind; it is empty for the working folder."""
    return "" if folder == os.curdir else os.path.join(folder, "")


def _read_files(folder: str, real: str, names: list[str], follow: bool) -> Iterator[Listing]:
    """Yield Listings of the named files that exist, and an error for each that does not.

    A link that is named is followed. One in place of its sidecar is, if it stays in the folder.
    """
    found, linked, sidecars = list[str](), set[str](), set[str]()

    def listing() -> Listing:
        links = frozenset(linked)
        places = None if follow else Places(real, links)
        return Listing(
            folder, real, "", found, links, frozenset(sidecars), places=places, occupied=True
        )

    for name in names:
        path = folder + name
        try:
            if stat.S_ISLNK(os.lstat(path).st_mode):
                os.stat(path)
                linked.add(name)
            found.append(name)
            if has_sidecar(path, real, follow):
                sidecars.add(name)
        except OSError as error:
            if found:
                yield listing()
            yield Listing(path, error=photo_error_from(error))
            found, linked, sidecars = [], set(), set()
    if found:
        yield listing()


def has_sidecar(photo: str, real: str, follow: bool = False) -> bool:
    """Return whether a photo has a sidecar, other than a link that leads out of its real folder."""
    path = photo + SIDECAR
    try:
        is_link = stat.S_ISLNK(os.lstat(path).st_mode)
    except OSError:
        return False
    return not is_link or follow or _stays_inside(path, real)


def _visit(here: _Folder, visited: set[int]) -> bool:
    """Add a folder to `visited`; return False if it was there. Raises OSError."""
    status = os.stat(here.folder or os.curdir)
    identity = status.st_dev << 64 | status.st_ino
    if identity in visited:
        return False
    visited.add(identity)
    return True


def _stays_inside(link: str, source: str) -> bool:
    """Return whether a link leads to a file of the same source, or to nothing.

    A link to a folder does not count, since each photo of that folder would be found twice.
    """
    return os.path.realpath(link).startswith(source) and not os.path.isdir(link)


def require_no_picture(option: str, path: Path) -> None:
    """Raise UsageError if a file to write is a photo."""
    if output_format(path) is not None:
        raise UsageError(f"{option} {path} is a photo, and photos are never overwritten")
