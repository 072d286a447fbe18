"""Walk folders of this machine, one at a time; `walk_objects` does the same with stores."""

import os
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator

from ffprep.core.formats import looks_like_photo
from ffprep.core.job import Places
from ffprep.library.selection import photo_links
from ffprep.library.walk import PICTURES, Listing, Walk, as_prefix, real_now, stays_inside
from ffprep.record import Record, field, replace
from ffprep.system.files import SIDECAR, photo_error_from, real_folder


class _Folder(Record):
    """A folder to walk. The fields are those of a Listing."""

    folder: str
    real: str
    relative: str = ""

    def subfolder(self, name: str) -> "_Folder":
        return _Folder(f"{self.folder}{name}/", f"{self.real}{name}/", f"{self.relative}{name}/")

    def linked_subfolder(self, name: str) -> "_Folder":
        return replace(self.subfolder(name), real=real_folder(self.folder + name))


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


class FolderWalk(Record):
    """Walks the folder `top` and the folders in it, by the conditions of `walk`.

    `visited` are the folders that were walked; `output` is a real path.
    """

    walk: Walk
    top: _Folder
    visited: set[int]
    output: str | None

    @classmethod
    def of(cls, walk: Walk, path: str, visited: set[int]) -> "FolderWalk":
        """Return the walk of one SOURCE."""
        folder = as_prefix(path)
        top = _Folder(folder, real_now(path), walk.relative(folder))
        output = real_folder(os.fspath(walk.output)) if walk.output else None
        return cls(walk, top, visited, output)

    def listings(self) -> Iterator[Listing]:
        """Yield a Listing for every folder; links to folders come last."""
        links = deque([self.top])
        while links:
            # Iterators, so that only the names of the folders to come are kept.
            pending: list[Iterator[_Folder]] = [iter((links.popleft(),))]
            while pending:
                here = next(pending[-1], None)
                if here is None:
                    pending.pop()
                elif here is self.top or here.real != self.output:
                    try:
                        if not _visit(here, self.visited):
                            continue
                        entries = _Entries.of(here.folder)
                    except OSError as error:
                        yield Listing(here.folder, error=photo_error_from(error))
                        continue
                    yield self._listing(here, entries, links)
                    pending.append(map(here.subfolder, self._selected(here, entries.folders)))

    def _listing(self, here: _Folder, entries: _Entries, links: deque[_Folder]) -> Listing:
        """Return the Listing of a folder; append links to folders that are followed to `links`."""
        selection, made = self.walk.selection, self.walk.made
        sidecars = self._take_sidecars(here, entries)
        if made and here.real.startswith(made.output):
            entries.files = made.without(here.real, entries.files)
        files, all_links, others = (
            selection.pick(names, here.folder, here.relative)
            for names in (entries.files, entries.links, entries.devices)
        )
        unfollowed, linked = list[str](), list[str]()
        for name in all_links:
            path = here.folder + name
            if not self._follows(path):
                unfollowed.append(name)
            elif os.path.isdir(path):
                links.extend(map(here.linked_subfolder, self._selected(here, [name])))
            elif self._is_source(path) and (os.path.isfile(path) or not os.path.exists(path)):
                linked.append(name)
            else:
                others.append(name)
        if made and linked:
            linked, outputs = photo_links(here.folder, linked, made), linked
            others += sorted(set(outputs).difference(linked))
        names = [
            name
            for name in files
            if name[name.rfind(".") :] in PICTURES or self._is_source(here.folder + name)
        ]
        if len(names) < len(files):
            others += sorted(set(files).difference(names))
        if linked:
            names = sorted(names + linked)
        rest = () if selection.all else map(here.folder.__add__, entries.files)
        return Listing(
            here.folder,
            here.real,
            here.relative,
            names,
            frozenset(linked),
            sidecars,
            selection.without_remains(others),
            unfollowed,
            places=self._places(here, linked),
            occupied=bool(names) or any(map(self._is_source, rest)),
        )

    def _is_source(self, path: str) -> bool:
        return looks_like_photo(path) or self.walk.is_film(path)

    def _places(self, here: _Folder, linked: list[str]) -> Places | None:
        if self.walk.follow_links:
            return None
        return Places(here.real, frozenset(linked), self.top.real)

    def _take_sidecars(self, here: _Folder, entries: _Entries) -> frozenset[str]:
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
                and (names is not entries.links or self._follows(here.folder + name))
            ]
            names[:] = sorted(set(names).difference(sidecars))
            found += sidecars
        return frozenset(name.removesuffix(SIDECAR) for name in found)

    def _follows(self, link: str) -> bool:
        return self.walk.follow_links or stays_inside(link, self.top.real)

    def _selected(self, here: _Folder, folders: list[str]) -> list[str]:
        return [name for name in folders if self.walk.selection.enters(here.relative + name)]


def _visit(here: _Folder, visited: set[int]) -> bool:
    """Add a folder to `visited`; return False if it was there. Raises OSError."""
    status = os.stat(here.folder or os.curdir)
    identity = status.st_dev << 64 | status.st_ino
    if identity in visited:
        return False
    visited.add(identity)
    return True
