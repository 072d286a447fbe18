"""What lies in a store: its folders, a page of a listing at a time, as `walking` has those of a disk."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache

from ffprep.core.location import Location
from ffprep.errors import Kind, PhotoError
from ffprep.library.selection import Selection
from ffprep.library.walk import PICTURES, Listing
from ffprep.storage.protocol import Object, Page, storage_of
from ffprep.system.files import SIDECAR, FileStamp, real_folder

NO_OBJECT = "there is no such object (any more)"
_ASKED_AT_ONCE = 16
_NO_NAMES = ("", ".", "..")
"""Parts of keys that name no folder, and would lead out of an output folder."""


@lru_cache
def is_folder(url: str) -> bool:
    """Whether a URL is a folder. One that is called like a picture is taken for one, unasked.

    Raises EnvironmentFault where the store cannot be asked.
    """
    return not _is_called_picture(url) and storage_of(url).is_folder(url)


def below(
    url: str, own: Location | None, selection: Selection, entered: set[int]
) -> Iterator[Listing]:
    """Every folder, but `own`, in the order of their names; none that was `entered` before.

    There are no links, and what is a picture is told by the suffix alone, since nothing is opened. Raises
    EnvironmentFault where the topmost folder cannot be listed.
    """
    top = real_folder(url)
    ours = real_folder(str(own)) if own else ""
    # Iterators, so that of the folders to come only the names are held.
    pending: list[Iterator[str]] = [iter((top,))]
    while pending:
        folder = next(pending[-1], None)
        if folder is None:
            pending.pop()
        elif (folder == top or folder != ours) and hash(folder) not in entered:
            entered.add(hash(folder))
            within = list[str]()
            try:
                for page in storage_of(folder).list(folder, top=folder == top):
                    within += page.folders
                    yield _listing(folder, folder.removeprefix(top), page, selection)
            except PhotoError as error:
                yield Listing(folder, error=error)
            pending.append(_entered(folder, top, within, selection))


def _entered(folder: str, top: str, names: list[str], selection: Selection) -> Iterator[str]:
    way = folder.removeprefix(top)
    for name in names:
        if name and not name.startswith(".") and selection.enters(way + name):
            yield f"{folder}{name}/"


def _listing(folder: str, way: str, page: Page, selection: Selection) -> Listing:
    """A page as a Listing; without what is hidden, as on a disk."""
    seen = {each.name: each for each in page.objects if not each.name.startswith(".")}
    sidecars = {name.removesuffix(SIDECAR) for name in seen if name.endswith(SIDECAR)}
    for photo in sidecars:
        del seen[photo + SIDECAR]
    unnamed = sum(name in _NO_NAMES for name in page.folders)
    taken = _picked(seen, folder, way, selection)
    names = [name for name in taken if _is_called_picture(name)]
    stamps = [seen[name].stamp for name in names]
    passed = len(taken) - len(names) + unnamed
    return Listing(
        folder, folder, way, names, sidecars=frozenset(sidecars), stamps=stamps, passed_over=passed
    )


def _picked(seen: dict[str, Object], folder: str, way: str, selection: Selection) -> list[str]:
    names = replace(selection, since=None).pick(list(seen), folder, way)
    if (since := selection.since) is not None:
        names = [name for name in names if seen[name].modified >= since]
    return names


def _is_called_picture(name: str) -> bool:
    suffix = name[name.rfind(".") :]
    return suffix in PICTURES or suffix.lower() in PICTURES


def looked_at(folder: str, real: str, names: list[str]) -> Iterator[Listing]:
    """Listings of objects that are there, and of those that are not."""
    found: dict[str, FileStamp] = {}
    with ThreadPoolExecutor(_ASKED_AT_ONCE) as asking:
        answers = asking.map(_looked_at, map(folder.__add__, names))
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, Object):
                found[name] = answer.stamp
            else:
                yield Listing(folder + name, error=answer)
        beside = asking.map(_looked_at, (folder + name + SIDECAR for name in found))
        asked = zip(found, beside, strict=True)
        sidecars = frozenset(name for name, answer in asked if isinstance(answer, Object))
    if found:
        yield Listing(folder, real, "", list(found), sidecars=sidecars, stamps=list(found.values()))


def _looked_at(url: str) -> Object | PhotoError:
    try:
        return storage_of(url).stat(url) or PhotoError(Kind.MISSING, NO_OBJECT)
    except PhotoError as error:
        return error
