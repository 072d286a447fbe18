"""Make the thumbnails that a report lacks: of outputs, and of photos that a run did not decode.

They are made as outputs are: decoded under limits, of several in one ffmpeg, and verified. Large
JPEGs are decoded at a fraction of their size if TurboJPEG is installed.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import groupby
from pathlib import Path

from ffprep.conversion.converter import Converter
from ffprep.conversion.ffmpeg_binary import Binary
from ffprep.conversion.thumbnails import thumbnail_spec
from ffprep.core.film import FilmFrame
from ffprep.core.geometry import Size
from ffprep.core.job import LocalJob
from ffprep.core.policy import Policy
from ffprep.errors import PhotoError
from ffprep.image import turbojpeg
from ffprep.record import Record, replace
from ffprep.report.entries import Entry
from ffprep.storage.protocol import storage_of
from ffprep.system.pool import run_chunks
from ffprep.system.processes import Processes
from ffprep.system.single import StopRules

_CHUNK = 64

_LARGE = 4_000_000
"""From so many pixels on, to decode a JPEG at a fraction of its size takes less time."""


class Workshop(Record):
    """What reads photos and makes thumbnails: a Converter, on a number of `workers` threads."""

    converter: Converter
    workers: int

    @classmethod
    @contextmanager
    def opened(
        cls, binary: Binary, policy: Policy, workers: int, processes: Processes
    ) -> Iterator["Workshop"]:
        """Open a Workshop with the limits of a Policy."""
        # A thumbnail of what can be decoded is better than none.
        lenient = replace(policy, keep_damaged=True, upscale="allow", filter=None)
        lenient = replace(lenient, hash_files=False, fsync=False, preserve_times=False)
        with closing(Converter(binary, lenient, processes=processes)) as converter:
            yield cls(converter, workers)

    def photo_size(self, entry: Entry) -> Size | None:
        """Return the size of an upright photo; None if it is in a store, or cannot be read."""
        if storage_of(entry.source).is_local:
            steps = self.converter.transcoder
            with suppress(PhotoError):
                return steps.decoders.probe(Path(entry.source), steps.policy.max_pixels).shown
        return None

    def make(self, jobs: Iterable[LocalJob], made: Callable[[], None]) -> None:
        """Make thumbnails, as far as possible; call `made` after each.

        Raises EnvironmentFault if none can be made, for example because the disk is full.
        """
        convert, processes = self.converter.convert, self.converter.processes
        stop = StopRules(lambda: processes.stopped, processes.stop)
        with closing(run_chunks(_chunks(jobs), convert, self.workers, stop=stop)) as results:
            for _ in results:
                made()


def thumbnail_job(
    path: Path, thumbnail: Path, size: Size | None, frame: FilmFrame | None = None, place: str = ""
) -> LocalJob:
    """Return the job of a thumbnail; `size` is that of the picture, if it is known.

    `frame` is for a picture that may be a film, and `place` that of a Job.
    """
    fast = size is not None and size.pixels >= _LARGE and turbojpeg.is_installed()
    return LocalJob(path, thumbnail, thumbnail_spec(frame, fast), place)


def _chunks(jobs: Iterable[LocalJob]) -> Iterator[list[LocalJob]]:
    """Cut jobs into chunks of one suffix each, whose photos can share streams."""
    by_suffix = sorted(jobs, key=_suffix)
    for _, group in groupby(by_suffix, _suffix):
        alike = list(group)
        for start in range(0, len(alike), _CHUNK):
            yield alike[start : start + _CHUNK]


def _suffix(job: LocalJob) -> str:
    return job.source.suffix.lower()
