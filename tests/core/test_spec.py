import dataclasses

import pytest

from ffprep.core.formats import OUTPUT_FORMATS
from ffprep.core.geometry import Bounds, Focus, Size
from ffprep.core.mode import Fallback, Mode, Step
from ffprep.core.spec import Color, Spec
from ffprep.errors import UsageError

MODE = Mode("m", (Step("scale", (("w", "{width}"), ("h", "{height}"))),))
SPEC = Spec(Size(1280, 720), MODE)


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
def test_an_invalid_colour_is_rejected(text: str) -> None:
    with pytest.raises(UsageError, match="is not a colour"):
        Color.parse(text)


def test_the_digest_is_the_same_on_every_machine() -> None:
    # With another value, all outputs are converted again: increase PIXELS_VERSION on purpose.
    expected = "907c3e56"
    assert SPEC.digest[:8] == expected


@pytest.mark.parametrize(
    "change",
    [
        {"size": Size(1280, 721)},
        {"quality": 94},
        {"optimize": True},
        {"sharpen": True},
        {"fast": True},
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


def test_the_digest_depends_on_all_of_a_fallback() -> None:
    other = dataclasses.replace(MODE, name="o")
    choices = [Fallback(MODE), Fallback(MODE, 0.2), Fallback(other)]
    assert len({dataclasses.replace(SPEC, fallback=f).digest for f in choices}) == 3


def test_descriptions_do_not_change_the_digest() -> None:
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
def test_a_contradictory_spec_is_rejected(change: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        dataclasses.replace(SPEC, **change)
