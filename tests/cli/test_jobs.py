"""Named jobs, run as cron runs them, and what `config show` tells of them."""

import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.ffmpegs import slow_ffmpeg
from tests.support.pictures import opened, ramp
from tests.support.shims import shim
from tests.support.waiting import until

FILE = """[defaults]
size = "40x30"
quality = 80

[job.b]
sources = ["photos"]
output = "b"
mode = "pad"

[job.a]
sources = ["photos"]
output = "a/"
format = "png"
size = "20x20"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two photos and a file of two jobs; not the one that the tests run in."""
    folder = tmp_path / "library"
    (folder / "photos/deep").mkdir(parents=True)
    ramp(80, 60).save(folder / "photos/one.jpg")
    ramp(80, 60).save(folder / "photos/deep/two.jpg")
    (folder / "ffprep.toml").write_text(FILE)
    return folder


def made(folder: Path) -> dict[str, tuple[int, int]]:
    """The outputs, each with its size."""
    found = [path for name in "abc" for path in (folder / name).rglob("*.[jpw]*")]
    return {str(path.relative_to(folder)): opened(path).size for path in found}


def edit(folder: Path, before: str, after: str) -> None:
    text = (folder / "ffprep.toml").read_text()
    assert before in text
    (folder / "ffprep.toml").write_text(text.replace(before, after))


def test_a_job_runs_from_anywhere_and_says_nothing(ffprep, folder: Path, tmp_path: Path) -> None:
    ran = ffprep("run", "a", "--config", folder / "ffprep.toml", cwd=tmp_path)
    assert (ran.code, ran.out, ran.err) == (0, b"", "")
    assert made(folder) == {"a/one.png": (20, 20), "a/deep/two.png": (20, 20)}


def test_the_file_is_found_here_and_then_in_the_configuration(
    ffprep, folder: Path, home: Path
) -> None:
    own = home / ".config/ffprep"
    ran = ffprep("run", "a", cwd=home)
    assert (ran.code, ran.err) == (
        3,
        f"ffprep: there is no ffprep.toml here, and no {own}/ffprep.toml; name one with --config, "
        "or write one: ffprep config init\n",
    )
    own.mkdir(parents=True)
    text = FILE.replace('"photos"', f'"{folder}/photos"').replace('"a/"', f'"{folder}/c"')
    (own / "ffprep.toml").write_text(text)
    assert ffprep("run", "a", cwd=home).code == 0
    assert set(made(folder)) == {"c/one.png", "c/deep/two.png"}
    # What cannot be read here does not end the search.
    for name in ("ffprep.toml", "nothing"):
        (home / "ffprep.toml").unlink(missing_ok=True)
        (home / "ffprep.toml").symlink_to(home / "ffprep.toml" if name == "nothing" else own)
        ran = ffprep("run", "a", cwd=home)
        assert (ran.code, ran.out) == (0, b"")
    assert ffprep("run", "a", cwd=folder).code == 0
    assert "a/one.png" in made(folder)


def test_the_command_line_wins(ffprep, folder: Path) -> None:
    options = ["--target", "sora-2/1280x720", "--format", "webp", "--quiet"]
    assert ffprep("run", "a", *options, "-o", "c", cwd=folder).code == 0
    assert made(folder) == {"c/one.webp": (1280, 720), "c/deep/two.webp": (1280, 720)}


def test_a_job_makes_several_pictures_of_each_photo(ffprep, folder: Path) -> None:
    edit(
        folder,
        'size = "20x20"',
        '''[[job.a.picture]]
size = ["20x20", "8x6"]
[[job.a.picture]]
mode = "pad"
format = "jpeg"
names = "{parent}-{stem}"''',
    )
    sizes = {
        **{f"a/20x20/{name}.png": (20, 20) for name in ("one", "deep/two")},
        **{f"a/8x6/{name}.png": (8, 6) for name in ("one", "deep/two")},
        **{f"a/{name}.jpg": (40, 30) for name in ("photos-one", "deep/deep-two")},
    }
    assert ffprep("run", "a", cwd=folder).code == 0
    assert made(folder) == sizes
    (folder / "a/8x6/one.png").unlink()
    shown = folder / "shown.toml"
    shown.write_bytes(ffprep("config", "show", "a", cwd=folder).out)
    again = ffprep("run", "a", "--json", "--config", shown, cwd=folder)
    assert b'"converted": 1, "fresh": 5, "failed": 0' in again.out
    assert made(folder) == sizes
    edit(folder, 'mode = "pad"\nformat = "jpeg"', "jobs = 2")
    ran = ffprep("run", "a", cwd=folder)
    assert (ran.code, "ffprep.toml:" in ran.err, "jobs" in ran.err) == (3, True, True)


