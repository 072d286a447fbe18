import re
import subprocess
from pathlib import Path

import pytest

from ffprep.config.modes import (
    all_modes,
    choose_modes,
    describe_refusal,
    filters_dir,
    find_mode,
    modes_for_scene,
    read_mode,
)
from ffprep.conversion.ffmpeg_binary import find
from ffprep.errors import EnvironmentFault, UsageError

GOOD = 'summary = "Halve."\n\n[[step]]\nfilter = "scale"\nw = "{width}"\nh = "{height}"\n'


def write(folder: Path, text: str, name: str = "mine.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_list_of_modes_is_the_folder(tmp_path: Path) -> None:
    shipped = {path.stem for path in filters_dir().glob("*.toml")}
    assert shipped == {"blur", "cover", "fit", "pad", "stretch"} == {m.name for m in all_modes()}
    write(tmp_path, GOOD)
    assert {m.name for m in all_modes([tmp_path])} == shipped | {"mine"}
    assert find_mode("mine", [tmp_path]).summary == "Halve."


def test_every_shipped_mode_says_what_it_is_for() -> None:
    for mode in all_modes():
        assert mode.summary
        assert mode.keeps
        assert mode.loses
    assert set(find_mode("cover").suits) == {"portrait", "landscape", "ui"}
    assert {"product", "art"} <= set(find_mode("pad").suits)


def test_a_later_folder_wins(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "cover.toml")
    assert find_mode("cover", [tmp_path]).summary == "Halve."


def test_an_error_about_an_unknown_mode_lists_the_modes() -> None:
    known = "auto, blur, cover, fit, pad, stretch"
    with pytest.raises(UsageError, match=f"'zoom'; the modes are: {known}"):
        find_mode("zoom")


def test_modes_have_other_names_in_any_case(tmp_path: Path) -> None:
    other = {"Cover": "cover", "crop": "cover", "FILL": "cover", "contain": "pad"}
    assert {name: find_mode(name).name for name in other} == other
    assert choose_modes("Auto", None, None, ()) == choose_modes("auto", None, None, ())
    assert modes_for_scene("Portrait") == modes_for_scene("portrait")
    write(tmp_path, GOOD, "crop.toml")
    assert find_mode("crop", [tmp_path]).summary == "Halve."


STEP = '[[step]]\nfilter = "scale"\n'
BAD = {
    "summary = \n": ":1: Invalid value",
    'sumary = "x"\n' + STEP: ":1: sumary: unknown key",
    'summary = "x"\nsuits = "ui"\n' + STEP: ":2: suits: must be a list of texts",
    "summary = 3\n" + STEP: ":1: summary: must be a text, in quotes",
    'summary = "x"\n': "step: a mode needs",
    '[step]\nfilter = "scale"\n': ":1: step: write each table under a header",
    '[[step]]\nw = "1"\n': ":1: step.filter: every step names",
    STEP + 'w = "{widht}"\n': r":3: step.w: unknown placeholder \{widht\}",
    STEP + 'w = "{"\n': ":3: step.w: ",
    STEP + "w = [1]\n": ":3: step.w: must be a text or a number",
    STEP + STEP + '\nfrom = "nowhere"\n': ":6: step.from: no step before this one makes 'nowhere'",
    STEP + 'w = "{width:04d}"\n': r":3: step.w: unknown placeholder",
    STEP + 'w = "\\u0000"\n': ":3: step.w: must be a text or a number",
    STEP + "w = nan\n": ":3: step.w: must be a text or a number",
    STEP + '"/w" = "/etc/hostname"\n': ':3: step."/w": is not a name of an option',
    STEP + "from = []\n": ":3: step.from: must be a name",
    'step = [{filter = "scale"}, 3]\n': ":1: step: write each table under a header",
    '[[step]]\nfilter = "curves"\nplot = "/tmp/x"\n': ":3: step.plot: this option opens",
    STEP + "to = 3\n": ":3: step.to: must be a text",
    '[[step]]\nfilter = "movie"\nfilename = "x"\n': ":2: step.filter: movie reads or writes",
    '[[step]]\nfilter = "zmq"\n': ":2: step.filter: zmq reads or writes",
    '[[step]]\nfilter = "nnedi"\n': ":2: step.filter: nnedi reads or writes",
    '[[step]]\nfilter = "xfade_opencl"\nsource = "x"\n': ":2: step.filter: xfade_opencl reads",
    '[[step]]\nfilter = "hwupload_cuda"\n': ":2: step.filter: hwupload_cuda reads or writes",
    STEP + '"/flags" = "/etc/passwd"\n': ':3: step."/flags": is not a name of an option',
    STEP + '"-w" = "1"\n': ":3: step.-w: is not a name of an option",
    '[[step]]\nfilter = "drawtext"\ntextfile = "/x"\n': ":3: step.textfile: this option opens",
}


HARMLESS = {"ssim360=heatmap_str"}  # the data itself, whose notation its help calls a file format


@pytest.mark.parametrize("text", BAD)
def test_an_error_names_file_line_and_key(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(EnvironmentFault, match=BAD[text]) as caught:
        read_mode(path)
    assert str(path) in str(caught.value)


def test_no_option_of_any_filter_of_this_ffmpeg_opens_a_file(tmp_path: Path) -> None:
    """By what FFmpeg itself says of its filters, so that a newer one with more of them is told."""
    ask = [find().path, "-hide_banner"]
    listed = subprocess.run([*ask, "-filters"], capture_output=True, text=True).stdout
    filters = set(re.findall(r"^ [T.S]{2,3} (\w+) +\S+->", listed, re.MULTILINE))
    told = subprocess.run([*ask, "-h", "full"], capture_output=True, text=True).stdout
    assert len(filters) > 300
    words = "file path url socket address plug-?in librar device codec load script shader command"
    words = "|".join([*words.split(), "model"])
    seen, passed = 0, set()
    for name, options in re.findall(r"^(\w+) AVOptions:\n((?: .*\n)+)", told, re.MULTILINE):
        seen += name in filters
        for option in re.findall(
            r"^ {2,3}-?(\w+) +<(?:string|binary)>(.*)$", options, re.MULTILINE
        ):
            if name not in filters or not re.search(words, " ".join(option), re.IGNORECASE):
                continue
            try:
                read_mode(write(tmp_path, f'[[step]]\nfilter = "{name}"\n{option[0]} = "x"\n'))
                passed.add(f"{name}={option[0]}")
            except EnvironmentFault:
                pass
    assert seen > 100
    assert passed == HARMLESS


def test_an_unreadable_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(EnvironmentFault, match=r"mine\.toml"):
        read_mode(path)


def test_what_ffmpeg_refuses_is_reported_with_its_line(tmp_path: Path) -> None:
    mode = read_mode(write(tmp_path, GOOD + '\n[[step]]\nfilter = "crop"\nwx = 3\n'))
    told = describe_refusal(
        mode, "[fc#0 @ 0x1] [error] Error applying option 'wx' to filter 'crop': Option not found"
    )
    assert "mine.toml:10: crop: wx: FFmpeg refuses it" in told
    told = describe_refusal(mode, "[AVFilterGraph @ 0x1] [error] No such filter: 'crop'")
    assert "mine.toml:9: crop: FFmpeg refuses it" in told
