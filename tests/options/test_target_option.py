"""`--target` on the command line: the size of each photo, the rules of outputs, and `check`."""

import os
from pathlib import Path

import pytest
from PIL import Image

from tests.support.pictures import opened, ramp


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    ramp(900, 600).save(folder / "wide.jpg", quality=90)
    ramp(600, 900).save(folder / "tall.jpg", quality=90)
    turned = Image.Exif()
    turned[0x0112] = 6
    ramp(900, 600).save(folder / "turned.jpg", quality=90, exif=turned)
    ramp(640, 600).save(folder / "squarish.png")
    return folder


def sizes(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.stem: opened(path).size for path in folder.glob("[!.]*")}


def test_each_photo_gets_the_size_that_cuts_least(ffprep, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = ffprep("convert", photos, "-o", out, "--target", "sora-2", "--json")
    assert ran.code == 0
    wide, tall = (1280, 720), (720, 1280)
    assert sizes(out) == {"wide": wide, "tall": tall, "turned": tall, "squarish": wide}
    told = {name: (d["width"], d["height"]) for name, d in ran.results.items()}
    assert told["tall.jpg"] == tall
    checked = ffprep("check", out, "--target", "sora-2")
    assert (checked.code, checked.out) == (0, b"")


def test_an_output_of_a_chosen_size_is_up_to_date_in_the_next_run(
    ffprep, photos: Path, tmp_path: Path
) -> None:
    arguments = ("convert", photos, "-o", tmp_path / "out", "--json", "--target")
    assert ffprep(*arguments, "sora-2").summary["converted"] == 4
    # Not even opened: a photo that is another picture by now, with the same stamp, is still fresh.
    found = (photos / "wide.jpg").stat()
    (photos / "wide.jpg").write_bytes(b"\0" * found.st_size)
    os.utime(photos / "wide.jpg", ns=(found.st_atime_ns, found.st_mtime_ns))
    again = ffprep(*arguments, "sora-2")
    assert (again.summary["converted"], again.summary["fresh"]) == (0, 4)
    other = ffprep(*arguments, "stable-video-diffusion")
    assert (other.summary["converted"], other.kinds()) == (3, {"wide.jpg": "unsupported"})


def test_outputs_of_a_chosen_size_are_adopted(ffprep, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ffprep("convert", photos, "-o", out, "--target", "sora-2", "--ledger", "none")
    Image.new("RGB", (1280, 720)).save(out / "tall.jpg")  # one of its sizes, and not this photo's
    ran = ffprep("convert", photos, "-o", out, "--target", "sora-2", "--adopt", "--json")
    assert (ran.summary["fresh"], ran.summary["converted"]) == (3, 1)
    assert ran.results["tall.jpg"]["status"] == "converted"


def test_within_bounds_a_photo_keeps_its_size(ffprep, photos: Path, tmp_path: Path) -> None:
    ramp(1200, 300).save(photos / "long.jpg")
    out = tmp_path / "out"
    assert ffprep("convert", photos, "-o", out, "--target", "kling").code == 0
    wide, tall = (900, 600), (600, 900)
    long, squarish = (750, 300), (640, 600)
    expected = {"wide": wide, "tall": tall, "turned": tall, "squarish": squarish, "long": long}
    assert sizes(out) == expected
    assert ffprep("check", out, "--target", "kling").code == 0


def test_a_dry_run_shows_the_chosen_size(ffprep, photos: Path, tmp_path: Path) -> None:
    ran = ffprep(
        "convert", photos, "-o", tmp_path / "out", "--target", "sora-2", "--dry-run=commands"
    )
    (tall,) = [line for line in ran.out.decode().splitlines() if line.endswith("tall.jpg")]
    assert ":h=1280:" in tall
    assert ":w=720[" in tall


def test_formats_and_bytes_come_from_the_target(ffprep, photos: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[mine]\nformats = ["bmp", "webp"]\nmax_bytes = 3000\nsizes.a = "320x200"\n')
    out = tmp_path / "out"
    ran = ffprep("convert", photos, "-o", out, "--targets", file, "--target", "mine")
    assert ran.code == 0
    assert {path.suffix for path in out.glob("[!.]*")} == {".webp"}
    assert max(path.stat().st_size for path in out.glob("[!.]*")) <= 3000
    wrong = ffprep(
        "convert",
        photos / "wide.jpg",
        "-o",
        tmp_path / "a.jpg",
        "--targets",
        file,
        "--target",
        "mine",
    )
    assert wrong.code == 2
    assert "mine does not take jpeg; it takes bmp, webp" in wrong.err


def test_a_target_without_alpha_gets_no_translucent_pixels(ffprep, tmp_path: Path) -> None:
    photo = ramp(1280, 720).convert("RGBA")
    photo.putalpha(Image.linear_gradient("L").resize((1280, 720)))
    photo.save(tmp_path / "glass.png")
    opaque = ramp(1280, 720).convert("RGBA")
    opaque.save(tmp_path / "opaque.png")
    checked = ffprep(
        "check", tmp_path / "glass.png", tmp_path / "opaque.png", "--target", "nova-reel"
    )
    assert checked.code == 1
    assert checked.out.decode().splitlines() == [
        f"{tmp_path}/glass.png: some of its pixels are translucent"
    ]
    out = tmp_path / "out.png"
    arguments = ["--target", "nova-reel", "--background", "red"]
    assert ffprep("convert", tmp_path / "glass.png", "-o", out, *arguments).code == 0
    assert opened(out).mode == "RGB"
    assert opened(out).getpixel((600, 0)) == (255, 0, 0)
    assert ffprep("check", out, "--target", "nova-reel").code == 0


def test_check_reports_every_broken_rule_of_real_files(ffprep, tmp_path: Path) -> None:
    ramp(3000, 200).save(tmp_path / "strip.gif")
    ran = ffprep("check", tmp_path, "--target", "wan-2.5", "--json")
    assert ran.code == 1
    assert ran.lines[0]["broken"] == [
        "a side of 200 is under 360",
        "a side of 3000 is over 2000",
        "it is gif, not jpeg or png or webp or bmp",
    ]
    noise = Image.effect_noise((1400, 1400), 90).convert("RGB")
    noise.save(tmp_path / "noise.png", compress_level=0)
    (tmp_path / "heavy.toml").write_text("[heavy]\nmin_side = 1\nmax_bytes = 1_000_000\n")
    ran = ffprep(
        "check", tmp_path / "noise.png", "--targets", tmp_path / "heavy.toml", "--target", "heavy"
    )
    bytes = (tmp_path / "noise.png").stat().st_size
    assert f"it has {bytes} bytes, and at most 1000000 are allowed" in ran.out.decode()


def test_info_marks_the_best_match(ffprep, photos: Path) -> None:
    ran = ffprep("info", photos / "tall.jpg", "--target", "sora-2")
    marked = [line for line in ran.out.decode().splitlines() if "best match" in line]
    assert len(marked) == 4
    assert all("720x1280" in line for line in marked)
    framings = ffprep("info", photos / "wide.jpg", "--target", "sora-2", "--json").lines[0][
        "framings"
    ]
    assert {f["size"] for f in framings if f["best"]} == {"1280x720"}
    kling = ffprep("info", photos / "wide.jpg", "--target", "kling").out.decode()
    assert "cover at 900x600: stays at 1x" in kling


def test_targets_of_the_user_are_listed_and_found(ffprep, home: Path, tmp_path: Path) -> None:
    own = home / ".config/ffprep/targets.toml"
    own.parent.mkdir(parents=True)
    own.write_text('[own]\ntitle = "At home"\nmax_ratio = "16:9"\n')
    file = tmp_path / "mine.toml"
    file.write_text('[mine]\nsizes.a = "8x8"\n["wan-2.5"]\nmin_side = 9\n')
    listed = ffprep("targets", "--targets", file, "--json").lines
    by_name = {target["name"]: target for target in listed}
    assert by_name["own"]["rules"] == {"max_ratio": "16:9"}
    assert by_name["wan-2.5"]["rules"] == {"min_side": 9}
    assert by_name["sora-2"]["checked"]
    assert by_name["sora-2"]["refusals"] == {
        "size": "Inpaint image must match the requested width and height",
        "faces": "Your request was blocked by our moderation system.",
    }
    told = ffprep("targets").out.decode()
    assert "own: At home\n    max ratio 16:9\n" in told
    assert "not all rules were found in what the maker publishes" in told
    own.write_text("[own]\nmax_side = 0\n")
    wrong = ffprep("targets")
    assert wrong.code == 3
    assert f"{own}:2: own.max_side: must be a whole number above 0" in wrong.err


def test_a_changed_target_converts_outputs_again(ffprep, photos: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    arguments = (
        "convert",
        photos,
        "-o",
        tmp_path / "out",
        "--targets",
        file,
        "--target",
        "mine",
        "--json",
    )
    file.write_text('[mine]\nsizes.a = "90x60"\nsizes.b = "60x90"\n')
    assert ffprep(*arguments).summary["converted"] == 4
    file.write_text('[mine]\ntitle = "New"\nsizes.c = "90x60"\nsizes.d = "60x90"\n')
    assert ffprep(*arguments).summary["fresh"] == 4
    file.write_text('[mine]\nsizes.a = "90x60"\nsizes.b = "60x80"\n')
    assert ffprep(*arguments).summary["converted"] == 4
    assert sizes(tmp_path / "out")["tall"] == (60, 80)
