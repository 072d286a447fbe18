"""The same operations, on local files and on objects."""

import os
from pathlib import Path
from threading import Event, Thread

import pytest

from ffprep.core.location import Location, Remote
from ffprep.errors import Kind, OutputLocked, PhotoError
from ffprep.storage.protocol import Storage, local_path, storage_of
from ffprep.storage.stores import _opened


@pytest.fixture(params=["local", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    _opened.cache_clear()
    return tmp_path / "root" if request.param == "local" else Remote("memory://bucket/root")


@pytest.fixture
def storage(root: Location) -> Storage:
    return storage_of(root)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    path = tmp_path / "made.jpg"
    path.write_bytes(b"made")
    return path


def test_what_is_put_is_listed_read_and_removed(
    storage: Storage, root: Location, made: Path, tmp_path: Path
) -> None:
    place = root / "in" / "a.jpg"
    assert storage.stat(place) is None
    assert [*storage.list(root)] in ([], [*storage.list(root / "none")])
    stamp = storage.put(made, place)
    found = storage.stat(place)
    assert found
    assert (found.name, found.stamp, stamp.bytes) == ("a.jpg", stamp, 4)
    assert storage.is_folder(root / "in")
    assert not storage.is_folder(root / "none")
    (page,) = storage.list(root)
    assert (page.objects, page.folders) == ([], ["in"])
    (page,) = storage.list(root / "in")
    assert [(each.name, each.stamp) for each in page.objects] == [("a.jpg", stamp)]
    assert storage.read(place) == b"made"
    assert storage.read(place, 2) == b"ma"
    copy = local_path(place, tmp_path, "copy.jpg")
    assert storage.fetch(place, copy, stamp).stamp == stamp
    assert copy.read_bytes() == b"made"
    assert (copy == place) == storage.is_local
    storage.remove(place, root)
    assert storage.stat(place) is None
    assert not os.path.exists(root / "in")


def test_a_version_is_replaced_only_if_it_is_still_there(
    storage: Storage, root: Location, made: Path
) -> None:
    place = root / "ledger.db"
    assert storage.create(place, b"first")
    assert not storage.create(place, b"second")
    assert storage.replace(made, place, None) is None
    before = storage.stat(place)
    after = storage.replace(made, place, before)
    assert after
    made.write_bytes(b"later")
    assert storage.replace(made, place, before) is None
    assert storage.read(place) == b"made"
    current = storage.stat(place)
    assert current
    assert current.stamp == after.stamp


def test_one_holder_has_the_lock(storage: Storage, root: Location) -> None:
    with storage.lock(root), pytest.raises(OutputLocked, match="process"), storage.lock(root):
        pass
    with storage.lock(root):
        pass


def test_a_lock_is_waited_for(storage: Storage, root: Location) -> None:
    held, release, waited = Event(), Event(), Event()

    def hold() -> None:
        with storage.lock(root):
            held.set()
            release.wait(60)

    def stopped() -> bool:
        release.set()
        waited.set()
        return False

    holder = Thread(target=hold)
    holder.start()
    assert held.wait(60)
    with storage.lock(root, wait=60.0, stopped=stopped):
        pass
    assert waited.is_set()
    holder.join()


def test_what_is_missing_says_so(storage: Storage, root: Location, tmp_path: Path) -> None:
    with pytest.raises(PhotoError) as caught:
        storage.read(root / "none")
    assert caught.value.kind is Kind.MISSING
    with pytest.raises(PhotoError) as caught:
        storage.fetch(root / "none", tmp_path / "copy")
    assert caught.value.kind is Kind.MISSING


@pytest.mark.parametrize("name", ["in//a.jpg", "../a.jpg", "./a.jpg"])
def test_a_key_that_obstore_cannot_express_is_refused(name: str) -> None:
    url = f"memory://bucket/root/{name}"
    with pytest.raises(PhotoError, match="an empty part"):
        storage_of(url).read(url)


def test_another_version_than_the_listed_one_is_refused(tmp_path: Path, made: Path) -> None:
    place = Remote("memory://bucket/changed.jpg")
    storage = storage_of(place)
    stamp = storage.put(made, place)
    made.write_bytes(b"late")
    storage.put(made, place)
    with pytest.raises(PhotoError, match="was changed while it was read"):
        storage.fetch(place, tmp_path / "copy.jpg", stamp)


def test_no_link_below_the_top_is_followed_to_a_file_that_is_removed(tmp_path: Path) -> None:
    (tmp_path / "away/in").mkdir(parents=True)
    kept = tmp_path / "away/in/a.jpg"
    kept.write_bytes(b"a photo")
    top = tmp_path / "out"
    (top / "in").mkdir(parents=True)
    (top / "linked").symlink_to(kept.parent)
    (top / "in/b.jpg").symlink_to(kept)
    (top / "in/c.jpg").mkdir()
    storage = storage_of(top)
    for name in ("linked/a.jpg", "in/b.jpg", "in/c.jpg", "../away/in/a.jpg"):
        with pytest.raises(PhotoError):
            storage.remove(top / name, top)
    assert kept.read_bytes() == b"a photo"
    assert sorted(os.listdir(top / "in")) == ["b.jpg", "c.jpg"]
