from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffprep.config.modes import find_mode
from ffprep.config.targets import all_targets
from ffprep.core.constraints import SizeConstraints, violations
from ffprep.core.fitting import choose_size, choose_spec_size, nearest_size
from ffprep.core.geometry import Size
from ffprep.core.mode import Fit
from ffprep.core.spec import NOT_CHOSEN, SizeChoice, Spec
from ffprep.errors import PhotoError, UsageError

TARGETS = {target.name: target for target in all_targets()}
ENVELOPES = [name for name, target in TARGETS.items() if not target.sizes]

sides = st.integers(1, 20_000)
photos = st.builds(Size, sides, sides)
FRAMED = (Fit.COVER, Fit.CONTAIN, Fit.FILL)


def of(name: str, fit: Fit) -> SizeChoice:
    target = TARGETS[name]
    return SizeChoice(fit, tuple(size for _, size in target.sizes), target.envelope)


def change(fit: Fit, photo: Size, frame: Size) -> tuple[Fraction, Fraction]:
    """Return the share that is cut, bars or distorted, and the scale; in exact fractions."""
    across, down = (
        Fraction(frame.width, photo.width),
        Fraction(frame.height, photo.height),
    )
    low, high = sorted((across, down))
    return 1 - low / high, low if fit is Fit.CONTAIN else high


@pytest.mark.parametrize("name", [name for name in TARGETS if name not in ENVELOPES])
@given(photo=photos, fit=st.sampled_from(FRAMED))
def test_the_size_that_changes_a_photo_least_is_chosen(name: str, photo: Size, fit: Fit) -> None:
    """Of sizes within one per cent of it, the largest that enlarges least is chosen."""
    choice = of(name, fit)
    changes = {size: change(fit, photo, size) for size in choice.sizes}
    least = min(done for done, _ in changes.values())
    alike = {
        size: factor for size, (done, factor) in changes.items() if done - least < Fraction(1, 100)
    }
    kept = {size: factor for size, factor in alike.items() if factor <= 1}
    best = max(kept.values()) if kept else min(alike.values())
    assert choose_size(choice, photo) == next(size for size in alike if alike[size] == best)


@pytest.mark.parametrize(
    ("name", "fit", "photo", "size"),
    [
        ("azure-sora-1", Fit.COVER, "4000x2250", "1920x1080"),
        ("azure-sora-1", Fit.COVER, "1280x720", "1280x720"),
        ("azure-sora-1", Fit.COVER, "600x600", "480x480"),
        # 854x480 is a little wider than 16:9.
        ("azure-sora-1", Fit.COVER, "4000x2000", "1920x1080"),
        ("azure-sora-1", Fit.FILL, "4000x2000", "1920x1080"),
        ("azure-sora-1", Fit.CONTAIN, "2000x400", "1920x1080"),
        ("azure-sora-1", Fit.COVER, "2000x400", "854x480"),
        ("sora-2", Fit.COVER, "1000x1000", "1280x720"),
    ],
)
def test_of_similar_sizes_the_largest_that_does_not_enlarge_is_chosen(
    name: str, fit: Fit, photo: str, size: str
) -> None:
    assert choose_size(of(name, fit), Size.parse(photo)) == Size.parse(size)


@pytest.mark.parametrize("name", ENVELOPES)
@given(photo=photos, fit=st.sampled_from(FRAMED))
def test_every_photo_has_a_size_within_the_limits_of_every_target(
    name: str, photo: Size, fit: Fit
) -> None:
    envelope = TARGETS[name].envelope
    size = nearest_size(envelope, fit, photo)
    assert not list(violations(envelope, size))
    if not list(violations(envelope, photo)):
        assert size == photo


