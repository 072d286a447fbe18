import re
import warnings
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import ffprep
from ffprep.config.targets import all_targets, find_target
from ffprep.core.constraints import SizeConstraints, contradictory, violations
from ffprep.core.formats import FORMATS
from ffprep.core.geometry import Size
from ffprep.core.image_info import ImageInfo
from ffprep.core.target import Target, check, numbers_text
from ffprep.errors import EnvironmentFault, UsageError
from tests.support.pictures import ramp

KNOWN = {format.name: format for format in FORMATS}


def picture(size: str, format: str = "jpeg") -> ImageInfo:
    return ImageInfo(KNOWN[format], Size.parse(size))


def test_a_size_of_a_target_is_found_by_its_pixels_and_its_name() -> None:
    for text in ("sora-2/720x1280", "sora-2/720×1280", "sora-2/portrait_720p"):
        assert [size for _, size in find_target(text).sizes] == [Size(720, 1280)]
    assert len(find_target("sora-2-pro").sizes) == 4
    assert find_target("kling/1280x720").only_size == Size(1280, 720)
    assert find_target("SORA-2/Portrait_720p").only_size == Size(720, 1280)
    assert find_target("kling/1080p").only_size == Size(1920, 1080)
    assert find_target("sora-2-pro/landscape_1080p").only_size == Size(1792, 1024)
    with pytest.raises(UsageError, match="'720p' is a size; write --size 1280x720"):
        find_target("720p")


@pytest.mark.parametrize(
    "text",
    ["sora-3", "", "sora-2/8x8", "sora-2/portrait_1080p", "sora-2/big", "kling/299x300", "ltx/9x9"],
)
def test_an_unknown_target_or_size_is_an_error(text: str) -> None:
    with pytest.raises(UsageError):
        find_target(text)


def test_every_target_has_title_status_source_and_date() -> None:
    for target in all_targets():
        assert target.title
        assert target.status
        assert target.source
        assert target.published_by
        assert target.date >= "2026-11-21"
    assert "2026-09-24" in find_target("sora-2").status


# What services publish: for each rule, the last value that is right, and the first that is not.
@pytest.mark.parametrize(
    ("name", "right", "wrong", "words"),
    [
        ("sora-2", "1280x720", "1280x721", "requested width and height (it is 1280x721"),
        ("nova-reel", "1280x720", "720x1280", "it is 720x1280, not 1280x720"),
        ("stable-video-diffusion", "768x768", "769x768", "not 1024x576 or 576x1024 or 768x768"),
        ("runway-gen4", "1584x672", "672x1584", "it is 672x1584"),
        ("runway-gen4.5", "1584x672", "672x1584", "it is 672x1584"),
        ("kling-3.0", "300x300", "300x299", "a side of 299 is under 300"),
        ("kling-4.0", "400x1000", "399x1000", "399x1000 is narrower than 2:5"),
        ("hailuo", "1000x401", "1000x400", "1000x400 is wider than 2.499:1"),
        ("hailuo-03", "256x640", "255x512", "a side of 255 is under 256"),
        ("wan-2.7", "240x1920", "240x1921", "240x1921 is narrower than 1:8"),
        ("wan-2.7", "8000x1000", "8001x1001", "a side of 8001 is over 8000"),
        ("wan-3.0", "8000x1000", "8000x999", "8000x999 is wider than 8:1"),
        ("seedance-2", "5999x2401", "6000x2500", "a side of 6000 is over 5999"),
        ("seedance-2", "401x1000", "400x1000", "400x1000 is narrower than 0.401:1"),
        ("veo-3.1", "720x1280", "1280x721", "it is 1280x721"),
        ("luma-ray-3.2", "720x1280", "719x1280", "719x1280 is narrower than 9:16"),
        ("grok-imagine-1.5", "1000x400", "1001x400", "1001x400 is wider than 5:2"),
        ("ltx-2", "1920x1080", "1920x1088", "it is 1920x1088"),
        ("kling", "300x300", "300x299", "a side of 299 is under 300"),
        ("kling", "400x1000", "399x1000", "399x1000 is narrower than 2:5"),
        ("kling", "1000x400", "1001x400", "1001x400 is wider than 5:2"),
        ("hailuo", "301x301", "300x301", "a side of 300 is under 301"),
        ("wan-2.5", "360x2000", "360x2001", "a side of 2001 is over 2000"),
        ("wan-2.5", "360x360", "359x360", "a side of 359 is under 360"),
        ("cogvideox", "720x480", "480x720", "it is 480x720, not 720x480"),
        ("cogvideox-1.5", "1360x768", "1376x768", "a side of 1376 is over 1360"),
        ("cogvideox-1.5", "768x768", "784x784", "its shorter side, 784, is over 768"),
        ("ltx", "1216x704", "1216x720", "must be divisible by 32 (the sides of 1216x720"),
    ],
)
def test_published_rules(name: str, right: str, wrong: str, words: str) -> None:
    target = find_target(name)
    assert check(picture(right), target) == []
    assert [words in sentence for sentence in check(picture(wrong), target)] == [True]


