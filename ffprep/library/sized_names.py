"""Names of outputs that contain a size which follows from each photo."""

from collections.abc import Sequence
from pathlib import Path

from ffprep.core.job import LocalJob
from ffprep.errors import UsageError
from ffprep.library.request import Rendition, Request
from ffprep.library.walk import Listing
from ffprep.record import replace
from ffprep.system.files import is_url


def render_sized(
    request: Request,
    rendition: Rendition,
    listing: Listing,
    names: Sequence[str],
    suffixes: Sequence[str],
    numbers: Sequence[int],
) -> list[str]:
    """Return the outputs' names as `Names.render` does, with the size of each photo's output.

    Raises PhotoError if a photo cannot be opened, UsageError if that is not possible now.
    """
    folder, size_of, spec = listing.folder, request.size_of, rendition.spec
    if size_of is None or is_url(folder):
        words = "the size is not known before a photo is read; leave {width} and {height} out"
        raise UsageError(f"--names: {words}")
    outputs = list[str]()
    for name, suffix, number in zip(names, suffixes, numbers, strict=True):
        place = listing.places.of(name) if listing.places else ""
        size = size_of(LocalJob(Path(folder + name), Path(name), spec, place))
        sized = replace(spec, size=size, choice=None)
        outputs += rendition.names.render(
            folder, [name], [suffix], sized, [number], request.date_of
        )
    return outputs
