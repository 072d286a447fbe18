"""One frame of a film to one verified output, by way of a still: a lossless PNG of 16 bits.

search     log the frames around the wanted time, and choose one       film_search
still      decode that frame upright, with square pixels               _make
convert    the still is converted as any photo is                      transcode
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ffprep.conversion import command
from ffprep.conversion.film_search import Search, pixel_format
from ffprep.core.film import Container, sniff_film
from ffprep.core.formats import HEAD_BYTES, sniff
from ffprep.core.job import Caveat, CaveatKind, LocalJob, Result
from ffprep.errors import Kind, PhotoError
from ffprep.record import Record, replace
from ffprep.system.files import FileStamp, hold_open, open_regular, read_whole
from ffprep.system.tempfiles import temporary_folder, without_line_breaks

if TYPE_CHECKING:
    from ffprep.conversion.converter import Converter
    from ffprep.conversion.transcode import Photo, Transcoder


def is_film(job: LocalJob) -> bool:
    """Return whether a source is a film by its first bytes; a file that cannot be read is none."""
    with suppress(PhotoError):
        return _container(job) is not None
    return False


def _container(job: LocalJob) -> Container | None:
    with open_regular(job.source, job.place) as file:
        head = file.read(HEAD_BYTES)
    format = sniff(head)
    return sniff_film(head) if format is None or format.name == "gif" else None


class AsPhoto(Record):
    """A job whose source is a photo, or the still of a film in a `container`, and what to know.

    `argv` is the command that decodes the frame, without its output, and `source_hash` that of the
    film.
    """

    job: LocalJob
    container: str = ""
    caveats: tuple[Caveat, ...] = ()
    argv: tuple[str, ...] = ()
    source_hash: bytes | None = None


def _of_still(job: LocalJob, still: Path) -> LocalJob:
    """Return a job of a film as one of its still."""
    return replace(job, source=still, spec=replace(job.spec, frame=None), place="")


def convert(converter: "Converter", jobs: Sequence[LocalJob]) -> Iterator[Result]:
    """Convert the frame of a film for jobs that name the same one; the still is one photo of them.

    Raises EnvironmentFault.
    """
    started, steps = time.perf_counter(), converter.transcoder
    with ExitStack() as stack:
        try:
            still = stack.enter_context(_still(steps, jobs[0]))
        except Exception as error:
            from ffprep.conversion.failure import failed

            yield from (failed(steps, job, error, started, is_final=True) for job in jobs)
            return
        search = time.perf_counter() - started
        for result in converter.convert([_of_still(job, still.job.source) for job in jobs]):
            yield replace(
                result,
                source=jobs[0].source,
                source_hash=still.source_hash if result.source_hash else None,
                caveats=still.caveats + result.caveats,
                seconds=search + result.seconds,
            )
            search = 0.0


@contextmanager
def as_photo(steps: "Transcoder", job: LocalJob) -> Iterator[AsPhoto]:
    """Yield a job as one of a photo: of a still, if its source is a film.

    Raises PhotoError, EnvironmentFault.
    """
    container = _container(job) if job.spec.frame else None
    if container is None:
        yield AsPhoto(job)
        return
    with _still(steps, job) as still:
        yield still


def command_lines(steps: "Transcoder", photo: "Photo") -> list[list[str]]:
    """Return two commands, the first piped into the second, that make an output of a frame."""
    job, alpha = photo.job, photo.picture.alpha
    argv = [*photo.film, "-c:v", "rawvideo", "-f", "rawvideo", "pipe:1"]
    raw = replace(photo.picture, raw=pixel_format(alpha))
    return [argv, command.command(steps.binary.path, job.source, raw, (job.spec,), [job.output])]


def focused(steps: "Transcoder", photos: Sequence["Photo"]) -> tuple["Photo", ...]:
    """Return outputs of a frame with the focus that faces decide; they need a still once more.

    Raises PhotoError, EnvironmentFault.
    """
    from ffprep.conversion.focus import all_focused

    with _still(steps, photos[0].job) as still:
        stills = [steps.probe(_of_still(photo.job, still.job.source)) for photo in photos]
        specs = [made.job.spec for made in all_focused(stills, steps.decoders)]
    jobs = [replace(photo.job, spec=spec) for photo, spec in zip(photos, specs, strict=True)]
    return tuple(replace(photo, job=job) for photo, job in zip(photos, jobs, strict=True))


@contextmanager
def _still(steps: "Transcoder", job: LocalJob) -> Iterator[AsPhoto]:
    """Make a still. Raises PhotoError; for a fault of the film, after a second attempt."""
    with temporary_folder() as folder:
        attempt = partial(_make, steps, job, folder / "still.png")
        try:
            still = attempt()
        except PhotoError as error:
            if not error.needs_second_attempt or steps.processes.stopped:
                raise
            from ffprep.conversion.failure import second_reading

            still = second_reading(job.source, job.place, error, attempt)
        yield still


def _make(steps: "Transcoder", job: LocalJob, output: Path) -> AsPhoto:
    stamp, container = FileStamp.of(job.source, job.place), _container(job)
    if container is None:
        raise PhotoError(Kind.IO, "was changed while it was read; run again")
    with (
        hold_open(job.source, job.place, stamp) as opened,
        without_line_breaks(opened) as (source,),
    ):
        search = Search(steps, job, source, container).with_alpha()
        found = search.chosen()
        argv = search.still_argv(found)
        files = ["-c:v", "png", "-compression_level", "1", "-update", "1", "-f", "image2"]
        search.run([*argv, *files, command.url(output)], found.frame.shown)
        if not output.exists() or not output.stat().st_size:
            raise PhotoError(Kind.INTERNAL, "ffmpeg made no still of a frame that it had found")
        missing = search.damage(opened, found)
    caveats = steps.judge(missing)
    if not found.frame.progressive:
        words = "is interlaced: the frame shows two moments in alternate rows"
        caveats += (Caveat(words, CaveatKind.INTERLACED),)
    source_hash = read_whole(job.source, stamp, steps.policy.hash_files, job.place)
    os.utime(output, ns=(stamp.modified, stamp.modified))  # for --preserve-times
    named = tuple(replace(search, source=job.source).still_argv(found))
    return AsPhoto(_of_still(job, output), container.name, caveats, named, source_hash)
