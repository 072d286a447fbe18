"""What earlier runs recorded, for a run whose outputs lie among photos, or for names of outputs."""

import os
from collections.abc import Callable
from functools import partial

from ffprep.conversion.pipeline import probed
from ffprep.conversion.transcode import Transcoder
from ffprep.core.fitting import cropped_size, resolve_spec
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob
from ffprep.core.location import Location, located
from ffprep.errors import UsageError
from ffprep.image.capture_date import CaptureDate, capture_date, exif_date
from ffprep.ledger.ledger import Ledger
from ffprep.ledger.outputs import Allocation, RecordedNumbers, RecordedOutputs
from ffprep.ledger.tables import recorded_header
from ffprep.library.plan import Plan
from ffprep.library.walk import Walk, is_folder
from ffprep.record import Record
from ffprep.run.convert_options import ConvertOptions
from ffprep.storage.protocol import storage_of
from ffprep.system.files import FOLDER, LEDGER, real_folder


def recorded_outputs(options: ConvertOptions) -> RecordedOutputs:
    """Return the outputs in OUT, for a run with a source in OUT, or with OUT itself as a source."""
    request, has_ledger = options.request, options.rerun.ledger is not None
    return RecordedOutputs(request.output, _ledgers(options), request.shard, has_ledger)


def require_apart(plan: Plan) -> None:
    """Raise UsageError if the names of outputs are those of photos, which lie in OUT."""
    request = plan.request
    if request.keeps_apart or not any(map(is_folder, request.sources)):
        return
    if plan.overwrites_source:
        raise UsageError(
            f"{request.output} is also a SOURCE, and outputs would have the names of photos "
            "there; choose another OUT, or other names, such as --names 'ready_{stem}'"
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


def numbering_of(options: ConvertOptions) -> Callable[[], Allocation]:
    """Return what gives photos their numbers in the names of their outputs, for each walk."""
    request = options.request

    def number_of(source: str, output: str) -> int | None:
        numbers = (names.number_in(source, output) for names in request.numbered)
        return next((number for number in numbers if number is not None), None)

    return RecordedNumbers(_ledgers(options), number_of, request.shard).begin


def _ledgers(options: ConvertOptions) -> tuple[Location, ...]:
    """Return the paths of the ledgers of the whole output folder: its own, and that of --ledger."""
    own, path, shard = options.request.output / LEDGER, options.rerun.ledger, options.request.shard
    whole = shard.whole_path(path) if shard and path else path
    return (own,) if whole in (None, own) else (own, whole)


class Headers(Record):
    """Dates and sizes of photos for the names of their outputs: from the ledger, or from photos."""

    ledger: Ledger
    steps: Transcoder

    def date_of(self, path: str) -> CaptureDate:
        """Return the date of a photo, as `capture_date` does."""

        def recorded(path: str, modified: int) -> CaptureDate | None:
            read = partial(exif_date, path, modified)
            return recorded_header(self.ledger, "date", path, _parsed, read)

        return capture_date(path, recorded)

    def size_of(self, job: LocalJob) -> Size:
        """Return the size of the output of a photo, as `Transcoder.size_of` does."""
        spec = job.spec
        what = f"size at {spec.frame.seconds}" if spec.frame else "size"
        shown = recorded_header(
            self.ledger,
            what,
            os.fspath(job.source),
            Size.parse,
            lambda: probed(self.steps, job).picture.shown,
        )
        return resolve_spec(spec, cropped_size(shown, spec.bounds)).size


def _parsed(text: str) -> CaptureDate | None:
    return CaptureDate.fromisoformat(text) if text else None
