"""The commands that convert one photo, for dry runs."""

import sys

from ffprep.conversion import command
from ffprep.conversion.transcode import Photo, Transcoder


def pipeline(steps: Transcoder, photo: Photo) -> list[list[str]]:
    """Return the commands for a probed photo, each piped into the next.

    Raises PhotoError if it cannot be decoded.
    """
    job, picture, before = photo.job, photo.picture, list[list[str]]()
    options = []
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
    argv = command.command(steps.binary.path, job.source, picture, photo.spec, job.output)
    return [*before, argv]
