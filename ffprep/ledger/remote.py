"""A ledger stored as an object, for example in S3.

It is downloaded when a run starts, and uploaded about once a minute and at the end. What a killed
run had not uploaded yet is done again by the next one.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Thread

from ffprep.core.location import Location
from ffprep.errors import EnvironmentFault, FfprepError, Kind, PhotoError
from ffprep.ledger.ledger import Ledger
from ffprep.ledger.rows import Entry
from ffprep.storage.protocol import Object, storage_of
from ffprep.system.tempfiles import temporary_folder

_EVERY, _SHARE = 60.0, 20
"""Seconds between two uploads; more if one takes long: at most 5 % of the time is for uploads."""


@contextmanager
def ledger_errors(ledger: Location) -> Iterator[None]:
    """Raise what goes wrong with reading a ledger as EnvironmentFault."""
    try:
        yield
    except PhotoError as error:
        raise EnvironmentFault(f"cannot read the ledger {ledger}: {error}") from None


def ledger_exists(ledger: Location) -> bool:
    """Return whether there is a ledger, a file or an object. Raises EnvironmentFault."""
    with ledger_errors(ledger):
        return storage_of(ledger).stat(ledger) is not None


@contextmanager
def download(home: Location) -> Iterator[tuple[Path, Object | None]]:
    """Yield a ledger as a file of this machine, and its version; no file if there is none.

    Raise EnvironmentFault.
    """
    storage = storage_of(home)
    with temporary_folder() as folder:
        path = folder / home.name
        with ledger_errors(home):
            found = storage.fetch(home, path) if storage.stat(home) else None
        with _errors_named(home, path):
            yield path, found


@contextmanager
def _errors_named(home: Location, path: Path) -> Iterator[None]:
    """Name the object, and not the local copy, in errors."""
    try:
        yield
    except EnvironmentFault as error:
        raise EnvironmentFault(str(error).replace(str(path), str(home))) from None


@contextmanager
def local_copy(ledger: Location) -> Iterator[Path]:
    """Yield a path to read a ledger from: a file itself, or a copy of an object."""
    if storage_of(ledger).is_local:
        yield Path(ledger)
        return
    with download(ledger) as (path, _):
        yield path


class RemoteLedger(Ledger):
    """An open ledger of one run, a local copy of `home`. Use from one thread at a time."""

    def __init__(
        self, home: Location, warn: Callable[[str], None], fsync: bool, read_only: bool
    ) -> None:
        self._home = home
        self._upload: Thread | None = None
        self._saved, self._took = time.monotonic(), 0.0
        self._failure: FfprepError | None = None
        with ExitStack() as stack:
            path, self._known = stack.enter_context(download(home))
            super().__init__(
                path, lambda words: warn(words.replace(str(path), str(home))), fsync, read_only
            )
            self._stack = stack.pop_all()

    def __exit__(self, *error: object) -> None:
        """Upload it. Raise EnvironmentFault if that fails, unless there is an error already."""
        with self._stack:
            super().__exit__(*error)
            if self.read_only:
                return
            if self._upload:
                self._upload.join()
            self._upload_copy(self.path)
            if self._failure:
                words = f"cannot upload the ledger {self._home}: {self._failure}"
                words += "; the next run will repeat what is not recorded there"
                if error and error[0]:
                    self._warn(words)
                else:
                    raise EnvironmentFault(words)

    def record(self, entry: Entry) -> None:
        """Write a row, and upload the ledger from time to time."""
        super().record(entry)
        if self._upload and self._upload.is_alive():
            return
        if time.monotonic() - self._saved > max(_EVERY, _SHARE * self._took):
            copy = self.path.with_name("saved.db")
            try:
                copy.unlink(missing_ok=True)
                with closing(sqlite3.connect(copy)) as target:
                    self._database.backup(target)
            except (OSError, sqlite3.Error):  # there may be no room for a copy: try later
                self._saved = time.monotonic()
                return
            self._upload = Thread(target=self._upload_copy, args=(copy,), daemon=True)
            self._upload.start()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        with _errors_named(self._home, self.path), super()._guarded():
            yield

    def _lies_in(self, output: str) -> bool:
        return str(self._home).startswith(f"{output}/")

    def _put_aside(self) -> None:
        super()._put_aside()
        for aside in self.path.parent.glob(f"{self.path.name}.corrupt-*"):
            self._put_beside(aside)

    def _upload_copy(self, path: Path) -> None:
        """Upload a copy; under another name if another run has written the object."""
        started, self._failure = time.monotonic(), None
        try:
            put = storage_of(self._home).replace(path, self._home, self._known)
            if put:
                self._known = put
            else:
                own = f"{self.path.name}.{self.path.parent.name[-13:-5]}"
                self._warn(f"{path.name} is kept as {self._put_beside(path, own)}")
                self._failure = PhotoError(Kind.IO, "another run has written it meanwhile")
        except FfprepError as error:
            self._failure = error
        self._saved = time.monotonic()
        self._took = self._saved - started

    def _put_beside(self, path: Path, name: str = "") -> Location:
        beside = self._home.parent / (name or path.name)
        storage_of(beside).put(path, beside)
        return beside
