"""The current stamps of files, by stat, and of objects, by listing their folders."""

import os
from collections.abc import Collection, Iterator, Mapping

from ffprep.core.job import Batch
from ffprep.errors import EnvironmentFault, PhotoError
from ffprep.record import Record, field
from ffprep.storage.protocol import Page, Place, storage_of
from ffprep.system.files import FileStamp, is_url

_FOLDERS = 4
"""How many listed folders are kept."""
_KEPT = 8192
"""From how many stamps on those that were asked for already are dropped."""
_RESTARTS = 4
"""How often a listing starts again before all of it is kept."""


class ListedFolder(Record, frozen=False):
    """A folder of objects, listed as far as was asked for.

    Batches come in the order of their names, and so do most listings: then names that are behind
    are dropped.
    """

    folder: str
    _pages: "Iterator[Page] | None" = None
    _stamps: dict[str, FileStamp] = field(default_factory=dict)
    _from: str = ""
    _last: str = ""
    _starts: int = 0
    _sorted: bool = True

    def stamps(self, names: Collection[str]) -> Mapping[str, FileStamp]:
        """Return the stamps of those `names` that exist, and of others. Raise EnvironmentFault."""
        low, high = min(names), max(names)
        if self._pages is None or low < self._from:
            self._start()
        elif self._streams and len(self._stamps) > _KEPT:
            self._stamps = {name: stamp for name, stamp in self._stamps.items() if name >= low}
            self._from = low
        try:
            self._read_up_to(high)
        except PhotoError as error:
            raise EnvironmentFault(f"{self.folder}: {error}") from None
        return self._stamps

    @property
    def _streams(self) -> bool:
        return self._sorted and self._starts <= _RESTARTS

    def _start(self) -> None:
        self._pages = storage_of(self.folder).list(self.folder, top=True)
        self._stamps, self._from, self._last = {}, "", ""
        self._starts += 1

    def _read_up_to(self, high: str) -> None:
        assert self._pages is not None
        while self._last < high or not self._streams:
            page = next(self._pages, None)
            if page is None:
                return
            for each in page.objects:
                if each.name < self._last and self._sorted:
                    self._sorted = False
                    if self._from:  # some names were dropped
                        self._start()
                        break
                self._stamps[each.name] = each.stamp
                self._last = each.name


class StampReader(Record):
    """Reads the stamps of files and objects."""

    _folders: dict[str, ListedFolder] = field(default_factory=dict)

    def source(self, batch: Batch, index: int) -> FileStamp | None:
        """Return the stamp of one of a batch's sources."""
        if batch.stamps:
            return batch.stamps[index]
        return stamp_or_none(batch.folder + batch.names[index])

    def both(self, batch: Batch) -> Iterator[tuple[FileStamp | None, FileStamp | None]]:
        """Yield the stamps of each source and its output."""
        if not is_url(batch.output_folder):
            for index, output in enumerate(batch.outputs):
                yield self.source(batch, index), self.output(batch.output_folder + output)
            return
        places = [(batch.output_folder + output).rpartition("/") for output in batch.outputs]
        names: dict[str, list[str]] = {}
        for folder, _, name in places:
            names.setdefault(folder, []).append(name)
        stamps = {folder: self._listed(folder).stamps(these) for folder, these in names.items()}
        for index, (folder, _, name) in enumerate(places):
            yield self.source(batch, index), stamps[folder].get(name)

    def output(self, place: Place) -> FileStamp | None:
        """Return the stamp of an output, None if it is missing; links are not followed.

        Raise EnvironmentFault if a store does not answer.
        """
        path = os.fspath(place)
        if not is_url(path):
            return stamp_or_none(path, follow=False)
        folder, _, name = path.rpartition("/")
        return self._listed(folder).stamps((name,)).get(name)

    def is_gone(self, place: Place) -> bool:
        """Return whether a source is missing, and not only impossible to look at."""
        path = os.fspath(place)
        if is_url(path):
            return self.output(path) is None
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        return False

    def _listed(self, folder: str) -> ListedFolder:
        if folder not in self._folders:
            if len(self._folders) >= _FOLDERS:
                del self._folders[next(iter(self._folders))]
            self._folders[folder] = ListedFolder(folder)
        return self._folders[folder]


def stamp_or_none(place: Place, follow: bool = True) -> FileStamp | None:
    """Return the stamp of a file; None if it is missing, and for an object."""
    try:
        return FileStamp.seen(os.stat(place, follow_symlinks=follow))
    except (OSError, ValueError):
        return None
