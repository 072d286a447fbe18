"""Walk the sources: which photos they contain, one folder at a time.

A library may hold a million files, so names stay strings, the type of a file comes from its folder
entry and not from a look at the file, and names are handled a folder at a time.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby, islice
from pathlib import Path

from ffprep.core.formats import FILMS, SUFFIXES, output_format
from ffprep.core.job import PassedOver, Places
from ffprep.core.location import Location, Remote, location_of, names_url, normalized_url
from ffprep.errors import PhotoError, UsageError
from ffprep.library.selection import MadeFiles, Selection
from ffprep.record import Record, field, replace
from ffprep.system.files import (
    SIDECAR,
    FileStamp,
    is_url,
    photo_error_from,
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
    `others` are files that are not photos, `unfollowed` links that are not followed, `raws` those
    that are left out. If there is an `error`, `folder` is the folder or file that could not be
    read. `stamps` are there for objects in a store, one for each name. Without `places`, all links
    are followed. `occupied` says whether there is any photo, selected or not.
    """

    folder: str
    real: str = ""
    relative: str = ""
    names: Sequence[str] = ()
    linked: frozenset[str] = frozenset()
    sidecars: frozenset[str] = frozenset()
    others: Sequence[str] = ()
    unfollowed: Sequence[str] = ()
    error: PhotoError | None = None
    stamps: Sequence[FileStamp] = ()
    places: Places | None = None
    occupied: bool = False
    raws: Sequence[str] = ()

    def passed_over(self, carried: tuple[str, ...] = ()) -> "Iterator[tuple[str, PassedOver]]":
        """Yield the names that are not converted, and why; but no files with `carried` suffixes."""
        for name in self.others:
            if name.endswith(carried):
                continue
            suffix = name[name.rfind(".") :].lower()
            yield name, PassedOver.FILM if suffix in FILMS else PassedOver.OTHER
        for names, kind in ((self.raws, PassedOver.RAW), (self.unfollowed, PassedOver.LINK)):
            for name in names:
                yield name, kind


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


class Walk(Record):
    """Walks sources: folders in the order of their names, and no folder twice.

    Hidden files are skipped, and so are the folder `output` if it lies inside a source, and files
    that ffprep `made`. A source itself is always read, also through a link. Below it, links that
    lead out of the source are passed over, and so are all links to folders, unless `follow_links`.
    Links to folders are followed last, so that a photo is found under its own name first. With a
    `root`, all sources lie in that folder, and `relative` paths are those from it. With `films`,
    films are found as photos are.
    """

    sources: Iterable[str | os.PathLike[str]]
    output: Location | None = None
    follow_links: bool = False
    selection: Selection = field(default_factory=Selection)
    made: MadeFiles | None = None
    root: str = ""
    films: bool = False

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

                    yield from walk_objects.below(self, path, visited)
                else:
                    from ffprep.library.walk_folders import FolderWalk

                    yield from FolderWalk.of(self, path, visited).listings()

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

    def is_film(self, name: str) -> bool:
        """Return whether a file is a film by its suffix, if films are to be found."""
        if not self.films:
            return False
        from ffprep.core.film import has_film_suffix

        return has_film_suffix(name)

    def _named_files(self, paths: Iterable[str]) -> Iterator[Listing]:
        for folder, group in groupby(paths, lambda path: path[: path.rfind("/") + 1]):
            real, relative = real_now(folder), self.relative(folder)
            read: _Reader = partial(_read_files, follow=self.follow_links)
            if is_url(folder):
                from ffprep.library.walk_objects import read_objects as read
            while names := [path[len(folder) :] for path in islice(group, _NAMES_PER_LISTING)]:
                # A shell's `photos/*` names sidecars too.
                names = [name for name in names if not name.endswith(SIDECAR)]
                if self.made and real.startswith(self.made.output):
                    names = self.made.without(real, names)
                names = self.selection.pick(names, folder, relative)
                for listing in read(folder, real, names if self.selection.allows(relative) else []):
                    yield replace(listing, relative=relative)

    def relative(self, folder: str) -> str:
        """Return the path of a folder from the `root`, if there is one, with a slash at its end.

        Raise UsageError if the folder does not lie in it.
        """
        if not self.root:
            return ""
        if is_url(folder) != names_url(self.root):
            root, here = self.root, ""
        elif is_url(folder):
            root, here = os.path.join(normalized_url(self.root), ""), os.path.join(folder, "")
        else:
            root, here = (os.path.join(os.path.abspath(each), "") for each in (self.root, folder))
            if not here.startswith(root):
                root, here = real_now(self.root), real_now(folder)
        if not here.startswith(root):
            where = folder if is_url(folder) else os.path.abspath(folder)
            words = "name a folder that contains all sources"
            raise UsageError(f"{where} does not lie in --root {self.root}; {words}")
        return here.removeprefix(root)


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


def real_now(folder: str) -> str:
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
    return not is_link or follow or stays_inside(path, real)


def stays_inside(link: str, source: str) -> bool:
    """Return whether a link leads to a file of the same source, or to nothing.

    A link to a folder does not count, since each photo of that folder would be found twice.
    """
    return os.path.realpath(link).startswith(source) and not os.path.isdir(link)


def require_no_picture(option: str, path: Path) -> None:
    """Raise UsageError if a file to write is a photo."""
    if output_format(path) is not None:
        raise UsageError(f"{option} {path} is a photo, and photos are never overwritten")