@pytest.mark.parametrize(
    ("name", "fit", "photo", "size"),
    [
        ("kling", Fit.COVER, "4000x3000", "4000x3000"),
        ("kling", Fit.COVER, "4000x1000", "2500x1000"),
        ("kling", Fit.CONTAIN, "4000x1000", "4000x1600"),
        ("kling", Fit.COVER, "1000x4000", "1000x2500"),
        ("kling", Fit.COVER, "200x100", "600x300"),
        ("hailuo", Fit.COVER, "300x300", "301x301"),
        ("wan-2.5", Fit.COVER, "4000x3000", "2000x1500"),
        ("wan-2.5", Fit.COVER, "200x100", "720x360"),
        ("wan-2.5", Fit.COVER, "20000x100", "2000x360"),
        ("wan-2.5", Fit.CONTAIN, "20000x100", "2000x360"),
        ("ltx", Fit.COVER, "1280x720", "1280x704"),
        ("ltx", Fit.CONTAIN, "1280x720", "1280x736"),
        ("ltx", Fit.COVER, "1064x117", "1152x128"),
        ("ltx", Fit.COVER, "1920x1080", "1920x1088"),
        ("ltx", Fit.COVER, "1x1", "32x32"),
    ],
)
def test_the_nearest_size(name: str, fit: Fit, photo: str, size: str) -> None:
    assert nearest_size(TARGETS[name].envelope, fit, Size.parse(photo)) == Size.parse(size)


@pytest.mark.parametrize(
    ("envelope", "photo", "size"),
    [
        (SizeConstraints(max_pixels=1_000_000), "2000x2000", "1000x1000"),
        (SizeConstraints(max_short_side=500), "2000x1000", "1000x500"),
        (SizeConstraints(min_long_side=1000), "500x250", "1000x500"),
        (SizeConstraints(max_side=100, multiple_of=16), "400x400", "96x96"),
    ],
)
def test_limits_of_other_kinds(envelope: SizeConstraints, photo: str, size: str) -> None:
    assert nearest_size(envelope, Fit.COVER, Size.parse(photo)) == Size.parse(size)


def test_ratios_are_compared_exactly() -> None:
    bounds = SizeConstraints(min_ratio=(1, 3), max_ratio=(10, 3))
    assert not list(violations(bounds, Size(333, 999)))
    assert not list(violations(bounds, Size(1000, 300)))
    assert [rule for rule, _ in violations(bounds, Size(1001, 300))] == ["max_ratio"]
    assert [rule for rule, _ in violations(bounds, Size(332, 999))] == ["min_ratio"]


def test_without_a_size_nearby_the_error_asks_for_one() -> None:
    # A side is 999 or 1000, and a multiple of 7: only 994 and 1001 are near.
    bounds = SizeConstraints(min_side=999, max_side=1000, multiple_of=7)
    with pytest.raises(UsageError, match="NAME/WxH"):
        nearest_size(bounds, Fit.COVER, Size(50, 50))
    spec = Spec(NOT_CHOSEN, find_mode("cover"), choice=SizeChoice(Fit.COVER, envelope=bounds))
    with pytest.raises(PhotoError, match="NAME/WxH"):
        choose_spec_size(spec, Size(50, 50))


def test_the_digest_of_a_spec_has_the_choice_and_that_of_a_photo_the_size() -> None:
    cover, sora = find_mode("cover"), of("sora-2", Fit.COVER)
    spec = Spec(NOT_CHOSEN, cover, choice=sora)
    others = [Spec(NOT_CHOSEN, cover), Spec(NOT_CHOSEN, cover, choice=of("sora-2", Fit.CONTAIN))]
    others += [Spec(NOT_CHOSEN, cover, choice=of(name, Fit.COVER)) for name in ("kling", "ltx")]
    assert len({spec.digest, *(other.digest for other in others)}) == 5
    assert choose_spec_size(spec, Size(600, 900)) == Spec(Size(720, 1280), cover)


def test_photos_are_converted_again_after_a_change_of_the_choice_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cover = find_mode("cover")
    specs = [Spec(NOT_CHOSEN, cover, choice=of("sora-2", Fit.COVER)), Spec(Size(9, 9), cover)]
    before = [spec.digest for spec in specs]
    monkeypatch.setattr("ffprep.core.spec.CHOICE_VERSION", 99)
    assert [spec.digest == old for spec, old in zip(specs, before, strict=True)] == [False, True]
