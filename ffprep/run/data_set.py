"""What a run makes for data sets: copies of files that lie beside photos, and a manifest.

Files such as captions are copied beside outputs (`--carry`) at the end of a run, for all outputs
that exist. `photo.jpg.txt` or `photo.txt` becomes the output's name with `.txt`. The ledger knows
the copies, so that those that were modified, and other files, are not replaced.

A manifest (`--manifest`) has one JSON object a line for every picture of an output folder. It is
`metadata.jsonl` as the `imagefolder` of Hugging Face's datasets reads it.
"""

import heapq
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from ffprep.core.job import Batch, Result, Status
from ffprep.errors import Kind, PhotoError
from ffprep.ledger.freshness import Freshness
from ffprep.ledger.history import recorded_specs
from ffprep.ledger.ledger import Ledger
from ffprep.ledger.rows import (
    Entry,
    Name,
    Row,
    decode_name,
    encode_name,
    encode_names,
    relative_folder,
    stored_stamp,
)
from ffprep.ledger.tables import Copy, find_copies, record_copies, remove
from ffprep.record import Record, field
from ffprep.storage.stamps import stamp_or_none
from ffprep.system.files import FileStamp, open_regular, real_folder, real_path
from ffprep.system.own_folder import OwnFolders
from ffprep.system.tempfiles import (
    errors_named_after,
    replace_file,
    temporary_beside,
    write_errors,
)

if TYPE_CHECKING:
    from ffprep.run.runner import Run

_MOST_BYTES = 64 << 20
_LONGEST_TEXT = 1 << 20


def with_data_set(run: "Run", cleaning: Iterator[Result]) -> Iterator[Result]:
    """Copy files beside outputs, clean up, and write the manifest. Yield all Results.

    Raises EnvironmentFault if the manifest cannot be written.
    """
    options, freshness = run.options, run.freshness
    if options.request.carry and not run.stopped:
        for result in Carry(run, freshness.ledger if freshness else None).results():
            yield freshness.record_early_failure(result) if freshness else result
    yield from cleaning
    if options.manifest and freshness and not run.stopped:
        _write_manifest(options.manifest, run, freshness)


class Carry(Record, frozen=False):
    """Copies the files of a run. Without a `ledger`, copies that are not older are kept.

    With --prune, the copies of files that are gone are removed.
    """

    run: "Run"
    ledger: Ledger | None
    _pictures: int = 0
    _missing: Counter[str] = field(default_factory=Counter)
    _first: dict[str, str] = field(default_factory=dict)
    _news: set[str] = field(default_factory=set)
    """The suffixes of which a picture that this run made has no file."""

    def results(self) -> Iterator[Result]:
        """Yield a Result for each file that cannot be copied.

        Say how many pictures have none, if the run made one of them.
        """
        with closing(OwnFolders()) as folders:
            for batch in self.run.plan.batches():
                if self.run.stopped:
                    return
                if isinstance(batch, Batch):
                    yield from self._carry(batch, folders)
        for suffix in filter(self._news.__contains__, self._missing):
            count = self._missing[suffix]
            some = f"{count} of {self._pictures} pictures have no {suffix} beside their photo"
            self.run.warn(f"{some}; the first is {self._first[suffix]}")

    def _carry(self, batch: Batch, folders: OwnFolders) -> Iterator[Result]:
        into = batch.output_folder
        made = [index for index, name in enumerate(batch.outputs) if os.path.lexists(into + name)]
        self._pictures += len(made)
        for suffix in self.run.plan.request.carry:
            copies = _Copies.of(self, batch, suffix, folders)
            missing = list[int]()
            for index in made:
                photo = batch.folder + batch.names[index]
                source = _beside(photo, suffix)
                try:
                    if source:
                        copies.update(index, source)
                    else:
                        missing.append(index)
                        copies.drop(index)
                except PhotoError as error:
                    yield Result.failed(Path(source or photo), copies.path(index), error)
            copies.record()
            if missing:
                self._count(batch, suffix, missing)

    def _count(self, batch: Batch, suffix: str, missing: list[int]) -> None:
        """Count the pictures of a batch that have no file of a suffix."""
        self._missing[suffix] += len(missing)
        self._first.setdefault(suffix, batch.folder + batch.names[missing[0]])
        ledger, rows = self.ledger, dict[tuple[Name, Name], Row]()
        if ledger and suffix not in self._news:
            outputs = encode_names(batch.outputs[index] for index in missing)
            folder = relative_folder(self.run.plan.request.folder, batch.output_folder)
            rows = ledger.rows(folder, outputs)
        made = (row.run for row in rows.values() if row.status == Status.CONVERTED)
        if not ledger or ledger.run in made:  # without a ledger, it made all
            self._news.add(suffix)


