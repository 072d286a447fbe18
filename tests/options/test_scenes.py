"""The mode that is chosen for a photo: by scene, or by how much would be cut."""

from pathlib import Path

import pytest
from PIL import Image

from ffprep.config.modes import auto_modes, find_mode, modes_for_scene, read_mode
from ffprep.errors import EnvironmentFault, UsageError
from tests.support.pictures import opened

pytestmark = pytest.mark.slow

FRAME = ("--size", "100x100", "--format", "png", "--background", "#00ff00")
GREEN = (0, 255, 0)
MINE = 'scenes = ["portrait"]\n[[step]]\nfilter = "scale"\nw = "{width}"\nh = "{height}"\n'


def photos(folder: Path, *widths: int) -> Path:
    """White photos 100 pixels high, named by their width."""
    folder.mkdir()
    for width in widths:
        Image.new("RGB", (width, 100), "white").save(folder / f"{width}.png")
    return folder


def padded(folder: Path) -> dict[str, bool]:
    """Which outputs have bars above the photo."""
    return {path.stem: opened(path).getpixel((50, 0)) == GREEN for path in folder.glob("*.png")}


def bars(*names: str) -> dict[str, bool]:
    """Return the outputs of photos of four widths, those of `names` with bars."""
    return {name: name in names for name in ("100", "142", "143", "300")}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--mode", "auto"], bars("143", "300")),
        (["--mode", "auto", "--max-loss", "0.1"], bars("142", "143", "300")),
        (["--mode", "auto", "--max-loss", "1"], bars()),
        (["--scene", "landscape"], bars("143", "300")),
        (["--scene", "landscape", "--max-loss", "0.9"], bars()),
        (["--scene", "portrait"], bars()),
        (["--scene", "ui"], bars()),
        (["--scene", "product"], bars("142", "143", "300")),
        (["--scene", "art"], bars("142", "143", "300")),
        # The crop counts: 135 of 300 are left, little is cut; 64 of 143 make a tall crop.
        (["--mode", "auto", "--crop-bounds", "0,0,0.45,1"], bars("100", "142", "143")),
    ],
    ids=" ".join,
)
def test_each_photo_of_a_run_gets_its_own_mode(ffprep, tmp_path: Path, words, expected) -> None:
    ffprep(
        "convert",
        photos(tmp_path / "in", 100, 142, 143, 300),
        "-o",
        tmp_path / "out",
        *FRAME,
        *words,
    )
    found = padded(tmp_path / "out")
    if "--crop-bounds" in words:  # narrower than the frame: the bars are beside it
        found = {
            name: opened(tmp_path / f"out/{name}.png").getpixel((0, 50)) == GREEN for name in found
        }
    assert found == expected


def test_a_loss_of_exactly_the_limit_is_allowed(ffprep, tmp_path: Path) -> None:
    Image.new("RGB", (1000, 1000), "white").save(tmp_path / "a.png")
    words = ("--size", "100x70", "--mode", "auto", "--background", "#00ff00")
    ffprep("convert", tmp_path / "a.png", "-o", tmp_path / "o.png", *words)
    assert opened(tmp_path / "o.png").getpixel((0, 0)) != GREEN


def test_a_chosen_mode_is_up_to_date_in_the_next_run(ffprep, tmp_path: Path) -> None:
    folder = photos(tmp_path / "in", 100, 300)
    words = ("convert", folder, "-o", tmp_path / "out", *FRAME, "--json")
    counts = []
    for choice in (
        ["--mode", "auto"],
        ["--mode", "auto"],
        ["--scene", "landscape"],  # which is the same choice
        ["--mode", "auto", "--max-loss", "0.7"],
        ["--mode", "cover"],
    ):
        summary = ffprep(*words, *choice).summary
        counts.append((summary["converted"], summary["fresh"]))
    assert counts == [(2, 0), (0, 2), (0, 2), (2, 0), (2, 0)]


