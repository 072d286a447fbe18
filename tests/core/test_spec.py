import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.geometry import Bounds, Focus, Size
from ffprep.core.mode import Fallback, Mode, Step
from ffprep.core.spec import Color, Spec
from ffprep.errors import UsageError

SIZES = st.builds(Size, st.integers(1, 999_999), st.integers(1, 999_999))
MODE = Mode("m", (Step("scale", (("w", "{width}"), ("h", "{height}"))),))
SPEC = Spec(Size(1280, 720), MODE)


@given(SIZES, st.sampled_from("xX×"))
def test_a_size_reads_back_however_it_is_written(size: Size, times: str) -> None:
    assert Size.parse(f" {size.width}{times}{size.height} ") == size == Size.parse(str(size))


@pytest.mark.parametrize("text", ["", "1280", "0x5", "5x0", "-1x5", "1.5x2", "axb", "1x2x3", "٣x٣"])
def test_what_is_no_size_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="no size"):
        Size.parse(text)


@pytest.mark.parametrize(
    ("text", "color"),
    [
        ("black", Color(0, 0, 0)),
        ("rebeccapurple", Color(102, 51, 153)),
        ("#f80", Color(255, 136, 0)),
        ("#11223344", Color(17, 34, 51, 68)),
        ("transparent", Color(0, 0, 0, 0)),
    ],
)
def test_colours_are_css(text: str, color: Color) -> None:
    assert Color.parse(text) == color == Color.parse(str(color))


@pytest.mark.parametrize("text", ["", "blurple", "#12345", "rgb(300,0,0)", "rgba(1,2,3,999)"])
def test_what_is_no_colour_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="is not a colour"):
        Color.parse(text)


@pytest.mark.parametrize(
    ("text", "focus"),
    [
        ("center", Focus(0.5, 0.5)),
        ("top", Focus(0.5, 0)),
        ("bottom-left", Focus(0, 1)),
        ("right-center", Focus(1, 0.5)),
        ("0.25,1", Focus(0.25, 1)),
    ],
)
def test_a_focus_is_a_name_or_two_fractions(text: str, focus: Focus) -> None:
    assert Focus.parse(text) == focus


@pytest.mark.parametrize(
    "text", ["", "\u0661,0", "middle", "left-right", "top-bottom", "1.1,0", "nan,0", "1,2,3"]
)
def test_what_is_no_focus_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="no focus"):
        Focus.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "0,0,1", "0,0,1,1,1", "a,0,1,1", "nan,0,1,1", "0,0,nan,1", "0,0,inf,1"),
        *(
            "\u0661,0,1,1",
            "-0.1,0,1,1",
            "0,0,1.01,1",
            "0.5,0,0.5,1",
            "0.6,0,0.5,1",
            "0,0.5,1,0.5",
            "0,1,1,0",
        ),
    ],
)
def test_what_are_no_bounds_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="LEFT,TOP,RIGHT,BOTTOM"):
        Bounds.parse(text)


@given(SIZES, st.tuples(*[st.floats(0, 1)] * 3))
def test_cuts_that_share_an_edge_share_it_in_pixels(size: Size, edges: tuple[float, ...]) -> None:
    a, b, c = sorted(edges)
    widths = [Bounds(left, 0, right, 1).of(size) for left, right in ((a, b), (b, c), (a, c))]
    if all(widths):
        first, second, both = (found.width for found in widths if found)
        assert first + second == both <= size.width


@pytest.mark.parametrize(
    ("fractions", "length", "edges"),
    [
        *(((0.29, 0.49), 50, (15, 25)), ((0.58, 1), 25, (15, 25)), ((0.7, 0.9), 45, (32, 41))),
        *(((0.57, 0.77), 50, (29, 39)), ((0.82, 1), 75, (62, 75)), ((0, 0.5), 301, (0, 151))),
        *(((0, 0.5), 2, (0, 1)), ((0.2, 0.3), 10, (2, 3)), ((0.5, 0.6), 4, None)),
        *(((0, 0.5), 1, None), ((0.5, 1), 1, None), ((0, 0.4), 1, None), ((0, 1), 1, (0, 1))),
    ],
)
def test_an_edge_is_at_the_nearest_pixel_and_less_than_a_pixel_is_nothing(
    fractions: tuple[float, float], length: int, edges: tuple[int, int] | None
) -> None:
    """Floats make 14.499999999999998 of 0.29 times 50."""
    bounds, photo = Bounds(fractions[0], 0, fractions[1], 1), Size(length, 1)
    size, left = bounds.of(photo), bounds.corner(photo)[0]
    assert (size and (left, left + size.width)) == edges


def test_the_digest_is_the_same_on_every_machine() -> None:
    # A changed value here makes everybody's libraries convert anew: raise PIXELS_VERSION knowingly.
    expected = "907c3e56"
    assert SPEC.digest[:8] == expected


@pytest.mark.parametrize(
    "change",
    [
        {"size": Size(1280, 721)},
        {"quality": 94},
        {"format": OUTPUT_FORMATS["png"]},
        {"background": Color(0, 0, 1)},
        {"focus": Focus(0.5, 0.4)},
        {"bounds": Bounds(0, 0, 1, 0.9)},
        {"fallback": Fallback(MODE)},
        {"mode": Mode("m", (Step("scale", (("w", "{width}"), ("h", "{height}+1"))),))},
    ],
)
def test_the_digest_changes_with_what_changes_pixels(change: dict[str, object]) -> None:
    assert dataclasses.replace(SPEC, **change).digest != SPEC.digest


def test_the_digest_names_all_of_a_fallback() -> None:
    other = dataclasses.replace(MODE, name="o")
    choices = [Fallback(MODE), Fallback(MODE, 0.2), Fallback(other)]
    assert len({dataclasses.replace(SPEC, fallback=f).digest for f in choices}) == 3


def test_the_digest_is_deaf_to_words() -> None:
    talkative = dataclasses.replace(MODE, summary="Another summary.", path="/elsewhere/m.toml")
    assert dataclasses.replace(SPEC, mode=talkative).digest == SPEC.digest


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"quality": 0}, "quality 0"),
        ({"background": Color(0, 0, 0, 0)}, "jpeg has no transparency"),
        ({"size": Size(16384, 16384)}, "more than FFmpeg can hold"),
        ({"size": Size(16384, 1), "format": OUTPUT_FORMATS["webp"]}, "too large for webp"),
    ],
)
def test_a_spec_that_contradicts_itself_is_told(change: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        dataclasses.replace(SPEC, **change)
