import re

import pytest

from ffprep.core.geometry import Size, read_size
from ffprep.core.known_names import SIZE_NAMES
from ffprep.errors import UsageError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1280x720", "1280x720"),
        ("720p", "1280x720"),
        (" 4K ", "3840x2160"),
        ("1440P", "2560x1440"),
        ("landscape_720p", "1280x720"),
        ("Portrait-1080p", "1080x1920"),
        ("square 1080p", "1080x1080"),
    ],
)
def test_a_size_has_a_name(text: str, size: str) -> None:
    assert str(read_size(text)) == size


def test_every_name_tells_the_shape() -> None:
    for name, size in SIZE_NAMES.items():
        shape = name.rpartition("_")[0] or "landscape"
        assert size.shape == shape, name
        assert read_size(name.upper()) == size


@pytest.mark.parametrize(
    "text",
    [
        "1280*720",
        "1280,720",
        "1280:720",
        "1280 720",
        "1280 by 720",
        "1280-720",
        "1280px x 720px",
        "1280x720px",
        "1280\u0445720",  # a Cyrillic letter
    ],
)
def test_what_is_nearly_a_size_is_answered_by_it(text: str) -> None:
    with pytest.raises(UsageError, match=r"not a size; did you mean 1280x720\?$"):
        read_size(text)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1280", "it has one side, and a size has two"),
        ("x480", "it has one side, and a size has two"),
        ("1080", r"it has one side; did you mean 1080p \(1920x1080\)\?"),
        ("16:9", "it is a ratio; write pixels"),
        ("1.91:1", "it is a ratio; write pixels"),
        ("0x0", "both sides have at least 1 pixel"),
        ("0*0", "write WIDTHxHEIGHT"),
        ("-1x5", "no side is negative"),
        ("1.5x2", "sides are whole pixels"),
        ("50%", "it is a percentage"),
        ("1234567x5", "a side has at most 999999 pixels"),
        ("square", r"1024x1024 or 1080x1080 \(square_1080p\); write one of them"),
        ("480p", "640x480, 832x480 or 854x480"),
        ("1080i", r"did you mean 1080p \(1920x1080\)\?"),
        ("wide", "write WIDTHxHEIGHT, for example 1280x720, or a name such as 720p"),
        ("", "write WIDTHxHEIGHT"),
    ],
)
def test_each_mistake_has_a_sentence(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(repr(text))} is not a size.*{problem}"):
        read_size(text)
    with pytest.raises(UsageError, match=problem):
        Size.parse(text)
