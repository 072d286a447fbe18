"""What differs from photo to photo: formats, sizes in names, overrides. Imported where it does.

A sidecar, or a table of `ffprep.toml`, overrides how a photo is framed.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ffprep.config.sidecars import MAX_BYTES, PhotoOverride, parse_sidecar, read_sidecar
from ffprep.core.film import may_be_film
from ffprep.core.formats import (
    FILMS,
    OUTPUT_FORMATS,
    RAW,
    OutputFormat,
    output_format,
    output_format_of,
    written_as,
)
from ffprep.core.job import Batch, LocalJob, Places, Result
from ffprep.core.location import Location
from ffprep.core.spec import Spec
from ffprep.errors import Kind, PhotoError, UsageError
from ffprep.library.plan import failed
from ffprep.library.request import Rendition, Request
from ffprep.library.walk import Listing
from ffprep.record import replace
from ffprep.storage.protocol import storage_of
from ffprep.system.files import SIDECAR, is_url


def suffixes_and_specs(
    folder: str, names: Sequence[str], spec: Spec, allowed: Collection[str]
) -> tuple[list[str], list[Spec]]:
    """Return the suffix and the Spec of the output of each file of a folder, for `--format same`.

    A photo whose own format is not `allowed` becomes a JPEG.
    """
    formats = [_same_format(folder + name, spec) for name in names]
    formats = [each if each.name in allowed else OUTPUT_FORMATS["jpeg"] for each in formats]
    suffixes = [_suffix(name, format) for name, format in zip(names, formats, strict=True)]
    return suffixes, [_changed(spec, format=format) for format in formats]


def _same_format(path: str, spec: Spec) -> OutputFormat:
    suffix = os.path.splitext(path)[1]
    of_film = OUTPUT_FORMATS["jpeg"] if suffix.lower() in FILMS else None
    if is_url(path):  # it is not opened for this
        return written_as(suffix) or of_film or spec.format
    return output_format(Path(path)) or output_format_of(suffix) or of_film or spec.format


def _suffix(name: str, format: OutputFormat) -> str:
    """The suffix of an output of this format: its source's, where that fits."""
    suffix = os.path.splitext(name)[1]
    return suffix if suffix.lower() in format.suffixes else format.suffixes[0]


def without_frames_of_photos(names: Sequence[str], specs: Sequence[Spec]) -> list[Spec]:
    """Return the Specs of files; those of photos do not change with the frame of films."""
    pairs = zip(names, specs, strict=True)
    return [spec if may_be_film(name) else _changed(spec, frame=None) for name, spec in pairs]


@lru_cache(maxsize=64)
def _changed(spec: Spec, **changes: Any) -> Spec:
    return replace(spec, **changes)


def render_sized(
    request: Request,
    rendition: Rendition,
    listing: Listing,
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
    for name, suffix, number in zip(listing.names, suffixes, numbers, strict=True):
        place = listing.places.of(name) if listing.places else ""
        size = size_of(LocalJob(Path(folder + name), Path(name), spec, place))
        sized = replace(spec, size=size, choice=None)
        outputs += rendition.names.render(
            folder, [name], [suffix], sized, [number], request.date_of
        )
    return outputs


def without_paired_raws(listing: Listing) -> Listing:
    """Return a Listing without the raws that have another picture of their stem beside them.

    Both are one shot, and their outputs would have one name.
    """
    parts = [name.rpartition(".") for name in listing.names]
    are_raw = ["." + suffix.lower() in RAW.suffixes for _, _, suffix in parts]
    stems = {stem for (stem, _, _), raw in zip(parts, are_raw, strict=True) if not raw}
    kept = [
        index for index, (stem, _, _) in enumerate(parts) if not are_raw[index] or stem not in stems
    ]
    names = [listing.names[index] for index in kept]
    stamps = [listing.stamps[index] for index in kept] if listing.stamps else ()
    raws = sorted(set(listing.names).difference(names))
    return replace(listing, names=names, stamps=stamps, raws=raws)


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
