"""Dates and sizes of photos, for the names of their outputs: from the ledger, or from the photos.

Imported only for such names.
"""

import os

from ffprep.conversion.pipeline import probed
from ffprep.conversion.transcode import Transcoder
from ffprep.core.fitting import cropped_size, resolve_spec
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob
from ffprep.image.capture_date import CaptureDate, capture_date, exif_date
from ffprep.ledger.headers import RecordedHeaders
from ffprep.ledger.ledger import Ledger
from ffprep.record import Record


class Headers(Record):
    """Reads a header if the ledger does not have it."""

    recorded: RecordedHeaders
    steps: Transcoder

    @classmethod
    def of(cls, ledger: Ledger, steps: Transcoder) -> "Headers":
        """Return the headers of a run."""
        return cls(RecordedHeaders(ledger), steps)

    def date_of(self, path: str) -> CaptureDate:
        """Return the date of a photo, as `capture_date` does."""
        return capture_date(path, self._exif_date)

    def _exif_date(self, path: str, modified: int) -> CaptureDate | None:
        return self.recorded.value("date", path, _parsed, lambda: exif_date(path, modified))

    def size_of(self, job: LocalJob) -> Size:
        """Return the size of the output of a photo, as `Transcoder.size_of` does."""
        spec = job.spec
        what = f"size at {spec.frame.seconds}" if spec.frame else "size"
        source = os.fspath(job.source)
        shown = self.recorded.value(
            what, source, Size.parse, lambda: probed(self.steps, job).picture.shown
        )
        return resolve_spec(spec, cropped_size(shown, spec.bounds)).size


def _parsed(text: str) -> CaptureDate | None:
    return CaptureDate.fromisoformat(text) if text else None