def test_bytes_formats_and_translucent_pixels() -> None:
    kling, nova = find_target("kling"), find_target("nova-reel")
    assert check(picture("900x900"), kling, bytes=10_000_000) == []
    assert check(picture("900x900"), kling, bytes=10_000_001) == [
        "it has 10000001 bytes, and at most 10000000 are allowed"
    ]
    assert check(picture("900x900", "webp"), kling) == ["it is webp, not jpeg or png"]
    assert check(picture("900x900", "png"), kling, translucent=True) == []
    assert check(picture("1280x720", "png"), nova, translucent=True) == [
        "some of its pixels are translucent"
    ]


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("sora-2", {"seconds": 12}, {"seconds": 5}),
        ("runway-gen4.5", {"seconds": 10}, {"last_frame": True}),
        ("kling", {"seconds": 10, "last_frame": True}, {"seconds": 9}),
        ("kling-3.0", {"seconds": 3}, {"seconds": 16}),
        ("kling-4.0", {"seconds": 30}, {"seconds": 2}),
        ("hailuo", {"seconds": 6}, {"seconds": 7}),
        ("hailuo-03", {"seconds": 15, "last_frame": True}, {"seconds": 3}),
        ("wan-2.5", {"seconds": 5}, {"last_frame": True}),
        ("wan-2.7", {"seconds": 2, "last_frame": True}, {"seconds": 16}),
        ("wan-3.0", {"seconds": 30, "last_frame": True}, {"seconds": 31}),
        ("seedance-2", {"seconds": 4, "last_frame": True}, {"seconds": 4.5}),
        ("veo-3.1", {"seconds": 8, "last_frame": True}, {"seconds": 5}),
        ("luma-ray-3.2", {"seconds": 5, "fps": 24}, {"fps": 25}),
        ("pika-2.5", {"seconds": 10}, {"last_frame": True}),
        ("grok-imagine-1.5", {"seconds": 1, "last_frame": True}, {"seconds": 16}),
        ("ltx-2", {"seconds": 20, "fps": 50}, {"fps": 24}),
    ],
)
def test_published_rules_of_clips(
    name: str, right: dict[str, float], wrong: dict[str, float]
) -> None:
    target = find_target(name)

    def taken(rule: str, value: float) -> bool:
        if rule == "last_frame":
            return "last" in target.frames
        return value in (getattr(target, rule) or (value,))  # without any, all are taken

    assert all(taken(*each) for each in right.items())
    assert not any(taken(*each) for each in wrong.items())


