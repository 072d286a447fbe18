"""How the two ends of a batch are now, for comparing: files by a look, objects by their folder's listing."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from ffprep.errors import EnvironmentFault, PhotoError
from ffprep.files import Stamp, is_url
from ffprep.job import Batch
from ffprep.locations import Location

_FOLDERS = 4
"""Of how many folders of objects the Stamps are held."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Looks at files and objects. Of a folder of objects, what was seen first counts."""

    _folders: dict[str, dict[str, Stamp]] = field(default_factory=dict)

    def source(self, batch: Batch, index: int) -> Stamp | None:
        """Of one of a batch's sources."""
        if batch.stamps:
            return batch.stamps[index]
        return seen(batch.folder + batch.names[index])

    def both(self, batch: Batch) -> Iterator[tuple[Stamp | None, Stamp | None]]:
        """Of each source, and of its output."""
        for index, output in enumerate(batch.outputs):
            path = batch.output_folder + output
            made = self.object(path) if is_url(path) else seen(path, follow=False)
            yield self.source(batch, index), made

    def object(self, url: str) -> Stamp | None:
        """Of an object, None where there is none. Raises EnvironmentFault where the store cannot be asked."""
        folder, _, name = url.rpartition("/")
        if folder not in self._folders:
            if len(self._folders) >= _FOLDERS:
                del self._folders[next(iter(self._folders))]
            self._folders[folder] = _listed(folder)
        return self._folders[folder].get(name)


def _listed(folder: str) -> dict[str, Stamp]:
    from ffprep.objects import store

    try:
        pages = store(folder).pages(folder, all_of_it=True)
        return {each.name: each.stamp for page in pages for each in page.objects}
    except PhotoError as error:
        raise EnvironmentFault(f"{folder}: {error}") from None


def seen(path: str | Location, follow: bool = True) -> Stamp | None:
    """Of a file, None where there is none; nor is there of an object."""
    try:
        return Stamp.seen(os.stat(path, follow_symlinks=follow))
    except (OSError, ValueError):
        return None
