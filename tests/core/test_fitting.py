import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffprep.core.fitting import Framing, percent, times
from ffprep.core.geometry import Focus, Size
from ffprep.core.mode import Fit

SIDES = st.integers(1, 10_000)


@pytest.mark.parametrize(
    ("fit", "photo", "words"),
    [
        (Fit.COVER, "2560x1440", "shrunk to 0.50x"),
        (
            Fit.COVER,
            "640x480",
            "enlarged 2.00x, 25 % of the photo is cut (top 12.5 %, bottom 12.5 %)",
        ),
        (Fit.CONTAIN, "4000x3000", "shrunk to 0.24x, 25 % of the frame is bars"),
        (Fit.CONTAIN, "1280x720", "stays at 1x"),
        (Fit.FILL, "640x720", "enlarged 2.00x, proportions are off by 2.00x"),
        (
            Fit.COVER,
            "1279x720",
            "enlarged 1.00078x, under 1 % of the photo is cut (top under 1 %, bottom under 1 %)",
        ),
    ],
)
def test_the_description_of_a_photo_at_1280x720(fit: Fit, photo: str, words: str) -> None:
    assert Framing.of(fit, Size.parse(photo), Size(1280, 720)).describe() == words


@given(st.sampled_from(Fit), st.builds(Size, SIDES, SIDES), st.builds(Size, SIDES, SIDES))
def test_shares_are_between_0_and_1_and_areas_add_up(fit: Fit, photo: Size, frame: Size) -> None:
    framing = Framing.of(fit, photo, frame)
    assert 0 <= framing.lost < 1
    assert 0 <= framing.bars < 1
    assert framing.distortion >= 1
    if fit is Fit.COVER:  # the crop of the photo, enlarged, is the frame
        shown = photo.pixels * (1 - framing.lost) * framing.factor**2
        assert shown == pytest.approx(frame.pixels)
    if fit is Fit.CONTAIN:  # the whole photo, enlarged, is the frame without its bars
        shown = frame.pixels * (1 - framing.bars)
        assert photo.pixels * framing.factor**2 == pytest.approx(shown)


@given(
    st.builds(Size, SIDES, SIDES),
    st.builds(Size, SIDES, SIDES),
    st.builds(Focus, st.floats(0, 1), st.floats(0, 1)),
)
def test_the_cuts_of_the_sides_add_up_to_the_lost_share(
    photo: Size, frame: Size, focus: Focus
) -> None:
    framing = Framing.of(Fit.COVER, photo, frame, focus)
    cut = framing.cut
    assert all(0 <= part < 1 for part in cut.values())
    left = (1 - cut["left"] - cut["right"]) * (1 - cut["top"] - cut["bottom"])
    assert left == pytest.approx(1 - framing.lost)


@pytest.mark.parametrize(
    ("focus", "sides"),
    [
        ("center", {"left": 0.2, "right": 0.2}),
        ("left", {"right": 0.4}),
        ("right", {"left": 0.4}),
        ("0.4,0.5", {"left": 0.1, "right": 0.3}),
        ("top", {"left": 0.2, "right": 0.2}),
    ],
)
def test_the_focus_decides_which_sides_are_cut(focus: str, sides: dict[str, float]) -> None:
    framing = Framing.of(Fit.COVER, Size(1000, 600), Size(300, 300), Focus.parse(focus))
    cut = {side: part for side, part in framing.cut.items() if part}
    assert cut == pytest.approx(sides)


def test_numbers_never_round_to_nothing() -> None:
    assert (times(1.0008), times(0.001), times(0.00001), times(1)) == (
        "1.0008x",
        "0.001x",
        "1e-05x",
        "1x",
    )
    shares = 0.001, 0.333, 0.125, 0.3, 0.999
    assert [percent(share) for share in shares] == "under 1 %|33.3 %|12.5 %|30 %|over 99 %".split(
        "|"
    )
