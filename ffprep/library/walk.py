"""Walking: what lies in the sources, a folder at a time.

A library may hold a million files, so names stay strings, the kind of a file is what the folder
tells without a look at the file itself, and what is done to names is done to a folder's at once.
"""

import os
import stat
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path

from ffprep.config.sidecars import SIDECAR
from ffprep.core.formats import (
    FORMATS,
    HEAD_BYTES,
    OUTPUT_FORMATS,
    SUFFIXES,
    Format,
    OutputFormat,
    sniff,
)
from ffprep.core.location import Location, names_url, spelt
from ffprep.errors import PhotoError, UsageError
from ffprep.library.listing import PICTURES, Listing
from ffprep.library.selection import Selection
from ffprep.system.files import is_url, open_regular, photo_error_from, real_folder

_TOGETHER = 512
"""How many files that are named one by one make a Listing."""


@dataclass(frozen=True, slots=True)
class Found:
    """A picture that a walk came upon, or what it could not look at."""

    path: Path
    error: PhotoError | None = None
    has_sidecar: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder on the way; the words are those of a Listing."""

    folder: str
    real: str
    below: str = ""

    @classmethod
    def top(cls, path: str) -> "_Place":
        return cls(spelt_folder(path), real_folder(path))

    def folder_within(self, name: str) -> "_Place":
        return _Place(f"{self.folder}{name}/", f"{self.real}{name}/", f"{self.below}{name}/")

    def link_within(self, name: str) -> "_Place":
        real = real_folder(self.folder + name)
        return _Place(f"{self.folder}{name}/", real, f"{self.below}{name}/")


@dataclass(slots=True)
class _Contents:
    """The names in a folder, by what the folder says they are."""

    files: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, folder: str) -> "_Contents":
        """Sorted, and without what is hidden. Raises OSError."""
        contents = cls()
        add_file = contents.files.append
        with os.scandir(folder or os.curdir) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    add_file(entry.name)
                elif entry.is_dir(follow_symlinks=False):
                    contents.folders.append(entry.name)
                elif entry.is_symlink():
                    contents.links.append(entry.name)
                else:
                    contents.devices.append(entry.name)
        for names in (contents.files, contents.folders, contents.links, contents.devices):
            names.sort()
            # All that begins with a dot stands together: the slash comes next to it, in no name.
            del names[bisect_left(names, ".") : bisect_left(names, "/")]
        return contents


@dataclass(frozen=True, slots=True)
class Walk:
    """How sources are walked: folders in the order of their names, and no folder twice.

    Hidden files are left alone, and so is `own`, the output folder, where it lies inside a source.
    What a source names is always looked at, also by way of a link. Below it, links that leave it are
    passed over, and so are all links to folders, unless `follow_links`. Then they are followed last,
    so that a photo is found by its own name first.
    """

    sources: Iterable[str | os.PathLike[str]]
    own: Location | None = None
    follow_links: bool = False
    selection: Selection = field(default_factory=Selection)

    def listings(self) -> Iterator[Listing]:
        """Every folder, and every file that is named by itself."""
        entered: set[int] = set()
        paths = map(_spelt, self.sources)
        for is_one, group in groupby(paths, is_folder):
            if not is_one:
                yield from self._named(group)
                continue
            for path in group:
                if is_url(path):
                    from ffprep.library import walk_objects as prefixes

                    yield from prefixes.below(path, self.own, self.selection, entered)
                else:
                    yield from self._below(path, entered)

    def files(self) -> Iterator[Found]:
        """The same, a file at a time."""
        for listing in self.listings():
            if listing.error:
                yield Found(Path(listing.folder), listing.error)
            for name in listing.names:
                sidecar = name in listing.sidecars
                yield Found(Path(listing.folder + name), has_sidecar=sidecar)

    def _named(self, paths: Iterable[str]) -> Iterator[Listing]:
        for folder, group in groupby(paths, lambda path: path[: path.rfind("/") + 1]):
            real = real_folder(folder)
            look = _looked_at
            if is_url(folder):
                from ffprep.library.walk_objects import looked_at as look
            while names := [path[len(folder) :] for path in islice(group, _TOGETHER)]:
                # A shell's `photos/*` names sidecars too.
                names = [name for name in names if not name.endswith(SIDECAR)]
                yield from look(folder, real, self.selection.pick(names, folder, ""))

    def _below(self, path: str, entered: set[int]) -> Iterator[Listing]:
        top = _Place.top(path)
        own = real_folder(os.fspath(self.own)) if self.own else None
        links = deque([top])
        while links:
            # Iterators, so that of the folders to come only the names are held.
            pending: list[Iterator[_Place]] = [iter((links.popleft(),))]
            while pending:
                place = next(pending[-1], None)
                if place is None:
                    pending.pop()
                elif place is top or place.real != own:
                    try:
                        if not _enter(place, entered):
                            continue
                        contents = _Contents.of(place.folder)
                    except OSError as error:
                        yield Listing(place.folder, error=photo_error_from(error))
                        continue
                    yield self._listing(place, contents, top, links)
                    pending.append(map(place.folder_within, self._entered(place, contents.folders)))

    def _listing(
        self, place: _Place, contents: _Contents, top: _Place, links: deque[_Place]
    ) -> Listing:
        """What is in a folder; links to folders that are followed go to `links`."""
        sidecars = self._sidecars(place, contents, top)
        files, ways, devices = (
            self.selection.pick(names, place.folder, place.below)
            for names in (contents.files, contents.links, contents.devices)
        )
        shut, linked, folders = 0, list[str](), list[str]()
        for name in ways:
            path = place.folder + name
            if not self._follows(path, top):
                shut += 1
            elif os.path.isdir(path):
                folders.append(name)
            elif _claims_to_be_picture(path) and (os.path.isfile(path) or not os.path.exists(path)):
                linked.append(name)
        names = [
            name
            for name in files
            if name[name.rfind(".") :] in PICTURES or _claims_to_be_picture(place.folder + name)
        ]
        passed = len(files) + len(ways) + len(devices) - len(folders) - len(names) - len(linked)
        if linked:
            names = sorted(names + linked)
        links.extend(map(place.link_within, self._entered(place, folders)))
        return Listing(
            place.folder,
            place.real,
            place.below,
            names,
            frozenset(linked),
            sidecars,
            passed,
            shut,
        )

    def _sidecars(self, place: _Place, contents: _Contents, top: _Place) -> frozenset[str]:
        """The photos that have one. Takes sidecars out of the contents, but for links that are not followed."""
        found: list[str] = []
        for names in (contents.files, contents.links, contents.devices):
            if SIDECAR not in "/".join(names):  # one search, and not one for each name
                continue
            ours = [
                name
                for name in names
                if name.endswith(SIDECAR)
                and (names is not contents.links or self._follows(place.folder + name, top))
            ]
            names[:] = sorted(set(names).difference(ours))
            found += ours
        return frozenset(name.removesuffix(SIDECAR) for name in found)

    def _follows(self, link: str, top: _Place) -> bool:
        return self.follow_links or _stays(link, top.real)

    def _entered(self, place: _Place, folders: list[str]) -> list[str]:
        return [name for name in folders if self.selection.enters(place.below + name)]


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a source is a folder, or holds one in a store."""
    text = os.fspath(path)
    if not names_url(text):
        return os.path.isdir(text)
    from ffprep.library import walk_objects as prefixes

    return prefixes.is_folder(spelt(text))


