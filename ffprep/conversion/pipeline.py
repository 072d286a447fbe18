"""What would be made of a photo, and the commands that would make it, for dry runs."""

import sys
from collections.abc import Iterable, Iterator, Sequence

from ffprep.conversion.command import command
from ffprep.conversion.converter import by_decoding
from ffprep.conversion.transcode import Outputs, Photo, Transcoder
from ffprep.core.job import LocalJob, Result
from ffprep.errors import PhotoError
from ffprep.record import Record, replace


class Pipeline(Record):
    """Commands, each piped into the next, that make these outputs of a photo."""

    outputs: Outputs
    commands: list[list[str]]


def planned(steps: Transcoder, jobs: Iterable[LocalJob]) -> Iterator[Photo | Result]:
    """Probe a photo, or the frame of a film; yield its outputs, with their sizes and modes.

    Yield a failed Result for each that cannot be made.
    """
    found = dict[object, Photo]()
    for job in jobs:
        key = job.spec.colour, job.spec.frame
        try:
            photo = found[key] = found.get(key) or probed(steps, job)
            yield replace(steps.planned(job, photo.picture, photo.stamp), film=photo.film)
        except PhotoError as error:
            yield Result.failed(job.source, job.output, error)


def probed(steps: Transcoder, job: LocalJob) -> Photo:
    """Return a photo, or the frame of a film, whose size and mode are not chosen yet.

    Raises PhotoError, EnvironmentFault.
    """
    if not job.spec.frame:
        return Photo(job, *steps.read_header(job))
    from ffprep.conversion.film import as_photo

    with as_photo(steps, job) as photo:
        picture, stamp = steps.read_header(photo.job)
    return Photo(job, picture, stamp, photo.caveats, film=photo.argv)


def pipelines(steps: Transcoder, photos: Sequence[Photo]) -> Iterator[Pipeline | Result]:
    """Yield the commands for outputs of one photo; a failed Result if it cannot be decoded.

    Outputs that share its decoding share a command; those of a film do not. A photo that FFmpeg
    cannot decode is decoded by Pillow.
    """
    for outputs in by_decoding(photos):
        on_faces = any(photo.job.spec.focuses_on_faces for photo in outputs)
        try:
            if not outputs[0].film:
                yield Pipeline(outputs, _commands(steps, outputs, on_faces))
                continue
            from ffprep.conversion import film

            for photo in film.focused(steps, outputs) if on_faces else outputs:
                yield Pipeline((photo,), film.command_lines(steps, photo))
        except PhotoError as error:
            if len(outputs) > 1:
                for photo in outputs:
                    yield from pipelines(steps, [photo])
            else:
                job = outputs[0].job
                yield Result.failed(job.source, job.output, error)


def _commands(steps: Transcoder, outputs: Outputs, on_faces: bool) -> list[list[str]]:
    photo, job = outputs[0], outputs[0].job
    picture, before, options = photo.picture, list[list[str]](), list[str]()
    if photo.reduced:
        picture = photo.decoded
        options = [f"--reduced={picture.stored}"]
    elif not picture.ffmpeg_reads:
        with steps.decoders.decoded(job.source, picture) as (picture, _):
            pass
    if picture.raw:
        policy = steps.policy
        options += [f"--max-pixels={policy.max_pixels}", f"--max-memory={policy.max_memory}"]
        options += [f"--colour={job.spec.colour}"]
        ffprep = [sys.executable, "-P", "-m", "ffprep"]
        before = [[*ffprep, "frame", *options, "--", str(job.source)]]
    if on_faces:
        from ffprep.conversion.focus import all_focused

        outputs = tuple(all_focused(outputs, steps.decoders))
    specs, files = (each.spec for each in outputs), [each.job.output for each in outputs]
    return [*before, command(steps.binary.path, job.source, picture, tuple(specs), files)]