def test_the_command_line_turns_off_what_the_file_turns_on(ffprep, folder: Path) -> None:
    edit(folder, "quality = 80", "verbose = true\njson = true")
    ran = ffprep("run", "a", "--no-verbose", "--no-json", cwd=folder)
    assert (ran.code, ran.out, ran.err) == (0, b"", "")
    shown = ffprep("config", "show", "a", "--no-verbose", cwd=folder).out.decode()
    assert "verbose = false # command line\n" in shown
    assert "json = true # ffprep.toml:4\n" in shown


def test_all_run_in_the_files_order_and_each_signs_what_it_tells(ffprep, folder: Path) -> None:
    (folder / "photos/bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    ran = ffprep("run", "--all", "--json", cwd=folder)
    assert ran.code == 1
    assert [line["job"] for line in ran.lines] == ["b"] * 4 + ["a"] * 4
    assert [line["summary"]["failed"] for line in ran.lines if "summary" in line] == [1, 1]
    heads = [line for line in ran.err.splitlines() if not line.startswith("  ")]
    assert {line[:12] for line in heads} == {"ffprep: [a] ", "ffprep: [b] "}
    assert ran.err.count("bad.jpg: damaged") == 2
    named = ffprep("run", "a", "b", "a", "--json", cwd=folder)
    assert [line["job"] for line in named.lines if "summary" in line] == ["a", "b"]


def test_one_job_tells_what_convert_tells(ffprep, folder: Path) -> None:
    (folder / "photos/bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    options = ["--json", "--jobs", "1"]
    one = ffprep("run", "b", *options, cwd=folder)
    words = ["--size", "40x30", "--quality", "80", "--mode", "pad", "-o", folder / "b"]
    other = ffprep("convert", folder / "photos", *words, *options, cwd=folder)
    assert one.code == other.code == 1
    assert sorted(one.results) == ["bad.jpg", "one.jpg", "two.jpg"]
    for ran in (one, other):
        for result in ran.results.values():
            del result["seconds"]
        del ran.summary["seconds"]
    assert [set(line) for line in one.lines] == [set(line) for line in other.lines]
    assert one.results.keys() == other.results.keys()
    assert one.kinds() == other.kinds()


def test_a_job_that_cannot_run_stops_no_other_and_the_gravest_code_is_told(
    ffprep, folder: Path
) -> None:
    (folder / "photos/bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    edit(folder, 'mode = "pad"', 'mode = "pad"\nffmpeg = "/no/ffmpeg"')
    ran = ffprep("run", "--all", cwd=folder)
    assert ran.code == 3
    assert "ffprep: [b] " in ran.err
    assert "/no/ffmpeg" in ran.err
    assert set(made(folder)) == {"a/one.png", "a/deep/two.png"}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('"png"', '"pgn"', ":13: format: 'pgn' is not one of"),
        ('"20x20"', '"20"', ":14: size: '20' is not a size"),
        ("quality = 80", "quality = 101", ":3: quality: '101' is not a whole number"),
        ('format = "png"', 'mode = "zoom"', ":10: job a: unknown mode 'zoom'"),
        ('output = "a/"', "", ':10: "output" is missing'),
        ('format = "png"', "lossless = true", ":10: job a: --lossless: JPEG is never lossless"),
        (
            'format = "png"',
            'fromat = "png"',
            ':13: job.a.fromat: unknown key; did you mean "format"?',
        ),
    ],
)
def test_all_is_checked_before_anything_runs(
    ffprep, folder: Path, before: str, after: str, told: str
) -> None:
    edit(folder, before, after)
    ran = ffprep("run", "--all", cwd=folder)
    assert ran.code == 3
    assert ran.err.startswith(f"ffprep: ffprep.toml{told}")
    assert made(folder) == {}


@pytest.mark.parametrize("option", ["summary-file", "metrics-file", "depfile"])
def test_jobs_of_one_night_overwrite_nothing_that_another_has_told(
    ffprep, folder: Path, option: str
) -> None:
    edit(folder, "quality = 80", f'{option} = "told.prom"')
    ran = ffprep("run", "--all", cwd=folder)
    words = f"job a: --{option} is also that of job b; each needs its own"
    assert (ran.code, ran.err) == (3, f"ffprep: ffprep.toml:3: {words}\n")
    assert made(folder) == {}
    assert ffprep("run", "a", cwd=folder).code == 0
    ran = ffprep("run", "b", "a", f"--{option}", "other.prom", cwd=folder)
    assert (ran.code, ran.err.startswith(f"ffprep: command line: {words}\n")) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ([], 2, "no job is given; name jobs, or use --all; ffprep.toml has: b, a"),
        (["a", "--all"], 2, "both names and --all are given; name jobs, or use --all"),
        (["c"], 3, 'ffprep.toml: unknown job "c"; the jobs are: b, a'),
        (["a", "--quality", "0"], 2, "--quality: '0' is not a whole number"),
        (["a", "--mode", "zoom"], 2, "ffprep.toml:10: job a: unknown mode 'zoom'"),
        (["a", "--config", "none.toml"], 3, "none.toml: no such file"),
        (["a", "-0"], 2, "ffprep.toml:10: job a: a job cannot read stdin"),
        (["a", "--sources-from", "-"], 2, "ffprep.toml:10: job a: a job cannot read stdin"),
    ],
)
def test_what_makes_no_sense_is_told(
    ffprep, folder: Path, arguments: list[str], code: int, told: str
) -> None:
    ran = ffprep("run", *arguments, cwd=folder)
    assert ran.code == code
    assert told in ran.err
    assert made(folder) == {}