def test_a_dry_run_prints_the_chosen_mode(ffprep, tmp_path: Path) -> None:
    folder = photos(tmp_path / "in", 100, 300)
    ran = ffprep(
        "convert",
        folder,
        "-o",
        tmp_path / "out",
        *FRAME,
        "--scene",
        "landscape",
        "--dry-run=commands",
    )
    lines = [line for line in ran.out.decode().splitlines() if "-filter_complex" in line]
    assert ["pad=" in line for line in lines] == [False, True]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--scene", "portrait", "--mode", "cover"], "--mode and --scene exclude one another"),
        (["--scene", "party"], "'party'; the scenes are: art, landscape, portrait, product, ui"),
        (["--max-loss", "0.2"], "--max-loss is for --mode auto"),
        (["--scene", "art", "--max-loss", "0.2"], "scene art is always pad"),
        (["--mode", "auto", "--max-loss", "nan"], "is not a fraction"),
        (["--mode", "auto", "--max-loss", "30"], "is not a fraction"),
        (["--mode", "auto", "--names", "{stem}-{mode}"], "--names: {mode} is not known"),
    ],
)
def test_contradictory_options_are_errors(ffprep, tmp_path: Path, words, told: str) -> None:
    ran = ffprep("convert", photos(tmp_path / "in", 100), "-o", tmp_path / "out", *FRAME, *words)
    assert ran.code == 2
    assert told in " ".join(ran.err.split())
    assert not (tmp_path / "out").exists()


def test_the_command_line_replaces_the_mode_of_a_file(ffprep, tmp_path: Path) -> None:
    (tmp_path / "ffprep.toml").write_text('[defaults]\nmode = "pad"\n')
    words = ("convert", photos(tmp_path / "in", 300), "-o", tmp_path / "out", *FRAME)
    ran = ffprep(*words, "--config", tmp_path / "ffprep.toml", "--scene", "portrait")
    assert (ran.code, padded(tmp_path / "out")) == (0, {"300": False})


def test_a_mode_of_the_user_may_name_a_scene(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MINE.replace("portrait", "passport"))
    assert [m.name for m in modes_for_scene("passport", [tmp_path])] == ["mine"]
    (tmp_path / "mine.toml").write_text('fit = "cover"\n' + MINE)
    assert [m.name for m in modes_for_scene("portrait", [tmp_path])] == ["mine"]
    assert modes_for_scene("portrait") == (find_mode("cover"),)


def test_no_mode_can_be_called_auto_and_auto_needs_the_fit_of_cover(tmp_path: Path) -> None:
    (tmp_path / "auto.toml").write_text(MINE)
    with pytest.raises(EnvironmentFault, match=r"auto\.toml:1: a mode cannot be called auto"):
        read_mode(tmp_path / "auto.toml")
    (tmp_path / "auto.toml").rename(tmp_path / "cover.toml")
    with pytest.raises(UsageError, match=r'add fit = "cover" to .*cover\.toml'):
        auto_modes([tmp_path])


def test_info_recommends(ffprep, tmp_path: Path) -> None:
    Image.new("RGB", (300, 100)).save(tmp_path / "a.png")

    def told(*words: str) -> list[str]:
        ran = ffprep("info", tmp_path / "a.png", "--size", "100x100", *words)
        assert ran.code == 0, ran.err
        return [line.strip() for line in ran.out.decode().splitlines()]

    assert "recommended at 100x100: pad" in told()
    assert "recommended at 100x100: cover" in told("--max-loss", "0.7")
    assert "recommended at 100x100: cover" in told("--scene", "portrait")
    assert {"recommended at 100x100: cover", "the crop bounds leave 120x100"} <= set(
        told("--crop-bounds", "0,0,0.4,1")
    )
    lost = "66.7 % of the photo is cut"
    assert (
        f"cover at 100x100: stays at 1x, {lost} (left 33.3 %, right 33.3 %): more than half"
        in told()
    )
    assert f"cover at 100x100: stays at 1x, {lost} (left 66.7 %): more than half" in told(
        "--focus", "right"
    )
    (found,) = ffprep("info", tmp_path / "a.png", "--size", "100x100", "--json").lines
    assert found["recommended"] == {"100x100": "pad"}
    (cover,) = (f for f in found["framings"] if f["mode"] == "cover")
    assert cover["cut"] == pytest.approx({"left": 1 / 3, "top": 0, "right": 1 / 3, "bottom": 0})
    assert found["left"] == "300x100"
    ran = ffprep("info", tmp_path / "a.png", "--size", "100x100", "--crop-bounds", "0,0,0.001,1")
    assert ran.code == 1
    assert b"unsupported: is 300x100, and the crop bounds leave" in ran.out