def test_outputs_for_every_target_satisfy_its_rules(tmp_path: Path) -> None:
    """A wide photo and a tall, translucent one, each converted for all targets in one run."""
    ramp(1500, 500).save(tmp_path / "wide.jpg")
    Image.new("RGBA", (500, 1500), (90, 120, 60, 128)).save(tmp_path / "tall.png")
    names = [target.name for target in all_targets()]
    photos = [tmp_path / "wide.jpg", tmp_path / "tall.png"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # small photos are enlarged
        results = ffprep.convert(photos, tmp_path / "out", target=names)
    assert [result.failure for result in results if result.failure] == []
    for name in names:
        pictures = sorted((tmp_path / "out" / name).iterdir())
        assert len(pictures) == 2, name
        for each in pictures:
            with Image.open(each) as opened:
                opened.load()
                kept = picture(f"{opened.width}x{opened.height}", (opened.format or "").lower())
            assert check(kept, find_target(name), each.stat().st_size) == []


def test_numbers_are_listed_as_people_write_them() -> None:
    texts = [numbers_text(numbers) for numbers in ((4, 8, 12), (24,), (3, 4, 5), (2.5, 5))]
    assert texts == ["4, 8 or 12", "24", "3 to 5", "2.5 or 5"]


def test_every_broken_rule_is_reported() -> None:
    target = find_target("sora-2/1280x720")
    assert check(picture("1280x720", "png"), target) == []
    broken = check(ImageInfo(KNOWN["gif"], Size(720, 1280), orientation=6), target)
    assert len(broken) == 3
    assert broken[0].startswith("Inpaint image must match the requested width and height")
    assert check(picture("9x9"), Target.of(Size(9, 9))) == []
    all_wrong = check(picture("3000x100", "gif"), find_target("wan-2.5"), 10**8, translucent=True)
    assert len(all_wrong) == 5


def test_a_file_of_the_user(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        """
        [mine]
        title = "My server"
        formats = ["png", "bmp"]
        min_side = 64
        max_side = 512
        max_short_side = 256
        min_long_side = 128
        min_ratio = "0.5:1"
        max_ratio = "16:9"
        multiple_of = 8
        max_pixels = 100_000
        max_bytes = 1_000
        alpha = false
        checked = true
        date = 2026-11-01
        sizes.small = "128x128"
        seconds = [8, 4.5]
        fps = "24-30"
        frames = ["first", "last"]
        published_by = "others"
        refusals.size = "No."
        [sora-2]
        sizes.mine = "8x8"
        """
    )
    mine = find_target("mine", [file])
    assert mine.envelope == SizeConstraints(64, 512, 256, 128, (1, 2), (16, 9), 8, 100_000)
    assert (mine.formats, mine.alpha, mine.date) == (("png", "bmp"), False, "2026-11-01")
    assert check(picture("128x120", "png"), mine) == ["No. (it is 128x120, not 128x128)"]
    assert (mine.seconds, mine.fps) == ((4.5, 8), tuple(range(24, 31)))
    assert mine.frames == ("first", "last")
    assert "4.5 or 8 seconds, 24 to 30 fps, first and last picture" in " ".join(mine.describe())
    assert find_target("sora-2", [file]).only_size == Size(8, 8)
    assert len(all_targets([file])) == len(all_targets()) + 1


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (
            "[a]\nmin_side = 9\n\nmax_zide = 9",
            4,
            'a.max_zide: unknown key; did you mean "max_side"?',
        ),
        ("[a]\nwidth = 9", 2, "a.width: unknown key; the keys are: alpha,"),
        ("[a]\nSizes.b = '9x9'", 2, 'a.Sizes: unknown key; did you mean "sizes"?'),
        ("x = 1", 1, "x: must be a table"),
        ("[a.5]\nmin_side = 1", 1, 'a name with a dot needs quotes: ["a.5"]'),
        ('["a/b"]\nmin_side = 1', 1, "the name of a target consists of letters"),
        ("[a]\ntitle = 'A'", 1, "a: has no rules; write some of: sizes, min_side,"),
        ("[a]\nmin_side = 0", 2, "whole number above 0"),
        ("[a]\nmin_side = true", 2, "whole number above 0"),
        ("[a]\nmax_bytes = '10MB'", 2, "whole number above 0"),
        ("[a]\nmin_ratio = 0.4", 2, "width to height"),
        ("[a]\nmin_ratio = '0:1'", 2, "a side cannot be 0"),
        (
            "[a]\nmin_side = 9\nmax_side = 8",
            3,
            "leaves no size that FFmpeg can hold: min_side and max_side",
        ),
        ("[a]\nmin_ratio = '2:1'\nmax_ratio = '1:2'", 3, ": min_ratio and max_ratio"),
        ("[a]\nmin_side = 10\nmax_pixels = 99", 3, ": min_side and max_pixels"),
        ("[a]\nmin_side = 9\nmultiple_of = 8\nmax_side = 10", 4, "and max_side and multiple_of"),
        (
            "[a]\nmax_side = 600\nmultiple_of = 64\nmin_ratio = '16:9'\nmax_ratio = '16:9'\n"
            "alpha = false",
            5,
            ": max_side and min_ratio and max_ratio and multiple_of",
        ),
        ("[a]\nmin_long_side = 1000\nmax_pixels = 100", 3, ": min_long_side and max_pixels"),
        (
            "[a]\nmin_long_side = 100\nmax_short_side = 50\nmin_ratio = '2:3'\nmax_ratio = '3:2'",
            5,
            ": max_short_side and min_long_side and min_ratio and max_ratio",
        ),
        ("[a]\nmin_side = 10\nmax_pixels = 120\nmin_ratio = '2:1'", 4, "max_pixels"),
        ("[a]\nmin_side = 100_000", 2, "leaves no size that FFmpeg can hold: min_side"),
        ("[a]\nmultiple_of = 100_000", 2, "leaves no size that FFmpeg can hold: multiple_of"),
        ("[a]\nsizes.b = '99999x99999'", 2, "a.sizes.b: 99999x99999 is more than FFmpeg can hold"),
        ("[a]\nsizes = ['9x9', '9']", 2, "a.sizes: '9' is not a size"),
        ("[a]\nsizes.'' = '9x9'", 2, "the name of a size consists of letters"),
        ("[a]\nsizes.'b/c' = '9x9'", 2, "the name of a size consists of letters"),
        ("[a]\nsizes.1x1 = '16x16'", 2, "reads as another size than 16x16"),
        ("[a]\n[a.sizes]\nb = '9'", 3, "not a size"),
        ("[a]\nsizes = 9", 2, "a.sizes: must be a list of sizes, or a table of names and sizes"),
        ("[a]\nmin_side = 9\nsizes.b = '8x9'", 3, "breaks the target's own rules"),
        ("[a]\nmin_side = 9\nformats = ['png', 'jpg']", 3, "'jpg' is not a format; write jpeg"),
        (
            "[a]\nmin_side = 9\nformats = ['svg']",
            3,
            "'svg' is not a format; the formats are: jpeg,",
        ),
        ("[a]\nmin_side = 9\nformats = []", 3, "a list of some of: jpeg,"),
        ("[a]\nmin_side = 9\nrefusals.width = 'No.'", 3, "a.refusals.width: unknown key"),
        ("[a]\nmin_side = 9\nrefusals = 'No.'", 3, "a.refusals: must be a table"),
        ("[a]\nmin_side = 9\ndate = '2026-11-01'", 3, "without quotes"),
        ("[a]\nmin_side = 9\nalpha = 'no'", 3, "true or false"),
        ("[a]\nmin_side = 9\ntitle = 9", 3, "must be a text"),
        ("[a]\nsizes = []", 2, "a.sizes: must be a list of sizes, or a table of names and sizes"),
        ("[a]\nfps = [24, inf]", 2, "a.fps: must be a list of numbers above 0"),
        ("[a]\nmin_side = 9\nseconds = 8", 3, "a.seconds: must be a list of numbers above 0, or"),
        ("[a]\nmin_side = 9\nseconds = '9-8'", 3, "must be a list of numbers above 0, or a range"),
        ("[a]\nmin_side = 9\nfps = [24, 'x']", 3, "a.fps: must be a number"),
        ("[a]\nmin_side = 9\nframes = ['last']", 3, 'must be ["first"], or ["first", "last"]'),
        ("[a]\nmin_side = 9\npublished_by = 'me'", 3, "must be one of: maker, others"),
        ("[a]\nmin_side = ", 2, "Invalid value"),
        ("[a]\ntitle = '\udcff'", 2, "is not UTF-8 text"),
    ],
)
def test_an_error_in_a_file_names_its_line(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    file = tmp_path / "targets.toml"
    file.write_text(text, errors="surrogateescape")
    with pytest.raises(EnvironmentFault) as told:
        all_targets([file])
    assert str(told.value).startswith(f"targets file {file}:{line}:")
    assert words in str(told.value)


MANY_ERRORS = """[a]
min_zide = 9
max_side = 0
sizes.b = "9"
["x/y"]
min_side = 3
[c]
seconds = "9-8"
refusals.width = "No."
[d]
min_side = 9
max_side = 8
"""


def test_check_prints_every_error_of_a_file_with_its_line(ffprep, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(MANY_ERRORS)
    ran = ffprep("targets", "--check", file)
    places = [line.split(": ")[:2] for line in ran.out.decode().splitlines()]
    keys = ["a.min_zide", "a.max_side", "a.sizes.b", '"x/y"', "c.seconds", "c.refusals.width"]
    lines = [2, 3, 4, 5, 8, 9, 12]
    assert places == [
        [f"{file}:{line}", key] for line, key in zip(lines, [*keys, "d.max_side"], strict=True)
    ]
    assert (ran.code, ran.err) == (1, "")
    told = ffprep("targets", "--check", file, "--json").lines
    assert [line["line"] for line in told] == lines
    file.write_text("[a]\nmin_side = 9\n[b\n")
    ran = ffprep("targets", "--check", file)
    assert (ran.code, ran.out.decode()[: len(str(file)) + 3]) == (1, f"{file}:3:")
    file.write_text('[a]\nseconds = "3-15"\n')
    assert (ffprep("targets", "--check", file).code, ffprep("targets", "--check", file).out) == (
        0,
        b"",
    )
    assert ffprep("targets", "--check", tmp_path / "none.toml").code == 2
    assert ffprep("targets", "kling", "--check", file).code == 2


def test_one_target_is_printed_whole(ffprep) -> None:
    ran = ffprep("targets", "sora-2")
    text = ran.out.decode()
    assert text.startswith("sora-2: ")
    assert "error for size: Inpaint image must match" in text
    assert "published by the maker: OpenAI's" in text
    assert "(looked up on 2026-11-30)" in text
    assert "error for size" not in ffprep("targets").out.decode()
    (told,) = ffprep("targets", "kling-4.0", "--json").lines
    assert (told["published_by"], told["checked"]) == ("others", False)
    assert told["rules"]["seconds"] == list(range(3, 31))
    assert told["rules"]["frames"] == ["first", "last"]
    wrong = ffprep("targets", "klng")
    assert (wrong.code, wrong.out) == (2, b"")
    assert "unknown target 'klng'; did you mean 'kling'?" in wrong.err


def test_a_name_of_a_size_may_be_its_pixels(tmp_path: Path) -> None:
    file = tmp_path / "targets.toml"
    file.write_text("[a]\nsizes.9x16 = '9x16'\nsizes.b = '8x8'")
    assert find_target("a/9x16", [file]).only_size == Size(9, 16)


SMALL = st.integers(1, 12)
RATIOS = st.none() | st.tuples(st.integers(1, 9), st.integers(1, 9))


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(
    st.builds(
        SizeConstraints,
        min_side=SMALL,
        max_side=SMALL,
        max_short_side=st.none() | SMALL,
        min_long_side=st.none() | SMALL,
        min_ratio=RATIOS,
        max_ratio=RATIOS,
        multiple_of=st.integers(1, 5),
        max_pixels=st.none() | st.integers(1, 144),
    )
)
def test_bounds_contradict_one_another_where_no_size_is_within(envelope: SizeConstraints) -> None:
    def is_possible(envelope: SizeConstraints) -> bool:
        sizes = (Size(*sides) for sides in product(range(1, 13), repeat=2))
        return any(not list(violations(envelope, size)) for size in sizes)

    assert bool(contradictory(envelope)) == (not is_possible(envelope))


def test_a_target_without_formats_accepts_all(ffprep, tmp_path: Path) -> None:
    """The formats that LTX accepts are not known: ffprep writes JPEG, and `check` accepts all."""
    Image.new("RGB", (64, 64)).save(tmp_path / "a.gif")
    assert ffprep("check", tmp_path / "a.gif", "--target", "ltx").code == 0
    told = {line["name"]: line["formats"] for line in ffprep("targets", "--json").lines}
    assert (told["ltx"], told["kling"]) == (None, ["jpeg", "png"])
    assert b"formats jpeg, png, webp, gif" not in ffprep("targets").out
    ran = ffprep("convert", tmp_path / "a.gif", "-o", tmp_path / "out", "--target", "ltx")
    assert (ran.code, [file.name for file in (tmp_path / "out").glob("*.jpg")]) == (0, ["a.jpg"])


def test_check_prints_a_line_for_every_broken_rule(ffprep, tmp_path: Path) -> None:
    Image.new("RGB", (100, 3000)).save(tmp_path / "a.gif")
    Image.new("RGB", (400, 400)).save(tmp_path / "b.png")
    Image.new("RGB", (400, 359)).save(tmp_path / "c.png")
    ran = ffprep("check", tmp_path, "--target", "wan-2.5")
    names = [line.rpartition(": ")[0] for line in ran.out.decode().splitlines()]
    assert (ran.code, names) == (1, [f"{tmp_path}/a.gif"] * 3 + [f"{tmp_path}/c.png"])
    lines = ffprep("check", tmp_path, "--target", "wan-2.5", "--json").lines
    assert [len(line["broken"]) for line in lines] == [3, 0, 1]


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_check_reports_that_there_are_no_pictures(ffprep, tmp_path: Path, words) -> None:
    (tmp_path / "notes.txt").write_text("No picture.")
    ran = ffprep("check", tmp_path, "--size", "9x9", *words)
    assert (ran.code, ran.out) == (0, b"")
    assert ran.err == f"ffprep: no pictures in {tmp_path}; nothing was verified\n"


def test_a_missing_targets_file_is_an_error(ffprep, tmp_path: Path) -> None:
    for name, words in (("none.toml", "the file does not exist"), ("", "is a folder; name a file")):
        for option in ("--targets", "--check"):
            ran = ffprep("targets", option, tmp_path / name)
            assert ran.code == 2
            assert words in ran.err


def test_the_docs_list_every_target_and_whether_its_rules_were_found() -> None:
    page = Path(__file__).parents[2].joinpath("docs/guide/targets.md").read_text()
    rows = re.findall(r"^\| `([\w.-]+)` \|.*\| (maker|others)\b[^|]* \|$", page, re.MULTILINE)
    assert dict(rows) == {target.name: target.published_by for target in all_targets()}
    assert all(each.checked == (each.published_by == "maker") for each in all_targets())