class _Copies(Record):
    """The copies of one suffix that lie beside the outputs of a batch, by their `names`.

    `known` are those that the ledger has.
    """

    carry: Carry
    batch: Batch
    names: list[str]
    folder: str
    folders: OwnFolders
    known: dict[Name, Copy]
    _made: list[Copy] = field(default_factory=list)
    _gone: list[Copy] = field(default_factory=list)

    @classmethod
    def of(cls, carry: Carry, batch: Batch, suffix: str, folders: OwnFolders) -> "_Copies":
        folder = relative_folder(carry.run.plan.request.folder, batch.output_folder)
        names = [os.path.splitext(each)[0] + suffix for each in batch.outputs]
        known = find_copies(carry.ledger, folder, encode_names(names)) if carry.ledger else {}
        return cls(carry, batch, names, folder, folders, known)

    def path(self, index: int) -> Path:
        """Return the path of a copy."""
        return Path(self.batch.output_folder + self.names[index])

    def update(self, index: int, source: str) -> None:
        """Copy a file, unless its copy is up to date, or was modified. Raises PhotoError."""
        path, at, ledger = self.path(index), stamp_or_none(source), self.carry.ledger
        real = real_path(source)
        if real_path(path) == real or not at:
            return  # the file lies beside the output, or has just gone
        there = stamp_or_none(path, follow=False)
        name, output = encode_name(self.names[index]), encode_name(self.batch.outputs[index])
        known = self.known.get(name)
        is_same = known is not None and known.source == encode_name(real)
        if there and known and is_same and known.source_stamp == stored_stamp(at):
            return
        data = _read(source, self.batch)
        if there and known and not is_same:
            _require_own(known, output, path)
        if there and not self._is_unmodified(known, there, at):
            if _content(path) != data:
                words = "exists, and ffprep did not write it"
                if not ledger:
                    words = f"differs from {source}, and is not older"
                elif known:
                    words = f"was modified since it was copied, and {source} has changed too"
                raise PhotoError(Kind.COLLISION, f"{path} {words}; remove it to have it replaced")
        else:
            with temporary_beside(path, self.folders) as temporary, write_errors(path):
                temporary.path.write_bytes(data)
                temporary.publish()
            there = stamp_or_none(path, follow=False)
        if ledger and there:
            stamps = stored_stamp(at), stored_stamp(there)
            copy = Copy(self.folder, name, output, encode_name(real), *stamps)
            self.known[name] = copy
            self._made.append(copy)

    def _is_unmodified(self, known: Copy | None, there: FileStamp, source: FileStamp) -> bool:
        """Return whether a copy is as ffprep wrote it; without a ledger, whether it is older."""
        if self.carry.ledger:
            return known is not None and known.stamp == stored_stamp(there)
        is_apart = real_folder(self.batch.output_folder) != real_folder(self.batch.folder)
        return is_apart and there.modified < source.modified

    def drop(self, index: int) -> None:
        """Remove the copy of a file that is gone, with --prune. Raises PhotoError."""
        run, known = self.carry.run, self.known.get(encode_name(self.names[index]))
        if not known or not run.options.rerun.prune:
            return
        if not os.path.lexists(decode_name(known.source)):
            remove(known, run.plan.request.folder)
            self._gone.append(known)

    def record(self) -> None:
        """Write the copies that changed into the ledger."""
        if self.carry.ledger:
            record_copies(self.carry.ledger, self._made, self._gone)


def _require_own(known: Copy, output: Name, path: Path) -> None:
    """Raise PhotoError if a copy belongs to another picture, whose file is still there."""
    other = decode_name(known.source)
    if known.output != output and os.path.lexists(other):
        advice = "choose other names with --names, such as '{stem}-{suffix}'"
        raise PhotoError(Kind.COLLISION, f"{path} is the copy of {other}; {advice}")