def _spelt(source: str | os.PathLike[str]) -> str:
    """A path as pathlib spells it, which takes longer than all else, so only where it matters."""
    path = os.fspath(source)
    if names_url(path):
        return spelt(path)
    plain = not ("//" in path or "/./" in path or path.startswith("./"))
    return path if plain and path and not path.endswith(("/", "/.")) else str(Path(path))


def spelt_folder(path: str) -> str:
    """A folder's path so that a name can be put behind it; empty for the working folder."""
    return "" if path == os.curdir else os.path.join(path, "")


def _looked_at(folder: str, real: str, names: list[str]) -> Iterator[Listing]:
    """Listings of files that are there, and between them those that are not."""
    seen, linked, sidecars = list[str](), set[str](), set[str]()

    def listing() -> Listing:
        return Listing(folder, real, "", seen, frozenset(linked), frozenset(sidecars))

    for name in names:
        path = folder + name
        try:
            if stat.S_ISLNK(os.lstat(path).st_mode):
                os.stat(path)
                linked.add(name)
            seen.append(name)
            if os.path.lexists(path + SIDECAR):
                sidecars.add(name)
        except OSError as error:
            if seen:
                yield listing()
            yield Listing(path, error=photo_error_from(error))
            seen, linked, sidecars = [], set(), set()
    if seen:
        yield listing()


def _enter(place: _Place, entered: set[int]) -> bool:
    """Whether a folder is entered for the first time. Raises OSError."""
    found = os.stat(place.folder or os.curdir)
    folder = found.st_dev << 64 | found.st_ino
    if folder in entered:
        return False
    entered.add(folder)
    return True


def _stays(link: str, within: str) -> bool:
    """Whether a link leads to a file of the same source, which is read either way, or to nothing.

    A link to a folder would show each of its photos twice.
    """
    return os.path.realpath(link).startswith(within) and not os.path.isdir(link)


def _claims_to_be_picture(path: str) -> bool:
    """By its suffix; where it has none, by its first bytes."""
    suffix = os.path.splitext(path)[1].lower()
    return suffix in SUFFIXES if suffix else output_format(Path(path)) is not None


def output_format(path: Path) -> OutputFormat | None:
    """The format in which a file would be written again; None if it is no picture."""
    try:
        with open_regular(path) as file:
            format = sniff(file.read(HEAD_BYTES))
    except PhotoError:
        return None
    return _written_as(format) if format else None


def written_as(suffix: str) -> OutputFormat | None:
    """The same, by what its suffix says that it is."""
    named = (format for format in FORMATS if suffix.lower() in format.suffixes)
    return next(map(_written_as, named), None)


def _written_as(format: Format) -> OutputFormat:
    lossless = format.name in ("gif", "bmp", "tiff")
    return OUTPUT_FORMATS.get(format.name) or OUTPUT_FORMATS["png" if lossless else "jpeg"]


def require_no_picture(option: str, path: Path) -> None:
    """Raise UsageError where a file that is to be written is a photo, named by mistake."""
    if output_format(path) is not None:
        raise UsageError(f"{option} {path}: is a picture, and sources are never overwritten")
