"""Walk folders in stores, a page of a listing at a time, as `walk` does with local folders."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from ffprep.errors import Kind, PhotoError
from ffprep.library.selection import Selection
from ffprep.library.walk import PICTURES, Listing, Walk
from ffprep.record import replace
from ffprep.storage.protocol import Object, Page, storage_of
from ffprep.system.files import SIDECAR, FileStamp, real_folder

_NO_OBJECT = "there is no such object (any more)"
_CONNECTIONS = 16
_UNSAFE_NAMES = ("", ".", "..")
"""Parts of keys that are not names of folders, and would lead out of an output folder."""


@lru_cache
def is_folder(url: str) -> bool:
    """Return whether a URL is a folder. One with the suffix of a photo is not, without a request.

    Raise EnvironmentFault if the store does not answer.
    """
    return not _has_photo_suffix(url) and storage_of(url).is_folder(url)


def below(walk: Walk, url: str, entered: set[int]) -> Iterator[Listing]:
    """Yield every folder but the output's, in the order of names; none that was `entered` before.

    Photos are recognised by their suffix alone; no object is opened. Raise EnvironmentFault if the
    folder `url` itself cannot be listed.
    """
    top = real_folder(url)
    output = real_folder(str(walk.output)) if walk.output else ""
    base = top.removesuffix(walk.relative(top))
    # Iterators, so that only the names of the folders to come are in memory.
    pending: list[Iterator[str]] = [iter((top,))]
    while pending:
        folder = next(pending[-1], None)
        if folder is None:
            pending.pop()
        elif (folder == top or folder != output) and hash(folder) not in entered:
            entered.add(hash(folder))
            names = list[str]()
            try:
                for page in storage_of(folder).list(folder, top=folder == top):
                    names += page.folders
                    yield _listing(folder, folder.removeprefix(base), page, walk)
            except PhotoError as error:
                yield Listing(folder, error=error)
            pending.append(_subfolders(folder, base, names, walk.selection))


def _subfolders(folder: str, base: str, names: list[str], selection: Selection) -> Iterator[str]:
    below = folder.removeprefix(base)
    for name in names:
        if name and not name.startswith(".") and selection.enters(below + name):
            yield f"{folder}{name}/"


def _listing(folder: str, below: str, page: Page, walk: Walk) -> Listing:
    """Return a page as a Listing, without hidden objects."""
    made, selection = walk.made, walk.selection
    seen = {each.name: each for each in page.objects if not each.name.startswith(".")}
    sidecars = {name.removesuffix(SIDECAR) for name in seen if name.endswith(SIDECAR)}
    for photo in sidecars:
        del seen[photo + SIDECAR]
    if made:
        photos = made.without(folder, list(seen), lambda name: seen[name].stamp.bytes)
        seen = {name: seen[name] for name in photos}
    selected = _select(seen, folder, below, selection)
    names = [name for name in selected if _is_source(name, walk)]
    stamps = [seen[name].stamp for name in names]
    others = [name for name in selected if not _is_source(name, walk)]
    others += [f"{name}/" for name in page.folders if name in _UNSAFE_NAMES]
    return Listing(
        folder,
        folder,
        below,
        names,
        sidecars=frozenset(sidecars),
        stamps=stamps,
        others=selection.without_remains(others),
        occupied=any(_is_source(name, walk) for name in seen),
    )


def _select(seen: dict[str, Object], folder: str, below: str, selection: Selection) -> list[str]:
    names = replace(selection, since=None).pick(list(seen), folder, below)
    if (since := selection.since) is not None:
        names = [name for name in names if seen[name].modified >= since]
    return names


def _is_source(name: str, walk: Walk) -> bool:
    return _has_photo_suffix(name) or walk.is_film(name)


def _has_photo_suffix(name: str) -> bool:
    suffix = name[name.rfind(".") :]
    return suffix in PICTURES or suffix.lower() in PICTURES


def read_objects(folder: str, real: str, names: list[str]) -> Iterator[Listing]:
    """Yield a Listing of the objects that exist, and one with the error of each that does not."""
    found: dict[str, FileStamp] = {}
    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        answers = threads.map(_stat, map(folder.__add__, names))
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, Object):
                found[name] = answer.stamp
            else:
                yield Listing(folder + name, error=answer)
        sidecar_answers = threads.map(_stat, (folder + name + SIDECAR for name in found))
        pairs = zip(found, sidecar_answers, strict=True)
        sidecars = frozenset(name for name, answer in pairs if isinstance(answer, Object))
    if found:
        stamps = list(found.values())
        yield Listing(
            folder, real, "", list(found), sidecars=sidecars, stamps=stamps, occupied=True
        )


def _stat(url: str) -> Object | PhotoError:
    try:
        return storage_of(url).stat(url) or PhotoError(Kind.MISSING, _NO_OBJECT)
    except PhotoError as error:
        return error
