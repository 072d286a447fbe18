"""Forget failures that a complete run has not met, and what no row is about any more.

Imported at the end of such a run, and where outputs are removed.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from ffprep.core.job import Status
from ffprep.ledger.ledger import Ledger
from ffprep.ledger.rows import BATCH_SIZE, FAILED, Entry, Row, decode_name
from ffprep.record import replace
from ffprep.system.files import is_url, real_path


def forget_failures(
    ledger: Ledger, folders: tuple[str, ...], files: Iterable[str | os.PathLike[str]]
) -> None:
    """Delete failures that a complete run of `folders` and `files` has not met.

    Photos that were passed over, and are gone, are deleted too. Outputs of an earlier version of
    such a photo stay in the ledger.
    """
    ours = {decode_name(each.row.source) for each in _not_met(ledger) if _is_ours(ledger, each.row)}
    named = ours.intersection(map(real_path, files)) if ours else ours
    gone, forgot = list[Entry](), False
    for entry in chain(_not_met(ledger), ledger.entries(Status.PASSED_OVER)):
        source = decode_name(entry.row.source)
        failed = entry.row.status == FAILED
        # The folder itself failed if it could not be read, or had lost its photos.
        inside = failed and (f"{source}/".startswith(folders) or source in named)
        if (inside and _is_ours(ledger, entry.row)) or _is_gone(source):
            gone.append(entry)
        if len(gone) >= BATCH_SIZE:
            _forget(ledger, gone)
            gone, forgot = [], True
    _forget(ledger, gone)
    if gone or forgot:
        forget_unused(ledger)


def forget_unused(ledger: Ledger) -> None:
    """Delete the faces and headers of photos that no row is about."""
    from ffprep.ledger import faces, headers

    with ledger.tables() as database:
        for table in (faces.TABLE, headers.TABLE):
            table.forget_unused(database)


def _is_ours(ledger: Ledger, row: Row) -> bool:
    """Return whether this run would have met a failure: one of its Specs, or without a Spec."""
    return not row.spec or row.spec in ledger.used_specs


def _not_met(ledger: Ledger) -> Iterator[Entry]:
    failed = ledger.entries(Status.FAILED)
    return (entry for entry in failed if entry.row.run != ledger.run)


def _forget(ledger: Ledger, gone: Sequence[Entry]) -> None:
    """Delete rows; those with an output become rows of a converted photo without a Spec."""
    ledger.forget([entry for entry in gone if entry.row.output_bytes is None])
    ledger.record(
        replace(entry, row=_without_failure(entry.row))
        for entry in gone
        if entry.row.output_bytes is not None
    )


def _without_failure(row: Row) -> Row:
    return row._replace(status=Status.CONVERTED.value, spec=None, kind=None, message=None)


def _is_gone(source: str) -> bool:
    """Return whether a file does not exist. An object is not asked for, and counts as there."""
    return not (is_url(source) or os.path.lexists(source))