def test_convert_takes_the_defaults_of_a_file_and_no_job(ffprep, folder: Path) -> None:
    words = ["convert", "photos", "-o", "c", "--config", "ffprep.toml"]
    assert ffprep(*words, cwd=folder).code == 0
    assert made(folder) == {"c/one.jpg": (40, 30), "c/deep/two.jpg": (40, 30)}
    assert ffprep(*words, "--target", "sora-2/1280x720", cwd=folder).code == 0
    assert set(made(folder).values()) == {(1280, 720)}
    edit(folder, "quality = 80", "quality = 800")
    ran = ffprep(*words, cwd=folder)
    assert ran.code == 3
    assert ran.err.startswith("ffprep: ffprep.toml:3: quality: '800' is not a whole number")
    assert ffprep(*words, "--quality", "80", cwd=folder).code == 0


def test_a_depfile_names_the_file_of_the_job(ffprep, folder: Path) -> None:
    assert ffprep("run", "a", "--depfile", "a.d", cwd=folder).code == 0
    assert ": ffprep.toml\n" in (folder / "a.d").read_text()


def test_a_signal_ends_all_jobs(ffprep, folder: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "ffprep", "run", "--all", "--ffmpeg", slow_ffmpeg(tmp_path)]
    process = subprocess.Popen(argv, cwd=folder, stderr=subprocess.PIPE)
    until(lambda: process.poll() is not None or list((folder / "b").glob(".ffprep-*")))
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 143
    assert b"[b] interrupted; 0 converted" in told
    assert b"[a]" not in told
    assert not (folder / "a").exists()


def test_show_tells_every_option_and_can_be_fed_back(ffprep, folder: Path) -> None:
    edit(folder, "quality = 80", 'quality = 80\nmax-bytes = 30000\nbackground = "#f\\u00660000"')
    overrides = ["--jobs", "3", "--filters", "mine", "--verbose", "--quality", "7"]
    shown = ffprep("config", "show", *overrides, "--all", cwd=folder)
    assert (shown.code, shown.err) == (0, "")
    text = shown.out.decode()
    assert 'size = "40x30" # ffprep.toml:2\n' in text
    assert "quality = 7 # command line\n" in text
    assert "lossless = false # default\n" in text
    assert "# target: not set\n" in text
    jobs = tomllib.loads(text)["job"]
    assert list(jobs) == ["b", "a"]
    assert jobs["a"]["output"] == f"{folder}/a/"
    assert jobs["a"]["modes-dir"] == [f"{folder}/mine"]
    (folder / "again").mkdir()
    (folder / "again/ffprep.toml").write_text(text)
    again = ffprep("config", "show", "--all", "--config", folder / "again/ffprep.toml")
    assert (again.code, again.err) == (0, "")
    assert tomllib.loads(again.out.decode())["job"] == jobs
    told = ffprep("config", "show", "a", "--json", cwd=folder).lines
    assert [line["job"] for line in told] == ["a"]
    assert told[0]["options"]["max-bytes"] == {"value": 30000, "from": "ffprep.toml:4"}
    assert told[0]["options"]["json"] == {"value": False, "from": "default"}
    assert told[0]["options"]["max-time"] == {"value": None, "from": "default"}
    assert set(jobs["a"]) <= set(told[0]["options"])


