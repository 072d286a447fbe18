"""A manifest: one JSON object a line for every picture of an output folder (`--manifest`).

It is `metadata.jsonl` as the `imagefolder` of Hugging Face's datasets reads it.
"""

import heapq
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from ffprep.core.job import Status
from ffprep.errors import PhotoError
from ffprep.ledger.freshness import Freshness
from ffprep.ledger.ledger import Ledger
from ffprep.ledger.recorded_spec import recorded_specs
from ffprep.ledger.rows import Entry
from ffprep.run.convert_options import ConvertOptions
from ffprep.storage.stamps import stamp_or_none
from ffprep.system.files import open_regular, real_folder
from ffprep.system.tempfiles import errors_named_after, replace_file

_LONGEST_TEXT = 1 << 20


def write_manifest(
    path: Path, options: ConvertOptions, freshness: Freshness, warn: Callable[[str], None]
) -> None:
    """Write the manifest of all pictures that are as the ledgers of the output folder say.

    Raises EnvironmentFault if it cannot be written; then it is as before.
    """
    output, ledger = os.fspath(options.request.output), freshness.ledger
    with ExitStack() as stack, errors_named_after("--manifest"):
        ledgers = [ledger]
        shard, place = options.request.shard, options.rerun.ledger
        if shard and place:
            from ffprep.ledger.shards import LedgerFile

            others = LedgerFile.find_all(shard.whole_path(place))
            ledgers += [
                stack.enter_context(each.opened(options.request.output, warn, read_only=True))
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
            warn(f"--manifest: {left_out} pictures are left out: their names are not UTF-8")


def _pictures(ledgers: Iterable[Ledger], output: str) -> Iterator[tuple[Entry, str | None]]:
    """Yield the pictures that are as recorded, in the order of their names, and their modes."""
    found = heapq.merge(*map(_entries, ledgers), key=lambda each: each[0])
    last = None
    for name, entry, mode in found:
        stamp = stamp_or_none(f"{output}/{name}", follow=False)
        if name != last and stamp and entry.row.has_output(stamp):
            yield entry, mode
            last = name


def _entries(ledger: Ledger) -> Iterator[tuple[str, Entry, str | None]]:
    specs = recorded_specs(ledger)
    for entry in ledger.entries(Status.CONVERTED):
        if entry.row.spec in specs:
            spec = specs[entry.row.spec]
            mode = None if spec is None or spec.fallback else spec.mode.name
            yield entry.path, entry, mode


def _line(
    entry: Entry, mode: str | None, output: str, here: str, caption: str
) -> dict[str, object] | None:
    """Return the line of a picture in the folder `output`, for a manifest in the folder `here`.

    `caption` is the suffix of texts beside the pictures. Return None if a name is not UTF-8.
    """
    row, below = entry.row, entry.path
    if not _is_text(below):
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


def _is_text(name: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in name)
