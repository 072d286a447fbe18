"""Copy files that lie beside photos, such as captions, beside their outputs (`--carry`).

It is done at the end of a run, for all outputs that exist. `photo.jpg.txt` or `photo.txt` becomes
the output's name with `.txt`. The ledger knows the copies, so that those that were modified, and
other files, are not replaced.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from ffprep.core.job import Batch, Result
from ffprep.core.location import Location
from ffprep.errors import Kind, PhotoError
from ffprep.ledger.carried import Copy, find_copies, record_copies, remove
from ffprep.ledger.ledger import Ledger
from ffprep.ledger.rows import (
    CONVERTED,
    Entry,
    Name,
    Row,
    decode_name,
    encode_name,
    encode_names,
    has_output_stamp,
    has_source_stamp,
    relative_folder,
    stored_time,
)
from ffprep.library.plan import Plan
from ffprep.record import Record, field
from ffprep.storage.stamps import stamp_or_none
from ffprep.system.files import FileStamp, open_regular, real_folder, real_path
from ffprep.system.own_folder import OwnFolders
from ffprep.system.tempfiles import temporary_beside, write_errors

_MOST_BYTES = 64 << 20


class Carry(Record, frozen=False):
    """Copies the files of a plan. Without a `ledger`, copies that are not older are kept.

    With `prune`, the copies of files that are gone are removed.
    """

    plan: Plan
    ledger: Ledger | None
    prune: bool
    stopped: Callable[[], bool]
    _pictures: int = 0
    _missing: Counter[str] = field(default_factory=Counter)
    _first: dict[str, str] = field(default_factory=dict)
    _news: set[str] = field(default_factory=set)
    """The suffixes of which a picture that this run made has no file."""

    def results(self, warn: Callable[[str], None]) -> Iterator[Result]:
        """Yield a Result for each file that cannot be copied.

        Say how many pictures have none, if the run made one of them.
        """
        with closing(OwnFolders()) as folders:
            for batch in self.plan.batches():
                if self.stopped():
                    return
                if isinstance(batch, Batch):
                    yield from self._carry(batch, folders)
        for suffix in filter(self._news.__contains__, self._missing):
            count = self._missing[suffix]
            some = f"{count} of {self._pictures} pictures have no {suffix} beside their photo"
            warn(f"{some}; the first is {self._first[suffix]}")

    def _carry(self, batch: Batch, folders: OwnFolders) -> Iterator[Result]:
        into = batch.output_folder
        made = [index for index, name in enumerate(batch.outputs) if os.path.lexists(into + name)]
        self._pictures += len(made)
        for suffix in self.plan.request.carry:
            copies = _Copies.of(self, batch, suffix, folders)
            missing = list[int]()
            for index in made:
                source = _beside(batch.folder + batch.names[index], suffix)
                try:
                    if source:
                        copies.update(index, source)
                    else:
                        missing.append(index)
                        copies.drop(index)
                except PhotoError as error:
                    photo = source or batch.folder + batch.names[index]
                    yield Result.failed(Path(photo), Path(copies.path(index)), error)
            copies.record()
            self._count(batch, suffix, missing)

    def _count(self, batch: Batch, suffix: str, missing: list[int]) -> None:
        """Count the pictures of a batch that have no file of a suffix."""
        if not missing:
            return
        self._missing[suffix] += len(missing)
        self._first.setdefault(suffix, batch.folder + batch.names[missing[0]])
        outputs = [batch.outputs[index] for index in missing]
        if suffix not in self._news and self._has_made(batch, outputs):
            self._news.add(suffix)

    def _has_made(self, batch: Batch, outputs: list[str]) -> bool:
        """Return whether this run made one of some outputs; without a ledger, it made all."""
        if not self.ledger:
            return True
        folder = relative_folder(self.plan.request.folder, batch.output_folder)
        rows = self.ledger.rows(folder, encode_names(outputs)).values()
        return any(row.status == CONVERTED and row.run == self.ledger.run for row in rows)


class _Copies(Record, frozen=False):
    """The copies of one suffix that lie beside the outputs of a batch."""

    batch: Batch
    suffix: str
    output: Location
    folder: str
    ledger: Ledger | None
    prune: bool
    folders: OwnFolders
    known: dict[Name, Copy]
    among_photos: bool
    _made: list[Copy] = field(default_factory=list)
    _gone: list[Copy] = field(default_factory=list)

    @classmethod
    def of(cls, carry: Carry, batch: Batch, suffix: str, folders: OwnFolders) -> "_Copies":
        request, ledger = carry.plan.request, carry.ledger
        output, known = request.folder, dict[Name, Copy]()
        folder = relative_folder(output, batch.output_folder)
        if ledger:
            names = [os.path.splitext(each)[0] + suffix for each in batch.outputs]
            known = find_copies(ledger, folder, encode_names(names))
        among = real_folder(batch.output_folder) == real_folder(batch.folder)
        return cls(batch, suffix, output, folder, ledger, carry.prune, folders, known, among)

    def path(self, index: int) -> str:
        """Return the path of a copy."""
        return self.batch.output_folder + self._name(index)

    def _name(self, index: int) -> str:
        return os.path.splitext(self.batch.outputs[index])[0] + self.suffix

    def update(self, index: int, source: str) -> None:
        """Copy a file, unless its copy is up to date, or was modified. Raises PhotoError."""
        path, at = self.path(index), stamp_or_none(source)
        if real_path(path) == real_path(source) or not at:
            return  # the file lies beside the output, or has just gone
        there = stamp_or_none(path, follow=False)
        known = self.known.get(encode_name(self._name(index)))
        is_same = known is not None and known.entry.row.source == encode_name(real_path(source))
        if there and known and is_same and has_source_stamp(known.entry.row, at):
            return
        data = _read(source, self.batch)
        if there and known and not is_same:
            self._require_own(known, index, path)
        if there and not self._is_unmodified(known, there, at):
            if _content(path) != data:
                words = "exists, and ffprep did not write it"
                if not self.ledger:
                    words = f"differs from {source}, and is not older"
                elif known:
                    words = f"was modified since it was copied, and {source} has changed too"
                raise PhotoError(Kind.COLLISION, f"{path} {words}; remove it to have it replaced")
        else:
            with temporary_beside(Path(path), self.folders) as temporary, write_errors(Path(path)):
                temporary.path.write_bytes(data)
                temporary.publish()
            there = stamp_or_none(path, follow=False)
        if self.ledger and there:
            copy = self._copy(index, source, at, there)
            self.known[copy.entry.row.name] = copy
            self._made.append(copy)

    def _require_own(self, known: Copy, index: int, path: str) -> None:
        """Raise PhotoError if a copy belongs to another picture, whose file is still there."""
        other = decode_name(known.entry.row.source)
        if known.output != encode_name(self.batch.outputs[index]) and os.path.lexists(other):
            advice = "choose other names with --names, such as '{stem}-{suffix}'"
            raise PhotoError(Kind.COLLISION, f"{path} is the copy of {other}; {advice}")

    def _is_unmodified(self, known: Copy | None, there: FileStamp, source: FileStamp) -> bool:
        """Return whether a copy is as ffprep wrote it; without a ledger, whether it is older."""
        if self.ledger:
            return known is not None and has_output_stamp(known.entry.row, there)
        return not self.among_photos and there.modified < source.modified

    def _copy(self, index: int, source: str, at: FileStamp, there: FileStamp) -> Copy:
        stamps = at.bytes, stored_time(at.modified), there.bytes, stored_time(there.modified)
        name, real = encode_name(self._name(index)), encode_name(real_path(source))
        row = Row(name, real, CONVERTED, 0, None, *stamps)
        return Copy(Entry(self.folder, row), encode_name(self.batch.outputs[index]))

    def drop(self, index: int) -> None:
        """Remove the copy of a file that is gone, with --prune. Raises PhotoError."""
        known = self.known.get(encode_name(self._name(index)))
        if known and self.prune and not os.path.lexists(decode_name(known.entry.row.source)):
            remove(known, self.output)
            self._gone.append(known)

    def record(self) -> None:
        """Write the copies that changed into the ledger."""
        if self.ledger and (self._made or self._gone):
            record_copies(self.ledger, self._made, self._gone)


def _beside(photo: str, suffix: str) -> str | None:
    """Return the file of a photo: `photo.jpg.txt` or `photo.txt`; None if there is none."""
    for name in (photo + suffix, os.path.splitext(photo)[0] + suffix):
        if os.path.isfile(name):
            return name
    return None


def _read(source: str, batch: Batch) -> bytes:
    """Read a file as the walk may read sidecars: a link must not lead out of the SOURCE."""
    place = batch.places.of_sidecars if batch.places else ""
    if place and os.path.islink(source) and not os.path.realpath(source).startswith(place):
        problem = "is a link that leads out of the SOURCE; replace it by a copy"
        raise PhotoError(Kind.IO, f"{source} {problem}, or see --follow-links")
    with open_regular(Path(source), place) as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise PhotoError(Kind.TOO_LARGE, f"{source} has more than {_MOST_BYTES >> 20} MB")
    return data


def _content(path: str) -> bytes | None:
    """Return what a file contains; None if it is longer than all files that are copied."""
    with open_regular(Path(path)) as file:
        data = file.read(_MOST_BYTES + 1)
    return data if len(data) <= _MOST_BYTES else None
