"""Dates and sizes of photos, for the names of their outputs: from the ledger, or from the photos.

Imported only for such names.
"""

import os
from functools import partial

from ffprep.conversion.pipeline import probed
from ffprep.conversion.transcode import Transcoder
from ffprep.core.fitting import cropped_size, resolve_spec
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob
from ffprep.image.capture_date import CaptureDate, capture_date, exif_date
from ffprep.ledger.headers import recorded_header
from ffprep.ledger.ledger import Ledger
from ffprep.record import Record


class Headers(Record):
    """Reads a header if the ledger does not have it."""

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
