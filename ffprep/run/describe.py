"""Describe pictures for `info`: what they contain, and how each mode would frame them."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress

from ffprep.config.sidecars import PhotoOverrides, read_sidecar, sidecar_path
from ffprep.core.faces import frame_faces
from ffprep.core.fitting import Framing, choose_spec_size, cropped_size, resolve_spec
from ffprep.core.geometry import FaceFocus, Faces, Focus, Size
from ffprep.core.mode import Mode
from ffprep.core.spec import Spec
from ffprep.errors import PhotoError, UsageError
from ffprep.image.sandbox import DecoderPool
from ffprep.library.walk import LocalPhoto
from ffprep.record import Record, replace
from ffprep.run.inspect import Finding, Inspection


def describe(
    inspection: Inspection,
    frames: Sequence[Spec],
    modes: Sequence[Mode],
    overrides: PhotoOverrides,
    count_faces: bool = False,
    refusals: Sequence[str] = (),
) -> Generator[Finding, None, None]:
    """Yield a Finding for every picture, with its Framing in each of `frames` by each mode.

    The frames have the same crop bounds. With `count_faces`, the Finding has the photo's faces;
    `refusals` are the warnings for photos with faces.
    """

    def describe_one(found: LocalPhoto, decoders: DecoderPool) -> Finding:
        try:
            picture = inspection.probe(found, decoders)
            extras = decoders.extras(found.path, picture)
            faces = decoders.faces(found.path, picture) if count_faces else None
            if faces:
                picture = replace(picture, warnings=(*picture.warnings, *refusals))
            if not frames:
                return Finding(found.path, picture, extras, faces=faces)
            sidecar = read_sidecar(found.path, found.sidecar_place) if found.has_sidecar else None
            specs = [overrides.spec(found.path, frame, sidecar) for frame in frames]
            cropped = cropped_size(picture.shown, specs[0].bounds)
            if faces is None and any(isinstance(spec.focus, FaceFocus) for spec in specs):
                faces = decoders.faces(found.path, picture)
            photo = _Photo(picture.shown, cropped, faces or ())
            return Finding(
                found.path,
                picture,
                extras,
                framings=tuple(_framings(photo, specs, modes)),
                recommended=tuple(_recommended(cropped, specs)),
                left=cropped,
                sidecar=sidecar_path(found.path) if sidecar else None,
                faces=faces,
            )
        except PhotoError as error:
            return Finding(found.path, error=error)

    return inspection.each(describe_one)


class _Photo(Record):
    """An upright photo: its size, that of its crop, and its faces."""

    shown: Size
    cropped: Size
    faces: Faces

    def focus(self, spec: Spec) -> Focus:
        """Return the focus of a Spec whose size is known."""
        if not isinstance(spec.focus, FaceFocus):
            return spec.focus
        return frame_faces(self.faces, self.shown, spec.bounds, spec.size).focus


def _framings(
    photo: _Photo, frames: Sequence[Spec], modes: Sequence[Mode]
) -> Iterator[tuple[Size, str, Framing]]:
    """Yield how a cropped photo lies in each of `frames`, for modes that say how they fit."""
    for frame in frames:
        for mode in modes:
            if mode.fit and (spec := _as_sized(frame, photo.cropped, mode)):
                framing = Framing.of(mode.fit, photo.cropped, spec.size, photo.focus(spec))
                yield spec.size, mode.name, framing


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
