"""Small pictures of photos, for reports. Made of the same decoding as the outputs where possible.

Imported only for jobs that have a `thumbnail`, and for reports.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from ffprep.config.modes import find_mode
from ffprep.conversion.transcode import Photo, Transcoder
from ffprep.core.geometry import Size
from ffprep.core.job import Thumbnail
from ffprep.core.spec import NOT_CHOSEN, Color, SizeChoice, Spec
from ffprep.errors import PhotoError
from ffprep.record import replace

if TYPE_CHECKING:
    from ffprep.core.film import FilmFrame

THUMBNAIL = Size(320, 320)
"""The frame that thumbnails fit in."""

_QUALITY = 70


def thumbnail_spec(frame: "FilmFrame | None" = None, fast: bool = False) -> Spec:
    """Return what a thumbnail is: the whole photo, as a small JPEG."""
    return Spec(
        NOT_CHOSEN,
        find_mode("fit"),
        quality=_QUALITY,
        background=Color(255, 255, 255),
        choice=SizeChoice.inside(THUMBNAIL),
        frame=frame,
        fast=fast,
    )


def thumbnails_of(steps: Transcoder, photo: Photo, thumbnail: Thumbnail) -> Iterator[Photo]:
    """Yield the thumbnail of a probed photo as another output of it, if it is to be made."""
    if not (thumbnail.always or photo.caveats):
        return
    job, spec = photo.job, thumbnail_spec(photo.job.spec.frame)
    small = replace(job, output=thumbnail.path, spec=spec, thumbnail=None)
    with suppress(PhotoError):  # the photo is reported, and without a thumbnail
        yield steps.probe(small, photo if job.spec.colour == spec.colour else None)
