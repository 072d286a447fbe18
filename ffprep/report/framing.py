"""How each picture of a report is framed: what its mode shows of the photo."""

from ffprep.core.faces import frame_faces
from ffprep.core.fitting import Cut, Framing, choose_spec_size, cropped_size, resolve_spec
from ffprep.core.geometry import Bounds, Faces, Focus, Size
from ffprep.core.mode import Fit, Mode
from ffprep.core.spec import Spec
from ffprep.errors import PhotoError, UsageError
from ffprep.record import Record, replace


class Framed(Record):
    """The frame of a picture. `shown` is the part of the whole photo that the output shows.

    It is None if the faces of the photo decide, and are not known; the `focus`, too.
    """

    size: Size
    mode: str
    bounds: Bounds
    shown: Bounds | None
    focus: Focus | None
    lost: float
    factor: float

    @property
    def is_notable(self) -> bool:
        """Whether much is cut, or the photo is enlarged."""
        return self.factor > 1 or Framing(self.factor, self.lost).cuts_much


def framed(asked: Spec, photo: Size, size: Size | None, faces: Faces | None) -> Framed | None:
    """Return how an upright photo is framed by a Spec, in an output of this size, if it is known.

    `faces` are those of the photo, if they are known. Return None if the photo has no picture by
    this Spec.
    """
    try:
        cropped = cropped_size(photo, asked.bounds)
        spec = resolve_spec(asked, cropped)
    except PhotoError:
        return None
    frame, bounds, fit = size or spec.size, spec.bounds, spec.mode.effective_fit
    focus: Focus | None = spec.focus
    if spec.focuses_on_faces:
        focus = frame_faces(faces, photo, bounds, frame).focus if faces is not None else None
    framing, shown = Framing.of(fit, cropped, frame), bounds if fit is not Fit.COVER else None
    if fit is Fit.COVER and focus:
        shown = _shown(photo, cropped, replace(spec, focus=focus), frame)
    return Framed(frame, spec.mode.name, bounds, shown, focus, framing.lost, framing.factor)


def sizes_by_fit(asked: Spec, photo: Size) -> dict[str, Size | None]:
    """Return the size that an output has in modes of each Fit; None where it can have none."""
    return {fit.value: _size_in(fit, asked, photo) for fit in Fit}


def _size_in(fit: Fit, asked: Spec, photo: Size) -> Size | None:
    try:
        spec = asked.in_modes(Mode(fit.value, (), fit))
        return choose_spec_size(spec, cropped_size(photo, asked.bounds)).size
    except (PhotoError, UsageError):
        return None


def _shown(photo: Size, cropped: Size, spec: Spec, frame: Size) -> Bounds:
    """Return the part of a photo that is not cut, to the pixel."""
    cut = Cut.covering(cropped, frame, spec.focus)
    left, top = spec.bounds.corner(photo)
    left, top = left + cut.left, top + cut.top
    return Bounds(
        left / photo.width,
        top / photo.height,
        (left + cut.size.width) / photo.width,
        (top + cut.size.height) / photo.height,
    )
