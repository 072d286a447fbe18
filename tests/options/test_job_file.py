"""What ffprep.toml may contain, and the errors of a bad one."""

from pathlib import Path

import pytest

from ffprep.cli.commands.convert import convert
from ffprep.errors import EnvironmentFault
from ffprep.options.command import keys_of
from ffprep.options.job_file import Config, read


def written(folder: Path, text: str) -> Config:
    path = folder / "ffprep.toml"
    path.write_text(text)
    return read(path, convert)


JOB = "[job.a]\n"
BAD = {
    JOB + 'qualty = "3"\n': ':2: job.a.qualty: unknown key; did you mean "quality"?',
    JOB + "max_bytes = 3\n": ':2: job.a.max_bytes: unknown key; did you mean "max-bytes"?',
    JOB + '"x\\ny" = 3\n': ':2: job.a."x\\ny": unknown key',
    JOB + '"\\u0000" = 3\n': ':1: job.a."\\x00": unknown key',
    JOB + "dry-run = true\n": ":2: job.a.dry-run: unknown key",
    JOB + 'config = "x"\n': ":2: job.a.config: unknown key",
    "\n[jobs.a]\n": ':2: jobs: unknown key; did you mean "job"?',
    "quality = 3\n": ":1: quality: this key belongs in [defaults], or in a [job.NAME]",
    "[job]\n\na = 3\n": ":3: job.a: must be a table",
    "job = 3\n": ":1: job: must be a table",
    "[[defaults]]\n": ":1: defaults: must be a table",
    '[job."a b"]\n': ':1: job."a b": the name of a job consists of letters, digits, - _ and .',
    '[job."-a"]\n': ":1: job.-a: the name of a job consists of letters, digits, - _ and .",
    JOB + 'quality = "92"\n': ":2: job.a.quality: must be a number",
    JOB + "quality = true\n": ":2: job.a.quality: must be a number",
    JOB + "lossless = 1\n": ":2: job.a.lossless: must be true or false",
    JOB + "mode = 3\n": ":2: job.a.mode: must be a text, in quotes",
    JOB + "size = [1, true]\n": ":2: job.a.size: item 2 must be a text or a number",
    JOB + "[[job.a.picture]]\njobs = 2\n": ":3: job.a.picture.jobs: unknown key",
    JOB + 'sources = "photos"\n': ":2: job.a.sources: must be a list, in [ ]",
    JOB + 'sources = [\n"photos",\n3]\n': ":2: job.a.sources: item 2 must be a text",
    JOB + 'sources = ["-"]\n': ":2: job.a.sources: item 1 must name a file or a folder; a job has",
    JOB + 'output = ""\n': ":2: job.a.output: must name a file or a folder",
    JOB + 'output = "a\\u0000b"\n': ":2: job.a.output: contains a NUL character",
    JOB + 'colour = "keep"\ncolor = "srgb"\n': ":3: job.a.color: this option is set already",
    JOB + "quality = \n": ":2: Invalid value",
}


@pytest.mark.parametrize("text", BAD)
def test_an_error_names_file_line_and_key(tmp_path: Path, text: str) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        written(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/ffprep.toml:")
    assert BAD[text] in str(caught.value)


def test_paths_start_at_the_file_and_nothing_else_does(tmp_path: Path, home: Path) -> None:
    text = 'sources = ["p", "/p", "~/p"]\noutput = "../out/"\nlog-file = "log"\nledger = "none"\n'
    job = written(tmp_path, JOB + text + 'filters = ["f"]\nnames = "p"\nmode = "p"\n').job("a")
    assert job.values == {
        "sources": [f"{tmp_path}/p", "/p", f"{home}/p"],
        "output": f"{tmp_path}/../out/",  # the slash says that it is a folder
        "log_file": f"{tmp_path}/log",
        "ledger": "none",
        "modes_dir": [f"{tmp_path}/f"],
        "names": "p",
        "mode": "p",
    }


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ('"stamp"', "{}/stamp"),
        ('"7d"', "7d"),
        ("2026-11-01", "2026-11-01"),
        ('"2026-11-01"', "2026-11-01"),
    ],
)
def test_since_may_name_a_file_and_that_is_a_path(tmp_path: Path, said: str, value: str) -> None:
    job = written(tmp_path, JOB + f"since = {said}\n").job("a")
    assert job.values == {"since": value.format(tmp_path)}


def test_a_file_from_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ffprep.toml"
    path.write_bytes(b"\xef\xbb\xbf[job.a]\r\nquality = 7\r\n")
    setting = read(path, convert).job("a").options["quality"]
    assert (setting.value, setting.origin) == (7, f"{path}:2")


def test_every_option_of_convert_is_a_key_by_its_long_names() -> None:
    keys = keys_of(convert)
    for param in convert.params:
        names = [name[2:] for name in param.opts if name.startswith("--")] or [param.name]
        for name in names:
            assert (name in keys) == (name not in ("config", "dry-run")), name


def test_a_job_wins_over_the_defaults_and_a_size_over_a_target(tmp_path: Path) -> None:
    config = written(
        tmp_path,
        '[defaults]\nquality = 1\nsize = "1x1"\nfilters = ["x"]\njobs = 3\n\n'
        '[job.a]\nquality = 2\ntarget = "sora-2/1280x720"\nfilters = ["y", "z"]\n',
    )
    said = config.job("a").options
    assert {name: s.origin.rpartition(":")[2] for name, s in said.items()} == {
        "jobs": "5",
        "quality": "8",
        "target": "9",
        "modes_dir": "10",
    }
    assert said["modes_dir"].value == [f"{tmp_path}/y", f"{tmp_path}/z"]


def test_an_error_about_an_unknown_job_lists_the_jobs(tmp_path: Path) -> None:
    config = written(tmp_path, "[job.nightly]\n[job.weekly]\n")
    with pytest.raises(
        EnvironmentFault, match=r'"nightl"; did you mean "nightly"\?; the jobs are: nightly, weekly'
    ):
        config.job("nightl")
