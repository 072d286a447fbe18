"""A ledger whose home is in a store: fetched when a run begins, put back as it goes on and when it ends.

What a killed run had not put back yet is not remembered, and done again by the next one.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Thread
from typing import Self

from ffprep.core.location import Location, Remote
from ffprep.errors import EnvironmentFault, FfprepError, Kind, PhotoError
from ffprep.ledger.ledger import Entry, Ledger
from ffprep.storage.objects import Object, store
from ffprep.system.tempfiles import working_folder

_EVERY, _SHARE = 60.0, 20
"""Seconds between two savings; more where one takes long: they shall not take more than a twentieth of the time."""


@contextmanager
def download(home: Remote) -> Iterator[tuple[Path, Object | None]]:
    """A ledger as a file of this machine, and which version it is; no file where there is none.

    Raises EnvironmentFault.
    """
    with working_folder() as folder:
        path = folder / home.name
        try:
            found = store(home.url).glance(home.url)
            if found:
                store(home.url).fetch(home.url, path)
                if path.stat().st_size != found.stamp.bytes:
                    raise EnvironmentFault(f"only a part of the ledger {home} came; run again")
        except PhotoError as error:
            raise EnvironmentFault(f"the ledger {home} cannot be read: {error}") from None
        with _told_of(home, path):
            yield path, found


@contextmanager
def _told_of(home: Remote, path: Path) -> Iterator[None]:
    """What is wrong with the file is wrong with the object."""
    try:
        yield
    except EnvironmentFault as error:
        raise EnvironmentFault(str(error).replace(str(path), str(home))) from None


@contextmanager
def local_copy(ledger: Location) -> Iterator[Path]:
    """The same for reading, wherever it is."""
    if isinstance(ledger, Path):
        yield ledger
        return
    with download(ledger) as (path, _):
        yield path


def is_there(ledger: Location) -> bool:
    """Whether there is one. Raises EnvironmentFault where a store cannot be asked."""
    if isinstance(ledger, Path):
        return os.path.exists(ledger)
    try:
        return store(ledger.url).glance(ledger.url) is not None
    except PhotoError as error:
        raise EnvironmentFault(f"the ledger {ledger} cannot be read: {error}") from None


class RemoteLedger(Ledger):
    """An open ledger, held by one run, that is put back to its home. Use from one thread at a time."""

    def __init__(
        self, home: Remote, warn: Callable[[str], None], fsync: bool, read_only: bool
    ) -> None:
        self._home = home
        self._saving: Thread | None = None
        self._saved, self._took = time.monotonic(), 0.0
        self._trouble: FfprepError | None = None
        with ExitStack() as stack:
            path, self._known = stack.enter_context(download(home))
            super().__init__(
                path, lambda words: warn(words.replace(str(path), str(home))), fsync, read_only
            )
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Put it back at last; raises EnvironmentFault where that fails, unless there is an error already."""
        with self._stack:
            super().__exit__(*error)
            if self.read_only:
                return
            if self._saving:
                self._saving.join()
            self._save(self.path)
            if self._trouble:
                words = f"the ledger cannot be put back to {self._home}: {self._trouble}"
                words += "; the next run does again what it does not remember"
                if error and error[0]:
                    self._warn(words)
                else:
                    raise EnvironmentFault(words)

    def record(self, entries: Iterable[Entry]) -> None:
        """Write rows, all or none, and now and then put the ledger back."""
        super().record(entries)
        if self._saving and self._saving.is_alive():
            return
        if time.monotonic() - self._saved > max(_EVERY, _SHARE * self._took):
            copy = self.path.with_name("saved.db")
            try:
                copy.unlink(missing_ok=True)
                with closing(sqlite3.connect(copy)) as target:
                    self._database.backup(target)
            except (OSError, sqlite3.Error):  # no room for a second one, maybe: it is for later
                self._saved = time.monotonic()
                return
            self._saving = Thread(target=self._save, args=(copy,), daemon=True)
            self._saving.start()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        with _told_of(self._home, self.path), super()._guarded():
            yield

    def _lies_in(self, output: str) -> bool:
        return self._home.url.startswith(f"{output}/")

    def _put_aside(self) -> None:
        super()._put_aside()
        for aside in self.path.parent.glob(f"{self.path.name}.corrupt-*"):
            self._put_beside(aside)

    def _save(self, path: Path) -> None:
        """Put a copy back; where somebody else has written there, beside it."""
        started, self._trouble = time.monotonic(), None
        try:
            put = store(self._home.url).replace(path, self._home.url, self._known)
            if put:
                self._known = put
            else:
                own = f"{self.path.name}.{self.path.parent.name[-13:-5]}"
                self._warn(f"{path.name} is kept as {self._put_beside(path, own)}")
                self._trouble = PhotoError(Kind.IO, "another run has written it meanwhile")
        except FfprepError as error:
            self._trouble = error
        self._saved = time.monotonic()
        self._took = self._saved - started

    def _put_beside(self, path: Path, name: str = "") -> Remote:
        beside = self._home.parent / (name or path.name)
        store(beside.url).put(path, beside.url)
        return beside
