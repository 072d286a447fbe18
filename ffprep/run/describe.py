"""Describe pictures for `info`: what they contain, and how each mode would frame them."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress

from ffprep.config.sidecars import PhotoOverrides, read_sidecar, sidecar_path
from ffprep.core.fitting import Framing, choose_spec_size, cropped_size, resolve_spec
from ffprep.core.geometry import Size
from ffprep.core.mode import Mode
from ffprep.core.spec import Spec
from ffprep.errors import PhotoError, UsageError
from ffprep.image.sandbox import DecoderPool
from ffprep.library.walk import LocalPhoto
from ffprep.run.inspect import Finding, Inspection


def describe(
    inspection: Inspection,
    frames: Sequence[Spec],
    modes: Sequence[Mode],
    overrides: PhotoOverrides,
) -> Generator[Finding, None, None]:
    """Yield a Finding for every picture, with its Framing in each of `frames` by each mode.

    The frames have the same crop bounds.
    """

    def describe_one(found: LocalPhoto, decoders: DecoderPool) -> Finding:
        try:
            picture = inspection.probe(found, decoders)
            extras = decoders.extras(found.path, picture)
            if not frames:
                return Finding(found.path, picture, extras)
            sidecar = read_sidecar(found.path, found.sidecar_place) if found.has_sidecar else None
            specs = [overrides.spec(found.path, frame, sidecar) for frame in frames]
            cropped = cropped_size(picture.shown, specs[0].bounds)
            return Finding(
                found.path,
                picture,
                extras,
                framings=tuple(_framings(cropped, specs, modes)),
                recommended=tuple(_recommended(cropped, specs)),
                left=cropped,
                sidecar=sidecar_path(found.path) if sidecar else None,
            )
        except PhotoError as error:
            return Finding(found.path, error=error)

    return inspection.each(describe_one)


def _framings(
    cropped: Size, frames: Sequence[Spec], modes: Sequence[Mode]
) -> Iterator[tuple[Size, str, Framing]]:
    """Yield how a cropped photo lies in each of `frames`, for modes that say how they fit."""
    for frame in frames:
        for mode in modes:
            if mode.fit and (spec := _as_sized(frame, cropped, mode)):
                yield spec.size, mode.name, Framing.of(mode.fit, cropped, spec.size, spec.focus)


def _recommended(cropped: Size, frames: Sequence[Spec]) -> Iterator[tuple[Size, str]]:
    for frame in frames:
        with suppress(PhotoError):  # the target has no size for it
            spec = resolve_spec(frame, cropped)
            yield spec.size, spec.mode.name


def _as_sized(frame: Spec, cropped: Size, mode: Mode) -> Spec | None:
    """Return a frame with the size that a mode leads to; None if its target has no such size."""
    with suppress(PhotoError, UsageError):
        return choose_spec_size(frame.in_modes(mode), cropped)
    return None
