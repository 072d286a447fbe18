"""Where a photo is cut so that faces stay in the frame."""

from ffprep.core.fitting import Cut, Framing
from ffprep.core.geometry import Bounds, FaceFocus, Faces, Size
from ffprep.core.mode import Fit
from ffprep.record import Record

# A detected box ends at the brows and the chin. In parts of its height and width, this much more
# is kept where there is room: hair above, a part of the neck, and the ears.
_ABOVE, _BELOW, _BESIDE = 0.7, 0.4, 0.3

_DIGITS = 7
"""Of a focus: enough for photos of 65535 pixels a side."""


class FaceFraming(Record):
    """The focus that keeps `kept` of `found` faces in the frame."""

    focus: FaceFocus
    found: int
    kept: int

    @property
    def caveat(self) -> str:
        """What the user should know; "" if all faces are in the frame."""
        if not self.found:
            return "no face was found, so the crop is centred"
        if self.kept == self.found:
            return ""
        lost = self.found - self.kept
        return f"{lost} of {self.found} faces {'does' if lost == 1 else 'do'} not fit in the frame"


def frame_faces(faces: Faces, photo: Size, bounds: Bounds, frame: Size) -> FaceFraming:
    """Return the focus of a crop of the upright `photo`, after the one to `bounds`, to `frame`.

    The crop keeps the largest face, and each smaller one that fits in beside those. Its centre is
    that of the faces with their head-room, as far as no face is cut.
    """
    left = bounds.of(photo) or photo
    shown = Framing.of(Fit.COVER, left, frame).shown
    room = shown.right - shown.left, shown.bottom - shown.top
    boxes = [box for face in faces if (box := _within(face, bounds))]
    kept = list[Bounds]()
    for box in sorted(boxes, key=_area, reverse=True):
        around = _around([*kept, box])
        if not kept or (
            around.right - around.left <= room[0] and around.bottom - around.top <= room[1]
        ):
            kept.append(box)
    if not kept:
        return FaceFraming(FaceFocus(), 0, 0)
    near, wide = _around(kept), _around([_with_room(box) for box in kept])
    x = _centre((near.left, near.right), (wide.left, wide.right), room[0])
    y = _centre((near.top, near.bottom), (wide.top, wide.bottom), room[1])
    return FaceFraming(_at_even_pixel(FaceFocus(x, y), left, frame), len(boxes), len(kept))


def _at_even_pixel(focus: FaceFocus, photo: Size, frame: Size) -> FaceFocus:
    """Return a focus with which `cover` cuts between chroma samples.

    Such photos are scaled faster, and share streams: the others are of several kinds.
    """
    cut = Cut.covering(photo, frame, focus)
    x = (cut.left - cut.left % 2 + cut.size.width / 2) / photo.width
    y = (cut.top - cut.top % 2 + cut.size.height / 2) / photo.height
    return FaceFocus(round(x, _DIGITS), round(y, _DIGITS))


def _within(face: Bounds, bounds: Bounds) -> Bounds | None:
    """Return a face in fractions of what the crop bounds leave; None if less than half is left."""
    width, height = bounds.right - bounds.left, bounds.bottom - bounds.top
    box = Bounds(
        max(0.0, (face.left - bounds.left) / width),
        max(0.0, (face.top - bounds.top) / height),
        min(1.0, (face.right - bounds.left) / width),
        min(1.0, (face.bottom - bounds.top) / height),
    )
    if box.left >= box.right or box.top >= box.bottom:
        return None
    return box if 2 * _area(box) * width * height >= _area(face) else None


def _area(box: Bounds) -> float:
    return (box.right - box.left) * (box.bottom - box.top)


def _around(boxes: list[Bounds]) -> Bounds:
    return Bounds(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )


def _with_room(box: Bounds) -> Bounds:
    width, height = box.right - box.left, box.bottom - box.top
    return Bounds(
        max(0.0, box.left - _BESIDE * width),
        max(0.0, box.top - _ABOVE * height),
        min(1.0, box.right + _BESIDE * width),
        min(1.0, box.bottom + _BELOW * height),
    )


def _centre(near: tuple[float, float], wide: tuple[float, float], room: float) -> float:
    """Return the centre of a crop of `room`: that of `wide`, with `near` inside if it fits."""
    start = (wide[0] + wide[1] - room) / 2
    if near[1] - near[0] <= room:
        start = min(max(start, near[1] - room), near[0])
    return min(max(start, 0.0), max(0.0, 1 - room)) + room / 2
