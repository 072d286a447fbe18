"""What earlier runs recorded, and runs that go on without a lock or a ledger.

What is recorded is needed if outputs lie among photos, and for names of outputs.
"""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from ffprep.conversion.pipeline import probed
from ffprep.conversion.transcode import Transcoder
from ffprep.core.fitting import cropped_size, resolve_spec
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob
from ffprep.core.location import Location, located
from ffprep.core.policy import Retry
from ffprep.errors import EnvironmentFault, UsageError, reason
from ffprep.image.capture_date import CaptureDate, capture_date, exif_date
from ffprep.ledger.database import LedgerUnusable
from ffprep.ledger.ledger import Ledger
from ffprep.ledger.outputs import Allocation, RecordedNumbers, RecordedOutputs
from ffprep.ledger.tables import recorded_header
from ffprep.library.plan import Plan
from ffprep.library.walk import Walk, is_folder
from ffprep.record import Record
from ffprep.run.convert_options import ConvertOptions
from ffprep.storage.local import LocksRefused
from ffprep.storage.protocol import storage_of
from ffprep.system.files import FOLDER, LEDGER, is_url, real_folder, takes_files
from ffprep.system.refused import accepts, dead_link


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


def continue_without_lock(
    options: ConvertOptions, error: OSError, warn: Callable[[str], None]
) -> bool:
    """Warn that the output folder is not locked. Return whether it may be written to.

    Raises EnvironmentFault if the folder does not exist, if nothing in it can be written, or if its
    ledger must be written.
    """
    output = options.request.output
    if isinstance(error, LocksRefused):
        warn(_cannot_lock(options, f"its file system refuses locks ({reason(error)})"))
        return True
    if not os.path.isdir(output):
        words = _obstacle(_existing(output)) or reason(error)
        raise EnvironmentFault(f"cannot create the output folder {output}: {words}") from None
    if not _can_write(output):
        words = _obstacle(output) or reason(error)
        raise EnvironmentFault(f"cannot write to {output}: {words}") from None
    _without_ledger(options, reason(error), warn)
    return False


def require_writable(folder: Location) -> None:
    """Raise EnvironmentFault if a folder, or the one in which it would be made, is not writable."""
    existing = _existing(folder)
    if not is_url(os.fspath(folder)) and (words := _obstacle(existing)):
        raise EnvironmentFault(f"cannot write to {existing}: {words}")


def _existing(folder: Location) -> Location:
    """Return the nearest parent of a folder that exists, or the folder itself."""
    return next((each for each in (folder, *folder.parents) if os.path.lexists(each)), folder)


def _obstacle(folder: Location) -> str | None:
    """Return why no files can be made in a folder, and what to do."""
    advice = "name another place: -o OUT"
    if not os.path.isdir(folder):
        return f"{dead_link(folder) or f'{folder.name} is a file'}; {advice}"
    if not os.access(folder, os.W_OK | os.X_OK):
        read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
        words = os.strerror(errno.EROFS if read_only else errno.EACCES).lower()
        return f"{words}; allow ffprep to write there, or {advice}"
    if not (takes_files(folder) or accepts(Path(folder))):
        return f"its file system accepts no files; {advice}"
    return None


def _can_write(output: Location) -> bool:
    """Return whether files can be made in a folder, or in a folder in it."""
    writable = os.W_OK | os.X_OK
    if os.access(output, writable):
        return takes_files(output) or accepts(Path(output))
    with suppress(OSError), os.scandir(output) as entries:
        return any(each.is_dir() and os.access(each, writable) for each in entries)
    return False


def continue_without_ledger(
    options: ConvertOptions, error: OSError | LedgerUnusable, warn: Callable[[str], None]
) -> None:
    """Warn that the ledger in the output folder cannot be used.

    Raises `error` if the ledger lies elsewhere, else EnvironmentFault with --retry-failed.
    """
    output, ledger = options.request.output, options.rerun.ledger
    if not os.path.isdir(output) or (ledger and output not in ledger.parents):
        raise error
    cause = error.cause if isinstance(error, LedgerUnusable) else reason(error)
    _without_ledger(options, cause, warn)


def _without_ledger(options: ConvertOptions, cause: str, warn: Callable[[str], None]) -> None:
    output, ledger = options.request.output, options.rerun.ledger
    if ledger is None:
        warn(_cannot_lock(options, cause))
        return
    if output not in ledger.parents:
        raise EnvironmentFault(f"cannot lock {output}: {cause}; allow ffprep to write there")
    action = "read" if options.reporting.dry_run else "write"
    problem = f"cannot {action} the ledger {output / FOLDER}: {cause}"
    if options.rerun.retry is Retry.ONLY:
        raise EnvironmentFault(f"{problem}; --retry-failed needs the ledger")
    words = "the next run will convert everything again"
    warn(f"{problem}; {words}, unless --ledger names a file on a local disk")


def _cannot_lock(options: ConvertOptions, cause: str) -> str:
    words = "another run may write there at the same time"
    return f"cannot lock {options.request.output}: {cause}; {words}"