def test_show_tells_what_is_set_and_where_the_rest_is(ffprep, folder: Path) -> None:
    shown = ffprep("config", "show", "a", "--jobs", "3", cwd=folder)
    text = shown.out.decode()
    assert (
        list(tomllib.loads(text)["job"]["a"]) == "sources output size format quality jobs".split()
    )
    assert text.endswith("# All other options have their defaults: see them with --all\n")
    again = folder / "again.toml"
    again.write_text(text)
    assert ffprep("run", "a", "--config", again).code == 0
    assert set(made(folder)) == {"a/one.png", "a/deep/two.png"}


def test_init_writes_a_file_that_runs_and_never_over_another(ffprep, folder: Path) -> None:
    (folder / "ffprep.toml").unlink()
    os.rename(folder / "photos/deep", folder / "my photos")
    assert ffprep("config", "init", "photos", folder / "my photos", cwd=folder).code == 0
    text = (folder / "ffprep.toml").read_text()
    assert 'sources = ["my photos"]' in text
    assert ffprep("run", "--all", "--size", "20x20", cwd=folder).code == 0
    assert opened(folder / "photos-ready/one.jpg").size == (20, 20)
    assert opened(folder / "my-photos-ready/two.jpg").size == (20, 20)
    ran = ffprep("config", "init", cwd=folder)
    assert (ran.code, "exists and is not overwritten" in ran.err) == (2, True)
    assert (folder / "ffprep.toml").read_text() == text
    ran = ffprep("config", "init", "nothing", "--config", "other.toml", cwd=folder)
    assert (ran.code, (folder / "other.toml").exists()) == (2, False)
    ran = ffprep("config", "init", "", cwd=folder)
    assert (ran.code, "a SOURCE is empty" in ran.err) == (2, True)
    assert "See 'ffprep config init --help'" in ran.err
    # The examples in comments are options as they are written.
    examples = re.sub(r"^# (?=[a-z-]+ = )(?!target)", "", text, flags=re.MULTILINE)
    (folder / "other.toml").write_text(examples)
    shown = ffprep("config", "show", "photos", "--config", folder / "other.toml")
    assert (shown.code, shown.err) == (0, "")
    assert len(tomllib.loads(shown.out.decode())["job"]["photos"]) > 12


def test_show_writes_any_text_as_toml_knows_it(ffprep, folder: Path) -> None:
    odd = '"\\u0001\\u007f\\\\ \' # é\\"'
    edit(folder, 'format = "png"', f'names = {odd}"\nsubsampling = 444')
    os.rename(folder, folder.with_name("a # b\nc"))
    shown = ffprep("config", "show", "a", "--config", folder.with_name("a # b\nc") / "ffprep.toml")
    (job,) = tomllib.loads(shown.out.decode())["job"].values()
    assert job["names"] == "\x01\x7f\\ ' # é\""
    assert job["sources"] == [str(folder.with_name("a # b\nc") / "photos")]
    assert job["subsampling"] == 444


REFUSES = """
#define REFUSE(p) if (!strcmp(p, "ffprep.toml")) { errno = EACCES; return -1; }
int stat(const char *p, struct stat *s) { if (getenv("FOLDER")) REFUSE(p) return NEXT(stat)(p, s); }
int stat64(const char *p, struct stat64 *s) {
    if (getenv("FOLDER")) REFUSE(p) return NEXT(stat64)(p, s); }
int access(const char *p, int m) { REFUSE(p) return NEXT(access)(p, m); }
"""
"""Does not let ffprep.toml be read; with FOLDER, as in a folder that may not be read."""


@pytest.mark.parametrize("secret", ["folder", "file"])
def test_a_file_or_folder_that_may_not_be_read_does_not_end_the_search(
    ffprep, folder: Path, home: Path, secret: str
) -> None:
    own, here = home / ".config/ffprep", home / "here"
    own.mkdir(parents=True)
    here.mkdir()
    (here / "ffprep.toml").write_text("nonsense")
    text = FILE.replace('"photos"', f'"{folder}/photos"').replace('"a/"', f'"{folder}/c"')
    (own / "ffprep.toml").write_text(text)
    environment = shim(REFUSES) | ({"FOLDER": "1"} if secret == "folder" else {})
    ran = ffprep("run", "a", cwd=here, env=environment)
    assert (ran.code, "cannot be read" in ran.err) == (0, secret == "file"), ran.err
    assert set(made(folder)) == {"c/one.png", "c/deep/two.png"}
    (own / "ffprep.toml").unlink()
    ran = ffprep("run", "a", cwd=here, env=environment)
    words = f"in {here}: permission denied" if secret == "folder" else "ffprep.toml cannot be"
    assert (ran.code, words in ran.err) == (3, True), ran.err
