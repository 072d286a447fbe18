"""Make a report from the ledgers of output folders. It shows the outputs of all runs."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import find
from ffprep.core.geometry import Faces, Size
from ffprep.core.job import Status
from ffprep.core.location import Location, location_of
from ffprep.core.policy import Policy
from ffprep.errors import UsageError
from ffprep.ledger.history import recorded_specs
from ffprep.ledger.ledger import Ledger
from ffprep.ledger.rows import decode_name
from ffprep.ledger.shards import Ledgers
from ffprep.ledger.tables import recorded_faces
from ffprep.record import Record
from ffprep.report.document import Document, absolute
from ffprep.report.entries import Entries, Entry
from ffprep.report.page import Content, Counts
from ffprep.system.files import LEDGER
from ffprep.system.processes import Processes


class LedgerReport(Record):
    """A report at a `path` on output folders; `ledger` is that of the only one, if not in it.

    Thumbnails are made on a number of `workers` threads. `warn` gets what is wrong with a ledger.
    """

    path: Path
    outputs: Sequence[Location]
    ledger: Location | None
    workers: int
    warn: Callable[[str], None]
    processes: Processes

    def write(self, made: Callable[[], None]) -> Entries:
        """Write the report; return what is in it. Call `made` for each picture, and thumbnail.

        Raises UsageError if there is no ledger, EnvironmentFault if one cannot be read, or if the
        report cannot be written.
        """
        found = [self._ledgers_of(output) for output in self.outputs]
        like = Converter(find(), Policy(), processes=self.processes)
        with Document.opened("-o", self.path, like, self.workers) as document:
            entries = Entries(document.photo_size)
            for output, ledgers in zip(self.outputs, found, strict=True):
                for entry in self._entries(output, ledgers):
                    if self.processes.stopped:
                        return entries
                    entries.add(entry)
                    made()
            document.write(self._content(found, entries), entries, made)
        return entries

    def _ledgers_of(self, output: Location) -> Ledgers:
        path = self.ledger or output / LEDGER
        ledgers = Ledgers.of(path)
        if not ledgers.current:
            words = f"there is no ledger {path}; `ffprep convert ... -o {output}` makes one"
            raise UsageError(words)
        return ledgers

    def _entries(self, output: Location, ledgers: Ledgers) -> Iterator[Entry]:
        several = len(self.outputs) > 1
        for file in ledgers.current:
            with file.opened(output, self.warn, read_only=True) as ledger:
                yield from _recorded(ledger, output, f"{output}/" if several else "")

    def _content(self, found: Sequence[Ledgers], entries: Entries) -> Content:
        histories = [ledgers.history for ledgers in found]
        runs = [run for history in histories for run in history.runs[:1]]
        passed_over = entries.statuses[Status.PASSED_OVER]
        done, failed = entries.statuses[Status.CONVERTED], entries.statuses[Status.FAILED]
        ended = [run.ended for run in runs if run.ended]
        took = max(ended) - min(run.started for run in runs) if len(ended) == len(runs) else None
        newest = max(runs, key=lambda run: run.started)
        return Content(
            output=", ".join(map(absolute, self.outputs)),
            versions=(("ffprep", newest.ffprep), ("FFmpeg", newest.ffmpeg)),
            counts=Counts(converted=done, failed=failed, passed_over=passed_over),
            seconds=took,
        )


def _recorded(ledger: Ledger, output: Location, prefix: str) -> Iterator[Entry]:
    """Yield the pictures of a ledger, those that failed first; `prefix` is that of their names."""
    specs, faces = recorded_specs(ledger), dict[str, Faces]()
    if any(spec and spec.focuses_on_faces for spec in specs.values()):
        faces = recorded_faces(ledger)
    for status in (Status.FAILED, Status.CONVERTED):
        failed = status is Status.FAILED
        for found in ledger.entries(status):
            row, name, source = found.row, found.path, found.source
            message = decode_name(row.message or "")
            yield Entry(
                location_of(source),
                output / name if name else None,
                prefix + name if name else None,
                status,
                row.kind if failed else None,
                message if failed else "",
                () if failed or not message else _warnings(row.kind or row.tolerated, message),
                specs.get(row.spec or 0),
                Size(row.width, row.height) if row.width and row.height and not failed else None,
                faces=faces.get(source),
            )


def _warnings(kinds: str, message: str) -> tuple[tuple[str, str], ...]:
    """Return kinds and sentences; a ledger has the sentences together: they go with the first."""
    first, *others = kinds.split() or ["other"]
    return (first, message), *((kind, "") for kind in others)
