"""Convert a photo once more that failed as if it was damaged, from a copy.

Whether its disk fails again does not matter then: decoders read bytes that this process has read.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ffprep.conversion.focus import focused
from ffprep.core.job import LocalJob, Result
from ffprep.errors import PhotoError
from ffprep.image.second_reading import second_reading
from ffprep.record import replace
from ffprep.system.files import FileStamp, read_whole
from ffprep.system.tempfiles import temporary_folder

if TYPE_CHECKING:
    from ffprep.conversion.transcode import Transcoder

_LARGEST_COPY = 1 << 28


def second_attempt(
    transcoder: "Transcoder", job: LocalJob, first: PhotoError, started: float
) -> Result:
    """Return the Result of a second attempt. Raises as `second_reading` does."""

    def attempt() -> Result:
        with _copied(job) as copied:
            photo = focused(transcoder.probe(copied), transcoder.decoders)
            return replace(transcoder.attempt(photo, started), source=job.source)

    return second_reading(job.source, job.place, first, attempt)


@contextmanager
def _copied(job: LocalJob) -> Iterator[LocalJob]:
    """Yield the job with a copy as its source; the job itself if there is no room for one.

    Raises PhotoError if the source cannot be read.
    """
    stamp = FileStamp.of(job.source, job.place)
    with ExitStack() as stack:
        if stamp.bytes <= _LARGEST_COPY:
            with suppress(OSError):
                copy = stack.enter_context(temporary_folder()) / job.source.name
                if _copy(job, stamp, copy):
                    job = replace(job, source=copy, place="")
        yield job


def _copy(job: LocalJob, stamp: FileStamp, copy: Path) -> bool:
    """Copy a source with its times; return whether there was room. Raises PhotoError, OSError."""
    accessed = os.stat(job.source).st_atime_ns
    written = 0
    with copy.open("xb", buffering=0) as file:

        def write(piece: memoryview) -> None:
            nonlocal written
            with suppress(OSError):
                written += file.write(piece)

        read_whole(job.source, stamp, False, job.place, write)
    os.utime(copy, ns=(accessed, stamp.modified))
    return written == stamp.bytes
