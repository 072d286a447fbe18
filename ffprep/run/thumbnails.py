"""Which photos of a run get thumbnails, for its report, and where these are."""

import os
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path

from ffprep.core.job import Job, Thumbnail
from ffprep.core.location import Location
from ffprep.record import Record, replace


class Thumbnails(Record):
    """The thumbnails of a `share` of all photos, in a folder; others get one if there are caveats.

    Each photo has one, however many pictures are made of it.
    """

    folder: Path
    share: float = 1.0

    def path(self, photo: Location) -> Path:
        """Return where the thumbnail of a photo is, if it was made."""
        return self.folder / f"{digest(photo).hex()}.jpg"

    def with_thumbnails(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """Yield jobs; the first one of each photo asks for its thumbnail."""
        last = None
        for job in jobs:
            if job.source == last:
                yield job
                continue
            last = job.source
            always = draw(last) < self.share
            yield replace(job, thumbnail=Thumbnail(self.path(last), always))


def digest(photo: Location) -> bytes:
    """Return a short hash of a photo's name."""
    return blake2b(os.fspath(photo).encode(errors="surrogatepass"), digest_size=16).digest()


def draw(photo: Location) -> float:
    """Return the lot of a photo, 0 to 1: those with the lowest ones are the sample of a report."""
    return int.from_bytes(digest(photo)[:6]) / 2**48
