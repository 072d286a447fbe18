import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffprep.core.geometry import Bounds, Focus, Size
from ffprep.errors import UsageError

SIZES = st.builds(Size, st.integers(1, 999_999), st.integers(1, 999_999))


@given(SIZES, st.sampled_from("xX×"))
def test_a_size_is_parsed_with_any_multiplication_sign(size: Size, times: str) -> None:
    assert Size.parse(f" {size.width}{times}{size.height} ") == size == Size.parse(str(size))


@pytest.mark.parametrize("text", ["", "1280", "0x5", "5x0", "-1x5", "1.5x2", "axb", "1x2x3", "٣x٣"])
def test_an_invalid_size_is_rejected(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size"):
        Size.parse(text)


@pytest.mark.parametrize(
    ("text", "focus"),
    [
        ("center", Focus(0.5, 0.5)),
        ("top", Focus(0.5, 0)),
        ("bottom-left", Focus(0, 1)),
        ("right-center", Focus(1, 0.5)),
        ("North", Focus(0.5, 0)),
        ("south-west", Focus(0, 1)),
        ("0.25,1", Focus(0.25, 1)),
    ],
)
def test_a_focus_is_a_name_or_two_fractions(text: str, focus: Focus) -> None:
    assert Focus.parse(text) == focus


@pytest.mark.parametrize(
    "text", ["", "\u0661,0", "middle", "left-right", "top-bottom", "1.1,0", "nan,0", "1,2,3"]
)
def test_an_invalid_focus_is_rejected(text: str) -> None:
    with pytest.raises(UsageError, match="is not a focus"):
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
def test_invalid_crop_bounds_are_rejected(text: str) -> None:
    with pytest.raises(UsageError, match="LEFT,TOP,RIGHT,BOTTOM"):
        Bounds.parse(text)


@given(SIZES, st.tuples(*[st.floats(0, 1)] * 3))
def test_crops_that_share_an_edge_share_it_in_pixels(size: Size, edges: tuple[float, ...]) -> None:
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
def test_edges_are_rounded_and_a_crop_of_less_than_a_pixel_is_empty(
    fractions: tuple[float, float], length: int, edges: tuple[int, int] | None
) -> None:
    """0.29 * 50 is 14.499999999999998 in floating point."""
    bounds, photo = Bounds(fractions[0], 0, fractions[1], 1), Size(length, 1)
    size, left = bounds.of(photo), bounds.corner(photo)[0]
    assert (size and (left, left + size.width)) == edges
