"""How the two ends of a batch are now, for comparing: files by a look, objects by their folder's listing."""

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ffprep.core.job import Batch
from ffprep.core.location import Location
from ffprep.errors import EnvironmentFault, PhotoError
from ffprep.system.files import FileStamp, is_url

if TYPE_CHECKING:
    from ffprep.storage.objects import Page

_FOLDERS = 4
"""Of how many folders of objects the listings are held."""
_HELD = 8192
"""From how many FileStamps on those are let go that were asked for already."""
_TURNS = 4
"""How often a listing begins anew, before all of it is held."""


@dataclass(slots=True)
class _Listed:
    """A folder of objects, listed as far as was asked for.

    Batches come in the order of their names, and so do listings, most of them: then what lies behind is let go.
    """

    folder: str
    _pages: "Iterator[Page] | None" = None
    _stamps: dict[str, FileStamp] = field(default_factory=dict)
    _from: str = ""
    _last: str = ""
    _turns: int = 0
    _sorted: bool = True

    def stamps(self, names: Collection[str]) -> Mapping[str, FileStamp]:
        """Those of `names` that are there, and of others. Raises EnvironmentFault."""
        low, high = min(names), max(names)
        if self._pages is None or low < self._from:
            self._begin()
        elif self._streams and len(self._stamps) > _HELD:
            self._stamps = {name: stamp for name, stamp in self._stamps.items() if name >= low}
            self._from = low
        try:
            self._read_up_to(high)
        except PhotoError as error:
            raise EnvironmentFault(f"{self.folder}: {error}") from None
        return self._stamps

    @property
    def _streams(self) -> bool:
        return self._sorted and self._turns <= _TURNS

    def _begin(self) -> None:
        from ffprep.storage.objects import store

        self._pages = store(self.folder).pages(self.folder, all_of_it=True)
        self._stamps, self._from, self._last = {}, "", ""
        self._turns += 1

    def _read_up_to(self, high: str) -> None:
        assert self._pages is not None
        while self._last < high or not self._streams:
            page = next(self._pages, None)
            if page is None:
                return
            for each in page.objects:
                if each.name < self._last and self._sorted:
                    self._sorted = False
                    if self._from:  # some of it was let go
                        self._begin()
                        break
                self._stamps[each.name] = each.stamp
                self._last = each.name


@dataclass(frozen=True, slots=True)
class StampReader:
    """Looks at files and objects."""

    _folders: dict[str, _Listed] = field(default_factory=dict)

    def source(self, batch: Batch, index: int) -> FileStamp | None:
        """Of one of a batch's sources."""
        if batch.stamps:
            return batch.stamps[index]
        return stamp_or_none(batch.folder + batch.names[index])

    def both(self, batch: Batch) -> Iterator[tuple[FileStamp | None, FileStamp | None]]:
        """Of each source, and of its output."""
        if not is_url(batch.output_folder):
            for index, output in enumerate(batch.outputs):
                yield (
                    self.source(batch, index),
                    stamp_or_none(batch.output_folder + output, follow=False),
                )
            return
        places = [(batch.output_folder + output).rpartition("/") for output in batch.outputs]
        names: dict[str, list[str]] = {}
        for folder, _, name in places:
            names.setdefault(folder, []).append(name)
        stamps = {folder: self._listed(folder).stamps(these) for folder, these in names.items()}
        for index, (folder, _, name) in enumerate(places):
            yield self.source(batch, index), stamps[folder].get(name)

    def object(self, url: str) -> FileStamp | None:
        """Of an object, None where there is none. Raises EnvironmentFault where the store cannot be asked."""
        folder, _, name = url.rpartition("/")
        return self._listed(folder).stamps((name,)).get(name)

    def _listed(self, folder: str) -> _Listed:
        if folder not in self._folders:
            if len(self._folders) >= _FOLDERS:
                del self._folders[next(iter(self._folders))]
            self._folders[folder] = _Listed(folder)
        return self._folders[folder]


def stamp_or_none(path: str | Location, follow: bool = True) -> FileStamp | None:
    """Of a file, None where there is none; nor is there of an object."""
    try:
        return FileStamp.seen(os.stat(path, follow_symlinks=follow))
    except (OSError, ValueError):
        return None