def _beside(photo: str, suffix: str) -> str | None:
    """Return the file of a photo: `photo.jpg.txt` or `photo.txt`; None if there is none."""
    names = photo + suffix, os.path.splitext(photo)[0] + suffix
    return next(filter(os.path.isfile, names), None)


def _read(source: str, batch: Batch) -> bytes:
    """Read a file as the walk may read sidecars: a link must not lead out of the SOURCE."""
    place = batch.places.of_sidecars if batch.places else ""
    if place and os.path.islink(source) and not os.path.realpath(source).startswith(place):
        problem = "is a link that leads out of the SOURCE; replace it by a copy"
        raise PhotoError(Kind.IO, f"{source} {problem}, or see --follow-links")
    data = _content(Path(source), place)
    if data is None:
        raise PhotoError(Kind.TOO_LARGE, f"{source} has more than {_MOST_BYTES >> 20} MB")
    return data


def _content(path: Path, place: str = "") -> bytes | None:
    """Return what a file contains; None if it is longer than all files that are copied."""
    with open_regular(path, place) as file:
        data = file.read(_MOST_BYTES + 1)
    return data if len(data) <= _MOST_BYTES else None


def _write_manifest(path: Path, run: "Run", freshness: Freshness) -> None:
    """Write the manifest of all pictures that are as the ledgers of the output folder say.

    Raises EnvironmentFault if it cannot be written; then it is as before.
    """
    options, output = run.options, os.fspath(run.options.request.output)
    with ExitStack() as stack, errors_named_after("--manifest"):
        ledgers = [freshness.ledger]
        shard, place = options.request.shard, options.rerun.ledger
        if shard and place:
            from ffprep.ledger.shards import LedgerFile

            others = LedgerFile.find_all(shard.whole_path(place))
            ledgers += [
                stack.enter_context(each.opened(options.request.output, run.warn, read_only=True))
                for each in others
                if each.path != place
            ]
        caption = options.request.carry[0] if options.request.carry else ""
        folder, here = real_folder(output), real_folder(os.path.dirname(os.path.abspath(path)))
        temporary = stack.enter_context(replace_file(path))
        left_out = 0
        with temporary.open("w", encoding="ascii") as file:
            for entry, mode in _pictures(ledgers, output):
                if line := _line(entry, mode, folder, here, caption):
                    file.write(json.dumps(line) + "\n")
                else:
                    left_out += 1
        if left_out:
            run.warn(f"--manifest: {left_out} pictures are left out: their names are not UTF-8")


def _pictures(ledgers: Iterable[Ledger], output: str) -> Iterator[tuple[Entry, str | None]]:
    """Yield the pictures that are as recorded, in the order of their names, and their modes."""
    found = heapq.merge(*map(_entries, ledgers), key=lambda each: each[0].path)
    last = None
    for entry, mode in found:
        stamp = stamp_or_none(f"{output}/{entry.path}", follow=False)
        if entry.path != last and stamp and entry.row.has_output(stamp):
            yield entry, mode
            last = entry.path


def _entries(ledger: Ledger) -> Iterator[tuple[Entry, str | None]]:
    specs = recorded_specs(ledger)
    for entry in ledger.entries(Status.CONVERTED):
        if entry.row.spec in specs:
            spec = specs[entry.row.spec]
            mode = None if spec is None or spec.fallback else spec.mode.name
            yield entry, mode


def _line(
    entry: Entry, mode: str | None, output: str, here: str, caption: str
) -> dict[str, object] | None:
    """Return the line of a picture in the folder `output`, for a manifest in the folder `here`.

    `caption` is the suffix of texts beside the pictures. Return None if a name is not UTF-8.
    """
    row, below = entry.row, entry.path
    if any("\ud800" <= letter <= "\udfff" for letter in below):
        return None
    line: dict[str, object] = {
        "file_name": os.path.relpath(output + below, here),
        "width": row.width,
        "height": row.height,
        "bucket": f"{row.width}x{row.height}",
        "mode": mode,
        "source": entry.source.encode(errors="replace").decode(),
    }
    if caption:
        line["text"] = _text(Path(os.path.splitext(output + below)[0] + caption))
    return line


def _text(path: Path) -> str | None:
    """Return a caption, without white space at its ends; None if there is none."""
    try:
        with open_regular(path) as file:
            return file.read(_LONGEST_TEXT).decode("utf-8-sig", errors="replace").strip()
    except PhotoError:
        return None
