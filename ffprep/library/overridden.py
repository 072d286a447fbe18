"""Photos that are framed in their own way: by a sidecar, or by a table of `ffprep.toml`."""

from collections.abc import Iterator
from pathlib import Path

from ffprep.config.sidecars import MAX_BYTES, PhotoOverride, parse_sidecar, read_sidecar
from ffprep.core.job import Batch, Places, Result
from ffprep.core.location import Location
from ffprep.core.spec import Spec
from ffprep.errors import Kind, PhotoError
from ffprep.library.plan import failed
from ffprep.library.request import Request
from ffprep.library.walk import Listing
from ffprep.record import replace
from ffprep.storage.protocol import storage_of
from ffprep.system.files import SIDECAR


def with_overrides(request: Request, batch: Batch, listing: Listing) -> Iterator[Batch | Result]:
    """Yield a batch with the Specs of photos that are overridden; Results for bad overrides."""
    overridden = request.overrides.among(listing.real, batch.names, listing.sidecars)
    if not overridden:
        yield batch
        return
    specs, kept = list(batch.specs), list[int]()
    for index, name in enumerate(batch.names):
        try:
            if name in overridden:
                specs[index] = _overridden_spec(request, batch, index, name in listing.sidecars)
            kept.append(index)
        except PhotoError as error:
            yield failed(batch, error, index)
    if kept:
        yield replace(batch, specs=specs).part(kept)


def _overridden_spec(request: Request, batch: Batch, index: int, has_sidecar: bool) -> Spec:
    job = batch.job(index)
    override = _sidecar(job.source, batch.places) if has_sidecar else None
    spec = request.overrides.spec(job.source, job.spec, override)
    names = request.renditions[batch.rendition].names
    if not request.is_named and "mode" in names.fields and spec.modes != job.spec.modes:
        words = "this photo has a mode of its own, which {mode} in --names cannot show"
        raise PhotoError(Kind.UNSUPPORTED, words)
    if not request.is_named and names.tells_size and job.spec.choice and spec != job.spec:
        words = "this photo is framed in its own way, whose size --names cannot show"
        raise PhotoError(Kind.UNSUPPORTED, words)
    return spec


def _sidecar(photo: Location, places: Places | None) -> PhotoOverride:
    """Read a photo's sidecar, on disk or in a store. Raises PhotoError."""
    storage = storage_of(photo)
    if storage.is_local:
        return read_sidecar(Path(photo), places.of_sidecars if places else "")
    place = photo.parent / (photo.name + SIDECAR)
    return parse_sidecar(Path(place.name), storage.read(place, MAX_BYTES + 1))
