"""`ffprep.Preprocessor`: one size, kept for many photos."""

import enum
import io
import pickle
from pathlib import Path

import pytest
from PIL import Image

import ffprep as library
from tests.support.pictures import opened, ramp


class Named(str, enum.Enum):  # noqa: UP042  # whose `str()` is another text than its value
    """As Django and pydantic have choices."""

    SMALL = "16x9"


def test_a_preprocessor_keeps_size_and_options(photo: Path, empty_tmp: Path) -> None:
    held = library.Preprocessor("landscape_720p", background="white", quality=80)
    assert held.size == library.Size(1280, 720)
    corners = {}
    for mode in ("cover", "pad", "blur", "stretch"):
        picture = getattr(held, mode)(photo)
        assert picture.data == held.to_bytes(photo.read_bytes(), mode=mode)
        corners[mode] = opened(picture.save(photo.parent / f"{mode}.jpg")).getpixel((2, 90))
    assert min(corners["pad"]) > 250
    assert len(set(corners.values())) == 4
    assert pickle.loads(pickle.dumps(held)).cover(photo) == held.cover(photo)
    black = held.pad(photo, background="black", format="png")
    assert Image.open(io.BytesIO(black.data)).getpixel((2, 360)) == (0, 0, 0)


@pytest.mark.parametrize(
    "name", ["1280x720", (1280, 720), "sora-2/landscape_720p", "sora-2/1280×720"]
)
def test_ways_to_name_a_size(name: str) -> None:
    assert library.Preprocessor(name).size == library.Size(1280, 720)


@pytest.mark.parametrize("name", ["sora-2", "sora-2/9x9", "landscape_8k", ""])
def test_an_unknown_size_lists_the_known_ones(name: str) -> None:
    with pytest.raises(ValueError, match="1280x720") as raised:
        library.Preprocessor(name)
    assert "720x1280" in str(raised.value)


def test_the_other_rules_of_a_target_apply(photo: Path, empty_tmp: Path, tmp_path: Path) -> None:
    held = library.Preprocessor("nova-reel")
    assert (str(held.size), repr(held)) == ("1280x720", "Preprocessor('nova-reel/1280x720')")
    Image.new("RGBA", (1280, 720), (255, 0, 0, 90)).save(tmp_path / "thin.webp", lossless=True)
    saved = held.process_and_save(tmp_path / "thin.webp", output_path=tmp_path / "out.png")
    by_itself = held.process_and_save(tmp_path / "thin.webp")
    assert by_itself == tmp_path / "thin_1280x720.jpg"  # WebP is not taken
    assert [f.broken for f in library.check([saved, by_itself], target="nova-reel")] == [(), ()]
    with pytest.raises(library.UsageError, match="does not take webp"):
        held.to_bytes(photo, format="webp")


def test_a_target_with_size_limits_gives_each_photo_its_size(photo: Path, empty_tmp: Path) -> None:
    held = library.Preprocessor("kling")
    assert (held.size, repr(held)) == (None, "Preprocessor('kling')")
    assert str(held.cover(photo).size) == "400x300"
    assert held.process_and_save(photo).name == "photo_400x300.jpg"
    with pytest.raises(ValueError, match="kling does not take 9x9"):
        library.Preprocessor("kling/9x9")


def test_an_ambiguous_size_name_lists_the_sizes(home: Path) -> None:
    words = (
        "'landscape' is the name of several sizes.*/landscape .1024x576., .*/landscape .1280x720."
    )
    with pytest.raises(ValueError, match=words):
        library.Preprocessor("landscape")


def test_options_are_checked_at_once_and_unneeded_files_are_not_read(home: Path) -> None:
    for options in ({"quality": 2000}, {"format": "gif"}, {"crop_bounds": [1, 0, 0, 1]}):
        with pytest.raises(ValueError, match=next(iter(options))):
            library.Preprocessor("16x16", **options)  # type: ignore[arg-type]
    for target in (None, 3, [16], b"16x16"):
        with pytest.raises(library.UsageError, match="size"):
            library.Preprocessor(target)  # type: ignore[arg-type]
    own = home / ".config/ffprep/targets.toml"
    own.parent.mkdir(parents=True)
    own.write_text("no TOML")
    held = ["16x16", [16, 16], Named.SMALL, "landscape_720p"]
    assert [str(library.Preprocessor(target).size) for target in held] == [
        *("16x16", "16x16", "16x9", "1280x720")
    ]
    with pytest.raises(library.EnvironmentFault, match=r"targets.toml:1"):
        library.Preprocessor("mine")


def test_outputs_are_named_by_stem_and_size(photo: Path, empty_tmp: Path) -> None:
    held = library.Preprocessor("64x36")
    assert held.process_and_save(photo) == photo.parent / "photo_64x36.jpg"
    for suffix, made in ((".JPG", ".JPG"), (".png", ".png"), (".bmp", ".png"), (".webp", ".webp")):
        source = photo.parent / f"other{suffix}"
        ramp(40, 30).save(source)
        output = held.process_and_save(str(source), "pad")
        assert output == photo.parent / f"other_64x36{made}"
        assert opened(output).size == (64, 36)
    assert held.process_and_save(photo, output_path=photo.parent / "a.webp").name == "a.webp"
    assert (photo.parent / "a.webp").read_bytes()[8:12] == b"WEBP"
    (photo.parent / "folder").mkdir()
    saved = held.process_and_save(photo, "cover", photo.parent / "folder")
    assert saved == photo.parent / "folder/photo_64x36.jpg"
    saved = held.process_and_save(photo, output_path=f"{photo.parent}/fresh/")
    assert saved == photo.parent / "fresh/photo_64x36.jpg"
    assert held.cover(photo).save(f"{photo.parent}/new/").name == "photo.jpg"
    with pytest.raises(library.UsageError, match="never overwritten"):
        held.process_and_save(photo, output_path=photo)
    with pytest.raises(library.UsageError, match=r"must end in one of \.jpg"):
        held.process_and_save(photo, output_path=photo.parent / "a.gif")


def test_user_targets_apply_to_check_and_preprocessor(home: Path, folder: Path) -> None:
    rules = (
        '[{0}]\ntitle = "t"\nsource = "s"\ndate = 2026-11-21\nstatus = "on"\n'
        'sizes = {{ small = "{1}" }}\n'
    )
    given = folder.parent / "given.toml"
    given.write_text(rules.format("given", "40x30"))
    own = home / ".config/ffprep/targets.toml"
    own.parent.mkdir(parents=True)
    own.write_text(rules.format("own", "30x40"))
    assert str(library.Preprocessor("own").size) == "30x40"
    held = library.Preprocessor("given", targets=given)
    assert str(held.size) == "40x30"
    output = folder.parent / "checked.jpg"
    photo = next(path for path in sorted(folder.rglob("*")) if path.suffix in (".jpg", ".png"))
    held.cover(photo).save(output)
    (right,) = library.check(output, target="given", targets=[given])
    (wrong,) = library.check(output, target="own", targets=[given])
    assert (right.broken, len(wrong.broken)) == ((), 1)