def test_a_depfile_names_both_modes_of_a_choice(ffprep, tmp_path: Path) -> None:
    Image.new("RGB", (300, 100)).save(tmp_path / "a.png")
    words = ("--size", "100x100", "--mode", "auto", "--depfile", "out.d")
    assert ffprep("convert", "a.png", "-o", "o.png", *words, cwd=tmp_path).code == 0
    rules = (tmp_path / "out.d").read_text().splitlines()
    assert {f"o.png: {find_mode(name).path}" for name in ("cover", "pad")} <= {*rules}


def test_bounds_then_the_size_then_the_mode(ffprep, tmp_path: Path) -> None:
    """sora-2 has 1280x720 and 720x1280; half of a wide photo is a tall crop, and counts as such."""
    Image.new("RGB", (200, 100), "white").save(tmp_path / "a.png")
    words = ("--target", "sora-2", "--crop-bounds", "0,0,0.25,1")
    for name, size, cut in (
        ("0.05", (720, 1280), True),
        ("0.2", (720, 1280), False),
    ):
        auto = ("--mode", "auto", "--max-loss", name)
        out = tmp_path / f"{name}.png"
        ran = ffprep("convert", tmp_path / "a.png", "-o", out, *words, *auto, *FRAME[2:])
        assert ran.code == 0, ran.err
        assert (opened(out).size, opened(out).getpixel((2, 2)) == GREEN) == (size, cut)
        (found,) = ffprep("info", tmp_path / "a.png", *words, *auto[2:], "--json").lines
        assert found["recommended"]["720x1280"] == ("pad" if cut else "cover")
        assert {f["size"] for f in found["framings"] if f["best"]} == {"720x1280"}


def test_within_bounds_each_mode_gets_the_size_that_suits_the_crop(ffprep, tmp_path: Path) -> None:
    Image.new("RGB", (4000, 600)).save(tmp_path / "a.png")
    words = ("--target", "kling", "--crop-bounds", "0,0,0.5,1", "--json")
    (found,) = ffprep("info", tmp_path / "a.png", *words).lines
    sizes = {f["mode"]: f["size"] for f in found["framings"]}
    assert (sizes["cover"], sizes["pad"]) == ("1500x600", "2000x800")
    assert found["recommended"] == {"1500x600": "cover"}
    assert not any(f["best"] for f in found["framings"])  # each has but one


def test_a_photo_that_is_padded_by_auto_gets_a_size_for_padding(ffprep, tmp_path: Path) -> None:
    for width in (1300, 2000):
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.new("RGB", (width, 500), "white").save(tmp_path / f"in/{width}.png")
    words = ("convert", tmp_path / "in", "-o", tmp_path / "out", "--target", "kling", "--json")
    for _ in range(2):
        ran = ffprep(*words, "--mode", "auto")
        sizes = {name: (d["width"], d["height"]) for name, d in ran.results.items()}
        assert sizes == {"1300.png": (1250, 500), "2000.png": (2000, 800)}
    assert {d["mode"] for d in ran.results.values()} == {None}  # fresh: nobody looked at them
    ran = ffprep(*words, "--mode", "auto", "--force")
    assert {name: d["mode"] for name, d in ran.results.items()} == {
        "1300.png": "cover",
        "2000.png": "pad",
    }
    told = ffprep("info", tmp_path / "in/2000.png", "--target", "kling").out.decode()
    assert "recommended at 2000x800: pad" in told
