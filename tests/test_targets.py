import pytest

from ffprep.errors import UsageError
from ffprep.formats import FORMATS
from ffprep.picture import Picture
from ffprep.spec import Size
from ffprep.targets import Target, all_targets, check, find_target

KNOWN = {format.name: format for format in FORMATS}


def test_a_size_of_a_target_goes_by_its_figures_and_its_name() -> None:
    for text in ("sora-2/720x1280", "sora-2/720×1280", "sora-2/portrait_720p"):
        assert [size for _, size in find_target(text).sizes] == [Size(720, 1280)]
    assert len(find_target("sora-2-pro").sizes) == 4


@pytest.mark.parametrize(
    "text", ["sora-3", "", "sora-2/8x8", "sora-2/portrait_1080p", "sora-2/big"]
)
def test_what_is_no_target_is_told(text: str) -> None:
    with pytest.raises(UsageError):
        find_target(text)


def test_every_target_says_where_it_stands() -> None:
    for target in all_targets():
        assert target.title
        assert "2026-09-24" in target.status
        assert target.source


def test_every_rule_that_is_broken_is_told() -> None:
    target = find_target("sora-2/1280x720")
    assert check(Picture(KNOWN["png"], Size(1280, 720)), target) == []
    broken = check(Picture(KNOWN["gif"], Size(720, 1280), orientation=6), target)
    assert len(broken) == 3
    assert broken[0].startswith("Inpaint image must match the requested width and height")
    assert check(Picture(KNOWN["jpeg"], Size(9, 9)), Target.of_size(Size(9, 9))) == []
