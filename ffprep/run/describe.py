"""Describe pictures for `info`: what they contain, and how each mode would frame them."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from typing import TYPE_CHECKING

from ffprep.config.sidecars import PhotoOverrides, read_sidecar, sidecar_path
from ffprep.core.faces import frame_faces
from ffprep.core.fitting import Framing, choose_spec_size, cropped_size, resolve_spec
from ffprep.core.geometry import FaceFocus, Faces, Size
from ffprep.core.image_info import Extras
from ffprep.core.job import LocalJob
from ffprep.core.mode import Mode
from ffprep.core.spec import NOT_CHOSEN, Spec
from ffprep.errors import PhotoError, UsageError
from ffprep.image.sandbox import DecoderPool
from ffprep.library.walk import LocalPhoto
from ffprep.record import Record, replace
from ffprep.run.inspect import Finding, Inspection

if TYPE_CHECKING:
    from ffprep.conversion.converter import Converter
    from ffprep.conversion.film import AsPhoto
    from ffprep.core.film import FilmFrame


class InfoContent(Record):
    """What is described of each photo: its framing in each of `frames`, by each of `modes`.

    The frames have the same crop bounds. Of a film, `film_frame` is described. `faces` says whether
    faces are counted; `refusals` are the warnings for photos that have some.
    """

    frames: Sequence[Spec]
    modes: Sequence[Mode]
    overrides: PhotoOverrides
    film_frame: "FilmFrame | None" = None
    faces: bool = False
    refusals: Sequence[str] = ()


def describe(inspection: Inspection, content: InfoContent) -> Generator[Finding, None, None]:
    """Yield a Finding for every picture."""
    with ExitStack() as stack:
        converter = stack.enter_context(_converter(inspection)) if content.film_frame else None

        def describe_one(found: LocalPhoto, decoders: DecoderPool) -> Finding:
            try:
                if converter is None or found.error:
                    return _described(inspection, content, found, found, decoders)
                with _as_photo(converter, found, content.film_frame) as shown:
                    photo = replace(found, path=shown.job.source, place=shown.job.place)
                    return _described(inspection, content, found, photo, decoders, shown)
            except PhotoError as error:
                return Finding(found.path, error=error)

        yield from inspection.each(describe_one)


def _converter(inspection: Inspection) -> "closing[Converter]":
    from ffprep.conversion.converter import Converter
    from ffprep.conversion.ffmpeg_binary import find

    return closing(Converter(find(), inspection.policy, processes=inspection.processes))


def _as_photo(
    converter: "Converter", found: LocalPhoto, frame: "FilmFrame | None"
) -> "AbstractContextManager[AsPhoto]":
    from ffprep.config.modes import find_mode
    from ffprep.conversion.film import as_photo

    spec = Spec(NOT_CHOSEN, find_mode("cover"), frame=frame)
    job = LocalJob(found.path, found.path, spec, place=found.place)
    return as_photo(converter.transcoder, job)


def _described(
    inspection: Inspection,
    content: InfoContent,
    found: LocalPhoto,
    photo: LocalPhoto,
    decoders: DecoderPool,
    still: "AsPhoto | None" = None,
) -> Finding:
    """Return the Finding of one picture, also if it is the still of a film. Raises PhotoError."""
    picture = inspection.probe(photo, decoders)
    container, caveats = (still.container, still.caveats) if still else ("", ())
    extras = Extras() if container else decoders.extras(photo.path, picture)
    faces = decoders.faces(photo.path, picture) if content.faces else None
    film_warnings = (each.words for each in caveats)
    warnings = (*film_warnings, *picture.warnings, *(content.refusals if faces else ()))
    picture = replace(picture, warnings=warnings)
    finding = Finding(found.path, picture, extras, faces=faces, film=container)
    if not content.frames:
        return finding
    sidecar = read_sidecar(found.path, found.sidecar_place) if found.has_sidecar else None
    specs = [content.overrides.spec(found.path, frame, sidecar) for frame in content.frames]
    cropped = cropped_size(picture.shown, specs[0].bounds)
    if faces is None and any(isinstance(spec.focus, FaceFocus) for spec in specs):
        faces = decoders.faces(photo.path, picture)
    return replace(
        finding,
        framings=tuple(_framings(picture.shown, faces or (), specs, content.modes)),
        recommended=tuple(_recommended(cropped, specs)),
        left=cropped,
        sidecar=sidecar_path(found.path) if sidecar else None,
        faces=faces,
    )


def _framings(
    shown: Size, faces: Faces, frames: Sequence[Spec], modes: Sequence[Mode]
) -> Iterator[tuple[Size, str, Framing]]:
    """Yield how an upright photo lies in each of `frames`, for modes that say how they fit."""
    cropped = cropped_size(shown, frames[0].bounds)
    for frame in frames:
        for mode in modes:
            if mode.fit:
                with suppress(PhotoError, UsageError):  # the target has no such size
                    spec = choose_spec_size(frame.in_modes(mode), cropped)
                    focus = spec.focus
                    if isinstance(focus, FaceFocus):
                        focus = frame_faces(faces, shown, spec.bounds, spec.size).focus
                    yield spec.size, mode.name, Framing.of(mode.fit, cropped, spec.size, focus)


def _recommended(cropped: Size, frames: Sequence[Spec]) -> Iterator[tuple[Size, str]]:
    for frame in frames:
        with suppress(PhotoError):  # the target has no size for it
            spec = resolve_spec(frame, cropped)
            yield spec.size, spec.mode.name
