"""Which faces a crop keeps, and where it lies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffprep.core.faces import frame_faces
from ffprep.core.fitting import Framing
from ffprep.core.geometry import WHOLE, Bounds, FaceFocus, Size
from ffprep.core.mode import Fit

PHOTO = Size(3000, 2000)
SQUARE = Size(500, 500)  # shows two thirds of the width


def box(x: float, y: float, side: float = 0.1) -> Bounds:
    return Bounds(x, y, x + side, y + side * 1.5)


def shown(focus: FaceFocus, frame: Size = SQUARE, photo: Size = PHOTO) -> Bounds:
    return Framing.of(Fit.COVER, photo, frame, focus).shown


def test_a_face_is_in_the_middle_unless_the_edge_is_near() -> None:
    framing = frame_faces((box(0.5, 0.3),), PHOTO, WHOLE, SQUARE)
    assert framing.focus.x == pytest.approx(0.55, abs=1e-3)
    assert (framing.kept, framing.found, framing.caveat) == (1, 1, "")
    edge = frame_faces((box(0.9, 0.3),), PHOTO, WHOLE, SQUARE)
    assert shown(edge.focus).right == pytest.approx(1)


def test_head_room_is_above_a_face() -> None:
    tall = Size(2000, 3000)
    around = shown(frame_faces((box(0.4, 0.4),), tall, WHOLE, SQUARE).focus, photo=tall)
    above, below = 0.4 - around.top, around.bottom - 0.55
    assert below < above < 2 * below


def test_all_faces_are_kept_if_they_fit() -> None:
    faces = (box(0.35, 0.2), box(0.05, 0.5, 0.05))
    framing = frame_faces(faces, PHOTO, WHOLE, SQUARE)
    assert framing.kept == 2
    around = shown(framing.focus)
    assert around.left <= 0.05
    assert around.right >= 0.45


def test_of_faces_that_do_not_fit_the_largest_is_kept() -> None:
    faces = (box(0.85, 0.4, 0.12), box(0.02, 0.4), box(0.5, 0.4, 0.05))
    framing = frame_faces(faces, PHOTO, WHOLE, SQUARE)
    assert (framing.kept, framing.caveat) == (2, "1 of 3 faces does not fit in the frame")
    around = shown(framing.focus)
    assert around.left <= 0.5 < 0.97 <= around.right


def test_without_faces_the_crop_is_centred_and_says_so() -> None:
    framing = frame_faces((), PHOTO, WHOLE, SQUARE)
    assert framing.focus == FaceFocus()
    assert framing.caveat == "no face was found, so the crop is centred"


def test_a_focus_is_a_point_of_what_the_crop_bounds_leave() -> None:
    right = Bounds(0.5, 0, 1, 1)
    framing = frame_faces((box(0.7, 0.3), box(0.2, 0.3, 0.2)), PHOTO, right, Size(250, 1000))
    assert framing.found == framing.kept == 1
    assert framing.focus.x == pytest.approx(0.5, abs=1e-3)


fractions = st.tuples(st.floats(0, 0.8), st.floats(0, 0.6), st.floats(0.01, 0.2))
sides = st.builds(Size, st.integers(100, 5000), st.integers(100, 5000))


@given(st.lists(fractions, min_size=1, max_size=5), sides, sides)
def test_no_kept_face_is_cut_and_the_largest_one_is_kept(
    places: list[tuple[float, float, float]], photo: Size, frame: Size
) -> None:
    faces = tuple(box(*place) for place in places)
    framing = frame_faces(faces, photo, WHOLE, frame)
    around = shown(framing.focus, frame, photo)
    x, y = 2 / photo.width, 2 / photo.height  # cuts lie at even pixels
    inside = [
        face
        for face in faces
        if around.left - x <= face.left
        and face.right <= around.right + x
        and around.top - y <= face.top
        and face.bottom <= around.bottom + y
    ]
    assert framing.found == len(faces)
    fits = frame_faces(faces[:1], photo, WHOLE, frame)
    assert fits.kept == 1
    if framing.kept > 1:
        assert len(inside) >= framing.kept
        assert max(faces, key=lambda face: face.right - face.left) in inside
