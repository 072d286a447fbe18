"""Single photos that are framed in their own way: sidecars, and tables in `ffprep.toml`."""

import os
from pathlib import Path

import pytest
from PIL import Image

import ffprep as library
from tests.support.pictures import opened

FRAME = ("--size", "40x40", "--format", "png", "--background", "#00ff00")
GREEN, LEFT, RIGHT = (0, 255, 0), (255, 0, 0), (0, 0, 255)


def halves(path: Path, orientation: int = 1) -> Path:
    """A photo, upright 120x40: its left third is red, its right one blue."""
    upright = Image.new("RGB", (120, 40), "white")
    upright.paste(LEFT, (0, 0, 40, 40))
    upright.paste(RIGHT, (80, 0, 120, 40))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = upright.transpose(Image.Transpose.ROTATE_90) if orientation == 6 else upright
    path.parent.mkdir(exist_ok=True, parents=True)
    stored.save(path, exif=exif)
    return path


def say(photo: Path, words: str) -> Path:
    sidecar = photo.with_name(f"{photo.name}.ffprep.toml")
    sidecar.write_text(words)
    return sidecar


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("a", "b", "trip/c"):
        halves(tmp_path / f"in/{name}.png")
    return tmp_path / "in"


def test_a_changed_sidecar_converts_its_photo_again_and_no_other(
    ffprep, photos: Path, tmp_path: Path
) -> None:
    common = ("convert", photos, "-o", tmp_path / "out", *FRAME, "--json", "--prune")
    assert ffprep(*common, "--include", "*.png").summary["converted"] == 3
    b, shown = photos / "b.png", tmp_path / "out/b.png"
    for words, corner in (
        ('focus = "left"', LEFT),
        ('focus = "right"', RIGHT),
        ('mode = "pad"', GREEN),
        ('scene = "art"\ncrop-bounds = "0,0,0.5,1"', GREEN),
        ('crop_bounds = "0,0,0.5,1"\nfocus = "0,0.5"', LEFT),
        (None, (255, 255, 255)),
    ):
        if words:
            sidecar = say(b, words)
        else:
            sidecar.unlink()
        ran = ffprep(*common, "--include", "*.png")  # which no sidecar matches
        done = {name: result["status"] for name, result in ran.results.items()}
        assert done == {"a.png": "fresh", "b.png": "converted", "c.png": "fresh"}
        assert ran.summary["passed_over"] == 0
        assert ran.results["b.png"]["mode"] == ("pad" if corner == GREEN else "cover")
        assert opened(shown).getpixel((1, 1)) == corner
        if words:
            sidecar.write_text(f"# the same again\n{words}\n")
            assert ffprep(*common).summary["fresh"] == 3
            assert sidecar.exists()


def test_overrides_apply_to_the_upright_photo(ffprep, tmp_path: Path) -> None:
    photo = halves(tmp_path / "a.png", orientation=6)
    say(photo, 'crop-bounds = "0.66667,0,1,1"')
    assert ffprep("convert", photo, "-o", tmp_path / "o.png", *FRAME).code == 0
    assert opened(tmp_path / "o.png").getcolors() == [(1600, RIGHT)]


def test_a_bad_sidecar_fails_its_photo_only(ffprep, tmp_path: Path) -> None:
    bad = {
        'mdoe = "pad"': ':1: mdoe: unknown key; did you mean "mode"?',
        '\nmode = "nope"': ":2: unknown mode 'nope'",
        'scene = "nope"': ":1: unknown scene 'nope'",
        '\nfocus = "nope"': ":2: focus: 'nope' is not a focus",
        'crop-bounds = "1,0,0,1"': ":1: crop-bounds: '1,0,0,1' leave nothing",
        "focus = [0.5, 0.5]": ":1: focus: must be a text",
        'mode = "pad"\nscene = "ui"': ":2: scene: mode and scene exclude one another",
        'focus = "top"\ncrop_bounds = "0,0,1,1"\ncrop-bounds = "0,0,1,1"': ":3: ",
        "mode": ":1: Expected '='",
        "a = " + "[" * 2000: ": a number has too many digits",
        "#" * 2049: ": a sidecar has at most 2048 bytes",
        "a" + ".a" * 1000 + " = 1": ":1: a: unknown key",
    }
    for number, words in enumerate(bad):
        say(halves(tmp_path / f"in/{number}.png"), words)
    for name in ("fifo", "gone", "outside", "good"):
        halves(tmp_path / f"in/{name}.png")
    os.mkfifo(tmp_path / "in/fifo.png.ffprep.toml")
    (tmp_path / "in/gone.png.ffprep.toml").symlink_to("nothing")
    # What leads out of the source is not read, as any such link.
    (tmp_path / "secret").write_text("password = 1")
    (tmp_path / "in/outside.png.ffprep.toml").symlink_to(tmp_path / "secret")
    ran = ffprep("convert", tmp_path / "in", "-o", tmp_path / "out", *FRAME, "--json")
    assert ran.code == 1
    assert (ran.summary["converted"], ran.summary["passed_over"]) == (2, 1)
    results = ran.results
    for number, told in enumerate(bad.values()):
        error = results[f"{number}.png"]["error"]
        assert error["kind"] == "unsupported"
        assert f"{number}.png.ffprep.toml{told}" in error["message"]
    assert "fifo.png.ffprep.toml: is not a regular file" in results["fifo.png"]["error"]["message"]
    assert results["gone.png"]["error"]["kind"] == "missing"


