"""What earlier runs recorded, for a run whose outputs lie among photos, or have numbers."""

import os
from collections.abc import Iterable

from ffprep.core.job import Result, Status
from ffprep.core.location import Location, located
from ffprep.errors import UsageError
from ffprep.ledger.numbers import RecordedNumbers
from ffprep.ledger.outputs import RecordedOutputs
from ffprep.ledger.rows import PendingJob, relative_folder
from ffprep.library.plan import Plan
from ffprep.library.selection import SizeOf
from ffprep.library.walk import Walk, is_folder
from ffprep.record import Record, field, replace
from ffprep.run.convert_options import ConvertOptions
from ffprep.storage.protocol import storage_of
from ffprep.storage.stamps import StampReader
from ffprep.system.files import FOLDER, LEDGER, real_folder


class Recorded(Record, frozen=False):
    """The outputs in OUT, for a run with a source in OUT, or with OUT itself as a source."""

    outputs: RecordedOutputs
    has_ledger: bool
    _stamps: StampReader = field(default_factory=StampReader)

    @classmethod
    def of(cls, options: ConvertOptions) -> "Recorded":
        """Return the record for a run."""
        request = options.request
        outputs = RecordedOutputs(request.output, _ledgers(options), request.shard)
        return cls(outputs, options.rerun.ledger is not None)

    def without(self, folder: str, names: list[str], size_of: SizeOf | None = None) -> list[str]:
        """As MadeFiles'."""
        return self.outputs.without(folder, names, size_of)

    def require_apart(self, plan: Plan) -> None:
        """Raise UsageError if the names of outputs are those of photos."""
        request = plan.request
        if request.keeps_apart or not any(map(is_folder, request.sources)):
            return
        if plan.overwrites_source:
            raise UsageError(
                f"{request.output} is also a SOURCE, and outputs would have the names of photos "
                "there; choose another OUT, or other names, such as --names 'ready_{stem}'"
            )

    def refuse_others(self, pending: list[PendingJob]) -> list[PendingJob]:
        """Return jobs, refused if they would replace a file that ffprep did not make.

        Such a file may be a photo that is not selected.
        """
        return [
            replace(each, refusal=_not_made(each.job.output)) if self._is_others(each) else each
            for each in pending
        ]

    def _is_others(self, pending: PendingJob) -> bool:
        output = pending.job.output
        return not self.outputs.has(self._below(output)) and bool(self._stamps.output(output))

    def list_new(self, pending: Iterable[PendingJob]) -> None:
        """Record the outputs of jobs before they are made. Raise EnvironmentFault."""
        self.outputs.list_new(self._below(p.job.output) for p in pending if not p.refusal)

    def take(self, result: Result) -> None:
        """Note an output that does not exist now, so that a file of its name is a photo."""
        not_made = result.failure or result.passed_over
        gone = result.status is Status.PRUNED or (not_made and not self.has_ledger)
        if result.output and gone:
            self.outputs.discard(self._below(result.output))

    def close(self) -> None:
        """End the run."""
        self.outputs.close()

    def _below(self, output: Location) -> str:
        return relative_folder(self.outputs.output, os.fspath(output))


def _not_made(output: Location) -> str:
    return (
        f"{output} exists, and {FOLDER} does not have it as an output; move it, choose other names "
        "with --names, or use --adopt if ffprep made it"
    )


def require_no_photos(options: ConvertOptions) -> None:
    """Raise UsageError if OUT is a folder in a SOURCE, and has pictures that may be photos.

    Such a folder is not walked, so no output is compared with them. With a .ffprep, it is OUT of
    an earlier run.
    """
    request = options.request
    output = real_folder(os.fspath(located(request.output)))
    folders = [real_folder(os.fspath(located(source))) for source in request.sources]
    if output in folders or not any(map(output.startswith, folders)):
        return
    if any(page.objects for page in storage_of(output).list(os.path.join(output, FOLDER))):
        return  # runs into it were recorded
    photo = next((found for found in Walk([request.output]).files() if not found.error), None)
    if photo:
        raise UsageError(
            f"{request.output} lies in a SOURCE and contains {photo.path}, which an output could "
            f"replace, and no {FOLDER}; choose another OUT, or use --adopt if ffprep made its files"
        )


def numbering_of(options: ConvertOptions) -> RecordedNumbers:
    """Return the numbers that photos have in the names of their outputs."""
    request = options.request

    def number_of(source: str, output: str) -> int | None:
        numbers = (names.number_in(source, output) for names in request.numbered)
        return next((number for number in numbers if number is not None), None)

    return RecordedNumbers(_ledgers(options), number_of, request.shard)


def _ledgers(options: ConvertOptions) -> tuple[Location, ...]:
    """Return the paths of the ledgers of the whole output folder: its own, and that of --ledger."""
    own, path, shard = options.request.output / LEDGER, options.rerun.ledger, options.request.shard
    whole = shard.whole_path(path) if shard and path else path
    return (own,) if whole in (None, own) else (own, whole)
