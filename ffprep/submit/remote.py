"""Photos and clips in stores: local copies while a submission is in work, and the record there.

The record of submissions is an object beside the clips. It is uploaded after each change, so
before a request is sent.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Lock

from ffprep.core.location import Location, Remote
from ffprep.errors import EnvironmentFault, PhotoError
from ffprep.ledger.database import database_errors, open_to_write
from ffprep.ledger.remote import download
from ffprep.storage.protocol import Object, storage_of
from ffprep.submit.store import FILE, LAYOUT, SubmissionStore
from ffprep.system.tempfiles import working_folder


@contextmanager
def local_files(photo: Location | None, clip: Location) -> Iterator[tuple[Path | None, Path]]:
    """Yield paths of this machine for a photo and its clip: their own, else copies.

    Raises PhotoError if an object cannot be downloaded.
    """
    if not isinstance(photo, Remote) and isinstance(clip, Path):
        yield photo, clip
        return
    with working_folder() as folder:
        if isinstance(photo, Remote):
            path = folder / photo.name
            storage_of(photo).fetch(photo, path, photo.stamp)
            photo = path
        yield photo, storage_of(clip).local_path(clip, folder, "clip.mp4")


class RemoteStore(SubmissionStore):
    """The record of a folder of objects. `known` is the version that was downloaded, if any."""

    def __init__(
        self, database: sqlite3.Connection, path: Path, home: Location, known: Object | None
    ) -> None:
        super().__init__(database, path)
        self._home, self._known, self._uploads = home, known, Lock()

    def _execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        cursor = super()._execute(statement, *values)
        if not statement.startswith("SELECT"):
            self._upload()
        return cursor

    def _upload(self) -> None:
        """Upload a copy. Raises EnvironmentFault, also if another run has written the object."""
        copy = self._path.with_name("copy.db")
        with self._uploads:
            copy.unlink(missing_ok=True)
            super()._execute("VACUUM INTO ?", os.fspath(copy))
            try:
                put = storage_of(self._home).replace(copy, self._home, self._known)
            except PhotoError as error:
                raise _fault(self._home, str(error)) from None
            if put is None:
                raise _fault(self._home, "another run has written it meanwhile")
            self._known = put


def _fault(home: Location, why: str) -> EnvironmentFault:
    hint = "nothing more is sent; run ffprep again when the store can be written"
    return EnvironmentFault(f"cannot record submissions in {home}: {why}; {hint}")


@contextmanager
def open_store(folder: Remote, wait: float) -> Iterator[SubmissionStore]:
    """Open the store of a folder of objects, and lock the folder."""
    home = folder / FILE
    with ExitStack() as stack:
        stack.enter_context(storage_of(folder).lock(folder, wait))
        path, known = stack.enter_context(download(home))
        with database_errors(path, LAYOUT):
            database = stack.enter_context(closing(open_to_write(path, "OFF", LAYOUT)))
        yield RemoteStore(database, path, home, known)