def test_a_photo_with_a_bad_sidecar_is_still_a_source(ffprep, tmp_path: Path) -> None:
    halves(tmp_path / "in/a.png")
    say(halves(tmp_path / "in/a.webp"), "nonsense")
    before = (tmp_path / "in/a.webp").read_bytes()
    common = ("-o", tmp_path / "in", "--size", "40x40", "--format", "webp", "--json")
    ran = ffprep("convert", tmp_path / "in/a.png", tmp_path / "in/a.webp", *common)
    assert set(ran.kinds().values()) <= {"collision", "unsupported"}
    assert len(ran.kinds()) == 2
    assert (tmp_path / "in/a.webp").read_bytes() == before


def test_tables_of_a_file_apply_and_sidecars_win_over_them(
    ffprep, photos: Path, tmp_path: Path
) -> None:
    file = tmp_path / "ffprep.toml"
    file.write_text(
        '[job.night]\nsources = ["in"]\noutput = "out"\nsize = "40x40"\nformat = "png"\n'
        'background = "#00ff00"\n'
        f'[[photo]]\npath = "in/trip/c.png"\nmode = "pad"\n'
        f'[[photo]]\npath = "{photos}/a.png"\nfocus = "left"\nscene = "art"\n'
    )
    say(photos / "a.png", 'mode = "cover"')
    ran = ffprep("run", "night", "--json", "--config", file, "--mode", "stretch")
    modes = {name: result["mode"] for name, result in ran.results.items()}
    assert modes == {"a.png": "cover", "b.png": "stretch", "c.png": "pad"}
    assert opened(tmp_path / "out/a.png").getpixel((1, 1)) == LEFT
    assert opened(tmp_path / "out/trip/c.png").getpixel((1, 1)) == GREEN
    one = ffprep(
        "convert", photos / "trip/c.png", "-o", tmp_path / "o.png", *FRAME, "--config", file
    )
    assert (one.code, opened(tmp_path / "o.png").getpixel((1, 1))) == (0, GREEN)


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        (
            '[[photo]]\nmode = "pad"',
            ':4: photo.path: a [[photo]] needs the path of a photo: path = "trip/a.jpg"',
        ),
        ('[photo]\npath = "a"', ":4: photo: write each table under a header [[photo]]"),
        ('[[photo]]\npath = "a"\nmode = "nope"', ":6: unknown mode 'nope'"),
        (
            '[[photo]]\npath = "a"\nfocsu = "top"',
            ':6: photo.focsu: unknown key; did you mean "focus"?',
        ),
        (
            '[[photo]]\npath = "a"\n[[photo]]\npath = "./a"\n',
            ':7: photo.path: there is another [[photo]] for "./a"',
        ),
    ],
)
def test_a_bad_table_is_an_error_before_anything_runs(
    ffprep, photos: Path, tmp_path: Path, tables: str, told: str
) -> None:
    file = tmp_path / "ffprep.toml"
    file.write_text(f'[defaults]\nsize = "4x4"\n[job]\n{tables}\n')
    ran = ffprep("convert", photos, "-o", tmp_path / "out", "--config", file)
    assert (ran.code, ran.err) == (3, f"ffprep: {file}{told}{ran.err.partition(told)[2]}")
    assert not (tmp_path / "out").exists()


def test_sidecars_may_be_named_and_are_prerequisites_for_make(
    ffprep, photos: Path, tmp_path: Path
) -> None:
    sidecar = say(photos / "a.png", 'mode = "pad"')
    named = sorted(photos.glob("*.*"))
    assert sidecar in named
    ran = ffprep(
        *("convert", *named, "-o", tmp_path / "out", *FRAME, "--json", "--depfile", tmp_path / "d")
    )
    assert (ran.code, ran.summary["converted"], ran.results["a.png"]["mode"]) == (0, 2, "pad")
    rule = (tmp_path / "d").read_text()
    assert f"{tmp_path}/out: {sidecar}\n" in rule
    assert all(f"{mode}.toml\n" in rule for mode in ("cover", "pad"))


def test_a_photo_with_its_own_mode_fails_if_names_contain_the_mode(
    ffprep, photos: Path, tmp_path: Path
) -> None:
    say(photos / "a.png", 'mode = "pad"')
    say(photos / "b.png", 'focus = "top"')
    common = ("convert", photos, "-o", tmp_path / "out", *FRAME, "--json")
    assert ffprep(*common, "--names", "{stem}-{mode}").kinds() == {"a.png": "unsupported"}


def test_info_compare_and_prepare_read_sidecars(ffprep, photos: Path, tmp_path: Path) -> None:
    photo = photos / "a.png"
    say(photo, 'mode = "stretch"\ncrop-bounds = "0,0,0.33333,1"')
    (told,) = ffprep("info", photo, "--size", "40x40", "--json").lines
    assert (told["left"], told["recommended"]) == ("40x40", {"40x40": "stretch"})
    assert told["sidecar"] == f"{photo}.ffprep.toml"
    assert "framing from a.png.ffprep.toml" in ffprep("info", photo, "--size", "9x9").out.decode()
    sheet = tmp_path / "sheet.png"
    assert ffprep("compare", photo, "-o", sheet, "--size", "40x40").code == 0
    colours = {c: n for n, c in opened(sheet).convert("RGB").getcolors(1 << 20)}
    assert colours[LEFT] > 4 * colours[RIGHT] > 0  # blue is in the photo's own picture alone
    picture = library.prepare(photo, "40x40", format="png")
    picture.save(tmp_path / "p.png")
    assert opened(tmp_path / "p.png").getcolors() == [(1600, LEFT)]
    plain = library.prepare(photo.read_bytes(), "40x40", format="png")
    assert plain.data != picture.data
    say(photo, "nonsense")
    with pytest.raises(library.PhotoError, match=r"a\.png\.ffprep\.toml:1: Expected"):
        library.prepare(photo, "40x40")
    assert ffprep("info", photo, "--size", "9x9").code == 1
    assert ffprep("compare", photo, "-o", sheet, "--size", "9x9").code == 1
