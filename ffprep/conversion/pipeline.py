"""What would be made of a photo, and the commands that would make it, for dry runs."""

import sys
from collections.abc import Iterator, Sequence

from ffprep.conversion.command import command_for_all
from ffprep.conversion.converter import Outputs, by_decoding
from ffprep.conversion.transcode import Photo, Transcoder
from ffprep.core.job import LocalJob, Result
from ffprep.errors import PhotoError
from ffprep.record import Record, replace


class Pipeline(Record):
    """Commands, each piped into the next, that make these outputs of a photo."""

    outputs: Outputs
    commands: list[list[str]]


def planned(steps: Transcoder, job: LocalJob, last: Photo | None = None) -> Photo:
    """Probe a photo, or the frame of a film; choose the size and the mode of its output.

    `last` is the same photo, probed for another output. Raises as `Transcoder.planned` does.
    """
    if last and _probed(last.job) == _probed(job):
        return steps.planned(job, last.picture, last.stamp)
    if not job.spec.frame:
        return steps.probe(job)
    from ffprep.conversion import film

    return film.planned(steps, job)


def _probed(job: LocalJob) -> object:
    """Return what is equal in jobs of one photo that have the same probed picture."""
    return job.spec.colour, job.spec.frame


def pipelines(steps: Transcoder, photos: Sequence[Photo]) -> Iterator[Pipeline | Result]:
    """Yield the commands for outputs of one photo; a failed Result if it cannot be decoded.

    Outputs that share its decoding share a command; those of a film do not. A photo that FFmpeg
    cannot decode is decoded by Pillow.
    """
    is_film = len(photos) > 1 and _is_film(photos[0].job)
    for outputs in [(photo,) for photo in photos] if is_film else by_decoding(photos):
        try:
            yield Pipeline(outputs, _commands(steps, outputs))
        except PhotoError as error:
            if len(outputs) > 1:
                for photo in outputs:
                    yield from pipelines(steps, [photo])
            else:
                job = outputs[0].job
                yield Result.failed(job.source, job.output, error)


def _is_film(job: LocalJob) -> bool:
    if not job.spec.frame:
        return False
    from ffprep.conversion import film

    return film.is_film(job)


def _commands(steps: Transcoder, outputs: Outputs) -> list[list[str]]:
    photo, job = outputs[0], outputs[0].job
    if _is_film(job):
        from ffprep.conversion import film

        return film.command_lines(steps, job)
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
    specs = tuple(each.spec for each in _focused(steps, outputs))
    files = [each.job.output for each in outputs]
    return [*before, command_for_all(steps.binary.path, job.source, picture, specs, files)]


def _focused(steps: Transcoder, outputs: Outputs) -> Iterator[Photo]:
    """Yield outputs with the focus that faces decide; these are looked for once a photo."""
    faces = outputs[0].job.faces
    for photo in outputs:
        if photo.job.spec.focuses_on_faces:
            from ffprep.conversion.focus import focused

            photo = focused(replace(photo, job=replace(photo.job, faces=faces)), steps.decoders)
            faces = photo.job.faces
        yield photo
